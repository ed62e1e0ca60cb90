//! Times: when something was seen, and when we were told.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// A moment in whole seconds since 1970, UTC: the resolution that scan reports have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixTime(u32);

/// Why a timestamp cannot be when a report was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTime {
    /// The number makes sense in a finer unit only.
    #[error("too far in the future: the unit is seconds, this looks like {0}")]
    LooksLikeFinerUnit(&'static str),
    /// The scanner's clock is ahead of ours by more than is allowed.
    #[error("{ahead_s} s in the future, at most {max_s} s are allowed")]
    InTheFuture {
        /// How far ahead it is, in seconds.
        ahead_s: u64,
        /// How far ahead it may be, in seconds.
        max_s: u64,
    },
    /// Not a number.
    #[error("not a number of seconds")]
    NotANumber,
}

impl UnixTime {
    /// 2000-01-01: a scanner that says less has no clock, since none was built before.
    pub const CLOCK_MIN: Self = Self(946_684_800);

    /// Takes whole seconds since 1970.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// Reads a report's timestamp in seconds, fractions cut.
    ///
    /// `None` is a scanner without a clock (0, or before 2000): the report counts as made when it was received.
    pub fn from_wire(
        seconds: f64,
        received_at: ReceivedAt,
        skew_max: Duration,
    ) -> Result<Option<Self>, BadTime> {
        if seconds.is_nan() {
            return Err(BadTime::NotANumber);
        }
        let whole = seconds.floor();
        if whole < f64::from(Self::CLOCK_MIN.0) {
            return Ok(None);
        }
        let now = f64::from(received_at.time().0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a skew of 2^53 s is no skew any more"
        )]
        let latest = now + skew_max.as_secs() as f64;
        if whole <= latest.min(f64::from(u32::MAX)) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked above"
            )]
            return Ok(Some(Self(whole as u32)));
        }
        let finer = [
            ("milliseconds", 1e3),
            ("microseconds", 1e6),
            ("nanoseconds", 1e9),
        ];
        let plausible = |(_, factor): &(&str, f64)| {
            (f64::from(Self::CLOCK_MIN.0)..=latest).contains(&(whole / factor))
        };
        match finer.iter().find(|unit| plausible(unit)) {
            Some((unit, _)) => Err(BadTime::LooksLikeFinerUnit(unit)),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float casts saturating"
            )]
            None => Err(BadTime::InTheFuture {
                ahead_s: (whole - now) as u64,
                max_s: skew_max.as_secs(),
            }),
        }
    }
}

/// When a batch reached us, in microseconds since 1970: the clock read once, at the door.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ReceivedAt {
    micros: u64,
}

impl ReceivedAt {
    /// Takes microseconds since 1970.
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// As long before as `span`.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self::from_micros(self.micros().saturating_sub(span_us))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.micros
    }

    /// The same moment in the resolution of reports.
    pub fn time(self) -> UnixTime {
        UnixTime(u32::try_from(self.micros / 1_000_000).unwrap_or(u32::MAX))
    }

    /// Microseconds into the second.
    pub const fn subsec_micros(self) -> u64 {
        self.micros % 1_000_000
    }
}

impl From<SystemTime> for ReceivedAt {
    /// A clock set before 1970 counts as 1970.
    fn from(now: SystemTime) -> Self {
        let since = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            micros: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: ReceivedAt = ReceivedAt::from_micros(1_700_000_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn read(seconds: f64) -> Result<Option<u32>, BadTime> {
        UnixTime::from_wire(seconds, NOW, DAY).map(|time| time.map(UnixTime::seconds))
    }

    #[test]
    fn a_scanner_without_a_clock_has_no_time() {
        for seconds in [
            0.0,
            -5.0,
            1.0,
            86_400.0,
            946_684_799.0,
            -1e300,
            f64::NEG_INFINITY,
        ] {
            assert_eq!(read(seconds), Ok(None), "{seconds}");
        }
        assert_eq!(read(946_684_800.0), Ok(Some(946_684_800)));
    }

    #[test]
    fn fractions_are_cut() {
        assert_eq!(read(1_699_999_999.99), Ok(Some(1_699_999_999)));
    }

    #[test]
    fn a_day_ahead_is_taken_and_a_second_more_is_not() {
        assert_eq!(read(1_700_086_400.0), Ok(Some(1_700_086_400)));
        assert_eq!(
            read(1_700_086_401.0),
            Err(BadTime::InTheFuture {
                ahead_s: 86_401,
                max_s: 86_400
            })
        );
        assert_eq!(read(f64::NAN), Err(BadTime::NotANumber));
        assert!(matches!(read(1e300), Err(BadTime::InTheFuture { .. })));
    }

    #[test]
    fn finer_units_are_named() {
        assert_eq!(
            read(1_699_999_999_123.0),
            Err(BadTime::LooksLikeFinerUnit("milliseconds"))
        );
        assert_eq!(
            read(1_699_999_999_123_456.0),
            Err(BadTime::LooksLikeFinerUnit("microseconds"))
        );
    }

    proptest! {
        #[test]
        fn every_allowed_second_round_trips(seconds in UnixTime::CLOCK_MIN.seconds()..=1_700_086_400u32) {
            prop_assert_eq!(read(f64::from(seconds)), Ok(Some(seconds)));
        }

        #[test]
        fn no_number_panics(bits: u64) {
            let _result: Result<_, _> = read(f64::from_bits(bits));
        }
    }
}
