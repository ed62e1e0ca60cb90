//! What was reported of a device, out of the log.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::pace::Pace;
use crate::http::response::page;
use crate::http::state::{HistoryReads, RequestLimits};
use crate::log::{HistoryQuery, LoggedObservation, ObservationKey};
use crate::report::{MacAddr, UnixTime};
use crate::tracker::Tracker;
use crate::views::ObservationRecord;

/// A page of the reports of a device, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Observations)]
pub(super) struct Observations<'o> {
    /// As they are in the log.
    observations: Vec<ObservationRecord<'o>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// `GET /api/v1/devices/{mac}/observations`: what was reported of a device, the newest first.
pub(in crate::http) async fn list(
    history: HistoryReads,
    State(tracker): State<Arc<Tracker>>,
    State(limits): State<RequestLimits>,
    Argument(mac): Argument,
    State(pace): State<Pace>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let addr: MacAddr = mac.parse()?;
    let count = query.take_limit(limits.page_items_max)?;
    let wanted = HistoryQuery {
        addr,
        since: query.take_time("since")?.unwrap_or(UnixTime::new(0)),
        until: query.take_time("until")?.unwrap_or(UnixTime::new(u32::MAX)),
        before: query.take_with("cursor", read_cursor)?,
        count: count + 1,
    };
    let csv = page::take_texts(&mut query, &headers)?;
    query.finish()?;
    let sight = history.sight.clone();
    if !sight.shows_address(addr, &tracker) {
        return Err(ApiError::NoSuchAddress(addr));
    }
    let mut observed = read(history, wanted).await?;
    if observed.is_empty() && tracker.devices_by_addr(addr).is_empty() {
        return Err(ApiError::NoSuchAddress(addr));
    }
    let has_more = count < observed.len();
    observed.truncate(count);
    let last = observed.last().filter(|_| has_more);
    let next_cursor = last.map(|last| Cursor(last.key).to_string());
    observed.retain(|one| {
        one.entry
            .reports()
            .iter()
            .all(|report| sight.shows_report(report))
    });
    if let Some(texts) = csv {
        return Ok(page::csv(observed, texts, next_cursor, &pace).await);
    }
    let records = observed
        .iter()
        .flat_map(|one| ObservationRecord::all(&one.entry));
    page::json(&Observations {
        observations: records.collect(),
        next_cursor,
    })
}

async fn read(
    reads: HistoryReads,
    wanted: HistoryQuery,
) -> Result<Vec<LoggedObservation>, ApiError> {
    let observed = reads.read(move |history, interest| {
        let interest = interest.clone();
        history.read(&wanted, move || interest.is_lost())
    });
    let observed = observed.await?.transpose().map_err(ApiError::History)?;
    Ok(observed.unwrap_or_default())
}

/// A place as clients hand it back; what is in it is not theirs to know.
struct Cursor(ObservationKey);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.0.time.seconds(), self.0.id)
    }
}

fn read_cursor(text: &str) -> Result<ObservationKey, &'static str> {
    let place = |text: &str| {
        let (time, id) = text.split_once('-')?;
        Some(ObservationKey {
            time: UnixTime::new(u32::from_str_radix(time, 16).ok()?),
            id: i64::from_str_radix(id, 16).ok()?,
        })
    };
    place(text).ok_or("not one that an earlier page returned")
}
