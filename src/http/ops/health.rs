//! For operators: does the server run, and may it be used?

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::json;

use crate::http::App;
use crate::http::error::ApiError;
use crate::http::response::json::KismetJson;
use crate::ingest::IngestError;

/// `/healthz`: the server runs.
pub(in crate::http) async fn alive() -> impl IntoResponse {
    KismetJson::of(&json!({ "status": "alive", "success": true }))
}

/// `/readyz`: the server takes reports, and its views are those of the log.
pub(in crate::http) async fn ready(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    expect_ready(&app)?;
    Ok(KismetJson::of(
        &json!({ "status": "ready", "success": true }),
    ))
}

/// Until the log is read, views would show half of it: better to say so.
pub(in crate::http) fn expect_ready(app: &App) -> Result<(), ApiError> {
    if app.ingest.is_ready() {
        return Ok(());
    }
    Err(IngestError::Starting.into())
}
