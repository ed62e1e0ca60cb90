//! The counters of the server, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio::task::spawn_blocking;

use crate::http::error::ApiError;
use crate::http::state::ServerFacts;

/// `GET /metrics`.
pub(super) async fn metrics(
    State(server): State<Arc<ServerFacts>>,
) -> Result<impl IntoResponse, ApiError> {
    // Sizes of files are among them.
    let text = spawn_blocking(move || server.metrics.to_text())
        .await
        .map_err(|_| ApiError::Panicked)?;
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, content_type)], text))
}
