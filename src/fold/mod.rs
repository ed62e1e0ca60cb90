//! The fold: the one place that applies a record.
//!
//! Before a record is logged, the judge says whether it is new. When it is logged, [`Fold::apply`] merges it into the
//! tracker, and lets two observers watch: first the alert engine, then the events. A start replays the log through the
//! same function. So the same log gives the same devices, sources, alerts and verdicts, on every machine.
//!
//! It knows no thread, no queue and no client: [`crate::ingest`] drives it.

mod judge;
mod receipts;

use std::sync::Arc;

pub use self::judge::{Judge, ResendWindow, TooManySources, Verdict};
pub use self::receipts::{Receipt, Waiting};
use crate::alerts::{AlertKeeper, AlertOrderError};
use crate::events::{BatchEvents, Events};
use crate::log::{Entry, Log, LogError, LogPosition, What};
use crate::report::{ReceivedAt, Report, SourceId};
use crate::tracker::{Change, Device, Observer, Tracker};

/// Number of the log's last batches from which the pace of sources is restored.
const CONTACTS_MAX: usize = 10_000;

/// What applying an entry did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Devices that had to make room.
    pub evicted: u64,
    /// Why the entry changes nothing, if it was refused.
    pub refused: Option<AlertOrderError>,
}

/// Everything that follows from the log.
#[derive(Debug)]
pub struct Fold {
    tracker: Arc<Tracker>,
    alerts: AlertKeeper,
    events: Events,
    /// Whether events are emitted. During a replay they are old news.
    is_live: bool,
}

/// Those who watch the tracker, in their order.
struct Observers<'o, 'e> {
    alerts: &'o mut AlertKeeper,
    events: Option<&'o mut BatchEvents<'e>>,
    /// Who sent the reports, if there are any.
    source: Option<SourceId>,
    /// Whether the reports come out of a file. The rules do not look at those.
    is_history: bool,
}

impl<'b> Observer<'b> for Observers<'_, 'b> {
    fn look(&mut self, before: Option<&Device>, report: &'b Report) {
        if !self.is_history {
            self.alerts.look(before, report);
        }
        if let (Some(events), Some(source)) = (&mut self.events, self.source) {
            events.saw(report.device(), source);
        }
    }

    fn changed(&mut self, change: Change<'b>) {
        if let Change::SourceRenamed {
            id, name, is_given, ..
        } = &change
        {
            self.alerts.rename(*id, is_given.then_some(&**name));
        }
        if let Some(events) = &mut self.events {
            events.add(change);
        }
    }

    fn gone(&mut self, device: &Device) {
        self.alerts.forget(device);
    }
}

impl Fold {
    /// A fold that replays. It begins where the tracker and the alerts stand.
    pub fn new(tracker: Arc<Tracker>, alerts: AlertKeeper, events: Events) -> Self {
        Self {
            tracker,
            alerts,
            events,
            is_live: false,
        }
    }

    /// Applies a logged entry. Entries have to come in the order of the log.
    pub fn apply(&mut self, entry: &Entry) -> Outcome {
        let is_history = entry.record.is_history();
        let is_emitted = self.is_live && !is_history;
        let mut events = is_emitted.then(|| self.events.collect(entry.record.at));
        self.alerts.begin(entry);
        let mut observers = Observers {
            alerts: &mut self.alerts,
            events: events.as_mut(),
            source: match &entry.record.what {
                What::Reports(batch) => Some(batch.source),
                _ => None,
            },
            is_history,
        };
        let applied = self.tracker.apply_observed(entry, &mut observers);
        let refused = match &entry.record.what {
            What::AlertOrder(order) => {
                let (position, at) = (entry.position, entry.record.at);
                let followed = self.alerts.order(order, position, at, &self.tracker);
                followed.err()
            }
            _ => None,
        };
        if let Some(events) = events {
            events.emit();
        }
        if let What::Import(import) = &entry.record.what
            && self.is_live
        {
            self.events.import(import, entry.record.at);
        }
        Outcome {
            evicted: applied.evicted,
            refused,
        }
    }

    /// Keeps the alerts of the entries up to `position`, and emits those that are new.
    pub fn settle(&mut self, position: LogPosition) {
        for alert in &self.alerts.settle(position) {
            self.events.alert(alert);
        }
    }

    /// Lets the rules about silence know that it is `now`. `position` is the end of the log.
    ///
    /// A server that runs alone does not log the time: what the rules found is kept with the alerts.
    pub fn tick(&mut self, now: ReceivedAt, position: LogPosition) {
        self.alerts.tick(now);
        self.settle(position);
    }

    /// Remembers on disk that the alerts of all entries up to `position` are kept.
    pub fn close(&mut self, position: LogPosition) {
        self.alerts.close(position);
    }

    /// Begins a replay of the entries behind `from`, up to which the tracker was restored.
    pub fn begin_replay(&mut self, log: &Log, from: LogPosition) -> Result<(), LogError> {
        let contacts = log.contacts(from, CONTACTS_MAX)?;
        self.tracker.recall_contacts(&contacts);
        self.alerts.recall(log, &self.tracker, from)
    }

    /// Ends the replay, at `last` and at the time `now`. From now on events are emitted, and first of all the alerts
    /// that a crash kept from being raised.
    pub fn go_live(&mut self, last: LogPosition, now: ReceivedAt) {
        self.alerts.recalled(now);
        self.is_live = true;
        self.settle(last);
    }

    /// The devices and sources.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// A judge of the entries behind the end of the log, all of which have been applied.
    pub fn judge(&self, log: &Log, window: ResendWindow) -> Result<Judge, LogError> {
        let past = log.resendable(window.batches_max)?;
        let sources = self.tracker.sources().into_iter().map(|source| source.id);
        let sources_max = self.tracker.bounds().sources_max;
        Ok(Judge::new(window, log.last(), past, sources, sources_max))
    }
}

#[cfg(test)]
mod tests;
