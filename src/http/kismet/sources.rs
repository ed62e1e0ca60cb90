//! Kismet's datasources: reads of them, and what may be done to them.

use axum::extract::State;

use super::command::Read;
use super::records::Records;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::response::heavy::Walks;
use crate::http::response::json::Json;
use crate::ingest::{Ingest, IngestError};
use crate::log::{SourcePause, SourceState, What};
use crate::report::SourceId;
use crate::tracker::Source;

/// `/datasource/all_sources`: every scanner that has reported.
pub(in crate::http) async fn all(
    State(records): State<Records>,
    walks: Walks,
    read: Read,
) -> Result<Json, ApiError> {
    let list = walks.walk(move |paced| {
        let known = records.tracker.sources();
        let mut sources = Vec::with_capacity(known.len());
        for source in &known {
            paced.pause()?;
            sources.push(records.source(source));
        }
        Ok(read.list(&sources))
    });
    list.await
}

/// `/datasource/by-uuid/{uuid}/source`: one scanner.
///
/// Also what closing, disabling and opening it answer: like Kismet's virtual sources it has nothing that could be
/// closed, and goes on reporting.
pub(in crate::http) async fn by_uuid(
    State(records): State<Records>,
    Argument(uuid): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let source = known(&records, &uuid)?;
    Ok(read.one(&records.source(&source)))
}

/// `/datasource/by-uuid/{uuid}/pause_source`: marks a scanner as paused. Its reports are taken all the same.
pub(in crate::http) async fn pause(
    State(records): State<Records>,
    State(ingest): State<Ingest>,
    Argument(uuid): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let source = known(&records, &uuid)?;
    if records.tracker.paused().contains(&source.id) {
        return Err(ApiError::AlreadyPaused);
    }
    set_state(&ingest, source.id, SourceState::Paused).await?;
    Ok(read.one(&records.source(&source)))
}

/// `/datasource/by-uuid/{uuid}/resume_source`: takes that mark away.
pub(in crate::http) async fn resume(
    State(records): State<Records>,
    State(ingest): State<Ingest>,
    Argument(uuid): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let source = known(&records, &uuid)?;
    if !records.tracker.paused().contains(&source.id) {
        return Err(ApiError::NotPaused);
    }
    set_state(&ingest, source.id, SourceState::Open).await?;
    Ok(read.one(&records.source(&source)))
}

/// `/datasource/by-uuid/{uuid}/set_channel`, `…/set_hop`: a virtual source has no radio that could be tuned.
pub(in crate::http) async fn tune(
    State(records): State<Records>,
    Argument(uuid): Argument,
    _: Read,
) -> Result<Json, ApiError> {
    known(&records, &uuid)?;
    Err(ApiError::Impossible(
        "a scanner tunes its radio itself, this server only takes its reports",
    ))
}

fn known(records: &Records, uuid: &str) -> Result<Source, ApiError> {
    let id: SourceId = uuid.parse()?;
    records.tracker.source(id).ok_or(ApiError::NoSuchSource(id))
}

async fn set_state(
    ingest: &Ingest,
    source: SourceId,
    state: SourceState,
) -> Result<(), IngestError> {
    let pause = SourcePause { source, state };
    ingest.submit(now(), What::SourcePause(pause)).await?;
    Ok(())
}
