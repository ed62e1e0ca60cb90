//! The source of the items. It is read in the order of their numbers, one page at a time.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// Why a page cannot be read.
pub type FeedError = Box<dyn Error + Send + Sync>;

type Pages<I> = dyn Fn(u64, usize) -> Result<Vec<I>, FeedError> + Send + Sync;

/// The items of one kind. An item must be on disk before its number is published here, or a crash could give the number
/// to another item. The newest number must be published before deliveries start, because they begin after it.
pub struct Feed<I> {
    pages: Arc<Pages<I>>,
    newest: watch::Receiver<u64>,
}

impl<I: Send + 'static> Feed<I> {
    /// `pages(number, limit)` returns the items after a number, the oldest first, and may block. `newest` has the
    /// number of the newest item, or 0 if there is none.
    pub fn new(
        pages: impl Fn(u64, usize) -> Result<Vec<I>, FeedError> + Send + Sync + 'static,
        newest: watch::Receiver<u64>,
    ) -> Self {
        let pages = Arc::new(pages);
        Self { pages, newest }
    }

    /// Waits until there is an item with a greater number.
    pub(super) async fn newer_than(&mut self, number: u64) {
        let newer = self.newest.wait_for(|&newest| number < newest);
        let is_over = newer.await.is_err();
        if is_over {
            // The publisher is gone, so no newer item will come.
            std::future::pending::<()>().await;
        }
    }

    pub(super) async fn page(&self, after: u64, limit: usize) -> Result<Vec<I>, FeedError> {
        let pages = Arc::clone(&self.pages);
        spawn_blocking(move || pages(after, limit)).await?
    }
}

impl<I> Feed<I> {
    pub(super) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }
}

impl<I> Clone for Feed<I> {
    fn clone(&self) -> Self {
        Self {
            pages: Arc::clone(&self.pages),
            newest: self.newest.clone(),
        }
    }
}

impl<I> fmt::Debug for Feed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("newest", &self.newest())
            .finish_non_exhaustive()
    }
}
