//! The newest batches, kept until the end of the process: for tests, and to measure what the disk costs.
//! It keeps no promise of a log, so no setting chooses it.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use uuid::Uuid;

use super::{Answered, Entry, Expired, Expiry, Known, LogPosition, Record};
use crate::report::{ReceivedAt, SourceId};

/// A log that forgets at the end of the process.
#[derive(Debug)]
pub struct MemoryLog {
    entries: VecDeque<Entry>,
    entries_max: usize,
    last: LogPosition,
    server_uuid: Uuid,
    node: Uuid,
}

impl MemoryLog {
    /// A log that forgets all but the newest `entries_max` batches.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max,
            last: LogPosition::START,
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
        let kept = appended.len().saturating_sub(self.entries_max);
        self.entries.extend(appended.iter().skip(kept).cloned());
        while self.entries_max < self.entries.len() {
            self.entries.pop_front();
        }
        appended
    }

    /// Only by age: there is no file that could be too large.
    pub(super) fn expire(&mut self, expiry: &Expiry) -> Expired {
        let before = self.entries.len();
        let mut is_held = false;
        while let Some(oldest) = self.entries.front() {
            let is_old = oldest.record.at < expiry.came_before;
            is_held = is_old && expiry.up_to < oldest.position;
            if !is_old || is_held {
                break;
            }
            self.entries.pop_front();
        }
        Expired {
            observations: u64::try_from(before - self.entries.len()).unwrap_or_default(),
            to: self.expired_to(),
            is_done: true,
            is_held,
            is_short: false,
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

    pub(super) fn known(&self, since: ReceivedAt, count: usize) -> Vec<Known> {
        let known = |entry: &Entry| {
            let (identity, received_at) = (entry.record.batch()?.identity?, entry.record.at);
            (since <= received_at).then_some(Known {
                identity,
                position: entry.position,
                received_at,
            })
        };
        let mut newest: Vec<_> = self
            .entries
            .iter()
            .rev()
            .filter_map(known)
            .take(count)
            .collect();
        newest.reverse();
        newest
    }

    pub(super) fn contacts(&self, to: LogPosition, count: usize) -> Vec<(SourceId, ReceivedAt)> {
        let up_to = self
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.position <= to);
        let contacts =
            up_to.filter_map(|entry| Some((entry.record.batch()?.source, entry.record.at)));
        let mut newest: Vec<_> = contacts.take(count).collect();
        newest.reverse();
        newest
    }

    pub(super) fn answered(&self, position: LogPosition) -> Option<Answered> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.position == position)?;
        Some(Answered {
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
