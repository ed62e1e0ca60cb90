//! Acceptance: from decoded batch to receipt, through one thread that writes the log and one that folds.
//!
//! Knows the log and the fold; no format, no HTTP. A format is a file of its own that implements [`format::Format`].

pub mod decode;
pub mod format;
pub mod housekeeping;
pub mod kismet;
mod merger;
pub(crate) mod recover;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::info;
use uuid::Uuid;

use self::merger::{EvictionWarning, Merger};
use self::recover::recover;
use self::writer::Running;
use crate::alerts::{AlertKeeper, Refused};
use crate::events::Events;
pub use crate::fold::Receipt;
use crate::fold::{Fold, ResendWindow, TooManySources, Waiting};
use crate::log::{Expired, Expiry, Log, LogError, Record, What};
use crate::report::ReceivedAt;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::tracker::Tracker;

/// Hands records to the writer.
#[derive(Clone, Debug)]
pub struct Ingest {
    queue: mpsc::Sender<Work>,
    node: Uuid,
    ready: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
}

/// Why a batch was not accepted. Unless it is unknown, nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// More batches wait than the queue holds.
    #[error("too many batches are waiting to be written, try again")]
    Overloaded,
    /// The log is still being read.
    #[error("the server is starting, try again")]
    Starting,
    /// The server is going down.
    #[error("the server is shutting down")]
    Stopped,
    /// The log failed while the batch was on its way into it.
    #[error(
        "writing the log failed, and whether the reports are in it is not known: send them again with their own \
         timestamps or the same Idempotency-Key, and they count once"
    )]
    Unknown,
    /// There is no room to keep it.
    #[error("the disk is full, nothing was taken")]
    DiskFull,
    /// Another program holds the log's file.
    #[error("another program has locked the log's file, nothing was taken")]
    Locked,
    /// No room for another source.
    #[error(transparent)]
    TooManySources(#[from] TooManySources),
    /// An order about alerts that cannot be followed.
    #[error(transparent)]
    Refused(#[from] Refused),
}

type Answer = Result<Receipt, IngestError>;

/// What the writer is asked to do.
#[derive(Debug)]
enum Work {
    Write(Job),
    Expire(Expiry, oneshot::Sender<Result<Expired, LogError>>),
    Tick(ReceivedAt),
}

#[derive(Debug)]
struct Job {
    record: Record,
    done: oneshot::Sender<Answer>,
}

impl Ingest {
    /// Hands what came at `at` to the writer as a record, and waits until it is durable and in the tracker.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future abandons the waiting, never the write.
    pub async fn submit(&self, at: ReceivedAt, what: What) -> Answer {
        if !self.is_ready() {
            return Err(IngestError::Starting);
        }
        let (done, receipt) = oneshot::channel();
        let record = Record::new(self.node, at, what);
        self.queue_up(Work::Write(Job { record, done }))?;
        // What is in the queue is written before an orderly end.
        receipt.await.unwrap_or(Err(IngestError::Unknown))
    }

    /// Sends the time to the rules about silence, unless the writer has other things to do: those carry it too.
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

    /// Asks for one step of expiry, and waits for it. `None` when the writer is gone.
    ///
    /// Which batches are remembered the writer knows better: that part of the `expiry` is its own.
    fn expire(&self, expiry: Expiry) -> Option<Result<Expired, LogError>> {
        let (done, expired) = oneshot::channel();
        self.queue.blocking_send(Work::Expire(expiry, done)).ok()?;
        expired.blocking_recv().ok()
    }

    /// How often the log was synced for batches since the start: each time for all that waited.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// The same, for those who look often.
    pub(crate) fn commit_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.commits)
    }

    /// Whether the tracker is what the log says, so that reports are taken and views are true.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

/// The writer thread, which ends when every [`Ingest`] handle is gone and all they sent is written.
#[derive(Debug)]
pub struct Writer {
    ended: oneshot::Receiver<Result<(), WriterError>>,
}

/// Why the writer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The log failed. What was acknowledged is in it; what was not is not.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The snapshots cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The operating system gives no thread.
    #[error("no thread for merging: {0}")]
    Thread(std::io::Error),
    /// A defect of ours.
    #[error("the writer panicked")]
    Panicked,
}

impl Writer {
    /// Waits for the end of the writer.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub async fn ended(&mut self) -> Result<(), WriterError> {
        match (&mut self.ended).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(WriterError::Panicked),
        }
    }
}

/// What bounds the writer.
#[derive(Clone, Copy, Debug)]
pub struct WriterBounds {
    /// How many batches may wait.
    pub queue_batches_max: usize,
    /// Which batches are recognised when they are sent again.
    pub window: ResendWindow,
}

/// Where state is stored, and restored from at the start.
#[derive(Debug)]
pub struct Stores {
    /// The batches.
    pub log: Log,
    /// The data directory that snapshots are in, if there are any.
    pub snapshots: Option<PathBuf>,
    /// The alerts.
    pub alerts: AlertKeeper,
}

/// Starts the writer: it brings the tracker to what snapshots and log say, and then takes batches. Before it takes
/// batches it stops, if every [`Ingest`] handle is gone.
///
/// `ready` gets the snapshots when the tracker is up to date.
/// `events` is told of what is new in batches, not of what snapshots and log had; of alerts also those that a crash
/// kept from being raised.
///
/// # Errors
///
/// When the operating system gives no thread.
///
/// # Panics
///
/// Outside of a runtime, which answers are given in.
pub fn start(
    stores: Stores,
    tracker: Arc<Tracker>,
    events: Events,
    now: ReceivedAt,
    bounds: WriterBounds,
    ready: impl FnOnce(Option<Snapshots>) + Send + 'static,
) -> std::io::Result<(Ingest, Writer)> {
    let Stores {
        log,
        snapshots,
        alerts,
    } = stores;
    let (queue, work) = mpsc::channel(bounds.queue_batches_max);
    let (end, ended) = oneshot::channel();
    let runtime = Handle::current();
    let (is_ready, commits) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let ingest = Ingest {
        queue,
        node: log.node(),
        ready: Arc::clone(&is_ready),
        commits: Arc::clone(&commits),
    };
    thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            let run = || {
                let started = Instant::now();
                let is_wanted = || !work.is_closed();
                let mut fold = Fold::new(Arc::clone(&tracker), alerts, events.clone());
                let recovered = recover(&log, snapshots.as_deref(), &mut fold, now, is_wanted)?;
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
                ready(recovered.snapshots);
                let waiting = Waiting::default();
                let running = Running {
                    log,
                    judge,
                    events,
                    waiting: waiting.clone(),
                    commits,
                };
                let merger = Merger {
                    runtime,
                    fold,
                    waiting,
                    evictions: EvictionWarning::default(),
                };
                Ok(running.write(work, merger).map_err(WriterError::Thread)??)
            };
            // Nobody waits for the end any more when the server's own start failed.
            end.send(run()).ok();
        })?;
    Ok((ingest, Writer { ended }))
}

#[cfg(test)]
mod tests;
