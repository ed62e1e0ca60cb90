//! Alerts, the newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::{Alert, AlertStore, Severity};
use crate::http::error::ApiError;
use crate::http::guard::sight::shows_alert;
use crate::http::request::query::Query;
use crate::http::response::pace::Pace;
use crate::http::response::page;
use crate::http::state::RequestLimits;
use crate::privacy::Sight;
use crate::report::{MacAddr, UnixTime};
use crate::tracker::Tracker;
use crate::views::native::HandledAlert;

/// A page of alerts.
#[derive(Serialize, ToSchema)]
#[schema(as = Alerts)]
pub(super) struct Alerts<'a> {
    /// The newest first.
    alerts: Vec<HandledAlert<'a>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// All of these have to hold.
struct Filter {
    rule: Option<String>,
    severity_min: Option<Severity>,
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    address: Option<MacAddr>,
    acknowledged: Option<bool>,
}

impl Filter {
    fn wants(&self, alert: &Alert) -> bool {
        let raised = &alert.raised;
        let at = raised.raised_at.time();
        let is_of = |rule: &String| raised.header.eq_ignore_ascii_case(rule);
        self.rule.as_ref().is_none_or(is_of)
            && self.severity_min.is_none_or(|min| min <= raised.severity)
            && self.since.is_none_or(|since| since <= at)
            && self.until.is_none_or(|until| at <= until)
            && self.address.is_none_or(|addr| raised.addresses.name(addr))
            && self
                .acknowledged
                .is_none_or(|wanted| wanted == alert.handling.acknowledged.is_some())
    }
}

/// The newest alerts that are wanted and that the client sees.
fn find(
    (store, tracker, sight): (&AlertStore, &Tracker, &Sight),
    filter: &Filter,
    mut before: Option<u64>,
    count: usize,
) -> Vec<Arc<Alert>> {
    let mut found = Vec::new();
    loop {
        let asked = count - found.len();
        let alerts = store.newest(before, asked, |alert| filter.wants(alert));
        let is_last = alerts.len() < asked;
        before = alerts.last().map(|alert| alert.number);
        found.extend(
            alerts
                .into_iter()
                .filter(|alert| shows_alert(sight, alert, tracker)),
        );
        if is_last || count <= found.len() {
            return found;
        }
    }
}

/// `GET /api/v1/alerts`: a page of alerts.
pub(in crate::http) async fn list(
    State(store): State<AlertStore>,
    State(tracker): State<Arc<Tracker>>,
    sight: Sight,
    State(limits): State<RequestLimits>,
    State(pace): State<Pace>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let limit = query.take_limit(limits.page_items_max)?;
    let before = query.take_with("cursor", |text| {
        text.parse::<u64>()
            .map_err(|_| "not one that an earlier page returned")
    })?;
    let filter = Filter {
        rule: query.take("rule")?,
        severity_min: query.take_with("severity_min", |text| {
            Severity::read(text).ok_or("expected info, low, medium, high or critical")
        })?,
        since: query.take_time("since")?,
        until: query.take_time("until")?,
        address: query.take_with("address", str::parse::<MacAddr>)?,
        acknowledged: query.take_with("acknowledged", |text| {
            text.parse::<bool>().map_err(|_| "expected true or false")
        })?,
    };
    let csv = page::take_texts(&mut query, &headers)?;
    query.finish()?;
    let mut alerts = find((&store, &tracker, &sight), &filter, before, limit + 1);
    let has_more = limit < alerts.len();
    alerts.truncate(limit);
    let last = alerts.last().filter(|_| has_more);
    let next_cursor = last.map(|last| last.number.to_string());
    if let Some(texts) = csv {
        return Ok(page::csv(alerts, texts, next_cursor, &pace).await);
    }
    page::json(&Alerts {
        alerts: alerts.iter().map(|alert| HandledAlert::of(alert)).collect(),
        next_cursor,
    })
}
