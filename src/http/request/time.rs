//! Times as clients write them.

use std::time::UNIX_EPOCH;

use crate::http::error::ApiError;
use crate::report::UnixTime;

/// Seconds since 1970, or as many before `now` when negative.
pub(in crate::http) fn seconds(text: &str, now: f64) -> Result<f64, ApiError> {
    let seconds = text.parse::<f64>().ok();
    match seconds.filter(|seconds| seconds.is_finite()) {
        None => Err(ApiError::BadTimestamp),
        Some(before) if before < 0.0 => Ok(now + before),
        Some(seconds) => Ok(seconds),
    }
}

/// The same, with fractions cut.
pub(in crate::http) fn moment(text: &str, now: UnixTime) -> Result<UnixTime, ApiError> {
    let absolute = seconds(text, f64::from(now.seconds()))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float casts saturating"
    )]
    Ok(UnixTime::new(absolute.floor() as u32))
}

/// Seconds since 1970, or ISO 8601 in UTC.
pub(in crate::http) fn read_time(text: &str) -> Option<UnixTime> {
    if let Ok(seconds) = text.parse() {
        return Some(UnixTime::new(seconds));
    }
    let time = humantime::parse_rfc3339(text).ok()?;
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    u32::try_from(seconds).ok().map(UnixTime::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_absolute_or_before_now() {
        let now = UnixTime::new(1_700_000_000);
        let read = |text| moment(text, now).ok().map(UnixTime::seconds);
        assert_eq!(read("1600000000"), Some(1_600_000_000));
        assert_eq!(read("1600000000.9"), Some(1_600_000_000));
        assert_eq!(read("-5"), Some(1_699_999_995));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("-1e300"), Some(0));
        for text in ["", "x", "nan", "inf", "5s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_in_both_notations() {
        let read = |text| read_time(text).map(UnixTime::seconds);
        assert_eq!(read("1700000000"), Some(1_700_000_000));
        assert_eq!(read("2023-11-14T22:13:20Z"), Some(1_700_000_000));
        assert_eq!(read("2023-11-14T22:13:20.9Z"), Some(1_700_000_000));
        for text in ["", "-1", "yesterday", "2023-11-14", "1969-12-31T23:59:59Z"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
