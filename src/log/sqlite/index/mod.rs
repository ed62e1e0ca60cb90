//! The index by address: which rows of the log belong to a device.
//!
//! An index in the database would be written in random order, and each row would cost many times as much. This one is
//! written behind the log and in sequence: the newest rows stay in memory; full parts of them become sorted files, the
//! runs; and runs are merged to larger ones, as in a log-structured merge tree. A thread does all of that.
//!
//! The log stays the only source of truth. Each run says which rows it has, and rows that are in no run and not in
//! memory are found by a scan of the log. A run that is damaged, or not of this log, is deleted, and the thread builds
//! it again from the log. So nothing depends on a run being on disk, and a crash at any time costs only that work.
//! Whatever changes rows of the log in place has to [`forget`](Index::forget) the runs that have them.

mod builder;
mod codec;
mod memory;
mod merge;
mod rows;
mod run;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tracing::warn;
use uuid::Uuid;

pub(super) use self::builder::BuilderThread;
use self::codec::Address;
use self::memory::{Memory, Part, keys_of};
pub(super) use self::rows::{IndexedRow, RowRange, bounds};
use self::run::{Run, RunError};
use crate::data_dir::DataDir;
use crate::log::{LogError, ObservationKey};

/// No part is larger: the number of a row in its part has 16 bits when it is sorted.
pub(crate) const PART_ROWS_MAX: usize = 1 << 16;

/// The index of a log. The writer adds rows, readers search it, and the builder moves rows to runs.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    data: DataDir,
    node: Uuid,
    /// How many rows a full part of the memory has. 0 means no index.
    part_rows: usize,
    state: Mutex<State>,
    /// There is work for the builder.
    work: Condvar,
    /// The builder has nothing left to do.
    #[cfg(test)]
    idle: Condvar,
}

#[derive(Debug)]
struct State {
    /// In the order of the log. Their ranges do not overlap.
    runs: Vec<Arc<Run>>,
    memory: Memory,
    /// Runs that are not used any more. Their files are to be deleted.
    dropped: Vec<Arc<Run>>,
    /// How many times rows were forgotten. What the builder has read before that may be wrong.
    forgotten: u64,
    is_work_waiting: bool,
    is_over: bool,
    #[cfg(test)]
    is_idle: bool,
}

/// The index as it is at one time, for the search of one address. The files of its runs stay readable.
#[derive(Debug)]
pub(super) struct View {
    address: Address,
    runs: Vec<Arc<Run>>,
    parts: Vec<Part>,
    open_part: Vec<ObservationKey>,
    in_memory: RowRange,
}

impl Index {
    /// Opens the runs in a data directory, and reads the newest rows into memory if they are few.
    fn open(
        data: &DataDir,
        node: Uuid,
        db: &Connection,
        part_rows: usize,
    ) -> Result<Self, LogError> {
        let part_rows = part_rows.min(PART_ROWS_MAX);
        let folder = data.path_of(crate::data_dir::HISTORY);
        let in_log = bounds(db)?;
        let runs = if part_rows == 0 {
            Vec::new()
        } else {
            builder::open_runs(&folder, node, db, in_log)?
        };
        let next = in_log.last.saturating_add(1);
        let unread = RowRange {
            first: runs.last().map_or(in_log.first, |run| {
                in_log.first.max(run.range.last.saturating_add(1))
            }),
            last: in_log.last,
        };
        // The builder reads the others in the background.
        let newest = if unread.rows() <= u64::try_from(part_rows).unwrap_or(u64::MAX) {
            rows::read(db, unread, part_rows)?
        } else {
            Vec::new()
        };
        Ok(Self {
            folder,
            data: data.clone(),
            node,
            part_rows,
            state: Mutex::new(State {
                runs,
                memory: Memory::new(&newest, next, part_rows),
                dropped: Vec::new(),
                forgotten: 0,
                is_work_waiting: false,
                is_over: false,
                #[cfg(test)]
                is_idle: false,
            }),
            work: Condvar::new(),
            #[cfg(test)]
            idle: Condvar::new(),
        })
    }

    /// Whether there is no index, so that all reads scan the log.
    fn is_off(&self) -> bool {
        self.part_rows == 0
    }

    /// Whether all rows of the log but a few are in runs or in memory. The newest rows may not have arrived yet.
    pub(super) fn has_nearly_all(&self, in_log: RowRange) -> bool {
        if self.is_off() {
            return false;
        }
        let state = self.lock();
        let mut known: Vec<_> = state.runs.iter().map(|run| run.range).collect();
        known.push(state.memory.range());
        drop(state);
        let missing: u64 = gaps(in_log, known).into_iter().map(RowRange::rows).sum();
        missing <= u64::try_from(PART_ROWS_MAX).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, state: &mut State) {
        state.is_work_waiting = true;
        self.work.notify_one();
    }

    /// Adds rows that were committed, in the order of the log.
    pub(super) fn append(&self, rows: &[IndexedRow]) {
        if self.is_off() {
            return;
        }
        let mut state = self.lock();
        if !state.memory.is_continued_by(rows)
            && let Some(first) = rows.first()
        {
            // All observations were deleted, and their row numbers are given again.
            state.memory.clear(first.id);
            let range = RowRange {
                first: first.id,
                last: i64::MAX,
            };
            state.drop_runs_of(range);
        }
        state.memory.add(rows);
        if state.memory.has_full_part() {
            self.wake(&mut state);
        }
    }

    /// Lets the builder delete the runs of rows that have expired.
    pub(super) fn rows_expired(&self) {
        let mut state = self.lock();
        self.wake(&mut state);
    }

    /// Forgets everything about some rows. The builder reads the rows of all runs that had any of them again.
    pub(super) fn forget(&self, range: RowRange) {
        let mut state = self.lock();
        state.drop_runs_of(range);
        let in_memory = state.memory.range();
        if in_memory.first <= range.last && range.first <= in_memory.last {
            state.memory.clear(in_memory.last.saturating_add(1));
        }
        self.wake(&mut state);
    }

    /// Deletes a run that cannot be used. The builder makes it again.
    fn discard(&self, run: &Arc<Run>, error: &RunError) {
        let mut state = self.lock();
        if state.remove(run) {
            warn!(file.path = run.name(), %error, "a file of the history's index cannot be used: it is deleted, and built again from the log");
        }
        self.wake(&mut state);
    }

    /// The index of now, for the search of an address.
    pub(super) fn view(&self, address: Address) -> View {
        let state = self.lock();
        View {
            address,
            runs: state.runs.clone(),
            parts: state.memory.parts(),
            open_part: state.memory.of_open_part(address),
            in_memory: state.memory.range(),
        }
    }

    /// Calls `visit` with the keys of all rows of the view's address that the index has, in no order, and returns the
    /// ranges of rows among `wanted` that it does not have. Asks between blocks whether the answer is still wanted.
    ///
    /// `None` if a run cannot be used. It is not in the view any more, and the search has to begin again.
    pub(super) fn search(
        &self,
        view: &mut View,
        wanted: RowRange,
        is_unwanted: &dyn Fn() -> bool,
        visit: &mut dyn FnMut(ObservationKey),
    ) -> Result<Option<Vec<RowRange>>, LogError> {
        let mut known = vec![view.in_memory];
        let mut buffer = Vec::new();
        for (place, run) in view.runs.iter().enumerate() {
            match search_run(run, view.address, is_unwanted, &mut buffer, visit) {
                Ok(ControlFlow::Continue(())) => known.push(run.range),
                Ok(ControlFlow::Break(())) => {
                    let reason = "nobody waits for the answer any more";
                    return Err(LogError::Failed(reason.into()));
                }
                Err(error) => {
                    self.discard(run, &error);
                    view.runs.remove(place);
                    return Ok(None);
                }
            }
        }
        let parts = view.parts.iter();
        parts
            .flat_map(|part| keys_of(part, view.address))
            .for_each(&mut *visit);
        view.open_part.iter().copied().for_each(visit);
        Ok(Some(gaps(wanted, known)))
    }

    /// Waits until the builder has nothing left to do.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        let mut state = self.lock();
        state.is_idle = false;
        self.wake(&mut state);
        let settled = self.idle.wait_while(state, |state| !state.is_idle);
        drop(settled.unwrap());
    }

    /// The ranges of the runs.
    #[cfg(test)]
    pub(super) fn run_ranges(&self) -> Vec<RowRange> {
        self.lock().runs.iter().map(|run| run.range).collect()
    }
}

impl View {
    /// A view that knows no rows, so that the log is scanned.
    pub(super) fn of_nothing(address: Address) -> Self {
        Self {
            address,
            runs: Vec::new(),
            parts: Vec::new(),
            open_part: Vec::new(),
            in_memory: RowRange { first: 1, last: 0 },
        }
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }
}

fn search_run(
    run: &Run,
    address: Address,
    is_unwanted: &dyn Fn() -> bool,
    buffer: &mut Vec<u8>,
    visit: &mut dyn FnMut(ObservationKey),
) -> Result<ControlFlow<()>, RunError> {
    for block in run.blocks_of(address) {
        if is_unwanted() {
            return Ok(ControlFlow::Break(()));
        }
        run.visit(block, address, buffer, &mut *visit)?;
    }
    Ok(ControlFlow::Continue(()))
}

impl State {
    fn uses(&self, run: &Arc<Run>) -> bool {
        self.runs.iter().any(|known| Arc::ptr_eq(known, run))
    }

    /// Stops to use a run. Returns whether it was in use.
    fn remove(&mut self, run: &Arc<Run>) -> bool {
        let count = self.runs.len();
        self.runs.retain(|known| !Arc::ptr_eq(known, run));
        let was_used = self.runs.len() < count;
        if was_used {
            self.dropped.push(Arc::clone(run));
        }
        was_used
    }

    /// Stops to use the runs that have rows of a range.
    fn drop_runs_of(&mut self, range: RowRange) {
        self.forgotten += 1;
        let has_none =
            |run: &Arc<Run>| run.range.last < range.first || range.last < run.range.first;
        let (kept, dropped) = self.runs.drain(..).partition(has_none);
        self.runs = kept;
        let dropped: Vec<_> = dropped;
        self.dropped.extend(dropped);
    }

    /// Adds a run at its place.
    fn insert(&mut self, run: Arc<Run>) {
        let place = self
            .runs
            .partition_point(|known| known.range.first < run.range.first);
        self.runs.insert(place, run);
    }
}

/// The parts of a range that are in none of the others.
fn gaps(wanted: RowRange, mut known: Vec<RowRange>) -> Vec<RowRange> {
    known.retain(|range| !range.is_empty());
    known.sort_unstable_by_key(|range| range.first);
    let mut gaps = Vec::new();
    let mut next = wanted.first;
    for range in known {
        if next < range.first && next <= wanted.last {
            gaps.push(RowRange {
                first: next,
                last: wanted.last.min(range.first - 1),
            });
        }
        next = next.max(range.last.saturating_add(1));
    }
    if next <= wanted.last {
        gaps.push(RowRange {
            first: next,
            last: wanted.last,
        });
    }
    gaps
}
