//! All counters and gauges of the server, in one list: name, meaning, kind and source of each.
//!
//! Each part of the server keeps its own numbers, and this module names and reads them. To add a metric, keep its
//! number in its part, and add one entry to `metrics!` below.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::alerts::AlertStore;
use crate::ingest::Ingest;
use crate::ingest::health::SourceHealth;
use crate::outbox::DestinationStatus;
use crate::process::Process;
use crate::report::Phy;
use crate::tracker::{PhyTotals, Tracker};
use crate::webhook::Webhooks;

/// Whether a number can fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, from 0 at the start or from the value in the log.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// One number, or one for each value of a label.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name, by the conventions of Prometheus: counters end with `_total`, and the unit comes last.
    pub name: &'static str,
    pub help: &'static str,
    /// Whether it can fall.
    pub kind: Kind,
    read: Read,
}

#[derive(Clone, Copy)]
enum Read {
    One(fn(&MetricSources) -> u64),
    Each(&'static str, fn(&MetricSources) -> BTreeMap<String, u64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One number.
    One(u64),
    /// The name of a label, and the number for each of its values.
    Each(&'static str, BTreeMap<String, u64>),
}

macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal, $help:literal, $read:expr;)*) => {
        $(
            #[doc = $help]
            pub const $id: Metric = Metric {
                name: $name,
                help: $help,
                kind: Kind::$kind,
                read: $read,
            };
        )*
        /// All metrics, in the order of the list.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

metrics! {
    REPORTS: Counter "scanpost_reports_total",
        "Reports that were merged, by radio technology; duplicates and refused ones do not count.",
        Read::Each("phy", |of| of.by_phy(|totals| totals.reports));
    VALUES_IGNORED: Counter "scanpost_report_values_ignored_total",
        "Values that were left out of reports because they cannot be used, by field, since the start.",
        Read::Each("field", |of| of.health.ignored_by_field());
    DEVICES: Gauge "scanpost_devices",
        "Tracked devices, by radio technology.",
        Read::Each("phy", |of| of.by_phy(|totals| totals.devices));
    DEVICES_EVICTED: Counter "scanpost_devices_evicted_total",
        "Devices that were removed because there were more than the configured maximum, since the start.",
        Read::One(|of| of.tracker.evicted());
    SOURCES: Gauge "scanpost_sources",
        "Scanners that have reported.",
        Read::One(|of| count(of.tracker.sources().len()));
    COMMITS: Counter "scanpost_log_commits_total",
        "Commits of the log, each synced once for all batches in it, since the start.",
        Read::One(|of| of.ingest.commits());
    ALERTS: Counter "scanpost_alerts_total",
        "Alerts that were raised since alerts.db was made.",
        Read::One(|of| *of.alerts.subscribe().borrow());
    CONNECTIONS: Gauge "scanpost_connections",
        "Open client connections.",
        Read::One(|of| of.connections.open.load(Ordering::Relaxed));
    CONNECTIONS_REFUSED: Counter "scanpost_connections_refused_total",
        "Clients that got no place because all places had a request under way, since the start.",
        Read::One(|of| of.connections.refused.load(Ordering::Relaxed));
    CONNECTIONS_EVICTED: Counter "scanpost_connections_evicted_total",
        "Idle connections that were closed to make room for new ones, since the start.",
        Read::One(|of| of.connections.evicted.load(Ordering::Relaxed));
    WEBHOOK_DELIVERED: Counter "scanpost_webhook_alerts_delivered_total",
        "Alerts that a webhook's receiver took, by webhook.",
        Read::Each("webhook", |of| of.by_webhook(|status| status.delivered));
    WEBHOOK_LOST: Counter "scanpost_webhook_alerts_lost_total",
        "Alerts that were given up, or evicted before they could be delivered, by webhook.",
        Read::Each("webhook", |of| of.by_webhook(|status| status.lost));
    WEBHOOK_WAITING: Gauge "scanpost_webhook_alerts_waiting",
        "Alerts that wait for their delivery, by webhook.",
        Read::Each("webhook", |of| of.by_webhook(|status| status.waiting));
    WEBHOOK_FAILURES: Gauge "scanpost_webhook_failures",
        "Failed attempts in a row, by webhook; 0 after a delivery.",
        Read::Each("webhook", |of| of.by_webhook(|status| status.failures.into()));
    MEMORY: Gauge "process_resident_memory_bytes",
        "Memory in use by the process, in bytes; 0 where the system does not tell.",
        Read::One(|of| of.process.memory_bytes());
}

/// Numbers of client connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) open: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) evicted: AtomicU64,
}

/// Handles to the parts that keep the numbers.
#[derive(Clone, Debug)]
pub(crate) struct MetricSources {
    pub(crate) health: SourceHealth,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) ingest: Ingest,
    pub(crate) alerts: AlertStore,
    pub(crate) webhooks: Webhooks,
    pub(crate) connections: Arc<ConnectionCounts>,
    pub(crate) process: Process,
}

/// Reads the metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(MetricSources);

impl Metrics {
    pub(crate) fn new(parts: MetricSources) -> Self {
        Self(parts)
    }

    pub fn value(&self, metric: &Metric) -> Value {
        match metric.read {
            Read::One(read) => Value::One(read(&self.0)),
            Read::Each(label, read) => Value::Each(label, read(&self.0)),
        }
    }

    /// The sum of a metric over all values of its label.
    pub fn sum(&self, metric: &Metric) -> u64 {
        match metric.read {
            Read::One(read) => read(&self.0),
            Read::Each(_, read) => read(&self.0).values().sum(),
        }
    }

    /// A metric by the values of its label; empty where it has none.
    pub fn by_label(&self, metric: &Metric) -> BTreeMap<String, u64> {
        match metric.read {
            Read::One(_) => BTreeMap::new(),
            Read::Each(_, read) => read(&self.0),
        }
    }
}

impl MetricSources {
    fn by_phy(&self, number: fn(PhyTotals) -> u64) -> BTreeMap<String, u64> {
        let label = |phy| match phy {
            Phy::Wifi => "wifi",
            Phy::Bluetooth => "bluetooth",
        };
        let numbers = Phy::ALL.into_iter();
        numbers
            .map(|phy| (label(phy).to_owned(), number(self.tracker.totals(phy))))
            .collect()
    }

    fn by_webhook(&self, number: fn(&DestinationStatus) -> u64) -> BTreeMap<String, u64> {
        let statuses = self.webhooks.statuses();
        let numbers = statuses.iter();
        numbers
            .map(|status| (status.name.clone(), number(status)))
            .collect()
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_metric_has_a_name_of_its_own_that_tells_its_kind_and_a_sentence() {
        let mut names = HashSet::new();
        for metric in ALL {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(name.bytes().all(is_plain), "{name}");
            let is_counter = metric.kind == Kind::Counter;
            assert_eq!(name.ends_with("_total"), is_counter, "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
        }
    }
}
