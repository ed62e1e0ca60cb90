//! Bounds on work that takes long. Requests wait for their turn; reports are not held up by them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits how many requests do one kind of work at the same time.
#[derive(Clone, Debug)]
pub(in crate::http) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(in crate::http) fn new(at_once_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once_max)))
    }

    /// Waits for a turn. It ends when the permit is dropped.
    pub(in crate::http) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
