//! Text forms of time spans and sizes in settings.

use std::time::Duration;

/// Formats a time span in days and smaller units, such as `"365days"` or `"1h 30m"`. `humantime` alone would write
/// months and years, which the documentation does not use. [`duration_text`] can parse the result.
pub(crate) fn span_text(span: Duration) -> String {
    const DAY_S: u64 = 24 * 60 * 60;
    let days = span.as_secs() / DAY_S;
    let rest = Duration::new(span.as_secs() % DAY_S, span.subsec_nanos());
    let days_text = match days {
        0 => String::new(),
        1 => "1day".to_owned(),
        days => format!("{days}days"),
    };
    match (days, rest.is_zero()) {
        (0, _) => humantime::format_duration(rest).to_string(),
        (_, true) => days_text,
        (_, false) => format!("{days_text} {}", humantime::format_duration(rest)),
    }
}

/// Serde form of time spans: `"30s"`, `"1h 30m"`, `"1day"`.
pub(crate) mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::span_text(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|error| {
            de::Error::custom(format!(
                "must be a time span such as \"30s\" or \"1day\" ({error})"
            ))
        })
    }
}

/// Serde form of sizes: `"500MB"`, `"20GiB"`.
pub(crate) mod size_text {
    use bytesize::ByteSize;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{bytes}B"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let size: ByteSize = text.parse().map_err(|error| {
            de::Error::custom(format!(
                "must be a size such as \"500MB\" or \"20GiB\" ({error})"
            ))
        })?;
        Ok(size.as_u64())
    }
}
