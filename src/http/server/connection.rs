//! One connection: TLS if it is configured, then HTTP.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::debug;

use super::idle::IdleTimeout;
use super::lease::{ConnectionLimits, HttpService, Lease};
use super::places::Busy;
use super::reasons::WithReasons;
use super::stream::Stream;
use super::tls::Tls;
use crate::http::error::ApiError;
use crate::http::request::hang_up::HangUp;
use crate::http::request::peer::{Client, Scheme};
use crate::http::request::url::normalise_path;

/// How much longer than allowed a head may be and still be read. Past it hyper answers 431 and closes, see
/// [`WithReasons`].
const HEAD_SLACK_BYTES: usize = 8192;

/// Serves one connection until it ends or loses its place.
pub(super) async fn serve(
    stream: Stream,
    client: Client,
    service: impl HttpService,
    limits: ConnectionLimits,
    tls: Option<Arc<Tls>>,
    lease: Lease,
) {
    let shutdown = lease.shutdown();
    let activity = Arc::clone(lease.activity());
    let hang_up = HangUp::of_connection();
    let with_timeout = |stream: Stream| {
        let (activity, hang_up) = (Arc::clone(&activity), hang_up.clone());
        let (idle, head) = (limits.idle_timeout, limits.header_timeout);
        IdleTimeout::new(stream, (activity, hang_up), idle, head)
    };
    let peer = |scheme| Peer {
        client,
        scheme,
        hang_up: hang_up.clone(),
    };
    let (stream, tls) = match (stream, tls) {
        (Stream::Tcp(stream), Some(tls)) => (stream, tls),
        // A Unix domain socket does not leave the machine, so it needs no TLS.
        (stream, _) => {
            return serve_stream(with_timeout(stream), peer(None), service, limits, lease).await;
        }
    };
    let with_timeout = |stream| with_timeout(Stream::Tcp(stream));
    // No request is under way yet, so nothing is lost by leaving.
    let accepted = tokio::select! {
        accepted = timeout(limits.header_timeout, tls.accept(stream, with_timeout)) => accepted,
        () = shutdown.cancelled() => return,
        () = activity.left() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            serve_stream(stream, peer(Some(Scheme::Https)), service, limits, lease).await;
        }
        // The place is freed first: after the log line the next client gets it.
        Ok(Err(error)) if error.kind() != io::ErrorKind::TimedOut => {
            drop(lease);
            debug!(%error, "a connection ended before TLS was agreed upon");
        }
        Ok(Err(_)) | Err(_) => {
            drop(lease);
            debug!("a connection took too long to agree upon TLS");
        }
    }
}

/// The other end of a connection.
struct Peer {
    client: Client,
    scheme: Option<Scheme>,
    hang_up: HangUp,
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    service: impl HttpService,
    limits: ConnectionLimits,
    lease: Lease,
) {
    let shutdown = lease.shutdown();
    let activity = Arc::clone(lease.activity());
    let is_turned_away = lease.is_turned_away();
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = lease.busy();
        let (request, unread) = UnreadBody::of(request);
        let mut request = normalise_path(request);
        let extensions = request.extensions_mut();
        extensions.insert(peer.client);
        extensions.insert(peer.hang_up.clone());
        extensions.insert(lease.clone());
        if let Some(scheme) = peer.scheme {
            extensions.insert(scheme);
        }
        let service = service.clone();
        async move {
            let response = if limits.head_bytes_max < head_bytes(&request) {
                let bytes_max = limits.head_bytes_max;
                last_answer(ApiError::HeadTooLong { bytes_max })
            } else if is_turned_away && !is_health_check(&request) {
                last_answer(ApiError::TooManyConnections)
            } else {
                let answered: Result<Response, Infallible> = service.oneshot(request).await;
                answered.unwrap_or_else(|never| match never {})
            };
            if response.status().is_client_error() || response.status().is_server_error() {
                unread.discard(limits).await;
            }
            let response = sent_in_pieces(response, &busy);
            drop(busy);
            Ok::<Response, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // It would also end connections that wait for their next request. See [`IdleTimeout`].
        .header_read_timeout(None)
        // A head that is a little too long is read whole, so that the client gets a reason.
        .max_buf_size(limits.head_bytes_max + HEAD_SLACK_BYTES)
        .keep_alive(!is_turned_away)
        // A scanner that sends and hangs up has reported: what it sent is not dropped with it.
        .half_close(true)
        // As Kismet writes them: ArduinoHttpClient does not find `content-length`, and waits a second.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(WithReasons::new(stream)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = activity.left() => {
            // A request may have arrived in the same moment. It is answered.
            connection.as_mut().graceful_shutdown();
            if activity.is_idle() {
                return;
            }
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "a connection ended early");
    }
}

/// An error after which the connection is closed.
fn last_answer(why: ApiError) -> Response {
    let mut response = why.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Marks the connection until a large answer is sent, because it is not idle meanwhile.
fn sent_in_pieces(response: Response, busy: &Busy) -> Response {
    /// What is smaller goes to the system at once.
    const SMALL_BYTES_MAX: u64 = 64 << 10;
    let is_small = |size: u64| size <= SMALL_BYTES_MAX;
    if response.body().size_hint().exact().is_some_and(is_small) {
        return response;
    }
    let sending = busy.sending();
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _until_the_end = &sending;
            frame
        }))
    })
}

/// The body of a request, as far as nobody has read it.
struct UnreadBody {
    body: Option<SharedBody>,
    /// Whether the client sends the body only when it is asked to, which the first read does.
    waits_to_be_asked: bool,
}

impl UnreadBody {
    fn of(request: hyper::Request<Incoming>) -> (Request, Self) {
        let waits_to_be_asked = request.headers().contains_key(EXPECT);
        if request.body().is_end_stream() {
            let unread = Self {
                body: None,
                waits_to_be_asked,
            };
            return (request.map(Body::new), unread);
        }
        let (parts, body) = request.into_parts();
        let body = SharedBody(Arc::new(Mutex::new(PartlyRead {
            body,
            is_begun: false,
        })));
        let unread = Self {
            body: Some(body.clone()),
            waits_to_be_asked,
        };
        (Request::from_parts(parts, Body::new(body)), unread)
    }

    /// Reads on for a while after a refusal. Most clients look for the answer only when they have sent everything, and
    /// closing on unread bytes takes the answer away.
    async fn discard(self, limits: ConnectionLimits) {
        let Some(mut body) = self.body else {
            return;
        };
        if self.waits_to_be_asked && !body.lock().is_begun {
            return;
        }
        let discard = async {
            let mut read = 0usize;
            while let Ok(Some(Ok(frame))) =
                timeout(limits.refused_body_pause_max, body.frame()).await
            {
                read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if limits.refused_body_bytes_max < read {
                    return;
                }
            }
        };
        timeout(limits.refused_body_timeout, discard).await.ok();
    }
}

/// A body that can be read by a handler and then by others.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<PartlyRead>>);

struct PartlyRead {
    body: Incoming,
    /// Whether somebody has tried to read it.
    is_begun: bool,
}

impl SharedBody {
    fn lock(&self) -> MutexGuard<'_, PartlyRead> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut read = self.lock();
        read.is_begun = true;
        Pin::new(&mut read.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().body.size_hint()
    }
}

/// Whether it asks only whether the server runs. That is answered however many connections are open.
fn is_health_check(request: &Request) -> bool {
    let path = request.uri().path();
    let is_asked = path.ends_with("/healthz") || path.ends_with("/readyz");
    is_asked && [Method::GET, Method::HEAD].contains(request.method())
}

/// The length of the head, as far as it is kept.
fn head_bytes(request: &Request) -> usize {
    let target = request.uri().path_and_query();
    let line = "  HTTP/1.1\r\n\r\n".len()
        + request.method().as_str().len()
        + target.map_or(0, |target| target.as_str().len());
    let fields = request.headers().iter();
    fields.fold(line, |bytes, (name, value)| {
        bytes + name.as_str().len() + value.len() + ": \r\n".len()
    })
}
