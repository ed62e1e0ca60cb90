//! Tracked state in scanpost's own words: short names with their units, nothing where nothing is known.
//!
//! The structs are both: what is answered, and what the document of the interface says of it. Their comments are read
//! by those who write clients.

mod alert;
mod bluetooth;
mod chart;
mod device;
mod device_json;
mod security;
mod source;
mod tile;
mod whole;

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub use self::alert::{ALERT_COLUMNS, AlertCells, AlertRow, HandledAlert};
pub use self::chart::{ChartBounds, ChartMaker, ChartTooLarge, HistoryChart, fitting_bucket_s};
pub use self::device::{COLUMNS, DeviceRow, name_of};
pub(crate) use self::device_json::json_text;
pub use self::source::{SOURCE_COLUMNS, Scanner, SourceCells, SourceNames, SourceRow};
pub use self::tile::tile;
pub use self::whole::WholeDevice;
use crate::report::{ChannelWidth, Position, UnixTime};
use crate::tracker::SignalRange;

/// A time in ISO 8601, for people.
#[derive(Clone, Copy, Debug)]
pub struct Utc(pub UnixTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_secs(self.0.seconds().into());
        humantime::format_rfc3339_seconds(time).fmt(f)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From when to when there were reports.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Times {
    /// By the reports' own times, in seconds since 1970.
    first_seen: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    first_seen_utc: Utc,
    /// By the reports' own times, in seconds since 1970.
    last_seen: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    last_seen_utc: Utc,
}

impl Times {
    fn new(first: UnixTime, last: UnixTime) -> Self {
        Self {
            first_seen: first.seconds().into(),
            first_seen_utc: Utc(first),
            last_seen: last.seconds().into(),
            last_seen_utc: Utc(last),
        }
    }
}

/// How strong a device was.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]
struct Signals {
    /// The latest signal, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_dbm: Option<i16>,
    /// In dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_weakest_dbm: Option<i16>,
    /// In dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_strongest_dbm: Option<i16>,
}

impl Signals {
    fn of(signal: Option<SignalRange>) -> Self {
        Self {
            signal_dbm: signal.map(|signal| signal.last.value.get()),
            signal_weakest_dbm: signal.map(|signal| signal.min.get()),
            signal_strongest_dbm: signal.map(|signal| signal.max.get()),
        }
    }
}

/// How wide a channel is, and where it lies.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ChannelLayout)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]
pub(super) struct ChannelPlace {
    /// MHz: `20`, `40`, `80`, `160`, `80+80` or `320`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel_width_mhz: Option<&'static str>,
    /// Middle of the channel, or of its first part, in MHz.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    center0_mhz: Option<u32>,
    /// Middle of the channel's second part, in MHz.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    center1_mhz: Option<u32>,
}

impl ChannelPlace {
    pub(super) fn new(
        width: Option<ChannelWidth>,
        center0_mhz: Option<u32>,
        center1_mhz: Option<u32>,
    ) -> Self {
        Self {
            // A text: one of them is 80+80.
            channel_width_mhz: width.map(ChannelWidth::mhz),
            center0_mhz,
            center1_mhz,
        }
    }
}

/// Where a scanner stood.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Fix {
    /// Degrees.
    lat: f64,
    /// Degrees.
    lon: f64,
    /// Metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    alt_m: Option<f64>,
}

impl From<Position> for Fix {
    fn from(position: Position) -> Self {
        Self {
            lat: degrees(position.lat_e7()),
            lon: degrees(position.lon_e7()),
            alt_m: position.alt_mm().map(|alt| f64::from(alt) / 1e3),
        }
    }
}

pub(in crate::views) fn degrees(e7: i32) -> f64 {
    f64::from(e7) / 1e7
}
