//! The webhooks: how they are, and a test of one.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use serde::Serialize;

use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::webhook::{Status, Tested, Webhooks};

#[derive(Serialize)]
struct List<'s> {
    webhooks: Vec<Record<'s>>,
}

#[derive(Serialize)]
struct Record<'s> {
    name: &'s str,
    host: &'s str,
    delivered: u64,
    lost: u64,
    waiting: u64,
    failures: u32,
    stopped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'s str>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<u64>,
}

#[derive(Serialize)]
struct Outcome<'t> {
    success: bool,
    duration_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// `GET /api/v1/webhooks`: how each webhook is.
pub(in crate::http) async fn list(
    State(webhooks): State<Webhooks>,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let statuses = webhooks.statuses();
    Json::compact(&List {
        webhooks: statuses.iter().map(record).collect(),
    })
}

fn record(status: &Status) -> Record<'_> {
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
