//! Where a scanner was, out of the log.

use std::sync::Arc;

use axum::extract::State;

use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::{HistoryReads, RequestLimits};
use crate::log::TrackQuery;
use crate::report::{SourceId, UnixTime};
use crate::tracker::Tracker;
use crate::views::{GEO_JSON, TrackFeature};

/// Places of a track, if the client does not say how many.
const POINTS_DEFAULT: usize = 1000;

/// `GET /api/v1/sources/{uuid}/track`: where a scanner was.
pub(in crate::http) async fn track(
    reads: HistoryReads,
    State(tracker): State<Arc<Tracker>>,
    State(limits): State<RequestLimits>,
    Argument(uuid): Argument,
    mut query: Query,
) -> Result<Json, ApiError> {
    let id: SourceId = uuid.parse()?;
    let max = limits.track_points_max;
    let points_max = query.take_with("points_max", |text| match text.parse() {
        Ok(points) if 2 <= points && points <= max => Ok(points),
        _ => Err(format!("expected a number from 2 to {max}")),
    })?;
    let since = query.take_time("since")?;
    let wanted = TrackQuery {
        source: id,
        since: since.unwrap_or(UnixTime::new(0)),
        observations_max: since.is_none().then_some(limits.track_observations_max),
        until: query.take_time("until")?.unwrap_or(UnixTime::new(u32::MAX)),
        ahead_max_s: limits.clock_ahead_max_s,
    };
    query.finish()?;
    let source = tracker.source(id).ok_or(ApiError::NoSuchSource(id))?;
    let points_max = points_max.unwrap_or(POINTS_DEFAULT.min(max));
    let sight = reads.sight.clone();
    let track = reads.scan(move |history, interest| {
        let interest = interest.clone();
        history.track(&wanted, move || interest.is_lost())
    });
    let track = track.await?.transpose().map_err(ApiError::History)?;
    let mut track = track.unwrap_or_default();
    track
        .points
        .retain(|point| sight.shows_place(point.position));
    let feature = TrackFeature::of(&source, &track, points_max);
    Ok(Json::compact(&feature)?.with_type(GEO_JSON))
}
