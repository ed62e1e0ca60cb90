//! The scanners that have reported.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::auth::SourceOwners;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::response::pace::Pace;
use crate::http::response::page::{self, Slice};
use crate::http::state::RequestLimits;
use crate::ingest::Ingest;
use crate::ingest::health::SourceHealth;
use crate::log::{SourceForget, What};
use crate::report::SourceId;
use crate::tracker::{Source, Tracker};
use crate::views::native::{Scanner, SourceRow};

/// The scanners that have reported.
#[derive(Serialize, ToSchema)]
#[schema(as = Sources)]
pub(super) struct Sources<'s> {
    /// In the order in which they were seen first.
    sources: Vec<SourceRow<'s>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// A scanner that is forgotten now.
#[derive(Serialize, ToSchema)]
#[schema(as = ForgottenSource)]
pub(super) struct Forgotten {
    /// Its UUID.
    source: String,
    /// Always `true`.
    forgotten: bool,
}

/// `DELETE /api/v1/sources/{uuid}`: forgets a scanner. If it reports again, it is a new one.
pub(in crate::http) async fn forget(
    State(tracker): State<Arc<Tracker>>,
    State(ingest): State<Ingest>,
    State(owners): State<Option<Arc<SourceOwners>>>,
    Argument(uuid): Argument,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let source: SourceId = uuid.parse()?;
    if !tracker.has_source(source) {
        return Err(ApiError::NoSuchSource(source));
    }
    let order = What::SourceForget(SourceForget { source });
    ingest.submit(now(), order).await?;
    if let Some(owners) = owners {
        spawn_blocking(move || owners.release(source.uuid()))
            .await
            .map_err(|_| ApiError::Panicked)?
            .map_err(ApiError::OwnerNotWritten)?;
    }
    Json::compact(&Forgotten {
        source: source.to_string(),
        forgotten: true,
    })
}

/// `GET /api/v1/sources`: every scanner that has reported, or a page of them.
pub(in crate::http) async fn list(
    State(tracker): State<Arc<Tracker>>,
    State(limits): State<RequestLimits>,
    State(health): State<SourceHealth>,
    State(pace): State<Pace>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let csv = page::take_texts(&mut query, &headers)?;
    let slice = Slice::take(&mut query, limits.page_items_max)?;
    query.finish()?;
    let (sources, next_cursor) = slice.cut(tracker.sources());
    let scanner = |source: Source| {
        let health = health.of(source.id);
        Scanner {
            source,
            clock_offset_s: health.clock_offset_s,
            values_ignored: health.ignored_by_field.values().sum(),
        }
    };
    let sources: Vec<_> = sources.into_iter().map(scanner).collect();
    if let Some(texts) = csv {
        return Ok(page::csv(sources, texts, next_cursor, &pace).await);
    }
    page::json(&Sources {
        sources: sources.iter().map(SourceRow::of).collect(),
        next_cursor,
    })
}
