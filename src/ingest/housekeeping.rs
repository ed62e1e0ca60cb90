//! Periodic work on a thread of its own: snapshots, and the expiry of old reports.

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

/// The longest pause between two steps of expiry.
const EXPIRY_PAUSE_MAX: Duration = Duration::from_millis(100);
/// The shortest time between two whole snapshots that are written only to let the log delete more.
const ROLL_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Whole snapshots up to this size are written without regard to [`ROLL_INTERVAL`].
const ROLL_FREE_BYTES: u64 = 64 << 20;

/// The intervals and bounds of the housekeeping.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How often changes are saved to a snapshot, and old reports expire.
    pub interval: Duration,
    /// How long reports stay in the log.
    pub age_max: Option<Duration>,
    /// How large the log may become, in bytes.
    pub size_max_bytes: Option<u64>,
}

/// Starts and stops the work of the thread.
#[derive(Clone, Debug)]
pub struct HousekeepingHandle {
    messages: SyncSender<Message>,
    is_stopping: Arc<AtomicBool>,
}

/// The end of the channel that the thread reads.
#[derive(Debug)]
pub struct HousekeepingMessages {
    receiver: Receiver<Message>,
    is_stopping: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Message {
    Begin(Box<Snapshots>),
    Stop,
}

/// Makes the channel to the thread. [`start`] takes the second end.
pub fn channel() -> (HousekeepingHandle, HousekeepingMessages) {
    // At most two messages are sent.
    let (sender, receiver) = sync_channel(2);
    let is_stopping = Arc::new(AtomicBool::new(false));
    let handle = HousekeepingHandle {
        messages: sender,
        is_stopping: Arc::clone(&is_stopping),
    };
    let messages = HousekeepingMessages {
        receiver,
        is_stopping,
    };
    (handle, messages)
}

impl HousekeepingHandle {
    /// Starts the work, once the tracker is up to date. Without snapshots there is nothing to do.
    pub fn begin(&self, snapshots: Option<Snapshots>) {
        if let Some(snapshots) = snapshots {
            // If the thread has ended, the server is shutting down already.
            self.messages.send(Message::Begin(Box::new(snapshots))).ok();
        }
    }

    /// Stops the thread after a last snapshot. Nothing may change the tracker any more.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.messages.send(Message::Stop).ok();
    }
}

/// Starts the thread. It waits for the message to begin, and ends at the message to stop.
///
/// # Errors
///
/// When the operating system cannot start a thread.
pub fn start(
    messages: HousekeepingMessages,
    tracker: Arc<Tracker>,
    ingest: Ingest,
    alerts: AlertStore,
    schedule: Schedule,
) -> std::io::Result<JoinHandle<()>> {
    let housekeeper = Housekeeper {
        tracker,
        ingest,
        alerts,
        schedule,
        rolled: None,
        is_still_too_large: false,
    };
    thread::Builder::new()
        .name("housekeeping".into())
        .spawn(move || housekeeper.run(&messages))
}

struct Housekeeper {
    tracker: Arc<Tracker>,
    ingest: Ingest,
    alerts: AlertStore,
    schedule: Schedule,
    rolled: Option<Instant>,
    /// Whether it was logged that the log cannot become as small as configured.
    is_still_too_large: bool,
}

impl Housekeeper {
    fn run(mut self, messages: &HousekeepingMessages) {
        let Ok(Message::Begin(mut snapshots)) = messages.receiver.recv() else {
            return;
        };
        let mut taken = Instant::now();
        loop {
            let pause = self.schedule.interval.saturating_sub(taken.elapsed());
            let Err(RecvTimeoutError::Timeout) = messages.receiver.recv_timeout(pause) else {
                break;
            };
            taken = Instant::now();
            self.snapshot(&mut snapshots, false);
            if self.expires() {
                self.expire(&mut snapshots, messages);
            }
        }
        self.snapshot(&mut snapshots, false);
    }

    /// Writes a snapshot. If that fails, the server goes on: only its next start is slower.
    fn snapshot(&self, snapshots: &mut Snapshots, of_everything: bool) {
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
            Err(error) => {
                warn!(%error, "cannot write a snapshot: until one succeeds, the next start takes longer");
            }
        }
    }

    fn expires(&self) -> bool {
        self.schedule.age_max.is_some() || self.schedule.size_max_bytes.is_some()
    }

    /// Deletes what is due, step by step. Between the steps, the writer appends what has come in.
    fn expire(&mut self, snapshots: &mut Snapshots, messages: &HousekeepingMessages) {
        let mut observations = 0;
        loop {
            let asked = Instant::now();
            let expired = match self.ingest.expire(self.due(snapshots)) {
                Some(Ok(expired)) => expired,
                Some(Err(LogError::DiskFull)) => {
                    return warn!("cannot expire old reports, the disk is full: free some space");
                }
                Some(Err(error)) => return warn!(%error, "cannot expire old reports"),
                None => return,
            };
            observations += expired.observations;
            if expired.is_done {
                if expired.is_still_too_large
                    && !std::mem::replace(&mut self.is_still_too_large, true)
                {
                    warn!(
                        "the log cannot become as small as retention.size: it also keeps names and remembered batches; set a larger size"
                    );
                }
                self.is_still_too_large &= expired.is_still_too_large;
                if 0 < observations {
                    let to = expired.to.get();
                    info!(observations, expired_to = to, "expired old reports");
                }
                debug!("nothing more can expire now");
                if !(expired.is_blocked && self.may_roll(snapshots)) {
                    return;
                }
                // The log may delete only what is in a snapshot that is finished for good.
                self.snapshot(snapshots, true);
                self.rolled = Some(Instant::now());
                if snapshots.safe_position() <= expired.to {
                    return;
                }
                observations = 0;
            }
            if messages.is_stopping.load(Ordering::Acquire) {
                return;
            }
            // Throttle expiry in favour of reports: the busier the writer, the longer this step took, and so the pause.
            thread::sleep(asked.elapsed().min(EXPIRY_PAUSE_MAX));
        }
    }

    /// What may be deleted now. The writer adds which batches are remembered.
    fn due(&self, snapshots: &Snapshots) -> Expiry {
        let now = ReceivedAt::from(SystemTime::now());
        let received_before = self.schedule.age_max.map(|age_max| now.before(age_max));
        Expiry {
            received_before: received_before.unwrap_or_default(),
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
