//! Where alerts come from: read in order, a page at a time, by number.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::alerts::Severity;

/// An alert that may be sent.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place in the feed. Numbers follow one another from 1; missing ones count as lost.
    pub number: u64,
    /// By what receivers recognise it when it comes again.
    pub id: ItemId,
    /// The rule that raised it.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// When it was raised.
    pub raised_at: SystemTime,
    /// What is sent.
    pub body: Body,
}

/// A JSON document that is written when it is sent, so that what waits is small. Cheap to clone.
#[derive(Clone)]
pub struct Body(Arc<dyn Fn() -> Bytes + Send + Sync>);

impl Body {
    /// What `write` gives, always the same.
    pub fn new(write: impl Fn() -> Bytes + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.0()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// An alert's id as requests carry it: 1 to 128 visible ASCII characters, no full stop, by Standard Webhooks: full
/// stops separate what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemId(String);

impl ItemId {
    const BYTES_MAX: usize = 128;

    /// The text as an id, if it is one.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        let is_id = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        is_id.then_some(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a page cannot be read.
pub type FeedError = Box<dyn Error + Send + Sync>;

type Pages = dyn Fn(u64, usize) -> Result<Vec<Item>, FeedError> + Send + Sync;

/// The alerts there are. One has to be on disk before it is told here, or a crash would give its number to another;
/// and the newest has to be told before deliveries start, because they begin behind it.
#[derive(Clone)]
pub struct Feed {
    pages: Arc<Pages>,
    newest: watch::Receiver<u64>,
}

impl Feed {
    /// `pages(number, limit)` gives the alerts after a number, the oldest first, and may block; `newest` tells the
    /// number of the newest one, 0 when there is none yet.
    pub fn new(
        pages: impl Fn(u64, usize) -> Result<Vec<Item>, FeedError> + Send + Sync + 'static,
        newest: watch::Receiver<u64>,
    ) -> Self {
        let pages = Arc::new(pages);
        Self { pages, newest }
    }

    /// The number of the newest alert.
    pub(super) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Waits until there is one that is newer than this.
    pub(super) async fn newer_than(&mut self, number: u64) {
        if self
            .newest
            .wait_for(|&newest| number < newest)
            .await
            .is_err()
        {
            // Nobody will ever tell of another.
            std::future::pending::<()>().await;
        }
    }

    pub(super) async fn page(&self, after: u64, limit: usize) -> Result<Vec<Item>, FeedError> {
        let pages = Arc::clone(&self.pages);
        spawn_blocking(move || pages(after, limit)).await?
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("newest", &self.newest())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_at_its_bound_and_not_one_past() {
        for id in ["a", "alert-1_B:{/}", &"x".repeat(128)] {
            assert_eq!(ItemId::new(id).unwrap().as_str(), id);
        }
        for id in ["", "a.b", "a b", "é", "a\n", &"x".repeat(129)] {
            assert_eq!(ItemId::new(id), None, "{id}");
        }
    }
}
