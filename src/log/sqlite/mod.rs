//! The log in an SQLite file: one row per observation, with strings in dictionary tables.
//!
//! The file is in WAL mode with full synchronous, so that a commit is on disk when it returns. Only one process uses it
//! at a time: that process locks a file next to it.

mod chain;
mod checkpoint;
mod copy;
mod erase;
mod expire;
mod extra;
mod history;
mod index;
mod kinds;
mod migrate;
mod points;
mod read;
mod reader;
mod rows;
mod search;
mod sweep;
mod texts;
mod thin;
mod track;
mod verify;
mod write;

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi, params};
use uuid::Uuid;

use self::checkpoint::Checkpointer;
pub(crate) use self::copy::copy_database;
pub use self::history::History;
use self::index::BuilderThread;
pub(crate) use self::index::PART_ROWS_MAX as INDEX_ROWS_MAX;
pub use self::reader::LogReader;
pub(crate) use self::reader::open_read_only;
use self::thin::Thinner;
pub use self::verify::{Finding, Findings, Verification};
use self::write::{Dictionaries, Tip};
use super::{
    Entry, EraseOrder, Erased, Expired, Expiry, LogError, LogOptions, LogPosition, Record,
    Resendable, StoredReceipt,
};
use crate::data_dir::{self, DataDir};
use crate::histogram::Histogram;
use crate::report::{MacAddr, ReceivedAt, SourceId};

/// The keys in `meta` of the identity that clients see, and of the identity of this server alone.
const SERVER_UUID: &str = "server_uuid";
const NODE_UUID: &str = "node_uuid";
/// With less free space, the disk is full: a commit of many reports needs about as much.
const FREE_BYTES_MIN: u64 = 1 << 20;
/// How long another program may lock the file before reports are refused.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How long a check waits for a lock.
const CHECK_PATIENCE: Duration = Duration::from_millis(300);

/// A log in an SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    /// Dropped first: the last connection that closes moves the write-ahead log into the file, and this one cannot.
    index: BuilderThread,
    db: Connection,
    data: DataDir,
    tip: Tip,
    server_uuid: Uuid,
    node: Uuid,
    numbers: Dictionaries,
    thinner: Thinner,
    syncs: Arc<Histogram>,
    _checkpointer: Checkpointer,
    /// Dropped last, because the files are in use until then.
    _lock: File,
}

impl SqliteLog {
    pub(super) fn open(directory: &Path, options: LogOptions) -> Result<Self, LogError> {
        let data = DataDir::at(directory);
        Self::open_file(directory, &data, options).map_err(|error| match error {
            LogError::DiskFull | LogError::NotWritten(_) | LogError::Failed(_)
                if data.has_no_room() =>
            {
                LogError::Directory {
                    path: directory.display().to_string().into(),
                    cause: io::ErrorKind::StorageFull.into(),
                }
            }
            error => error,
        })
    }

    fn open_file(directory: &Path, data: &DataDir, options: LogOptions) -> Result<Self, LogError> {
        let path: Box<str> = directory.display().to_string().into();
        let unusable = |cause| LogError::Directory {
            path: path.clone(),
            cause,
        };
        data.make().map_err(unusable)?;
        let lock = data.lock_for_server().map_err(|refused| match refused {
            TryLockError::WouldBlock => LogError::InUse { path: path.clone() },
            TryLockError::Error(cause) => unusable(cause),
        })?;
        data.make_files_private().map_err(unusable)?;
        let file = data.prepare_database(data_dir::LOG).map_err(unusable)?;
        let mut db = Connection::open(&file)?;
        db.set_prepared_statement_cache_capacity(64);
        // All reports wait while another program has locked the file.
        db.busy_timeout(LOCK_PATIENCE)?;
        // Migrations replace tables that other tables refer to. And an append inserts only row numbers that it has just
        // read or made: checking each of them again would double its cost.
        db.pragma_update(None, "foreign_keys", false)?;
        // A file of a later version is left unchanged, and so is its write-ahead log.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        migrate::migrate(&mut db)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        make_durable(&db)?;
        let server_uuid = uuid(&db, SERVER_UUID)?;
        let node = uuid(&db, NODE_UUID)?;
        let last: Option<i64> =
            db.query_row("SELECT max(position) FROM records", [], |row| row.get(0))?;
        Ok(Self {
            data: data.clone(),
            tip: Tip {
                at: position(last.unwrap_or_default())?,
                chain: chain::last(&db)?,
            },
            numbers: Dictionaries::load(&db)?,
            thinner: Thinner::default(),
            syncs: Arc::default(),
            _checkpointer: Checkpointer::start(&file, &mut db, checkpoint::PAGES)?,
            index: BuilderThread::start(data, (&file, &db), node, options.index_rows)?,
            db,
            server_uuid,
            node,
            _lock: lock,
        })
    }

    pub(super) fn append(&mut self, records: Vec<Record>) -> Result<Vec<Entry>, LogError> {
        // The writer also comes with a tick or a check alone. They would wait for a lock that they do not need.
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let (db, numbers) = (&mut self.db, &mut self.numbers);
        let result = write::write_all(db, self.node, numbers, &records, self.tip, &self.syncs);
        if result.is_err() {
            // The row numbers that the failed transaction assigned are void.
            self.numbers = Dictionaries::default();
        }
        let (tip, indexed) = result.map_err(|error| match error {
            LogError::NotWritten(_) if self.data.has_no_room() => LogError::DiskFull,
            error => error,
        })?;
        self.index.index().append(&indexed);
        let mut position = self.tip.at;
        self.tip = tip;
        let entries = records.into_iter().map(|record| {
            position = position.next();
            Entry { position, record }
        });
        Ok(entries.collect())
    }

    pub(super) fn syncs(&self) -> Arc<Histogram> {
        Arc::clone(&self.syncs)
    }

    /// Whether an append would succeed now. Waits for a lock only shortly, because whoever asks gives up soon.
    pub(super) fn check(&mut self, suspects_full_disk: bool) -> Result<(), LogError> {
        if self.data.has_less_than(FREE_BYTES_MIN)
            || (suspects_full_disk && self.data.has_no_room())
        {
            return Err(LogError::DiskFull);
        }
        self.db.busy_timeout(CHECK_PATIENCE)?;
        let checked = self.lock_and_read();
        self.db.busy_timeout(LOCK_PATIENCE)?;
        checked
    }

    fn lock_and_read(&mut self) -> Result<(), LogError> {
        // Takes the lock that a commit needs.
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let query = "SELECT ifnull(max(position), 0) FROM records";
        transaction.query_row(query, [], |row| row.get::<_, i64>(0))?;
        Ok(transaction.rollback()?)
    }

    pub(super) fn history(&self) -> History {
        let index = Arc::clone(self.index.index());
        History::new(self.data.path_of(data_dir::LOG), index)
    }

    pub(super) fn expire(&mut self, expiry: &Expiry) -> Result<Expired, LogError> {
        let mut expired = expire::expire(&mut self.db, self.tip.at, expiry)?;
        if expired.is_done {
            let thinned = self.thinner.step(&mut self.db, expiry)?;
            expired.observations += thinned.observations;
            expired.is_done = thinned.is_done;
            expired.is_undecided = thinned.is_undecided;
            expired.is_blocked |= thinned.is_blocked;
        }
        if expiry.is_trial {
            return Ok(expired);
        }
        if 0 < expired.observations {
            self.index.index().rows_expired();
        }
        self.numbers.sweep.count(expired.observations);
        if expired.is_done {
            let remaining = expire::remaining_max(&self.db)?;
            expired.is_done = !self.numbers.sweep(&mut self.db, remaining)?;
        }
        Ok(expired)
    }

    pub(super) fn erase(
        &mut self,
        order: &EraseOrder,
    ) -> Result<(Erased, BTreeSet<MacAddr>), LogError> {
        let erased = erase::erase(&mut self.db, order).map_err(|error| match error {
            LogError::NotWritten(_) if self.data.has_no_room() => LogError::DiskFull,
            error => error,
        })?;
        self.tip.chain = chain::last(&self.db)?;
        self.numbers = Dictionaries::load(&self.db)?;
        self.index.index().forget(index::RowRange {
            first: 0,
            last: i64::MAX,
        });
        Ok(erased)
    }

    pub(super) fn expired_to(&self) -> Result<LogPosition, LogError> {
        expire::expired_to(&self.db)
    }

    pub(super) fn deleted_to(&self) -> Result<LogPosition, LogError> {
        thin::deleted_to(&self.db)
    }

    pub(super) fn replay(
        &self,
        after: LogPosition,
        visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        read::replay(&self.db, after, visit).map(drop)
    }

    pub(super) fn resendable(&self, count: usize) -> Result<Resendable, LogError> {
        read::resendable(&self.db, count)
    }

    pub(super) fn contacts(
        &self,
        to: LogPosition,
        count: usize,
    ) -> Result<Vec<(SourceId, ReceivedAt)>, LogError> {
        read::contacts(&self.db, to, count)
    }

    pub(super) fn knows_source(&self, id: SourceId) -> Result<bool, LogError> {
        let query = "SELECT EXISTS (SELECT 1 FROM sources WHERE uuid = ?1)";
        let row = self.db.query_row(query, [id.to_string()], |row| row.get(0));
        Ok(row?)
    }

    pub(super) fn receipt(&self, at: LogPosition) -> Result<Option<StoredReceipt>, LogError> {
        read::receipt(&self.db, at)
    }

    /// Waits until the index is complete, and returns how many runs it has.
    #[cfg(test)]
    pub(super) fn settle_index(&self) -> usize {
        self.index.index().settle();
        self.index.index().run_ranges().len()
    }

    /// Limits the file to this many pages of 4 KiB. Tests simulate a full disk with it.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: Option<u32>) -> Result<(), LogError> {
        let pages = pages.unwrap_or(0xffff_fffe);
        Ok(self.db.pragma_update(None, "max_page_count", pages)?)
    }

    /// Leaves the syncs to the operating system, for tests that do not kill the process.
    #[cfg(test)]
    pub(super) fn skip_syncs(&self) {
        self.db.pragma_update(None, "synchronous", "off").unwrap();
    }

    pub(super) fn last(&self) -> LogPosition {
        self.tip.at
    }

    pub(super) fn server_uuid(&self) -> Uuid {
        self.server_uuid
    }

    pub(super) fn node(&self) -> Uuid {
        self.node
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::SystemIoFailure) if is_of_write(&error) => {
                Self::NotWritten(error.to_string().into())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string().into())
            }
            _ => Self::Failed(error.to_string().into()),
        }
    }
}

/// Whether a write failed, rather than a sync. SQLite reports a full disk with a code of its own, but not a full quota.
fn is_of_write(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| {
        [
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR_SHMSIZE,
        ]
        .contains(&code)
    })
}

/// Makes each commit wait until its data is on disk.
fn make_durable(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "synchronous", "full")
}

fn damaged(what: &str) -> LogError {
    LogError::Damaged(what.into())
}

/// Reads one of the identities in `meta`, and makes it if it is missing.
fn uuid(db: &Connection, key: &str) -> Result<Uuid, LogError> {
    db.execute(
        "INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)",
        params![key, Uuid::new_v4().to_string()],
    )?;
    let text: String = db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
        row.get(0)
    })?;
    text.parse()
        .map_err(|_| LogError::Damaged(format!("meta: the value of {key} is not a UUID").into()))
}

fn number(position: LogPosition) -> i64 {
    signed(position.get())
}

fn position(number: i64) -> Result<LogPosition, LogError> {
    Ok(LogPosition(unsigned(number)?))
}

/// SQLite's integers are signed. Nothing that is counted here needs the last bit.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, LogError> {
    u64::try_from(number).map_err(|_| damaged("a number is negative"))
}
