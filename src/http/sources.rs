//! Kismet's datasource reads.

use axum::extract::State;

use super::App;
use super::error::ApiError;
use super::extract::Argument;
use super::read::{Answer, Read};
use crate::report::SourceId;
use crate::views::kismet::SourceRecord;

/// `/datasource/all_sources.json`: every scanner that has reported.
pub(super) async fn all(State(app): State<App>, read: Read) -> Answer {
    let (sources, context) = (app.tracker.sources(), app.context());
    let records: Vec<_> = sources
        .iter()
        .map(|source| SourceRecord { source, context })
        .collect();
    read.list(&records)
}

/// `/datasource/by-uuid/{uuid}/source.json`: one scanner.
pub(super) async fn by_uuid(
    State(app): State<App>,
    Argument(uuid): Argument,
    read: Read,
) -> Result<Answer, ApiError> {
    let id: SourceId = uuid.parse()?;
    let source = app.tracker.source(id).ok_or(ApiError::NoSuchSource(id))?;
    Ok(read.one(&SourceRecord {
        source: &source,
        context: app.context(),
    }))
}
