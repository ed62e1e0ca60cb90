//! The time of a report: a number of seconds, or a text in the form of ISO 8601.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::json::Value;
use super::quantity::{NotANumber, Quantity, before_nul, quantity};
use crate::report::{Clock, ReceivedAt};

/// The text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected seconds since 1970 or a time such as 2026-01-31T12:00:00Z, found {0}")]
pub(super) struct NotATime(&'static str);

/// What a value says of the time.
pub(super) fn clock(
    value: &Value<'_>,
    received_at: ReceivedAt,
    skew_max: Duration,
) -> Result<Clock, NotATime> {
    let seconds = match value {
        Value::Absent => return Ok(Clock::None),
        Value::Number(seconds) => *seconds,
        Value::Text(text) => match seconds_of(text)? {
            None => return Ok(Clock::None),
            Some(seconds) => seconds,
        },
        other => return Err(NotATime(other.kind())),
    };
    Ok(Clock::from_wire(seconds, received_at, skew_max))
}

/// The number of a text, in seconds unless it makes sense only in a finer unit. `None` is "not known".
pub(super) fn seconds_of(text: &str) -> Result<Option<f64>, NotATime> {
    match quantity(text) {
        Ok(None) => Ok(None),
        Ok(Some(Quantity {
            value,
            unit: "" | "s",
        })) => Ok(Some(value)),
        Ok(Some(Quantity { value, unit: "ms" })) => Ok(Some(value / 1e3)),
        Ok(Some(_)) | Err(NotANumber) => match iso_8601(before_nul(text).trim()) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(NotATime("other text")),
        },
    }
}

/// Seconds since 1970 of a time as ISO 8601 and programs that lean on it write it: with or without hyphens, colons,
/// seconds and a fraction. Without an offset, it is taken for UTC.
fn iso_8601(text: &str) -> Option<f64> {
    /// A later time is as wrong as this one, and more seconds would be read in a finer unit.
    const SECONDS_MAX: f64 = 9e10;
    let (date, rest) = date(text)?;
    let (time, fraction_s, zone) = time_of_day(rest)?;
    let offset_s = zone_offset_s(zone.trim())?;
    let time = humantime::parse_rfc3339(&format!("{date}T{time}Z")).ok()?;
    Some((seconds_since_1970(time) + fraction_s - offset_s).min(SECONDS_MAX))
}

/// The date at the start of a text as `2026-01-31`, and what stands behind it.
fn date(text: &str) -> Option<(String, &str)> {
    let (year, rest) = digits(text, 4)?;
    let mark = if rest.starts_with('-') { "-" } else { "" };
    let (month, rest) = digits(rest.strip_prefix(mark)?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(mark)?, 2)?;
    Some((format!("{year}-{month}-{day}"), rest))
}

/// The time of day behind a date as `12:00:00`, its fraction of a second, and what stands behind it. Java leaves out
/// seconds that are 0, and Python's logs have a comma before the fraction.
fn time_of_day(text: &str) -> Option<(String, f64, &str)> {
    let time = match text.strip_prefix(['T', 't']) {
        Some(time) => time,
        None => text.strip_prefix(' ')?.trim_start(),
    };
    let (hours, rest) = digits(time, 2)?;
    let mark = if rest.starts_with(':') { ":" } else { "" };
    let (minutes, rest) = digits(rest.strip_prefix(mark)?, 2)?;
    let seconds = rest.strip_prefix(mark).and_then(|rest| digits(rest, 2));
    let Some((seconds, rest)) = seconds else {
        return Some((format!("{hours}:{minutes}:00"), 0.0, rest));
    };
    let (fraction_s, rest) = match rest.strip_prefix(['.', ',']) {
        None => (0.0, rest),
        Some(fraction) => {
            let end = fraction.find(|digit: char| !digit.is_ascii_digit());
            let (fraction, rest) = fraction.split_at(end.unwrap_or(fraction.len()));
            (format!("0.{fraction}").parse().ok()?, rest)
        }
    };
    Some((format!("{hours}:{minutes}:{seconds}"), fraction_s, rest))
}

/// What a zone is ahead of UTC. Go and Java name the zone behind its offset (`+0100 CET`, `+01:00[Europe/Berlin]`).
/// A name alone could be anything.
fn zone_offset_s(zone: &str) -> Option<f64> {
    let lower = zone.to_ascii_lowercase();
    if matches!(lower.as_str(), "" | "z" | "utc" | "gmt") {
        return Some(0.0);
    }
    if let Some(name) = lower.strip_prefix("z[") {
        return name.ends_with(']').then_some(0.0);
    }
    let offset = lower.strip_prefix("utc").or(lower.strip_prefix("gmt"));
    let offset = offset.unwrap_or(&lower);
    let end = offset.find([' ', '[']).unwrap_or(offset.len());
    let (offset, name) = offset.split_at_checked(end)?;
    let name = name.trim_start();
    let is_name = name.is_empty()
        || name.starts_with(|first: char| first == '[' || first.is_ascii_alphabetic());
    // Go repeats an offset without a name: `+0530 +0530`.
    (is_name || name == offset).then(|| offset_s(offset))?
}

/// So many digits at the start of a text, and what stands behind them.
fn digits(text: &str, count: usize) -> Option<(&str, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    let are_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
    are_digits.then_some((digits, rest))
}

fn seconds_since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// `+02:00`, `+0200` or `+02` in seconds.
fn offset_s(text: &str) -> Option<f64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1.0, digits),
        ("-", digits) => (-1.0, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    let hours: u8 = hours.parse().ok()?;
    let minutes: u8 = minutes.parse().ok()?;
    if 14 < hours || 59 < minutes {
        return None;
    }
    Some(sign * (f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_in_the_usual_ways() {
        for (text, expected) in [
            ("1769860800", 1_769_860_800.0),
            ("1769860800.5 s", 1_769_860_800.5),
            ("1769860800000 ms", 1_769_860_800.0),
            ("2026-01-31T12:00:00Z", 1_769_860_800.0),
            ("2026-01-31T12:00:00.250Z", 1_769_860_800.25),
            ("2026-01-31 12:00:00", 1_769_860_800.0),
            ("2026-01-31T12:00:00+00:00", 1_769_860_800.0),
            ("2026-01-31T14:00:00+02:00", 1_769_860_800.0),
            ("2026-01-31T07:00:00.000-0500", 1_769_860_800.0),
            ("2026-01-31 13:00:00+01", 1_769_860_800.0),
            ("2026-01-31 12:00:00 UTC", 1_769_860_800.0),
            ("2026-01-31 12:00:00,250", 1_769_860_800.25),
            ("2026-01-31T12:00:00,25+00:00", 1_769_860_800.25),
            ("2026-01-31T12:00Z", 1_769_860_800.0),
            ("2026-01-31T12:00", 1_769_860_800.0),
            ("2026-01-31 13:00+0100", 1_769_860_800.0),
            ("2026-01-31 12:00:00 +0000 UTC", 1_769_860_800.0),
            (
                "2026-01-31 13:00:00.25 +0100 CET m=+0.001",
                1_769_860_800.25,
            ),
            ("2026-01-31 17:30:00 +0530 +0530", 1_769_860_800.0),
            ("2026-01-31T13:00+01:00[Europe/Berlin]", 1_769_860_800.0),
            ("2026-01-31T12:00:00Z[UTC]", 1_769_860_800.0),
            ("2026-01-31t12:00:00z", 1_769_860_800.0),
            ("20260131T120000Z", 1_769_860_800.0),
            ("20260131T1200Z", 1_769_860_800.0),
            ("20260131 130000+0100", 1_769_860_800.0),
            ("20260131T120000.250Z", 1_769_860_800.25),
            ("2026-01-31 12:00:00 GMT", 1_769_860_800.0),
            ("2026-01-31 12:00:00 gmt", 1_769_860_800.0),
            ("2026-01-31 14:00:00 GMT+0200", 1_769_860_800.0),
            ("2026-01-31  12:00:00", 1_769_860_800.0),
            ("2026-01-31T12:00:00Z\0", 1_769_860_800.0),
            ("1769860800\0", 1_769_860_800.0),
        ] {
            assert_eq!(seconds_of(text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(seconds_of("N/A"), Ok(None));
        for text in [
            "31.01.2026 12:00",
            "noon",
            "2026-13-31T12:00:00Z",
            "12:00",
            "5 m",
            "2026-01-31T12:00:00+9999",
            "2026-01-31T12:00:00+25:99",
            "2026-01-31T12:00:00Z+02:00",
            "2026-01-31",
            "2026-01-31T12",
            "2026-01-3112:00:00",
            "2026-0131T12:00:00Z",
            "2026-01-31T12:00:00 CET",
            "2026-01-31T12:00:00[Europe/Berlin]",
            "2026-01-31T12:00:00+02:00 +03:00",
            "2026-01-31T12:00:00+-1:00",
            "2026-01-31T12:00.5Z",
            "2026-01-31T12:0000Z",
            "2026-02-30T12:00:00Z",
            "2026-01-31T12:60:00Z",
        ] {
            assert!(seconds_of(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9TZ:. é]{0,32}|2026-01-31[-+0-9TZ:., é\\[\\]]{0,24}|\\PC{0,32}") {
            let _seconds = seconds_of(&text);
        }
    }
}
