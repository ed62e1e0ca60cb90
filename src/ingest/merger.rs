//! The second stage: what is on disk is merged, and its senders are answered.
//!
//! Of all threads this one alone changes devices. While it merges one group the writer has the next one written.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Answer, Receipt};
use crate::alerts::{Desk, Order, Refused};
use crate::events::Events;
use crate::log::{Answered, Entry, LogPosition, What};
use crate::tracker::Tracker;

/// How often at most the log of the program says that devices had to go.
const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// After how many reports those who sent them are answered, while the rest of the group is merged: what they send next is
/// read meanwhile.
const ANSWERED_REPORTS: usize = 200;

/// Those who wait for one batch.
pub(super) type Waiting = Vec<oneshot::Sender<Answer>>;

/// A group that is on disk.
pub(super) struct Written {
    /// What was appended.
    pub(super) entries: Vec<Entry>,
    /// For each entry those who wait for it: its sender, then those who sent it again in the meantime.
    pub(super) waiting: Vec<Waiting>,
    /// Who sent again what was answered before, and the answer. What it tells of may still be on its way to here.
    pub(super) again: Vec<(Receipt, oneshot::Sender<Answer>)>,
    /// What is to be done about alerts after that.
    pub(super) orders: Vec<(Order, oneshot::Sender<Result<(), Refused>>)>,
    /// The end of the log.
    pub(super) last: LogPosition,
}

/// What groups are merged into.
pub(super) struct Merger {
    pub(super) runtime: Handle,
    pub(super) tracker: Arc<Tracker>,
    pub(super) desk: Desk,
    pub(super) events: Events,
    pub(super) evictions: Note,
}

impl Merger {
    /// Merges groups as they come, until there will be none.
    pub(super) fn run(mut self, groups: &Receiver<Written>) {
        let mut last = None;
        for written in groups {
            last = Some(written.last);
            self.take(written);
        }
        if let Some(last) = last {
            self.desk.close(last);
        }
    }

    fn take(&mut self, written: Written) {
        let (mut merged, mut reports) = (Vec::new(), 0);
        for (entry, waiting) in written.entries.into_iter().zip(written.waiting) {
            let mut news = self.events.collect(entry.record.at);
            let applied = self
                .desk
                .apply(&self.tracker, &entry, |told| news.add(told));
            news.tell();
            self.evictions.add(applied.evicted);
            reports += entry.reports().len();
            let position = entry.position;
            merged.push((entry, waiting));
            if ANSWERED_REPORTS <= reports {
                self.settle(position);
                self.answer(mem::take(&mut merged), Vec::new());
                reports = 0;
            }
        }
        self.settle(written.last);
        self.answer(merged, written.again);
        for (order, done) in written.orders {
            let followed = self.desk.follow(order);
            self.settle(written.last);
            done.send(followed).ok(); // Nobody waits for a tick.
        }
    }

    /// Tells those who wait for batches, and those who sent again what was answered before.
    fn answer(
        &self,
        merged: Vec<(Entry, Waiting)>,
        again: Vec<(Receipt, oneshot::Sender<Answer>)>,
    ) {
        if merged.is_empty() && again.is_empty() {
            return;
        }
        // From within the runtime: a worker that is awake wakes tasks for less than another thread.
        self.runtime.spawn(async {
            for (entry, waiting) in merged {
                answer(entry, waiting);
            }
            for (receipt, done) in again {
                done.send(Ok(receipt)).ok(); // The client may have hung up.
            }
        });
    }

    /// Keeps the alerts that were raised, and tells them.
    fn settle(&mut self, last: LogPosition) {
        let alerts = self.desk.settle(last);
        for alert in &alerts {
            self.events.alert(alert);
        }
    }
}

/// The first of those who wait sent the batch; the others sent it again.
fn answer(entry: Entry, waiting: Waiting) {
    let (accepted, rejected) = match entry.record.what {
        What::Reports(batch) => (batch.reports.len(), batch.rejected),
        _ => (0, Vec::new()),
    };
    let answered = Answered {
        position: entry.position,
        accepted,
        rejected,
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
pub(super) struct Note {
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
