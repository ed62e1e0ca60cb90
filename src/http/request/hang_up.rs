//! Whether the client is still there.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Tells that the client closed its side of the connection.
///
/// A client that closes only its sending side looks the same until it is sent something. Such clients are rare among
/// those that read, so they have [`PATIENCE`] to get a quick answer, and no more.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct HangUp(Option<Arc<Line>>);

/// How long work goes on for a client that hung up.
const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
struct Line {
    is_watched: AtomicBool,
    is_closed: AtomicBool,
    /// Whether an answer has begun whose end only its maker knows.
    is_unfinished: AtomicBool,
    changed: Notify,
}

impl HangUp {
    /// For one connection. The default never tells anything.
    pub(in crate::http) fn of_connection() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether somebody wants to know, so that the connection has to look.
    pub(in crate::http) fn is_watched(&self) -> bool {
        let line = self.0.as_ref();
        line.is_some_and(|line| line.is_watched.load(Ordering::Relaxed))
    }

    /// The connection has seen the end.
    pub(in crate::http) fn set(&self) {
        if let Some(line) = &self.0 {
            line.is_watched.store(false, Ordering::Relaxed);
            line.is_closed.store(true, Ordering::Release);
            line.changed.notify_waiters();
        }
    }

    /// An answer has begun that may break off, or is complete.
    pub(in crate::http) fn set_unfinished(&self, is_unfinished: bool) {
        if let Some(line) = &self.0 {
            line.is_unfinished.store(is_unfinished, Ordering::Release);
        }
    }

    /// Whether an answer has begun and is not complete. For HTTP/1.0 the end of the connection is that of the answer, so the
    /// connection must not end in an orderly way then.
    pub(in crate::http) fn is_unfinished(&self) -> bool {
        let line = self.0.as_ref();
        line.is_some_and(|line| line.is_unfinished.load(Ordering::Acquire))
    }

    /// Waits until the client has hung up, and a little longer.
    ///
    /// The connection looks for it after each poll of the request, so this has to be polled as a part of it.
    pub(in crate::http) async fn happens(&self) {
        let Some(line) = &self.0 else {
            return pending().await;
        };
        let _watch = Watch::start(line);
        let mut changed = std::pin::pin!(line.changed.notified());
        changed.as_mut().enable();
        if !line.is_closed.load(Ordering::Acquire) {
            changed.await;
        }
        sleep(PATIENCE).await;
    }
}

/// Watches the connection until it is dropped.
struct Watch<'l>(&'l Line);

impl<'l> Watch<'l> {
    fn start(line: &'l Line) -> Self {
        line.is_watched.store(true, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.is_watched.store(false, Ordering::Relaxed);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for HangUp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
