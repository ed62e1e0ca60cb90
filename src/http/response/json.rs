//! Small answers in Kismet's JSON.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::views::to_json;

/// An answer that fits in memory.
pub(in crate::http) struct KismetJson(Vec<u8>);

impl KismetJson {
    pub(in crate::http) fn of(value: &impl Serialize) -> Self {
        let mut json = Vec::new();
        to_json(&mut json, value);
        Self(json)
    }
}

impl IntoResponse for KismetJson {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}
