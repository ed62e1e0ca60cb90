//! What has to be done now and then, on a thread of its own: snapshots, and the expiry of old reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use tracing::{debug, info, warn};

use super::Ingest;
use crate::alerts::AlertStore;
use crate::log::{Expiry, LogError, LogPosition};
use crate::report::ReceivedAt;
use crate::snapshot::Snapshots;
use crate::tracker::Tracker;

/// How long is waited at most between two steps of expiry.
const EXPIRY_PAUSE_MAX: Duration = Duration::from_millis(100);
/// How often at most a large snapshot of everything is written only so that the log may forget more.
const ROLL_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Up to this size, in bytes, one is written whenever it helps.
const ROLL_FREE_BYTES: u64 = 64 << 20;

/// What is done, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How often what changed is put on disk, and what is due expires.
    pub interval: Duration,
    /// How long reports stay in the log.
    pub age_max: Option<Duration>,
    /// How large the log may become, in bytes.
    pub size_max_bytes: Option<u64>,
}

/// Tells the thread what to do.
#[derive(Clone, Debug)]
pub struct Orders {
    orders: SyncSender<Order>,
    is_stopping: Arc<AtomicBool>,
}

/// What the thread is told.
#[derive(Debug)]
pub struct Told {
    orders: Receiver<Order>,
    is_stopping: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Order {
    Begin(Box<Snapshots>),
    Stop,
}

/// Orders, and the end that [`start`] takes.
pub fn orders() -> (Orders, Told) {
    // Two orders are ever given.
    let (sender, receiver) = sync_channel(2);
    let is_stopping = Arc::new(AtomicBool::new(false));
    let orders = Orders {
        orders: sender,
        is_stopping: Arc::clone(&is_stopping),
    };
    let told = Told {
        orders: receiver,
        is_stopping,
    };
    (orders, told)
}

impl Orders {
    /// The tracker is up to date; these are its snapshots.
    pub fn begin(&self, snapshots: Option<Snapshots>) {
        if let Some(snapshots) = snapshots {
            // When the thread has ended, the server is going down already.
            self.orders.send(Order::Begin(Box::new(snapshots))).ok();
        }
    }

    /// Nothing changes any more: one last snapshot.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.orders.send(Order::Stop).ok();
    }
}

/// Starts the thread, which waits to be told to begin. It ends when it is told to stop.
///
/// # Errors
///
/// When the operating system gives no thread.
pub fn start(
    told: Told,
    tracker: Arc<Tracker>,
    ingest: Ingest,
    alerts: AlertStore,
    schedule: Schedule,
) -> std::io::Result<JoinHandle<()>> {
    let keeper = Keeper {
        tracker,
        ingest,
        alerts,
        schedule,
        rolled: None,
        is_short: false,
    };
    thread::Builder::new()
        .name("housekeeping".into())
        .spawn(move || keeper.keep(&told))
}

struct Keeper {
    tracker: Arc<Tracker>,
    ingest: Ingest,
    alerts: AlertStore,
    schedule: Schedule,
    rolled: Option<Instant>,
    /// Whether it was said that the log cannot be as small as it should.
    is_short: bool,
}

impl Keeper {
    fn keep(mut self, told: &Told) {
        let Ok(Order::Begin(mut snapshots)) = told.orders.recv() else {
            return;
        };
        let mut taken = Instant::now();
        loop {
            let pause = self.schedule.interval.saturating_sub(taken.elapsed());
            let Err(RecvTimeoutError::Timeout) = told.orders.recv_timeout(pause) else {
                break;
            };
            taken = Instant::now();
            self.take(&mut snapshots, false);
            if self.expires() {
                self.expire(&mut snapshots, told);
            }
        }
        self.take(&mut snapshots, false);
    }

    /// A snapshot that fails costs time at the next start and nothing else, so the server goes on.
    fn take(&self, snapshots: &mut Snapshots, of_everything: bool) {
        let started = Instant::now();
        let may_keep = |position| self.alerts.has_settled(position);
        match snapshots.take(&self.tracker, of_everything, may_keep) {
            Ok(None) => {}
            Ok(Some(taken)) => debug!(
                snapshot.position = taken.position.get(),
                snapshot.devices = taken.devices,
                snapshot.bytes = taken.bytes,
                snapshot.is_whole = taken.is_whole,
                snapshot.duration_ms =
                    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                "wrote a snapshot"
            ),
            Err(error) => warn!(%error, "a snapshot could not be written"),
        }
    }

    fn expires(&self) -> bool {
        self.schedule.age_max.is_some() || self.schedule.size_max_bytes.is_some()
    }

    /// Takes out what is due, step by step: between the steps the writer writes what came in.
    fn expire(&mut self, snapshots: &mut Snapshots, told: &Told) {
        let mut observations = 0;
        loop {
            let asked = Instant::now();
            let expired = match self.ingest.expire(self.due(snapshots)) {
                Some(Ok(expired)) => expired,
                Some(Err(LogError::DiskFull)) => {
                    return warn!("there is no room on the disk even to expire old reports");
                }
                Some(Err(error)) => return warn!(%error, "old reports could not be expired"),
                None => return,
            };
            observations += expired.observations;
            if expired.is_done {
                if expired.is_short && !std::mem::replace(&mut self.is_short, true) {
                    warn!(
                        "retention.size is too small for what else the log keeps: names, and batches that are recognised"
                    );
                }
                self.is_short &= expired.is_short;
                if 0 < observations {
                    let to = expired.to.get();
                    info!(observations, expired_to = to, "old reports are expired");
                }
                debug!("nothing more can expire now");
                if !(expired.is_held && self.may_roll(snapshots)) {
                    return;
                }
                // What the log forgets has to be in a snapshot that is finished for good.
                self.take(snapshots, true);
                self.rolled = Some(Instant::now());
                if snapshots.safe_position() <= expired.to {
                    return;
                }
                observations = 0;
            }
            if told.is_stopping.load(Ordering::Acquire) {
                return;
            }
            // The writer has other things to do: the more of them, the longer it took to come to this one.
            thread::sleep(asked.elapsed().min(EXPIRY_PAUSE_MAX));
        }
    }

    /// What may go now. Which batches are remembered the writer adds.
    fn due(&self, snapshots: &Snapshots) -> Expiry {
        let now = ReceivedAt::from(SystemTime::now());
        let came_before = self.schedule.age_max.map(|age_max| now.before(age_max));
        Expiry {
            came_before: came_before.unwrap_or_default(),
            size_max_bytes: self.schedule.size_max_bytes.unwrap_or(u64::MAX),
            up_to: snapshots.safe_position(),
            remembered_from: LogPosition::START,
        }
    }

    fn may_roll(&self, snapshots: &Snapshots) -> bool {
        let is_rested = |rolled: Instant| ROLL_INTERVAL <= rolled.elapsed();
        snapshots.whole_bytes() <= ROLL_FREE_BYTES || self.rolled.is_none_or(is_rested)
    }
}
