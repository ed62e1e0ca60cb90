//! The history of a device as a chart.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;

use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::heavy::Interest;
use crate::http::response::page;
use crate::http::state::{HistoryReads, RequestLimits};
use crate::log::{History, HistoryQuery, PointQuery};
use crate::privacy::Sight;
use crate::report::{MacAddr, Position, UnixTime};
use crate::setting_text::span_text;
use crate::tracker::Tracker;
use crate::views::native::{
    ChartBounds, ChartMaker, ChartTooLarge, HistoryChart, fitting_bucket_s,
};

/// The length of a bucket if the client names none.
const BUCKET_S: u32 = 24 * 60 * 60;
/// How many observations are in memory at a time.
const POINTS_AT_ONCE: usize = 1 << 16;

/// Which chart to make.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    addr: MacAddr,
    since: UnixTime,
    until: UnixTime,
    bucket_s: u32,
    bounds: ChartBounds,
}

/// `GET /api/v1/devices/{mac}/history`: what was reported of a device, by time.
pub(in crate::http) async fn chart(
    history: HistoryReads,
    State(tracker): State<Arc<Tracker>>,
    State(limits): State<RequestLimits>,
    Argument(mac): Argument,
    mut query: Query,
) -> Result<Response, ApiError> {
    let wanted = Wanted {
        addr: mac.parse()?,
        since: query.take_time("since")?.unwrap_or(UnixTime::new(0)),
        until: query.take_time("until")?.unwrap_or(UnixTime::new(u32::MAX)),
        bucket_s: query.take_with("bucket", read_bucket)?.unwrap_or(BUCKET_S),
        bounds: ChartBounds {
            buckets_max: limits.history_buckets_max,
            entries_max: limits.history_entries_max,
        },
    };
    query.finish()?;
    if !history.sight.shows_address(wanted.addr, &tracker) {
        return Err(ApiError::NoSuchAddress(wanted.addr));
    }
    let chart = read(history, wanted).await?;
    if chart.is_empty() && tracker.devices_by_addr(wanted.addr).is_empty() {
        return Err(ApiError::NoSuchAddress(wanted.addr));
    }
    page::json(&chart)
}

/// Months and years are not units: their lengths differ, and `M` would be a month beside the minute `m`.
fn read_bucket(text: &str) -> Result<u32, String> {
    const UNITS: [&str; 16] = [
        "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h",
        "hour", "hours", "d", "day", "days",
    ];
    /// Whole days. Times end a few hours later.
    const LONG_S: u32 = u32::MAX / BUCKET_S * BUCKET_S;
    let is_between = |letter: char| letter.is_ascii_digit() || letter.is_ascii_whitespace();
    let mut units = text.split(is_between).filter(|unit| !unit.is_empty());
    let bucket = humantime::parse_duration(text).ok();
    let bucket = bucket.filter(|bucket| 0 < bucket.as_secs());
    let bucket = bucket.filter(|_| units.all(|unit| UNITS.contains(&unit)));
    let Some(bucket) = bucket else {
        return Err(
            "expected a time span of whole seconds, such as 60s, 5m, 1h or 1day".to_owned(),
        );
    };
    u32::try_from(bucket.as_secs()).map_err(|_| {
        let long = span_text(Duration::from_secs(LONG_S.into()));
        format!("too long: bucket={long} is enough for all times")
    })
}

async fn read(reads: HistoryReads, wanted: Wanted) -> Result<HistoryChart, ApiError> {
    let sight = reads.sight.clone();
    let chart = reads.read(move |history, interest| make(history, wanted, &sight, interest));
    let nothing = || Ok(ChartMaker::new(wanted.bucket_s, wanted.bounds).finish());
    chart.await?.unwrap_or_else(nothing)
}

fn make(
    history: &History,
    wanted: Wanted,
    sight: &Sight,
    interest: &Interest,
) -> Result<HistoryChart, ApiError> {
    let mut maker = ChartMaker::new(wanted.bucket_s, wanted.bounds);
    let mut query = PointQuery {
        addr: wanted.addr,
        since: wanted.since,
        until: wanted.until,
        after: None,
        count: POINTS_AT_ONCE,
    };
    let mut first = None;
    loop {
        let its = interest.clone();
        let points = history.points(&query, move || its.is_lost());
        let points = points.map_err(ApiError::History)?;
        first = first.or(points.first().map(|point| point.key.time));
        let is_shown = |place: Position| sight.shows_place(place);
        for point in points
            .iter()
            .filter(|point| point.position.is_none_or(is_shown))
        {
            if let Err(too_large) = maker.add(point) {
                let first = first.unwrap_or(wanted.since);
                return Err(refusal(history, wanted, first, interest, too_large)?.into());
            }
        }
        query.after = points.last().map(|point| point.key);
        if points.len() < POINTS_AT_ONCE {
            return Ok(maker.finish());
        }
    }
}

/// Says what to ask for instead of a chart that is too large. `first` is the time of the oldest observation.
fn refusal(
    history: &History,
    wanted: Wanted,
    first: UnixTime,
    interest: &Interest,
    too_large: ChartTooLarge,
) -> Result<BadParameter, ApiError> {
    let reason = match too_large {
        ChartTooLarge::Entries => format!(
            "more than limits.history_entries_max = {} sources, places and channels in all buckets: ask for longer \
             buckets, or for a shorter time with since and until",
            wanted.bounds.entries_max
        ),
        ChartTooLarge::Buckets => {
            let newest = HistoryQuery {
                addr: wanted.addr,
                since: wanted.since,
                until: wanted.until,
                before: None,
                count: 1,
            };
            let its = interest.clone();
            let newest = history.read(&newest, move || its.is_lost());
            let newest = newest.map_err(ApiError::History)?;
            let last = newest.first().map_or(first, |newest| newest.key.time);
            let buckets_max = wanted.bounds.buckets_max;
            let fitting_s = fitting_bucket_s(first, last, buckets_max);
            let fitting = Duration::from_secs(fitting_s.into());
            format!(
                "more than limits.history_buckets_max = {buckets_max} buckets: bucket={} fits, or ask for a shorter time \
                 with since and until",
                span_text(fitting).replace(' ', "")
            )
        }
    };
    Ok(BadParameter::new("bucket", &reason))
}
