//! Kismet's datasource reads.

use axum::extract::State;
use axum::response::IntoResponse;

use super::App;
use super::error::ApiError;
use super::extract::Argument;
use super::json::KismetJson;
use crate::report::SourceId;
use crate::views::kismet::SourceRecord;

/// `/datasource/all_sources.json`: every scanner that has reported.
pub(super) async fn all(State(app): State<App>) -> impl IntoResponse {
    let (sources, context) = (app.tracker.sources(), app.context());
    let records: Vec<_> = sources
        .iter()
        .map(|source| SourceRecord { source, context })
        .collect();
    KismetJson::of(&records)
}

/// `/datasource/by-uuid/{uuid}/source.json`: one scanner.
pub(super) async fn by_uuid(
    State(app): State<App>,
    Argument(uuid): Argument,
) -> Result<impl IntoResponse, ApiError> {
    let id: SourceId = uuid.parse()?;
    let source = app.tracker.source(id).ok_or(ApiError::NoSuchSource(id))?;
    Ok(KismetJson::of(&SourceRecord {
        source: &source,
        context: app.context(),
    }))
}
