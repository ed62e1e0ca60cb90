//! The time of a report: a number of seconds, or a text in the form of ISO 8601.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::json::Value;
use super::quantity::{NotANumber, Quantity, quantity};
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
        Ok(Some(_)) | Err(NotANumber) => match iso_8601(text.trim()) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(NotATime("other text")),
        },
    }
}

/// Seconds since 1970 of a time with an offset from UTC, or with none, which is taken for UTC.
fn iso_8601(text: &str) -> Option<f64> {
    /// A later time is as wrong as this one, and more seconds would be read in a finer unit.
    const SECONDS_MAX: f64 = 9e10;
    const DATE_CHARACTERS: usize = "2026-01-31".len();
    let time_from = text.get(DATE_CHARACTERS..)?;
    let (local, offset_s) = match time_from.rfind(['+', '-']) {
        None => (text, 0.0),
        Some(at) => {
            let (local, offset) = text.split_at_checked(DATE_CHARACTERS + at)?;
            // A time has one offset.
            let has_another = local.ends_with(['Z', 'z']);
            (!has_another).then_some((local, offset_s(offset)?))?
        }
    };
    let local = local.trim_end();
    // PostgreSQL and others name the zone in words.
    let local = local.strip_suffix("UTC").unwrap_or(local).trim_end();
    let time = humantime::parse_rfc3339_weak(local).ok()?;
    Some((seconds_since_1970(time) - offset_s).min(SECONDS_MAX))
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
        ] {
            assert!(seconds_of(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9TZ:. é]{0,32}|\\PC{0,32}") {
            let _seconds = seconds_of(&text);
        }
    }
}
