//! A target, as its task and the views share it.

use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tracing::error;

use super::progress::{Place, Progress};
use crate::config::{Forward, ForwardKind};
use crate::log::LogPosition;
use crate::outbox::ENDED_BY_ITSELF;

/// How many orders of people wait at most.
const ORDERS_MAX: usize = 8;

/// What somebody wants of a target.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// To send what is new, now.
    Run,
    /// To begin at a place.
    Reset(Place),
}

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Forward,
    /// The host and the port of its URL.
    host: String,
    pub(super) state: watch::Sender<State>,
    orders: mpsc::Sender<Order>,
}

/// How a target is.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) progress: Progress,
    pub(super) phase: Phase,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) next_try: Option<SystemTime>,
    /// How many orders were carried out.
    pub(super) orders: u64,
}

/// What a target does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It waits for the log to be read.
    #[default]
    Starting,
    /// It has nothing to do until the next run.
    Idle,
    /// It reads the log, or sends.
    Working,
    /// An attempt failed, or the service works on the last part. It goes on later.
    Waiting,
    /// The service refuses the credentials or the address, or the task of the target has ended by itself. Nothing is sent
    /// until somebody changes something.
    Stopped,
}

/// How a target is, for people.
#[derive(Clone, Debug)]
pub struct ForwardStatus {
    /// The name of the target.
    pub name: String,
    /// The service.
    pub kind: ForwardKind,
    /// The host and the port of its URL. The rest of the URL is not shown.
    pub host: String,
    /// Whether files are written instead.
    pub is_dry_run: bool,
    /// The time between two runs; 0 for none.
    pub every: Duration,
    /// What it does.
    pub phase: Phase,
    /// The last record of which nothing is left to send.
    pub position: LogPosition,
    /// How many records there are after it, at most. Not all of them are wanted.
    pub behind: u64,
    /// How many observations the service took.
    pub rows: u64,
    /// How many parts it took.
    pub parts: u64,
    /// How many observations it refused.
    pub refused_rows: u64,
    /// How many parts it refused.
    pub refused_parts: u64,
    /// The part that is being sent.
    pub part: Option<PartStatus>,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When a part was taken last, in seconds since 1970.
    pub last_taken: Option<u64>,
    /// When it goes on.
    pub next_try: Option<SystemTime>,
    /// How many orders to run or to reset were carried out since the start.
    pub orders: u64,
}

/// The part that is being sent.
#[derive(Clone, Copy, Debug)]
pub struct PartStatus {
    /// How many observations it has.
    pub rows: u64,
    /// How long its request is.
    pub bytes: u64,
    /// Whether it may have arrived.
    pub is_tried: bool,
}

impl Target {
    pub(super) fn new(config: &Forward, host: String) -> (Self, mpsc::Receiver<Order>) {
        let (orders, received) = mpsc::channel(ORDERS_MAX);
        let target = Self {
            config: config.clone(),
            host,
            state: watch::Sender::default(),
            orders,
        };
        (target, received)
    }

    /// Gives an order. It is carried out after the attempt that is under way. `false` if too many wait.
    pub(super) fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Shows that its task has ended although nobody stopped it.
    pub(super) fn has_failed(&self) {
        error!(
            forward.name = self.config.name.as_str(),
            reason = ENDED_BY_ITSELF,
            "nothing is forwarded"
        );
        self.change(|state| {
            state.phase = Phase::Stopped;
            state.failures = state.failures.saturating_add(1);
            state.last_error = Some(ENDED_BY_ITSELF.to_owned());
            state.next_try = None;
        });
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }

    pub(super) fn status(&self, end: LogPosition) -> ForwardStatus {
        let State {
            progress,
            phase,
            failures,
            last_error,
            next_try,
            orders,
        } = self.state.borrow().clone();
        let position = progress.place.done();
        ForwardStatus {
            name: self.config.name.clone(),
            kind: self.config.kind,
            host: self.host.clone(),
            is_dry_run: self.is_dry_run(),
            every: self.config.every,
            phase,
            position,
            behind: end.get().saturating_sub(position.get()),
            rows: progress.rows,
            parts: progress.parts,
            refused_rows: progress.refused_rows,
            refused_parts: progress.refused_parts,
            part: progress.part.as_ref().map(|part| PartStatus {
                rows: part.rows,
                bytes: part.bytes,
                is_tried: part.is_tried,
            }),
            failures,
            last_error,
            last_taken: progress.last_taken,
            next_try,
            orders,
        }
    }

    pub(super) fn is_dry_run(&self) -> bool {
        !self.config.dry_run.as_os_str().is_empty()
    }
}

impl Phase {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}
