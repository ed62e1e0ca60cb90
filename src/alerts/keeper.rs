//! The alert engine with what it raised: applies the rules to what is folded, and keeps the alerts on disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;
use twox_hash::XxHash3_64;
use uuid::Uuid;

use super::alert::{Alert, Raised};
use super::engine::Engine;
use super::file::{Addition, AlertFile, AlertFileError, Mark, WatchList};
use super::rules::{Rules, Watched};
use super::settings::Settings;
use super::store::AlertStore;
use crate::log::{
    AlertKind, AlertOrder, Entry, HandRaised, Log, LogError, LogPosition, WatchOrder,
};
use crate::report::{MacMask, ReceivedAt, Report};
use crate::tracker::{Device, Tracker, Walk};

/// How many of the log's last batches tell how often scanners report.
const CONTACTS_MAX: usize = 10_000;
/// How often at most the log of the program says that alerts cannot be kept.
const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// Why an order about alerts was refused. It stands in the log all the same, and every server that holds the log refuses
/// it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody defined it.
    #[error("name: there is no kind of alert called {0}")]
    NoSuchKind(Box<str>),
    /// As many were raised as may be.
    #[error("as many alerts of this kind were raised as may be, try again later")]
    Limited,
    /// The header is in use.
    #[error("name: there is a kind of alert called {0} already")]
    Taken(Box<str>),
    /// The bound is reached.
    #[error("there are {max} already, as many as there may be")]
    TooMany {
        /// The bound.
        max: usize,
    },
}

/// The alert engine, its alerts and their file. Owned by the fold.
#[derive(Debug)]
pub struct AlertKeeper {
    engine: Engine,
    file: AlertFile,
    store: AlertStore,
    /// Raised and not kept yet.
    pending: Vec<Raised>,
    /// Orders that were followed and are not in the file yet.
    pending_orders: Vec<AlertOrder>,
    /// The log's orders up to here were applied. Those up to where the file stood at the start were applied before it.
    orders_to: LogPosition,
    mark: Mark,
    is_new_basis: bool,
    kept_max: usize,
    definitions_max: usize,
    last_note: Option<Instant>,
}

/// Why there are no alerts.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The configuration cannot be used.
    #[error("alerts: {0}")]
    Rules(String),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] AlertFileError),
}

impl AlertKeeper {
    /// Opens the alerts in a data directory, or some that end with the process.
    pub fn open(data: Option<&Path>, config: &Settings, server: Uuid) -> Result<Self, KeeperError> {
        let mut rules = Rules::read(config).map_err(KeeperError::Rules)?;
        let file = AlertFile::open(data)?;
        let max = config.watched_max;
        for (list, watched) in [
            (WatchList::Found, &mut rules.found),
            (WatchList::Lost, &mut rules.lost),
        ] {
            let added = watched.with(&file.watched(list)?, max);
            *watched = added.unwrap_or_else(|| std::mem::take(watched));
        }
        let settings = serde_json::to_string(config).unwrap_or_default();
        let basis = format!("{server} {:x}", XxHash3_64::oneshot(settings.as_bytes()));
        let mark = file.mark()?.filter(|mark| *mark.basis == *basis);
        let store = AlertStore::default();
        let mut definitions = rules.definitions();
        definitions.extend(file.definitions()?);
        store.begin(file.newest(config.kept_max)?, definitions, config.backlog);
        store.watch(rules.found.clone(), rules.lost.clone());
        Ok(Self {
            is_new_basis: mark.is_none(),
            mark: mark.unwrap_or(Mark {
                position: LogPosition::START,
                settled_at: ReceivedAt::default(),
                basis: basis.into(),
            }),
            engine: Engine::new(rules, server),
            orders_to: file.orders_to()?,
            file,
            store,
            pending: Vec::new(),
            pending_orders: Vec::new(),
            kept_max: config.kept_max,
            definitions_max: config.definitions_max,
            last_note: None,
        })
    }

    /// For those who read.
    pub fn store(&self) -> AlertStore {
        self.store.clone()
    }

    /// Learns what was before the batches that are replayed now, which are those behind `from`.
    ///
    /// Under other rules than before, nothing is raised of what is in the log already.
    pub fn recall(
        &mut self,
        log: &Log,
        tracker: &Tracker,
        from: LogPosition,
    ) -> Result<(), LogError> {
        if self.is_new_basis {
            // Kept at once: what comes now is raised, even if a crash comes before the first alert is kept.
            self.mark.position = log.last();
            if let Err(error) = self.keep(log.last()) {
                self.note(&error);
            }
        }
        self.engine.recall_clock(tracker.now());
        let settled = tracker.now().max(self.mark.settled_at);
        let definitions = self.store.definitions().into_iter();
        let limits = definitions
            .map(|definition| (definition.header, definition.limit))
            .collect();
        for alert in self.store.after(0, usize::MAX) {
            self.engine.recall_alert(&alert, &limits);
        }
        if self.engine.recalls_contacts() {
            for (id, at) in log.contacts(from, CONTACTS_MAX)? {
                let source = tracker.source(id);
                let name = source.as_ref().map(|source| &*source.name);
                self.engine.recall_contact(id, name, at);
            }
            self.engine.settle_silence(settled);
        }
        if self.engine.recalls_devices() {
            let engine = &mut self.engine;
            let mut walk = Walk::over_all();
            let mut recall = |device: &_| engine.recall_device(device, settled);
            while tracker.look_at_next(&mut walk, &mut recall) {}
        }
        Ok(())
    }

    /// All batches have been replayed, and it is `now`. Of what was silent already when alerts were kept last, all is told.
    pub fn recalled(&mut self, now: ReceivedAt) {
        self.engine.settle_silence(self.mark.settled_at);
        let heard_last = self.engine.now().max(self.mark.settled_at);
        self.engine
            .resume(now.micros().saturating_sub(heard_last.micros()));
    }

    /// Begins a batch whose reports follow. Of a batch whose alerts are kept already the engine only learns.
    pub fn begin(&mut self, entry: &Entry) {
        self.engine
            .begin(entry, self.mark.position < entry.position);
    }

    /// Applies the rules to a report and its device as it was before.
    pub fn look(&mut self, before: Option<&Device>, report: &Report) {
        self.engine.look(before, report);
    }

    /// The tracker does not have the device any more. A start would not know it either.
    pub fn forget(&mut self, device: &Device) {
        self.engine.forget(device);
    }

    /// Keeps what the batches up to `position` raised. Gives the alerts that are new.
    pub fn settle(&mut self, position: LogPosition) -> Vec<Arc<Alert>> {
        self.pending.append(&mut self.engine.take());
        self.orders_to = self.orders_to.max(position);
        if self.pending.is_empty() && self.pending_orders.is_empty() {
            self.store.settle(position);
            return Vec::new();
        }
        match self.keep(position) {
            Ok(alerts) => {
                self.store.settle(position);
                alerts
            }
            Err(error) => {
                self.note(&error);
                let excess = self.pending.len().saturating_sub(self.kept_max);
                self.pending.drain(..excess);
                Vec::new()
            }
        }
    }

    /// Remembers up to where all is kept, so that the next start need not look at it again.
    pub fn close(&mut self, position: LogPosition) {
        self.settle(position);
        if self.pending.is_empty()
            && self.pending_orders.is_empty()
            && let Err(error) = self.keep(position)
        {
            self.note(&error);
        }
    }

    /// Lets the rules about silence know the time. Only a fleet logs it.
    pub fn tick(&mut self, now: ReceivedAt) {
        if self.engine.is_waiting() || !self.pending.is_empty() {
            self.engine.tick(now);
        }
    }

    /// Follows the order of the entry that was begun last, unless it was followed before the start.
    ///
    /// The file is a snapshot of what followed from the log up to a position. Orders up to there are in it, and those
    /// behind it are applied again, so that file and log together give what was there before a crash.
    pub fn order(
        &mut self,
        order: &AlertOrder,
        position: LogPosition,
        tracker: &Tracker,
    ) -> Result<(), Refused> {
        if let AlertOrder::Raise(raised) = order {
            return self.raise(raised, position);
        }
        if position <= self.orders_to {
            return Ok(());
        }
        match order {
            AlertOrder::Define(kind) => self.define(kind)?,
            AlertOrder::Watch(order) => self.watch(order, tracker)?,
            AlertOrder::Raise(_) => {}
        }
        self.pending_orders.push(order.clone());
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.file.limit_pages(pages);
    }

    #[cfg(test)]
    pub(crate) fn skip_syncs(&self) {
        self.file.skip_syncs();
    }

    fn raise(&mut self, raised: &HandRaised, position: LogPosition) -> Result<(), Refused> {
        if position <= self.mark.position {
            return Ok(());
        }
        let mut definitions = self.store.definitions().into_iter();
        let Some(definition) = definitions.find(|known| known.header == raised.header) else {
            return Err(Refused::NoSuchKind(raised.header.clone()));
        };
        let is_raised = self.engine.raise(&definition, raised);
        is_raised.then_some(()).ok_or(Refused::Limited)
    }

    fn define(&mut self, kind: &AlertKind) -> Result<(), Refused> {
        let known = self.store.definitions();
        if known.iter().any(|known| known.header == kind.header) {
            return Err(Refused::Taken(kind.header.clone()));
        }
        let defined = known.len() - self.engine.rules().definitions().len();
        let max = self.definitions_max;
        if max <= defined {
            return Err(Refused::TooMany { max });
        }
        self.store.define(kind.into());
        Ok(())
    }

    fn watch(&mut self, order: &WatchOrder, tracker: &Tracker) -> Result<(), Refused> {
        let rules = self.engine.rules();
        let max = rules.watched_max;
        let changed = |is_meant: bool, watched: &Watched| match (is_meant, order.is_watched) {
            (false, _) => Ok(watched.clone()),
            (true, false) => Ok(watched.without(&order.masks)),
            (true, true) => watched
                .with(&order.masks, max)
                .ok_or(Refused::TooMany { max }),
        };
        let found = changed(order.found, &rules.found)?;
        let lost = changed(order.lost, &rules.lost)?;
        self.store.watch(found.clone(), lost.clone());
        self.engine.watch(found, lost);
        if order.lost && order.is_watched {
            self.await_watched(&order.masks, tracker);
        }
        Ok(())
    }

    /// Waits for reports of newly watched devices that are there already. Without this only a device that reports again
    /// could be lost, and a start, which learns from all devices, would make a difference.
    fn await_watched(&mut self, masks: &[MacMask], tracker: &Tracker) {
        let now = self.engine.now();
        let engine = &mut self.engine;
        let addrs: Option<Vec<_>> = masks.iter().map(|mask| mask.single()).collect();
        if let Some(addrs) = addrs {
            for device in addrs
                .into_iter()
                .flat_map(|addr| tracker.devices_by_addr(addr))
            {
                engine.recall_watched(&device, now);
            }
            return;
        }
        let mut walk = Walk::over_all();
        let mut recall = |device: &_| engine.recall_watched(device, now);
        while tracker.look_at_next(&mut walk, &mut recall) {}
    }

    fn keep(&mut self, position: LogPosition) -> Result<Vec<Arc<Alert>>, AlertFileError> {
        let mark = Mark {
            position: position.max(self.mark.position),
            settled_at: self.engine.now(),
            basis: self.mark.basis.clone(),
        };
        let next = self.store.newest_number() + 1;
        let kept = self.file.append(&Addition {
            raised: &self.pending,
            next,
            kept_max: self.kept_max,
            mark: &mark,
            orders: &self.pending_orders,
            orders_to: self.orders_to,
        })?;
        self.mark = mark;
        self.pending.clear();
        self.pending_orders.clear();
        let alerts: Vec<_> = kept.into_iter().map(Arc::new).collect();
        self.store.add(&alerts, self.kept_max);
        Ok(alerts)
    }

    fn note(&mut self, error: &AlertFileError) {
        let is_soon = self
            .last_note
            .is_some_and(|last| last.elapsed() < NOTE_INTERVAL);
        if !is_soon {
            warn!(%error, "alerts cannot be kept");
            self.last_note = Some(Instant::now());
        }
    }
}
