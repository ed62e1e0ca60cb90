//! Acceptance: from decoded batch to receipt, through one writer thread.
//!
//! Knows the log and the tracker; no format, no HTTP. A format is a decoder of its own in a file of its own.

pub mod decode;
pub mod kismet;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::log::{Log, LogError, LogPosition};
use crate::report::Batch;
use crate::tracker::{TooManySources, Tracker};

/// How many batches one commit takes at most.
const GROUP_MAX: usize = 256;
/// How often at most the log of the program says that devices had to go.
const EVICTION_NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// Hands batches to the writer.
#[derive(Clone, Debug)]
pub struct Ingest {
    queue: mpsc::Sender<Job>,
}

/// The batch was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where it stands in the log.
    pub position: LogPosition,
    /// How many reports it had.
    pub accepted: usize,
}

/// Why a batch was not accepted. Nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// More batches wait than the queue holds.
    #[error("too many batches are waiting to be written, try again")]
    Overloaded,
    /// The server is going down.
    #[error("the server is shutting down")]
    Stopped,
    /// No room for another source.
    #[error(transparent)]
    TooManySources(#[from] TooManySources),
}

#[derive(Debug)]
struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<Receipt, IngestError>>,
}

impl Ingest {
    /// Hands a batch to the writer and waits until it is in the log and in the tracker.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future abandons the waiting, never the write.
    pub async fn submit(&self, batch: Batch) -> Result<Receipt, IngestError> {
        let (done, receipt) = oneshot::channel();
        self.queue
            .try_send(Job { batch, done })
            .map_err(|refused| match refused {
                TrySendError::Full(_) => IngestError::Overloaded,
                TrySendError::Closed(_) => IngestError::Stopped,
            })?;
        receipt.await.unwrap_or(Err(IngestError::Stopped))
    }
}

/// The writer thread, which ends when every [`Ingest`] handle is gone and all they sent is written.
#[derive(Debug)]
pub struct Writer {
    ended: oneshot::Receiver<Result<(), LogError>>,
}

/// Why the writer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The log failed. What was acknowledged is in it; what was not is not.
    #[error("the log failed")]
    Log(#[from] LogError),
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

/// Starts the writer.
///
/// # Errors
///
/// When the operating system gives no thread.
pub fn start(
    log: Log,
    tracker: Arc<Tracker>,
    queue_batches_max: usize,
) -> std::io::Result<(Ingest, Writer)> {
    let (queue, jobs) = mpsc::channel(queue_batches_max);
    let (end, ended) = oneshot::channel();
    thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            // Nobody waits for the end any more when the server's own start failed.
            end.send(write(jobs, log, &tracker)).ok();
        })?;
    Ok((Ingest { queue }, Writer { ended }))
}

/// Appends, merges, answers: in that order, on one thread, one append for all that gathered.
///
/// A failed append ends the thread, and with it the process: what is on disk after it only replay can tell.
fn write(mut queue: mpsc::Receiver<Job>, mut log: Log, tracker: &Tracker) -> Result<(), LogError> {
    let mut jobs = Vec::with_capacity(GROUP_MAX);
    let mut evictions = EvictionNote::default();
    while 0 < queue.blocking_recv_many(&mut jobs, GROUP_MAX) {
        let (batches, waiting) = admitted(jobs.drain(..), tracker);
        for (entry, done) in log.append(batches)?.iter().zip(waiting) {
            let applied = tracker.apply(entry);
            evictions.add(applied.evicted);
            let receipt = Receipt {
                position: entry.position,
                accepted: entry.batch.reports.len(),
            };
            done.send(Ok(receipt)).ok(); // The client may have hung up.
        }
    }
    Ok(())
}

/// The batches that may be logged; the others are answered.
fn admitted(
    jobs: impl Iterator<Item = Job>,
    tracker: &Tracker,
) -> (
    Vec<Batch>,
    Vec<oneshot::Sender<Result<Receipt, IngestError>>>,
) {
    let mut admission = tracker.admission();
    let (mut batches, mut waiting) = (Vec::new(), Vec::new());
    for Job { batch, done } in jobs {
        match admission.admit(&batch) {
            Ok(()) => {
                batches.push(batch);
                waiting.push(done);
            }
            Err(refused) => drop(done.send(Err(refused.into()))),
        }
    }
    (batches, waiting)
}

/// Says that devices had to go, but not for each of them.
#[derive(Default)]
struct EvictionNote {
    untold: u64,
    last: Option<Instant>,
}

impl EvictionNote {
    fn add(&mut self, evicted: u64) {
        self.untold += evicted;
        if self.untold == 0
            || self
                .last
                .is_some_and(|last| last.elapsed() < EVICTION_NOTE_INTERVAL)
        {
            return;
        }
        warn!(
            tracker.evicted_devices = self.untold,
            "the bound of tracked devices is reached, the least recently seen go"
        );
        (self.untold, self.last) = (0, Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Phy, ReceivedAt, SourceId};
    use crate::tracker::Bounds;

    fn batch(source: u128) -> Batch {
        Batch {
            source: SourceId::new(uuid::Uuid::from_u128(source)),
            source_name: None,
            phy: Phy::Wifi,
            received_at: ReceivedAt::from_micros(1_700_000_000_000_000),
            reports: Vec::new(),
        }
    }

    fn tracker(sources_max: usize) -> Arc<Tracker> {
        Arc::new(Tracker::new(Bounds {
            devices_max: 10,
            sources_max,
            ssids_per_device_max: 4,
            sources_per_device_max: 4,
            frequencies_per_device_max: 4,
            tags_per_device_max: 4,
        }))
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_does_not_undo_its_batch() {
        let tracker = tracker(10);
        let (ingest, mut writer) = start(Log::in_memory(), Arc::clone(&tracker), 8).unwrap();
        let mut hung_up = Box::pin(ingest.submit(batch(1)));
        // One poll hands the batch over; then the client goes away.
        assert!(futures_poll_once(hung_up.as_mut()).await.is_none());
        drop(hung_up);
        drop(ingest);
        writer.ended().await.unwrap();
        assert_eq!(tracker.sources().len(), 1);
    }

    #[test]
    fn a_full_queue_takes_nothing() {
        let (queue, jobs) = mpsc::channel(1);
        let ingest = Ingest { queue };
        let (done, _) = oneshot::channel();
        ingest
            .queue
            .try_send(Job {
                batch: batch(1),
                done,
            })
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert_eq!(
            runtime.block_on(ingest.submit(batch(2))),
            Err(IngestError::Overloaded)
        );
        drop(jobs);
        assert_eq!(
            runtime.block_on(ingest.submit(batch(2))),
            Err(IngestError::Stopped)
        );
    }

    #[test]
    fn new_sources_of_one_group_count_against_the_bound_together() {
        let tracker = tracker(2);
        let jobs = [1, 2, 1, 3].map(|source| {
            let (done, answer) = oneshot::channel();
            (
                Job {
                    batch: batch(source),
                    done,
                },
                answer,
            )
        });
        let (jobs, answers): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        let (batches, _waiting) = admitted(jobs.into_iter(), &tracker);
        assert_eq!(batches.len(), 3);
        let refused: Vec<_> = answers
            .into_iter()
            .filter_map(|mut answer| answer.try_recv().ok())
            .collect();
        assert_eq!(
            refused,
            [Err(IngestError::TooManySources(TooManySources { max: 2 }))]
        );
    }

    async fn futures_poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(
            |context| match std::pin::Pin::new(&mut future).poll(context) {
                std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
                std::task::Poll::Pending => std::task::Poll::Ready(None),
            },
        )
        .await
    }
}
