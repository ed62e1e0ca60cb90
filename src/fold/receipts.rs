//! Who waits for which record.
//!
//! Whoever hands in a record leaves here how to reach its sender, before the record is ordered. Whoever applies the
//! record finds the sender by the record's id. So it makes no difference who put the record in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::log::{RecordId, StoredReceipt};

/// The answer to a batch that was accepted, now or earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Counts and refusals.
    pub stored: StoredReceipt,
    /// Whether it had been accepted earlier, and was not counted again.
    pub duplicate: bool,
}

/// Those who wait, by the id of their record. Cheap to clone.
#[derive(Debug)]
pub struct Waiting<W>(Arc<Mutex<HashMap<RecordId, W>>>);

impl<W> Waiting<W> {
    /// Leaves word of who waits for which records.
    pub fn add(&self, waiting: impl IntoIterator<Item = (RecordId, W)>) {
        self.lock().extend(waiting);
    }

    /// Takes out those who wait for the records; `None` for a record that nobody here waits for.
    pub fn take(&self, records: impl IntoIterator<Item = RecordId>) -> Vec<Option<W>> {
        let mut waiting = self.lock();
        let records = records.into_iter();
        records.map(|record| waiting.remove(&record)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RecordId, W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Clone for Waiting<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
