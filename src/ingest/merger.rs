//! The second stage: batches that are on disk are folded, and their senders are answered.
//!
//! No other thread changes devices. While it folds one group, the writer has the next one written.

use std::mem;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::warn;

use super::Receipt;
use super::writer::Sender;
use crate::alerts::{Order, Refused};
use crate::fold::{Fold, Waiting};
use crate::log::{Entry, LogPosition, StoredReceipt, What};

/// How often at most the program's log says that devices were evicted.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Senders are answered after so many reports, while the rest of the group is folded: their next requests are read
/// meanwhile.
const ANSWERED_REPORTS: usize = 200;

/// A group that is on disk.
pub(super) struct Written {
    /// What was appended.
    pub(super) entries: Vec<Entry>,
    /// The answers to batches that were sent again. They go out after the group: the first one may be in it.
    pub(super) resent: Vec<(Receipt, Sender)>,
    /// Orders about alerts, to be followed after that.
    pub(super) orders: Vec<(Order, oneshot::Sender<Result<(), Refused>>)>,
    /// The end of the log.
    pub(super) last: LogPosition,
}

/// Folds groups and answers their senders.
pub(super) struct Merger {
    pub(super) runtime: Handle,
    pub(super) fold: Fold,
    pub(super) waiting: Waiting<Sender>,
    pub(super) evictions: EvictionWarning,
}

impl Merger {
    /// Takes groups as they come, until there will be none.
    pub(super) fn run(mut self, groups: &Receiver<Written>) {
        let mut last = None;
        for written in groups {
            last = Some(written.last);
            self.take(written);
        }
        if let Some(last) = last {
            self.fold.close(last);
        }
    }

    fn take(&mut self, written: Written) {
        let (mut folded, mut reports) = (Vec::with_capacity(written.entries.len()), 0);
        for entry in written.entries {
            let applied = self.fold.apply(&entry);
            self.evictions.add(applied.evicted);
            reports += entry.reports().len();
            let position = entry.position;
            folded.push(entry);
            if ANSWERED_REPORTS <= reports {
                self.fold.settle(position);
                self.answer(mem::take(&mut folded), Vec::new());
                reports = 0;
            }
        }
        self.fold.settle(written.last);
        self.answer(folded, written.resent);
        for (order, done) in written.orders {
            let followed = self.fold.order(order, written.last);
            done.send(followed).ok(); // Nobody waits for a tick.
        }
    }

    /// Answers those who wait for the entries, and those who sent a batch again.
    fn answer(&self, entries: Vec<Entry>, resent: Vec<(Receipt, Sender)>) {
        if entries.is_empty() && resent.is_empty() {
            return;
        }
        let waiting = self
            .waiting
            .take(entries.iter().map(|entry| entry.record.id));
        // Answer from a runtime task: waking tasks from a worker is cheaper than from this thread.
        self.runtime.spawn(async {
            for (entry, done) in entries.into_iter().zip(waiting) {
                if let Some(done) = done {
                    done.send(Ok(receipt(entry))).ok(); // The client may have hung up.
                }
            }
            for (receipt, done) in resent {
                done.send(Ok(receipt)).ok();
            }
        });
    }
}

fn receipt(entry: Entry) -> Receipt {
    let (accepted, rejected) = match entry.record.what {
        What::Reports(batch) => (batch.reports.len(), batch.rejected),
        _ => (0, Vec::new()),
    };
    Receipt {
        stored: StoredReceipt {
            position: entry.position,
            accepted,
            rejected,
        },
        duplicate: false,
    }
}

/// Warns that devices were evicted, but not for each of them.
#[derive(Default)]
pub(super) struct EvictionWarning {
    evicted: u64,
    last: Option<Instant>,
}

impl EvictionWarning {
    fn add(&mut self, evicted: u64) {
        self.evicted += evicted;
        let is_soon = self
            .last
            .is_some_and(|last| last.elapsed() < WARNING_INTERVAL);
        if self.evicted == 0 || is_soon {
            return;
        }
        warn!(
            tracker.evicted_devices = self.evicted,
            "limits.devices_max is reached: the least recently seen devices are evicted"
        );
        (self.evicted, self.last) = (0, Some(Instant::now()));
    }
}
