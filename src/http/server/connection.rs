//! One connection: TLS if it is configured, then HTTP.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::debug;

use super::idle::IdleTimeout;
use super::lease::{ConnectionLimits, HttpService, Lease};
use super::tls::Tls;
use crate::http::request::peer::{Client, Scheme};
use crate::http::request::url::normalise_path;

/// Serves one connection until it ends.
pub(super) async fn serve(
    stream: TcpStream,
    client: Client,
    service: impl HttpService,
    limits: ConnectionLimits,
    tls: Option<Arc<Tls>>,
    lease: Lease,
) {
    let shutdown = lease.shutdown();
    // Answers are written whole; waiting for more to put in a packet only delays them.
    stream.set_nodelay(true).ok();
    let with_timeout = |stream| IdleTimeout::new(stream, limits.idle_timeout);
    let Some(tls) = tls else {
        return serve_stream(with_timeout(stream), (client, None), service, limits, lease).await;
    };
    // No request is under way yet, so nothing is lost by leaving.
    let accepted = tokio::select! {
        accepted = timeout(limits.header_timeout, tls.accept(stream, with_timeout)) => accepted,
        () = shutdown.cancelled() => return,
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
    let service = service
        .map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(lease.clone());
            if let Some(scheme) = scheme {
                request.extensions_mut().insert(scheme);
            }
            normalise_path(request.map(Body::new))
        })
        .map_err(|never: Infallible| never);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        // A scanner that sends and hangs up has reported: what it sent is not dropped with it.
        .half_close(true)
        // As Kismet writes them: ArduinoHttpClient does not find `content-length`, and waits a second.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "a connection ended early");
    }
}
