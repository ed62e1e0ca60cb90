//! Answers of one line of text.

use axum::http::header;
use axum::response::IntoResponse;

/// A line of plain text.
pub(in crate::http) fn line(text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain")], text)
}
