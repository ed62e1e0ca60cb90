//! The targets of forwarding: how they are, and orders to them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::forward::{ForwardStatus, Forwards, PartStatus, ResetTo};
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::response::page::Slice;
use crate::http::state::RequestLimits;
use crate::log::LogPosition;

/// How long an answer waits for an order to be carried out. A request that is under way ends first.
const ORDER_PATIENCE: Duration = Duration::from_secs(2);

/// All targets, in the order of the configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = Forwards)]
pub(super) struct List<'s> {
    forwards: Vec<Record<'s>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// How a target is.
#[derive(Serialize, ToSchema)]
#[schema(as = Forward)]
pub(super) struct Record<'s> {
    name: &'s str,
    /// The service: `wigle`, `wdgwars`, `wardriver`, `geosubmit` or `scanpost`.
    kind: &'static str,
    /// The host and the port of its URL.
    host: &'s str,
    /// Whether files are written instead.
    dry_run: bool,
    /// The time between two runs in seconds; 0 if it runs only when somebody asks.
    every_s: u64,
    /// `starting`; `idle`: nothing to do until the next run; `working`; `waiting`: it goes on later; `stopped`: the service
    /// refuses the credentials or the address.
    state: &'static str,
    /// The last record of the log of which nothing is left to send.
    position: u64,
    /// How many records there are after it, at most.
    behind: u64,
    /// How many observations the service took.
    rows: u64,
    /// How many parts it took.
    parts: u64,
    /// How many observations it refused. The newest 16 of these parts are kept in the data directory.
    refused_rows: u64,
    /// How many parts it refused.
    refused_parts: u64,
    /// The part that is being sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    part: Option<PartRecord>,
    /// How many times in a row the last attempt failed.
    failures: u32,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_error: Option<&'s str>,
    /// When the service took a part last, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_taken: Option<u64>,
    /// When it goes on, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_try: Option<u64>,
}

/// A part that is being sent.
#[derive(Serialize, ToSchema)]
#[schema(as = ForwardPart)]
struct PartRecord {
    /// How many observations it has.
    rows: u64,
    /// How long its request is.
    bytes: u64,
    /// Whether it was sent without an answer, so that it may have arrived.
    tried: bool,
}

/// `GET /api/v1/forwards`: how each target is.
pub(in crate::http) async fn list(
    State(forwards): State<Forwards>,
    State(limits): State<RequestLimits>,
    mut query: Query,
) -> Result<Json, ApiError> {
    let slice = Slice::take(&mut query, limits.page_items_max)?;
    query.finish()?;
    let statuses = spawn_blocking(move || forwards.statuses()).await;
    let (statuses, next_cursor) = slice.cut(statuses.map_err(|_| ApiError::Panicked)?);
    Json::compact(&List {
        forwards: statuses.iter().map(record).collect(),
        next_cursor,
    })
}

/// `POST /api/v1/forwards/{name}/run`: sends what is new now.
pub(in crate::http) async fn run(
    State(forwards): State<Forwards>,
    Argument(name): Argument,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    order(&forwards, name, Forwards::run).await
}

/// `POST /api/v1/forwards/{name}/reset`: begins elsewhere in the log.
pub(in crate::http) async fn reset(
    State(forwards): State<Forwards>,
    Argument(name): Argument,
    mut query: Query,
) -> Result<Json, ApiError> {
    let to = query.take_with("to", |text| match text {
        "start" => Ok(ResetTo::Start),
        "end" => Ok(ResetTo::End),
        _ => match text.parse::<u64>() {
            Ok(position) if position.to_string() == text => {
                Ok(ResetTo::After(LogPosition::new(position)))
            }
            _ => Err("expected start, end, or the position of a record"),
        },
    })?;
    query.finish()?;
    let to = to.ok_or_else(|| BadParameter::new("to", "missing: start, end, or a position"))?;
    order(&forwards, name, |forwards, name| forwards.reset(name, to)).await
}

/// Gives an order, and answers how the target is then.
async fn order(
    forwards: &Forwards,
    name: String,
    give: impl Fn(&Forwards, &str) -> Option<bool>,
) -> Result<Json, ApiError> {
    let now = |status: &ForwardStatus| status.orders;
    let Some(before) = forwards.until(&name, |_| true).await else {
        return Err(ApiError::NoSuchForward(name));
    };
    match give(forwards, &name) {
        None => return Err(ApiError::NoSuchForward(name)),
        Some(false) => return Err(ApiError::TooManyForwardOrders),
        Some(true) => {}
    }
    let carried_out = forwards.until(&name, |status| now(&before) < now(status));
    let status = match timeout(ORDER_PATIENCE, carried_out).await {
        Ok(status) => status,
        Err(_) => forwards.until(&name, |_| true).await,
    };
    let status = status.ok_or(ApiError::NoSuchForward(name))?;
    Json::compact(&record(&status))
}

fn record(status: &ForwardStatus) -> Record<'_> {
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
    };
    Record {
        name: &status.name,
        kind: status.kind.word(),
        host: &status.host,
        dry_run: status.is_dry_run,
        every_s: status.every.as_secs(),
        state: status.phase.word(),
        position: status.position.get(),
        behind: status.behind,
        rows: status.rows,
        parts: status.parts,
        refused_rows: status.refused_rows,
        refused_parts: status.refused_parts,
        part: status.part.map(|part: PartStatus| PartRecord {
            rows: part.rows,
            bytes: part.bytes,
            tried: part.is_tried,
        }),
        failures: status.failures,
        last_error: status.last_error.as_deref(),
        last_taken: status.last_taken,
        next_try: status.next_try.map(seconds),
    }
}
