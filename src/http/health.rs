//! For operators: does the server run, and may it be used?

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::error::ApiError;
use super::json::KismetJson;
use crate::ingest::IngestError;

/// `/healthz`: the server runs.
pub(super) async fn alive() -> impl IntoResponse {
    KismetJson::of(&json!({ "status": "alive", "success": true }))
}

/// `/readyz`: the server takes reports, and its views are those of the log.
pub(super) async fn ready(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    if !app.ingest.is_ready() {
        return Err(IngestError::Starting.into());
    }
    Ok(KismetJson::of(
        &json!({ "status": "ready", "success": true }),
    ))
}

/// Until the log is read, views would show half of it: better to say so.
pub(super) async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    if !app.ingest.is_ready() {
        return ApiError::from(IngestError::Starting).into_response();
    }
    next.run(request).await
}
