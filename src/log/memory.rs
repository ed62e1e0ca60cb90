//! Batches kept until the end of the process, for tests: nothing bounds it, so no setting chooses it.

use uuid::Uuid;

use super::{Answered, Entry, Known, LogPosition};
use crate::report::{Batch, ReceivedAt};

/// A log that forgets at the end of the process.
#[derive(Debug)]
pub struct MemoryLog {
    entries: Vec<Entry>,
    server_uuid: Uuid,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            server_uuid: Uuid::new_v4(),
        }
    }
}

impl MemoryLog {
    pub(super) fn append(&mut self, batches: Vec<Batch>) -> Vec<Entry> {
        let mut position = self.last();
        let appended: Vec<_> = batches
            .into_iter()
            .map(|batch| {
                position = position.next();
                Entry { position, batch }
            })
            .collect();
        self.entries.extend_from_slice(&appended);
        appended
    }

    pub(super) fn replay(&self, after: LogPosition, visit: impl FnMut(Entry)) {
        self.entries
            .iter()
            .filter(|entry| after < entry.position)
            .cloned()
            .for_each(visit);
    }

    pub(super) fn known(&self, since: ReceivedAt, count: usize) -> Vec<Known> {
        let known = |entry: &Entry| {
            let (identity, received_at) = (entry.batch.identity?, entry.batch.received_at);
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

    pub(super) fn answered(&self, position: LogPosition) -> Option<Answered> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.position == position)?;
        Some(Answered {
            position,
            accepted: entry.batch.reports.len(),
            rejected: entry.batch.rejected.clone(),
        })
    }

    pub(super) fn last(&self) -> LogPosition {
        self.entries
            .last()
            .map_or(LogPosition::START, |entry| entry.position)
    }

    pub(super) fn server_uuid(&self) -> Uuid {
        self.server_uuid
    }
}
