//! Times as files have them: dates in words and digits, and the zone that they are meant in.

use super::zone::{Civil, Zone};
use crate::report::UnixTime;

/// The largest offset from UTC that is understood: no place on earth has a larger one.
const OFFSET_HOURS_MAX: i32 = 14;

/// What a text says of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenTime {
    pub(crate) civil: Civil,
    /// Seconds east of UTC, if the text names its zone.
    pub(crate) offset_s: Option<i32>,
}

impl WrittenTime {
    /// A time that names no zone is in the zone given. `None` for a time that a clock without a battery shows.
    pub(crate) fn time(self, zone: &Zone) -> Option<UnixTime> {
        match self.offset_s {
            Some(offset_s) => Zone::Offset(offset_s).time_of(self.civil),
            None => zone.time_of(self.civil),
        }
    }
}

/// Reads seconds since 1970, or a finer unit if the number is too large for seconds. `None` for what is no time.
pub(crate) fn unix_time(number: f64) -> Option<UnixTime> {
    const SECONDS_MAX: f64 = 1e11;
    let units = [1.0, 1e3, 1e6, 1e9];
    let mut readings = units.iter().map(|unit| (number / unit).floor());
    let seconds = readings.find(|seconds| *seconds < SECONDS_MAX)?;
    if !(f64::from(UnixTime::CLOCK_MIN.seconds())..=f64::from(u32::MAX)).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above"
    )]
    Some(UnixTime::new(seconds as u32))
}

/// Whether a field has the shape of a time, even of an impossible one such as `0000-00-00 00:00:00`.
pub(crate) fn is_time_shaped(text: &[u8]) -> bool {
    parts(text).is_some()
}

/// Reads `2026-1-31 12:00:00`, also with `T`, `/`, a fraction and a zone. Zeros in front may be missing.
pub(crate) fn written_time(text: &[u8]) -> Option<WrittenTime> {
    let (date, time, zone) = parts(text)?;
    let civil = civil(date, time)?;
    Some(WrittenTime {
        civil,
        offset_s: if zone.is_empty() {
            None
        } else {
            Some(offset_s(zone)?)
        },
    })
}

/// A time of these parts. `None` if no calendar has it.
pub(crate) fn civil(date: [u16; 3], time: [u16; 3]) -> Option<Civil> {
    let ([year, month, day], [hour, minute, second]) = (date, time);
    let small = |number: u16| u8::try_from(number).ok();
    let read = Civil {
        year: year.into(),
        month: small(month)?,
        day: small(day)?,
        hour: small(hour)?,
        minute: small(minute)?,
        second: small(second)?,
    };
    read.seconds_as_utc().map(|_| read)
}

/// The date, the time of day, and what stands behind them.
fn parts(text: &[u8]) -> Option<([u16; 3], [u16; 3], &[u8])> {
    let (year, rest) = digits(text.trim_ascii(), 4)?;
    let (&mark, rest) = rest.split_first()?;
    if !matches!(mark, b'-' | b'/') {
        return None;
    }
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest.strip_prefix(&[mark])?, 2)?;
    let (&between, rest) = rest.split_first()?;
    if !matches!(between, b' ' | b'T' | b't') {
        return None;
    }
    let (time, rest) = time_of_day(rest.trim_ascii_start())?;
    Some(([year, month, day], time, rest))
}

/// Reads `12:00`, `12:00:00` or `12:00:00.5`, and gives what stands behind it.
pub(crate) fn time_of_day(text: &[u8]) -> Option<([u16; 3], &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    let rest = match rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            fraction.get(digits.count()..)?
        }
        None => rest,
    };
    Some(([hour, minute, second], rest.trim_ascii()))
}

/// Reads the `Wed Feb 18 21:51:37 2015` of C's `ctime`.
pub(crate) fn ctime(text: &[u8]) -> Option<Civil> {
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let _weekday = words.next()?;
    let month = month(words.next()?)?;
    let (day, _) = digits(words.next()?, 2)?;
    let (time, _) = time_of_day(words.next()?)?;
    let (year, _) = digits(words.next()?, 4)?;
    civil([year, month, day], time)
}

/// The number of a month whose English name begins with the word.
fn month(word: &[u8]) -> Option<u16> {
    const MONTHS: [&[u8]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let word = word.get(..3)?;
    let at = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(word))?;
    u16::try_from(at + 1).ok()
}

/// Reads one to `count_max` digits, and gives what stands behind them.
pub(crate) fn digits(text: &[u8], count_max: usize) -> Option<(u16, &[u8])> {
    let mut number = 0_u16;
    let mut count = 0;
    while let Some(digit) = text.get(count).filter(|byte| byte.is_ascii_digit()) {
        if count == count_max {
            return None;
        }
        number = number * 10 + u16::from(digit - b'0');
        count += 1;
    }
    (0 < count).then_some((number, text.get(count..)?))
}

/// Seconds east of UTC of `Z`, `UTC`, `GMT`, `+02:00`, `+0200` or `+02`.
fn offset_s(text: &[u8]) -> Option<i32> {
    let is_utc = |word: &&str| text.eq_ignore_ascii_case(word.as_bytes());
    if ["Z", "UTC", "GMT"].iter().any(is_utc) {
        return Some(0);
    }
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let two = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<u8>().ok();
    let (hours, minutes) = match *rest {
        [a, b] => (two(&[a, b])?, 0),
        [a, b':', c, d] => (two(&[a])?, two(&[c, d])?),
        [a, b, c, d] | [a, b, b':', c, d] => (two(&[a, b])?, two(&[c, d])?),
        _ => return None,
    };
    let (hours, minutes) = (i32::from(hours), i32::from(minutes));
    (hours <= OFFSET_HOURS_MAX && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u32>) {
        let read = written_time(text.as_bytes()).and_then(|time| time.time(&Zone::UTC));
        assert_eq!(read.map(UnixTime::seconds), expected, "{text}");
    }

    #[test]
    fn times_are_read_in_the_spellings_of_programs() {
        for text in [
            "2026-01-31 12:00:00",
            "2026-1-31 12:0:0",
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.250Z",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31T05:00:00-0700",
            "2026-01-31 12:00:00 +0000",
            "2026-01-31 12:00:00 UTC",
            "2026/01/31 12:00:00",
            " 2026-01-31 12:00 ",
        ] {
            check(text, Some(1_769_860_800));
        }
        for text in [
            "",
            "0000-00-00 00:00:00",
            "2026-02-29 12:00:00",
            "2026-13-01 12:00:00",
            "2026-01-31 24:00:00",
            "2026-01-31 12:61:00",
            "2025-05-11-14-51",
            "12:00:00",
            "2026-01-31 12:00:00 noon",
            "2026-01-31 12:00:00+25:99",
        ] {
            check(text, None);
        }
        check("2024-02-29 23:59:60", Some(1_709_251_199));
    }

    #[test]
    fn a_time_of_nothing_has_the_shape_of_a_time() {
        assert!(is_time_shaped(b"0000-00-00 00:00:00"));
        assert!(is_time_shaped(b"2026-1-31 1:2:3"));
        assert!(!is_time_shaped(b"2025-05-11-14-51"));
        assert!(!is_time_shaped(b"[WPA2]"));
    }

    #[test]
    fn numbers_are_in_the_unit_that_makes_sense() {
        let read = |number: f64| unix_time(number).map(UnixTime::seconds);
        for number in [
            1_769_860_800.9,
            1_769_860_800_123.0,
            1_769_860_800_123_456.0,
        ] {
            assert_eq!(read(number), Some(1_769_860_800), "{number}");
        }
        for number in [
            0.0,
            -1.0,
            86_400.0,
            f64::NAN,
            f64::INFINITY,
            5e9,
            978_307_199.0,
        ] {
            assert_eq!(read(number), None, "{number}");
        }
    }

    #[test]
    fn the_text_of_ctime_is_read() {
        let read = |text: &str| ctime(text.as_bytes()).and_then(Civil::seconds_as_utc);
        assert_eq!(read("Wed Feb 18 21:51:37 2015"), Some(1_424_296_297));
        assert_eq!(read("Sun Mar  1 00:00:00 2015"), Some(1_425_168_000));
        assert_eq!(read("Wed Foo 18 21:51:37 2015"), None);
        assert_eq!(read("Wed Feb 18"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+/0-9TZ:. ]{0,32}|\\PC{0,32}") {
            let _time = written_time(text.as_bytes());
            let _time = ctime(text.as_bytes());
            let _zone = Zone::parse(&text);
        }

        #[test]
        fn times_agree_with_the_library(seconds in 978_307_200..4_000_000_000_u32) {
            let text = jiff::Timestamp::from_second(seconds.into()).unwrap().to_string();
            let read = written_time(text.as_bytes()).and_then(|time| time.time(&Zone::UTC));
            prop_assert_eq!(read, Some(UnixTime::new(seconds)));
        }
    }
}
