//! A target, as its task, the sorter and the views share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::error;

use super::queue::Queue;
use super::wanted::Wanted;
use crate::config::Tak;
use crate::outbox::ENDED_BY_ITSELF;

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Tak,
    /// Its address, without secrets.
    url: String,
    pub(super) wanted: Wanted,
    queue: Mutex<Queue>,
    /// Wakes its task when something is in the queue.
    pub(super) arrived: Notify,
    state: Mutex<State>,
}

/// How a target is.
#[derive(Clone, Debug)]
struct State {
    phase: Phase,
    since: SystemTime,
    events: u64,
    stale: u64,
    failures: u32,
    last_error: Option<String>,
    next_try: Option<SystemTime>,
    /// When the last event was sent, if there was one.
    sent_at: Option<Instant>,
}

/// What a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It connects.
    Connecting,
    /// It sends what is reported.
    Sending,
    /// It could not connect, or not send. It tries again later.
    Failed,
}

/// How a target is, for people.
#[derive(Clone, Debug)]
pub struct TakStatus {
    /// The name of the target.
    pub name: String,
    /// Its address, without secrets.
    pub url: String,
    /// What it does.
    pub phase: Phase,
    /// Since when it does that.
    pub since: SystemTime,
    /// How many events were sent.
    pub events: u64,
    /// How many devices wait.
    pub waiting: usize,
    /// How many times a device was left out because too many waited.
    pub left_out: u64,
    /// How many times a device was left out because it was seen too long ago.
    pub stale: u64,
    /// How many attempts failed in a row. 0 again after it has worked for a while.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it tries again.
    pub next_try: Option<SystemTime>,
}

impl Target {
    pub(super) fn new(config: &Tak, url: String) -> Self {
        Self {
            config: config.clone(),
            url,
            wanted: Wanted::new(config),
            queue: Mutex::new(Queue::new(config.queue_max, config.every)),
            arrived: Notify::new(),
            state: Mutex::new(State {
                phase: Phase::Connecting,
                since: SystemTime::now(),
                events: 0,
                stale: 0,
                failures: 0,
                last_error: None,
                next_try: None,
                sent_at: None,
            }),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.state();
        if state.phase != phase {
            state.phase = phase;
            state.since = SystemTime::now();
        }
        state.next_try = None;
    }

    /// An event was sent.
    pub(super) fn count_event(&self, sent_at: Instant) {
        let mut state = self.state();
        state.events += 1;
        state.sent_at = Some(sent_at);
    }

    /// When the last event was sent, by this target or the one that it follows.
    pub(super) fn sent_at(&self) -> Option<Instant> {
        self.state().sent_at
    }

    /// It takes the place of another one. The rate holds for both together.
    pub(super) fn follow(&self, other: &Self) {
        let sent_at = other.sent_at();
        self.state().sent_at = sent_at;
    }

    /// Shows that its task has ended although nobody stopped it.
    pub(super) fn has_failed(&self) {
        error!(
            tak.name = self.config.name.as_str(),
            reason = ENDED_BY_ITSELF,
            "nothing is sent to a TAK target"
        );
        self.enter(Phase::Failed);
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.last_error = Some(ENDED_BY_ITSELF.to_owned());
    }

    /// How many attempts failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.state().failures
    }

    /// It has worked for a while.
    pub(super) fn forget_failures(&self) {
        self.state().failures = 0;
    }

    /// Devices were left out because they were seen too long ago.
    pub(super) fn count_stale(&self, count: u64) {
        self.state().stale += count;
    }

    pub(super) fn fail(&self, reason: String, failures: u32, pause: Duration) {
        self.enter(Phase::Failed);
        let mut state = self.state();
        state.failures = failures;
        state.last_error = Some(reason);
        state.next_try = SystemTime::now().checked_add(pause);
    }

    pub(super) fn status(&self) -> TakStatus {
        let (waiting, left_out) = {
            let queue = self.queue();
            (queue.waiting(), queue.left_out())
        };
        let State {
            phase,
            since,
            events,
            stale,
            failures,
            last_error,
            next_try,
            sent_at: _,
        } = self.state().clone();
        TakStatus {
            name: self.config.name.clone(),
            url: self.url.clone(),
            phase,
            since,
            events,
            waiting,
            left_out,
            stale,
            failures,
            last_error,
            next_try,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Phase {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Sending => "sending",
            Self::Failed => "failed",
        }
    }
}
