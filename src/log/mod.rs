//! The log: all accepted records, in order. It is the source of truth, and the tracker is a fold over it.
//!
//! One writer appends. The records that [`Log::append`] returns are durable and numbered, and may be acknowledged.
//! Only the backends know how records are stored.

mod encoding;
mod erase;
mod memory;
mod record;
mod sqlite;
#[cfg(test)]
mod tests;
mod track;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::encoding::{EncodingError, decode, encode};
pub use self::erase::{EraseArea, EraseOrder, Erased};
pub use self::memory::MemoryLog;
pub use self::record::{
    AlertKind, AlertNote, AlertOrder, AlertRate, Entry, Erasure, HandRaised, Import,
    ImportedReports, Origin, Record, RecordId, Settings, SourceForget, SourceName, SourcePause,
    SourceState, WatchOrder, What,
};
pub use self::sqlite::{Finding, Findings, History, LogReader, SqliteLog, Verification};
pub(crate) use self::sqlite::{copy_database, open_read_only};
pub use self::track::{LoggedTrack, TrackPoint, TrackQuery};
use crate::histogram::Histogram;
use crate::report::capabilities::SecurityClass;
use crate::report::{
    BatchIdentity, Channel, Dbm, MacAddr, Phy, Position, ReceivedAt, Rejected, SourceId, UnixTime,
};

/// The position of a record in the log. The first record has 1, and no position is used twice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct LogPosition(u64);

impl LogPosition {
    /// The position before the first record.
    pub const START: Self = Self(0);

    /// The position as a number, 1 for the first record.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Makes a position from its number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The position of the next record.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A batch that is recognised when a client resends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenBatch {
    /// The identity by which it is recognised.
    pub identity: BatchIdentity,
    /// Its position in the log.
    pub position: LogPosition,
    /// The log's clock at that position: the latest time of receipt of all batches up to it.
    pub clock: ReceivedAt,
}

/// The batches that clients may resend, as the log knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resendable {
    /// The log's clock at the end of the log.
    pub clock: ReceivedAt,
    /// The newest batches that have an identity, oldest first.
    pub batches: Vec<SeenBatch>,
}

/// The counts and refusals of a batch, kept to answer a client that resends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// The position of the batch.
    pub position: LogPosition,
    /// How many reports were accepted.
    pub accepted: usize,
    /// The reports that were refused.
    pub rejected: Vec<Rejected>,
}

/// A query for the observations of one device.
#[derive(Clone, Copy, Debug)]
pub struct HistoryQuery {
    /// The device's address. All radio technologies are searched.
    pub addr: MacAddr,
    /// The earliest time that an observation may have.
    pub since: UnixTime,
    /// The latest time that an observation may have.
    pub until: UnixTime,
    /// The last observation of the previous page, if there was one. The newest observations come first.
    pub before: Option<ObservationKey>,
    /// The most observations to return.
    pub count: usize,
}

/// A query for what a chart shows of the observations of one device.
#[derive(Clone, Copy, Debug)]
pub struct PointQuery {
    /// The device's address. All radio technologies are searched.
    pub addr: MacAddr,
    /// The earliest time that an observation may have.
    pub since: UnixTime,
    /// The latest time that an observation may have.
    pub until: UnixTime,
    /// The last observation of the answer before, if there was one. The oldest observations come first.
    pub after: Option<ObservationKey>,
    /// The most observations to return.
    pub count: usize,
}

/// What a chart shows of an observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPoint {
    /// Its sort key.
    pub key: ObservationKey,
    /// The radio technology: an address may be that of a device in each.
    pub phy: Phy,
    /// The scanner.
    pub source: SourceId,
    /// How strong the signal was.
    pub signal: Option<Dbm>,
    /// The channel, as sent.
    pub channel: Option<Channel>,
    /// Where the scanner stood. Altitude and speed are not read.
    pub position: Option<Position>,
    /// The class of what the network said of its security. `None` if it said nothing.
    pub security: Option<SecurityClass>,
}

/// The sort key of an observation among those of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservationKey {
    /// The time of the report.
    pub time: UnixTime,
    /// The row number, which orders observations of the same second.
    pub id: i64,
}

/// An observation, as [`History::read`] returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedObservation {
    /// Its sort key.
    pub key: ObservationKey,
    /// The record, with this report only.
    pub entry: Entry,
}

/// Which observations may be deleted.
#[derive(Clone, Debug)]
pub struct Expiry {
    /// Observations of batches that were received before this time may be deleted.
    pub received_before: ReceivedAt,
    /// Sources for which another time holds. If two name the same source, the first one counts.
    pub by_source: Vec<SourceExpiry>,
    /// While the log is larger than this, in bytes, its oldest observations may be deleted too.
    pub size_max_bytes: u64,
    /// So many of the newest observations stay, however old they are and however large the log is.
    pub observations_min: u64,
    /// The last position that may be deleted. Later records are not yet in a snapshot that is finished for good.
    pub up_to: LogPosition,
    /// The first batch whose row stays, because a client may resend it. Its observations may be deleted all the same.
    pub remembered_from: LogPosition,
    /// Whether to delete nothing, and return what the step would have deleted.
    pub is_trial: bool,
}

impl Expiry {
    /// The rule for the source of a record.
    fn rule_for(&self, entry: &Entry) -> Option<&SourceExpiry> {
        let source = entry.record.batch()?.source;
        self.by_source
            .iter()
            .find(|rule| rule.sources.contains(&source))
    }

    fn has_rule_for(&self, entry: &Entry) -> bool {
        self.rule_for(entry).is_some()
    }

    /// The time before which the reports of a record may be deleted.
    fn received_before_of(&self, entry: &Entry) -> ReceivedAt {
        let rule = self.rule_for(entry);
        rule.map_or(self.received_before, |rule| rule.received_before)
    }
}

/// Which observations of some sources may be deleted: also those among the newest ones, and those between others that
/// stay. Only the newest observation of the log stays in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceExpiry {
    /// The sources.
    pub sources: BTreeSet<SourceId>,
    /// Observations of batches that were received before this time may be deleted.
    pub received_before: ReceivedAt,
}

/// The result of one step of expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else, and most of them may hold together"
)]
pub struct Expired {
    /// How many observations were deleted.
    pub observations: u64,
    /// The last position up to which all observations are deleted.
    pub to: LogPosition,
    /// Whether nothing more may be deleted now.
    pub is_done: bool,
    /// Whether a trial has found little so far, and has to go on.
    pub is_undecided: bool,
    /// Whether [`Expiry::up_to`] alone prevents further deletions.
    pub is_blocked: bool,
    /// Whether the log is still larger than [`Expiry::size_max_bytes`], although few observations are left.
    pub is_still_too_large: bool,
}

/// How a log in a directory works.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// How many of the newest observations the index of histories keeps in memory before it writes them to a file. At
    /// most [`Self::INDEX_ROWS_MAX`]; 0 means no index.
    pub index_rows: usize,
}

impl LogOptions {
    /// The largest number of [`Self::index_rows`], and the default.
    pub const INDEX_ROWS_MAX: usize = sqlite::INDEX_ROWS_MAX;
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            index_rows: Self::INDEX_ROWS_MAX,
        }
    }
}

/// Why the log refused a group of records, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk is full. Nothing of the group was stored. The log works again once there is space.
    #[error("the disk is full: free some space")]
    DiskFull,
    /// Another program has locked the file. Nothing of the group was stored. The log works again once the lock is gone.
    #[error("another program has locked the log's file: close it there")]
    Locked,
    /// A write failed before any sync. Nothing of the group was stored.
    #[error("cannot write the log: {0}")]
    NotWritten(Box<str>),
    /// The data directory cannot be created or written to.
    #[error("the data directory {path} cannot be used: {cause}")]
    Directory {
        /// The path of the directory.
        path: Box<str>,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// There is no log to read.
    #[error("there is no log at {path}")]
    Missing {
        /// The path where the log was expected.
        path: Box<str>,
    },
    /// Another server uses the data directory.
    #[error(
        "the data directory {path} is in use by another scanpost: stop that one, or choose another directory"
    )]
    InUse {
        /// The path of the directory.
        path: Box<str>,
    },
    /// A newer version of scanpost wrote the log.
    #[error(
        "the log has version {found}, but this program reads only up to {known}: use a newer scanpost"
    )]
    TooNew {
        /// The version of the log.
        found: i64,
        /// The newest version that this program reads.
        known: i64,
    },
    /// A server started while the log was being read, so a part of the result may be old and a part new.
    #[error("a server started and changed the log while it was being read: run the command again")]
    Changed,
    /// The log does not contain what was written to it.
    #[error("the log is damaged: {0}")]
    Damaged(Box<str>),
    /// Reading or writing failed. Only a restart shows what is on disk now.
    #[error("reading or writing the log failed: {0}")]
    Failed(Box<str>),
}

/// A log, in memory or in a file.
#[derive(Debug)]
pub enum Log {
    /// Keeps records until the end of the process.
    Memory(MemoryLog),
    /// Keeps records in an SQLite file.
    Sqlite(Box<SqliteLog>),
}

impl Log {
    /// Makes a log in memory, which keeps the newest `entries_max` records until the process ends.
    pub fn in_memory(entries_max: usize) -> Self {
        Self::Memory(MemoryLog::new(entries_max))
    }

    /// Opens the log in a directory, and creates it if it is missing.
    pub fn in_directory(path: &Path) -> Result<Self, LogError> {
        Self::in_directory_with(path, LogOptions::default())
    }

    /// Like [`in_directory`](Self::in_directory), with options.
    pub fn in_directory_with(path: &Path, options: LogOptions) -> Result<Self, LogError> {
        Ok(Self::Sqlite(Box::new(SqliteLog::open(path, options)?)))
    }

    /// Leaves the syncs to the operating system, for tests that do not kill the process.
    #[cfg(test)]
    pub(crate) fn skip_syncs(&self) {
        if let Self::Sqlite(log) = self {
            log.skip_syncs();
        }
    }

    /// Appends all of `records`, in order, or none of them. They are durable when this returns.
    pub fn append(&mut self, records: Vec<Record>) -> Result<Vec<Entry>, LogError> {
        match self {
            Self::Memory(log) => Ok(log.append(records)),
            Self::Sqlite(log) => log.append(records),
        }
    }

    /// Checks that the next append can succeed, as far as this shows without writing to the log. If the disk is
    /// suspected to be full, writes a file beside the log.
    pub fn check(&mut self, suspects_full_disk: bool) -> Result<(), LogError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sqlite(log) => log.check(suspects_full_disk),
        }
    }

    /// Deletes the oldest of the observations that may be deleted. This is one small step: more may be left after it.
    pub fn expire(&mut self, expiry: &Expiry) -> Result<Expired, LogError> {
        match self {
            Self::Memory(log) => Ok(log.expire(expiry)),
            Self::Sqlite(log) => log.expire(expiry),
        }
    }

    /// Erases what an order concerns, also from free space in the file. Returns how much that was, and the addresses of
    /// the devices that had any of it. Takes as long as writing the whole log. If it fails, it can be repeated.
    pub fn erase(&mut self, order: &EraseOrder) -> Result<(Erased, BTreeSet<MacAddr>), LogError> {
        match self {
            Self::Memory(_) => Err(LogError::Failed("a log in memory cannot be erased".into())),
            Self::Sqlite(log) => log.erase(order),
        }
    }

    /// The last position whose observations are deleted.
    pub fn expired_to(&self) -> Result<LogPosition, LogError> {
        match self {
            Self::Memory(log) => Ok(log.expired_to()),
            Self::Sqlite(log) => log.expired_to(),
        }
    }

    /// The last position from which observations are missing, because they are expired or erased by a rule for their
    /// source. Without a snapshot that contains it, devices are missing too.
    pub fn deleted_to(&self) -> Result<LogPosition, LogError> {
        match self {
            Self::Memory(log) => Ok(log.expired_to()),
            Self::Sqlite(log) => log.deleted_to(),
        }
    }

    /// Calls `visit` with each record after `after`, in order, until it breaks. Skips expired records.
    pub fn replay(
        &self,
        after: LogPosition,
        mut visit: impl FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        match self {
            Self::Memory(log) => {
                log.replay(after, visit);
                Ok(())
            }
            Self::Sqlite(log) => log.replay(after, &mut visit),
        }
    }

    /// The newest `count` batches that have an identity, with the log's clock.
    pub fn resendable(&self, count: usize) -> Result<Resendable, LogError> {
        match self {
            Self::Memory(log) => Ok(log.resendable(count)),
            Self::Sqlite(log) => log.resendable(count),
        }
    }

    /// The sources and times of receipt of the last `count` batches up to `to`, oldest first.
    pub fn contacts(
        &self,
        to: LogPosition,
        count: usize,
    ) -> Result<Vec<(SourceId, ReceivedAt)>, LogError> {
        match self {
            Self::Memory(log) => Ok(log.contacts(to, count)),
            Self::Sqlite(log) => log.contacts(to, count),
        }
    }

    /// Whether a source has ever reported.
    pub fn knows_source(&self, id: SourceId) -> Result<bool, LogError> {
        match self {
            Self::Memory(log) => Ok(log.knows_source(id)),
            Self::Sqlite(log) => log.knows_source(id),
        }
    }

    /// The receipt of the batch at a position.
    pub fn receipt(&self, position: LogPosition) -> Result<Option<StoredReceipt>, LogError> {
        match self {
            Self::Memory(log) => Ok(log.receipt(position)),
            Self::Sqlite(log) => log.receipt(position),
        }
    }

    /// A reader for the observations of single devices. `None` if the log has no file.
    pub fn history(&self) -> Option<History> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite(log) => Some(log.history()),
        }
    }

    /// How long writing and syncing the file took, of each commit since the start.
    pub(crate) fn syncs(&self) -> Arc<Histogram> {
        match self {
            Self::Memory(_) => Arc::default(),
            Self::Sqlite(log) => log.syncs(),
        }
    }

    /// The position of the newest record.
    pub fn last(&self) -> LogPosition {
        match self {
            Self::Memory(log) => log.last(),
            Self::Sqlite(log) => log.last(),
        }
    }

    /// The identity of the server as clients see it. All servers of a fleet share it.
    pub fn server_uuid(&self) -> Uuid {
        match self {
            Self::Memory(log) => log.server_uuid(),
            Self::Sqlite(log) => log.server_uuid(),
        }
    }

    /// The identity of this server alone. It marks the records that this server accepted.
    pub fn node(&self) -> Uuid {
        match self {
            Self::Memory(log) => log.node(),
            Self::Sqlite(log) => log.node(),
        }
    }
}
