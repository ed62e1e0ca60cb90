//! Accepts connections up to a limit, and closes them in order at shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::connection;
use super::lease::{ConnectionLimits, HttpService, Lease, OpenConnections};
use super::tls::Tls;
use crate::http::request::peer::Client;

/// Pause after the operating system refuses to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most clients that are refused with an answer at the same time.
const TURNED_AWAY_MAX: usize = 64;
/// Longest time that refusing a client may take.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);
/// The answer to a refused client.
const TURNED_AWAY: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n",
    "Content-Length: 80\r\n\r\n",
    r#"{"status":"too many connections are open, try again in a while","success":false}"#
);

/// Serves `service` on `listener` until `shutdown`, then lets what is under way finish, for a bounded time.
pub(crate) async fn run(
    listener: TcpListener,
    service: impl HttpService,
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
                let lease = Lease::new(&shutdown, &cut, place, &open, tasks.token());
                let cut = cut.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = connection::serve(stream, client, service, limits, tls, lease) => {}
                        () = cut.cancelled() => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_one_too_many_tells_its_length() {
        let (head, body) = TURNED_AWAY.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{} bytes",
            body.len()
        );
    }
}
