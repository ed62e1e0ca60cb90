//! The ordered records that were accepted: the only truth, which the tracker is a fold of.
//!
//! One writer appends. What [`Log::append`] gives back is durable and numbered, and may be acknowledged;
//! what it did not take is nowhere. Only the backends know how records are kept.

mod encoding;
mod memory;
mod record;
mod sqlite;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::encoding::{EncodingError, decode, encode};
pub use self::memory::MemoryLog;
pub use self::record::{
    AlertKind, AlertOrder, AlertRate, Entry, Erasure, HandRaised, Import, Origin, Record, RecordId,
    Settings, SourcePause, SourceState, WatchOrder, What,
};
pub use self::sqlite::{Checked, Finding, Findings, History, LogReader, SqliteLog};
use crate::report::{BatchIdentity, MacAddr, ReceivedAt, Rejected, SourceId, UnixTime};

/// The place of a record in the log: the first has 1, and no number is given twice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct LogPosition(u64);

impl LogPosition {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// That of the next record.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A batch that is recognised when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenBatch {
    /// By what it is recognised.
    pub identity: BatchIdentity,
    /// Where it stands.
    pub position: LogPosition,
    /// The log's clock there: the greatest time of receipt of all batches up to it.
    pub clock: ReceivedAt,
}

/// What the log remembers of batches that may be sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resendable {
    /// The log's clock at its end.
    pub clock: ReceivedAt,
    /// The newest batches that have an identity, oldest first.
    pub batches: Vec<SeenBatch>,
}

/// Counts and refusals, kept to answer a sender that sends its batch again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Where the batch stands.
    pub position: LogPosition,
    /// How many reports were taken.
    pub accepted: usize,
    /// Which were refused.
    pub rejected: Vec<Rejected>,
}

/// Which observations of a device are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The device's address, in any radio technology.
    pub addr: MacAddr,
    /// Not earlier than this, by their own time.
    pub since: UnixTime,
    /// Not later than this, by their own time.
    pub until: UnixTime,
    /// Only what stands behind this one, where the newest is first.
    pub before: Option<Place>,
    /// How many at most.
    pub count: usize,
}

/// Where an observation stands among those of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its own time.
    pub time: UnixTime,
    /// Its number, for those of one second.
    pub id: i64,
}

/// One observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Where it stands.
    pub place: Place,
    /// Its record, with no other report.
    pub entry: Entry,
}

/// Which observations may go.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    /// Those of batches that came before this.
    pub came_before: ReceivedAt,
    /// Those that make the log larger than this, in bytes.
    pub size_max_bytes: u64,
    /// None behind this batch: what they say is not safe elsewhere yet.
    pub up_to: LogPosition,
    /// The first batch that is recognised when it is sent again, whether its observations are there or not.
    pub remembered_from: LogPosition,
}

/// What one step of expiry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// How many observations went.
    pub observations: u64,
    /// Up to which batch they are gone.
    pub to: LogPosition,
    /// Whether nothing more may go now.
    pub is_done: bool,
    /// Whether more would go, were it not for [`Expiry::up_to`].
    pub is_held: bool,
    /// Whether the log is larger than [`Expiry::size_max_bytes`] even so, with few observations left.
    pub is_short: bool,
}

/// Why the log did not take a group of batches, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No room. Nothing of the group was taken, and the log goes on once there is room again.
    #[error("the disk is full")]
    DiskFull,
    /// Another program holds the file's lock. Nothing of the group was taken, and the log goes on once it lets go.
    #[error("another program has locked the log's file")]
    Locked,
    /// A write failed, which no sync was waited for. Nothing of the group was taken.
    #[error("the log cannot be written: {0}")]
    NotWritten(Box<str>),
    /// The directory cannot be made, or written to.
    #[error("the data directory {path} cannot be used: {cause}")]
    Directory {
        /// Which.
        path: Box<str>,
        /// Why.
        cause: std::io::Error,
    },
    /// There is none to look at.
    #[error("there is no log at {path}")]
    Missing {
        /// The file that was looked for.
        path: Box<str>,
    },
    /// Another server has it.
    #[error("the data directory {path} is in use by another scanpost")]
    InUse {
        /// Which.
        path: Box<str>,
    },
    /// A later program wrote it.
    #[error("the log has version {found}, this program knows up to {known}; it was left as it is")]
    TooNew {
        /// The version it has.
        found: i64,
        /// The latest version that is known here.
        known: i64,
    },
    /// What was read may be neither what was there before nor what is there now.
    #[error("the log was changed by a server that started while it was read: read it again")]
    Changed,
    /// What is there is not what was written.
    #[error("the log is damaged: {0}")]
    Damaged(Box<str>),
    /// It cannot be read or written. What is on disk after that only a new start can tell.
    #[error("the log failed: {0}")]
    Failed(Box<str>),
}

/// The log, whatever keeps it.
#[derive(Debug)]
pub enum Log {
    /// Keeps records until the end of the process.
    Memory(MemoryLog),
    /// Keeps records in an SQLite file.
    Sqlite(Box<SqliteLog>),
}

impl Log {
    /// A log that forgets all but its newest batches, and those at the end of the process.
    pub fn in_memory(entries_max: usize) -> Self {
        Self::Memory(MemoryLog::new(entries_max))
    }

    /// The log in a directory, made if there is none.
    pub fn in_directory(path: &Path) -> Result<Self, LogError> {
        Ok(Self::Sqlite(Box::new(SqliteLog::open(path)?)))
    }

    /// Leaves commits to the operating system, for tests that end no process.
    #[cfg(test)]
    pub(crate) fn skip_syncs(&self) {
        if let Self::Sqlite(log) = self {
            log.skip_syncs();
        }
    }

    /// Takes all of `records`, in order, or none of them. They are durable when this returns.
    pub fn append(&mut self, records: Vec<Record>) -> Result<Vec<Entry>, LogError> {
        match self {
            Self::Memory(log) => Ok(log.append(records)),
            Self::Sqlite(log) => log.append(records),
        }
    }

    /// Takes out the oldest observations of those that may go: a small step, after which more may be left.
    pub fn expire(&mut self, expiry: &Expiry) -> Result<Expired, LogError> {
        match self {
            Self::Memory(log) => Ok(log.expire(expiry)),
            Self::Sqlite(log) => log.expire(expiry),
        }
    }

    /// Up to which batch the observations are gone.
    pub fn expired_to(&self) -> Result<LogPosition, LogError> {
        match self {
            Self::Memory(log) => Ok(log.expired_to()),
            Self::Sqlite(log) => log.expired_to(),
        }
    }

    /// Gives the records behind `after` to `visit`, in order, until it breaks off; expired ones are left out.
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

    /// What is remembered of the newest `count` batches that have an identity.
    pub fn resendable(&self, count: usize) -> Result<Resendable, LogError> {
        match self {
            Self::Memory(log) => Ok(log.resendable(count)),
            Self::Sqlite(log) => log.resendable(count),
        }
    }

    /// Who sent the last `count` batches up to `to`, and when they came; oldest first.
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

    /// The receipt of the batch at a position.
    pub fn receipt(&self, position: LogPosition) -> Result<Option<StoredReceipt>, LogError> {
        match self {
            Self::Memory(log) => Ok(log.receipt(position)),
            Self::Sqlite(log) => log.receipt(position),
        }
    }

    /// Reads what single devices said. `None` where the log has no file.
    pub fn history(&self) -> Option<History> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite(log) => Some(log.history()),
        }
    }

    /// The place of the newest record.
    pub fn last(&self) -> LogPosition {
        match self {
            Self::Memory(log) => log.last(),
            Self::Sqlite(log) => log.last(),
        }
    }

    /// The identity that what this server shows and raises is made with. All servers of a fleet share it.
    pub fn server_uuid(&self) -> Uuid {
        match self {
            Self::Memory(log) => log.server_uuid(),
            Self::Sqlite(log) => log.server_uuid(),
        }
    }

    /// The identity of this server alone: that of the records that it takes.
    pub fn node(&self) -> Uuid {
        match self {
            Self::Memory(log) => log.node(),
            Self::Sqlite(log) => log.node(),
        }
    }
}
