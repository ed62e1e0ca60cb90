//! The TAK targets: how they are.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::response::page::Slice;
use crate::http::state::RequestLimits;
use crate::tak::{TakStatus, TakTargets};

/// All targets, in the order of the configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = TakTargets)]
pub(super) struct List<'s> {
    tak: Vec<Record<'s>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// How a target is.
#[derive(Serialize, ToSchema)]
#[schema(as = TakTarget)]
struct Record<'s> {
    name: &'s str,
    /// Its address, such as `udp://239.2.3.1:6969`.
    url: &'s str,
    /// `connecting`; `sending`; `failed`: it could not connect, or not send, and tries again.
    state: &'static str,
    /// Since when it is in this state, in seconds since 1970.
    since: u64,
    /// How many events were sent since the target began.
    events: u64,
    /// How many devices wait to be sent.
    waiting: usize,
    /// How many times a device was left out because too many waited.
    left_out: u64,
    /// How many times a device was left out because its mark would have been gone at once: it was seen longer ago than
    /// `stale_after`.
    stale: u64,
    /// How many attempts failed in a row. 0 again after it has worked for 10 seconds.
    failures: u32,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_error: Option<&'s str>,
    /// When it tries again, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_try: Option<u64>,
}

/// `GET /api/v1/tak`: how each target is.
pub(in crate::http) async fn list(
    State(targets): State<TakTargets>,
    State(limits): State<RequestLimits>,
    mut query: Query,
) -> Result<Json, ApiError> {
    let slice = Slice::take(&mut query, limits.page_items_max)?;
    query.finish()?;
    let (statuses, next_cursor) = slice.cut(targets.statuses());
    Json::compact(&List {
        tak: statuses.iter().map(record).collect(),
        next_cursor,
    })
}

fn record(status: &TakStatus) -> Record<'_> {
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
    };
    Record {
        name: &status.name,
        url: &status.url,
        state: status.phase.word(),
        since: seconds(status.since),
        events: status.events,
        waiting: status.waiting,
        left_out: status.left_out,
        stale: status.stale,
        failures: status.failures,
        last_error: status.last_error.as_deref(),
        next_try: status.next_try.map(seconds),
    }
}
