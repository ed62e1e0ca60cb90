//! Connections: accepted, bounded in number and time, and closed in order at the end.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::{Service, ServiceExt};
use tracing::{debug, warn};

use super::tls::Tls;
use crate::http::guard::gate::Client;
use crate::http::request::forwarded::Scheme;

/// How long to wait when the operating system gives no more connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many clients are told at once that there are too many.
const TURNED_AWAY_MAX: usize = 64;
/// How long such a client may take to hear it.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);
/// What it hears.
const TURNED_AWAY: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n",
    "content-length: 80\r\n\r\n",
    r#"{"status":"too many connections are open, try again in a while","success":false}"#
);

/// What bounds connections.
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

/// What answers the requests of all connections.
pub(crate) trait Answers:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Serves `service` on `listener` until `shutdown`, then lets what is under way finish, for a bounded time.
pub(crate) async fn run(
    listener: TcpListener,
    service: impl Answers,
    limits: ConnectionLimits,
    tls: Option<Arc<Tls>>,
    open: OpenConnections,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let cut = CancellationToken::new();
    loop {
        let (stream, client) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, Client(peer.ip())),
                Err(error) => {
                    warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let service = service.clone();
                let tls = tls.clone();
                let lease = Lease(Arc::new(Leased {
                    shutdown: shutdown.clone(),
                    cut: cut.clone(),
                    _place: place,
                    _counted: open.count(),
                    _running: tasks.token(),
                }));
                tasks.spawn(async move {
                    tokio::select! {
                        () = serve_one(stream, client, service, limits, tls, lease.clone()) => {}
                        () = lease.cut() => {}
                    }
                });
            }
            // Past the second bound the connection is closed without a word, as it is where the word would have
            // to be said in TLS.
            Err(_) if tls.is_some() => {}
            Err(_) => {
                if let Ok(place) = Arc::clone(&turned_away).try_acquire_owned() {
                    tasks.spawn(async move {
                        timeout(TURN_AWAY_TIMEOUT, turn_away(stream)).await.ok();
                        drop(place);
                    });
                }
            }
        }
    }
    drop(listener);
    tasks.close();
    if timeout(limits.shutdown_grace, tasks.wait()).await.is_err() {
        warn!(
            server.open_connections = open.get(),
            "connections are cut, they took too long to finish"
        );
        cut.cancel();
        tasks.wait().await;
    }
}

async fn serve_one(
    stream: TcpStream,
    client: Client,
    service: impl Answers,
    limits: ConnectionLimits,
    tls: Option<Arc<Tls>>,
    lease: Lease,
) {
    let shutdown = lease.shutdown();
    // Answers are written whole; waiting for more to put in a packet only delays them.
    stream.set_nodelay(true).ok();
    let watched = |stream| Watched::new(stream, limits.idle_timeout);
    let Some(tls) = tls else {
        return serve_stream(watched(stream), (client, None), service, limits, lease).await;
    };
    // No request is under way yet, so nothing is lost by leaving.
    let accepted = tokio::select! {
        accepted = timeout(limits.header_timeout, tls.accept(stream, watched)) => accepted,
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
        Ok(Err(error)) => debug!(%error, "a connection ended before TLS was agreed upon"),
        Err(_) => debug!("a connection took too long to agree upon TLS"),
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    (client, scheme): (Client, Option<Scheme>),
    service: impl Answers,
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

/// Says that there are too many connections.
///
/// Not before the client has spoken: an answer that comes first is an error to many. And what it sends is
/// read to its end, because closing on unread bytes would take the answer away again.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let mut sent = [0; 1024];
    if 0 < stream.read(&mut sent).await? {
        stream.write_all(TURNED_AWAY.as_bytes()).await?;
    }
    stream.shutdown().await?;
    while 0 < stream.read(&mut sent).await? {}
    Ok(())
}

/// Brings a path to the one spelling by which routes are told.
///
/// Runs of `/` count as one, as with Kismet: clients join a base address that ends in one with paths that start with
/// one. And letters, digits and `-._~` are the same encoded or not (RFC 3986, section 6.2.2.2); what else is encoded,
/// `%2F` above all, stays so until its part of the path is read.
fn normalise_path<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    if !path.contains("//") && !path.contains('%') {
        return request;
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        let (character, width) = match unreserved(rest) {
            Some(decoded) => (decoded, "%41".len()),
            None => (character, character.len_utf8()),
        };
        if character != '/' || !normal.ends_with('/') {
            normal.push(character);
        }
        rest = rest.split_at(width).1;
    }
    if let Some(query) = request.uri().query() {
        normal.push('?');
        normal.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path) = PathAndQuery::try_from(normal) {
        parts.path_and_query = Some(path);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The character that stands encoded at the start of a text, if it need not be.
fn unreserved(text: &str) -> Option<char> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    // Signs, which the number's parser takes, are no digits.
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hexadecimal)?;
    let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    is_unreserved.then(|| char::from(byte))
}

/// A stream that fails when nothing moves on it for too long, whichever side is slow.
struct Watched {
    stream: TcpStream,
    idle_max: Duration,
    moved_at: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Watched {
    fn new(stream: TcpStream, idle_max: Duration) -> Self {
        Self {
            stream,
            idle_max,
            moved_at: Instant::now(),
            alarm: Box::pin(sleep(idle_max)),
        }
    }

    /// The alarm is set again only when it goes off, which is much seldomer than bytes move.
    fn check<T>(
        &mut self,
        context: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.moved_at = Instant::now();
            return moved;
        }
        loop {
            ready!(self.alarm.as_mut().poll(context));
            let due = self.moved_at + self.idle_max;
            if due <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.check(context, moved)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check(context, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check(context, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_answer_to_one_too_many_tells_its_length() {
        let (head, body) = TURNED_AWAY.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{} bytes",
            body.len()
        );
    }

    #[track_caller]
    fn check_normal(uri: &str, expected: &str) {
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        assert_eq!(normalise_path(request).uri().to_string(), expected, "{uri}");
    }

    #[test]
    fn runs_of_slashes_count_as_one() {
        check_normal("//phy///all_phys.json?a=//b", "/phy/all_phys.json?a=//b");
        check_normal("/plain?x", "/plain?x");
    }

    #[test]
    fn what_need_not_be_encoded_is_decoded_once() {
        check_normal("/phy/all%5Fphys%2ejson?a=%41", "/phy/all_phys.json?a=%41");
        check_normal("/%70/%2F/%2541/%3F", "/p/%2F/%2541/%3F");
        check_normal("/a%4/b%", "/a%4/b%");
        check_normal("/%+5/%zz/%7", "/%+5/%zz/%7");
    }
}
