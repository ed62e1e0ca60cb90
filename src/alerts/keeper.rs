//! The alert engine with its store: applies the rules to folded records, and stores the alerts on disk.

use std::collections::BTreeSet;
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
    AlertKind, AlertNote, AlertOrder, Entry, HandRaised, Log, LogError, LogPosition, WatchOrder,
};
use crate::report::{MacMask, ReceivedAt, Report, SourceId};
use crate::tracker::{Device, Tracker, Walk};

/// Number of the log's last batches from which the pace of scanners is restored.
const CONTACTS_MAX: usize = 10_000;
/// Shortest time between two warnings that alerts cannot be stored.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Why an order about alerts was refused. The log keeps the order all the same, and each server that reads the log
/// refuses it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertOrderError {
    /// No kind of alert has this header.
    #[error("name: there is no kind of alert called {0}")]
    NoSuchKind(Box<str>),
    /// The kind is over its limit.
    #[error("as many alerts of this kind were raised as its limit allows; try again later")]
    Limited,
    /// Another kind has this header.
    #[error("name: there is a kind of alert called {0} already")]
    Taken(Box<str>),
    /// The limit of kinds, or of watched addresses, is reached.
    #[error(
        "there are {max} already, which is the limit; see alerts.definitions_max and alerts.watched_max"
    )]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// No stored alert has this identity.
    #[error("no alert has the id {0}")]
    NoSuchAlert(Box<str>),
}

/// The alert engine, its alerts and their file. Owned by the fold.
#[derive(Debug)]
pub struct AlertKeeper {
    engine: Engine,
    file: AlertFile,
    store: AlertStore,
    /// Raised alerts that are not stored yet.
    pending: Vec<Raised>,
    /// Applied orders that are not in the file yet.
    pending_orders: Vec<AlertOrder>,
    /// Numbers of the alerts whose handling changed and is not in the file yet.
    pending_handled: BTreeSet<u64>,
    /// Log position up to which all orders are applied. At the start this is the position of the file.
    orders_to: LogPosition,
    mark: Mark,
    is_new_basis: bool,
    kept_max: usize,
    definitions_max: usize,
    last_warning: Option<Instant>,
}

/// Why alerts cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The configured rules are not valid.
    #[error("cannot use the settings in [alerts]: {0}")]
    Rules(String),
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] AlertFileError),
}

impl AlertKeeper {
    /// Opens the alerts of a data directory. Without one, they are kept in memory.
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
        let alerts = file.newest(config.kept_max)?;
        store.begin(alerts, definitions, rules.states(config), config.backlog);
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
            pending_handled: BTreeSet::new(),
            kept_max: config.kept_max,
            definitions_max: config.definitions_max,
            last_warning: None,
        })
    }

    /// The stored alerts, for readers.
    pub fn store(&self) -> AlertStore {
        self.store.clone()
    }

    /// Restores the state before the batches that are replayed next, which begin after `from`.
    ///
    /// If the rules changed, batches that are in the log already raise nothing.
    pub fn recall(
        &mut self,
        log: &Log,
        tracker: &Tracker,
        from: LogPosition,
    ) -> Result<(), LogError> {
        if self.is_new_basis {
            // Written at once, so that new batches raise alerts even if a crash comes before the first one is stored.
            self.mark.position = log.last();
            if let Err(error) = self.keep(log.last()) {
                self.warn(&error);
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
        for source in tracker.sources() {
            if source.sent_name.is_some() {
                self.engine.rename(source.id, Some(&source.name));
            }
        }
        if self.engine.recalls_contacts() {
            for (id, at) in log.contacts(from, CONTACTS_MAX)? {
                // What a source reported before it was forgotten does not count.
                let source = tracker.source(id);
                if let Some(source) = source.filter(|source| source.first_contact <= at) {
                    let sent = source.sent_name.as_ref().unwrap_or(&source.name);
                    self.engine.recall_contact(id, Some(sent), at);
                }
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

    /// Ends the replay. Silence up to the time when alerts were last stored was reported before the start.
    pub fn recalled(&mut self, now: ReceivedAt) {
        self.engine.settle_silence(self.mark.settled_at);
        let heard_last = self.engine.now().max(self.mark.settled_at);
        self.engine
            .resume(now.micros().saturating_sub(heard_last.micros()));
    }

    /// Notes the name that somebody gave a source, or that it has none any more.
    pub fn rename(&mut self, source: SourceId, given: Option<&str>) {
        self.engine.rename(source, given);
    }

    /// Begins a batch, before its reports. If its alerts are stored already, only the state of the rules is updated.
    pub fn begin(&mut self, entry: &Entry) {
        self.engine
            .begin(entry, self.mark.position < entry.position);
    }

    /// Applies the rules to a report. `before` is the device before the report is merged.
    pub fn look(&mut self, before: Option<&Device>, report: &Report) {
        self.engine.check(before, report);
    }

    /// Forgets a device that is not tracked any more. A start would not restore it either.
    pub fn forget(&mut self, device: &Device) {
        self.engine.forget(device);
    }

    /// Stores the alerts of the batches up to `position`, and returns the new ones.
    pub fn settle(&mut self, position: LogPosition) -> Vec<Arc<Alert>> {
        self.pending.append(&mut self.engine.take());
        self.orders_to = self.orders_to.max(position);
        if !self.has_pending() {
            self.store.settle(position);
            return Vec::new();
        }
        match self.keep(position) {
            Ok(alerts) => {
                self.store.settle(position);
                alerts
            }
            Err(error) => {
                self.warn(&error);
                let excess = self.pending.len().saturating_sub(self.kept_max);
                self.pending.drain(..excess);
                Vec::new()
            }
        }
    }

    /// Stores the position even if there are no new alerts, so that the next start need not replay up to it.
    pub fn close(&mut self, position: LogPosition) {
        self.settle(position);
        if !self.has_pending()
            && let Err(error) = self.keep(position)
        {
            self.warn(&error);
        }
    }

    /// Whether anything is not in the file yet.
    fn has_pending(&self) -> bool {
        !(self.pending.is_empty()
            && self.pending_orders.is_empty()
            && self.pending_handled.is_empty())
    }

    /// Advances the clock of the rules about silence. Only a fleet logs it.
    pub fn tick(&mut self, now: ReceivedAt) {
        if self.engine.is_waiting() || !self.pending.is_empty() {
            self.engine.tick(now);
        }
    }

    /// Applies the order of an entry that was accepted at `at`, unless the file has it already.
    ///
    /// The file is a snapshot of all orders up to a position. Later orders are applied again from the log, so that file
    /// and log together restore the state before a crash.
    pub fn order(
        &mut self,
        order: &AlertOrder,
        position: LogPosition,
        at: ReceivedAt,
        tracker: &Tracker,
    ) -> Result<(), AlertOrderError> {
        if let AlertOrder::Raise(raised) = order {
            return self.raise(raised, position);
        }
        if position <= self.orders_to {
            return Ok(());
        }
        match order {
            AlertOrder::Define(kind) => self.define(kind)?,
            AlertOrder::Watch(order) => self.watch(order, tracker)?,
            AlertOrder::Note(note) => return self.note(note, at),
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

    fn raise(&mut self, raised: &HandRaised, position: LogPosition) -> Result<(), AlertOrderError> {
        if position <= self.mark.position {
            return Ok(());
        }
        let mut definitions = self.store.definitions().into_iter();
        let Some(definition) = definitions.find(|known| known.header == raised.header) else {
            return Err(AlertOrderError::NoSuchKind(raised.header.clone()));
        };
        let is_raised = self.engine.raise(&definition, raised);
        is_raised.then_some(()).ok_or(AlertOrderError::Limited)
    }

    fn note(&mut self, note: &AlertNote, at: ReceivedAt) -> Result<(), AlertOrderError> {
        let noted = self.store.note(note, at);
        let number = noted.ok_or_else(|| AlertOrderError::NoSuchAlert(note.alert.clone()))?;
        self.pending_handled.insert(number);
        Ok(())
    }

    fn define(&mut self, kind: &AlertKind) -> Result<(), AlertOrderError> {
        let known = self.store.definitions();
        if known.iter().any(|known| known.header == kind.header) {
            return Err(AlertOrderError::Taken(kind.header.clone()));
        }
        let defined = known.len() - self.engine.rules().definitions().len();
        let max = self.definitions_max;
        if max <= defined {
            return Err(AlertOrderError::TooMany { max });
        }
        self.store.define(kind.into());
        Ok(())
    }

    fn watch(&mut self, order: &WatchOrder, tracker: &Tracker) -> Result<(), AlertOrderError> {
        let rules = self.engine.rules();
        let max = rules.watched_max;
        let changed = |is_meant: bool, watched: &Watched| match (is_meant, order.is_watched) {
            (false, _) => Ok(watched.clone()),
            (true, false) => Ok(watched.without(&order.masks)),
            (true, true) => watched
                .with(&order.masks, max)
                .ok_or(AlertOrderError::TooMany { max }),
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

    /// Starts the deadlines of newly watched devices that are known already. Otherwise only a device that reports again
    /// could become lost, while a restart, which reads all devices, would also find the others.
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
        let handled: Vec<_> = self
            .pending_handled
            .iter()
            .filter_map(|number| self.store.by_number(*number))
            .collect();
        let kept = self.file.append(&Addition {
            raised: &self.pending,
            next,
            kept_max: self.kept_max,
            mark: &mark,
            handled: &handled,
            orders: &self.pending_orders,
            orders_to: self.orders_to,
        })?;
        self.mark = mark;
        self.pending.clear();
        self.pending_orders.clear();
        self.pending_handled.clear();
        let alerts: Vec<_> = kept.into_iter().map(Arc::new).collect();
        self.store.add(&alerts, self.kept_max);
        Ok(alerts)
    }

    fn warn(&mut self, error: &AlertFileError) {
        let is_soon = self
            .last_warning
            .is_some_and(|last| last.elapsed() < WARNING_INTERVAL);
        if !is_soon {
            warn!(%error, "cannot store alerts; they stay in memory until the next attempt");
            self.last_warning = Some(Instant::now());
        }
    }
}
