//! All counters and gauges of the server, in one list: name, meaning, kind and source of each.
//!
//! Each part of the server keeps its own numbers, and this module names and reads them. To add a metric, keep its
//! number in its part, and add one entry to `metrics!` below.

mod oldest;
mod requests;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

pub(crate) use self::oldest::OldestReport;
pub(crate) use self::requests::{RequestCounts, RouteCounts};
use crate::alerts::AlertStore;
use crate::auth::Access;
use crate::data_dir::{DataDir, Usage};
use crate::forward::{ForwardStatus, Forwards};
use crate::histogram::Counted;
use crate::import::Imports;
use crate::ingest::Ingest;
use crate::ingest::health::SourceHealth;
use crate::ingest::outcomes::Outcomes;
use crate::outbox::DestinationStatus;
use crate::process::Process;
use crate::report::Phy;
use crate::tak::{TakStatus, TakTargets};
use crate::tracker::{PhyTotals, Tracker};
use crate::webhook::Webhooks;

/// Whether a number can fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, from 0 at the start or from the value in the log.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Durations since the start, counted by their length.
    Histogram,
}

/// One number, or one for each value of its labels.
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
    Each(Labels, fn(&MetricSources) -> BTreeMap<String, u64>),
    Table(Labels, fn(&MetricSources) -> Rows<u64>),
    Durations(fn(&MetricSources) -> Counted),
    DurationTable(Labels, fn(&MetricSources) -> Rows<Counted>),
}

/// The names of labels.
type Labels = &'static [&'static str];
/// The values of the labels, and what they stand for.
type Rows<T> = Vec<(Vec<String>, T)>;

/// What a metric has.
enum Samples {
    Numbers(Labels, Rows<u64>),
    Histograms(Labels, Rows<Counted>),
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
        Read::Each(&["phy"], |of| of.by_phy(|totals| totals.reports));
    REPORT_OUTCOMES: Counter "scanpost_report_outcomes_total",
        "Reports by what became of them, since the start.",
        Read::Each(&["outcome"], |of| of.outcomes.reports());
    REPORTS_REJECTED: Counter "scanpost_reports_rejected_total",
        "Reports that were refused, by the field that is wrong, since the start.",
        Read::Each(&["field"], |of| of.outcomes.rejected_by_field());
    UPLOADS_REFUSED: Counter "scanpost_uploads_refused_total",
        "Requests with reports that were refused as a whole, by the code of the error, since the start.",
        Read::Each(&["code"], |of| of.outcomes.refused_by_code());
    VALUES_IGNORED: Counter "scanpost_report_values_ignored_total",
        "Values that were left out of reports because they cannot be used, by field, since the start.",
        Read::Each(&["field"], |of| of.health.ignored_by_field());
    DEVICES: Gauge "scanpost_devices",
        "Tracked devices, by radio technology.",
        Read::Each(&["phy"], |of| of.by_phy(|totals| totals.devices));
    DEVICES_EVICTED: Counter "scanpost_devices_evicted_total",
        "Devices that were removed because there were more than the configured maximum, since the start.",
        Read::One(|of| of.tracker.evicted());
    SOURCES: Gauge "scanpost_sources",
        "Scanners that have reported.",
        Read::One(|of| count(of.tracker.sources().len()));
    COMMITS: Counter "scanpost_log_commits_total",
        "Commits of the log, each synced once for all batches in it, since the start.",
        Read::One(|of| of.ingest.commits());
    QUEUE: Gauge "scanpost_queue_batches",
        "Batches that wait for the writer.",
        Read::One(|of| count(of.ingest.queue_len()));
    QUEUE_MAX: Gauge "scanpost_queue_batches_max",
        "Batches that may wait for the writer; past it, senders get 503.",
        Read::One(|of| count(of.ingest.queue_max()));
    COMMIT_DURATION: Histogram "scanpost_log_commit_duration_seconds",
        "How long appending a group of batches to the log took, with the sync.",
        Read::Durations(|of| of.ingest.commit_times());
    SYNC_DURATION: Histogram "scanpost_log_sync_duration_seconds",
        "How long writing and syncing the log's file took, of each commit.",
        Read::Durations(|of| of.ingest.sync_times());
    MERGE_DURATION: Histogram "scanpost_merge_duration_seconds",
        "How long applying a group of batches to the devices and the alerts took.",
        Read::Durations(|of| of.ingest.merge_times());
    LOG_BYTES: Gauge "scanpost_log_bytes",
        "Size of the log's file, without its write-ahead log.",
        Read::One(|of| of.usage().log_bytes);
    LOG_WAL_BYTES: Gauge "scanpost_log_wal_bytes",
        "Size of the log's write-ahead log.",
        Read::One(|of| of.usage().wal_bytes);
    LOG_OLDEST: Gauge "scanpost_log_oldest_report_timestamp_seconds",
        "When the oldest report in the log was received, in seconds since 1970; 0 without reports. While the log cannot be read, the last known value.",
        Read::One(|of| of.oldest.received_at_s());
    ALERTS_BYTES: Gauge "scanpost_alerts_file_bytes",
        "Size of alerts.db.",
        Read::One(|of| of.usage().alerts_bytes);
    HISTORY_BYTES: Gauge "scanpost_history_index_bytes",
        "Size of all files of the history's index together.",
        Read::One(|of| of.usage().history_bytes);
    SNAPSHOTS_BYTES: Gauge "scanpost_snapshots_bytes",
        "Size of all snapshots together.",
        Read::One(|of| of.usage().snapshots_bytes);
    SNAPSHOT_WRITTEN: Gauge "scanpost_snapshot_last_written_timestamp_seconds",
        "When the newest snapshot was written, in seconds since 1970; 0 without snapshots. None is written while nothing changes.",
        Read::One(MetricSources::snapshot_written_s);
    FREE_BYTES: Gauge "scanpost_data_free_bytes",
        "Free space of the file system that has the data directory.",
        Read::One(|of| of.usage().free_bytes);
    READY: Gauge "scanpost_ready",
        "1 once the log has been read and reports are accepted, else 0.",
        Read::One(|of| of.ingest.is_ready().into());
    ALERTS: Counter "scanpost_alerts_total",
        "Alerts that were raised since alerts.db was made.",
        Read::One(|of| *of.alerts.subscribe().borrow());
    REQUESTS: Counter "scanpost_http_requests_total",
        "Requests, by the template of the path and the status, since the start.",
        Read::Table(&["route", "status"], |of| of.requests.by_status());
    REQUEST_DURATION: Histogram "scanpost_http_request_duration_seconds",
        "Time from the head of a request to the head of its answer, by the template of the path.",
        Read::DurationTable(&["route"], |of| of.requests.durations());
    IMPORTS: Counter "scanpost_imports_total",
        "Imports that ended, by their state, since the start; trials do not count.",
        Read::Each(&["state"], |of| of.of_imports(Imports::ended_by_state));
    IMPORTS_WAITING: Gauge "scanpost_imports_waiting",
        "Imports that wait or run.",
        Read::One(|of| of.imports.as_ref().map_or(0, |imports| count(imports.waiting())));
    IMPORT_FILES: Counter "scanpost_import_files_total",
        "Files that were imported, by form, since the start; those that were imported before do not count.",
        Read::Each(&["form"], |of| of.of_imports(Imports::files_by_form));
    IMPORT_ROWS: Counter "scanpost_import_rows_total",
        "Rows of these files, by what became of them, since the start.",
        Read::Each(&["outcome"], |of| of.of_imports(Imports::rows_by_outcome));
    IMPORTS_BYTES: Gauge "scanpost_import_index_bytes",
        "Size of the hashes of imported rows.",
        Read::One(|of| of.usage().imported_rows_bytes);
    READS_REFUSED: Counter "scanpost_reads_refused_total",
        "Reads that were refused because too many waited, or too many of their client, by what they read, since the start.",
        Read::Each(&["of"], MetricSources::reads_refused);
    LOGINS_FAILED: Counter "scanpost_logins_failed_total",
        "Logins with a wrong user name or password, and those refused because too many failed, since the start.",
        Read::Each(&["reason"], MetricSources::logins_failed);
    WEBSOCKETS: Gauge "scanpost_websockets",
        "Open WebSockets.",
        Read::One(|of| of.connections.websockets.load(Ordering::Relaxed));
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
        Read::Each(&["webhook"], |of| of.by_webhook(|status| status.delivered));
    WEBHOOK_LOST: Counter "scanpost_webhook_alerts_lost_total",
        "Alerts that were given up, or evicted before they could be delivered, by webhook.",
        Read::Each(&["webhook"], |of| of.by_webhook(|status| status.lost));
    WEBHOOK_WAITING: Gauge "scanpost_webhook_alerts_waiting",
        "Alerts that wait for their delivery, by webhook.",
        Read::Each(&["webhook"], |of| of.by_webhook(|status| status.waiting));
    WEBHOOK_FAILURES: Gauge "scanpost_webhook_failures",
        "Failed attempts in a row, by webhook; 0 after a delivery.",
        Read::Each(&["webhook"], |of| of.by_webhook(|status| status.failures.into()));
    FORWARD_ROWS: Counter "scanpost_forward_observations_total",
        "Observations that a service took, by target of forwarding.",
        Read::Each(&["forward"], |of| of.by_forward(|status| status.rows));
    FORWARD_REFUSED: Counter "scanpost_forward_observations_refused_total",
        "Observations that a service refused for good, by target of forwarding.",
        Read::Each(&["forward"], |of| of.by_forward(|status| status.refused_rows));
    FORWARD_BEHIND: Gauge "scanpost_forward_records_behind",
        "Records of the log that were not looked at for a target of forwarding.",
        Read::Each(&["forward"], |of| of.by_forward(|status| status.behind));
    FORWARD_FAILURES: Gauge "scanpost_forward_failures",
        "Failed attempts in a row, by target of forwarding; 0 after a part was taken.",
        Read::Each(&["forward"], |of| of.by_forward(|status| status.failures.into()));
    TAK_EVENTS: Counter "scanpost_tak_events_total",
        "Events that were sent, by TAK target.",
        Read::Each(&["tak"], |of| of.by_tak(|status| status.events));
    TAK_LEFT_OUT: Counter "scanpost_tak_devices_left_out_total",
        "How many times a device was left out because too many waited, by TAK target.",
        Read::Each(&["tak"], |of| of.by_tak(|status| status.left_out));
    TAK_WAITING: Gauge "scanpost_tak_devices_waiting",
        "Devices that wait to be sent, by TAK target.",
        Read::Each(&["tak"], |of| of.by_tak(|status| count(status.waiting)));
    TAK_FAILURES: Gauge "scanpost_tak_failures",
        "Failed attempts in a row, by TAK target; 0 after it has worked for 10 seconds.",
        Read::Each(&["tak"], |of| of.by_tak(|status| status.failures.into()));
    MEMORY: Gauge "process_resident_memory_bytes",
        "Memory in use by the process, in bytes; 0 where the system does not tell.",
        Read::One(|of| of.process.memory_bytes());
    OPEN_FILES: Gauge "process_open_fds",
        "Open files and connections of the process; 0 where the system does not tell.",
        Read::One(|of| of.process.open_files());
    OPEN_FILES_MAX: Gauge "process_max_fds",
        "Files and connections that the process may have open.",
        Read::One(|of| of.process.open_files_max());
    STARTED: Gauge "process_start_time_seconds",
        "When the process started, in seconds since 1970.",
        Read::One(|of| of.process.started_at_s());
    BUILD: Gauge "scanpost_build_info",
        "Always 1, with the version of the program.",
        Read::Each(&["version"], |_| BTreeMap::from([(env!("CARGO_PKG_VERSION").to_owned(), 1)]));
}

/// Numbers of client connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) open: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) websockets: AtomicU64,
}

/// How many heavy reads were refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefusedReads {
    pub(crate) devices: Arc<AtomicU64>,
    pub(crate) log: Arc<AtomicU64>,
}

/// Handles to the parts that keep the numbers.
#[derive(Clone, Debug)]
pub(crate) struct MetricSources {
    /// `None` for a log in memory.
    pub(crate) data: Option<DataDir>,
    pub(crate) oldest: OldestReport,
    pub(crate) access: Access,
    pub(crate) outcomes: Outcomes,
    pub(crate) requests: Arc<RequestCounts>,
    pub(crate) refused_reads: RefusedReads,
    pub(crate) health: SourceHealth,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) ingest: Ingest,
    /// `None` for a log in memory.
    pub(crate) imports: Option<Imports>,
    pub(crate) alerts: AlertStore,
    pub(crate) webhooks: Webhooks,
    pub(crate) forwards: Forwards,
    pub(crate) tak: TakTargets,
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

    fn samples(&self, metric: &Metric) -> Samples {
        match metric.read {
            Read::One(read) => Samples::Numbers(&[], vec![(Vec::new(), read(&self.0))]),
            Read::Each(label, read) => {
                let numbers = read(&self.0).into_iter();
                let rows = numbers.map(|(value, number)| (vec![value], number));
                Samples::Numbers(label, rows.collect())
            }
            Read::Table(labels, read) => Samples::Numbers(labels, read(&self.0)),
            Read::Durations(read) => Samples::Histograms(&[], vec![(Vec::new(), read(&self.0))]),
            Read::DurationTable(labels, read) => Samples::Histograms(labels, read(&self.0)),
        }
    }

    /// The sum of a metric over all values of its label; 0 for a histogram.
    pub fn sum(&self, metric: &Metric) -> u64 {
        match self.samples(metric) {
            Samples::Numbers(_, rows) => rows.into_iter().map(|(_, number)| number).sum(),
            Samples::Histograms(..) => 0,
        }
    }

    /// A metric by the values of its label; empty where it has none.
    pub fn by_label(&self, metric: &Metric) -> BTreeMap<String, u64> {
        match metric.read {
            Read::Each(_, read) => read(&self.0),
            _ => BTreeMap::new(),
        }
    }
}

impl MetricSources {
    fn usage(&self) -> Usage {
        self.data
            .as_ref()
            .map_or_else(Usage::default, DataDir::usage)
    }

    fn snapshot_written_s(&self) -> u64 {
        let written_at = self.usage().snapshot_written_at;
        let since = written_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        since.map_or(0, |since| since.as_secs())
    }

    fn reads_refused(&self) -> BTreeMap<String, u64> {
        let RefusedReads { devices, log } = &self.refused_reads;
        let counts = [("devices", devices), ("log", log)];
        let counts = counts.map(|(of, count)| (of.to_owned(), count.load(Ordering::Relaxed)));
        BTreeMap::from(counts)
    }

    fn logins_failed(&self) -> BTreeMap<String, u64> {
        let failures = self.access.failures();
        let counts = [
            ("wrong", &failures.wrong),
            ("throttled", &failures.throttled),
        ];
        let counts =
            counts.map(|(reason, count)| (reason.to_owned(), count.load(Ordering::Relaxed)));
        BTreeMap::from(counts)
    }

    fn of_imports(&self, read: fn(&Imports) -> BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        self.imports.as_ref().map(read).unwrap_or_default()
    }

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

    fn by_forward(&self, number: fn(&ForwardStatus) -> u64) -> BTreeMap<String, u64> {
        let statuses = self.forwards.statuses();
        let numbers = statuses.iter();
        numbers
            .map(|status| (status.name.clone(), number(status)))
            .collect()
    }

    fn by_tak(&self, number: fn(&TakStatus) -> u64) -> BTreeMap<String, u64> {
        let statuses = self.tak.statuses();
        let numbers = statuses.iter();
        numbers
            .map(|status| (status.name.clone(), number(status)))
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
            let is_histogram = metric.kind == Kind::Histogram;
            assert_eq!(name.ends_with("_duration_seconds"), is_histogram, "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
        }
    }
}
