//! Batches: the reports of one request.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_128;

use super::{Phy, Report, SourceId};

/// The reports of one request from one source. A batch is accepted as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The scanner.
    pub source: SourceId,
    /// Name of the scanner. `None` keeps the current name.
    pub source_name: Option<Box<str>>,
    /// Radio technology that a batch without reports may state. Otherwise each report states its own.
    pub technology: Option<Phy>,
    /// Identity by which a repeated batch is recognised. `None` if it has none.
    pub identity: Option<BatchIdentity>,
    /// Accepted reports, in the order of the request. An empty batch only introduces or renames its source.
    pub reports: Vec<Report>,
    /// Refused reports, in the order of the request. They are part of the answer, which a repeated batch gets again.
    pub rejected: Vec<Rejected>,
}

impl Batch {
    /// Radio technology of the source: that of the first report, else the stated one.
    pub fn phy(&self) -> Option<Phy> {
        let first = self.reports.first();
        first.map(|report| report.device().phy).or(self.technology)
    }
}

/// A refused report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Index of the report in the request, from 0.
    pub index: usize,
    /// The field that is not valid, and why.
    pub reason: Box<str>,
}

/// A 128-bit hash by which a batch is recognised when its source sends it again.
///
/// The hash covers the source. With a credential it covers that too, and is cryptographic, so nobody can make a batch of
/// another one's key. Without, it is not cryptographic: a forged collision can only keep that same source from reporting
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchIdentity([u8; 16]);

impl BatchIdentity {
    /// Identity by an idempotency key that the holder of a credential sent. The credential has no zero byte.
    pub fn of_key_of(credential: &[u8], source: SourceId, key: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"K")
            .chain_update(source.uuid().as_bytes())
            .chain_update(credential)
            .chain_update([0])
            .chain_update(key)
            .finalize();
        let mut identity = [0; 16];
        for (byte, hashed) in identity.iter_mut().zip(hash) {
            *byte = hashed;
        }
        Self(identity)
    }

    /// Identity by an idempotency key, where nobody shows credentials.
    pub fn of_key(source: SourceId, key: &[u8]) -> Self {
        Self::of(b'k', source, key)
    }

    /// Identity by the content of the batch.
    pub fn of_content(source: SourceId, content: &[u8]) -> Self {
        Self::of(b'c', source, content)
    }

    fn of(kind: u8, source: SourceId, bytes: &[u8]) -> Self {
        let hashed = [&[kind], source.uuid().as_bytes().as_slice(), bytes].concat();
        Self(XxHash3_128::oneshot(&hashed).to_be_bytes())
    }

    /// The hash as bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Restores a hash from bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}
