//! Reads from the log what a target gets next.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use uuid::Uuid;

use super::progress::Place;
use crate::config::{Forward, UnknownSecurity};
use crate::export::{
    Added, DeviceOf, Observed, Row, UploadBounds, UploadForm, UploadWriter, is_security_known,
};
use crate::log::{Entry, History, LogError, LogPosition};
use crate::privacy::{OptedOut, Policy};
use crate::report::SourceId;
use crate::tracker::{Device, Tracker};

/// Observations that are read at a time. A read that lasts long would keep the writer from emptying its write-ahead log.
const OBSERVATIONS_PER_STEP: usize = 2048;

/// What is forwarded, and what decides about it.
#[derive(Clone, Debug)]
pub struct ForwardLog {
    /// The observations.
    pub(crate) history: Arc<History>,
    /// The devices.
    pub(crate) tracker: Arc<Tracker>,
    /// What may leave.
    pub(crate) privacy: Arc<Policy>,
    /// UUID of this server.
    pub(crate) server: Uuid,
}

/// What a target wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) form: UploadForm,
    /// UUIDs and names of sources; empty for all.
    sources: Vec<String>,
    /// Names of sources whose reports came from the service.
    own: Vec<String>,
    has_imported: bool,
    has_unknown_security: bool,
}

/// The rows of a part.
pub(super) struct Gathered {
    pub(super) body: Vec<u8>,
    pub(super) rows: u64,
    /// The end of what was read.
    pub(super) to: Place,
}

impl Wanted {
    pub(super) fn new(config: &Forward, form: UploadForm, own: Vec<String>) -> Self {
        let keeps = config.unknown_security == UnknownSecurity::Keep;
        Self {
            form,
            sources: config.sources.clone(),
            own,
            has_imported: config.imported,
            has_unknown_security: keeps || !form.states_security(),
        }
    }

    /// Whether a source is wanted, by the name that counts. What came from the service is known by the sent name, too.
    fn has_source(&self, id: SourceId, name: Option<&str>, sent_name: Option<&str>) -> bool {
        let is_named = |wanted: &String, name: Option<&str>| id.is_meant_by(wanted, name);
        let mut wanted = self.sources.iter();
        let is_wanted = self.sources.is_empty() || wanted.any(|one| is_named(one, name));
        let mut own = self.own.iter();
        is_wanted && !own.any(|one| is_named(one, name) || is_named(one, sent_name))
    }
}

/// Reads from a place on until the part is full or the log up to `end` is read. `None` if it is interrupted.
pub(super) fn gather(
    log: &ForwardLog,
    wanted: &Wanted,
    bounds: UploadBounds,
    (from, end): (Place, LogPosition),
    id: Uuid,
    is_over: impl Fn() -> bool,
) -> Result<Option<Gathered>, LogError> {
    let mut gathering = Gathering {
        log,
        wanted,
        writer: wanted.form.begin(bounds, &log.tracker, log.server),
        sources: HashMap::new(),
        at: from,
        is_full: false,
    };
    loop {
        if is_over() {
            return Ok(None);
        }
        let (mut read, mut has_more) = (0, false);
        let after = gathering.at.done();
        log.history.records(after, &mut |entry| {
            if end < entry.position {
                return ControlFlow::Break(());
            }
            read += 1 + entry.reports().len();
            gathering.take(&entry);
            if gathering.is_full {
                return ControlFlow::Break(());
            }
            if read < OBSERVATIONS_PER_STEP {
                return ControlFlow::Continue(());
            }
            has_more = true;
            ControlFlow::Break(())
        })?;
        if !has_more {
            break;
        }
    }
    let Gathering {
        writer,
        at,
        is_full,
        ..
    } = gathering;
    let rows = writer.rows();
    Ok(Some(Gathered {
        body: writer.finish(id),
        rows,
        to: if is_full {
            at
        } else {
            at.max(Place::after(end))
        },
    }))
}

struct Gathering<'g> {
    log: &'g ForwardLog,
    wanted: &'g Wanted,
    writer: Box<dyn UploadWriter>,
    /// Whether the reports of a source are wanted.
    sources: HashMap<SourceId, bool>,
    at: Place,
    is_full: bool,
}

impl Gathering<'_> {
    fn take(&mut self, entry: &Entry) {
        let position = entry.position.get();
        let first = if self.at.position == position {
            self.at.index
        } else {
            0
        };
        let is_of_file = entry.record.is_history();
        let batch = entry.record.batch();
        let batch = batch.filter(|_| self.wanted.has_imported || !is_of_file);
        if let Some(batch) = batch.filter(|batch| {
            let name = batch.source_name.as_deref();
            self.has_source(batch.source, name)
        }) {
            for (index, report) in batch.reports.iter().enumerate().skip(first) {
                let (tracker, privacy) = (&*self.log.tracker, &self.log.privacy);
                let is_let_out = |device: Option<&Device>| {
                    privacy.lets_out_report(report, device, OptedOut::LeftOut)
                };
                if !tracker.look(report.device(), is_let_out) {
                    continue;
                }
                let device = DeviceOf::tracked(tracker, report.device());
                let row = Row::Observation(Observed {
                    entry,
                    batch,
                    report,
                    index,
                    device: &device,
                });
                if !self.wanted.has_unknown_security && !is_security_known(&row) {
                    continue;
                }
                if self.writer.add(&row) == Added::Full {
                    self.at = Place { position, index };
                    self.is_full = true;
                    return;
                }
            }
        }
        self.at = Place::after(entry.position);
    }

    fn has_source(&mut self, id: SourceId, name: Option<&str>) -> bool {
        let (wanted, tracker) = (self.wanted, &self.log.tracker);
        *self.sources.entry(id).or_insert_with(|| {
            let source = tracker.source(id);
            let known = source.as_ref().map(|source| &*source.name);
            let sent = source
                .as_ref()
                .and_then(|source| source.sent_name.as_deref());
            wanted.has_source(id, known.or(name), sent.or(name))
        })
    }
}
