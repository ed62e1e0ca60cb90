//! Reads a log without changing it, whether a server runs or not.

use std::env;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{self, Path, PathBuf};
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::migrate::{VERSION, VERSION_OF_CHAIN, migrate, read_as_current};
use super::verify::{self, Verification};
use super::{SERVER_UUID, copy_database, damaged, erase, position, read, thin};
use crate::data_dir::{self, DataDir, with_suffix};
use crate::log::{Entry, EraseOrder, Erased, LogError, LogPosition};

/// Up to this size, a file with an interrupted change is copied to be read.
const UNDO_BYTES_MAX: u64 = 256 << 20;
/// The characters that need no escape in the path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// A log in an SQLite file, as it was when it was opened. The reader takes no lock that a server needs, and creates or
/// changes no file that holds data.
#[derive(Debug)]
pub struct LogReader {
    db: Connection,
    version: i64,
    at_rest: Option<AtRest>,
}

impl LogReader {
    /// Opens the log in a directory.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let path = DataDir::at(directory).path_of(data_dir::LOG);
        // Read the time first, so that a server that starts later is noticed.
        let at_rest = AtRest::new(&path)?;
        let is_at_rest = is_complete(&path);
        let db = open_read_only(&path)?;
        let at_rest = is_at_rest.then_some(at_rest);
        match db.pragma_query_value(None, "user_version", |row| row.get(0))? {
            ..0 => Err(damaged("the version is negative")),
            0 => Self::empty(&db),
            found if VERSION < found => Err(LogError::TooNew {
                found,
                known: VERSION,
            }),
            found => {
                read_as_current(&db, found)?;
                Ok(Self {
                    db,
                    version: found,
                    at_rest,
                })
            }
        }
    }

    /// A server was ended before it had created the tables. The next start creates them, so the log is empty.
    fn empty(db: &Connection) -> Result<Self, LogError> {
        let query = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = db.query_row(query, [], |row| row.get(0))?;
        if 0 < tables {
            return Err(damaged("the file has tables, but no version"));
        }
        let mut db = Connection::open_in_memory()?;
        migrate(&mut db)?;
        db.execute_batch("BEGIN")?;
        Ok(Self {
            db,
            version: VERSION,
            at_rest: None,
        })
    }

    /// Calls `visit` with each record after `after`, in order, until it fails.
    pub fn replay<E: From<LogError>>(
        &self,
        after: LogPosition,
        mut visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let read = read::replay(&self.db, after, &mut |entry| match visit(entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        self.still_at_rest()?;
        read?;
        Ok(())
    }

    /// Reads the whole log, and returns its size and its problems.
    pub fn verify(&self) -> Result<Verification, LogError> {
        let checked = verify::check(self);
        self.still_at_rest()?;
        Ok(checked)
    }

    /// Whether its records are chained. Those of earlier versions are not.
    pub(super) fn has_chain(&self) -> bool {
        VERSION_OF_CHAIN <= self.version
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    /// The position of the newest record.
    pub(crate) fn end(&self) -> Result<LogPosition, LogError> {
        let query = "SELECT ifnull(max(position), 0) FROM records";
        position(self.db.query_row(query, [], |row| row.get(0))?)
    }

    /// The last position from which observations are missing.
    pub(crate) fn deleted_to(&self) -> Result<LogPosition, LogError> {
        thin::deleted_to(&self.db)
    }

    /// The identity of the server. A log whose first start was cut short may have none.
    pub(crate) fn server_uuid(&self) -> Result<Option<Uuid>, LogError> {
        let query = "SELECT value FROM meta WHERE key = ?1";
        let text: Option<String> = self
            .db
            .query_row(query, [SERVER_UUID], |row| row.get(0))
            .optional()?;
        // A text that is not a UUID is reported by `verify`.
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Counts what an order would erase.
    pub fn count_erased(&self, order: &EraseOrder) -> Result<Erased, LogError> {
        let counted = erase::count(&self.db, order)?;
        self.still_at_rest()?;
        Ok(counted)
    }

    /// Copies the log into the empty file at `to`, as it was when this reader was opened.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<(), LogError> {
        copy_database(&self.db, to)?;
        self.still_at_rest()
    }

    fn still_at_rest(&self) -> Result<(), LogError> {
        match &self.at_rest {
            Some(at_rest) if at_rest.is_over()? => Err(LogError::Changed),
            _ => Ok(()),
        }
    }
}

/// A file that nobody writes to is read without SQLite's locks. So its time and length have to show when a server
/// starts to write. They change when the server checkpoints its write-ahead log, and not before.
#[derive(Debug)]
struct AtRest {
    path: PathBuf,
    modified: SystemTime,
    length: u64,
}

impl AtRest {
    fn new(path: &Path) -> Result<Self, LogError> {
        let unusable = |cause: io::Error| {
            let path = path.display().to_string().into();
            match cause.kind() {
                io::ErrorKind::NotFound => LogError::Missing { path },
                _ => LogError::Directory { path, cause },
            }
        };
        let data = fs::metadata(path).map_err(unusable)?;
        Ok(Self {
            path: path.to_owned(),
            modified: data.modified().map_err(unusable)?,
            length: data.len(),
        })
    }

    fn is_over(&self) -> Result<bool, LogError> {
        let now = Self::new(&self.path)?;
        Ok((now.modified, now.length) != (self.modified, self.length))
    }
}

/// Opens a database for reading, and begins a transaction. Creates or changes no file that holds data, whether or not
/// another program writes to the database.
pub(crate) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    if is_complete(path) {
        // Otherwise SQLite would create the files of a write-ahead log, and leave them there.
        return connect(path, "immutable=1");
    }
    let opened = connect(path, "readonly_shm=1").or_else(|error| match error.sqlite_error_code() {
        // Beside a copy the file of the shared memory is missing, and beside a starting server it is empty. SQLite then
        // has to write it. It holds no data.
        Some(
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::FileLockingProtocolFailed,
        ) => connect(path, ""),
        _ => Err(error),
    });
    opened.or_else(|error| match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly) => open_undone(path).unwrap_or(Err(error)),
        _ => Err(error),
    })
}

/// Opens a copy of a database in which a program was ended in the middle of a change. SQLite undoes such a change when
/// it opens the file, which it cannot do without writing. `None` if the file is too large for a copy, or cannot be
/// copied.
fn open_undone(path: &Path) -> Option<rusqlite::Result<Connection>> {
    let is_small = fs::metadata(path).ok()?.len() <= UNDO_BYTES_MAX;
    let folder = DataDir::at(&env::temp_dir().join(format!("scanpost-{}", Uuid::new_v4())));
    if !is_small || !folder.make_empty().ok()? {
        return None;
    }
    let opened = ["", "-journal"]
        .into_iter()
        .try_for_each(|suffix| folder.copy_in(&with_suffix(path, suffix), suffix))
        .ok()
        .map(|()| {
            let db = Connection::open(folder.path_of(data_dir::LOG))?;
            db.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
            Ok(db)
        });
    // The open file stays readable.
    folder.remove().ok();
    opened
}

/// Whether this file has all of the log, and no server is about to append to another file.
fn is_complete(path: &Path) -> bool {
    let length = |suffix: &str| {
        let data = fs::metadata(with_suffix(path, suffix));
        data.ok().map(|data| data.len())
    };
    let is_logged_ahead = match length("-wal") {
        None => false,
        Some(0) => length("-shm").is_some(),
        Some(_) => true,
    };
    !is_logged_ahead && length("-journal").is_none()
}

/// Opens the file for reading, and begins the one transaction that all reads are part of.
fn connect(path: &Path, option: &str) -> rusqlite::Result<Connection> {
    let absolute = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = percent_encode(absolute.as_os_str().as_encoded_bytes(), PATH).to_string();
    // A path with a drive letter does not begin with a slash.
    let slash = if text.starts_with('/') { "" } else { "/" };
    let db = Connection::open_with_flags(
        format!("file://{slash}{text}?{option}"),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    Ok(db)
}
