//! The interface of a format, which decodes the body of one request into an upload.
//!
//! An upload has rows, numbered as in the body, and entries, which the log takes one by one. Its receipt accounts for
//! each row.

use std::time::Duration;

use super::Receipt;
use super::decode::{DecodeError, Notes, Reason};
pub use crate::described::Described;
use crate::report::{Batch, BatchIdentity, ReceivedAt, Rejected, SourceId, source_name};

/// A format of scan reports. Code that does not depend on the notation is shared by all formats: the route and its role,
/// limits, rates, idempotency keys, receipts.
pub trait Format: Send + Sync + 'static {
    /// Where uploads are posted to, such as `/phy/phy80211/scan/scan_report.cmd`.
    const PATH: &'static str;

    /// Path as the router has it. A format may replace the last segment of [`Self::PATH`] by `{file}`, and takes the
    /// file with any extension of letters and digits then.
    const ROUTER_PATH: &'static str = Self::PATH;

    /// Summary of the route in the `OpenAPI` document, such as `Reports Wi-Fi access points`.
    const SUMMARY: &'static str;

    /// Description of the format in the `OpenAPI` document, in Markdown, if the summary does not suffice.
    const DESCRIPTION: Option<&'static str> = None;

    /// Media types of bodies in the `OpenAPI` document, with their schemas.
    const MEDIA_TYPES: &'static [(&'static str, Described)];

    /// Whether a body is a JSON document, which may be a variable of a form. Others are read as they are, whatever the
    /// client calls them.
    const IS_JSON: bool;

    /// What an upload is called in messages, such as `Bluetooth scan report`.
    const NAME: &'static str;

    /// The message about an accepted upload, such as `Scan report accepted`.
    const ACCEPTED: &'static str;

    /// Whether each upload has exactly one entry. The receipts of other formats count duplicates too.
    const HAS_ONE_ENTRY: bool;

    /// How the sender is answered.
    const REPLY: Reply = Reply::Receipt;

    /// The word for this format in the text that a source is derived from, if bodies do not name their source.
    const SOURCE_FORM: Option<&'static str> = None;

    /// The variable of the query that carries an API key, besides those that all routes have.
    const KEY_PARAMETER: Option<&'static str> = None;

    /// Decodes an upload. This is a pure function: the time is in the context.
    ///
    /// # Errors
    ///
    /// When the body as a whole cannot be decoded, or when none of its rows is valid.
    fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError>;
}

/// How the sender of an upload is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With an account of its rows.
    Receipt,
    /// As location services do, whose clients look at the status alone: 200 and an empty object. Errors are in the form
    /// of Ichnaea too.
    EmptyObject,
    /// The same, with 204 and no body.
    NoContent,
}

/// Visits formats. Each visit has the type of a format, so that the code of a visitor is generic.
pub trait FormatVisitor {
    fn visit<F: Format>(&mut self);
}

/// What a decoder knows besides the body.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the body was received.
    pub received_at: ReceivedAt,
    pub limits: Limits,
    /// Empty for formats whose bodies name their source.
    pub sender: SenderNames,
}

/// What a request says of its sender outside of its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderNames {
    /// Name of the login or key.
    pub credential: Option<Box<str>>,
    /// Name that the request gives its source.
    pub given: Option<Box<str>>,
    /// The program, as it calls itself.
    pub program: Option<Box<str>>,
    /// Where the request came from.
    pub address: Option<Box<str>>,
}

impl SenderNames {
    /// What no request has said.
    pub const NONE: Self = Self {
        credential: None,
        given: None,
        program: None,
        address: None,
    };

    /// The source of a body that names none, with the name that people see. It is the same for each upload of a
    /// credential, else of a name that the requests give, else of an address.
    pub fn source(&self, form: &str, name_bytes_max: usize) -> (SourceId, Option<Box<str>>) {
        let name = self.credential.as_deref().or(self.given.as_deref());
        let address = self.address.as_deref().unwrap_or_default();
        let of_address = || SourceId::of_text(&format!("{form}:{address}"));
        let source = name.map_or_else(of_address, SourceId::of_name);
        let shown = name.or(self.program.as_deref());
        let shown = shown.and_then(|name| source_name(name, name_bytes_max));
        (source, shown)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many reports a batch may have.
    pub reports_per_batch_max: usize,
    /// How deep arrays and objects may be nested.
    pub json_depth_max: usize,
    /// Largest number of ignored values that one answer names.
    pub ignored_max: usize,
    /// How far the time of a report may be ahead of the server's clock.
    pub clock_skew_max: Duration,
    /// How long a source's name may be, in bytes.
    pub source_name_bytes_max: usize,
    /// How long a capabilities string may be, in bytes.
    pub capabilities_bytes_max: usize,
    /// How many tags a report may carry.
    pub tags_max: usize,
    /// How long a tag's name and its value may each be, in bytes.
    pub tag_bytes_max: usize,
    /// How long the names and values of all tags of a report may be together, in bytes.
    pub tags_bytes_max: usize,
    /// How long the advertising data of a report may be, and how long its service data, in bytes.
    pub advertising_bytes_max: usize,
}

#[cfg(test)]
impl Limits {
    /// Limits that are wide enough for tests of other things.
    pub(crate) const FOR_TESTS: Self = Self {
        reports_per_batch_max: 100,
        json_depth_max: 32,
        ignored_max: 100,
        clock_skew_max: Duration::from_secs(86_400),
        source_name_bytes_max: 256,
        capabilities_bytes_max: 1024,
        tags_max: 32,
        tag_bytes_max: 256,
        tags_bytes_max: 4096,
        advertising_bytes_max: 4096,
    };
}

/// The content of one request: at least one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// Separate from the others, so that an upload of one entry allocates no list.
    first: UploadEntry,
    others: Vec<UploadEntry>,
    rejected: Vec<Rejected>,
}

/// The reports of one source in an upload. The log accepts them, or recognises them as resent, as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadEntry {
    /// The reports, and the rows of this source that were refused.
    pub batch: Batch,
    /// The row number of each report. May be empty in an upload of one entry.
    pub rows: Vec<usize>,
    /// What the sender should know.
    pub notes: Notes,
}

impl From<(Batch, Notes)> for Upload {
    /// Makes an upload of one entry.
    fn from((batch, notes): (Batch, Notes)) -> Self {
        let rows = Vec::new();
        Self::new(UploadEntry { batch, rows, notes })
    }
}

impl Upload {
    /// Makes an upload that begins with this entry.
    pub const fn new(first: UploadEntry) -> Self {
        Self {
            first,
            others: Vec::new(),
            rejected: Vec::new(),
        }
    }

    pub fn add(&mut self, entry: UploadEntry) {
        self.others.push(entry);
    }

    /// Refuses a row that belongs to no entry.
    pub fn reject(&mut self, row: usize, reason: Reason) {
        self.rejected.push(reason.of_report(row));
    }

    /// Refuses rows that belong to no entry.
    pub fn reject_all(&mut self, rejected: Vec<Rejected>) {
        self.rejected.extend(rejected);
    }

    pub fn entries(&self) -> impl Iterator<Item = &UploadEntry> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The refused rows that belong to no entry.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// How many rows there are, including the refused ones.
    pub fn rows(&self) -> usize {
        let in_entries = self
            .entries()
            .map(|entry| entry.batch.reports.len() + entry.batch.rejected.len());
        in_entries.sum::<usize>() + self.rejected.len()
    }

    /// Derives the identity of each entry from the key of the upload and the number of the entry, so that each entry is
    /// recognised when the upload is resent. The key counts for one credential only: nobody can use up the key of another
    /// one.
    pub fn identify(&mut self, credential: Option<&[u8]>, key: &[u8]) {
        let identity = |source, key: &[u8]| match credential {
            Some(credential) => BatchIdentity::of_key_of(credential, source, key),
            None => BatchIdentity::of_key(source, key),
        };
        let first = &mut self.first.batch;
        first.identity = Some(identity(first.source, key));
        for (entry, number) in self.others.iter_mut().zip(1u64..) {
            // No header contains a zero byte, so no client can send this key.
            let key = [key, &[0], &number.to_be_bytes()].concat();
            let batch = &mut entry.batch;
            batch.identity = Some(identity(batch.source, &key));
        }
    }

    /// Takes the notes of each source.
    pub fn take_notes(&mut self) -> impl Iterator<Item = (SourceId, Notes)> {
        let entries = std::iter::once(&mut self.first).chain(&mut self.others);
        entries.map(|entry| (entry.batch.source, std::mem::take(&mut entry.notes)))
    }

    /// The first entry, the other entries, and the refused rows that belong to no entry.
    pub fn into_parts(self) -> (UploadEntry, Vec<UploadEntry>, Vec<Rejected>) {
        (self.first, self.others, self.rejected)
    }
}

/// The answer to an upload: each row is accepted or rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadReceipt {
    /// How many rows are stored, by this upload or by an earlier one.
    pub accepted: usize,
    /// How many of the accepted rows an earlier upload stored. They do not count again.
    pub duplicates: usize,
    /// The refused rows, in order.
    pub rejected: Vec<Rejected>,
    /// Whether earlier uploads stored all accepted rows.
    pub is_duplicate: bool,
}

impl UploadReceipt {
    /// Combines the results of the entries. The rows of a refused entry are refused.
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
    /// Refuses all rows of an entry.
    pub fn refused(rows: &[usize], mut rejected: Vec<Rejected>, reason: &str) -> Vec<Rejected> {
        let refused = rows.iter().map(|&index| Rejected {
            index,
            reason: reason.into(),
        });
        rejected.extend(refused);
        rejected
    }
}
