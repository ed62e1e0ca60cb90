//! Rate limits of reports and of their bytes, per sender.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::bounded::BoundedMap;
use crate::http::error::ApiError;
use crate::http::request::sender::Sender;
use crate::ingest::IngestError;

/// Window over which a rate is averaged: scanners collect reports and send them in bursts.
const BURST: Duration = Duration::from_secs(10);
/// Window over which new sources are counted.
const HOUR: Duration = Duration::from_secs(3600);
/// Senders that are remembered. Past it, the one that did not send or try for the longest time is forgotten.
const SENDERS_MAX: usize = 10_000;

/// Who has sent how much.
#[derive(Clone, Debug)]
pub(in crate::http) struct Rates {
    reports: Meter,
    bytes: Meter,
}

/// What was sent in one request.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Sent {
    pub(in crate::http) reports: usize,
    /// Bytes of the body, decompressed.
    pub(in crate::http) bytes: usize,
}

/// Limits how many new sources a sender registers, averaged over an hour. It may register those of a whole hour at once.
#[derive(Clone, Debug)]
pub(in crate::http) struct NewSources {
    /// 0 means no limit.
    per_hour_max: u32,
    senders: Arc<Mutex<Senders>>,
}

/// Limits how much of one quantity each sender may send. Counts nothing if there is no limit.
#[derive(Clone, Debug)]
struct Meter {
    /// 0 means no limit.
    per_second_max: u32,
    senders: Arc<Mutex<Senders>>,
}

/// When each would have sent all that it did, had it kept to the limit.
#[derive(Debug)]
struct Senders(BoundedMap<Sender, Instant>);

impl Default for Senders {
    fn default() -> Self {
        Self(BoundedMap::new(SENDERS_MAX))
    }
}

impl Rates {
    /// The limits are per second; 0 means none.
    pub(in crate::http) fn new(reports_per_second_max: u32, bytes_per_second_max: u32) -> Self {
        Self {
            reports: Meter::new(reports_per_second_max),
            bytes: Meter::new(bytes_per_second_max),
        }
    }

    /// Whether a sender may send now, whatever it is.
    pub(in crate::http) fn admit(&self, sender: &Sender) -> Result<(), ApiError> {
        if let Some(retry_after) = self.reports.wait(sender) {
            return Err(ApiError::TooManyReports {
                per_second_max: self.reports.per_second_max,
                retry_after,
            });
        }
        match self.bytes.wait(sender) {
            None => Ok(()),
            Some(retry_after) => Err(ApiError::TooManyBytes {
                per_second_max: self.bytes.per_second_max,
                retry_after,
            }),
        }
    }

    /// Counts what was sent. A request counts even where there is nothing in it.
    pub(in crate::http) fn count(&self, sender: &Sender, sent: Sent) {
        self.reports.count(sender, sent.reports);
        self.bytes.count(sender, sent.bytes);
    }
}

impl Meter {
    fn new(per_second_max: u32) -> Self {
        Self {
            per_second_max,
            senders: Arc::default(),
        }
    }

    fn wait(&self, sender: &Sender) -> Option<Duration> {
        if self.per_second_max == 0 {
            return None;
        }
        lock(&self.senders).wait(sender, Instant::now())
    }

    fn count(&self, sender: &Sender, amount: usize) {
        if self.per_second_max != 0 {
            let time = time_of(amount.max(1), self.per_second_max);
            lock(&self.senders).add(sender.clone(), time, Instant::now());
        }
    }
}

impl NewSources {
    /// 0 means no limit.
    pub(in crate::http) fn new(per_hour_max: u32) -> Self {
        Self {
            per_hour_max,
            senders: Arc::default(),
        }
    }

    /// Counts a new source, unless the sender is over its limit.
    pub(in crate::http) fn take(&self, sender: &Sender) -> Result<(), IngestError> {
        let per_hour_max = self.per_hour_max;
        let Some(time) = HOUR.checked_div(per_hour_max) else {
            return Ok(());
        };
        let taken = lock(&self.senders).add_within(HOUR, sender, time, Instant::now());
        taken.ok_or(IngestError::TooManyNewSources { per_hour_max })
    }

    /// Takes back what [`NewSources::take`] counted: the source was not registered.
    pub(in crate::http) fn give_back(&self, sender: &Sender) {
        if let Some(time) = HOUR.checked_div(self.per_hour_max) {
            lock(&self.senders).take_back(sender, time);
        }
    }
}

fn lock(senders: &Mutex<Senders>) -> MutexGuard<'_, Senders> {
    senders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a sender that keeps to the limit takes to send this much.
fn time_of(amount: usize, per_second_max: u32) -> Duration {
    let nanoseconds = u64::try_from(amount)
        .unwrap_or(u64::MAX)
        .saturating_mul(1_000_000_000);
    Duration::from_nanos(nanoseconds / u64::from(per_second_max.max(1)))
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

    /// Adds if the sender then is ahead by at most `window`.
    fn add_within(
        &mut self,
        window: Duration,
        sender: &Sender,
        time: Duration,
        now: Instant,
    ) -> Option<()> {
        let until = self.0.get(sender).copied().unwrap_or(now).max(now);
        let until = until.checked_add(time)?;
        if window < until.duration_since(now) {
            return None;
        }
        self.0.insert(sender.clone(), until);
        Some(())
    }

    fn take_back(&mut self, sender: &Sender, time: Duration) {
        if let Some(until) = self.0.get(sender)
            && let Some(earlier) = until.checked_sub(time)
        {
            *until = earlier;
        }
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
    fn new_sources_are_counted_by_sender_and_those_that_were_refused_are_not() {
        let new_sources = NewSources::new(7);
        for _ in 0..7 {
            new_sources.take(&sender(1)).unwrap();
        }
        let refused = Err(IngestError::TooManyNewSources { per_hour_max: 7 });
        assert_eq!(new_sources.take(&sender(1)), refused);
        assert_eq!(new_sources.take(&sender(2)), Ok(()));
        new_sources.give_back(&sender(1));
        assert_eq!(new_sources.take(&sender(1)), Ok(()));
        assert_eq!(new_sources.take(&sender(1)), refused);

        let (mut senders, now) = (Senders::default(), Instant::now());
        let half = HOUR / 2;
        for _ in 0..2 {
            assert_eq!(senders.add_within(HOUR, &sender(1), half, now), Some(()));
        }
        let sooner = now + half.checked_sub(Duration::from_nanos(1)).unwrap();
        assert_eq!(senders.add_within(HOUR, &sender(1), half, sooner), None);
        assert_eq!(
            senders.add_within(HOUR, &sender(1), half, now + half),
            Some(())
        );
        assert_eq!(NewSources::new(0).take(&sender(1)), Ok(()));
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
