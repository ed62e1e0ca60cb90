//! The server, and how much it has.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::ServerFacts;
use crate::metrics;

/// `GET /api/v1/status`: the server, and how much it has.
pub(in crate::http) async fn status(
    State(server): State<Arc<ServerFacts>>,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let metrics = &server.metrics;
    let now = now();
    let uptime_s =
        now.time().seconds() - server.started_at.time().seconds().min(now.time().seconds());
    Json::compact(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uuid": server.uuid.to_string().to_uppercase(),
        "name": server.config.name,
        "time": now.time().seconds(),
        "uptime_s": uptime_s,
        "devices": metrics.by_label(&metrics::DEVICES),
        "reports": metrics.by_label(&metrics::REPORTS),
        "commits": metrics.sum(&metrics::COMMITS),
        "sources": metrics.sum(&metrics::SOURCES),
        "connections": metrics.sum(&metrics::CONNECTIONS),
    }))
}
