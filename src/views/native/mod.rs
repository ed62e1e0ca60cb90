//! Tracked state in scanpost's own words: short names with their units, nothing where nothing is known.

mod alert;
mod bluetooth;
mod device;
mod whole;

use std::time::{Duration, UNIX_EPOCH};

use serde::ser::{Serialize, SerializeMap, Serializer};

pub use self::alert::{ALERT_COLUMNS, AlertRow};
pub use self::device::{COLUMNS, DeviceRow, name_of};
pub use self::whole::{SOURCE_COLUMNS, SourceCells, SourceNames, SourceRow, WholeDevice};
use crate::report::UnixTime;

/// A time in ISO 8601, for people.
pub(super) struct Utc(pub(super) UnixTime);

impl std::fmt::Display for Utc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = UNIX_EPOCH + Duration::from_secs(self.0.seconds().into());
        humantime::format_rfc3339_seconds(time).fmt(f)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn degrees(e7: i32) -> f64 {
    f64::from(e7) / 1e7
}

/// Writes a field, if there is something to write.
pub(super) fn entry_if_some<M: SerializeMap>(
    record: &mut M,
    name: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        None => Ok(()),
        Some(value) => record.serialize_entry(name, &value),
    }
}
