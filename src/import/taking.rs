//! Takes the rows of one file: fills in what they lack, leaves out those that were imported before, and hands the others
//! to the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;

use super::account::FileAccount;
use super::checkpoint::{Checkpoints, OnTheWay, Reached, UNSAVED_MAX};
use super::form::{Class, Form};
use super::identity::{RowHash, RowIndex, RowState, hash_of};
use super::job::Options;
use super::rows::{Origin, Point, Row, Rows, Sighting};
use super::sources::{Live, NOT_COMPARED, Sources};
use super::track::Track;
use crate::log::{ImportedReports, LogError, What};
use crate::report::{Batch, BatchIdentity, Report, SourceId, UnixTime, source_name};

/// How many sightings make a batch. All sightings of the file count, also duplicates and refused ones, so that reading the
/// file again makes the same batches.
const CHUNK: u16 = 2000;
/// After how many rows without a sighting to ask whether the job has to stop.
pub(super) const ROWS_BETWEEN_QUESTIONS: u64 = 10_000;
/// Longest name of a source that a file gives.
const SOURCE_NAME_BYTES_MAX: usize = 256;
/// How many refused rows the list of a file has.
const REFUSALS_MAX: u64 = 1_000_000;

/// Takes batches to the log.
pub(super) trait Submit {
    /// Hands a batch over. It may still be on its way when this returns.
    fn hand_over(&mut self, what: What) -> Result<(), Interrupted>;

    /// How many batches were handed over, and how many of them, from the first one on, are known to be in the log.
    fn on_the_way(&self) -> OnTheWay;

    /// Waits until everything that was handed over is in the log.
    fn settle(&mut self) -> Result<(), Interrupted>;

    /// Whether the job has to stop.
    fn interrupted(&self) -> Option<Interrupted>;

    /// Shows how far the file is.
    fn show(&self, account: &FileAccount);

    /// The rules of sources.
    fn sources(&mut self) -> &mut Sources;
}

/// A source of the file.
#[derive(Debug)]
struct FileSource {
    id: SourceId,
    name: Option<Box<str>>,
    /// `None` until the first row of the source. A file may name sources that have no rows.
    met: Option<Met>,
}

/// What is known about a source.
#[derive(Clone, Debug)]
struct Met {
    /// Why its rows are refused.
    refused: Option<String>,
    /// Whether it reports live too, so that a row may be a report that it sent.
    is_live: bool,
}

/// Why a job stops before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// Somebody cancelled it.
    Cancelled,
    /// The server stops. The job goes on after its next start.
    Stopping,
    /// The log takes nothing now. The job goes on later where it was.
    Later(String),
    /// Files cannot be written, because the disk or the quota is full.
    DiskFull,
    /// A file cannot be written, because the system lets no file become so large.
    FileTooLarge,
    /// The log will not take it later either.
    Failed(String),
}

impl From<LogError> for Interrupted {
    fn from(error: LogError) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<io::Error> for Interrupted {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull,
            ErrorKind::FileTooLarge => Self::FileTooLarge,
            _ => Self::Later(error.to_string()),
        }
    }
}

/// Facts about the file that do not change while it is read.
#[derive(Debug)]
pub(super) struct Task<'t> {
    pub(super) form: Form,
    pub(super) options: &'t Options,
    /// The key of the file.
    pub(super) key: &'t str,
    pub(super) sha256: &'t str,
    pub(super) track: &'t Track,
    /// How many sightings an earlier run has done.
    pub(super) done: u64,
}

/// Notes how far a file is, with everything up to there in the log, and its rows saved.
pub(super) type Checkpoint<'c> =
    dyn FnMut(&mut RowIndex, RowState, Reached) -> Result<(), Interrupted> + 'c;

/// A sink for the rows of one file.
pub(super) struct Taking<'t> {
    pub(super) task: Task<'t>,
    pub(super) account: FileAccount,
    pub(super) index: &'t mut RowIndex,
    pub(super) submit: &'t mut dyn Submit,
    pub(super) checkpoint: &'t mut Checkpoint<'t>,
    refusals: BufWriter<File>,
    sources: Vec<FileSource>,
    /// The place of the present source.
    source: usize,
    last_origin: Option<Origin>,
    last_time: Option<UnixTime>,
    /// The sightings of the present chunk.
    chunk: Vec<Report>,
    /// The place of the source of each of them.
    places: Vec<usize>,
    hashes: Vec<RowHash>,
    /// How many sightings were read.
    read: u64,
    checkpoints: Checkpoints,
    stopped: Option<Interrupted>,
}

impl<'t> Taking<'t> {
    pub(super) fn new(
        task: Task<'t>,
        account: FileAccount,
        index: &'t mut RowIndex,
        submit: &'t mut dyn Submit,
        checkpoint: &'t mut Checkpoint<'t>,
        refusals: File,
    ) -> io::Result<Self> {
        let mut refusals = BufWriter::new(refusals);
        refusals.write_all(b"line,reason\r\n")?;
        let mut taking = Self {
            task,
            account,
            index,
            submit,
            checkpoint,
            refusals,
            sources: Vec::new(),
            source: 0,
            last_origin: None,
            last_time: None,
            chunk: Vec::new(),
            places: Vec::new(),
            hashes: Vec::new(),
            read: 0,
            checkpoints: Checkpoints::default(),
            stopped: None,
        };
        let name = taking.task.form.word().into();
        taking.set_origin(&Origin::Program { name });
        Ok(taking)
    }

    /// Takes what is left of the last chunk, and waits until all is in the log. Returns the account so far also if the job
    /// has to stop.
    pub(super) fn finish(mut self) -> (FileAccount, Option<Interrupted>) {
        if self.stopped.is_none() {
            self.end_chunk();
        }
        self.refusals.flush().ok();
        // What was handed over before somebody cancelled counts.
        if matches!(self.stopped, None | Some(Interrupted::Cancelled)) {
            let settled = self.submit.settle();
            if let Err(stopped) = settled.and_then(|()| self.end_checkpoint(true)) {
                self.stopped = Some(stopped);
            }
        }
        self.submit.show(&self.account);
        (self.account, self.stopped)
    }

    fn set_origin(&mut self, origin: &Origin) {
        let Options { source, sender, .. } = self.task.options;
        let (id, name) = match (source, origin) {
            (Some(name), _) => (SourceId::of_name(name), Some(name.as_str().into())),
            (None, Origin::Source { id, name }) => (*id, name.clone()),
            (None, Origin::Text { text, name }) => (SourceId::of_text(text), Some(name.clone())),
            (None, Origin::Program { name }) => {
                let (form, sender) = (self.task.form.word(), sender.as_deref().unwrap_or_default());
                let id = SourceId::of_text(&format!("import:{form}:{sender}"));
                (id, Some(name.clone()))
            }
        };
        let name = name.and_then(|name| source_name(&name, SOURCE_NAME_BYTES_MAX));
        let place = self.sources.iter().position(|known| known.id == id);
        self.source = place.unwrap_or(self.sources.len());
        let met = None;
        match self.sources.get_mut(self.source) {
            // The name of the program is better than the name of the form.
            Some(known) => known.name = name,
            None => self.sources.push(FileSource { id, name, met }),
        }
    }

    /// Looks up the present source, when it has its first row. Returns why its rows are refused.
    fn meet_source(&mut self) -> Result<Option<String>, Interrupted> {
        let Some(source) = self.sources.get_mut(self.source) else {
            return Ok(None);
        };
        if let Some(met) = &source.met {
            return Ok(met.refused.clone());
        }
        let rules = self.submit.sources();
        let live = rules.live(source.id, self.task.form)?;
        if live == Live::NotSearchable {
            self.account.note(NOT_COMPARED);
        }
        let met = source.met.insert(Met {
            refused: rules.admit(source.id, self.task.options).err(),
            is_live: live == Live::Yes,
        });
        Ok(met.refused.clone())
    }

    fn refuse(&mut self, line: u64, reason: String) {
        if self.account.refused < REFUSALS_MAX {
            let text = reason.replace('"', "\"\"");
            // A list that cannot be written does not stop the import.
            write!(self.refusals, "{line},\"{text}\"\r\n").ok();
        }
        self.account.refuse(line, reason);
    }

    fn sighting(&mut self, line: u64, mut sighting: Sighting) {
        let is_log = self.task.form.class() == Class::Log;
        if sighting.time.is_none() {
            self.account.without_time += 1;
        }
        let Some(time) = sighting.time.or(self.last_time.filter(|_| is_log)) else {
            let reason = "time: the row has none, and no earlier row of the file has one";
            return self.refuse(line, reason.to_owned());
        };
        self.last_time = Some(time);
        if sighting.position.is_none() && !self.task.track.is_empty() {
            sighting.position = self.task.track.place_at(time);
            sighting.marks.is_on_track = sighting.position.is_some();
        }
        self.read += 1;
        match self.meet_source() {
            Ok(None) => self.take(time, sighting),
            Ok(Some(reason)) => {
                self.account.refused_for_source += 1;
                self.refuse(line, reason);
            }
            Err(stopped) => {
                self.stopped = Some(stopped);
                return;
            }
        }
        if self.task.done < self.read && self.read.is_multiple_of(CHUNK.into()) {
            self.end_chunk();
        }
    }

    /// Adds a sighting to the chunk, unless an earlier run has taken it.
    fn take(&mut self, time: UnixTime, sighting: Sighting) {
        self.account.see(time, sighting.position);
        if self.read <= self.task.done {
            return;
        }
        let report = sighting.into_report(time);
        let source = self.sources.get(self.source).map(|source| source.id);
        let has_name = self.task.form.names_identify();
        self.hashes.push(hash_of(
            source.unwrap_or(SourceId::new(uuid::Uuid::nil())),
            &report,
            has_name,
        ));
        if self.chunk.is_empty() {
            self.chunk.reserve_exact(CHUNK.into());
        }
        self.chunk.push(report);
        self.places.push(self.source);
    }

    fn end_chunk(&mut self) {
        if let Err(stopped) = self.try_end_chunk() {
            self.stopped = Some(stopped);
        }
    }

    fn try_end_chunk(&mut self) -> Result<(), Interrupted> {
        if let Some(interrupted) = self.submit.interrupted() {
            return Err(interrupted);
        }
        let mut is_new = self.index.add(&self.hashes)?;
        self.hashes.clear();
        self.leave_out_live(&mut is_new)?;
        let count = |wanted: bool| {
            let counted = is_new.iter().filter(|is_new| **is_new == wanted);
            u64::try_from(counted.count()).unwrap_or_default()
        };
        self.account.taken += count(true);
        self.account.duplicates += count(false);
        let chunk = std::mem::take(&mut self.chunk);
        let new = new_of_sources(chunk, &self.places, &is_new);
        self.places.clear();
        // The first chunk of a file has the number 0.
        let number = self.read.div_ceil(CHUNK.into()).saturating_sub(1);
        if !self.task.options.dry_run {
            for (place, reports) in new {
                if let Some(source) = self.sources.get(place) {
                    let batch = self.batch(source.id, source.name.clone(), number, reports);
                    self.submit.hand_over(batch)?;
                }
            }
            self.checkpoint()?;
        }
        self.submit.show(&self.account);
        Ok(())
    }

    /// Begins a checkpoint if one is due. Nobody waits for the log or the disk here: reading and writing go on.
    fn checkpoint(&mut self) -> Result<(), Interrupted> {
        self.end_checkpoint(UNSAVED_MAX <= self.index.unsaved())?;
        let on_the_way = self.submit.on_the_way();
        let reached = Reached {
            unsaved: self.index.unsaved(),
            sightings: self.read,
            taken: self.account.taken,
            duplicates: self.account.duplicates,
            position: on_the_way.position,
        };
        match self.checkpoints.begin(on_the_way, reached) {
            Some(reached) => Ok(self.index.save_meanwhile(reached.unsaved)?),
            None => Ok(()),
        }
    }

    /// Notes the checkpoint whose rows are saved, if there is one.
    fn end_checkpoint(&mut self, waits: bool) -> Result<(), Interrupted> {
        if let Some(rows) = self.index.saved_meanwhile(waits)?
            && let Some(reached) = self.checkpoints.end()
        {
            (self.checkpoint)(self.index, rows, reached)?;
        }
        Ok(())
    }

    /// Rows that their source reported live are not new.
    fn leave_out_live(&mut self, is_new: &mut [bool]) -> Result<(), Interrupted> {
        let has_name = self.task.form.names_identify();
        for ((place, report), is_new) in self.places.iter().zip(&self.chunk).zip(is_new) {
            let source = self.sources.get(*place);
            let live = source.filter(|source| source.met.as_ref().is_some_and(|met| met.is_live));
            if let Some(source) = live.filter(|_| *is_new) {
                *is_new = !self.submit.sources().has(source.id, report, has_name)?;
            }
        }
        Ok(())
    }

    fn batch(
        &self,
        source: SourceId,
        source_name: Option<Box<str>>,
        number: u64,
        reports: Vec<Report>,
    ) -> What {
        let key = format!("import:{}:{number}", self.task.key);
        What::ImportedReports(ImportedReports {
            file: self.task.sha256.into(),
            batch: Batch {
                source,
                source_name,
                technology: None,
                identity: Some(BatchIdentity::of_key(source, key.as_bytes())),
                reports,
                rejected: Vec::new(),
            },
        })
    }

    fn go_on(&self) -> ControlFlow<()> {
        match self.stopped {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    }
}

/// The new reports of a chunk by the place of their source, in the order of the places.
fn new_of_sources(
    chunk: Vec<Report>,
    places: &[usize],
    is_new: &[bool],
) -> BTreeMap<usize, Vec<Report>> {
    // Most chunks have one source and new rows alone, and moving them costs.
    if let Some((first, others)) = places.split_first()
        && others.iter().all(|place| place == first)
        && is_new.iter().all(|is_new| *is_new)
    {
        return BTreeMap::from([(*first, chunk)]);
    }
    let mut of_sources = BTreeMap::<_, Vec<_>>::new();
    for ((report, place), is_new) in chunk.into_iter().zip(places).zip(is_new) {
        if *is_new {
            of_sources.entry(*place).or_default().push(report);
        }
    }
    of_sources
}

impl Rows for Taking<'_> {
    fn row(&mut self, line: u64, row: Row) -> ControlFlow<()> {
        self.account.rows += 1;
        match row {
            Row::Sighting(sighting) => self.sighting(line, *sighting),
            Row::Other(kind) => self.account.count_other(kind),
            Row::Refused(reason) => self.refuse(line, reason),
        }
        if self.account.rows.is_multiple_of(ROWS_BETWEEN_QUESTIONS) {
            return self.still_wanted();
        }
        self.go_on()
    }

    /// Points were read before, for all files.
    fn point(&mut self, _: Point) -> ControlFlow<()> {
        self.go_on()
    }

    fn still_wanted(&mut self) -> ControlFlow<()> {
        if self.stopped.is_none() {
            self.stopped = self.submit.interrupted();
        }
        self.go_on()
    }

    fn origin(&mut self, origin: &Origin) {
        if self.last_origin.as_ref() != Some(origin) {
            self.set_origin(origin);
            self.last_origin = Some(origin.clone());
        }
    }
}
