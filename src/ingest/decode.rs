//! Why a decoder refuses a whole request, or one report of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::report::Rejected;

/// What is wrong with a field: its name, and the cause for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Box<str>);

impl Reason {
    /// The field is wrong because of `why`.
    pub fn new(field: &str, why: impl fmt::Display) -> Self {
        Self(format!("{field}: {why}").into())
    }

    /// A required field is missing.
    pub fn missing(field: &str) -> Self {
        Self::new(field, "missing")
    }

    /// The field has the type `found` instead of `expected`.
    pub fn wrong_type(field: &str, expected: &str, found: &str) -> Self {
        Self::new(field, format_args!("expected {expected}, found {found}"))
    }

    /// The field is longer than its bound.
    pub fn too_long(field: &str, length_bytes: usize, bytes_max: usize) -> Self {
        Self::new(
            field,
            format_args!("{length_bytes} bytes long, at most {bytes_max} are allowed"),
        )
    }
}

impl Reason {
    /// The name of the field.
    pub fn field(&self) -> &str {
        field_of(&self.0)
    }

    /// Refuses the report with this index for this reason.
    pub fn of_report(self, index: usize) -> Rejected {
        Rejected {
            index,
            reason: self.0,
        }
    }
}

/// The name of the field that a reason begins with.
pub(super) fn field_of(reason: &str) -> &str {
    reason.split(':').next().unwrap_or_default()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that was left out of a report because it cannot be used. The report counts without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// Where the report stands in the request, from 0. `None` for a value of the whole request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The field.
    pub field: &'static str,
    /// What is wrong with the value.
    pub reason: Box<str>,
}

/// What the sender of an upload should know besides what became of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Values that were left out, as far as there is room for them.
    pub ignored: Vec<Ignored>,
    /// How many values of each field were left out.
    pub ignored_by_field: BTreeMap<&'static str, u64>,
    /// By how many seconds the scanner's clock is ahead, if it cannot be right.
    pub clock_offset_s: Option<i64>,
}

impl Notes {
    /// Leaves a value out. Of more than `named_max` values the rest is only counted.
    pub fn ignore(
        &mut self,
        named_max: usize,
        index: Option<usize>,
        field: &'static str,
        why: impl fmt::Display,
    ) {
        *self.ignored_by_field.entry(field).or_default() += 1;
        if self.ignored.len() < named_max {
            self.ignored.push(Ignored {
                index,
                field,
                reason: why.to_string().into(),
            });
        }
    }
}

/// Why a request is refused as a whole. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The document is not JSON, or not an object.
    #[error("not a scan report: {0}")]
    NotAReport(String),
    /// The source is missing or invalid.
    #[error("{0}")]
    Source(Reason),
    /// There is no list of reports.
    #[error("reports: expected an array, found {0}")]
    NoReports(&'static str),
    /// More reports than a batch may have.
    #[error("reports: {count} reports, at most {max} are allowed in one request")]
    TooManyReports {
        /// How many reports the request has.
        count: usize,
        /// How many reports are allowed.
        max: usize,
    },
    /// The request has reports, but none of them is valid.
    #[error("no valid report")]
    NothingValid(Vec<Rejected>),
}
