//! Rate limit of reports, per sender.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bounded::BoundedMap;
use crate::http::error::ApiError;
use crate::http::request::sender::Sender;

/// Window over which the rate is averaged: scanners collect reports and send them in bursts.
const BURST: Duration = Duration::from_secs(10);
/// Senders that are remembered. Past it, the one that did not send or try for the longest time is forgotten.
const SENDERS_MAX: usize = 10_000;

/// Who has sent how much. Nothing is counted where there is no bound.
#[derive(Clone, Debug)]
pub(in crate::http) struct Rates {
    /// Reports a second.
    max: u32,
    senders: Arc<Mutex<Senders>>,
}

/// When each would have sent all that it did, had it kept to the bound.
#[derive(Debug)]
struct Senders(BoundedMap<Sender, Instant>);

impl Default for Senders {
    fn default() -> Self {
        Self(BoundedMap::new(SENDERS_MAX))
    }
}

impl Rates {
    /// `max` is in reports a second; 0 is without a bound.
    pub(in crate::http) fn new(max: u32) -> Self {
        Self {
            max,
            senders: Arc::default(),
        }
    }

    /// Whether a sender may send now, whatever it is.
    pub(in crate::http) fn admit(&self, sender: &Sender) -> Result<(), ApiError> {
        if self.max == 0 {
            return Ok(());
        }
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        match senders.wait(sender, Instant::now()) {
            None => Ok(()),
            Some(retry_after) => Err(ApiError::TooManyReports {
                per_second_max: self.max,
                retry_after,
            }),
        }
    }

    /// Counts what was sent. A request counts even where there is nothing in it.
    pub(in crate::http) fn count(&self, sender: Sender, reports: usize) {
        if let Some(one) = Duration::from_secs(1).checked_div(self.max) {
            let reports = u32::try_from(reports.max(1)).unwrap_or(u32::MAX);
            let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
            senders.add(sender, one.saturating_mul(reports), Instant::now());
        }
    }
}

impl Senders {
    fn wait(&mut self, sender: &Sender, now: Instant) -> Option<Duration> {
        let ahead = self.0.get(sender)?.saturating_duration_since(now);
        let wait = ahead.saturating_sub(BURST);
        (!wait.is_zero()).then_some(wait)
    }

    fn add(&mut self, sender: Sender, time: Duration, now: Instant) {
        let until = self.0.get_or_insert_with(sender, || now);
        *until = (*until).max(now) + time;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::auth::ClientNetwork;

    fn sender(number: u32) -> Sender {
        let address = IpAddr::V4(Ipv4Addr::from_bits(number));
        Sender::Unknown(ClientNetwork::of(address))
    }

    #[test]
    fn ten_seconds_may_be_sent_at_once_and_what_is_more_is_waited_for() {
        let (mut senders, now) = (Senders::default(), Instant::now());
        assert_eq!(senders.wait(&sender(1), now), None);
        senders.add(sender(1), BURST, now);
        assert_eq!(senders.wait(&sender(1), now), None);
        let more = Duration::from_millis(100);
        senders.add(sender(1), more, now);
        assert_eq!(senders.wait(&sender(1), now), Some(more));
        assert_eq!(senders.wait(&sender(1), now + more), None);
        assert_eq!(senders.wait(&sender(2), now), None);
        // Who was silent for long has not saved up more than that.
        let later = now + BURST * 100;
        senders.add(sender(1), BURST + more, later);
        assert_eq!(senders.wait(&sender(1), later), Some(more));
    }

    #[test]
    fn the_number_of_senders_is_bounded_and_those_who_still_try_are_remembered() {
        let (mut senders, now) = (Senders::default(), Instant::now());
        senders.add(sender(0), BURST * 2, now);
        for number in 1..20_000 {
            senders.add(sender(number), Duration::from_millis(number.into()), now);
            assert_eq!(senders.wait(&sender(0), now), Some(BURST));
        }
        assert_eq!(senders.0.len(), SENDERS_MAX);
    }
}
