//! What an open connection holds, and the limits of connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::Service;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// How many may be open.
    pub(crate) connections_max: usize,
    /// How long a request's head may take.
    pub(crate) header_timeout: Duration,
    /// How long nothing may move on a connection.
    pub(crate) idle_timeout: Duration,
    /// How long what is under way may take at the end.
    pub(crate) shutdown_grace: Duration,
}

/// Counts open connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenConnections(Arc<AtomicU64>);

impl OpenConnections {
    /// The same number, for the list of metrics.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0)
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self) -> CountedConnection {
        self.0.fetch_add(1, Ordering::Relaxed);
        CountedConnection(Arc::clone(&self.0))
    }
}

/// The place of an open connection, in the extensions of its requests. A connection that becomes something other
/// than HTTP keeps it, and with it what holds for connections: it counts, and it ends when the server stops.
#[derive(Clone, Debug)]
pub(crate) struct Lease(Arc<Leased>);

#[derive(Debug)]
struct Leased {
    shutdown: CancellationToken,
    cut: CancellationToken,
    _place: OwnedSemaphorePermit,
    _counted: CountedConnection,
    _running: TaskTrackerToken,
}

impl Lease {
    pub(super) fn new(
        shutdown: &CancellationToken,
        cut: &CancellationToken,
        place: OwnedSemaphorePermit,
        open: &OpenConnections,
        running: TaskTrackerToken,
    ) -> Self {
        Self(Arc::new(Leased {
            shutdown: shutdown.clone(),
            cut: cut.clone(),
            _place: place,
            _counted: open.count(),
            _running: running,
        }))
    }

    /// Tells when to finish.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.0.shutdown.clone()
    }

    /// Waits for the moment at which nothing may go on.
    pub(crate) async fn cut(&self) {
        self.0.cut.cancelled().await;
    }
}

#[derive(Debug)]
struct CountedConnection(Arc<AtomicU64>);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The service that answers requests.
pub(crate) trait HttpService:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}
