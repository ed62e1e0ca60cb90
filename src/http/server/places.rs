//! The places of open connections: bounded in all, and for each network that clients come from.
//!
//! When all places or the share of a network are taken, a new connection gets the place of an idle one: of the address that
//! has the most, one that has not sent a request yet if there is any, and the one that is idle longest. So who opens
//! connections and leaves them idle keeps nobody out, and loses its own first.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::http::request::forwarded::Proxies;
use crate::http::request::peer::Client;

/// Most clients without a place that are told so at the same time. Past it, the one that is idle longest is closed
/// without an answer.
const TURNED_AWAY_MAX: usize = 64;

/// A share of the places if the configuration does not say how many: one in so many.
const SHARE: usize = 4;

/// How long a client may read nothing of a large answer before its connection counts as idle.
const STALLED: Duration = Duration::from_secs(5);

/// Most connections without a place that keep their sockets: those that are told so, and those that lost their places
/// and have not ended yet.
const SOCKETS_BESIDE_MAX: usize = TURNED_AWAY_MAX + 16;

/// How many connections may be open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceLimits {
    /// From all clients.
    pub(crate) connections_max: usize,
    /// From the clients of one network. 0 stands for a quarter of all.
    pub(crate) connections_per_network_max: usize,
}

/// Hands out places. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all_max: usize,
    share_max: usize,
    proxies: Proxies,
    /// The time that [`Activity::moved_at_ms`] counts from.
    since: Instant,
    open: Mutex<Open>,
    sockets: Arc<Semaphore>,
}

/// Open connections by network. Only touched when a connection begins or ends.
#[derive(Debug, Default)]
struct Open {
    networks: HashMap<Network, HashMap<u64, Arc<Activity>>>,
    count: usize,
    next: u64,
}

/// Clients that share their part of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    /// A /24.
    V4([u8; 3]),
    /// A /64.
    V6([u8; 8]),
    /// All that come by a Unix domain socket.
    Socket,
    /// The configured proxies. Their clients are many, and not known before a request is read.
    Proxies,
}

impl Network {
    fn of(client: Client) -> Self {
        let Client::At(address) = client else {
            return Self::Socket;
        };
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// What a connection does.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    client: Client,
    moved_at_ms: AtomicU64,
    has_answered: AtomicBool,
    /// Requests under way, and 1 more for a WebSocket.
    busy: AtomicU32,
    /// Requests whose heads have arrived.
    begun: AtomicU32,
    /// Large answers under way.
    sending: AtomicU32,
    /// The connection has lost its place.
    leave: CancellationToken,
}

impl Activity {
    fn new(client: Client, since: Instant) -> Self {
        Self {
            since,
            client,
            has_answered: AtomicBool::default(),
            moved_at_ms: AtomicU64::default(),
            busy: AtomicU32::default(),
            begun: AtomicU32::default(),
            sending: AtomicU32::default(),
            leave: CancellationToken::new(),
        }
    }

    /// Notes that bytes moved.
    pub(super) fn moved(&self, now: Instant) {
        let ms = now.saturating_duration_since(self.since).as_millis();
        self.moved_at_ms
            .store(ms.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many heads have arrived; it wraps around.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Acquire)
    }

    /// Whether a request is under way, up to the head of its answer.
    pub(super) fn has_request(&self) -> bool {
        self.busy.load(Ordering::Acquire) != 0
    }

    /// Whether the connection can give up its place. A large answer is under way as long as its client reads.
    pub(super) fn is_idle(&self) -> bool {
        let is_sending = || {
            let moved_at = Duration::from_millis(self.moved_at_ms.load(Ordering::Relaxed));
            let quiet = self.since.elapsed().saturating_sub(moved_at);
            self.sending.load(Ordering::Acquire) != 0 && quiet < STALLED
        };
        !self.has_request() && !is_sending()
    }

    /// Waits until the connection has lost its place.
    pub(super) async fn left(&self) {
        self.leave.cancelled().await;
    }
}

/// Something is under way on a connection for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    pub(super) fn on(activity: &Arc<Activity>) -> Self {
        activity.busy.fetch_add(1, Ordering::Acquire);
        activity.begun.fetch_add(1, Ordering::Release);
        Self(Arc::clone(activity))
    }
}

/// A large answer is under way on a connection for as long as this is kept.
#[derive(Debug)]
pub(super) struct Sending(Arc<Activity>);

impl Sending {
    pub(super) fn on(activity: &Arc<Activity>) -> Self {
        activity.sending.fetch_add(1, Ordering::Acquire);
        Self(Arc::clone(activity))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.moved(Instant::now());
        self.0.sending.fetch_sub(1, Ordering::Release);
    }
}

impl Busy {
    /// Marks the connection of this request as sending.
    pub(super) fn sending(&self) -> Sending {
        Sending::on(&self.0)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.moved(Instant::now());
        self.0.has_answered.store(true, Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Release);
    }
}

/// The place of an open connection. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    network: Network,
    number: u64,
    activity: Arc<Activity>,
}

impl Place {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.open().remove(self.network, self.number);
    }
}

/// How a client got its place.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) place: Place,
    /// Whether another connection lost its place for it.
    pub(super) has_evicted: bool,
}

impl Places {
    /// Connections from `proxies` do not count as one network.
    pub(crate) fn new(limits: PlaceLimits, proxies: &[String]) -> Self {
        let all_max = limits.connections_max;
        let share_max = match limits.connections_per_network_max {
            0 => (all_max / SHARE).max(1),
            share_max => share_max,
        };
        Self(Arc::new(Shared {
            all_max,
            share_max,
            proxies: Proxies::new(proxies),
            since: Instant::now(),
            open: Mutex::default(),
            sockets: Arc::new(Semaphore::new(
                all_max
                    .saturating_add(SOCKETS_BESIDE_MAX)
                    .min(Semaphore::MAX_PERMITS),
            )),
        }))
    }

    /// Places for clients that are only told that all places are taken.
    pub(super) fn of_the_turned_away() -> Self {
        let limits = PlaceLimits {
            connections_max: TURNED_AWAY_MAX,
            connections_per_network_max: TURNED_AWAY_MAX,
        };
        Self::new(limits, &[])
    }

    /// Waits until one more socket may be open. A connection that lost its place keeps its socket until its task runs
    /// again, so on a busy machine there could otherwise be more sockets than the system allows.
    pub(super) async fn socket(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0.sockets).acquire_owned().await.ok()
    }

    /// A place for a client. `None` if every connection that could give up its place has a request under way.
    pub(super) fn admit(&self, client: Client) -> Option<Admitted> {
        let shared = &*self.0;
        let network = if shared.proxies.are_at(client) {
            Network::Proxies
        } else {
            Network::of(client)
        };
        let mut open = shared.open();
        let share = open.networks.get(&network).map_or(0, HashMap::len);
        let evict_from = if network != Network::Proxies && shared.share_max <= share {
            Some(network)
        } else if shared.all_max <= open.count {
            Some(open.largest_with_an_idle_one()?)
        } else {
            None
        };
        if let Some(network) = evict_from {
            open.evict_idle_longest(network)?;
        }
        let activity = Arc::new(Activity::new(client.canonical(), shared.since));
        activity.moved(Instant::now());
        let number = open.insert(network, Arc::clone(&activity));
        drop(open);
        Some(Admitted {
            place: Place {
                places: self.clone(),
                network,
                number,
                activity,
            },
            has_evicted: evict_from.is_some(),
        })
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn insert(&mut self, network: Network, activity: Arc<Activity>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.networks
            .entry(network)
            .or_default()
            .insert(number, activity);
        self.count += 1;
        number
    }

    /// A connection that lost its place is not there any more.
    fn remove(&mut self, network: Network, number: u64) {
        let Some(connections) = self.networks.get_mut(&network) else {
            return;
        };
        if connections.remove(&number).is_some() {
            self.count -= 1;
        }
        if connections.is_empty() {
            self.networks.remove(&network);
        }
    }

    /// The network with the most connections of those that have an idle one: who takes the most gives first.
    fn largest_with_an_idle_one(&self) -> Option<Network> {
        self.networks
            .iter()
            .filter(|(_, connections)| connections.values().any(|activity| activity.is_idle()))
            .max_by_key(|(_, connections)| connections.len())
            .map(|(network, _)| *network)
    }

    fn evict_idle_longest(&mut self, network: Network) -> Option<()> {
        let connections = self.networks.get(&network)?;
        let mut of_address: HashMap<Client, usize> = HashMap::new();
        for activity in connections.values() {
            *of_address.entry(activity.client).or_default() += 1;
        }
        let idle = connections
            .iter()
            .filter(|(_, activity)| activity.is_idle());
        let (number, activity) = idle.min_by_key(|(number, activity)| {
            let of_address = of_address.get(&activity.client).copied();
            (
                Reverse(of_address),
                activity.has_answered.load(Ordering::Relaxed),
                activity.moved_at_ms.load(Ordering::Relaxed),
                **number,
            )
        })?;
        activity.leave.cancel();
        self.remove(network, *number);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all_max: usize, share_max: usize, proxies: &[&str]) -> Places {
        let limits = PlaceLimits {
            connections_max: all_max,
            connections_per_network_max: share_max,
        };
        let proxies: Vec<String> = proxies.iter().map(|&proxy| proxy.to_owned()).collect();
        Places::new(limits, &proxies)
    }

    fn admit(places: &Places, client: &str) -> Option<Admitted> {
        let client = match client {
            "unix" => Client::Socket,
            address => Client::At(address.parse().unwrap()),
        };
        places.admit(client)
    }

    fn has_left(admitted: &Admitted) -> bool {
        admitted.place.activity.leave.is_cancelled()
    }

    #[test]
    fn past_its_share_a_network_gives_the_place_that_is_idle_longest() {
        let places = places(8, 0, &[]);
        let first = admit(&places, "192.0.2.1").unwrap();
        let second = admit(&places, "192.0.2.2").unwrap();
        let busy = Busy::on(&first.place.activity);
        let third = admit(&places, "192.0.2.3").unwrap();
        assert!(third.has_evicted && has_left(&second) && !has_left(&first));
        drop(busy);
        let others = ["192.0.3.1", "2001:db8::1", "2001:db8:0:1::1"];
        let others = others.map(|client| admit(&places, client).unwrap());
        assert!(others.iter().all(|other| !other.has_evicted));
    }

    #[test]
    fn at_the_bound_nobody_leaves_and_one_past_it_somebody_does() {
        let places = places(3, 3, &[]);
        let three = [1, 2, 3].map(|host| admit(&places, &format!("192.0.2.{host}")).unwrap());
        assert!(three.iter().all(|one| !one.has_evicted && !has_left(one)));
        let fourth = admit(&places, "198.51.100.1").unwrap();
        assert!(fourth.has_evicted && has_left(&three[0]) && !has_left(&three[1]));
    }

    #[test]
    fn the_address_with_the_most_connections_gives_first_and_those_without_a_request_before_others()
    {
        let places = places(8, 4, &[]);
        let honest = admit(&places, "192.0.2.1").unwrap();
        let served = admit(&places, "192.0.2.66").unwrap();
        drop(Busy::on(&served.place.activity));
        let silent = ["192.0.2.66", "192.0.2.66"].map(|client| admit(&places, client).unwrap());
        let fifth = admit(&places, "192.0.2.66").unwrap();
        assert!(fifth.has_evicted && has_left(&silent[0]));
        let sixth = admit(&places, "192.0.2.66").unwrap();
        assert!(sixth.has_evicted && has_left(&silent[1]));
        assert!(!has_left(&honest) && !has_left(&served));
    }

    #[test]
    fn who_takes_the_most_places_gives_first() {
        let places = places(4, 3, &[]);
        let honest = admit(&places, "198.51.100.1").unwrap();
        let many = [1, 2, 3].map(|host| admit(&places, &format!("192.0.2.{host}")).unwrap());
        let other = admit(&places, "203.0.113.1").unwrap();
        assert!(other.has_evicted && has_left(&many[0]) && !has_left(&honest));
    }

    #[test]
    fn nobody_leaves_with_a_request_under_way() {
        let places = places(1, 1, &[]);
        let first = admit(&places, "192.0.2.1").unwrap();
        let busy = Busy::on(&first.place.activity);
        assert!(admit(&places, "192.0.2.1").is_none() && admit(&places, "::1").is_none());
        drop(busy);
        assert!(admit(&places, "::1").unwrap().has_evicted);
    }

    #[test]
    fn a_large_answer_that_is_read_keeps_its_place() {
        let places = places(1, 1, &[]);
        let first = admit(&places, "192.0.2.1").unwrap();
        let busy = Busy::on(&first.place.activity);
        let sending = busy.sending();
        drop(busy);
        assert!(admit(&places, "192.0.2.1").is_none());
        drop(sending);
        assert!(admit(&places, "192.0.2.1").unwrap().has_evicted);
    }

    #[test]
    fn proxies_have_no_share_and_places_come_back() {
        let places = places(4, 1, &["10.0.0.0/8"]);
        let four = [1, 2, 3, 4].map(|host| admit(&places, &format!("::ffff:10.0.0.{host}")));
        assert!(four.iter().flatten().all(|one| !one.has_evicted));
        drop(four);
        assert_eq!(places.0.open().count, 0);
        assert!(places.0.open().networks.is_empty());
    }
}
