//! The scanners that have reported.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::auth::SourceOwners;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::sight::CommonSight;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::response::pace::Pace;
use crate::http::response::page::{self, Slice};
use crate::http::state::{RequestLimits, ServerFacts};
use crate::ingest::Ingest;
use crate::ingest::health::{Health, Refusal, SourceHealth, Unattributed};
use crate::log::{SourceForget, What};
use crate::privacy::Sight;
use crate::report::{ReceivedAt, SourceId};
use crate::tracker::{Counts, SilenceRule, Source, Tracker};
use crate::views::native::{Scanner, SourceRow, Utc};

/// The scanners that have reported.
#[derive(Serialize, ToSchema)]
#[schema(as = Sources)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]
pub(super) struct Sources<'s> {
    /// In the order in which they were seen first.
    sources: Vec<SourceRow<'s>>,
    /// The latest requests since the start that were refused and named no known scanner, the newest first. A scanner
    /// that has never succeeded is among them.
    unattributed_refusals: Vec<UnattributedRow>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// A refused request that named no known scanner.
#[derive(Serialize, ToSchema)]
#[schema(as = UnattributedRefusal)]
struct UnattributedRow {
    /// When, in seconds since 1970.
    refused: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    refused_utc: Utc,
    /// The code of the error.
    code: &'static str,
    /// The text of the error, at most 256 bytes of it.
    error: String,
    /// The program that sent it, as it calls itself, at most 256 bytes of it.
    user_agent: Option<String>,
}

impl UnattributedRow {
    fn of(unattributed: &Unattributed) -> Self {
        let refusal = &unattributed.refusal;
        Self {
            refused: refusal.at.time().seconds().into(),
            refused_utc: Utc(refusal.at.time()),
            code: refusal.code,
            error: refusal.error.to_string(),
            user_agent: unattributed.user_agent.as_deref().map(str::to_owned),
        }
    }
}

/// A scanner, with its counts by reason.
#[derive(Serialize, ToSchema)]
#[schema(as = WholeSource)]
pub(super) struct WholeSource<'s> {
    #[serde(flatten)]
    row: SourceRow<'s>,
    /// Reports of each of the last 24 hours by their own time, the oldest first. The last one is the present hour of UTC.
    reports_by_hour: Vec<u32>,
    /// How many of its requests were refused as a whole since the start, by the code of the error.
    requests_refused_by_code: BTreeMap<&'static str, u64>,
    /// How many of its reports were refused since the start, by the field that is wrong.
    reports_refused_by_field: BTreeMap<String, u64>,
    /// How many values were left out of its reports since the start, by field.
    values_ignored_by_field: BTreeMap<&'static str, u64>,
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
    view: ScannerView,
    State(limits): State<RequestLimits>,
    State(health): State<SourceHealth>,
    State(pace): State<Pace>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let csv = page::take_texts(&mut query, &headers)?;
    let slice = Slice::take(&mut query, limits.page_items_max)?;
    query.finish()?;
    let (sources, next_cursor) = slice.cut(view.tracker.sources());
    let sources = sources.into_iter();
    let sources: Vec<_> = sources
        .map(|source| {
            let health = health.of(source.id);
            view.scanner(source, &health)
        })
        .collect();
    if let Some(texts) = csv {
        return Ok(page::csv(sources, texts, next_cursor, &pace).await);
    }
    page::json(&Sources {
        sources: sources.iter().map(SourceRow::of).collect(),
        unattributed_refusals: health
            .unattributed()
            .iter()
            .map(UnattributedRow::of)
            .collect(),
        next_cursor,
    })
}

/// `GET /api/v1/sources/{uuid}`: a scanner.
pub(in crate::http) async fn one(
    view: ScannerView,
    State(health): State<SourceHealth>,
    Argument(uuid): Argument,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let id: SourceId = uuid.parse()?;
    let source = view.tracker.source(id);
    let source = source.ok_or(ApiError::NoSuchSource(id))?;
    let health = health.of(id);
    let counts = source.activity.counts();
    let counts = counts.map(|counts| counts.as_of(view.now.time()));
    let scanner = view.scanner(source, &health);
    Json::compact(&WholeSource {
        row: SourceRow::of(&scanner),
        reports_by_hour: counts.map_or_else(|| vec![0; HOURS], |counts| by_hour(&counts)),
        requests_refused_by_code: health.requests_refused,
        reports_refused_by_field: health
            .reports_refused
            .into_iter()
            .map(|(field, count)| (field.into(), count))
            .collect(),
        values_ignored_by_field: health.ignored_by_field,
    })
}

/// Hours of a source's activity.
const HOURS: usize = 24;

/// Reports of the last hours, the oldest first.
fn by_hour(counts: &Counts) -> Vec<u32> {
    let newest = usize::try_from(counts.newest.seconds() / 3600).unwrap_or_default();
    let hours = (0..HOURS).rev().map(|back| {
        let at = newest.saturating_sub(back) % HOURS;
        counts.hours.get(at).copied().unwrap_or_default()
    });
    hours.collect()
}

/// What a scanner's state depends on besides the scanner.
pub(in crate::http) struct ScannerView {
    tracker: Arc<Tracker>,
    paused: Arc<HashSet<SourceId>>,
    rule: SilenceRule,
    started_at: ReceivedAt,
    now: ReceivedAt,
    /// What the client sees.
    sight: Sight,
}

impl<S> FromRequestParts<S> for ScannerView
where
    Arc<Tracker>: FromRef<S>,
    Arc<ServerFacts>: FromRef<S>,
    CommonSight: FromRef<S>,
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let tracker = Arc::<Tracker>::from_ref(state);
        Ok(Self {
            paused: tracker.paused(),
            tracker,
            rule: RequestLimits::from_ref(state).silence,
            started_at: Arc::<ServerFacts>::from_ref(state).started_at,
            now: now(),
            sight: CommonSight::from_ref(state).of(&parts.extensions),
        })
    }
}

impl ScannerView {
    fn scanner(&self, mut source: Source, health: &Health) -> Scanner {
        let place = source.place;
        source.place = place.filter(|place| self.sight.shows_place(place.value));
        let source_id = source.id;
        let pace = self.tracker.pace(source_id);
        let counts_from = source.last_contact.max(self.started_at);
        let is_silent = pace.is_some_and(|pace| pace.is_silent(self.rule, counts_from, self.now));
        let counts = source.activity.counts();
        let counts = counts.map(|counts| counts.as_of(self.now.time()));
        let minutes = counts.iter().flat_map(|counts| counts.minutes);
        Scanner {
            reports_last_hour: minutes.map(u64::from).sum(),
            source,
            clock_offset_s: health.clock_offset_s,
            values_ignored: health.ignored_by_field.values().sum(),
            expected_interval_s: pace.map(|pace| pace.interval_s),
            is_silent,
            is_paused: self.paused.contains(&source_id),
            accepted: (health.reports, health.late),
            refused: (
                health.requests_refused.values().sum(),
                health.reports_refused.values().sum(),
            ),
            last_refusal: health.last_refusal.clone().map(|refusal| {
                let Refusal { at, code, error } = refusal;
                (at, code, error)
            }),
            user_agent: health.user_agent.clone(),
        }
    }
}
