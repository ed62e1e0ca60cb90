//! The scanners that have reported.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::csv::{self, Texts};
use crate::http::response::json::Json;
use crate::tracker::Tracker;
use crate::views::native::{SOURCE_COLUMNS, SourceCells, SourceRow};

#[derive(Serialize)]
struct Sources<'s> {
    sources: Vec<SourceRow<'s>>,
}

/// `GET /api/v1/sources`: every scanner that has reported; there are at most `limits.sources_max`.
pub(in crate::http) async fn list(
    State(tracker): State<Arc<Tracker>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let csv = Texts::take(&mut query, &headers)?;
    query.finish()?;
    let sources = tracker.sources();
    if let Some(texts) = csv {
        let rows = sources.iter().map(SourceCells);
        return csv::page(&SOURCE_COLUMNS, rows, texts, None);
    }
    let answer = Json::compact(&Sources {
        sources: sources.iter().map(SourceRow).collect(),
    });
    Ok(answer?.into_response())
}
