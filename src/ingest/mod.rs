//! Acceptance: from decoded batch to receipt, through one writer thread.
//!
//! Knows the log and the tracker; no format, no HTTP. A format is a decoder of its own in a file of its own.

pub mod decode;
pub mod housekeeping;
pub mod kismet;
mod window;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use self::window::Window;
pub use self::window::WindowBounds;
use crate::alerts::{Desk, Order, Refused};
use crate::events::{Events, Severity};
use crate::log::{Answered, Expired, Expiry, Known, Log, LogError, LogPosition};
use crate::report::{Batch, BatchIdentity, ReceivedAt};
use crate::snapshot::{SnapshotError, Snapshots};
use crate::tracker::{TooManySources, Tracker};

/// How many batches one commit takes at most.
const GROUP_MAX: usize = 256;
/// How often at most the log of the program says that devices had to go.
const NOTE_INTERVAL: Duration = Duration::from_secs(60);
/// How often a long replay says how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// Hands batches to the writer.
#[derive(Clone, Debug)]
pub struct Ingest {
    queue: mpsc::Sender<Work>,
    ready: Arc<AtomicBool>,
}

/// The batch was accepted, now or earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What its sender is told.
    pub answered: Answered,
    /// Whether it had been accepted earlier, and was not counted again.
    pub duplicate: bool,
}

/// Why a batch was not accepted. Nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// There is no room to keep it.
    #[error("the disk is full, nothing was taken")]
    DiskFull,
    /// No room for another source.
    #[error(transparent)]
    TooManySources(#[from] TooManySources),
}

type Answer = Result<Receipt, IngestError>;

/// What the writer is asked to do.
#[derive(Debug)]
enum Work {
    Write(Job),
    Expire(Expiry, oneshot::Sender<Result<Expired, LogError>>),
    Alerts(Order, oneshot::Sender<Result<(), Refused>>),
}

#[derive(Debug)]
struct Job {
    batch: Batch,
    done: oneshot::Sender<Answer>,
}

impl Ingest {
    /// Hands a batch to the writer and waits until it is durable and in the tracker.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future abandons the waiting, never the write.
    pub async fn submit(&self, batch: Batch) -> Answer {
        if !self.is_ready() {
            return Err(IngestError::Starting);
        }
        let (done, receipt) = oneshot::channel();
        self.queue_up(Work::Write(Job { batch, done }))?;
        receipt.await.unwrap_or(Err(IngestError::Stopped))
    }

    /// Has the writer do something about alerts, and waits until it is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future abandons the waiting, never what is asked for.
    pub async fn order(&self, order: Order) -> Result<Result<(), Refused>, IngestError> {
        if !self.is_ready() {
            return Err(IngestError::Starting);
        }
        let (done, followed) = oneshot::channel();
        self.queue_up(Work::Alerts(order, done))?;
        followed.await.map_err(|_| IngestError::Stopped)
    }

    /// Tells the writer how late it is, unless it has other things to do.
    pub fn tick(&self, now: ReceivedAt) {
        let (done, _) = oneshot::channel();
        if self.is_ready() {
            // Whatever it is busy with tells it too.
            self.queue_up(Work::Alerts(Order::Tick(now), done)).ok();
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
    pub window: WindowBounds,
}

/// What the writer keeps things in.
#[derive(Debug)]
pub struct Keeping {
    /// The batches.
    pub log: Log,
    /// The data directory that snapshots are in, if there are any.
    pub snapshots: Option<PathBuf>,
    /// The alerts.
    pub desk: Desk,
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
pub fn start(
    keeping: Keeping,
    tracker: Arc<Tracker>,
    events: Events,
    now: ReceivedAt,
    bounds: WriterBounds,
    ready: impl FnOnce(Option<Snapshots>) + Send + 'static,
) -> std::io::Result<(Ingest, Writer)> {
    let Keeping {
        log,
        snapshots,
        mut desk,
    } = keeping;
    let (queue, work) = mpsc::channel(bounds.queue_batches_max);
    let (end, ended) = oneshot::channel();
    let is_ready = Arc::new(AtomicBool::new(false));
    let ingest = Ingest {
        queue,
        ready: Arc::clone(&is_ready),
    };
    thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            let run = || {
                let started = Instant::now();
                let is_wanted = || !work.is_closed();
                let recovered = recover(
                    &log,
                    snapshots.as_deref(),
                    &tracker,
                    &mut desk,
                    now,
                    bounds.window,
                    is_wanted,
                )?;
                let Some(recovered) = recovered else {
                    info!("stopped before the log was read to its end");
                    return Ok(());
                };
                let missed = desk.settle(log.last());
                for alert in &missed {
                    events.alert(alert);
                }
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
                let running = Running {
                    log,
                    tracker,
                    desk,
                    events,
                    window: recovered.window,
                    evictions: Note::default(),
                };
                Ok(running.write(work)?)
            };
            // Nobody waits for the end any more when the server's own start failed.
            end.send(run()).ok();
        })?;
    Ok((ingest, Writer { ended }))
}

struct Recovered {
    snapshots: Option<Snapshots>,
    window: Window,
    /// What the snapshots had, and the log did not have to tell.
    from: LogPosition,
}

/// Brings the tracker to what snapshots and log say, and learns which batches may come again.
///
/// `None` when it is not wanted any more: nothing on disk has changed then, and the next start begins anew.
fn recover(
    log: &Log,
    snapshots: Option<&Path>,
    tracker: &Tracker,
    desk: &mut Desk,
    now: ReceivedAt,
    bounds: WindowBounds,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<Recovered>, WriterError> {
    let last = log.last();
    let mut snapshots = match snapshots {
        None => None,
        Some(data) => Some(Snapshots::open(data, log.server_uuid(), last)?),
    };
    let from = match &mut snapshots {
        None => LogPosition::START,
        Some(snapshots) => match snapshots.restore(tracker, &is_wanted)? {
            Some(position) => position,
            None => return Ok(None),
        },
    };
    let expired_to = log.expired_to()?;
    if from < expired_to {
        error!(
            snapshot.position = from.get(),
            log.expired_to = expired_to.get(),
            "no snapshot has all that is expired from the log: devices that were seen only then are missing"
        );
    }
    desk.recall(log, tracker, from)?;
    let mut told = Instant::now();
    log.replay(from, |entry| {
        if !is_wanted() {
            return ControlFlow::Break(());
        }
        desk.apply(tracker, &entry, |_| {});
        if PROGRESS_INTERVAL <= told.elapsed() {
            told = Instant::now();
            info!(
                replay.position = entry.position.get(),
                replay.last = last.get(),
                "replaying the log"
            );
        }
        ControlFlow::Continue(())
    })?;
    if !is_wanted() {
        return Ok(None);
    }
    desk.recalled();
    let mut window = Window::new(bounds);
    for known in log.known(window.since(now), bounds.batches_max)? {
        window.add(known);
    }
    Ok(Some(Recovered {
        snapshots,
        window,
        from,
    }))
}

struct Running {
    log: Log,
    tracker: Arc<Tracker>,
    desk: Desk,
    events: Events,
    window: Window,
    evictions: Note,
}

/// Jobs that have been looked at: what is to be appended, who waits for which of it, and who gets an earlier answer.
#[derive(Default)]
struct Group {
    batches: Vec<Batch>,
    /// For each batch those who wait for it: its sender, then those who sent it again in the meantime.
    waiting: Vec<Vec<oneshot::Sender<Answer>>>,
    fresh: HashMap<BatchIdentity, usize>,
    again: Vec<(LogPosition, oneshot::Sender<Answer>)>,
}

impl Running {
    /// Appends, merges, answers: in that order, on one thread, one append for all that gathered.
    ///
    /// A failed append ends the thread, and with it the process: what is on disk after it only replay can
    /// tell. A full disk is told apart, because then nothing was written.
    fn write(mut self, mut queue: mpsc::Receiver<Work>) -> Result<(), LogError> {
        let mut work = Vec::with_capacity(GROUP_MAX);
        while 0 < queue.blocking_recv_many(&mut work, GROUP_MAX) {
            let (mut jobs, mut expiries) = (Vec::with_capacity(work.len()), Vec::new());
            let mut orders = Vec::new();
            for work in work.drain(..) {
                match work {
                    Work::Write(job) => jobs.push(job),
                    Work::Expire(expiry, done) => expiries.push((expiry, done)),
                    Work::Alerts(order, done) => orders.push((order, done)),
                }
            }
            let group = self.look_at(jobs.into_iter());
            for (position, done) in group.again {
                let answered = self.log.answered(position)?;
                let gone = || LogError::Damaged("a batch that was acknowledged is gone".into());
                let receipt = Receipt {
                    answered: answered.ok_or_else(gone)?,
                    duplicate: true,
                };
                done.send(Ok(receipt)).ok(); // The client may have hung up.
            }
            let latest = group.batches.iter().map(|batch| batch.received_at).max();
            match self.log.append(group.batches) {
                Ok(entries) => {
                    for entry in &entries {
                        let mut news = self.events.collect(entry.batch.received_at);
                        let applied = self.desk.apply(&self.tracker, entry, |told| news.add(told));
                        news.tell();
                        self.evictions.add(applied.evicted);
                        self.remember(&entry.batch, entry.position);
                    }
                    self.settle();
                    for (entry, waiting) in entries.into_iter().zip(group.waiting) {
                        answer(entry.position, entry.batch, waiting);
                    }
                }
                Err(LogError::DiskFull) => {
                    warn!("the disk is full, reports are refused");
                    self.events
                        .say(Severity::Error, latest.unwrap_or_default(), || {
                            "The disk is full, reports are refused".to_owned()
                        });
                    let all = group.waiting.into_iter().flatten();
                    all.for_each(|done| drop(done.send(Err(IngestError::DiskFull))));
                }
                Err(error) => return Err(error),
            }
            for (order, done) in orders {
                let followed = self.desk.follow(order);
                self.settle();
                done.send(followed).ok(); // Nobody waits for a tick.
            }
            for (expiry, done) in expiries {
                let remembered_from = self
                    .window
                    .oldest()
                    .unwrap_or_else(|| self.log.last().next());
                let expired = self.log.expire(&Expiry {
                    remembered_from,
                    ..expiry
                });
                done.send(expired).ok();
            }
        }
        self.desk.close(self.log.last());
        Ok(())
    }

    /// Keeps the alerts that were raised, and tells them.
    fn settle(&mut self) {
        let alerts = self.desk.settle(self.log.last());
        for alert in &alerts {
            self.events.alert(alert);
        }
    }

    fn look_at(&self, jobs: impl Iterator<Item = Job>) -> Group {
        let mut admission = self.tracker.admission();
        let mut group = Group::default();
        for Job { batch, done } in jobs {
            let earlier = batch
                .identity
                .and_then(|identity| self.window.find(identity));
            let waits = batch
                .identity
                .and_then(|identity| group.fresh.get(&identity));
            if let Some(position) = earlier {
                group.again.push((position, done));
            } else if let Some(waiting) = waits.and_then(|&place| group.waiting.get_mut(place)) {
                waiting.push(done);
            } else if let Err(refused) = admission.admit(&batch) {
                done.send(Err(refused.into())).ok();
            } else {
                if let Some(identity) = batch.identity {
                    group.fresh.insert(identity, group.batches.len());
                }
                group.batches.push(batch);
                group.waiting.push(vec![done]);
            }
        }
        group
    }

    fn remember(&mut self, batch: &Batch, position: LogPosition) {
        if let Some(identity) = batch.identity {
            let received_at = batch.received_at;
            self.window.add(Known {
                identity,
                position,
                received_at,
            });
        }
    }
}

/// The first of those who wait sent the batch; the others sent it again.
fn answer(position: LogPosition, batch: Batch, waiting: Vec<oneshot::Sender<Answer>>) {
    let answered = Answered {
        position,
        accepted: batch.reports.len(),
        rejected: batch.rejected,
    };
    for (place, done) in waiting.into_iter().enumerate() {
        let receipt = Receipt {
            answered: answered.clone(),
            duplicate: 0 < place,
        };
        done.send(Ok(receipt)).ok();
    }
}

/// Says that devices had to go, but not for each of them.
#[derive(Default)]
struct Note {
    untold: u64,
    last: Option<Instant>,
}

impl Note {
    fn add(&mut self, evicted: u64) {
        self.untold += evicted;
        let is_soon = self.last.is_some_and(|last| last.elapsed() < NOTE_INTERVAL);
        if self.untold == 0 || is_soon {
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
mod tests;
