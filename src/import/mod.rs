//! Files that people have already: recognised by content, read row by row, and taken as reports, each row once.
//!
//! The module knows no HTTP and has no `async`. An import is history: it raises no alerts, and does not count as a
//! contact of its source.

mod account;
mod ahead;
mod board;
mod capture;
mod checkpoint;
mod clock;
mod copy;
mod counts;
mod courtesy;
pub(crate) mod database;
mod erase;
mod folder;
pub(crate) mod form;
mod identity;
mod job;
mod json;
mod lines;
mod points;
mod recognise;
pub(crate) mod rows;
mod saved;
mod sources;
mod store;
mod taking;
mod to_log;
mod track;
mod unpack;
mod upload;
mod values;
mod worker;
mod xml;
mod zip;
pub(crate) mod zone;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tracing::{error, info};

pub(crate) use self::account::FileAccount;
pub(crate) use self::board::ImportSender;
use self::board::{Board, Turn};
pub(crate) use self::copy::{check as check_copy, copy};
use self::counts::Counts;
pub(crate) use self::database::DatabaseBounds;
pub use self::database::{read_database, use_program};
pub(crate) use self::erase::{clear_lost, has_waiting, rewrite_accounts};
pub(crate) use self::form::Form;
pub(crate) use self::job::{Job, Options, State};
pub(crate) use self::sources::SourceRules;
use self::store::{Progress, Store, Unlinked};
use self::taking::Interrupted;
use self::unpack::remove_if_there;
pub(crate) use self::unpack::{UnpackBounds, shown_name};
pub(crate) use self::upload::Upload;
pub(crate) use self::zone::Zone;
use crate::data_dir::{DataDir, private};
use crate::events::{EndedImport, Event, Events};
use crate::ingest::Ingest;
use crate::report::ReceivedAt;

/// What bounds imports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImportBounds {
    pub(crate) unpack: UnpackBounds,
    pub(crate) database: DatabaseBounds,
    /// How many imports may wait or run. Uploads that are still arriving count too.
    pub(crate) jobs_max: usize,
    /// How many accounts of ended imports are kept.
    pub(crate) jobs_kept_max: usize,
    /// How long the account of an import is kept after its end. `None` means for ever.
    pub(crate) jobs_kept_for: Option<Duration>,
    /// The pause after the first failed try of an import. It doubles with each further try.
    pub(crate) retry_delay: Duration,
}

/// Why an import is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("{max} imports are waiting already, see import.jobs_max; try again later")]
    TooMany { max: usize },
    #[error(
        "{max} imports of this sender are waiting or arriving already, a quarter of import.jobs_max; try again later"
    )]
    TooManyOfSender { max: usize },
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
    events: Events,
    board: Mutex<Board>,
    changed: Condvar,
}

/// A place among the imports, and the files of an upload that arrives. Dropping it removes the files and gives the place
/// back, unless the upload became an import.
#[derive(Debug)]
pub(crate) struct Arrival {
    imports: Imports,
    id: u64,
}

impl Arrival {
    /// The id that the import will have.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The file `number` of the upload, to be written.
    pub(crate) fn new_file(&self, number: usize) -> io::Result<Upload> {
        let path = self.imports.0.store.spool(self.id, number);
        remove_if_there(&path)?;
        Ok(Upload::to(private().create_new(true).open(path)?))
    }

    /// Adds the import, whose files are written.
    pub(crate) fn add(&self, job: Job) -> Result<(), ImportError> {
        let shared = &self.imports.0;
        shared.store.save_job(&job)?;
        shared.lock().add(job);
        shared.changed.notify_all();
        Ok(())
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let shared = &self.imports.0;
        let is_lost = shared.lock().give_back(self.id);
        if is_lost {
            // What stays is removed at the next start.
            shared.store.clear_spool(self.id).ok();
        }
    }
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
        let imports = Imports::open(data, bounds, parts.events.clone())?;
        imports.0.remove_old();
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

impl Imports {
    /// Opens the imports of a data directory. Those that were not over wait to go on.
    fn open(data: &DataDir, bounds: ImportBounds, events: Events) -> io::Result<Self> {
        let store = Store::open(data)?;
        let mut board = Board::default();
        board.ids.extend(store.job_ids()?);
        board.next = board.ids.last().map_or(1, |last| last + 1);
        let mut jobs = Vec::new();
        for id in store.spooled_jobs()? {
            if let Some(job) = store.job(id)?
                && !job.state.is_over()
            {
                jobs.push(job);
            }
        }
        // Jobs that are not over are among the newest ones. They count even if their files are lost.
        for id in board.ids.iter().rev().take(bounds.jobs_max * 2) {
            if jobs.iter().all(|job| job.id != *id)
                && let Some(job) = store.job(*id)?
                && !job.state.is_over()
            {
                jobs.push(job);
            }
        }
        jobs.sort_by_key(|job| job.id);
        board.resume(jobs);
        store.clear_spool_except(&board.live)?;
        Ok(Self(Arc::new(Shared {
            store,
            bounds,
            counts: Counts::default(),
            events,
            board: Mutex::new(board),
            changed: Condvar::new(),
        })))
    }

    /// Reserves a place for an upload, before its body is read.
    pub(crate) fn reserve(&self, sender: ImportSender) -> Result<Arrival, ImportError> {
        let id = self.0.lock().reserve(sender, self.0.bounds.jobs_max)?;
        Ok(Arrival {
            imports: self.clone(),
            id,
        })
    }

    /// Waits until an import is over, or until `longest` has passed, and returns it.
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

    /// Imports that somebody has sent, the newest first.
    pub(crate) fn list_of(&self, sender: Option<&str>, count: usize) -> io::Result<Vec<Job>> {
        let ids: Vec<u64> = self.0.lock().ids.iter().rev().copied().collect();
        let mut found = Vec::new();
        for id in ids {
            if count <= found.len() {
                break;
            }
            let known = self.0.lock().senders.get(&id).cloned();
            if known.is_some_and(|known| known.as_deref() != sender) {
                continue;
            }
            let Some(job) = self.job(id)? else {
                continue;
            };
            self.0.lock().note_sender(&job);
            if job.options.sender.as_deref() == sender {
                found.push(job);
            }
        }
        Ok(found)
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
        let withdrawn = self.0.lock().cancel(id);
        if let Some(mut job) = withdrawn {
            job.state = State::Cancelled;
            // It says when the job would have been tried again.
            job.error = None;
            self.0.end(job);
        }
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
        let mut looked = Instant::now();
        let mut board = self.lock();
        loop {
            if board.is_stopping {
                return None;
            }
            let pause = match board.turn(Instant::now()) {
                Turn::Job(job) => return Some(*job),
                Turn::Wait(pause) => pause,
            };
            board = self
                .changed
                .wait_timeout(board, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if board::IDLE <= looked.elapsed() {
                looked = Instant::now();
                drop(board);
                self.remove_old();
                board = self.lock();
            }
        }
    }

    /// Counts a failed try of a job. Returns how many tries in a row failed without progress.
    fn count_try(&self, id: u64, progress: Option<Progress>) -> u32 {
        self.lock().count_try(id, progress)
    }

    /// The running job is tried again after a pause.
    fn postpone(&self, job: Job, pause: Duration, has_progress: bool) {
        self.lock().postpone(job, pause, has_progress);
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
        board.is_cancelled(id).then_some(Interrupted::Cancelled)
    }

    /// Shows a job as it is when it begins.
    fn show(&self, job: &Job) {
        self.lock().live.insert(job.id, job.clone());
    }

    /// Shows the account of the file that is being read, after the accounts of the files that are done.
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

    /// Shows the account of the file `number`, which is done. The accounts of the others stay as they are, because there may
    /// be thousands.
    fn show_done(&self, id: u64, number: usize, account: &FileAccount) {
        if let Some(job) = self.lock().live.get_mut(&id) {
            job.files.truncate(number);
            job.files.push(account.clone());
        }
    }

    /// Ends a job. If that cannot be written, the job is carried out again after the next start, and finds its rows taken.
    fn end(&self, mut job: Job) {
        job.ended = Some(now_s());
        let unlinked = self.write_end(&job).inspect_err(|error| {
            error!(import.id = job.id, %error, "the end of an import cannot be written");
        });
        let sum = |count: fn(&FileAccount) -> u64| job.files.iter().map(count).sum::<u64>();
        info!(
            import.id = job.id,
            import.state = job.state.word(),
            import.rows = sum(|file| file.rows),
            import.taken = sum(|file| file.taken),
            import.duplicates = sum(|file| file.duplicates),
            import.refused = sum(|file| file.refused),
            "an import has ended"
        );
        self.counts.end(&job);
        self.lock().end(job.id);
        self.changed.notify_all();
        // The event comes last, so that a client that reads the import after it finds it ended.
        self.events.emit(Event::Import(Arc::new(EndedImport {
            id: job.id,
            state: job.state.word(),
            is_trial: job.options.dry_run,
            files: job.files.len(),
            taken: sum(|file| if file.duplicate { 0 } else { file.taken }),
        })));
        // Nobody waits for this.
        drop(unlinked);
        self.remove_old();
    }

    fn write_end(&self, job: &Job) -> io::Result<Unlinked> {
        if self.store.save_job(job).is_err() {
            // A full disk has room again without the files.
            self.store.clear_spool(job.id)?;
            self.store.save_job(job)?;
        }
        self.store.clear_spool(job.id)
    }

    /// Removes the oldest jobs that are over, past the number and the time that they are kept. The newest one stays, so
    /// that no id is given twice. What the files had stays known.
    fn remove_old(&self) {
        let ended = self.lock().ended();
        let past = ended.len().saturating_sub(self.bounds.jobs_kept_max);
        let now = now_s();
        let older = ended.split_last().map_or(&[][..], |(_, older)| older);
        for (place, id) in older.iter().enumerate() {
            // If the account cannot be read, its time is not known.
            let job = self.store.job(*id).ok().flatten();
            if past <= place {
                let Some(ended) = job.as_ref().and_then(|job| job.ended) else {
                    continue;
                };
                let is_old = self
                    .bounds
                    .jobs_kept_for
                    .is_some_and(|kept_for| ended.saturating_add(kept_for.as_secs()) <= now);
                if !is_old {
                    break;
                }
            }
            let files = job.map_or(0, |job| job.files.len());
            if let Err(error) = self.store.remove_job(*id, files) {
                error!(import.id = *id, %error, "an old import cannot be removed");
                break;
            }
            self.lock().forget(*id);
        }
    }
}

fn now_s() -> u64 {
    let now: ReceivedAt = SystemTime::now().into();
    now.time().seconds().into()
}
