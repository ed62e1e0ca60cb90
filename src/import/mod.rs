//! Files that people have already: recognised by content, read row by row, and taken as reports, each row once.
//!
//! The module knows no HTTP and has no `async`. An import is history: it raises no alerts, and does not count as a
//! contact of its source.

mod account;
mod capture;
mod clock;
mod copy;
mod counts;
pub(crate) mod database;
mod folder;
pub(crate) mod form;
mod identity;
mod job;
mod json;
mod lines;
mod recognise;
pub(crate) mod rows;
mod sources;
mod store;
mod taking;
mod track;
mod unpack;
mod values;
mod worker;
mod xml;
mod zip;
pub(crate) mod zone;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) use self::account::FileAccount;
pub(crate) use self::copy::{check as check_copy, copy};
use self::counts::Counts;
pub(crate) use self::database::DatabaseBounds;
pub use self::database::{read_database, use_program};
pub(crate) use self::form::Form;
pub(crate) use self::job::{Job, Options, State};
pub(crate) use self::sources::SourceRules;
use self::store::Store;
use self::taking::Interrupted;
use self::unpack::remove_if_there;
pub(crate) use self::unpack::{UnpackBounds, shown_name};
pub(crate) use self::zone::Zone;
use crate::data_dir::{DataDir, private};
use crate::events::Events;
use crate::ingest::Ingest;

/// What bounds imports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImportBounds {
    pub(crate) unpack: UnpackBounds,
    pub(crate) database: DatabaseBounds,
    /// Imports that wait or run.
    pub(crate) jobs_max: usize,
}

/// Why an import is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("{max} imports are waiting already, see import.jobs_max; try again later")]
    TooMany { max: usize },
    #[error("cannot write to the data directory: {0}")]
    Io(#[from] io::Error),
}

/// The parts of the server that imports use.
#[derive(Debug)]
pub(crate) struct ImportParts {
    pub(crate) ingest: Ingest,
    pub(crate) events: Events,
    pub(crate) sources: SourceRules,
}

/// All imports. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Imports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    bounds: ImportBounds,
    counts: Counts,
    board: Mutex<Board>,
    changed: Condvar,
}

/// The imports of a server that runs, and their threads.
#[derive(Debug)]
pub(crate) struct Importing {
    imports: Imports,
    threads: Vec<JoinHandle<()>>,
}

impl Importing {
    /// Opens the imports of a data directory, and starts to carry them out. Without a name, no folder is watched.
    pub(crate) fn start(
        data: &DataDir,
        bounds: ImportBounds,
        (folder, skew_max): (&Path, Duration),
        parts: ImportParts,
    ) -> io::Result<Self> {
        let imports = Imports::open(data, bounds)?;
        let mut threads = vec![worker::start(Arc::clone(&imports.0), parts)?];
        if !folder.as_os_str().is_empty() {
            threads.push(folder::start(imports.clone(), folder, skew_max)?);
        }
        Ok(Self { imports, threads })
    }

    pub(crate) fn imports(&self) -> Imports {
        self.imports.clone()
    }

    /// Stops the threads, and waits for them. What they have begun goes on after the next start.
    pub(crate) fn stop(self) {
        self.imports.0.lock().is_stopping = true;
        self.imports.0.changed.notify_all();
        for thread in self.threads {
            // A thread that panicked has logged that.
            thread.join().ok();
        }
    }
}

/// What the threads share.
#[derive(Debug, Default)]
struct Board {
    /// The ids of all jobs.
    ids: BTreeSet<u64>,
    /// The jobs that are not over.
    live: BTreeMap<u64, Job>,
    waiting: VecDeque<u64>,
    cancelled: BTreeSet<u64>,
    next: u64,
    is_stopping: bool,
}

impl Imports {
    /// Opens the imports of a data directory. Those that were not over wait to go on.
    fn open(data: &DataDir, bounds: ImportBounds) -> io::Result<Self> {
        let store = Store::open(data)?;
        let mut board = Board::default();
        for id in store.job_ids()? {
            board.ids.insert(id);
            board.next = id + 1;
        }
        board.next = board.next.max(1);
        // The newest jobs are not over. Only an accident leaves older ones, and those wait too.
        for id in board.ids.iter().rev().take(bounds.jobs_max * 2) {
            if let Some(job) = store.job(*id)?
                && !job.state.is_over()
            {
                board.live.insert(*id, job);
            }
        }
        store.clear_spool_except(&board.live)?;
        board.waiting = board.live.keys().copied().collect();
        Ok(Self(Arc::new(Shared {
            store,
            bounds,
            counts: Counts::default(),
            board: Mutex::new(board),
            changed: Condvar::new(),
        })))
    }

    /// The id of a new import, whose files may now be written.
    pub(crate) fn reserve(&self) -> Result<u64, ImportError> {
        let mut board = self.0.lock();
        let max = self.0.bounds.jobs_max;
        if max <= board.live.len() {
            return Err(ImportError::TooMany { max });
        }
        let id = board.next;
        board.next += 1;
        Ok(id)
    }

    /// The file `number` of an import, to be written.
    pub(crate) fn new_spool(&self, id: u64, number: usize) -> io::Result<File> {
        let path = self.0.store.spool(id, number);
        remove_if_there(&path)?;
        private().create_new(true).open(path)
    }

    /// Removes what was written for an import that is not added.
    pub(crate) fn discard(&self, id: u64) {
        // What stays is removed with the next import of that id.
        self.0.store.clear_spool(id).ok();
    }

    /// Adds an import whose files are written.
    pub(crate) fn add(&self, job: Job) -> Result<(), ImportError> {
        self.0.store.save_job(&job)?;
        let mut board = self.0.lock();
        board.ids.insert(job.id);
        board.waiting.push_back(job.id);
        board.live.insert(job.id, job);
        drop(board);
        self.0.changed.notify_all();
        Ok(())
    }

    /// Waits until an import is over, at most so long, and returns it.
    pub(crate) fn wait(&self, id: u64, longest: Duration) -> io::Result<Option<Job>> {
        let end = Instant::now() + longest;
        let mut board = self.0.lock();
        while board.live.contains_key(&id) && !board.is_stopping {
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.0.changed.wait_timeout(board, left);
            board = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(board);
        self.job(id)
    }

    pub(crate) fn job(&self, id: u64) -> io::Result<Option<Job>> {
        if let Some(job) = self.0.lock().live.get(&id) {
            return Ok(Some(job.clone()));
        }
        self.0.store.job(id)
    }

    /// Imports, the newest first, of those with a smaller id than `before`.
    pub(crate) fn list(&self, before: Option<u64>, count: usize) -> io::Result<Vec<Job>> {
        let ids: Vec<u64> = {
            let board = self.0.lock();
            let older = board.ids.range(..before.unwrap_or(u64::MAX));
            older.rev().take(count).copied().collect()
        };
        let jobs = ids.into_iter().map(|id| self.job(id));
        jobs.filter_map(Result::transpose).collect()
    }

    /// The import of a file of the watched folder that is not over.
    fn of_watched(&self, name: &str) -> Option<u64> {
        let board = self.0.lock();
        let mut live = board.live.values();
        let found = live.find(|job| job.options.watched.as_deref() == Some(name));
        found.map(|job| job.id)
    }

    /// Cancels an import that is not over. What was taken stays.
    pub(crate) fn cancel(&self, id: u64) {
        let mut board = self.0.lock();
        if board.live.contains_key(&id) {
            board.cancelled.insert(id);
        }
        drop(board);
        self.0.changed.notify_all();
    }

    /// How many imports wait or run.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().live.len()
    }

    /// Imports that were over since the start, by their state.
    pub(crate) fn ended_by_state(&self) -> BTreeMap<String, u64> {
        self.0.counts.ended()
    }

    /// Files that were read since the start, by form.
    pub(crate) fn files_by_form(&self) -> BTreeMap<String, u64> {
        self.0.counts.files()
    }

    /// Rows that were read since the start, by what became of them.
    pub(crate) fn rows_by_outcome(&self) -> BTreeMap<String, u64> {
        self.0.counts.rows()
    }

    /// The list of all refused rows of a file, as CSV.
    pub(crate) fn refusals(&self, id: u64, file: usize) -> PathBuf {
        self.0.store.refusals(id, file)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job. `None` when the server stops.
    fn next_job(&self) -> Option<Job> {
        let mut board = self.lock();
        loop {
            if board.is_stopping {
                return None;
            }
            if let Some(id) = board.waiting.pop_front() {
                if let Some(job) = board.live.get(&id) {
                    return Some(job.clone());
                }
                continue;
            }
            board = self
                .changed
                .wait(board)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A job goes on later, before all others.
    fn put_back(&self, job: Job) {
        let mut board = self.lock();
        board.waiting.push_front(job.id);
        board.live.insert(job.id, job);
    }

    /// Waits. Returns whether the server stops.
    fn pause(&self, longest: Duration) -> bool {
        let board = self.lock();
        if board.is_stopping {
            return true;
        }
        let waited = self.changed.wait_timeout(board, longest);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_stopping
    }

    fn is_stopping(&self) -> bool {
        self.lock().is_stopping
    }

    fn interrupted(&self, id: u64) -> Option<Interrupted> {
        let board = self.lock();
        if board.is_stopping {
            return Some(Interrupted::Stopping);
        }
        board
            .cancelled
            .contains(&id)
            .then_some(Interrupted::Cancelled)
    }

    fn show(&self, job: &Job) {
        self.lock().live.insert(job.id, job.clone());
    }

    /// Shows the account of the file that is being read, behind those that are done.
    fn show_file(&self, id: u64, account: &FileAccount) {
        let mut board = self.lock();
        let Some(job) = board.live.get_mut(&id) else {
            return;
        };
        let is_same =
            |last: &FileAccount| (&last.name, &last.sha256) == (&account.name, &account.sha256);
        match job.files.last_mut().filter(|last| is_same(last)) {
            Some(last) => last.clone_from(account),
            None => job.files.push(account.clone()),
        }
    }

    fn end(&self, job: &Job) {
        let mut board = self.lock();
        board.live.remove(&job.id);
        board.cancelled.remove(&job.id);
        drop(board);
        self.changed.notify_all();
    }
}
