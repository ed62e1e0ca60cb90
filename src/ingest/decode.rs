//! Why a decoder refuses a whole request, or one report of it.

use std::fmt;

use crate::report::{BadPosition, Rejected};

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

    /// The position is wrong. Its message names the field.
    pub fn named(wrong: BadPosition) -> Self {
        Self(wrong.to_string().into())
    }
}

impl Reason {
    /// Refuses the report with this index for this reason.
    pub fn of_report(self, index: usize) -> Rejected {
        Rejected {
            index,
            reason: self.0,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
