//! What a client says about the files that it sends: in the query, or in fields of the form.

use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::query::Query;
use crate::http::request::time::read_time;
use crate::import::{Options, Zone};

/// Longest name of a source.
const NAME_BYTES_MAX: usize = 256;
const NAMES: [&str; 5] = ["source", "tz", "time", "track", "dry_run"];

#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) options: Options,
}

impl Given {
    /// Takes the parameters of a query. Others are refused.
    pub(super) fn take(&mut self, mut query: Query) -> Result<(), ApiError> {
        for name in NAMES {
            if let Some(value) = query.take(name)? {
                self.set(name, &value)?;
            }
        }
        Ok(query.finish()?)
    }

    /// Takes the fields of a form. Uploaders send others too, such as `donate`.
    pub(super) fn take_fields(&mut self, fields: Vec<(String, String)>) -> Result<(), ApiError> {
        for (name, value) in fields {
            if NAMES.contains(&name.as_str()) && !value.is_empty() {
                self.set(&name, &value)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), BadParameter> {
        let wrong = |reason: &str| BadParameter::new(name, reason);
        let options = &mut self.options;
        match name {
            "source" => {
                let is_name = value.len() <= NAME_BYTES_MAX && !value.chars().any(char::is_control);
                if !is_name {
                    return Err(wrong("expected a name of at most 256 bytes"));
                }
                options.source = Some(value.to_owned());
            }
            "tz" => {
                let reason = "expected a zone such as Europe/Berlin, or an offset such as +02:00";
                Zone::parse(value).ok_or_else(|| wrong(reason))?;
                options.tz = Some(value.to_owned());
            }
            "time" => {
                let reason =
                    "expected seconds since 1970, or a time in UTC such as 2026-01-31T12:00:00Z";
                options.time = Some(read_time(value).ok_or_else(|| wrong(reason))?);
            }
            "track" => {
                let reason = "expected seconds to add to the times of rows, such as -3600";
                options.track_offset_s = Some(value.parse().map_err(|_| wrong(reason))?);
            }
            _ => {
                options.dry_run = match value {
                    "true" | "1" | "yes" | "on" => true,
                    "false" | "0" | "no" | "off" => false,
                    _ => return Err(wrong("expected true or false")),
                };
            }
        }
        Ok(())
    }
}
