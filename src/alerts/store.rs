//! The stored alerts in memory, for readers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::alert::Alert;
use super::engine::rule::Rule;
use super::file::WatchList;
use super::kind::Definition;
use super::rules::{RuleState, Watched};
use crate::log::{AlertNote, LogPosition};
use crate::report::{DeviceId, ReceivedAt};

/// Longest time a snapshot waits until its alerts are stored.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The stored alerts and the kinds that may be raised. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AlertStore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    contents: RwLock<Contents>,
    newest: watch::Sender<u64>,
    settled: Mutex<LogPosition>,
    settles: Condvar,
}

#[derive(Debug, Default)]
struct Contents {
    /// In ascending order of their numbers.
    alerts: VecDeque<Arc<Alert>>,
    by_device: HashMap<DeviceId, u64>,
    /// How many of the alerts are acknowledged.
    acknowledged: usize,
    definitions: Vec<Definition>,
    rules: Vec<RuleState>,
    found: Watched,
    lost: Watched,
    backlog: usize,
}

impl AlertStore {
    /// The newest alerts, in descending order: at most `count` that pass `wanted` and have a number below `before`.
    pub fn newest(
        &self,
        before: Option<u64>,
        count: usize,
        mut wanted: impl FnMut(&Alert) -> bool,
    ) -> Vec<Arc<Alert>> {
        let contents = self.contents();
        let is_behind = |alert: &Alert| before.is_none_or(|before| alert.number < before);
        let end = contents.alerts.partition_point(|alert| is_behind(alert));
        let behind = contents.alerts.range(..end).rev();
        behind
            .filter(|alert| wanted(alert))
            .take(count)
            .cloned()
            .collect()
    }

    /// The newest alerts up to `alerts.backlog`, in ascending order, as Kismet's clients expect.
    pub fn backlog(&self) -> Vec<Arc<Alert>> {
        let backlog = self.contents().backlog;
        let mut alerts = self.newest(None, backlog, |_| true);
        alerts.reverse();
        alerts
    }

    /// Up to `limit` alerts after a number, in ascending order.
    ///
    /// A consumer remembers the last number that it delivered. Alerts that are evicted before it reads them are lost
    /// to it.
    pub fn after(&self, number: u64, limit: usize) -> Vec<Arc<Alert>> {
        let contents = self.contents();
        let start = contents
            .alerts
            .partition_point(|alert| alert.number <= number);
        contents
            .alerts
            .range(start..)
            .take(limit)
            .cloned()
            .collect()
    }

    /// The number of the newest alert. The receiver is notified when it changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// The newest alert with an identity.
    pub fn by_id(&self, id: &str) -> Option<Arc<Alert>> {
        let contents = self.contents();
        let mut alerts = contents.alerts.iter().rev();
        alerts.find(|alert| *alert.raised.id == *id).cloned()
    }

    pub(super) fn by_number(&self, number: u64) -> Option<Arc<Alert>> {
        let contents = self.contents();
        let at = contents
            .alerts
            .binary_search_by_key(&number, |alert| alert.number);
        contents.alerts.get(at.ok()?).cloned()
    }

    /// Number of stored alerts that nobody has acknowledged.
    pub fn open_count(&self) -> usize {
        let contents = self.contents();
        contents.alerts.len() - contents.acknowledged
    }

    /// The built-in rules, in their order.
    pub fn rules(&self) -> Vec<RuleState> {
        let contents = self.contents();
        let mut rules = contents.rules.clone();
        for state in &mut rules {
            match state.rule {
                Rule::DeviceFound => state.has_subject = !contents.found.is_empty(),
                Rule::DeviceLost => state.has_subject = !contents.lost.is_empty(),
                _ => {}
            }
        }
        rules
    }

    /// Number of stored alerts about a device.
    pub fn count_of(&self, device: DeviceId) -> u64 {
        let contents = self.contents();
        contents.by_device.get(&device).copied().unwrap_or_default()
    }

    /// The kinds of alerts that may be raised.
    pub fn definitions(&self) -> Vec<Definition> {
        self.contents().definitions.clone()
    }

    /// Times at which the alerts of each kind were raised, in ascending order.
    pub fn times_by_kind(&self) -> HashMap<Box<str>, Vec<ReceivedAt>> {
        let contents = self.contents();
        let mut times: HashMap<Box<str>, Vec<ReceivedAt>> = HashMap::new();
        for alert in &contents.alerts {
            let (header, at) = (&alert.raised.header, alert.raised.raised_at);
            match times.get_mut(header) {
                Some(known) => known.push(at),
                None => {
                    times.insert(header.clone(), vec![at]);
                }
            }
        }
        times
    }

    /// The addresses that are watched.
    pub fn watched(&self, list: WatchList) -> Watched {
        let contents = self.contents();
        match list {
            WatchList::Found => contents.found.clone(),
            WatchList::Lost => contents.lost.clone(),
        }
    }

    /// Whether all alerts of the batches up to `position` are stored. Waits a bounded time for it.
    pub fn has_settled(&self, position: LogPosition) -> bool {
        let settled = self
            .0
            .settled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .settles
            .wait_timeout_while(settled, SETTLE_TIMEOUT, |settled| *settled < position);
        let (settled, _) = waited.unwrap_or_else(PoisonError::into_inner);
        position <= *settled
    }

    pub(super) fn settle(&self, position: LogPosition) {
        *self
            .0
            .settled
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = position;
        self.0.settles.notify_all();
    }

    pub(super) fn begin(
        &self,
        alerts: Vec<Alert>,
        definitions: Vec<Definition>,
        rules: Vec<RuleState>,
        backlog: usize,
    ) {
        let mut contents = self.contents_mut();
        (contents.backlog, contents.rules) = (backlog, rules);
        drop(contents);
        self.add(
            &alerts.into_iter().map(Arc::new).collect::<Vec<_>>(),
            usize::MAX,
        );
        self.contents_mut().definitions = definitions;
    }

    pub(super) fn define(&self, definition: Definition) {
        self.contents_mut().definitions.push(definition);
    }

    pub(super) fn watch(&self, found: Watched, lost: Watched) {
        let mut contents = self.contents_mut();
        (contents.found, contents.lost) = (found, lost);
    }

    /// Applies a note to its alert, and returns the alert's number. `None` if the alert is not stored.
    pub(super) fn note(&self, note: &AlertNote, at: ReceivedAt) -> Option<u64> {
        let mut contents = self.contents_mut();
        let mut alerts = contents.alerts.iter_mut().rev();
        let alert = alerts.find(|alert| alert.raised.id == note.alert)?;
        // Readers may hold the alert as it was.
        let alert = Arc::make_mut(alert);
        let before = alert.handling.acknowledged.is_some();
        alert.handling.apply(note, at);
        let (after, number) = (alert.handling.acknowledged.is_some(), alert.number);
        match (before, after) {
            (false, true) => contents.acknowledged += 1,
            (true, false) => contents.acknowledged -= 1,
            _ => {}
        }
        Some(number)
    }

    pub(super) fn newest_number(&self) -> u64 {
        *self.0.newest.borrow()
    }

    /// Adds stored alerts, and evicts the oldest past the limit.
    pub(super) fn add(&self, alerts: &[Arc<Alert>], kept_max: usize) {
        let Some(newest) = alerts.last() else { return };
        let mut contents = self.contents_mut();
        for alert in alerts {
            if let Some(device) = alert.raised.device {
                *contents.by_device.entry(device).or_default() += 1;
            }
            contents.acknowledged += usize::from(alert.handling.acknowledged.is_some());
            contents.alerts.push_back(Arc::clone(alert));
        }
        while kept_max < contents.alerts.len() {
            let Some(oldest) = contents.alerts.pop_front() else {
                break;
            };
            contents.acknowledged -= usize::from(oldest.handling.acknowledged.is_some());
            let Some(device) = oldest.raised.device else {
                continue;
            };
            if let Some(count) = contents.by_device.get_mut(&device) {
                *count -= 1;
                if *count == 0 {
                    contents.by_device.remove(&device);
                }
            }
        }
        drop(contents);
        self.0.newest.send_replace(newest.number);
    }

    fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        self.0
            .contents
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn contents_mut(&self) -> RwLockWriteGuard<'_, Contents> {
        self.0
            .contents
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
