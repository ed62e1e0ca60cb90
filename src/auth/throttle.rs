//! Throttles password guessing.
//!
//! Only new guesses count. A program that keeps sending an old password learns nothing from it, and must not lock out
//! others at its address.
//!
//! Each client is slowed by its own failures. Somebody with many addresses is slowed by all of them together: clients
//! that nobody has logged in from share one rate. Whoever guesses at that rate without pause keeps new clients out, so
//! clients that somebody has logged in from are remembered over a restart, and this machine never waits for others.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::secret::Guess;
use crate::bounded::BoundedMap;

/// Wrong passwords of a client before the first delay.
const FAILURES_WITHOUT_DELAY: u32 = 5;
/// Past it a delay does not double any more.
const DELAY_MAX: Duration = Duration::from_secs(30);
/// Time without a failure after which a client's failures are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);
/// Largest number of clients with failures. Past it, the least recently active one is evicted.
const CLIENTS_MAX: usize = 10_000;
/// Largest number of wrong guesses that are stored for a client. Past it, the least recently repeated one is evicted.
const GUESSES_MAX: usize = 16;

/// Time over which the guesses of strangers are averaged.
const STRANGERS_BURST: Duration = Duration::from_secs(60);

/// Failed logins by client.
#[derive(Debug)]
pub(super) struct LoginThrottle {
    clients: BoundedMap<ClientNetwork, Failures>,
    /// Clients that somebody has logged in from. They do not share the rate of the others.
    known: BoundedMap<ClientNetwork, ()>,
    strangers: Strangers,
    /// After the first failure that is slowed. It doubles with each further one.
    delay: Duration,
}

/// The guesses of all clients that nobody has logged in from.
#[derive(Debug)]
struct Strangers {
    /// Time that each guess takes up.
    per_guess: Duration,
    /// When the guesses so far would have been made at the allowed rate.
    until: Option<Instant>,
}

impl Strangers {
    fn wait(&self, now: Instant) -> Duration {
        let until = self.until.unwrap_or(now);
        (until.saturating_duration_since(now) + self.per_guess).saturating_sub(STRANGERS_BURST)
    }

    fn add(&mut self, now: Instant) {
        self.until = Some(self.until.unwrap_or(now).max(now) + self.per_guess);
    }
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
    /// The most recently repeated one is the last.
    guesses: VecDeque<Guess>,
}

impl Failures {
    fn next_try_at(&self, first_delay: Duration) -> Instant {
        match self.count.checked_sub(FAILURES_WITHOUT_DELAY) {
            None => self.last,
            Some(more) => {
                let delay = first_delay.saturating_mul(2u32.saturating_pow(more));
                self.last + delay.min(DELAY_MAX.max(first_delay))
            }
        }
    }

    /// Whether the guess is stored. If so, it becomes the most recent one.
    fn repeats(&mut self, guess: Guess) -> bool {
        let place = self.guesses.iter().position(|known| *known == guess);
        let known = place.and_then(|place| self.guesses.remove(place));
        self.guesses.extend(known);
        known.is_some()
    }
}

impl LoginThrottle {
    /// `strangers_max` is the number of guesses a minute of all clients that nobody has logged in from, `delay` the first
    /// delay of a client. `known` are clients that somebody has logged in from, the latest one last.
    pub(super) fn new(
        strangers_max: u32,
        delay: Duration,
        known: impl IntoIterator<Item = ClientNetwork>,
    ) -> Self {
        let mut known_clients = BoundedMap::new(CLIENTS_MAX);
        for network in known {
            known_clients.insert(network, ());
        }
        Self {
            clients: BoundedMap::new(CLIENTS_MAX),
            known: known_clients,
            strangers: Strangers {
                per_guess: STRANGERS_BURST / strangers_max.max(1),
                until: None,
            },
            delay,
        }
    }

    /// Time until the client may try again. `None` if it may try now.
    pub(super) fn wait(&mut self, client: IpAddr, now: Instant) -> Option<Duration> {
        let network = ClientNetwork::of(client);
        let failures = self.clients.get(&network);
        let of_client = failures.map_or(Duration::ZERO, |failures| {
            failures
                .next_try_at(self.delay)
                .saturating_duration_since(now)
        });
        let of_strangers = if self.is_stranger(client) {
            self.strangers.wait(now)
        } else {
            Duration::ZERO
        };
        let wait = of_client.max(of_strangers);
        (!wait.is_zero()).then_some(wait)
    }

    /// This machine is no stranger: its owner always gets in.
    fn is_stranger(&self, client: IpAddr) -> bool {
        !client.to_canonical().is_loopback() && !self.known.contains(&ClientNetwork::of(client))
    }

    /// Whether the client made this guess before, and it was wrong.
    pub(super) fn was_wrong(&mut self, client: IpAddr, guess: Guess) -> bool {
        let failures = self.clients.get(&ClientNetwork::of(client));
        failures.is_some_and(|failures| failures.repeats(guess))
    }

    /// Counts a wrong guess, unless it is stored already: a client may send the same one in several requests at once.
    pub(super) fn failed(&mut self, client: IpAddr, guess: Option<Guess>, now: Instant) {
        let is_stranger = self.is_stranger(client);
        let none = || Failures {
            count: 0,
            last: now,
            guesses: VecDeque::new(),
        };
        let network = ClientNetwork::of(client);
        let failures = self.clients.get_or_insert_with(network, none);
        if let Some(guess) = guess {
            if failures.repeats(guess) {
                return;
            }
            if GUESSES_MAX <= failures.guesses.len() {
                failures.guesses.pop_front();
            }
            failures.guesses.push_back(guess);
        }
        if FORGET_AFTER <= now.saturating_duration_since(failures.last) {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        if is_stranger {
            self.strangers.add(now);
        }
    }

    /// Resets the count, and keeps the guesses: another program at the address may go on sending them.
    pub(super) fn succeeded(&mut self, client: IpAddr) {
        let network = ClientNetwork::of(client);
        if network.is_known_address() {
            self.known.insert(network, ());
        }
        if let Some(failures) = self.clients.get(&network) {
            failures.count = 0;
        }
    }
}

/// The network that counts as one client: an IPv4 address, or an IPv6 /64, whose owner has all of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// Whether it is one client. The unknown clients behind proxies count as one, and are many.
    pub(super) fn is_known_address(self) -> bool {
        !self.0.is_unspecified()
    }

    pub(crate) fn of(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Self(Ipv6Addr::from_bits(network).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::GuessKey;

    /// So many that only the test of strangers reaches it.
    const STRANGERS_MAX: u32 = 1_000_000;

    const DELAY: Duration = Duration::from_secs(1);
    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_doubles() {
        let (mut throttle, now) = (LoginThrottle::new(STRANGERS_MAX, DELAY, []), Instant::now());
        for _ in 0..4 {
            throttle.failed(CLIENT, None, now);
            assert_eq!(throttle.wait(CLIENT, now), None);
        }
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            throttle.failed(CLIENT, None, now);
            assert_eq!(throttle.wait(CLIENT, now), Some(seconds(wait)));
            assert_eq!(throttle.wait(CLIENT, now + seconds(wait)), None);
        }
        assert_eq!(throttle.wait("192.0.2.2".parse().unwrap(), now), None);
        throttle.succeeded(CLIENT);
        assert_eq!(throttle.wait(CLIENT, now), None);
    }

    #[test]
    fn failures_are_forgotten() {
        let (mut throttle, now) = (LoginThrottle::new(STRANGERS_MAX, DELAY, []), Instant::now());
        for _ in 0..9 {
            throttle.failed(CLIENT, None, now);
        }
        throttle.failed(CLIENT, None, now + FORGET_AFTER);
        assert_eq!(throttle.wait(CLIENT, now + FORGET_AFTER), None);
    }

    fn guesses() -> impl FnMut(u32) -> Option<Guess> {
        let key = GuessKey::random().unwrap();
        move |number| Some(key.guess("admin", &number.to_string(), None))
    }

    #[test]
    fn a_guess_that_is_made_again_neither_counts_nor_prolongs_the_wait() {
        let (mut throttle, now, mut guess) = (
            LoginThrottle::new(STRANGERS_MAX, DELAY, []),
            Instant::now(),
            guesses(),
        );
        let stale = guess(0).unwrap();
        for _ in 0..100 {
            throttle.failed(CLIENT, Some(stale), now);
        }
        assert_eq!(throttle.wait(CLIENT, now), None);
        for number in 1..5 {
            throttle.failed(CLIENT, guess(number), now);
        }
        assert_eq!(throttle.wait(CLIENT, now), Some(seconds(1)));
        throttle.failed(CLIENT, Some(stale), now + seconds(1));
        assert_eq!(throttle.wait(CLIENT, now + seconds(1)), None);
        // Of another client it is a new one.
        let other = "192.0.2.2".parse().unwrap();
        assert!(throttle.was_wrong(CLIENT, stale) && !throttle.was_wrong(other, stale));
    }

    #[test]
    fn a_success_forgets_the_count_and_not_the_guesses() {
        let (mut throttle, now, mut guess) = (
            LoginThrottle::new(STRANGERS_MAX, DELAY, []),
            Instant::now(),
            guesses(),
        );
        for number in 0..9 {
            throttle.failed(CLIENT, guess(number), now);
        }
        throttle.succeeded(CLIENT);
        assert_eq!(throttle.wait(CLIENT, now), None);
        assert!(throttle.was_wrong(CLIENT, guess(8).unwrap()));
    }

    #[test]
    fn the_number_of_guesses_is_bounded_and_those_that_are_repeated_stay() {
        let (mut throttle, now, mut guess) = (
            LoginThrottle::new(STRANGERS_MAX, DELAY, []),
            Instant::now(),
            guesses(),
        );
        let stale = guess(0).unwrap();
        for number in 0..1000 {
            throttle.failed(CLIENT, guess(number), now);
            assert!(throttle.was_wrong(CLIENT, stale), "{number}");
        }
        assert!(!throttle.was_wrong(CLIENT, guess(900).unwrap()));
        assert!(throttle.was_wrong(CLIENT, guess(999).unwrap()));
        let failures = throttle.clients.get(&ClientNetwork::of(CLIENT)).unwrap();
        assert_eq!(
            (failures.guesses.len(), failures.count),
            (GUESSES_MAX, 1000)
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let (mut throttle, now) = (LoginThrottle::new(STRANGERS_MAX, DELAY, []), Instant::now());
        for host in 1..=5 {
            throttle.failed(format!("2001:db8::{host}").parse().unwrap(), None, now);
        }
        assert!(throttle.wait("2001:db8::9".parse().unwrap(), now).is_some());
        let other = "2001:db8:0:1::9".parse().unwrap();
        assert_eq!(throttle.wait(other, now), None);
        assert_eq!(
            throttle.wait("::ffff:192.0.2.1".parse().unwrap(), now),
            None
        );
    }

    #[test]
    fn the_number_of_clients_is_bounded() {
        let (mut throttle, now) = (LoginThrottle::new(STRANGERS_MAX, DELAY, []), Instant::now());
        for client in 0..20_000u32 {
            let client = std::net::Ipv4Addr::from_bits(client);
            throttle.failed(
                client.into(),
                None,
                now + Duration::from_millis(client.to_bits().into()),
            );
        }
        assert!(throttle.clients.len() <= CLIENTS_MAX);
    }

    #[test]
    fn clients_that_nobody_logged_in_from_share_a_rate() {
        let client = |number: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(number << 8));
        let before_the_start = [ClientNetwork::of(client(1_000_001))];
        let (mut throttle, now) = (
            LoginThrottle::new(60, DELAY, before_the_start),
            Instant::now(),
        );
        let (known, before) = (client(1_000_000), client(1_000_001));
        throttle.succeeded(known);
        for number in 0..60 {
            assert_eq!(throttle.wait(client(number), now), None, "{number}");
            throttle.failed(client(number), None, now);
        }
        let stranger = client(2_000_000);
        assert_eq!(throttle.wait(stranger, now), Some(seconds(1)));
        assert_eq!(throttle.wait(stranger, now + seconds(1)), None);
        let here = "127.0.0.1".parse().unwrap();
        for friend in [known, before, here, "::1".parse().unwrap()] {
            assert_eq!(throttle.wait(friend, now), None, "{friend}");
            throttle.failed(friend, None, now);
        }
        assert_eq!(throttle.wait(stranger, now), Some(seconds(1)));
        // The unknown clients behind a proxy are strangers too, also if one of them knows a password.
        let unknown = std::net::Ipv4Addr::UNSPECIFIED.into();
        throttle.succeeded(unknown);
        assert_eq!(throttle.wait(unknown, now), Some(seconds(1)));
    }
}
