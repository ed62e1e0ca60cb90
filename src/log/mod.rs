//! The ordered record of accepted batches: the only truth, which the tracker is a fold of.
//!
//! One writer appends; what it gets back is numbered and may be acknowledged. Only the backends know how
//! batches are kept. For now there is one backend, which keeps none: what it numbers lives in the tracker.

use crate::report::Batch;

/// Where a batch stands in the log: the first has 1, and no number is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition(u64);

impl LogPosition {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A batch that the log has taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it stands.
    pub position: LogPosition,
    /// What it says.
    pub batch: Batch,
}

/// Why the log did not take a group of batches. None of the group may be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {}

/// The log, whatever keeps it.
#[derive(Debug)]
pub enum Log {
    /// Numbers batches and keeps none: a restart forgets.
    Memory(LogPosition),
}

impl Log {
    /// A log that forgets at the end of the process.
    pub fn in_memory() -> Self {
        Self::Memory(LogPosition::default())
    }

    /// Takes all of `batches`, in order, or none of them.
    pub fn append(&mut self, batches: Vec<Batch>) -> Result<Vec<Entry>, LogError> {
        match self {
            Self::Memory(last) => Ok(batches
                .into_iter()
                .map(|batch| {
                    *last = last.next();
                    Entry {
                        position: *last,
                        batch,
                    }
                })
                .collect()),
        }
    }
}
