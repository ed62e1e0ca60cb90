//! Lists as CSV, for those who ask for it.

use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::super::error::ApiError;

/// Where a page of CSV tells what a page of JSON has as `next_cursor`.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

pub(super) fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| {
        let mut kinds = accept
            .split(',')
            .map(|kind| kind.split(';').next().unwrap_or_default());
        kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
    })
}

/// The rows, each the values of an object by the names of the columns.
pub(super) fn csv(
    columns: &[&str],
    rows: &[impl Serialize],
    next_cursor: Option<String>,
) -> Result<Response, ApiError> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let written = writer.write_record(columns).and_then(|()| {
        rows.iter().try_for_each(|row| {
            let row = serde_json::to_value(row).unwrap_or_default();
            writer.write_record(columns.iter().map(|column| match row.get(column) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            }))
        })
    });
    written.map_err(|_| ApiError::Panicked)?;
    let text = writer.into_inner().map_err(|_| ApiError::Panicked)?;
    let mut response = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response();
    if let Some(cursor) = next_cursor.and_then(|cursor| cursor.parse().ok()) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}
