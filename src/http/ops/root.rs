//! The root: programs ask for it to learn whether a server is there.

use axum::response::IntoResponse;

use crate::http::response::text::line;

/// `GET /`.
pub(super) async fn root() -> impl IntoResponse {
    line("scanpost is running; /api/openapi.json lists all paths\n")
}
