//! `GET /api/v1/live`: what happens, as server-sent events, for a page that shows the state of the server.
//!
//! A stream is bounded: what happened is gathered, and sent at most once a second. A client that does not read waits for
//! nobody and nobody waits for it. It loses events and is told how many, or it is dropped.

mod client;
mod pulse;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::mpsc;

use self::client::Client;
use self::pulse::Pulse;
use crate::alerts::AlertStore;
use crate::auth::{Access, Standing};
use crate::config::Limits;
use crate::events::Events;
use crate::http::error::ApiError;
use crate::http::guard::sight::CommonSight;
use crate::http::guard::subscribers::{Places, Right, ping_interval};
use crate::http::request::hang_up::HangUp;
use crate::http::request::query::Query;
use crate::http::request::sender::Sender;
use crate::http::response::pace::Pace;
use crate::http::server::lease::Lease;
use crate::report::ReceivedAt;
use crate::tracker::{SilenceRule, Tracker};

/// Pieces of a stream that wait for the client. Each has the events of a second.
const PIECES_MAX: usize = 4;
/// Lets nginx pass pieces on as they come.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What live streams show, and what bounds them. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::http) struct LivePage(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: PageParts,
    pulse: Pulse,
    limits: StreamLimits,
}

/// The parts of the server that live streams read.
#[derive(Debug)]
pub(in crate::http) struct PageParts {
    pub(in crate::http) places: Places,
    pub(in crate::http) events: Events,
    pub(in crate::http) tracker: Arc<Tracker>,
    pub(in crate::http) alerts: AlertStore,
    pub(in crate::http) access: Access,
    pub(in crate::http) pace: Pace,
    pub(in crate::http) silence: SilenceRule,
    pub(in crate::http) started_at: ReceivedAt,
    pub(in crate::http) sight: CommonSight,
}

/// What bounds a stream.
#[derive(Clone, Copy, Debug)]
struct StreamLimits {
    /// How long the client may take to read a piece.
    timeout: Duration,
    /// Time between two signs of life, and between two checks of the key.
    ping_interval: Duration,
    /// New devices a second. The others are only counted.
    devices_per_second_max: usize,
}

impl LivePage {
    pub(in crate::http) fn new(limits: &Limits, parts: PageParts) -> Self {
        Self(Arc::new(Shared {
            parts,
            pulse: Pulse::default(),
            limits: StreamLimits {
                timeout: limits.subscriber_timeout,
                ping_interval: ping_interval(limits),
                devices_per_second_max: limits.live_devices_per_second_max,
            },
        }))
    }
}

/// `GET /api/v1/live`: what happens from now on.
pub(in crate::http) async fn live(
    State(page): State<LivePage>,
    query: Query,
    mut request: Request,
) -> Result<Response, ApiError> {
    query.finish()?;
    let extensions = request.extensions_mut();
    let place = page.0.parts.places.take(Sender::of(extensions));
    let place = place.map_err(|error| ApiError::NoLiveStream(Box::new(error)))?;
    // Every connection has one.
    let lease = extensions.remove::<Lease>().ok_or(ApiError::Panicked)?;
    let sight = page.0.parts.sight.of(extensions);
    let standing = extensions.remove::<Standing>();
    let hang_up = extensions.remove::<HangUp>().unwrap_or_default();
    let right = standing.map(|standing| Right {
        access: page.0.parts.access.clone(),
        standing,
    });
    let (pieces, received) = mpsc::channel(PIECES_MAX);
    let mut client = Client::new(page, sight, right, pieces);
    tokio::spawn(async move {
        // A client to which nothing happens for long is no idle connection.
        let (busy, shutdown) = (lease.busy(), lease.shutdown());
        tokio::select! {
            () = client.serve(&shutdown) => {}
            () = lease.cut() => {}
        }
        drop((busy, place, lease));
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (UNBUFFERED, HeaderValue::from_static("no")),
    ];
    let pieces = Pieces {
        received,
        // Until something is written, nothing else tells that a reader left: its place would stay taken.
        hang_up: Box::pin(async move { hang_up.happens().await }),
    };
    Ok((headers, Body::new(pieces)).into_response())
}

/// The body: pieces as they come, until the client leaves.
struct Pieces {
    received: mpsc::Receiver<Bytes>,
    hang_up: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Poll::Ready(piece) = self.received.poll_recv(context) {
            return Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))));
        }
        self.hang_up.as_mut().poll(context).map(|()| None)
    }
}
