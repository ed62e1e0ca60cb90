//! What an open connection holds, and the limits of connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::Service;

use super::places::{Activity, Busy, Place};
use crate::metrics::ConnectionCounts;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// The longest head of a request, in bytes.
    pub(crate) head_bytes_max: usize,
    /// The server reads up to this much of the body of a refused request. Many clients look for the answer only after they
    /// have sent the whole body.
    pub(crate) refused_body_bytes_max: usize,
    /// How long that reading waits for more bytes.
    pub(crate) refused_body_pause_max: Duration,
    /// How long that reading may take in all.
    pub(crate) refused_body_timeout: Duration,
    /// How long a request's head may take.
    pub(crate) header_timeout: Duration,
    /// How long nothing may move on a connection.
    pub(crate) idle_timeout: Duration,
    /// How long what is under way may take at the end.
    pub(crate) shutdown_grace: Duration,
}

/// The place of an open connection, in the extensions of its requests. A connection that becomes something other
/// than HTTP keeps it, and with it what holds for connections: it counts, and it ends when the server stops.
#[derive(Clone, Debug)]
pub(crate) struct Lease(Arc<Leased>);

#[derive(Debug)]
struct Leased {
    shutdown: CancellationToken,
    cut: CancellationToken,
    place: Place,
    /// Whether all places are taken, and this one is only to say so.
    is_turned_away: bool,
    counted: OpenConnection,
    _running: TaskTrackerToken,
}

impl Lease {
    pub(super) fn new(
        shutdown: &CancellationToken,
        cut: &CancellationToken,
        (place, is_turned_away): (Place, bool),
        counts: &Arc<ConnectionCounts>,
        running: TaskTrackerToken,
    ) -> Self {
        Self(Arc::new(Leased {
            shutdown: shutdown.clone(),
            cut: cut.clone(),
            place,
            is_turned_away,
            counted: OpenConnection::count(counts),
            _running: running,
        }))
    }

    /// What the connection does.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        self.0.place.activity()
    }

    /// Whether only health checks are answered here.
    pub(super) fn is_turned_away(&self) -> bool {
        self.0.is_turned_away
    }

    /// Keeps the connection from losing its place for as long as the result is kept.
    pub(crate) fn busy(&self) -> Busy {
        Busy::on(self.activity())
    }

    /// Counts as an open WebSocket for as long as the result is kept.
    pub(crate) fn open_websocket(&self) -> OpenWebSocket {
        let counts = Arc::clone(&self.0.counted.0);
        counts.websockets.fetch_add(1, Ordering::Relaxed);
        OpenWebSocket(counts)
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

/// Counts as open until it is dropped.
#[derive(Debug)]
struct OpenConnection(Arc<ConnectionCounts>);

impl OpenConnection {
    fn count(counts: &Arc<ConnectionCounts>) -> Self {
        counts.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts as an open WebSocket until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenWebSocket(Arc<ConnectionCounts>);

impl Drop for OpenWebSocket {
    fn drop(&mut self) {
        self.0.websockets.fetch_sub(1, Ordering::Relaxed);
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
