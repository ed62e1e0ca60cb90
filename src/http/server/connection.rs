//! One connection: TLS if it is configured, then HTTP.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::debug;

use super::idle::IdleTimeout;
use super::lease::{ConnectionLimits, HttpService, Lease};
use super::tls::Tls;
use crate::http::error::ApiError;
use crate::http::request::peer::{Client, Scheme};
use crate::http::request::url::normalise_path;

/// How much longer than allowed a head may be and still be read. Past it hyper answers 431 and closes.
const HEAD_SLACK_BYTES: usize = 8192;

/// Serves one connection until it ends or loses its place.
pub(super) async fn serve(
    stream: TcpStream,
    client: Client,
    service: impl HttpService,
    limits: ConnectionLimits,
    tls: Option<Arc<Tls>>,
    lease: Lease,
) {
    let shutdown = lease.shutdown();
    let activity = Arc::clone(lease.activity());
    // Answers are written whole; waiting for more to put in a packet only delays them.
    stream.set_nodelay(true).ok();
    let with_timeout =
        |stream| IdleTimeout::new(stream, Arc::clone(&activity), limits.idle_timeout);
    let Some(tls) = tls else {
        return serve_stream(with_timeout(stream), (client, None), service, limits, lease).await;
    };
    // No request is under way yet, so nothing is lost by leaving.
    let accepted = tokio::select! {
        accepted = timeout(limits.header_timeout, tls.accept(stream, with_timeout)) => accepted,
        () = shutdown.cancelled() => return,
        () = activity.left() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            serve_stream(
                stream,
                (client, Some(Scheme::Https)),
                service,
                limits,
                lease,
            )
            .await;
        }
        // The place is freed first: after the log line the next client gets it.
        Ok(Err(error)) => {
            drop(lease);
            debug!(%error, "a connection ended before TLS was agreed upon");
        }
        Err(_) => {
            drop(lease);
            debug!("a connection took too long to agree upon TLS");
        }
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    (client, scheme): (Client, Option<Scheme>),
    service: impl HttpService,
    limits: ConnectionLimits,
    lease: Lease,
) {
    let shutdown = lease.shutdown();
    let activity = Arc::clone(lease.activity());
    let has_place = lease.has_place();
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = lease.busy();
        let mut request = normalise_path(request.map(Body::new));
        let extensions = request.extensions_mut();
        extensions.insert(client);
        extensions.insert(lease.clone());
        if let Some(scheme) = scheme {
            extensions.insert(scheme);
        }
        let service = service.clone();
        async move {
            let response = if limits.head_bytes_max < head_bytes(&request) {
                let bytes_max = limits.head_bytes_max;
                refuse(request, ApiError::HeadTooLong { bytes_max }).await
            } else if !has_place && !is_health_check(&request) {
                refuse(request, ApiError::TooManyConnections).await
            } else {
                let answered: Result<Response, Infallible> = service.oneshot(request).await;
                answered.unwrap_or_else(|never| match never {})
            };
            drop(busy);
            Ok::<Response, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        // A head that is a little too long is read whole, so that the client gets a reason.
        .max_buf_size(limits.head_bytes_max + HEAD_SLACK_BYTES)
        .keep_alive(has_place)
        // A scanner that sends and hangs up has reported: what it sent is not dropped with it.
        .half_close(true)
        // As Kismet writes them: ArduinoHttpClient does not find `content-length`, and waits a second.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
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

/// Answers after the body has arrived, because closing on unread bytes would take the answer away again.
async fn refuse(request: Request, why: ApiError) -> Response {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = why.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
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
