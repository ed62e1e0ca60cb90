//! The log as an SQLite file: one row an observation, strings in dictionary tables.
//!
//! The file is in WAL mode with full synchronous, so that a commit is on disk when it returns. One process
//! has it at a time: a lock file next to it says so.

mod checkpoint;
mod expire;
mod extra;
mod history;
mod migrate;
mod read;
mod reader;
mod rows;
mod sweep;
mod verify;
mod write;

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, ffi, params};
use uuid::Uuid;

use self::checkpoint::Checkpointer;
pub use self::history::History;
pub use self::reader::LogReader;
pub use self::verify::{Checked, Finding, Findings};
use self::write::Dictionaries;
use super::{Answered, Entry, Expired, Expiry, Known, LogError, LogPosition};
use crate::report::{Batch, ReceivedAt, SourceId};

/// The log's file in the data directory.
const FILE: &str = "scanpost.db";
/// Held for as long as the process lives.
const LOCK_FILE: &str = "lock";
/// How long another program may hold the file's lock before reports are refused.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Written for a moment, to learn why a write failed.
const PROBE_FILE: &str = "room";
const PROBE_BYTES: usize = 65_536;
/// How often the lock is tried, and how long is waited between.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A log in an SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    db: Connection,
    directory: PathBuf,
    last: LogPosition,
    server_uuid: Uuid,
    numbers: Dictionaries,
    _checkpointer: Checkpointer,
    /// Goes last: until then the files are in use.
    _lock: File,
}

impl SqliteLog {
    pub(super) fn open(directory: &Path) -> Result<Self, LogError> {
        Self::open_file(directory).map_err(|error| match error {
            LogError::DiskFull | LogError::NotWritten(_) | LogError::Failed(_)
                if has_no_room(directory) =>
            {
                LogError::Directory {
                    path: directory.display().to_string().into(),
                    cause: io::ErrorKind::StorageFull.into(),
                }
            }
            error => error,
        })
    }

    fn open_file(directory: &Path) -> Result<Self, LogError> {
        let path: Box<str> = directory.display().to_string().into();
        let unusable = |cause| LogError::Directory {
            path: path.clone(),
            cause,
        };
        make_private(directory).map_err(unusable)?;
        let lock = File::create(directory.join(LOCK_FILE)).map_err(unusable)?;
        take(&lock).map_err(|refused| match refused {
            TryLockError::WouldBlock => LogError::InUse { path: path.clone() },
            TryLockError::Error(cause) => unusable(cause),
        })?;
        let file = directory.join(FILE);
        let mut db = Connection::open(&file)?;
        db.set_prepared_statement_cache_capacity(64);
        // While another program holds the lock all reports wait.
        db.busy_timeout(LOCK_PATIENCE)?;
        // Steps from old versions replace tables that others refer to. And the numbers of one transaction come
        // out of it: to look each of them up again would be half its cost.
        db.pragma_update(None, "foreign_keys", false)?;
        // What a later program wrote is left alone, its write-ahead log too.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        migrate::migrate(&mut db)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        make_durable(&db)?;
        let server_uuid = server_uuid(&db)?;
        let last: Option<i64> =
            db.query_row("SELECT max(position) FROM batches", [], |row| row.get(0))?;
        Ok(Self {
            directory: directory.to_owned(),
            last: position(last.unwrap_or_default())?,
            numbers: Dictionaries::learnt(&db)?,
            _checkpointer: Checkpointer::start(&file, &mut db, checkpoint::PAGES)?,
            db,
            server_uuid,
            _lock: lock,
        })
    }

    pub(super) fn append(&mut self, batches: Vec<Batch>) -> Result<Vec<Entry>, LogError> {
        let mut at = self.last;
        let result = write::write_all(&mut self.db, &mut self.numbers, &batches, &mut at);
        if result.is_err() {
            // Numbers given in a transaction that did not happen mean nothing.
            self.numbers = Dictionaries::default();
        }
        result.map_err(|error| match error {
            LogError::NotWritten(_) if has_no_room(&self.directory) => LogError::DiskFull,
            error => error,
        })?;
        let mut position = self.last;
        self.last = at;
        let entries = batches.into_iter().map(|batch| {
            position = position.next();
            Entry { position, batch }
        });
        Ok(entries.collect())
    }

    pub(super) fn history(&self) -> History {
        History::new(&self.directory)
    }

    pub(super) fn expire(&mut self, expiry: &Expiry) -> Result<Expired, LogError> {
        let mut expired = expire::expire(&mut self.db, self.last, expiry)?;
        self.numbers.sweep.count(expired.observations);
        if expired.is_done {
            let remaining = expire::remaining(&self.db)?;
            expired.is_done = !self.numbers.sweep(&mut self.db, remaining)?;
        }
        Ok(expired)
    }

    pub(super) fn expired_to(&self) -> Result<LogPosition, LogError> {
        expire::expired_to(&self.db)
    }

    pub(super) fn replay(
        &self,
        after: LogPosition,
        visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        read::replay(&self.db, after, visit)
    }

    pub(super) fn known(&self, since: ReceivedAt, count: usize) -> Result<Vec<Known>, LogError> {
        read::known(&self.db, since, count)
    }

    pub(super) fn contacts(
        &self,
        to: LogPosition,
        count: usize,
    ) -> Result<Vec<(SourceId, ReceivedAt)>, LogError> {
        read::contacts(&self.db, to, count)
    }

    pub(super) fn answered(&self, at: LogPosition) -> Result<Option<Answered>, LogError> {
        read::answered(&self.db, at)
    }

    /// Lets the file have no more than so many pages of 4 KiB: a disk without room, for tests.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: Option<u32>) -> Result<(), LogError> {
        let pages = pages.unwrap_or(0xffff_fffe);
        Ok(self.db.pragma_update(None, "max_page_count", pages)?)
    }

    pub(super) fn last(&self) -> LogPosition {
        self.last
    }

    pub(super) fn server_uuid(&self) -> Uuid {
        self.server_uuid
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

/// Whether a write failed, and not a sync: SQLite tells a full disk apart, but not a full quota.
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

/// Whether as much as a group needs cannot be written beside the log.
fn has_no_room(directory: &Path) -> bool {
    let path = directory.join(PROBE_FILE);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_data()
    });
    fs::remove_file(&path).ok();
    let kind = written.map_err(|error| error.kind());
    matches!(
        kind,
        Err(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    )
}

/// A sync is one of the disk.
fn make_durable(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "synchronous", "full")
}

/// Takes the lock, with some patience: a server that is being replaced may be on its last instructions.
fn take(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            taken => return taken,
        }
    }
    lock.try_lock()
}

fn damaged(what: &str) -> LogError {
    LogError::Damaged(what.into())
}

/// Makes the directory if there is none, for its owner only: it tells where people live.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // A directory that was there before keeps the rights that its owner chose.
    fs::metadata(path).map(drop)
}

fn server_uuid(db: &Connection) -> Result<Uuid, LogError> {
    let key = "server_uuid";
    db.execute(
        "INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)",
        params![key, Uuid::new_v4().to_string()],
    )?;
    let text: String = db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
        row.get(0)
    })?;
    text.parse()
        .map_err(|_| damaged("the server's UUID is none"))
}

fn number(position: LogPosition) -> i64 {
    signed(position.get())
}

fn position(number: i64) -> Result<LogPosition, LogError> {
    Ok(LogPosition(unsigned(number)?))
}

/// SQLite's integers are signed; nothing that is counted here reaches the last bit.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, LogError> {
    u64::try_from(number).map_err(|_| damaged("a number is negative"))
}
