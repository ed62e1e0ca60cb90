//! Acceptance: turns decoded batches into receipts, through one thread that writes the log and one that folds.
//!
//! This module knows the log and the fold, but no HTTP. Each format is a module that implements [`format::Format`], and has
//! an entry in [`each_format`].

mod content;
pub mod decode;
pub mod format;
pub mod geosubmit;
pub mod health;
pub mod housekeeping;
mod json;
pub mod kismet;
mod merger;
pub mod outcomes;
pub(crate) mod quantity;
pub(crate) mod recover;
mod row_reader;
pub(crate) mod ssid_text;
mod time_text;
mod values;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::info;
use uuid::Uuid;

use self::format::FormatVisitor;
use self::merger::{EvictionWarning, Merger};
use self::recover::recover;
use self::writer::WriterLoop;
use crate::alerts::{AlertKeeper, AlertOrderError};
use crate::events::Events;
pub use crate::fold::Receipt;
use crate::fold::{Fold, ResendWindow, TooManySources, Waiting};
use crate::histogram::{Counted, Histogram};
use crate::log::{Expired, Expiry, Log, LogError, Record, What};
use crate::report::ReceivedAt;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::tracker::Tracker;

/// Shows all formats to a visitor. Their routes are made from this list.
pub fn each_format(visitor: &mut impl FormatVisitor) {
    visitor.visit::<kismet::WifiScanReport>();
    visitor.visit::<kismet::BluetoothScanReport>();
    visitor.visit::<geosubmit::GeosubmitV2>();
    visitor.visit::<geosubmit::GeosubmitV1>();
    visitor.visit::<geosubmit::Submit>();
}

/// Hands records to the writer.
#[derive(Clone, Debug)]
pub struct Ingest {
    queue: mpsc::Sender<Work>,
    node: Uuid,
    ready: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
    submitted: Arc<AtomicU64>,
    times: Arc<Times>,
}

/// How long the steps of each group took.
#[derive(Debug, Default)]
struct Times {
    /// Appending to the log, which includes the sync.
    commit: Histogram,
    /// Writing and syncing the log's file.
    sync: Arc<Histogram>,
    /// Applying to the tracker and the alerts.
    merge: Histogram,
}

/// Why a batch was not accepted. Nothing of it is stored, except perhaps after [`Self::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    #[error("too many batches are waiting to be written, try again")]
    Overloaded,
    /// The log is still being read.
    #[error("the server is starting, try again")]
    Starting,
    #[error("the server is shutting down")]
    Stopped,
    /// The log failed while it stored the batch.
    #[error(
        "writing the log failed, and whether the reports are in it is not known: send them again with their own \
         timestamps or the same Idempotency-Key, and they count once"
    )]
    Unknown,
    #[error("the disk is full, nothing was taken")]
    DiskFull,
    #[error("another program has locked the log's file, nothing was taken")]
    Locked,
    #[error(
        "the sources alone fill the memory of limits.memory_bytes_max = {bytes_max}, nothing was taken: forget sources, or raise the limit"
    )]
    MemoryFull {
        /// The limit.
        bytes_max: u64,
    },
    /// The batch would add a source, but there are too many already.
    #[error(transparent)]
    TooManySources(#[from] TooManySources),
    /// The sender has registered as many new sources as it may.
    #[error(
        "source_uuid: a new source, and limits.new_sources_per_hour_max = {per_hour_max} are registered already by this \
         key, login or address: let each scanner keep its UUID, or raise the limit"
    )]
    TooManyNewSources {
        /// The limit.
        per_hour_max: u32,
    },
    /// The order about alerts cannot be carried out.
    #[error(transparent)]
    AlertOrder(#[from] AlertOrderError),
}

/// The reason why the log cannot take reports now.
type CheckResult = Result<(), Box<str>>;

/// Longest wait for the answer of the writer to a check.
const CHECK_PATIENCE: Duration = Duration::from_secs(1);

type SubmitResult = Result<Receipt, IngestError>;

/// A task for the writer.
#[derive(Debug)]
enum Work {
    Write(Job),
    Expire(Expiry, oneshot::Sender<Result<Expired, LogError>>),
    Check(oneshot::Sender<CheckResult>),
    Tick(ReceivedAt),
}

#[derive(Debug)]
struct Job {
    record: Record,
    done: oneshot::Sender<SubmitResult>,
}

/// A change on its way to the log.
#[derive(Debug)]
pub(crate) struct HandedIn(oneshot::Receiver<SubmitResult>);

impl HandedIn {
    /// Waits until it is durable and in the tracker.
    pub(crate) fn wait(self) -> SubmitResult {
        self.0.blocking_recv().unwrap_or(Err(IngestError::Unknown))
    }
}

impl Ingest {
    /// Sends a change that was received at `at` to the writer, and waits until it is durable and in the tracker.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future only ends the waiting. The change is still written.
    pub async fn submit(&self, at: ReceivedAt, what: What) -> SubmitResult {
        if !self.is_ready() {
            return Err(IngestError::Starting);
        }
        let (done, receipt) = oneshot::channel();
        let record = Record::new(self.node, at, what);
        self.submitted.fetch_add(1, Ordering::Relaxed);
        self.queue_up(Work::Write(Job { record, done }))?;
        // An orderly shutdown writes everything in the queue, so a missing answer means a failure.
        receipt.await.unwrap_or(Err(IngestError::Unknown))
    }

    /// Like [`submit`](Self::submit), for threads that may block. If the queue is full, this waits for a place. Several
    /// changes may be on their way; they are written in the order in which they are handed in.
    pub(crate) fn hand_in(&self, at: ReceivedAt, what: What) -> Result<HandedIn, IngestError> {
        if !self.is_ready() {
            return Err(IngestError::Starting);
        }
        let (done, receipt) = oneshot::channel();
        let record = Record::new(self.node, at, what);
        let work = Work::Write(Job { record, done });
        let queued = self.queue.blocking_send(work);
        queued.map_err(|_| IngestError::Stopped)?;
        Ok(HandedIn(receipt))
    }

    /// Sends the time to the rules about silence. A full queue drops the tick, because batches carry the time too.
    pub fn tick(&self, now: ReceivedAt) {
        if self.is_ready() {
            self.queue_up(Work::Tick(now)).ok();
        }
    }

    fn queue_up(&self, work: Work) -> Result<(), IngestError> {
        self.queue.try_send(work).map_err(|refused| match refused {
            TrySendError::Full(_) => IngestError::Overloaded,
            TrySendError::Closed(_) => IngestError::Stopped,
        })
    }

    /// Requests one step of expiry, and waits for its result. `None` if the writer has ended.
    ///
    /// The writer sets [`Expiry::remembered_from`] itself, because only it knows the remembered batches.
    fn expire(&self, expiry: Expiry) -> Option<Result<Expired, LogError>> {
        let (done, expired) = oneshot::channel();
        self.queue.blocking_send(Work::Expire(expiry, done)).ok()?;
        expired.blocking_recv().ok()
    }

    /// Checks that the log can take reports now, as far as this shows without writing. The error is the reason.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped.
    pub async fn check(&self) -> Result<(), Box<str>> {
        let (done, checked) = oneshot::channel();
        let asked = async {
            self.queue.send(Work::Check(done)).await.ok()?;
            checked.await.ok()
        };
        match timeout(CHECK_PATIENCE, asked).await {
            Ok(Some(checked)) => checked,
            Ok(None) => Err("the log failed, or the server is shutting down".into()),
            Err(_) => Err(
                "the log does not answer: its disk is too slow or hangs, or another program has locked the log's file"
                    .into(),
            ),
        }
    }

    /// How many times the log was committed since the start. One commit syncs all batches that waited.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// How many changes were submitted by those who do not block, such as scanners, since the start.
    pub(crate) fn submitted(&self) -> u64 {
        self.submitted.load(Ordering::Relaxed)
    }

    /// How many tasks wait for the writer.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How many tasks may wait for the writer.
    pub(crate) fn queue_max(&self) -> usize {
        self.queue.max_capacity()
    }

    /// How long appending to the log took, of each group since the start.
    pub(crate) fn commit_times(&self) -> Counted {
        self.times.commit.read()
    }

    /// How long writing and syncing the log's file took, of each group since the start.
    pub(crate) fn sync_times(&self) -> Counted {
        self.times.sync.read()
    }

    /// How long applying to the tracker and the alerts took, of each group since the start.
    pub(crate) fn merge_times(&self) -> Counted {
        self.times.merge.read()
    }

    /// The counter behind [`commits`](Self::commits), for frequent reads.
    pub(crate) fn commit_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.commits)
    }

    /// Whether the tracker has caught up with the log. Before that, reports are refused and views are incomplete.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

/// The writer thread. It ends when all [`Ingest`] handles are dropped and everything they sent is written.
#[derive(Debug)]
pub struct Writer {
    ended: oneshot::Receiver<Result<(), WriterError>>,
}

/// Why the writer ended early.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The log failed. It contains everything that was acknowledged.
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The operating system cannot start a thread.
    #[error("cannot start the merger thread: {0}")]
    Thread(std::io::Error),
    #[error("the writer panicked")]
    Panicked,
}

impl Writer {
    /// Waits until the writer has ended.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped, and the function called again.
    pub async fn ended(&mut self) -> Result<(), WriterError> {
        match (&mut self.ended).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(WriterError::Panicked),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct WriterBounds {
    /// How many batches may wait in the queue.
    pub queue_batches_max: usize,
    /// Which batches are recognised when clients resend them.
    pub window: ResendWindow,
}

/// Where state is stored, and restored from at the start.
#[derive(Debug)]
pub struct Stores {
    /// The accepted records.
    pub log: Log,
    /// The data directory that contains the snapshots. Without one, none are written.
    pub snapshots: Option<PathBuf>,
    /// Whether to start although devices are missing whose reports the log has deleted.
    pub accepts_loss: bool,
    /// The alerts, and the rules that raise them.
    pub alerts: AlertKeeper,
}

/// Starts the writer. It first restores the tracker from snapshots and log, and then accepts batches. If all [`Ingest`]
/// handles are dropped before that, it stops early.
///
/// `ready` is called with the snapshots and the newest time of receipt when the tracker is up to date.
/// `events` gets what is new in batches, and not what snapshots and log contain. It also gets the alerts that a crash
/// prevented from being raised.
///
/// # Errors
///
/// When the operating system cannot start a thread.
///
/// # Panics
///
/// Outside of a Tokio runtime. Answers are sent from its tasks.
pub fn start(
    stores: Stores,
    tracker: Arc<Tracker>,
    events: Events,
    now: ReceivedAt,
    bounds: WriterBounds,
    ready: impl FnOnce(Option<Snapshots>, ReceivedAt) + Send + 'static,
) -> std::io::Result<(Ingest, Writer)> {
    let Stores {
        log,
        snapshots,
        accepts_loss,
        alerts,
    } = stores;
    let (queue, work) = mpsc::channel(bounds.queue_batches_max);
    let (end, ended) = oneshot::channel();
    let runtime = Handle::current();
    let (is_ready, commits) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let times = Arc::new(Times {
        commit: Histogram::default(),
        sync: log.syncs(),
        merge: Histogram::default(),
    });
    let ingest = Ingest {
        queue,
        node: log.node(),
        ready: Arc::clone(&is_ready),
        commits: Arc::clone(&commits),
        submitted: Arc::default(),
        times: Arc::clone(&times),
    };
    thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            let run = || {
                let started = Instant::now();
                let is_wanted = || !work.is_closed();
                let mut fold = Fold::new(Arc::clone(&tracker), alerts, events.clone());
                let recovered = recover(
                    &log,
                    (snapshots.as_deref(), accepts_loss),
                    &mut fold,
                    now,
                    is_wanted,
                )?;
                let Some(recovered) = recovered else {
                    info!("stopped before the log was read to its end");
                    return Ok(());
                };
                let judge = fold.judge(&log, bounds.window)?;
                is_ready.store(true, Ordering::Release);
                info!(
                    snapshot.position = recovered.from.get(),
                    replay.last = log.last().get(),
                    replay.duration_ms =
                        u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    tracker.devices = tracker.device_count(),
                    "ready"
                );
                ready(recovered.snapshots, tracker.now());
                let waiting = Waiting::default();
                let writer_loop = WriterLoop {
                    log,
                    judge,
                    tracker,
                    events,
                    waiting: waiting.clone(),
                    commits,
                    times: Arc::clone(&times),
                    suspects_full_disk: false,
                    fault: None,
                };
                let merger = Merger {
                    runtime,
                    fold,
                    waiting,
                    times,
                    evictions: EvictionWarning::default(),
                };
                Ok(writer_loop
                    .write(work, merger)
                    .map_err(WriterError::Thread)??)
            };
            // If the start of the server failed elsewhere, nobody waits for the result.
            end.send(run()).ok();
        })?;
    Ok((ingest, Writer { ended }))
}

#[cfg(test)]
mod tests;
