//! The stored alerts in memory, for readers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::alert::Alert;
use super::file::WatchList;
use super::kind::Definition;
use super::rules::Watched;
use crate::log::LogPosition;
use crate::report::{DeviceId, ReceivedAt};

/// Longest time a snapshot waits until its alerts are stored.
const PATIENCE: Duration = Duration::from_secs(2);

/// The stored alerts and the kinds that may be raised. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AlertStore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    book: RwLock<Book>,
    newest: watch::Sender<u64>,
    settled: Mutex<LogPosition>,
    settles: Condvar,
}

#[derive(Debug, Default)]
struct Book {
    /// In ascending order of their numbers.
    alerts: VecDeque<Arc<Alert>>,
    by_device: HashMap<DeviceId, u64>,
    definitions: Vec<Definition>,
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
        let book = self.book();
        let is_behind = |alert: &Alert| before.is_none_or(|before| alert.number < before);
        let end = book.alerts.partition_point(|alert| is_behind(alert));
        let behind = book.alerts.range(..end).rev();
        behind
            .filter(|alert| wanted(alert))
            .take(count)
            .cloned()
            .collect()
    }

    /// The newest alerts up to `alerts.backlog`, in ascending order, as Kismet's clients expect.
    pub fn backlog(&self) -> Vec<Arc<Alert>> {
        let backlog = self.book().backlog;
        let mut alerts = self.newest(None, backlog, |_| true);
        alerts.reverse();
        alerts
    }

    /// Up to `limit` alerts after a number, in ascending order.
    ///
    /// A consumer remembers the last number that it delivered. Alerts that are evicted before it reads them are lost
    /// to it.
    pub fn after(&self, number: u64, limit: usize) -> Vec<Arc<Alert>> {
        let book = self.book();
        let start = book.alerts.partition_point(|alert| alert.number <= number);
        book.alerts.range(start..).take(limit).cloned().collect()
    }

    /// The number of the newest alert. The receiver is notified when it changes.
    pub fn woken(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// Number of stored alerts about a device.
    pub fn count_of(&self, device: DeviceId) -> u64 {
        let book = self.book();
        book.by_device.get(&device).copied().unwrap_or_default()
    }

    /// The kinds of alerts that may be raised.
    pub fn definitions(&self) -> Vec<Definition> {
        self.book().definitions.clone()
    }

    /// Times at which the alerts of each kind were raised, in ascending order.
    pub fn times_by_kind(&self) -> HashMap<Box<str>, Vec<ReceivedAt>> {
        let book = self.book();
        let mut times: HashMap<Box<str>, Vec<ReceivedAt>> = HashMap::new();
        for alert in &book.alerts {
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
        let book = self.book();
        match list {
            WatchList::Found => book.found.clone(),
            WatchList::Lost => book.lost.clone(),
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
            .wait_timeout_while(settled, PATIENCE, |settled| *settled < position);
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

    pub(super) fn begin(&self, alerts: Vec<Alert>, definitions: Vec<Definition>, backlog: usize) {
        self.book_mut().backlog = backlog;
        self.add(
            &alerts.into_iter().map(Arc::new).collect::<Vec<_>>(),
            usize::MAX,
        );
        self.book_mut().definitions = definitions;
    }

    pub(super) fn define(&self, definition: Definition) {
        self.book_mut().definitions.push(definition);
    }

    pub(super) fn watch(&self, found: Watched, lost: Watched) {
        let mut book = self.book_mut();
        (book.found, book.lost) = (found, lost);
    }

    pub(super) fn newest_number(&self) -> u64 {
        *self.0.newest.borrow()
    }

    /// Adds stored alerts, and evicts the oldest past the limit.
    pub(super) fn add(&self, alerts: &[Arc<Alert>], kept_max: usize) {
        let Some(newest) = alerts.last() else { return };
        let mut book = self.book_mut();
        for alert in alerts {
            if let Some(device) = alert.raised.device {
                *book.by_device.entry(device).or_default() += 1;
            }
            book.alerts.push_back(Arc::clone(alert));
        }
        while kept_max < book.alerts.len() {
            let oldest = book.alerts.pop_front();
            let Some(device) = oldest.and_then(|alert| alert.raised.device) else {
                continue;
            };
            if let Some(count) = book.by_device.get_mut(&device) {
                *count -= 1;
                if *count == 0 {
                    book.by_device.remove(&device);
                }
            }
        }
        drop(book);
        self.0.newest.send_replace(newest.number);
    }

    fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.0.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn book_mut(&self) -> RwLockWriteGuard<'_, Book> {
        self.0.book.write().unwrap_or_else(PoisonError::into_inner)
    }
}
