//! Reads the observations of single devices while the writer appends.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tracing::warn;

use super::erase;
use super::index::{Index, RowRange, View, bounds};
use super::points;
use super::read;
use super::search::{self, Order, Search};
use crate::log::{
    Entry, EraseOrder, Erased, HistoryPoint, HistoryQuery, LogError, LogPosition,
    LoggedObservation, ObservationKey, PointQuery, What,
};
use crate::report::{Batch, MacAddr, ReceivedAt, SourceId, UnixTime};

/// How many idle connections are kept for the next reads.
const IDLE_MAX: usize = 2;

/// How many instructions of SQLite's virtual machine are run between two looks whether the answer is still wanted: about
/// 100 µs.
pub(super) const INSTRUCTIONS_PER_QUESTION: i32 = 10_000;

/// Reads a log that this process writes.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    index: Arc<Index>,
    idle: Mutex<Vec<Connection>>,
}

impl History {
    pub(super) fn new(path: PathBuf, index: Arc<Index>) -> Self {
        Self {
            path,
            index,
            idle: Mutex::default(),
        }
    }

    /// The observations of a device, the newest first. Rows that the index does not have yet are scanned, which takes
    /// some 70 ms per million. Fails soon after `is_unwanted` returns true, which it is asked often.
    pub fn read(
        &self,
        wanted: &HistoryQuery,
        is_unwanted: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<Vec<LoggedObservation>, LogError> {
        let end = key_after(wanted.until);
        let search = Search {
            from: first_key(wanted.since),
            before: wanted.before.map_or(end, |before| before.min(end)),
            order: Order::NewestFirst,
            count: wanted.count,
        };
        self.find(wanted.addr, search, is_unwanted, |db, keys| {
            read::observations(db, wanted.addr, keys)
        })
    }

    /// What a chart shows of the observations of a device, the oldest first. As quick as [`read`](Self::read).
    pub fn points(
        &self,
        wanted: &PointQuery,
        is_unwanted: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<Vec<HistoryPoint>, LogError> {
        let since = first_key(wanted.since);
        let after = wanted.after.map(|after| ObservationKey {
            id: after.id.saturating_add(1),
            ..after
        });
        let search = Search {
            from: after.map_or(since, |after| after.max(since)),
            before: key_after(wanted.until),
            order: Order::OldestFirst,
            count: wanted.count,
        };
        self.find(wanted.addr, search, is_unwanted, |db, keys| {
            points::read(db, wanted.addr, keys)
        })
    }

    /// Finds the keys of observations, and reads these. `read` returns `None` if one of them is not of the device.
    fn find<T>(
        &self,
        addr: MacAddr,
        search: Search,
        is_unwanted: impl Fn() -> bool + Clone + Send + 'static,
        read: impl Fn(&Connection, &[ObservationKey]) -> Result<Option<T>, LogError>,
    ) -> Result<T, LogError> {
        // Before the transaction, so that the index has no run of which the transaction has more rows.
        let view = self.index.view(addr.to_u64());
        let mut db = self.connection()?;
        db.progress_handler(INSTRUCTIONS_PER_QUESTION, Some(is_unwanted.clone()))?;
        let found = {
            // One transaction, so that the result is consistent even if observations expire meanwhile.
            let transaction = db.unchecked_transaction()?;
            let keys = search::keys(&transaction, (&self.index, view), search, &is_unwanted)?;
            if let Some(found) = read(&transaction, &keys)? {
                found
            } else {
                warn!("the history's index is not that of the log: it is built again from the log");
                self.index.forget(RowRange {
                    first: 0,
                    last: i64::MAX,
                });
                let view = View::of_nothing(addr.to_u64());
                let keys = search::keys(&transaction, (&self.index, view), search, &is_unwanted)?;
                let found = read(&transaction, &keys)?;
                found.ok_or_else(|| super::damaged("the rows of observations change"))?
            }
        };
        db.progress_handler(0, None::<fn() -> bool>)?;
        self.keep(db);
        Ok(found)
    }

    /// Keeps a connection for the next read.
    fn keep(&self, db: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(db);
        }
    }

    fn connection(&self) -> Result<Connection, LogError> {
        let kept = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match kept {
            Some(db) => Ok(db),
            None => Ok(Connection::open_with_flags(
                &self.path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?),
        }
    }

    /// A connection that only reads.
    pub(super) fn connect(&self) -> Result<Connection, LogError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Connection::open_with_flags(&self.path, flags)?)
    }

    /// Calls `visit` with each record after `after`, in order, until it breaks. Whoever reads a long log comes back for
    /// each part: a read that lasts long would keep the writer from emptying its write-ahead log. Returns where it began,
    /// which is later than `after` if what follows has expired.
    pub fn records(
        &self,
        after: LogPosition,
        visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<LogPosition, LogError> {
        let db = self.connection()?;
        let began = {
            let transaction = db.unchecked_transaction()?;
            read::replay(&transaction, after, visit)?
        };
        self.keep(db);
        Ok(began)
    }

    /// Counts what an order would erase. Goes through the whole log. Fails soon after `is_unwanted` returns true, which it is
    /// asked often.
    pub fn count_erased(
        &self,
        order: &EraseOrder,
        is_unwanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<Erased, LogError> {
        let mut db = self.connection()?;
        db.progress_handler(INSTRUCTIONS_PER_QUESTION, Some(is_unwanted))?;
        let counted = erase::count(&db, order)?;
        db.progress_handler(0, None::<fn() -> bool>)?;
        self.keep(db);
        Ok(counted)
    }

    /// The position of the newest record.
    pub fn end(&self) -> Result<LogPosition, LogError> {
        let db = self.connection()?;
        let query = "SELECT ifnull(max(position), 0) FROM records";
        let end = super::position(db.query_row(query, [], |row| row.get(0))?)?;
        self.keep(db);
        Ok(end)
    }

    /// Adds the sources that have sent reports themselves after a position, and not only in files. Returns the position up
    /// to which the log was read.
    pub(crate) fn add_live_sources(
        &self,
        after: LogPosition,
        sources: &mut HashSet<SourceId>,
    ) -> Result<LogPosition, LogError> {
        /// Records of one read. One that lasts long would keep the writer from emptying its write-ahead log.
        const RECORDS: u64 = 100_000;
        let end = self.end()?;
        let db = self.connection()?;
        let mut at = after;
        while at < end {
            let to = LogPosition::new(at.get().saturating_add(RECORDS)).min(end);
            read::add_sources(&db, (at, to), sources)?;
            at = to;
        }
        self.keep(db);
        Ok(at)
    }

    /// Calls `visit` with each batch of reports out of a file after `after`, in order.
    pub(crate) fn imported(
        &self,
        after: LogPosition,
        visit: &mut dyn FnMut(&Batch),
    ) -> Result<(), LogError> {
        /// Records of one read. One that lasts long would keep the writer from emptying its write-ahead log.
        const RECORDS: u32 = 1000;
        let mut at = after;
        while let Some(next) = self.next_imported(at)? {
            // The record itself is the first one of this read.
            let before = LogPosition::new(next.get().saturating_sub(1));
            // If it has expired meanwhile, the search goes on behind it.
            at = next;
            let mut left = RECORDS;
            self.records(before, &mut |entry| {
                at = at.max(entry.position);
                if let What::ImportedReports(imported) = &entry.record.what {
                    visit(&imported.batch);
                }
                left -= 1;
                if left == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        Ok(())
    }

    fn next_imported(&self, after: LogPosition) -> Result<Option<LogPosition>, LogError> {
        let db = self.connection()?;
        let next = read::next_imported(&db, after)?;
        self.keep(db);
        Ok(next)
    }

    /// Whether searches find nearly all rows by the index, so that they are quick.
    pub(crate) fn is_indexed(&self) -> Result<bool, LogError> {
        let in_log = bounds(&self.connect()?)?;
        Ok(self.index.has_nearly_all(in_log))
    }

    /// When the oldest report that has not expired was received. `None` if there is none.
    pub(crate) fn oldest_received_at(&self) -> Result<Option<ReceivedAt>, LogError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        read::oldest_received_at(&db)
    }
}

/// The first key that an observation of this time can have.
fn first_key(time: UnixTime) -> ObservationKey {
    ObservationKey { time, id: i64::MIN }
}

/// A key after those of all observations of this time.
fn key_after(time: UnixTime) -> ObservationKey {
    ObservationKey { time, id: i64::MAX }
}
