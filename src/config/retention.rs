//! `[retention]`: when old reports and devices are removed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DAY, time};
use crate::setting_text::{duration_text, size_text};

/// An empty log takes some 100 KiB, and expiry cannot make it smaller.
const LOG_BYTES_MIN: u64 = 1 << 20;
/// The sources of each rule are compared with all sources.
const RULES_MAX: usize = 64;
const SOURCES_PER_RULE_MAX: usize = 64;
const SOURCE_BYTES_MAX: usize = 1024;
const KEEP_MIN: Duration = Duration::from_secs(1);

/// `[retention]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that reports stay in the log after they arrived. 0 means for ever. Default 0.
    pub days: u32,
    /// Largest size of the log in bytes. Past it, the oldest reports are removed. 0 means no limit. Default 0.
    #[serde(with = "size_text")]
    pub size: u64,
    /// How long a device stays without a new report. 0 means for ever. Default 0.
    #[serde(with = "duration_text")]
    pub device_timeout: Duration,
    /// Sources whose reports stay shorter or longer. The first rule that names a source counts. Default none.
    pub rules: Vec<RetentionRule>,
}

/// `[[retention.rules]]`: how long the reports of some sources stay in the log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// A source: its UUID or its name. Set either this or `sources`.
    #[serde(default)]
    pub source: String,
    /// Several of them.
    #[serde(default)]
    pub sources: Vec<String>,
    /// How long their reports stay after they arrived. 0 means for ever.
    #[serde(with = "duration_text")]
    pub keep: Duration,
}

impl Retention {
    /// How long reports stay in the log. `None` means for ever.
    pub fn age_max(&self) -> Option<Duration> {
        (0 < self.days).then(|| DAY * self.days)
    }

    /// Largest size of the log. `None` means no limit.
    pub fn size_max_bytes(&self) -> Option<u64> {
        (0 < self.size).then_some(self.size)
    }

    /// Checks each key alone. The error holds only the reason: the caller knows the key.
    pub(super) fn check_each(&self) -> Result<(), String> {
        if 36_500 < self.days {
            return Err("must be 0 to 36500".to_owned());
        }
        if 0 < self.size && self.size < LOG_BYTES_MIN {
            return Err("must be 0 or at least 1MiB".to_owned());
        }
        time(self.device_timeout, Duration::ZERO..=DAY * 36_500)?;
        if RULES_MAX < self.rules.len() {
            return Err(format!("must have at most {RULES_MAX} entries"));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let named = |reason| format!("`retention.rules[{index}].{reason}");
            rule.check().map_err(named)?;
        }
        Ok(())
    }
}

impl RetentionRule {
    /// The UUIDs and names of its sources.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let one = Some(&*self.source).filter(|source| !source.is_empty());
        one.into_iter()
            .chain(self.sources.iter().map(String::as_str))
    }

    /// How long the reports of its sources stay in the log. `None` means for ever.
    pub fn age_max(&self) -> Option<Duration> {
        (!self.keep.is_zero()).then_some(self.keep)
    }

    /// The error begins with the rest of the key.
    fn check(&self) -> Result<(), String> {
        match (self.source.is_empty(), self.sources.is_empty()) {
            (true, true) => {
                return Err("source` is missing: name a source, or several in `sources`".to_owned());
            }
            (false, false) => {
                return Err("sources` must be left out, because `source` is set".to_owned());
            }
            _ => {}
        }
        if SOURCES_PER_RULE_MAX < self.sources.len() {
            return Err(format!(
                "sources` must have at most {SOURCES_PER_RULE_MAX} entries"
            ));
        }
        if SOURCE_BYTES_MAX < self.source.len() {
            return Err(format!("source` must have 1 to {SOURCE_BYTES_MAX} bytes"));
        }
        let is_wrong = |name: &String| name.is_empty() || SOURCE_BYTES_MAX < name.len();
        if self.sources.iter().any(is_wrong) {
            return Err(format!(
                "sources` must be names of 1 to {SOURCE_BYTES_MAX} bytes"
            ));
        }
        if self.keep.is_zero() {
            return Ok(());
        }
        time(self.keep, KEEP_MIN..=DAY * 36_500)
            .map_err(|_| "keep` must be 0s or 1s to 36500days".to_owned())
    }
}
