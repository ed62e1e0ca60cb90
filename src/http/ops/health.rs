//! Liveness and readiness.

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::json;

use crate::http::error::ApiError;
use crate::http::guard::ready::expect_ready;
use crate::http::response::json::Json;
use crate::ingest::Ingest;

/// `/healthz`: the server runs.
pub(super) async fn alive() -> impl IntoResponse {
    Json::kismet(&json!({ "status": "alive", "success": true }))
}

/// `/readyz`: the server takes reports, and its views are those of the log.
pub(super) async fn ready(State(ingest): State<Ingest>) -> Result<impl IntoResponse, ApiError> {
    expect_ready(&ingest)?;
    ingest.check().await.map_err(ApiError::NotReady)?;
    Ok(Json::kismet(&json!({ "status": "ready", "success": true })))
}
