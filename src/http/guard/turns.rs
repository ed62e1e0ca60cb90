//! Work that takes long waits for its turn: requests take turns, reports do not wait for them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds how many requests do one kind of work at one time.
#[derive(Clone, Debug)]
pub(in crate::http) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(in crate::http) fn new(at_once_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once_max)))
    }

    /// Waits for a turn, which lasts until what is given is dropped.
    pub(in crate::http) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
