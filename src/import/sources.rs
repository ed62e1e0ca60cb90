//! The sources that the rows of imports name: who may import for which, how many new ones there may be, and which of them
//! report live too.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::form::Form;
use super::identity::{RowHash, hash_of};
use super::job::Options;
use super::taking::Interrupted;
use crate::auth::{NotYours, SourceOwners};
use crate::log::{History, HistoryQuery, LogError, LogPosition};
use crate::report::{Report, SourceId};
use crate::tracker::Tracker;

/// The window over which new sources are counted.
const HOUR: Duration = Duration::from_secs(3600);
/// Observations of one device in one second that are compared with a row.
const OBSERVATIONS_MAX: usize = 1000;
/// A note: rows could not be compared with live reports.
pub(super) const NOT_COMPARED: &str = "the source reports live too, and rows were not compared with its live reports: \
     that needs the index of histories, which is off (limits.history_memory_rows) or still being built";

/// What decides about sources.
#[derive(Debug)]
pub(crate) struct SourceRules {
    pub(crate) tracker: Arc<Tracker>,
    /// Who may report for which source. Absent where everybody may.
    pub(crate) owners: Option<Arc<SourceOwners>>,
    /// The observations in the log. Absent for a log without a file.
    pub(crate) history: Option<History>,
    /// New sources that a sender may bring in an hour. 0 means no limit.
    pub(crate) new_per_hour_max: u32,
}

/// The sources of imports.
#[derive(Debug)]
pub(super) struct Sources {
    rules: SourceRules,
    /// The new sources of each sender in the last hour.
    new: HashMap<Option<String>, Vec<(Instant, SourceId)>>,
    /// New sources whose first reports are still on their way to the log.
    admitted: Vec<SourceId>,
    /// Sources that have reported live.
    live: HashSet<SourceId>,
    /// How far the log was searched for them.
    searched: LogPosition,
}

/// Whether the rows of a source have to be compared with its live reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Live {
    /// It has none.
    No,
    Yes,
    /// It has some, and finding them would take too long.
    NotSearchable,
}

impl Sources {
    pub(super) fn new(rules: SourceRules) -> Self {
        Self {
            rules,
            new: HashMap::new(),
            admitted: Vec::new(),
            live: HashSet::new(),
            searched: LogPosition::START,
        }
    }

    /// Begins a file. The rows of earlier files are in the log, or were refused by it.
    pub(super) fn begin_file(&mut self) {
        self.admitted.clear();
    }

    /// Whether a sender may import for a source. If not, the error is the reason. A trial neither counts a new source nor
    /// gives it an owner.
    pub(super) fn admit(&mut self, source: SourceId, options: &Options) -> Result<(), String> {
        let needs_owner = self.needs_owner(source, options)?;
        let is_new = !self.rules.tracker.has_source(source);
        if is_new {
            self.find_place(source)?;
            self.count_new(source, options)?;
        }
        if options.dry_run {
            return Ok(());
        }
        // This comes last, because an owner stays even if the source never reports.
        if needs_owner {
            self.claim(source, options)?;
        }
        if is_new {
            self.admitted.push(source);
        }
        Ok(())
    }

    /// Whether a source has to become the sender's first. The error says why the sender may not import for it.
    fn needs_owner(&self, source: SourceId, options: &Options) -> Result<bool, String> {
        // Whoever can write to the watched folder runs the server, and may import for every source.
        let is_watched = options.watched.is_some();
        let Some(owners) = self.rules.owners.as_ref().filter(|_| !is_watched) else {
            return Ok(false);
        };
        match owners.known(source.uuid(), options.identity().as_ref()) {
            None => Ok(true),
            Some(Ok(())) => Ok(false),
            Some(Err(refused)) => Err(not_yours(source, &refused)),
        }
    }

    fn claim(&self, source: SourceId, options: &Options) -> Result<(), String> {
        let (Some(owners), Some(who)) = (&self.rules.owners, options.identity()) else {
            return Ok(());
        };
        let tracker = &self.rules.tracker;
        let is_tracked = |source| tracker.has_source(SourceId::new(source));
        let claimed = owners.claim(source.uuid(), &who, is_tracked);
        claimed.map_err(|refused| not_yours(source, &refused))
    }

    /// Whether there is a place for a new source, or one that has no devices can make room.
    fn find_place(&mut self, source: SourceId) -> Result<(), String> {
        let tracker = &self.rules.tracker;
        self.admitted.retain(|known| !tracker.has_source(*known));
        let max = tracker.bounds().sources_max;
        let known = tracker.source_count() + self.admitted.len();
        let to_go = (known + 1).saturating_sub(max);
        if tracker.unused_sources(to_go, |_, _| true).len() < to_go {
            return Err(format!(
                "source: {source} is new, and the bound of {max} sources is reached, see limits.sources_max"
            ));
        }
        Ok(())
    }

    fn count_new(&mut self, source: SourceId, options: &Options) -> Result<(), String> {
        let max = self.rules.new_per_hour_max;
        let Ok(count_max) = usize::try_from(max) else {
            return Ok(());
        };
        if count_max == 0 || options.watched.is_some() {
            return Ok(());
        }
        let new = self.new.entry(options.sender.clone()).or_default();
        new.retain(|(at, _)| at.elapsed() < HOUR);
        if new.iter().any(|(_, known)| *known == source) {
            return Ok(());
        }
        if count_max <= new.len() {
            return Err(format!(
                "source: {source} is new, and {max} new ones in an hour are the limit, see limits.new_sources_per_hour_max"
            ));
        }
        if !options.dry_run {
            new.push((Instant::now(), source));
        }
        Ok(())
    }

    /// Whether a source has reported live, so that rows may be reports that it sent before. Exports of this program have the
    /// rows of each source, however they came.
    pub(super) fn live(&mut self, source: SourceId, form: Form) -> Result<Live, LogError> {
        let Some(history) = &self.rules.history else {
            return Ok(Live::No);
        };
        // A source that is not tracked has reported nothing, or was forgotten and is new.
        if !self.rules.tracker.has_source(source) {
            return Ok(Live::No);
        }
        let is_export = form == Form::Geojson;
        if !is_export && !self.live.contains(&source) {
            self.searched = history.add_live_sources(self.searched, &mut self.live)?;
        }
        if !is_export && !self.live.contains(&source) {
            return Ok(Live::No);
        }
        Ok(if history.is_indexed()? {
            Live::Yes
        } else {
            Live::NotSearchable
        })
    }

    /// Whether the log has a row already. `has_name` as for [`hash_of`].
    pub(super) fn has(
        &self,
        source: SourceId,
        report: &Report,
        has_name: bool,
    ) -> Result<bool, LogError> {
        let Some(history) = &self.rules.history else {
            return Ok(false);
        };
        let wanted = HistoryQuery {
            addr: report.device().addr,
            since: report.time,
            until: report.time,
            before: None,
            count: OBSERVATIONS_MAX,
        };
        let row = hash_of(source, report, has_name);
        let found = history.read(&wanted, || false)?;
        Ok(found.iter().any(|seen| {
            let batch = seen.entry.record.batch();
            batch.is_some_and(|batch| {
                let mut reports = batch.reports.iter();
                batch.source == source
                    && reports.any(|report| hash_of(source, report, has_name) == row)
            })
        }))
    }

    /// The end of the log. `None` for a log without a file.
    pub(super) fn end_of_log(&self) -> Result<Option<LogPosition>, LogError> {
        self.rules.history.as_ref().map(History::end).transpose()
    }

    /// The hashes of the rows that were imported after a position. With a form these are the hashes of its rows, else those
    /// with and without names, because nobody knows the form.
    pub(super) fn imported_after(
        &self,
        after: LogPosition,
        form: Option<Form>,
        visit: &mut dyn FnMut(&[RowHash]) -> io::Result<()>,
    ) -> Result<(), Interrupted> {
        let Some(history) = &self.rules.history else {
            return Ok(());
        };
        let mut visited = Ok(());
        history.imported(after, &mut |batch| {
            for has_name in [true, false] {
                if form.is_none_or(|form| form.names_identify() == has_name) {
                    let reports = batch.reports.iter();
                    let hashes = reports.map(|report| hash_of(batch.source, report, has_name));
                    let hashes: Vec<_> = hashes.collect();
                    if visited.is_ok() {
                        visited = visit(&hashes);
                    }
                }
            }
        })?;
        Ok(visited?)
    }
}

/// Why a source is not the sender's.
fn not_yours(source: SourceId, refused: &NotYours) -> String {
    match refused {
        NotYours::Owned => {
            format!("source: {source} belongs to another key or user, see auth.bind_sources")
        }
        refused => format!("source: {source} cannot be given an owner: {refused}"),
    }
}
