//! A log in memory that keeps the newest records until the process ends: for tests, and to measure what the disk costs.
//! It is not durable, so no setting selects it.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use uuid::Uuid;

use super::{Entry, Expired, Expiry, LogPosition, Record, Resendable, SeenBatch, StoredReceipt};
use crate::report::{ReceivedAt, SourceId};

/// A log that is lost when the process ends.
#[derive(Debug)]
pub struct MemoryLog {
    entries: VecDeque<Entry>,
    entries_max: usize,
    last: LogPosition,
    /// The log's clock at the last entry that was dropped.
    forgotten_clock: ReceivedAt,
    server_uuid: Uuid,
    node: Uuid,
}

impl MemoryLog {
    /// Makes a log that keeps only the newest `entries_max` records.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max,
            last: LogPosition::START,
            forgotten_clock: ReceivedAt::default(),
            server_uuid: Uuid::new_v4(),
            node: Uuid::new_v4(),
        }
    }

    pub(super) fn append(&mut self, records: Vec<Record>) -> Vec<Entry> {
        let numbered = records.into_iter().map(|record| {
            self.last = self.last.next();
            Entry {
                position: self.last,
                record,
            }
        });
        let appended: Vec<_> = numbered.collect();
        let forgotten = appended.len().saturating_sub(self.entries_max);
        for entry in appended.iter().take(forgotten) {
            self.forgotten_clock = self.forgotten_clock.max(entry.record.at);
        }
        self.entries
            .extend(appended.iter().skip(forgotten).cloned());
        while self.entries_max < self.entries.len() {
            self.forget_oldest();
        }
        appended
    }

    /// Expires by age only: there is no file that could become too large.
    pub(super) fn expire(&mut self, expiry: &Expiry) -> Expired {
        let count = |entry: &Entry| u64::try_from(entry.reports().len()).unwrap_or_default();
        let mut remaining: u64 = self.entries.iter().map(count).sum();
        let mut expired = Expired {
            observations: 0,
            to: self.expired_to(),
            is_done: true,
            is_undecided: false,
            is_blocked: false,
            is_still_too_large: false,
        };
        let mut due = 0;
        for entry in &self.entries {
            let accepted = count(entry);
            let is_spare = expiry.observations_min + accepted <= remaining;
            if expiry.received_before_of(entry) <= entry.record.at || !is_spare {
                break;
            }
            expired.is_blocked = expiry.up_to < entry.position;
            if expired.is_blocked {
                break;
            }
            remaining -= accepted;
            expired.observations += accepted;
            expired.to = entry.position;
            due += 1;
        }
        if !expiry.is_trial {
            for _ in 0..due {
                self.forget_oldest();
            }
            expired.observations += self.thin(expiry);
        }
        expired
    }

    /// Removes reports of single sources, also between others that stay.
    fn thin(&mut self, expiry: &Expiry) -> u64 {
        if expiry.by_source.is_empty() {
            return 0;
        }
        let (mut newer, mut removed) = (0, 0);
        for entry in self.entries.iter_mut().rev() {
            let count = u64::try_from(entry.reports().len()).unwrap_or_default();
            let stay = if expiry.has_rule_for(entry) {
                1
            } else {
                expiry.observations_min.max(1)
            };
            let is_due = entry.record.at < expiry.received_before_of(entry)
                && entry.position <= expiry.up_to
                && stay <= newer;
            match entry.record.batch_mut() {
                Some(batch) if is_due => {
                    batch.reports.clear();
                    removed += count;
                }
                _ => newer += count,
            }
        }
        removed
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.forgotten_clock = self.forgotten_clock.max(oldest.record.at);
        }
    }

    pub(super) fn expired_to(&self) -> LogPosition {
        let before = |entry: &Entry| LogPosition(entry.position.get() - 1);
        self.entries.front().map_or(self.last, before)
    }

    pub(super) fn replay(
        &self,
        after: LogPosition,
        mut visit: impl FnMut(Entry) -> ControlFlow<()>,
    ) {
        let entries = self.entries.iter();
        for entry in entries.filter(|entry| after < entry.position) {
            if visit(entry.clone()).is_break() {
                break;
            }
        }
    }

    pub(super) fn resendable(&self, count: usize) -> Resendable {
        let mut clock = self.forgotten_clock;
        let mut batches = Vec::new();
        for Entry { position, record } in &self.entries {
            clock = clock.max(record.at);
            let identity = record.batch().and_then(|batch| batch.identity);
            batches.extend(identity.map(|identity| SeenBatch {
                identity,
                position: *position,
                clock,
            }));
        }
        batches.drain(..batches.len().saturating_sub(count));
        Resendable { clock, batches }
    }

    pub(super) fn contacts(&self, to: LogPosition, count: usize) -> Vec<(SourceId, ReceivedAt)> {
        let up_to = self
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.position <= to);
        let contacts =
            up_to.filter_map(|entry| Some((entry.record.live_batch()?.source, entry.record.at)));
        let mut newest: Vec<_> = contacts.take(count).collect();
        newest.reverse();
        newest
    }

    pub(super) fn knows_source(&self, id: SourceId) -> bool {
        let mut batches = self.entries.iter().filter_map(|entry| entry.record.batch());
        batches.any(|batch| batch.source == id)
    }

    pub(super) fn receipt(&self, position: LogPosition) -> Option<StoredReceipt> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.position == position)?;
        Some(StoredReceipt {
            position,
            accepted: entry.reports().len(),
            rejected: entry
                .record
                .batch()
                .map(|batch| batch.rejected.clone())
                .unwrap_or_default(),
        })
    }

    pub(super) fn last(&self) -> LogPosition {
        self.last
    }

    pub(super) fn server_uuid(&self) -> Uuid {
        self.server_uuid
    }

    pub(super) fn node(&self) -> Uuid {
        self.node
    }
}
