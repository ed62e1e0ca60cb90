//! Why a decoder gives no batch, or left a report out of it.

use std::fmt;

use crate::report::{BadPosition, Rejected};

/// What is wrong with a field: its name and, for a person, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Box<str>);

impl Reason {
    /// The field `field` is wrong because of `why`.
    pub fn new(field: &str, why: impl fmt::Display) -> Self {
        Self(format!("{field}: {why}").into())
    }

    /// The field has to be there and is not.
    pub fn missing(field: &str) -> Self {
        Self::new(field, "missing")
    }

    /// The field holds `found` where `expected` should stand.
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

    /// A position names the part that is wrong by itself.
    pub fn named(wrong: BadPosition) -> Self {
        Self(wrong.to_string().into())
    }
}

impl Reason {
    /// Names the report that is refused for it.
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

/// Why a request is refused whole. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The document is not JSON, or not an object.
    #[error("not a scan report: {0}")]
    NotAReport(String),
    /// It is not clear who reports.
    #[error("{0}")]
    Source(Reason),
    /// There is no list of reports.
    #[error("reports: expected an array, found {0}")]
    NoReports(&'static str),
    /// More reports than a batch may have.
    #[error("reports: {count} reports, at most {max} are allowed in one request")]
    TooManyReports {
        /// How many there were.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// Reports were sent, and not one is valid.
    #[error("no valid report")]
    NothingValid(Vec<Rejected>),
}
