//! Reads the observations of single devices while the writer appends.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::read;
use crate::log::{HistoryQuery, LogError, LoggedObservation};
use crate::report::ReceivedAt;

/// How many idle connections are kept for the next reads.
const IDLE_MAX: usize = 2;

/// How many instructions of SQLite's virtual machine are run between two looks whether the answer is still wanted: about
/// 100 µs.
const INSTRUCTIONS_PER_QUESTION: i32 = 10_000;

/// Reads a log that this process writes.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl History {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::default(),
        }
    }

    /// The observations of a device, the newest first. Scans the whole log, which takes some 70 ms per million
    /// observations. It fails soon after `is_unwanted` returns true, which it is asked often.
    pub fn read(
        &self,
        wanted: &HistoryQuery,
        is_unwanted: impl FnMut() -> bool + Send + 'static,
    ) -> Result<Vec<LoggedObservation>, LogError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut db = match kept {
            Some(db) => db,
            None => Connection::open_with_flags(
                &self.path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?,
        };
        db.progress_handler(INSTRUCTIONS_PER_QUESTION, Some(is_unwanted))?;
        let observed = {
            // One transaction, so that the result is consistent even if observations expire meanwhile.
            let transaction = db.unchecked_transaction()?;
            read::history(&transaction, wanted)?
        };
        db.progress_handler(0, None::<fn() -> bool>)?;
        let mut idle = idle();
        if idle.len() < IDLE_MAX {
            idle.push(db);
        }
        Ok(observed)
    }

    /// When the oldest report that has not expired was received. `None` if there is none.
    pub(crate) fn oldest_received_at(&self) -> Result<Option<ReceivedAt>, LogError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        read::oldest_received_at(&db)
    }
}
