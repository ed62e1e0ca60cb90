//! The reports of one request.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::{Phy, Report, SourceId};

/// The reports of one request, from one source: the unit of acceptance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Who reports.
    pub source: SourceId,
    /// What the scanner calls itself; `None` keeps the name it had.
    pub source_name: Option<Box<str>>,
    /// The radio technology of a scanner that reports nothing yet, if it says so. Each report says its own.
    pub technology: Option<Phy>,
    /// By what it is recognised when it is sent again; `None` when it cannot be.
    pub identity: Option<BatchIdentity>,
    /// What was seen, in the order sent. May be empty: then the batch only introduces or renames its source.
    pub reports: Vec<Report>,
    /// What was refused, in the order sent: part of the answer, which a resent batch gets again.
    pub rejected: Vec<Rejected>,
}

impl Batch {
    /// The radio technology of its source, as far as the batch tells: that of the first report.
    pub fn phy(&self) -> Option<Phy> {
        let first = self.reports.first();
        first.map(|report| report.device().phy).or(self.technology)
    }
}

/// One report that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Where it stood in the request, from 0.
    pub index: usize,
    /// The field that is wrong, and why.
    pub reason: Box<str>,
}

/// By what a batch is recognised when its source sends it again: a hash of 128 bits.
///
/// Not a cryptographic one: it covers the source, so all that a made-up collision can do is to
/// keep a source from reporting twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchIdentity([u8; 16]);

impl BatchIdentity {
    /// The identity that a source gave its batch by name.
    pub fn of_key(source: SourceId, key: &[u8]) -> Self {
        Self::of(b'k', source, key)
    }

    /// The identity that follows from what a batch says.
    pub fn of_content(source: SourceId, content: &[u8]) -> Self {
        Self::of(b'c', source, content)
    }

    fn of(kind: u8, source: SourceId, bytes: &[u8]) -> Self {
        let hashed = [&[kind], source.uuid().as_bytes().as_slice(), bytes].concat();
        Self(XxHash3_128::oneshot(&hashed).to_be_bytes())
    }

    /// The hash.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Takes a hash.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}
