//! Kismet's datasources: reads of them, and what may be done to them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;

use super::command::Read;
use super::records::Records;
use crate::alerts::AlertStore;
use crate::events::{Event, Events, Severity};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::response::json::Json;
use crate::report::SourceId;
use crate::tracker::Source;
use crate::views::Style;
use crate::views::kismet::{Context, SourceRecord, Sources};

/// Which sources somebody has paused.
///
/// In memory only: a pause says nothing of what was reported, which is all that the log keeps, and with Kismet too
/// it ends with the process. Only known sources are paused, so there are never more than of those.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct SourceStates(Arc<Mutex<Arc<HashSet<SourceId>>>>);

impl SourceStates {
    /// The record of a source as it is now.
    pub(in crate::http) fn record<'s>(
        &self,
        context: Context,
        source: &'s Source,
    ) -> SourceRecord<'s> {
        SourceRecord {
            source,
            context,
            is_paused: self.paused().contains(&source.id),
        }
    }

    /// What devices show of the sources that saw them, and of alerts.
    pub(in crate::http) fn shown(&self, style: Style, alerts: &AlertStore) -> Sources {
        Sources::new(style, Arc::clone(&self.paused()), alerts.clone())
    }

    /// Whether this changes anything.
    fn set_paused(&self, id: SourceId, is_paused: bool) -> bool {
        let mut paused = self.paused();
        let paused = Arc::make_mut(&mut paused);
        if is_paused {
            paused.insert(id)
        } else {
            paused.remove(&id)
        }
    }

    fn paused(&self) -> MutexGuard<'_, Arc<HashSet<SourceId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `/datasource/all_sources`: every scanner that has reported.
pub(in crate::http) async fn all(State(records): State<Records>, read: Read) -> Json {
    let sources = records.tracker.sources();
    let sources: Vec<_> = sources
        .iter()
        .map(|source| records.source(source))
        .collect();
    read.list(&sources)
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
    State(events): State<Events>,
    Argument(uuid): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let source = known(&records, &uuid)?;
    if !records.sources.set_paused(source.id, true) {
        return Err(ApiError::AlreadyPaused);
    }
    tell(&events, &source, "Pausing", Event::SourcePaused(source.id));
    Ok(read.one(&records.source(&source)))
}

/// `/datasource/by-uuid/{uuid}/resume_source`: takes that mark away.
pub(in crate::http) async fn resume(
    State(records): State<Records>,
    State(events): State<Events>,
    Argument(uuid): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let source = known(&records, &uuid)?;
    if !records.sources.set_paused(source.id, false) {
        return Err(ApiError::NotPaused);
    }
    tell(
        &events,
        &source,
        "Resuming",
        Event::SourceResumed(source.id),
    );
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

fn tell(events: &Events, source: &Source, done: &str, event: Event) {
    events.emit(event);
    let (name, id) = (&source.name, source.id);
    events.say(Severity::Info, now(), || {
        format!("{done} source '{name}' ({id})")
    });
}
