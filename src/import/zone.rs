//! The zone of times that a file writes without one.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::report::UnixTime;

/// A zone of local times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A fixed offset, in seconds east of UTC.
    Offset(i32),
    /// A zone of the IANA database, whose offset changes.
    Named(TimeZone),
}

/// A date and a time of day, as a file writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Civil {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

impl Civil {
    /// Seconds since 1970, as if the time were in UTC. `None` if there is no such time. A leap second is the second
    /// before it.
    pub(crate) fn seconds_as_utc(self) -> Option<i64> {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_max = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let is_time = (1..=days_max).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        if !is_time || !(1..=9999).contains(&year) {
            return None;
        }
        // Howard Hinnant's `days_from_civil`: years begin in March, eras have 400 years.
        let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let second = i64::from(second.min(59));
        Some(days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + second)
    }

    fn to_jiff(self) -> Option<civil::DateTime> {
        let signed = |number: u8| i8::try_from(number).ok();
        civil::DateTime::new(
            i16::try_from(self.year).ok()?,
            signed(self.month)?,
            signed(self.day)?,
            signed(self.hour)?,
            signed(self.minute)?,
            signed(self.second.min(59))?,
            0,
        )
        .ok()
    }
}

impl Zone {
    pub(crate) const UTC: Self = Self::Offset(0);

    /// Reads `+02:00`, `-0330`, `+2`, `UTC`, or a name of the IANA database such as `Europe/Berlin`. `None` for anything
    /// else.
    ///
    /// The database is a part of the program, so that a file means the same on every machine.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of_offset(text).or_else(|| Self::of_name(text))
    }

    fn of_name(text: &str) -> Option<Self> {
        /// `America/Argentina/ComodRivadavia` has 32.
        const NAME_BYTES_MAX: usize = 40;
        let is_name = text.len() <= NAME_BYTES_MAX;
        is_name
            .then(|| TimeZone::get(text).ok())
            .flatten()
            .map(Self::Named)
    }

    fn of_offset(text: &str) -> Option<Self> {
        if matches!(text, "UTC" | "utc" | "Z" | "z" | "GMT") {
            return Some(Self::UTC);
        }
        let (sign, rest) = match text.as_bytes() {
            [b'+', rest @ ..] => (1, rest),
            [b'-', rest @ ..] => (-1, rest),
            _ => return None,
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(10).map(u32::cast_signed);
        let (hours, minutes) = match rest {
            [hour] => (digit(hour)?, 0),
            [ten, one] => (digit(ten)? * 10 + digit(one)?, 0),
            [ten, one, b':', minute_ten, minute_one] | [ten, one, minute_ten, minute_one] => (
                digit(ten)? * 10 + digit(one)?,
                digit(minute_ten)? * 10 + digit(minute_one)?,
            ),
            _ => return None,
        };
        let is_possible = hours <= 14 && minutes < 60;
        is_possible.then(|| Self::Offset(sign * (hours * 3600 + minutes * 60)))
    }

    /// The time that `local` is in this zone. Of an hour that occurs twice, the later one. `None` before
    /// [`UnixTime::CLOCK_MIN`], which is the time of clocks that were never set, and after 2106.
    pub(crate) fn time_of(&self, local: Civil) -> Option<UnixTime> {
        let seconds = match self {
            Self::Offset(offset_s) => local.seconds_as_utc()? - i64::from(*offset_s),
            Self::Named(zone) => {
                let ambiguous = zone.to_ambiguous_timestamp(local.to_jiff()?);
                ambiguous.later().ok()?.as_second()
            }
        };
        let time = UnixTime::new(u32::try_from(seconds).ok()?);
        (UnixTime::CLOCK_MIN <= time).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civil(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Civil {
        Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        }
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        for (local, seconds) in [
            (civil(1970, 1, 1, 0, 0, 0), Some(0)),
            (civil(2000, 2, 29, 12, 0, 0), Some(951_825_600)),
            (civil(2026, 11, 28, 17, 40, 1), Some(1_795_887_601)),
            (civil(2016, 12, 31, 23, 59, 60), Some(1_483_228_799)),
            (civil(2100, 2, 29, 0, 0, 0), None),
            (civil(2026, 13, 1, 0, 0, 0), None),
            (civil(2026, 0, 1, 0, 0, 0), None),
            (civil(0, 0, 0, 0, 0, 0), None),
            (civil(2026, 4, 31, 0, 0, 0), None),
        ] {
            assert_eq!(local.seconds_as_utc(), seconds, "{local:?}");
        }
    }

    #[test]
    fn offsets_are_read_and_taken_off() {
        let noon = civil(2026, 6, 1, 12, 0, 0);
        let at = |text: &str| Zone::parse(text).unwrap().time_of(noon).unwrap().seconds();
        let utc = at("UTC");
        assert_eq!(at("+02:00"), utc - 7200);
        assert_eq!(at("-0330"), utc + 12_600);
        assert_eq!(at("+2"), utc - 7200);
        for text in [
            "",
            "+",
            "2",
            "+15:00",
            "+02:60",
            "Europe",
            "+2:00x",
            "../../etc/passwd",
        ] {
            assert_eq!(Zone::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_zones_know_the_time_of_year() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let at = |local: Civil| berlin.time_of(local).unwrap().seconds();
        assert_eq!(at(civil(2026, 1, 31, 13, 0, 0)), 1_769_860_800);
        assert_eq!(at(civil(2026, 7, 1, 14, 0, 0)), 1_782_907_200);
        assert_eq!(Zone::parse("europe/berlin"), Some(berlin));
    }

    #[test]
    fn of_an_hour_that_occurs_twice_the_later_one_counts() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let at = |local: Civil| berlin.time_of(local).unwrap().seconds();
        // Summer time ends at 03:00, which becomes 02:00.
        assert_eq!(at(civil(2026, 10, 25, 1, 30, 0)), 1_792_884_600);
        assert_eq!(at(civil(2026, 10, 25, 2, 30, 0)), 1_792_891_800);
        assert_eq!(at(civil(2026, 10, 25, 3, 30, 0)), 1_792_895_400);
        // An hour that summer time leaves out is taken as if it had begun later.
        assert_eq!(at(civil(2026, 3, 29, 2, 30, 0)), 1_774_747_800);
    }

    #[test]
    fn a_clock_that_was_never_set_has_no_time() {
        assert_eq!(Zone::UTC.time_of(civil(2000, 12, 31, 23, 59, 59)), None);
        assert!(Zone::UTC.time_of(civil(2001, 1, 1, 0, 0, 0)).is_some());
        assert_eq!(Zone::UTC.time_of(civil(2107, 1, 1, 0, 0, 0)), None);
    }
}
