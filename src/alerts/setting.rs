//! Rates of alerts in Kismet's notation: `10/min,1/sec`.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::Severity;
use crate::log::AlertRate;
use crate::report::ReceivedAt;

/// Largest number in a rate. The limiter stores one time for each alert within a rate.
const RATE_MAX: u32 = 1_000_000;

/// The time unit of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unit {
    /// `sec`
    Second,
    /// `min`
    Minute,
    /// `hour`
    Hour,
    /// `day`
    Day,
}

impl Unit {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    /// Length of the unit.
    pub const fn span(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        })
    }

    /// Kismet's number of the unit.
    pub const fn number(self) -> u8 {
        match self {
            Self::Second => 0,
            Self::Minute => 1,
            Self::Hour => 2,
            Self::Day => 3,
        }
    }
}

/// A number of alerts in a time unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Number of alerts.
    pub count: u32,
    /// Time unit.
    pub unit: Unit,
}

impl From<AlertRate> for Rate {
    /// Rounds the time span of the record up to the next unit, at most to a day.
    fn from(rate: AlertRate) -> Self {
        let span = Duration::from_secs(rate.seconds.into());
        let unit = Unit::ALL.into_iter().find(|unit| span <= unit.span());
        Self {
            count: rate.count.min(RATE_MAX),
            unit: unit.unwrap_or(Unit::Day),
        }
    }
}

impl From<Rate> for AlertRate {
    fn from(rate: Rate) -> Self {
        Self {
            count: rate.count,
            seconds: u32::try_from(rate.unit.span().as_secs()).unwrap_or(u32::MAX),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    /// Parses `10/min`. A number without a unit is per minute, as with Kismet.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, unit) = text.split_once('/').unwrap_or((text, "min"));
        let unit = match unit.trim().to_ascii_lowercase().as_str() {
            "sec" | "second" => Some(Unit::Second),
            "min" | "minute" => Some(Unit::Minute),
            "hr" | "hour" => Some(Unit::Hour),
            "day" => Some(Unit::Day),
            _ => None,
        };
        match (count.trim().parse(), unit) {
            (Ok(count), Some(unit)) if count <= RATE_MAX => Ok(Self { count, unit }),
            _ => Err(format!(
                "`{text}` is not a rate; expected e.g. \"10/min\", with a number up to {RATE_MAX} and sec, min, hour or day"
            )),
        }
    }
}

/// Two limits on the alerts of a kind. Both apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Limit in the long run.
    pub rate: Rate,
    /// Limit at once.
    pub burst: Rate,
}

impl Limit {
    /// Kismet's default.
    pub const DEFAULT: Self = Self {
        rate: Rate {
            count: 10,
            unit: Unit::Minute,
        },
        burst: Rate {
            count: 1,
            unit: Unit::Second,
        },
    };
}

/// The setting of a rule that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) limit: Limit,
    /// `None` means the rule's default severity.
    pub(super) severity: Option<Severity>,
}

impl Setting {
    /// Parses `10/min,1/sec`, with an optional severity. `None` means off.
    pub(super) fn read(text: &str) -> Result<Option<Self>, String> {
        if text.trim() == "off" {
            return Ok(None);
        }
        let parts: Vec<_> = text.split(',').map(str::trim).collect();
        let (rate, burst, severity) = match *parts.as_slice() {
            [rate, burst] => (rate, burst, None),
            [rate, burst, severity] => (rate, burst, Some(severity)),
            _ => {
                return Err(format!(
                    "must be \"off\", or a rate such as \"10/min,1/sec\" or \"10/min,1/sec,high\", not `{text}`"
                ));
            }
        };
        let severity = match severity {
            None => None,
            Some(word) => Some(Severity::read(word).ok_or_else(|| {
                let known = Severity::ALL.map(Severity::name).join(", ");
                format!("`{word}` is not a severity; use one of {known}")
            })?),
        };
        let limit = Limit {
            rate: rate.parse()?,
            burst: burst.parse()?,
        };
        let is_never = limit.rate.count == 0 || limit.burst.count == 0;
        Ok((!is_never).then_some(Self { limit, severity }))
    }
}

/// Enforces a limit. It stores the times of admitted alerts; dropped ones do not count.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    limit: Limit,
    raised: VecDeque<ReceivedAt>,
}

impl Limiter {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            raised: VecDeque::new(),
        }
    }

    /// Admits an alert at `now` and counts it, or returns `false`.
    pub(super) fn admit(&mut self, now: ReceivedAt) -> bool {
        let Limit { rate, burst } = self.limit;
        let longest = rate.unit.max(burst.unit).span();
        // Requests that arrive together may be logged out of order. A larger step back means the clock was set back.
        let now = match self.raised.back().copied() {
            Some(last) if last.before(longest) <= now => now.max(last),
            Some(_) => {
                self.raised.clear();
                now
            }
            None => now,
        };
        let forgotten = now.before(longest);
        while self.raised.front().is_some_and(|at| *at <= forgotten) {
            self.raised.pop_front();
        }
        let is_full = |rate: Rate| {
            let since = now.before(rate.unit.span());
            let before = self.raised.partition_point(|at| *at <= since);
            let count = u32::try_from(self.raised.len() - before).unwrap_or(u32::MAX);
            rate.count <= count
        };
        if is_full(rate) || is_full(burst) {
            return false;
        }
        self.raised.push_back(now);
        true
    }

    /// Counts an alert from before the start. Calls must be in order.
    pub(super) fn recall(&mut self, at: ReceivedAt) {
        self.raised.push_back(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(text: &str) -> Limiter {
        Limiter::new(Setting::read(text).unwrap().unwrap().limit)
    }

    fn at(millis: u64) -> ReceivedAt {
        ReceivedAt::from_micros(1_700_000_000_000_000 + millis * 1000)
    }

    #[test]
    fn the_burst_is_admitted_and_one_more_is_not() {
        let mut limiter = limiter("10/min,2/sec");
        let admitted = [0, 0, 0, 999, 1000, 1000, 1001].map(|millis| limiter.admit(at(millis)));
        assert_eq!(admitted, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn the_rate_is_admitted_and_one_more_is_not() {
        let mut limiter = limiter("3/min,1/sec");
        let admitted = [0, 5000, 10_000, 15_000, 59_999, 60_000, 60_001, 65_000]
            .map(|millis| limiter.admit(at(millis)));
        assert_eq!(
            admitted,
            [true, true, true, false, false, true, false, true]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nobody() {
        let mut limiter = limiter("1/min,1/sec");
        let admitted =
            [500_000, 499_999, 440_000, 439_999, 439_999].map(|millis| limiter.admit(at(millis)));
        assert_eq!(admitted, [true, false, false, true, false]);
    }

    #[test]
    fn what_is_recalled_counts() {
        let mut limiter = limiter("1/min,1/sec");
        limiter.recall(at(0));
        assert!(!limiter.admit(at(59_999)));
        assert!(limiter.admit(at(60_000)));
    }

    #[test]
    fn settings_are_read_and_mistakes_are_named() {
        let read = |text| Setting::read(text);
        assert_eq!(read("off"), Ok(None));
        assert_eq!(read("0/min,1/sec"), Ok(None));
        let setting = read("5/hour, 2/sec, critical").unwrap().unwrap();
        assert_eq!(setting.severity, Some(Severity::Critical));
        assert_eq!(setting.limit.rate.unit, Unit::Hour);
        assert!(read("1000000/day,1/sec").is_ok());
        for (text, part) in [
            ("", "must be"),
            ("10/min", "must be"),
            ("10/min,1/sec,high,x", "must be"),
            ("10/week,1/sec", "`10/week` is not a rate"),
            ("-1/min,1/sec", "`-1/min` is not a rate"),
            ("1000001/day,1/sec", "`1000001/day` is not a rate"),
            ("10/min,1/sec,awful", "`awful` is not a severity"),
        ] {
            let reason = read(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
