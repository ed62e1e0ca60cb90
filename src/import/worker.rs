//! The thread that carries out imports, one at a time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{error, warn};

use super::account::FileAccount;
use super::ahead::read_ahead;
use super::capture::{Captures, reading_order};
use super::checkpoint::Reached;
use super::form::{Class, Form};
use super::identity::{RowIndex, RowState};
use super::job::{Job, State};
use super::points::Points;
use super::recognise::recognise;
use super::rows::{Bounds, Companion, Context, Ending, FileError, Input, Reader, Rows};
use super::saved::Saved;
use super::sources::Sources;
use super::store::Progress;
use super::taking::{Interrupted, Submit, Taking, Task};
use super::to_log::ToLog;
use super::track::Track;
use super::unpack::{Allowance, Payload, Stop, Unpacked, unpack};
use super::zone::Zone;
use super::{ImportParts, Shared};
use crate::ingest::Ingest;
use crate::log::{Import, What};
use crate::setting_text::span_text;

/// A job that finds no room for its files fails after so many tries without progress.
const TRIES_MAX: u32 = 8;
/// The longest pause before a job is tried again, in first pauses.
const PAUSE_FACTOR_MAX: u32 = 64;
/// How often to ask whether the log has been read.
const READY_INTERVAL: Duration = Duration::from_millis(50);

/// Starts the thread. It ends after [`super::Importing::stop`].
pub(super) fn start(shared: Arc<Shared>, parts: ImportParts) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("import".into()).spawn(move || {
        while !parts.ingest.is_ready() {
            if shared.pause(READY_INTERVAL) {
                return;
            }
        }
        let saved = match Saved::open(shared.store.clone()) {
            Ok(saved) => saved,
            Err(error) => {
                error!(%error, "imports do not run: their state cannot be read");
                return;
            }
        };
        let mut worker = Worker {
            shared,
            ingest: parts.ingest,
            sources: Sources::new(parts.sources),
            saved,
            noted: 0,
        };
        worker.run();
    })
}

struct Worker {
    shared: Arc<Shared>,
    ingest: Ingest,
    sources: Sources,
    saved: Saved,
    /// How many accounts of the job that runs are on disk.
    noted: usize,
}

/// Removes what was unpacked for a job, however the job stops.
struct UnpackedFiles {
    shared: Arc<Shared>,
    job: u64,
}

impl Drop for UnpackedFiles {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        self.shared.store.clear_unpacked(self.job).ok();
    }
}

/// A file of a job, unpacked and recognised.
#[derive(Clone, Debug)]
struct JobFile {
    name: Box<str>,
    what: Result<(Payload, Option<Form>), String>,
}

impl JobFile {
    fn form(&self) -> Option<Form> {
        self.what.as_ref().ok().and_then(|(_, form)| *form)
    }

    /// The account of a file that is not read, because another one of its capture tells more.
    fn left_out_for(&self, better: &str) -> FileAccount {
        let mut account = FileAccount::of(&self.name);
        account.form = self.form();
        if let Ok((payload, _)) = &self.what {
            account.sha256 = payload.sha256.to_string();
        }
        account.note(&format!(
            "not read: {better} is of the same capture, and tells more"
        ));
        account
    }

    fn is_track(&self) -> bool {
        self.form().is_some_and(|form| form.class() == Class::Track)
    }
}

impl Worker {
    fn run(&mut self) {
        while let Some(mut job) = self.shared.next_job() {
            let carried_out = self.carry_out(&mut job);
            if carried_out.is_err() {
                self.saved.doubt();
            }
            match carried_out {
                Ok(()) => self.end(job),
                Err(Interrupted::Stopping) => return,
                Err(Interrupted::Cancelled) => {
                    job.state = State::Cancelled;
                    self.end(job);
                }
                Err(Interrupted::Failed(reason)) => self.fail(job, reason),
                Err(Interrupted::Later(reason)) => self.try_later(job, &reason, None),
                Err(Interrupted::DiskFull) => {
                    let advice = "free some space, and send the files again";
                    self.try_later(job, "the disk is full", Some(advice));
                }
                Err(Interrupted::FileTooLarge) => {
                    let reason = "the system lets no file become so large";
                    let advice = "raise its limit of the size of a file, and send the files again";
                    self.try_later(job, reason, Some(advice));
                }
            }
        }
    }

    fn fail(&mut self, mut job: Job, reason: String) {
        warn!(import.id = job.id, reason, "an import failed");
        job.state = State::Failed;
        job.error = Some(reason);
        self.end(job);
    }

    /// The job is tried again after a pause, which doubles each time. Meanwhile it can be cancelled, and others run. With
    /// an advice, it is given up after some tries.
    fn try_later(&mut self, mut job: Job, reason: &str, advice: Option<&str>) {
        if self.shared.interrupted(job.id) == Some(Interrupted::Cancelled) {
            job.state = State::Cancelled;
            return self.end(job);
        }
        let progress = self.saved.progress_of(job.id);
        let tries = self.shared.count_try(job.id, progress);
        if let Some(advice) = advice
            && TRIES_MAX <= tries
        {
            let reason =
                format!("{reason}: the import was tried {tries} times and given up; {advice}");
            return self.fail(job, reason);
        }
        let factor = 2u32.saturating_pow(tries - 1).min(PAUSE_FACTOR_MAX);
        let pause = self.shared.bounds.retry_delay.saturating_mul(factor);
        let id = job.id;
        job.state = State::Waiting;
        job.error = Some(format!("{reason}; tried again after {}", span_text(pause)));
        self.shared.postpone(job, pause, progress.is_some());
        // Who reads it finds the job waiting.
        warn!(
            import.id = id,
            reason,
            ?pause,
            "an import waits, and is tried again"
        );
    }

    fn end(&mut self, mut job: Job) {
        let is_read = job.files.iter().any(FileAccount::is_read);
        if job.state == State::Running {
            job.state = if is_read { State::Done } else { State::Failed };
        }
        let id = job.id;
        self.shared.end(job);
        // Progress of a job that is over says nothing, so this may fail.
        if let Err(error) = self.saved.forget_progress() {
            error!(import.id = id, %error, "the state of imports cannot be written");
        }
    }

    fn carry_out(&mut self, job: &mut Job) -> Result<(), Interrupted> {
        job.state = State::Running;
        job.error = None;
        self.shared.show(job);
        let _unpacked = UnpackedFiles {
            shared: Arc::clone(&self.shared),
            job: job.id,
        };
        let files = self.unpack_all(job)?;
        job.files_total = files.len();
        let progress = self.saved.progress_of(job.id);
        let first = progress.map_or(0, |progress| progress.file);
        job.files.truncate(first);
        self.noted = job.files.len();
        self.shared.show(job);
        let track = self.track(job, &files)?;
        let mut captures = Captures::default();
        job.files.iter().for_each(|account| captures.add(account));
        for (number, file) in files.iter().enumerate().skip(job.files.len()) {
            if let Some(interrupted) = self.shared.interrupted(job.id) {
                return Err(interrupted);
            }
            let progress = progress.filter(|progress| progress.file == number);
            let (account, stopped) = match captures.better_than(&file.name, file.form()) {
                Some(better) => (file.left_out_for(better), None),
                None => self.take_file(job, (number, file), (&files, &track), progress)?,
            };
            captures.add(&account);
            self.shared.show_done(job.id, number, &account);
            job.files.push(account);
            if let Some(stopped) = stopped {
                return Err(stopped);
            }
        }
        Ok(())
    }

    fn unpack_all(&self, job: &Job) -> Result<Vec<JobFile>, Interrupted> {
        let mut files = Vec::new();
        let stop = || self.shared.interrupted(job.id);
        let folder = self.shared.store.spool_folder();
        let bounds = self.shared.bounds.unpack;
        let mut allowance = Allowance::new(bounds, job.uploads.len(), &folder, &stop);
        for (number, name) in job.uploads.iter().enumerate() {
            let packed = self.shared.store.spool(job.id, number);
            if !packed.try_exists()? {
                let reason = format!("the upload {name} is not on disk any more: send it again");
                return Err(Interrupted::Failed(reason));
            }
            let sha256 = job.uploads_sha256.get(number).map(String::as_str);
            for unpacked in unpack(&packed, name, sha256, &mut allowance)? {
                files.push(match unpacked {
                    Unpacked::Refused { name, reason } => JobFile {
                        name,
                        what: Err(reason),
                    },
                    Unpacked::Payload(payload) => {
                        let form = recognise(&payload.path)?;
                        JobFile {
                            name: payload.name.clone(),
                            what: Ok((payload, form)),
                        }
                    }
                });
            }
        }
        let order = reading_order(files.iter().map(|file| (&*file.name, file.form())));
        let mut files: Vec<_> = files.into_iter().map(Some).collect();
        let ordered = order
            .into_iter()
            .filter_map(|place| files.get_mut(place)?.take());
        Ok(ordered.collect())
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            database: self.shared.bounds.database,
            ..Bounds::default()
        }
    }

    /// Reads the points of all tracks. A file that cannot be read is told in its account.
    fn track(&self, job: &Job, files: &[JobFile]) -> Result<Track, Interrupted> {
        if files.len() < 2 {
            return Ok(Track::default());
        }
        let stop = || self.shared.interrupted(job.id);
        let mut points = Points::new(&stop);
        let has_points = |file: &&JobFile| file.form().is_some_and(Form::has_points);
        for file in files.iter().filter(has_points) {
            let Ok((payload, Some(form))) = &file.what else {
                continue;
            };
            let context = Context {
                bounds: self.bounds(),
                points_only: true,
                ..context(job, None, &[])
            };
            let read = read_file(form.reader(), payload, &context, &mut points);
            if let Err(FileError::Io(error)) = read {
                return Err(error.into());
            }
            if let Some(stopped) = points.stopped.take() {
                return Err(stopped);
            }
        }
        let offset_s = job.options.track_offset_s.unwrap_or_default();
        Ok(Track::new(points.list, offset_s))
    }

    fn take_file(
        &mut self,
        job: &Job,
        (number, file): (usize, &JobFile),
        (files, track): (&[JobFile], &Track),
        progress: Option<Progress>,
    ) -> Result<(FileAccount, Option<Interrupted>), Interrupted> {
        let mut account = FileAccount::of(&file.name);
        let failed = |mut account: FileAccount, reason: String| {
            account.error = Some(reason);
            Ok((account, None))
        };
        let (payload, form) = match &file.what {
            Ok((payload, form)) => (payload, *form),
            Err(reason) => return failed(account, reason.clone()),
        };
        account.sha256 = payload.sha256.to_string();
        account.cut = payload.is_cut;
        account.form = form;
        let Some(form) = form else {
            return failed(account, Form::unknown());
        };
        let reader = form.reader();
        if form.class() == Class::Track {
            let stop = || self.shared.interrupted(job.id);
            return Self::take_track(job, account, (reader, payload), files, &stop);
        }
        let key = job.options.key_of(&payload.sha256);
        if progress.is_none()
            && !job.options.dry_run
            && let Some(known) = self.shared.store.known(&key)?
        {
            let duplicate = FileAccount {
                name: account.name,
                duplicate: true,
                ..known
            };
            return Ok((duplicate, None));
        }
        let companions = companions(files, number);
        let zone = job.options.zone();
        let context = Context {
            bounds: self.bounds(),
            ..context(job, zone.as_ref(), &companions)
        };
        let progress = progress.unwrap_or_default();
        (account.taken, account.duplicates) = (progress.taken, progress.duplicates);
        let task = Task {
            form,
            options: &job.options,
            key: &key,
            sha256: &payload.sha256,
            track,
            done: progress.sightings,
        };
        let (mut account, stopped) =
            self.take_rows(job, number, account, (reader, payload, &context), task)?;
        match stopped {
            None => {}
            Some(Interrupted::Cancelled) => {
                if job.options.dry_run {
                    self.saved.discard_rows();
                } else {
                    self.saved.cancel(&mut account, &self.sources)?;
                }
                // The rows of the chunk that was being read are nowhere.
                account.rows = account.taken + account.duplicates + account.other + account.refused;
                return Ok((account, Some(Interrupted::Cancelled)));
            }
            Some(stopped) => return Err(stopped),
        }
        if job.options.dry_run {
            self.saved.discard_rows();
        } else {
            self.end_file(job, number, &account)?;
            // A file that broke off may come again in one piece, which has another hash.
            if account.is_read() && account.refused_for_source == 0 {
                self.shared.store.save_known(&key, &account)?;
            }
        }
        Ok((account, None))
    }

    /// A track has points for the rows of other files.
    fn take_track(
        job: &Job,
        mut account: FileAccount,
        (reader, payload): (Reader, &Payload),
        files: &[JobFile],
        stop: &Stop<'_>,
    ) -> Result<(FileAccount, Option<Interrupted>), Interrupted> {
        let mut points = Points::new(stop);
        let read = read_file(reader, payload, &context(job, None, &[]), &mut points);
        match read {
            Ok(ending) => account.end(ending),
            Err(FileError::Refused(reason)) => account.error = Some(reason),
            Err(FileError::Io(error)) => return Err(error.into()),
        }
        if let Some(stopped) = points.stopped {
            return Err(stopped);
        }
        let count = points.rows + u64::try_from(points.list.len()).unwrap_or_default();
        (account.rows, account.other) = (count, count);
        account.others.insert("track_point".to_owned(), count);
        if !files
            .iter()
            .any(|file| file.form().is_some() && !file.is_track())
        {
            account.error = Some(
                "a track alone has no sightings: import it together with the file that needs places"
                    .to_owned(),
            );
        }
        Ok((account, None))
    }

    fn take_rows(
        &mut self,
        job: &Job,
        number: usize,
        account: FileAccount,
        (reader, payload, context): (Reader, &Payload, &Context<'_>),
        task: Task<'_>,
    ) -> Result<(FileAccount, Option<Interrupted>), Interrupted> {
        let mut index = self.saved.take_rows(job.id, &self.sources)?;
        if !job.options.dry_run {
            let place = (job.id, number);
            self.saved.begin(place, &mut index, &self.sources)?;
        }
        let refusals = self.shared.store.new_refusals(job.id, number)?;
        self.sources.begin_file();
        let mut submit = ToLog::new(&self.ingest, &self.shared, &mut self.sources, job.id);
        let saved = &mut self.saved;
        let mut checkpoint = |index: &mut RowIndex, rows: RowState, reached: Reached| {
            let progress = Progress {
                job: job.id,
                file: number,
                sightings: reached.sightings,
                taken: reached.taken,
                duplicates: reached.duplicates,
            };
            saved.checkpoint(progress, (rows, reached.position), index)
        };
        let taking = Taking::new(
            task,
            account,
            &mut index,
            &mut submit,
            &mut checkpoint,
            refusals,
        );
        let mut taking = taking?;
        let read = read_ahead(
            |rows| read_file(reader, payload, context, rows),
            &mut taking,
        );
        let (mut account, stopped) = taking.finish();
        match read {
            Ok(ending) => account.end(ending),
            Err(FileError::Refused(reason)) => account.error = Some(reason),
            Err(FileError::Io(error)) => return Err(error.into()),
        }
        self.saved.put_back(index);
        Ok((account, stopped))
    }

    /// Writes that a file is done: in the log for the event, and on disk.
    fn end_file(
        &mut self,
        job: &Job,
        number: usize,
        account: &FileAccount,
    ) -> Result<(), Interrupted> {
        if 0 < account.taken {
            let mut submit = ToLog::new(&self.ingest, &self.shared, &mut self.sources, job.id);
            submit.hand_over(What::Import(Import {
                file: account.name.as_str().into(),
                format: account.form.map_or("", Form::word).into(),
                reports: account.taken,
            }))?;
            submit.settle()?;
        }
        let unnoted = job.files.iter().skip(self.noted).chain([account]);
        self.shared
            .store
            .note_accounts(job.id, self.noted, unnoted)?;
        self.noted = job.files.len() + 1;
        self.saved.end_file((job.id, number + 1), &self.sources)
    }
}

fn companions(files: &[JobFile], number: usize) -> Vec<Companion> {
    let others = files.iter().enumerate().filter(|(at, _)| *at != number);
    others
        .filter_map(|(_, file)| {
            let (payload, form) = file.what.as_ref().ok()?;
            Some(Companion {
                form: *form,
                path: payload.path.clone(),
            })
        })
        .collect()
}

fn context<'a>(job: &Job, zone: Option<&'a Zone>, companions: &'a [Companion]) -> Context<'a> {
    Context {
        zone,
        time: job.options.time,
        latest: job.latest.unwrap_or(crate::report::UnixTime::new(u32::MAX)),
        companions,
        bounds: Bounds::default(),
        points_only: false,
    }
}

/// Reads a file. A reader that panics has a defect, and must not end the thread.
fn read_file(
    reader: Reader,
    payload: &Payload,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let input = Input {
        path: payload.path.clone(),
        name: payload.name.clone(),
    };
    let read = catch_unwind(AssertUnwindSafe(|| reader(&input, context, rows)));
    read.unwrap_or_else(|_| {
        let reason =
            "the reader of this form has a defect that this file shows; see the log of the server";
        Err(FileError::refused(reason))
    })
}
