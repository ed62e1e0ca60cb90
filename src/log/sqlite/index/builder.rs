//! The thread that writes and merges runs, and that reads from the log what is in no run.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::codec::Address;
use super::memory::{Part, key};
use super::merge::{self, Merge, MergeError};
use super::rows::{self, IndexedRow, RowRange, bounds};
use super::run::{self, Durability, Run, RunError, RunWriter};
use super::{Index, gaps};
use crate::data_dir::DataDir;
use crate::log::{LogError, ObservationKey};

/// How long the builder rests after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(30);
/// Addresses have so many bits. What is larger is damage in the log.
const ADDRESS_BITS: u32 = 48;

/// The builder's thread. It runs until this is dropped.
#[derive(Debug)]
pub(in crate::log::sqlite) struct BuilderThread {
    index: Arc<Index>,
    thread: Option<JoinHandle<()>>,
}

impl BuilderThread {
    /// Opens the index of the log `file`, whose server is `node`, and starts the thread.
    pub(in crate::log::sqlite) fn start(
        data: &DataDir,
        (file, db): (&Path, &Connection),
        node: Uuid,
        part_rows: usize,
    ) -> Result<Self, LogError> {
        let index = Arc::new(Index::open(data, node, db, part_rows)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let builder = Builder {
            index: Arc::clone(&index),
            db: Connection::open_with_flags(file, flags)?,
            left_out: Vec::new(),
            is_filling: false,
            has_failed: false,
        };
        let thread = thread::Builder::new()
            .name("history-index".into())
            .spawn(move || builder.run())
            .map_err(|error| {
                LogError::Failed(format!("cannot start the index of the history: {error}").into())
            })?;
        Ok(Self {
            index,
            thread: Some(thread),
        })
    }

    pub(in crate::log::sqlite) fn index(&self) -> &Arc<Index> {
        &self.index
    }
}

impl Drop for BuilderThread {
    fn drop(&mut self) {
        {
            let mut state = self.index.lock();
            state.is_over = true;
            self.index.work.notify_one();
        }
        if let Some(thread) = self.thread.take() {
            // After a panic of the thread, histories are read from the log.
            thread.join().ok();
        }
    }
}

struct Builder {
    index: Arc<Index>,
    db: Connection,
    /// Ranges that have no rows, or none that can be used.
    left_out: Vec<RowRange>,
    /// Whether rows of the log are being read that are in no run.
    is_filling: bool,
    /// Whether the last attempt failed, which was logged.
    has_failed: bool,
}

enum Task {
    Delete(Vec<Arc<Run>>),
    Write(Part, Epoch),
    Merge(Vec<Arc<Run>>),
    /// Reads rows of the log that are in no run.
    Fill(RowRange, Epoch),
}

/// How many times rows had been forgotten when a task began.
type Epoch = u64;

#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Builder {
    fn run(mut self) {
        lower_priority();
        loop {
            let worked = self.work();
            let index = &self.index;
            let mut state = index.lock();
            match worked {
                Ok(()) => self.has_failed = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.has_failed, true) {
                        warn!(folder.path = %index.folder.display(), %error, "cannot write the history's index: reading the history of a device takes longer until that succeeds");
                    }
                    let waited = index
                        .work
                        .wait_timeout_while(state, RETRY_PAUSE, |state| !state.is_over);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    state.is_work_waiting = true;
                }
            }
            #[cfg(test)]
            if !state.is_work_waiting {
                state.is_idle = true;
                index.idle.notify_all();
            }
            let waited = index
                .work
                .wait_while(state, |state| !(state.is_work_waiting || state.is_over));
            state = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            state.is_work_waiting = false;
        }
    }

    /// Works until nothing is left to do.
    fn work(&mut self) -> Result<(), BuildError> {
        while let Some(task) = self.next_task()? {
            match task {
                Task::Delete(runs) => delete(&runs),
                Task::Write(part, epoch) => self.write_part(&part, epoch)?,
                Task::Merge(inputs) => self.merge(&inputs)?,
                Task::Fill(range, epoch) => self.fill(range, epoch)?,
            }
        }
        Ok(())
    }

    fn next_task(&mut self) -> Result<Option<Task>, LogError> {
        let in_log = bounds(&self.db)?;
        let mut state = self.index.lock();
        if state.is_over || self.index.is_off() {
            return Ok(None);
        }
        let expired: Vec<_> = state
            .runs
            .iter()
            .filter(|run| run.range.last < in_log.first)
            .cloned()
            .collect();
        for run in &expired {
            state.remove(run);
        }
        // Before a file is written again under the same name.
        if !state.dropped.is_empty() {
            return Ok(Some(Task::Delete(std::mem::take(&mut state.dropped))));
        }
        let epoch = state.forgotten;
        if let Some(part) = state.memory.oldest_part() {
            return Ok(Some(Task::Write(part, epoch)));
        }
        let ranges: Vec<_> = state.runs.iter().map(|run| run.range).collect();
        if let Some(inputs) = merge::due(&ranges, self.part_rows()) {
            let inputs = state.runs.get(inputs).unwrap_or_default();
            return Ok(Some(Task::Merge(inputs.to_vec())));
        }
        let wanted = RowRange {
            first: in_log.first,
            last: state.memory.range().first.saturating_sub(1),
        };
        let known = ranges.into_iter().chain(self.left_out.iter().copied());
        let gap = gaps(wanted, known.collect()).into_iter().next();
        drop(state);
        self.tell_of_filling(gap);
        Ok(gap.map(|gap| Task::Fill(gap, epoch)))
    }

    fn part_rows(&self) -> u64 {
        u64::try_from(self.index.part_rows).unwrap_or(u64::MAX)
    }

    fn tell_of_filling(&mut self, gap: Option<RowRange>) {
        if let Some(gap) = gap
            && !self.is_filling
        {
            let rows = gap.rows();
            info!(
                rows,
                "building the history's index from the log, in the background"
            );
        }
        if gap.is_none() && self.is_filling {
            info!("the history's index is complete");
        }
        self.is_filling = gap.is_some();
    }

    fn is_over(&self) -> bool {
        self.index.lock().is_over
    }

    fn write_part(&mut self, part: &Part, epoch: Epoch) -> Result<(), BuildError> {
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            return Ok(());
        };
        let range = RowRange {
            first: first.id,
            last: last.id,
        };
        if !self.write(range, part, epoch)? {
            // The rows have expired already.
            self.index.lock().memory.drop_parts_to(range.last);
        }
        Ok(())
    }

    /// Reads the first rows of a range that is in no run.
    fn fill(&mut self, gap: RowRange, epoch: Epoch) -> Result<(), BuildError> {
        let read = rows::read(&self.db, gap, self.index.part_rows)?;
        let is_whole = read.len() < self.index.part_rows;
        let range = RowRange {
            first: gap.first,
            last: match read.last() {
                Some(last) if !is_whole => last.id,
                _ => gap.last,
            },
        };
        if read.is_empty() || !self.write(range, &read, epoch)? {
            self.left_out.push(range);
        }
        Ok(())
    }

    /// Writes rows to a run, and uses it. Returns `false` if none of the rows is in the log with a record.
    fn write(
        &self,
        range: RowRange,
        rows: &[IndexedRow],
        epoch: Epoch,
    ) -> Result<bool, BuildError> {
        let Some(anchor) = rows::last_anchor(&self.db, rows)? else {
            return Ok(false);
        };
        let folder = self.index.data.make_history()?;
        let base_time = rows.first().map_or(0, |row| row.time);
        let mut writer = RunWriter::create(&folder, self.index.node, range, base_time)?;
        for_each_address(rows, |address, postings| writer.add(address, postings))?;
        let run = Arc::new(writer.finish(anchor, Durability::PageCache)?);
        let mut state = self.index.lock();
        if state.forgotten == epoch {
            state.insert(run);
            state.memory.drop_parts_to(range.last);
        } else {
            state.dropped.push(run);
        }
        Ok(true)
    }

    /// Merges runs. Parts that become full meanwhile are written in between.
    fn merge(&mut self, inputs: &[Arc<Run>]) -> Result<(), BuildError> {
        match self.merged(inputs) {
            Ok(None) => Ok(()),
            Ok(Some(run)) => {
                let mut state = self.index.lock();
                if inputs.iter().all(|input| state.uses(input)) {
                    for input in inputs {
                        state.remove(input);
                    }
                    state.insert(Arc::new(run));
                } else {
                    state.dropped.push(Arc::new(run));
                }
                Ok(())
            }
            Err(BuildOrMergeError::Merge(MergeError::Input(run, error))) => {
                self.index.discard(&run, &error);
                Ok(())
            }
            Err(BuildOrMergeError::Merge(MergeError::Output(error))) => Err(error.into()),
            Err(BuildOrMergeError::Build(error)) => Err(error),
        }
    }

    /// The merged run. `None` if the thread has to end.
    fn merged(&mut self, inputs: &[Arc<Run>]) -> Result<Option<Run>, BuildOrMergeError> {
        let kept_from = bounds(&self.db).map_err(BuildError::from)?.first;
        let place = (&*self.index.folder, self.index.node);
        let mut merge = Merge::start(place, inputs, kept_from, self.part_rows())?;
        while merge.step()? {
            if self.is_over() {
                return Ok(None);
            }
            let (part, epoch) = {
                let state = self.index.lock();
                (state.memory.oldest_part(), state.forgotten)
            };
            if let Some(part) = part {
                self.write_part(&part, epoch)?;
            }
        }
        Ok(Some(merge.finish()?))
    }
}

enum BuildOrMergeError {
    Build(BuildError),
    Merge(MergeError),
}

impl From<BuildError> for BuildOrMergeError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<MergeError> for BuildOrMergeError {
    fn from(error: MergeError) -> Self {
        Self::Merge(error)
    }
}

/// Calls `add` with the keys of each address among at most 65 536 rows, in the order of the addresses.
fn for_each_address(
    rows: &[IndexedRow],
    mut add: impl FnMut(Address, &[ObservationKey]) -> io::Result<()>,
) -> io::Result<()> {
    // One number that has both the address and the place is sorted several times faster than the rows.
    let places = (0_u16..=u16::MAX).zip(rows);
    let of_devices = places.filter(|(_, row)| row.address < 1 << ADDRESS_BITS);
    let mut sorted: Vec<u64> = of_devices
        .map(|(place, row)| row.address << u16::BITS | u64::from(place))
        .collect();
    sorted.sort_unstable();
    let mut postings = Vec::new();
    for of_address in sorted.chunk_by(|a, b| a >> u16::BITS == b >> u16::BITS) {
        let found = of_address.iter().filter_map(|number| {
            let place = usize::try_from(number & u64::from(u16::MAX)).ok()?;
            rows.get(place).map(key)
        });
        postings.clear();
        postings.extend(found);
        if let Some(number) = of_address.first() {
            add(number >> u16::BITS, &postings)?;
        }
    }
    Ok(())
}

fn delete(runs: &[Arc<Run>]) {
    for run in runs {
        if let Err(error) = run.delete() {
            // The next start finds that it is not needed, and deletes it.
            debug!(file.path = run.name(), %error, "cannot delete a file of the history's index");
        }
    }
}

/// Opens the runs in a folder that belong to this log, and deletes the others.
pub(super) fn open_runs(
    folder: &Path,
    node: Uuid,
    db: &Connection,
    in_log: RowRange,
) -> Result<Vec<Arc<Run>>, LogError> {
    let paths = run::paths(folder).unwrap_or_else(|error| {
        warn!(folder.path = %folder.display(), %error, "cannot read the history's index: it is built again from the log");
        Vec::new()
    });
    let mut runs = Vec::with_capacity(paths.len());
    for path in paths {
        match Run::open(&path, node) {
            Ok(run) if belongs(&run, db, in_log)? => runs.push(run),
            Ok(run) if run.range.last < in_log.first => delete(&[Arc::new(run)]),
            Ok(run) => refuse(&path, &RunError::Foreign, || run.delete()),
            Err(error) => refuse(&path, &error, || std::fs::remove_file(&path)),
        }
    }
    // A crash after a merge may have left its inputs: they are within the new run.
    runs.sort_unstable_by_key(|run| (run.range.first, std::cmp::Reverse(run.range.last)));
    let mut used: Vec<Arc<Run>> = Vec::with_capacity(runs.len());
    for run in runs {
        let run = Arc::new(run);
        let is_new = used
            .last()
            .is_none_or(|before| before.range.last < run.range.first);
        if is_new {
            used.push(run);
        } else {
            delete(&[run]);
        }
    }
    Ok(used)
}

/// Whether the rows of a run are those of the log.
fn belongs(run: &Run, db: &Connection, in_log: RowRange) -> Result<bool, LogError> {
    let is_within = in_log.first <= run.range.last && run.range.last <= in_log.last;
    Ok(is_within
        && run.range.first <= run.anchor.row
        && run.anchor.row <= run.range.last
        && rows::is_of_log(db, run.anchor)?)
}

fn refuse(path: &Path, error: &RunError, delete: impl FnOnce() -> io::Result<()>) {
    warn!(file.path = %path.display(), %error, "a file of the history's index cannot be used: it is deleted, and built again from the log");
    if let Err(error) = delete() {
        warn!(file.path = %path.display(), %error, "cannot delete this file of the history's index: delete it by hand");
    }
}

/// Lets threads that take reports and serve requests go first. On other systems than Linux the priority is that of the
/// whole process.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // Enough that the writer goes first, and not so much that a busy server's index falls behind.
    const NICE: i32 = 5;
    if let Err(error) = rustix::process::nice(NICE) {
        debug!(%error, "the history's index is built at normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
