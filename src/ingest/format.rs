//! What a format is: the body of one request in, an upload out.
//!
//! An upload has rows, numbered as the sender wrote them, and entries, which the log takes one by one. Its receipt
//! accounts for each row.

use std::time::Duration;

use super::Receipt;
use super::decode::{DecodeError, Reason};
use crate::report::{Batch, BatchIdentity, ReceivedAt, Rejected};

/// A way in which scanners write reports. Whatever is not about how they are written is done for all formats in one place:
/// limits, rates, keys against resending, receipts.
pub trait Format: Send + Sync + 'static {
    /// What is decoded: `str` for formats that are JSON, `[u8]` for others.
    type Body: ?Sized;

    /// What an upload is called in messages, such as `Bluetooth scan report`.
    const NAME: &'static str;

    /// What is said of an upload that was accepted, such as `Scan report accepted`.
    const ACCEPTED: &'static str;

    /// Whether its uploads have one entry each. The receipts of others count duplicates too.
    const HAS_ONE_ENTRY: bool;

    /// Reads an upload. Pure: the time is in the context.
    ///
    /// # Errors
    ///
    /// When the body cannot be understood as a whole, or when none of its rows is valid.
    fn decode(body: &Self::Body, context: &Context) -> Result<Upload, DecodeError>;
}

/// What a decoder knows besides the body.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// When the body came.
    pub received_at: ReceivedAt,
    /// What bounds it.
    pub limits: Limits,
}

/// What bounds an upload.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many reports a batch may have.
    pub reports_per_batch_max: usize,
    /// How many arrays and objects may stand in each other.
    pub json_depth_max: usize,
    /// How far a report's clock may be ahead of ours.
    pub clock_skew_max: Duration,
    /// How long a source's name may be, in bytes.
    pub source_name_bytes_max: usize,
    /// How long a capabilities string may be, in bytes.
    pub capabilities_bytes_max: usize,
    /// How many tags a report may carry.
    pub tags_max: usize,
    /// How long a tag's name and its value may each be, in bytes.
    pub tag_bytes_max: usize,
}

#[cfg(test)]
impl Limits {
    /// Wide enough for what is no test of limits.
    pub(crate) const FOR_TESTS: Self = Self {
        reports_per_batch_max: 100,
        json_depth_max: 32,
        clock_skew_max: Duration::from_secs(86_400),
        source_name_bytes_max: 256,
        capabilities_bytes_max: 1024,
        tags_max: 32,
        tag_bytes_max: 256,
    };
}

/// What one request brought: at least one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// Stands apart from the others, so that an upload of one entry needs no memory of its own.
    first: UploadEntry,
    others: Vec<UploadEntry>,
    rejected: Vec<Rejected>,
}

/// What one source reports in an upload: the log takes it, or recognises it, as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadEntry {
    /// The reports, and the rows of this source that were refused.
    pub batch: Batch,
    /// Which row each report was. May be empty in an upload of one entry.
    pub rows: Vec<usize>,
}

impl From<Batch> for Upload {
    /// An upload that is one entry.
    fn from(batch: Batch) -> Self {
        let rows = Vec::new();
        Self::new(UploadEntry { batch, rows })
    }
}

impl Upload {
    /// An upload that begins with this entry.
    pub const fn new(first: UploadEntry) -> Self {
        Self {
            first,
            others: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: UploadEntry) {
        self.others.push(entry);
    }

    /// Refuses a row that belongs to no entry.
    pub fn reject(&mut self, row: usize, reason: Reason) {
        self.rejected.push(reason.of_report(row));
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &UploadEntry> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The refused rows that belong to no entry.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        let in_entries = self
            .entries()
            .map(|entry| entry.batch.reports.len() + entry.batch.rejected.len());
        in_entries.sum::<usize>() + self.rejected.len()
    }

    /// Gives each entry the identity that follows from the key of the upload and the entry's number, so that each is
    /// recognised when the upload is sent again.
    pub fn identify(&mut self, key: &[u8]) {
        let first = &mut self.first.batch;
        first.identity = Some(BatchIdentity::of_key(first.source, key));
        for (entry, number) in self.others.iter_mut().zip(1u64..) {
            // No header has a zero byte in it, so no other key is the same.
            let key = [key, &[0], &number.to_be_bytes()].concat();
            let batch = &mut entry.batch;
            batch.identity = Some(BatchIdentity::of_key(batch.source, &key));
        }
    }

    /// The first entry, the others, and what belongs to none.
    pub fn into_parts(self) -> (UploadEntry, Vec<UploadEntry>, Vec<Rejected>) {
        (self.first, self.others, self.rejected)
    }
}

/// The answer to an upload: each row is accepted or rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadReceipt {
    /// Rows that are kept, since now or since an earlier upload.
    pub accepted: usize,
    /// Those of the accepted rows that an earlier upload brought. They are not counted again.
    pub duplicates: usize,
    /// The other rows, in order.
    pub rejected: Vec<Rejected>,
    /// Whether an earlier upload brought all that was accepted.
    pub is_duplicate: bool,
}

impl UploadReceipt {
    /// Gathers what became of the entries. An entry that was refused rejects its rows.
    pub fn gather(
        answers: impl IntoIterator<Item = Result<Receipt, Vec<Rejected>>>,
        rejected: Vec<Rejected>,
    ) -> Self {
        let mut gathered = Self {
            rejected,
            is_duplicate: true,
            ..Self::default()
        };
        for answer in answers {
            match answer {
                Ok(receipt) => gathered.add(receipt),
                Err(rejected) => gathered.rejected.extend(rejected),
            }
        }
        gathered.rejected.sort_by_key(|rejected| rejected.index);
        gathered
    }

    fn add(&mut self, receipt: Receipt) {
        let Receipt { stored, duplicate } = receipt;
        self.accepted += stored.accepted;
        if duplicate {
            self.duplicates += stored.accepted;
        }
        self.is_duplicate &= duplicate;
        if self.rejected.is_empty() {
            self.rejected = stored.rejected;
        } else {
            self.rejected.extend(stored.rejected);
        }
    }
}

impl UploadEntry {
    /// All rows of an entry that was refused as a whole.
    pub fn refused(rows: &[usize], mut rejected: Vec<Rejected>, reason: &str) -> Vec<Rejected> {
        let refused = rows.iter().map(|&index| Rejected {
            index,
            reason: reason.into(),
        });
        rejected.extend(refused);
        rejected
    }
}
