//! How slowly a body may arrive.
//!
//! A body may take as long as it needs at the slowest rate. The rate counts on average from the first byte on, and again
//! over each [`BodyLimits::timeout`]: who sends much at once and then hardly anything holds its memory no longer than
//! that. A small body holds no more than a head does, so it may pause like one.

use std::time::Duration;

use tokio::time::Instant;

use super::body::{BodyError, BodyLimits};

/// A body that announces no more than this is small.
const SMALL_BYTES_MAX: usize = 4096;

/// Follows how fast one body arrives.
#[derive(Debug)]
pub(super) struct BodyPace {
    limits: BodyLimits,
    start: Instant,
    is_small: bool,
    window: Window,
}

/// The present part of the time, in which enough has to arrive.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: Instant,
    /// How much had arrived at its start.
    read_bytes: usize,
}

impl BodyPace {
    pub(super) fn new(limits: BodyLimits, declared_bytes: Option<usize>, now: Instant) -> Self {
        Self {
            limits,
            start: now,
            is_small: declared_bytes.is_some_and(|bytes| bytes <= SMALL_BYTES_MAX),
            window: Window {
                start: now,
                read_bytes: 0,
            },
        }
    }

    /// Until when the next bytes have to be there, and the error otherwise.
    pub(super) fn due(&self, read_bytes: usize) -> (Instant, BodyError) {
        let timeout = self.window.start + self.limits.timeout;
        let of_rate = self
            .time_of(read_bytes)
            .filter(|_| !self.is_small)
            .map(|time| self.start + time.max(self.limits.rate_after));
        match of_rate {
            Some(due) if due < timeout => {
                let bytes_per_second_min = self.limits.bytes_per_second_min;
                (
                    due,
                    BodyError::BelowRate {
                        bytes_per_second_min,
                    },
                )
            }
            _ => (timeout, BodyError::TooSlow),
        }
    }

    /// Notes that so much has arrived. `waited` is how long the client had to wait for the server meanwhile, which does
    /// not count.
    pub(super) fn arrived(&mut self, read_bytes: usize, waited: Duration, now: Instant) {
        self.start += waited;
        self.window.start += waited;
        let in_window = read_bytes - self.window.read_bytes;
        let is_enough = self
            .time_of(in_window)
            .is_some_and(|time| self.limits.timeout <= time);
        if is_enough && !self.is_small {
            self.window = Window {
                start: now,
                read_bytes,
            };
        }
    }

    /// How long so much may take. `None` without a slowest rate.
    fn time_of(&self, bytes: usize) -> Option<Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let second = Duration::from_secs(1);
        second
            .saturating_mul(bytes)
            .checked_div(self.limits.bytes_per_second_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BodyLimits = BodyLimits {
        bytes_max: 8 << 20,
        command_bytes_max: 8 << 20,
        all_bytes_max: 8 << 20,
        sender_bytes_max: 8 << 20,
        timeout: Duration::from_secs(30),
        unwanted_timeout: Duration::from_secs(2),
        bytes_per_second_min: 1000,
        rate_after: Duration::from_secs(5),
    };

    /// Sends so many bytes each second. Returns the second in which it is too slow, and whether it is below the rate.
    fn ends(
        limits: BodyLimits,
        declared: usize,
        sent: impl Fn(u64) -> usize,
    ) -> Option<(u64, bool)> {
        let begun = Instant::now();
        let mut pace = BodyPace::new(limits, Some(declared), begun);
        let mut read = 0;
        for second in 0..10_000 {
            let now = begun + Duration::from_secs(second);
            let (due, why) = pace.due(read);
            if due <= now {
                return Some((second, matches!(why, BodyError::BelowRate { .. })));
            }
            let more = sent(second);
            if declared <= read + more {
                return None;
            }
            if 0 < more {
                read += more;
                pace.arrived(read, Duration::ZERO, now);
            }
        }
        panic!("it neither ends nor is too slow");
    }

    #[test]
    fn only_the_rate_bounds_the_time() {
        // 2 MB at 50 kB a second, and a little above the bound.
        assert_eq!(ends(LIMITS, 2_000_000, |_| 50_000), None);
        assert_eq!(ends(LIMITS, 2_000_000, |_| 1100), None);
        assert_eq!(ends(LIMITS, 2_000_000, |_| 999), Some((5, true)));
        assert_eq!(ends(LIMITS, 2_000_000, |_| 1), Some((5, true)));
        // A pause is made up for by what came before.
        let pauses = |second| if (2..20).contains(&second) { 0 } else { 50_000 };
        assert_eq!(ends(LIMITS, 2_000_000, pauses), None);
    }

    #[test]
    fn what_came_first_pays_for_a_bounded_time_only() {
        let bursts = |second| if second == 0 { 1_000_000 } else { 1 };
        assert_eq!(ends(LIMITS, 2_000_000, bursts), Some((30, false)));
    }

    #[test]
    fn a_small_body_has_the_timeout() {
        let scanner = |second: u64| if second.is_multiple_of(6) { 100 } else { 0 };
        assert_eq!(ends(LIMITS, 500, scanner), None);
        assert_eq!(ends(LIMITS, 4096, |_| 1), Some((30, false)));
        assert_eq!(ends(LIMITS, 4097, |_| 1), Some((5, true)));
    }

    #[test]
    fn without_a_rate_the_timeout_holds_for_the_whole_body() {
        let limits = BodyLimits {
            bytes_per_second_min: 0,
            ..LIMITS
        };
        assert_eq!(ends(limits, 2_000_000, |_| 50_000), Some((30, false)));
        assert_eq!(ends(limits, 1_000_000, |_| 50_000), None);
    }

    #[test]
    fn waiting_for_the_server_does_not_count() {
        let begun = Instant::now();
        let mut pace = BodyPace::new(LIMITS, None, begun);
        let waited = Duration::from_secs(7);
        pace.arrived(1, waited, begun + waited);
        assert_eq!(pace.due(1).0, begun + waited + LIMITS.rate_after);
    }
}
