//! The webhooks: how they are, and a test of one.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::response::page::Slice;
use crate::http::state::RequestLimits;
use crate::webhook::{DestinationStatus, Tested, Webhooks};

/// All webhooks, in the order of the configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhooks)]
pub(super) struct List<'s> {
    webhooks: Vec<Record<'s>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// How a webhook is.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct Record<'s> {
    name: &'s str,
    /// The host and the port of its URL.
    host: &'s str,
    /// How many alerts were delivered.
    delivered: u64,
    /// How many were given up, or gone before they could be delivered.
    lost: u64,
    /// How many alerts it has not come to yet, some of which it may not want.
    waiting: u64,
    /// How many times in a row the last delivery failed.
    failures: u32,
    /// Whether it answered 410, after which nothing is sent until the next start.
    stopped: bool,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_error: Option<&'s str>,
    /// When it is tried again, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_try: Option<u64>,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub(super) struct Outcome<'t> {
    /// Whether it was answered with a 2xx.
    success: bool,
    #[schema(value_type = u64)]
    duration_ms: u128,
    /// The status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answered: Option<u16>,
    /// The first 1024 bytes of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body: Option<&'t str>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// `GET /api/v1/webhooks`: how each webhook is.
pub(in crate::http) async fn list(
    State(webhooks): State<Webhooks>,
    State(limits): State<RequestLimits>,
    mut query: Query,
) -> Result<Json, ApiError> {
    let slice = Slice::take(&mut query, limits.page_items_max)?;
    query.finish()?;
    let (statuses, next_cursor) = slice.cut(webhooks.statuses());
    Json::compact(&List {
        webhooks: statuses.iter().map(record).collect(),
        next_cursor,
    })
}

fn record(status: &DestinationStatus) -> Record<'_> {
    let seconds = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
    };
    Record {
        name: &status.name,
        host: &status.host,
        delivered: status.delivered,
        lost: status.lost,
        waiting: status.waiting,
        failures: status.failures,
        stopped: status.is_stopped,
        last_error: status.last_error.as_deref(),
        next_try: status.next_try.map(seconds),
    }
}

/// `POST /api/v1/webhooks/{name}/test`: sends a test event now, and tells what came back.
pub(in crate::http) async fn test(
    State(webhooks): State<Webhooks>,
    Argument(name): Argument,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let tested = webhooks.test(&name).await;
    let Tested { answer, duration } = tested.ok_or(ApiError::NoSuchWebhook(name))?;
    let duration_ms = duration.as_millis();
    match &answer {
        Ok(answer) => Json::compact(&Outcome {
            success: answer.status.is_success(),
            duration_ms,
            answered: Some(answer.status.as_u16()),
            body: Some(&answer.excerpt),
            error: None,
        }),
        Err(error) => Json::compact(&Outcome {
            success: false,
            duration_ms,
            answered: None,
            body: None,
            error: Some(error.to_string()),
        }),
    }
}
