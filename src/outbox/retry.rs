//! The pause before the next attempt.

use std::time::{Duration, SystemTime};

/// The shortest and the longest pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Retry {
    /// The pause after so many failures in a row. It doubles with each failure, up to the maximum. `random` then
    /// selects a pause between half of that and all of it, so that destinations that failed together do not retry
    /// together. A receiver that asks for a longer pause gets it, up to the maximum.
    pub(crate) fn delay(self, failures: u32, random: u32, asked: Option<Duration>) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 2_u32.checked_pow(doublings);
        let grown = factor.and_then(|factor| self.min.checked_mul(factor));
        let half = grown.unwrap_or(self.max).min(self.max) / 2;
        let delay = half + half.mul_f64(f64::from(random) / f64::from(u32::MAX));
        delay.max(asked.unwrap_or_default()).min(self.max)
    }
}

/// The pause that `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3).
pub(super) fn asked(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number of seconds that does not fit is longer than any maximum.
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_bound() {
        let retry = Retry {
            min: Duration::from_secs(5),
            max: Duration::from_secs(60),
        };
        let waits =
            |random| [1, 2, 3, 4, 5, 6, u32::MAX].map(|n| retry.delay(n, random, None).as_millis());
        assert_eq!(
            waits(u32::MAX),
            [5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]
        );
        assert_eq!(
            waits(0),
            [2500, 5000, 10_000, 20_000, 30_000, 30_000, 30_000]
        );
        let asked = |seconds| {
            retry
                .delay(1, 0, Some(Duration::from_secs(seconds)))
                .as_millis()
        };
        assert_eq!(
            [0, 30, 60, 61, u64::MAX].map(asked),
            [2500, 30_000, 60_000, 60_000, 60_000]
        );
    }

    #[test]
    fn what_is_asked_for_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let seconds = |header| asked(header, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("99999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for header in ["", "-1", "1.5", "soon"] {
            assert_eq!(seconds(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_bound_or_shorter_than_half_of_the_first(
            min in 1_u64..100_000, more in 0_u64..1_000_000, failures in 1_u32.., random: u32,
            asked in proptest::option::of(any::<u64>()),
        ) {
            let retry = Retry { min: Duration::from_millis(min), max: Duration::from_millis(min + more) };
            let delay = retry.delay(failures, random, asked.map(Duration::from_secs));
            prop_assert!(delay <= retry.max);
            prop_assert!(retry.min / 2 <= delay);
        }
    }
}
