//! Accepts connections up to a limit, and closes them in order at shutdown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::connection;
use super::lease::{ConnectionLimits, HttpService, Lease};
use super::places::{Admitted, Place, Places};
use super::sockets::{Listener, Listeners};
use super::stream::Stream;
use super::tls::Tls;
use crate::http::request::peer::Client;
use crate::metrics::ConnectionCounts;

/// Pause after the operating system refuses to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest time that refusing a client may take.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves `service` on all listeners until `shutdown`, then lets what is under way finish, for a bounded time.
pub(crate) async fn run(
    listeners: Listeners,
    service: impl HttpService,
    limits: ConnectionLimits,
    places: Places,
    tls: Option<Arc<Tls>>,
    counts: Arc<ConnectionCounts>,
    shutdown: CancellationToken,
) {
    let acceptor = Acceptor {
        service,
        limits,
        places,
        turned_away: Places::of_the_turned_away(),
        tls,
        counts,
        shutdown,
        cut: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let accepting = TaskTracker::new();
    for listener in listeners.into_each() {
        accepting.spawn(acceptor.clone().accept_on(listener));
    }
    accepting.close();
    accepting.wait().await;
    acceptor.finish().await;
}

/// What accepts connections, on one listener or several.
#[derive(Clone)]
struct Acceptor<S> {
    service: S,
    limits: ConnectionLimits,
    places: Places,
    turned_away: Places,
    tls: Option<Arc<Tls>>,
    counts: Arc<ConnectionCounts>,
    shutdown: CancellationToken,
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl<S: HttpService> Acceptor<S> {
    /// Accepts connections until the shutdown.
    async fn accept_on(self, listener: Arc<Listener>) {
        loop {
            let accepted = async {
                let socket = self.places.socket().await;
                (socket, listener.accept().await)
            };
            let (socket, (stream, client)) = tokio::select! {
                () = self.shutdown.cancelled() => return,
                (socket, accepted) = accepted => match accepted {
                    Ok(accepted) => (socket, accepted),
                    Err(error) => {
                        warn!(%error, "no connection could be accepted");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            self.serve(stream, client, socket);
        }
    }

    /// Serves a connection, which counts for the sockets until it has ended.
    fn serve(&self, stream: Stream, client: Client, socket: Option<OwnedSemaphorePermit>) {
        let (place, is_turned_away) = match place(&self.places, client, &self.counts) {
            Some(place) => (place, false),
            None => match self.turned_away.admit(client) {
                Some(admitted) => (admitted.place, true),
                None => return,
            },
        };
        let lease = Lease::new(
            &self.shutdown,
            &self.cut,
            (place, is_turned_away),
            &self.counts,
            self.tasks.token(),
        );
        let (service, tls, cut) = (self.service.clone(), self.tls.clone(), self.cut.clone());
        let limits = self.limits;
        self.tasks.spawn(async move {
            let serving = connection::serve(stream, client, service, limits, tls, lease);
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

    /// Waits for the open connections, and cuts them when that takes too long.
    async fn finish(self) {
        let Self {
            limits,
            counts,
            cut,
            tasks,
            ..
        } = self;
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
}

fn place(places: &Places, client: Client, counts: &ConnectionCounts) -> Option<Place> {
    let Some(Admitted { place, has_evicted }) = places.admit(client) else {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return None;
    };
    if has_evicted {
        counts.evicted.fetch_add(1, Ordering::Relaxed);
    }
    Some(place)
}
