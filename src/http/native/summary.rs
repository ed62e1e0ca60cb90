//! Counts of devices under a filter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::Filter;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::heavy::Walks;
use crate::http::response::json::Json;
use crate::privacy::Sight;
use crate::report::capabilities::SecurityClass;
use crate::report::{Band, Channel, ChannelWidth, Manufacturer, UnixTime};
use crate::tracker::{Device, Summary, SummaryTimes, Sums, Tally, Tracker, Walk};

/// The key of devices without a value.
const UNKNOWN: &str = "unknown";
const HOUR_S: u32 = 60 * 60;
/// The object `hours` has the present hour and those before it, so many in all.
const HOURS: u32 = 48;

type Numbers = BTreeMap<String, u64>;

/// Counts of devices. In `security`, `band`, `channel`, `width`, `manufacturer` and `days` each device is counted once.
#[derive(Serialize, ToSchema)]
#[schema(as = Summary)]
pub(super) struct Counted {
    /// All devices that the filters want.
    devices: u64,
    /// How many of them have a position.
    with_position: u64,
    /// By security class; `unknown` has Bluetooth devices too.
    security: Numbers,
    /// By band in GHz.
    band: Numbers,
    /// By channel, in Kismet's notation.
    channel: Numbers,
    /// By the width of the channel in MHz, as scanners state it.
    width: Numbers,
    /// By manufacturer; random addresses have none.
    manufacturer: Numbers,
    /// By the UUID of each source that saw the device.
    sources: Numbers,
    /// New devices by hour, in UTC, such as `2026-11-28T13`. The last 48 hours; hours without new devices are left out.
    hours: Numbers,
    /// New devices by day, in UTC, such as `2026-11-28`. Days without new devices are left out.
    days: Numbers,
    /// How many were first seen at `new_since` or later, if that was asked for. Its seconds are ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    new_since: Option<u64>,
}

/// `GET /api/v1/summary`: counts of devices.
pub(in crate::http) async fn summary(
    State(tracker): State<Arc<Tracker>>,
    walks: Walks,
    sight: Sight,
    mut query: Query,
) -> Result<Json, ApiError> {
    let times = SummaryTimes {
        hours_since: hours_since(now().time()),
        new_since: query.take_time("new_since")?,
    };
    // Counts of all devices are kept current, and others take a walk.
    if query.is_empty() && sight.is_of_everything() {
        return Json::compact(&Counted::from(tracker.summary(times)));
    }
    let filter = Filter::take(&mut query, &tracker, sight)?;
    query.finish()?;
    let walked = Arc::clone(&tracker);
    let sums = walks.walk(move |paced| {
        let mut sums = Sums::default();
        let mut look = |device: &Device| {
            if filter.wants(device) {
                sums.add(device);
            }
        };
        let mut walk = Walk::over_all();
        while walked.look_at_next(&mut walk, &mut look) {
            paced.pause()?;
        }
        Ok(sums)
    });
    Json::compact(&Counted::from(sums.await?.summary(&tracker, times)))
}

impl From<Summary> for Counted {
    fn from(summary: Summary) -> Self {
        let sources = summary.sources.into_iter();
        Self {
            devices: summary.devices,
            with_position: summary.with_position,
            security: named(summary.security, SecurityClass::as_str),
            band: named(summary.bands, Band::ghz),
            channel: named(summary.channels, |channel: Channel| {
                channel.as_str().to_owned()
            }),
            width: named(summary.widths, ChannelWidth::mhz),
            manufacturer: named(summary.manufacturers, Manufacturer::name),
            sources: sources.map(|(id, count)| (id.to_string(), count)).collect(),
            hours: timed(summary.hours, "2026-11-28T13".len()),
            days: timed(summary.days, "2026-11-28".len()),
            new_since: summary.new_since,
        }
    }
}

/// The start of the first hour in the object `hours`.
fn hours_since(now: UnixTime) -> UnixTime {
    let hour = now.seconds() / HOUR_S;
    UnixTime::new(hour.saturating_sub(HOURS - 1) * HOUR_S)
}

/// Counts by the names of their keys. Security has a word of its own for what is unknown, which is the same.
fn named<K, N: Into<String>>(tally: Tally<K>, name: impl Fn(K) -> N) -> Numbers {
    let mut numbers = Numbers::new();
    for (key, count) in tally {
        let key = key.map_or_else(|| UNKNOWN.to_owned(), |key| name(key).into());
        *numbers.entry(key).or_default() += count;
    }
    numbers
}

/// Counts by the first characters of their times in ISO 8601.
fn timed(counts: BTreeMap<UnixTime, u64>, length: usize) -> Numbers {
    let counts = counts.into_iter();
    counts
        .map(|(start, count)| {
            let start = UNIX_EPOCH + Duration::from_secs(start.seconds().into());
            let mut text = humantime::format_rfc3339_seconds(start).to_string();
            text.truncate(length);
            (text, count)
        })
        .collect()
}
