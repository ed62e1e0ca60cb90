//! Times of reports, and times of receipt.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// A time in whole seconds since 1970, UTC, which is the resolution of scan reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixTime(u32);

impl UnixTime {
    /// 2001-01-01. A clock that shows an earlier time was never set: those without a battery begin at 1970 or 2000.
    pub const CLOCK_MIN: Self = Self(978_307_200);

    /// Creates a time from whole seconds since 1970.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

/// What a report says of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// When it was made.
    Right(UnixTime),
    /// Nothing: the scanner has no clock. The report counts as made when it was received.
    None,
    /// Something that cannot be: the scanner's clock is off by so many seconds, ahead if positive. The report counts as
    /// made when it was received.
    Wrong {
        /// What the scanner's clock shows, less what ours does.
        offset_s: i64,
    },
}

impl Clock {
    /// Reads a report's timestamp in seconds, fractions cut; what makes sense in a finer unit only is in that.
    ///
    /// 0 and less is no clock. Wrong is what lies before [`UnixTime::CLOCK_MIN`], or ahead of ours by more than
    /// `skew_max`.
    pub fn from_wire(seconds: f64, received_at: ReceivedAt, skew_max: Duration) -> Self {
        const UNITS_PER_SECOND: [f64; 4] = [1.0, 1e3, 1e6, 1e9];
        /// The year 5138. A number beyond it is in a finer unit.
        const SECONDS_MAX: f64 = 1e11;
        let now = f64::from(received_at.time().0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a skew of 2^53 s needs no exact bound"
        )]
        let latest = now + skew_max.as_secs() as f64;
        let plausible = f64::from(UnixTime::CLOCK_MIN.0)..=latest.min(f64::from(u32::MAX));
        let mut readings = UNITS_PER_SECOND
            .iter()
            .map(|factor| (seconds / factor).floor());
        if let Some(whole) = readings.find(|whole| plausible.contains(whole)) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked above"
            )]
            return Self::Right(UnixTime(whole as u32));
        }
        if !(1.0..f64::INFINITY).contains(&seconds) {
            return Self::None;
        }
        let mut readings = UNITS_PER_SECOND.iter().map(|factor| seconds / factor);
        let read = readings.find(|&reading| reading < SECONDS_MAX);
        let offset_s = (read.unwrap_or(SECONDS_MAX) - now).trunc();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both lie below SECONDS_MAX"
        )]
        Self::Wrong {
            offset_s: offset_s as i64,
        }
    }

    /// The time that it says, if it can be.
    pub const fn right(self) -> Option<UnixTime> {
        match self {
            Self::Right(time) => Some(time),
            Self::None | Self::Wrong { .. } => None,
        }
    }
}

/// Time of receipt of a batch, in microseconds since 1970. The clock is read once, when the request arrives.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ReceivedAt {
    micros: u64,
}

impl ReceivedAt {
    /// Creates a time from microseconds since 1970.
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// The time `span` earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self::from_micros(self.micros().saturating_sub(span_us))
    }

    /// The time `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self::from_micros(self.micros().saturating_add(span_us))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.micros
    }

    /// The time in whole seconds.
    pub fn time(self) -> UnixTime {
        UnixTime(u32::try_from(self.micros / 1_000_000).unwrap_or(u32::MAX))
    }

    /// Microseconds since the last whole second.
    pub const fn subsec_micros(self) -> u64 {
        self.micros % 1_000_000
    }
}

impl From<SystemTime> for ReceivedAt {
    /// A system clock before 1970 counts as 1970.
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

    fn read(seconds: f64) -> Option<u32> {
        let clock = Clock::from_wire(seconds, NOW, DAY);
        clock.right().map(UnixTime::seconds)
    }

    #[test]
    fn a_scanner_without_a_clock_has_no_time() {
        for seconds in [
            0.0,
            -5.0,
            1.0,
            86_400.0,
            946_684_857.0,
            978_307_199.0,
            -1e300,
            f64::NEG_INFINITY,
            f64::NAN,
        ] {
            assert_eq!(read(seconds), None, "{seconds}");
        }
        assert_eq!(read(978_307_200.0), Some(978_307_200));
    }

    #[test]
    fn a_wrong_clock_tells_by_how_much() {
        let wrong = |offset_s| Clock::Wrong { offset_s };
        for (seconds, expected) in [
            (0.0, Clock::None),
            (-5.0, Clock::None),
            (0.5, Clock::None),
            (f64::NAN, Clock::None),
            (57.0, wrong(57 - 1_700_000_000)),
            (1_700_100_000.0, wrong(100_000)),
            (1_700_100_000_123.0, wrong(100_000)),
            (1e300, wrong(98_300_000_000)),
        ] {
            assert_eq!(Clock::from_wire(seconds, NOW, DAY), expected, "{seconds}");
        }
    }

    #[test]
    fn fractions_are_cut() {
        assert_eq!(read(1_699_999_999.99), Some(1_699_999_999));
    }

    #[test]
    fn a_day_ahead_is_taken_and_a_second_more_is_no_time() {
        assert_eq!(read(1_700_086_400.0), Some(1_700_086_400));
        assert_eq!(read(1_700_086_401.0), None);
        assert_eq!(read(1e300), None);
    }

    #[test]
    fn finer_units_are_understood() {
        assert_eq!(read(1_699_999_999_123.0), Some(1_699_999_999));
        assert_eq!(read(1_699_999_999_123_456.0), Some(1_699_999_999));
        assert_eq!(read(1_699_999_999_123_456_789.0), Some(1_699_999_999));
        assert_eq!(read(1_700_086_400_999.0), Some(1_700_086_400));
        assert_eq!(read(1_700_086_401_000.0), None);
    }

    proptest! {
        #[test]
        fn every_allowed_second_round_trips(seconds in UnixTime::CLOCK_MIN.seconds()..=1_700_086_400u32) {
            prop_assert_eq!(read(f64::from(seconds)), Some(seconds));
        }

        #[test]
        fn no_number_panics(bits: u64) {
            let _time: Option<u32> = read(f64::from_bits(bits));
        }
    }
}
