//! The second stage: folds batches that are on disk, and answers their senders.
//!
//! No other thread changes devices. While this thread folds one group, the writer appends the next.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tracing::warn;

use super::writer::Sender;
use super::{IngestError, Receipt, Times};
use crate::alerts::AlertOrderError;
use crate::fold::{Fold, Waiting};
use crate::log::{Entry, ImportedReports, LogPosition, StoredReceipt, What};
use crate::report::ReceivedAt;

/// The shortest time between two warnings about evicted devices.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// After so many reports, their senders are answered before the rest of the group is folded. The server then reads
/// their next requests meanwhile.
const ANSWERED_REPORTS: usize = 200;

/// A group of records that is on disk.
pub(super) struct Written {
    /// The records that were appended.
    pub(super) entries: Vec<Entry>,
    /// The answers to resent batches. They are sent after the group, because the original may be in it.
    pub(super) resent: Vec<(Receipt, Sender)>,
    /// The time of the last tick, if there was one.
    pub(super) tick: Option<ReceivedAt>,
    /// The end of the log.
    pub(super) last: LogPosition,
}

/// Folds groups and answers their senders.
pub(super) struct Merger {
    pub(super) runtime: Handle,
    pub(super) fold: Fold,
    pub(super) waiting: Waiting<Sender>,
    pub(super) times: Arc<Times>,
    pub(super) evictions: EvictionWarning,
}

impl Merger {
    /// Folds groups until the channel is closed.
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
        let (started, has_entries) = (Instant::now(), !written.entries.is_empty());
        let (mut folded, mut reports) = (Vec::with_capacity(written.entries.len()), 0);
        for entry in written.entries {
            let outcome = self.fold.apply(&entry);
            self.evictions.add(outcome.evicted);
            reports += entry.reports().len();
            let position = entry.position;
            folded.push((entry, outcome.refused));
            if ANSWERED_REPORTS <= reports {
                self.fold.settle(position);
                self.answer(mem::take(&mut folded), Vec::new());
                reports = 0;
            }
        }
        self.fold.settle(written.last);
        if has_entries {
            self.times.merge.observe(started.elapsed());
        }
        self.answer(folded, written.resent);
        if let Some(now) = written.tick {
            self.fold.tick(now, written.last);
        }
    }

    /// Answers the senders of the entries, and those of resent batches.
    fn answer(
        &self,
        entries: Vec<(Entry, Option<AlertOrderError>)>,
        resent: Vec<(Receipt, Sender)>,
    ) {
        if entries.is_empty() && resent.is_empty() {
            return;
        }
        let waiting = self
            .waiting
            .take(entries.iter().map(|(entry, _)| entry.record.id));
        // Answer from a runtime task: waking tasks from a worker is cheaper than from this thread.
        self.runtime.spawn(async {
            for ((entry, refused), done) in entries.into_iter().zip(waiting) {
                if let Some(done) = done {
                    let refused = refused.map(IngestError::from);
                    // The client may have hung up.
                    done.send(refused.map_or_else(|| Ok(receipt(entry)), Err))
                        .ok();
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
        What::ImportedReports(ImportedReports { batch, .. }) => {
            (batch.reports.len(), batch.rejected)
        }
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

/// Warns about evicted devices, at most once per [`WARNING_INTERVAL`].
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
            "limits.devices_max or limits.memory_bytes_max is reached: the least recently seen devices are evicted"
        );
        (self.evicted, self.last) = (0, Some(Instant::now()));
    }
}
