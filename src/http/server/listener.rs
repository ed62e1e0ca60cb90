//! Accepts connections up to a limit, and closes them in order at shutdown.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::connection;
use super::lease::{ConnectionLimits, HttpService, Lease};
use super::places::{Admitted, Place, Places};
use super::tls::Tls;
use crate::http::request::peer::Client;
use crate::metrics::ConnectionCounts;

/// Pause after the operating system refuses to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest time that refusing a client may take.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves `service` on `listener` until `shutdown`, then lets what is under way finish, for a bounded time.
pub(crate) async fn run(
    listener: TcpListener,
    service: impl HttpService,
    limits: ConnectionLimits,
    places: Places,
    tls: Option<Arc<Tls>>,
    counts: Arc<ConnectionCounts>,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let turned_away = Places::of_the_turned_away();
    let cut = CancellationToken::new();
    loop {
        let accepted = async {
            let socket = places.socket().await;
            (socket, listener.accept().await)
        };
        let (socket, stream, client) = tokio::select! {
            () = shutdown.cancelled() => break,
            (socket, accepted) = accepted => match accepted {
                Ok((stream, peer)) => (socket, stream, peer.ip()),
                Err(error) => {
                    warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (place, is_turned_away) = match place(&places, client, &counts) {
            Some(place) => (place, false),
            None => match turned_away.admit(client) {
                Some(admitted) => (admitted.place, true),
                None => continue,
            },
        };
        let service = service.clone();
        let tls = tls.clone();
        let lease = Lease::new(
            &shutdown,
            &cut,
            (place, is_turned_away),
            &counts,
            tasks.token(),
        );
        let cut = cut.clone();
        tasks.spawn(async move {
            let serving =
                connection::serve(stream, Client::At(client), service, limits, tls, lease);
            let serving = async {
                if is_turned_away {
                    timeout(TURN_AWAY_TIMEOUT, serving).await.unwrap_or(());
                } else {
                    serving.await;
                }
            };
            tokio::select! {
                () = serving => {}
                () = cut.cancelled() => {}
            }
            drop(socket);
        });
    }
    drop(listener);
    tasks.close();
    if timeout(limits.shutdown_grace, tasks.wait()).await.is_err() {
        warn!(
            server.open_connections = counts.open.load(Ordering::Relaxed),
            "connections are cut, they took too long to finish"
        );
        cut.cancel();
        tasks.wait().await;
    }
}

fn place(places: &Places, client: IpAddr, counts: &ConnectionCounts) -> Option<Place> {
    let Some(Admitted { place, has_evicted }) = places.admit(client) else {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return None;
    };
    if has_evicted {
        counts.evicted.fetch_add(1, Ordering::Relaxed);
    }
    Some(place)
}
