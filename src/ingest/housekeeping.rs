//! Periodic work on a thread of its own: snapshots, and the expiry of old reports.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use tracing::{debug, info, warn};

use super::Ingest;
use crate::alerts::AlertStore;
use crate::log::{Expired, Expiry, LogError, LogPosition, SourceExpiry};
use crate::report::{ReceivedAt, SourceId};
use crate::snapshot::Snapshots;
use crate::tracker::Tracker;

/// So many of the newest observations stay, however old they are and however large the log is.
const OBSERVATIONS_MIN: u64 = 10_000;
/// The longest pause between two steps of expiry.
const EXPIRY_PAUSE_MAX: Duration = Duration::from_millis(100);
/// The shortest time between two whole snapshots that are written only to let the log delete more.
const ROLL_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How many such snapshots one round of expiry writes. The log deletes what two of them have.
const ROLLS_MAX: u32 = 2;
/// Whole snapshots up to this size are written without regard to [`ROLL_INTERVAL`].
const ROLL_FREE_BYTES: u64 = 64 << 20;

/// The intervals and bounds of the housekeeping.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// How often changes are saved to a snapshot, and old reports expire.
    pub interval: Duration,
    /// How long reports stay in the log.
    pub age_max: Option<Duration>,
    /// How large the log may become, in bytes.
    pub size_max_bytes: Option<u64>,
    /// Sources whose reports stay shorter or longer. The first rule that names a source counts.
    pub rules: Vec<SourceRule>,
}

/// How long the reports of some sources stay in the log.
#[derive(Clone, Debug)]
pub struct SourceRule {
    /// The sources, each by its UUID or by its name.
    pub sources: Vec<String>,
    /// How long their reports stay. `None` means for ever.
    pub age_max: Option<Duration>,
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
    Begin(Box<Snapshots>, ExpiryClock),
    Stop,
}

/// The time by which reports are old.
///
/// The system's clock may jump far ahead, and then all reports would seem to be old. So this clock is never ahead of
/// the newest report that arrived before the start, plus the time since then.
#[derive(Clone, Copy, Debug)]
struct ExpiryClock {
    arrived_last: ReceivedAt,
    started: Instant,
}

impl ExpiryClock {
    /// Starts now. `arrived_last` is the time of the newest report in the log. Without any, the time is that of the
    /// system at the start, because all reports will be newer.
    fn start(arrived_last: ReceivedAt) -> Self {
        Self {
            arrived_last: if arrived_last == ReceivedAt::default() {
                SystemTime::now().into()
            } else {
                arrived_last
            },
            started: Instant::now(),
        }
    }

    fn now(&self) -> ReceivedAt {
        let latest = self.arrived_last.after(self.started.elapsed());
        latest.min(SystemTime::now().into())
    }
}

/// Whether a large expiry may run. The first one after a start waits for one interval, so that an operator who set a
/// wrong limit or a wrong clock can still stop the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LargeExpiry {
    /// There was none since the start.
    Unseen,
    /// It was logged that the next interval deletes many reports.
    Announced,
    Allowed,
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
    /// Starts the work, once the tracker is up to date. Without snapshots there is nothing to do. `arrived_last` is the
    /// time of receipt of the newest record.
    pub fn begin(&self, snapshots: Option<Snapshots>, arrived_last: ReceivedAt) {
        if let Some(snapshots) = snapshots {
            let begin = Message::Begin(Box::new(snapshots), ExpiryClock::start(arrived_last));
            // If the thread has ended, the server is shutting down already.
            self.messages.send(begin).ok();
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
        large_expiry: LargeExpiry::Unseen,
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
    large_expiry: LargeExpiry,
    /// Whether it was logged that the log cannot become as small as configured.
    is_still_too_large: bool,
}

impl Housekeeper {
    fn run(mut self, messages: &HousekeepingMessages) {
        let Ok(Message::Begin(mut snapshots, clock)) = messages.receiver.recv() else {
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
                if self.large_expiry == LargeExpiry::Announced {
                    self.large_expiry = LargeExpiry::Allowed;
                }
                self.expire(&mut snapshots, clock, messages);
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
        let Schedule {
            age_max,
            size_max_bytes,
            rules,
            ..
        } = &self.schedule;
        let mut ages = rules.iter().map(|rule| rule.age_max);
        age_max.is_some() || size_max_bytes.is_some() || ages.any(|age| age.is_some())
    }

    /// The sources of each rule. Names are looked up again each time, because they change.
    fn sources_of_rules(&self) -> Vec<BTreeSet<SourceId>> {
        let known = match &*self.schedule.rules {
            [] => Vec::new(),
            _ => self.tracker.sources(),
        };
        let named = |name: &str| -> Vec<SourceId> {
            if let Ok(id) = name.parse() {
                return vec![id];
            }
            let same = known.iter().filter(|source| *source.name == *name);
            same.map(|source| source.id).collect()
        };
        let rules = self.schedule.rules.iter();
        rules
            .map(|rule| rule.sources.iter().flat_map(|name| named(name)).collect())
            .collect()
    }

    /// Deletes what is due, step by step. Between the steps, the writer appends what has come in.
    fn expire(
        &mut self,
        snapshots: &mut Snapshots,
        clock: ExpiryClock,
        messages: &HousekeepingMessages,
    ) {
        let (mut observations, mut rolls) = (0, 0);
        let sources = self.sources_of_rules();
        loop {
            let asked = Instant::now();
            let due = self.due(snapshots, clock, &sources);
            if self.large_expiry != LargeExpiry::Allowed && self.announces(&due, messages) {
                return;
            }
            let up_to = due.up_to;
            let Some(expired) = self.step(due) else {
                return;
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
                if !(expired.is_blocked && rolls < ROLLS_MAX && self.may_roll(snapshots)) {
                    return;
                }
                // The log may delete only what is in a snapshot that is finished for good.
                self.snapshot(snapshots, true);
                self.rolled = Some(Instant::now());
                rolls += 1;
                if snapshots.safe_position() <= up_to {
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

    /// Runs one step of expiry. `None` if nothing more can expire now.
    fn step(&self, due: Expiry) -> Option<Expired> {
        match self.ingest.expire(due)? {
            Ok(expired) => return Some(expired),
            Err(LogError::DiskFull) => {
                warn!("cannot expire old reports, the disk is full: free some space");
            }
            Err(error) => warn!(%error, "cannot expire old reports"),
        }
        None
    }

    /// Logs it if more reports are due than one step deletes. Returns whether it did: then nothing may be deleted yet.
    fn announces(&mut self, due: &Expiry, messages: &HousekeepingMessages) -> bool {
        let trial = loop {
            let trial = self.step(Expiry {
                is_trial: true,
                ..due.clone()
            });
            let is_undecided = trial.is_some_and(|trial| trial.is_undecided);
            if !is_undecided || messages.is_stopping.load(Ordering::Acquire) {
                break trial;
            }
        };
        let is_large = trial.is_some_and(|trial| !trial.is_done);
        if is_large {
            self.large_expiry = LargeExpiry::Announced;
            let of_rules = due.by_source.iter().map(|rule| rule.received_before);
            let latest = of_rules.fold(due.received_before, ReceivedAt::max);
            let received_before = humantime::format_rfc3339_seconds(
                SystemTime::UNIX_EPOCH + Duration::from_micros(latest.micros()),
            );
            warn!(
                %received_before,
                snapshots.interval = ?self.schedule.interval,
                "many reports are due to expire, the first time since the start: they are deleted after the next snapshot; if that is wrong, stop the server and correct the clock, retention.days, retention.size or retention.rules"
            );
        }
        is_large
    }

    /// What may be deleted now. The writer adds which batches are remembered.
    fn due(
        &self,
        snapshots: &Snapshots,
        clock: ExpiryClock,
        sources: &[BTreeSet<SourceId>],
    ) -> Expiry {
        let now = clock.now();
        let before = |age_max: Option<Duration>| {
            let before = age_max.map(|age_max| now.before(age_max));
            before.unwrap_or_default()
        };
        let rules = self.schedule.rules.iter().zip(sources);
        Expiry {
            received_before: before(self.schedule.age_max),
            by_source: rules
                .map(|(rule, sources)| SourceExpiry {
                    sources: sources.clone(),
                    received_before: before(rule.age_max),
                })
                .collect(),
            size_max_bytes: self.schedule.size_max_bytes.unwrap_or(u64::MAX),
            observations_min: OBSERVATIONS_MIN,
            up_to: snapshots.safe_position(),
            remembered_from: LogPosition::START,
            is_trial: false,
        }
    }

    fn may_roll(&self, snapshots: &Snapshots) -> bool {
        let is_rested = |rolled: Instant| ROLL_INTERVAL <= rolled.elapsed();
        snapshots.whole_bytes() <= ROLL_FREE_BYTES || self.rolled.is_none_or(is_rested)
    }
}
