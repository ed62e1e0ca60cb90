//! JSON answers that fit in memory.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::heavy::ReadPlace;
use super::held::Held;
use crate::http::error::ApiError;
use crate::views::to_json;

/// Smaller documents need no place. Those that have a tag are among them.
const HELD_BYTES_MIN: usize = (1 << 20) + 1;

/// A JSON document.
pub(in crate::http) struct Json {
    json: Vec<u8>,
    content_type: &'static str,
}

const JSON: &str = "application/json";
/// One document a line.
pub(in crate::http) const NDJSON: &str = "application/x-ndjson";

impl Json {
    /// In Kismet's spelling: a blank behind each colon, floats with six digits.
    pub(in crate::http) fn kismet(value: &impl Serialize) -> Self {
        let mut json = Vec::new();
        to_json(&mut json, value);
        Self::written(json)
    }

    /// As short as it can be.
    pub(in crate::http) fn compact(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value)
            .map(Self::written)
            .map_err(|_| ApiError::Panicked)
    }

    /// Keeps a place until it is sent, if it is large.
    pub(in crate::http) fn held(self, place: Option<ReadPlace>) -> Response {
        match place {
            Some(place) if HELD_BYTES_MIN <= self.json.len() => {
                let body = Body::new(Held::new(self.json, place));
                ([(header::CONTENT_TYPE, self.content_type)], body).into_response()
            }
            _ => self.into_response(),
        }
    }

    /// A document that is written already.
    pub(in crate::http) fn written(json: Vec<u8>) -> Self {
        Self {
            json,
            content_type: JSON,
        }
    }

    /// The same, as another media type.
    pub(in crate::http) fn with_type(self, content_type: &'static str) -> Self {
        Self {
            content_type,
            ..self
        }
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.content_type)], self.json).into_response()
    }
}
