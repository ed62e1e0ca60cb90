//! Networks by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::Filter;
use super::text_of_hex;
use crate::hex::Hex;
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::heavy::{Abandoned, Paced, Walks};
use crate::http::response::pace::Pace;
use crate::http::response::page;
use crate::http::state::RequestLimits;
use crate::privacy::Sight;
use crate::report::capabilities::Security;
use crate::tracker::{Device, Radio, Tracker, Walk};
use crate::views::list::Rows;

/// The names of a network's values.
const COLUMNS: [&str; 6] = [
    "ssid",
    "access_points",
    "reports",
    "first_seen",
    "last_seen",
    "security",
];

/// A page of networks, in the order of their names.
#[derive(Serialize, ToSchema)]
#[schema(as = Networks)]
pub(super) struct Ssids {
    /// Each name once; hidden ones have none.
    ssids: Vec<Network>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// All access points that show one name.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Network {
    /// The name.
    ssid: String,
    /// How many show it.
    access_points: u64,
    /// How many reports there were of it.
    reports: u64,
    /// By the reports' own times, in seconds since 1970.
    first_seen: u64,
    /// By the reports' own times, in seconds since 1970.
    last_seen: u64,
    /// The classes of its access points, each once, in order; in CSV with blanks between.
    security: Vec<&'static str>,
}

impl Rows for Network {
    const COLUMNS: &'static [&'static str] = &COLUMNS;

    fn rows(&self) -> impl Iterator<Item: Serialize> {
        std::iter::once(self)
    }
}

/// `GET /api/v1/ssids`: networks by name.
pub(in crate::http) async fn list(
    State(tracker): State<Arc<Tracker>>,
    walks: Walks,
    State(limits): State<RequestLimits>,
    State(pace): State<Pace>,
    sight: Sight,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let limit = query.take_limit(limits.page_items_max)?;
    let after = query.take_with("cursor", |text| {
        text_of_hex(text).ok_or("not one that an earlier page returned")
    })?;
    let filter = Filter::take(&mut query, &tracker, sight)?;
    let csv = page::take_texts(&mut query, &headers)?;
    query.finish()?;
    let found =
        walks.walk(move |paced| find((&tracker, paced), &filter, after.as_deref(), limit + 1));
    let mut networks = found.await?;
    let has_more = limit < networks.len();
    networks.truncate(limit);
    let last = networks.last().filter(|_| has_more);
    let next_cursor = last.map(|last| Hex(last.ssid.as_bytes()).to_string());
    if let Some(texts) = csv {
        return Ok(page::csv(networks, texts, next_cursor, &pace).await);
    }
    page::json(&Ssids {
        ssids: networks,
        next_cursor,
    })
}

/// The first networks behind a name, in the order of names; hidden ones have none.
fn find(
    (tracker, paced): (&Tracker, &mut Paced),
    filter: &Filter,
    after: Option<&str>,
    count: usize,
) -> Result<Vec<Network>, Abandoned> {
    let mut networks: BTreeMap<String, Network> = BTreeMap::new();
    let mut look = |device: &Device| {
        let Radio::Wifi(wifi) = &device.radio else {
            return;
        };
        if !filter.wants(device) {
            return;
        }
        for record in wifi.ssids.iter().filter(|record| !record.ssid.is_hidden()) {
            let ssid = record.ssid.to_string();
            if after.is_some_and(|after| ssid.as_str() <= after) {
                continue;
            }
            let (first, last) = (
                record.first_time.seconds().into(),
                record.last_time.seconds().into(),
            );
            let network = networks.entry(ssid.clone()).or_insert_with(|| Network {
                ssid,
                access_points: 0,
                reports: 0,
                first_seen: first,
                last_seen: last,
                security: Vec::new(),
            });
            network.access_points += 1;
            network.reports += record.reports;
            network.first_seen = network.first_seen.min(first);
            network.last_seen = network.last_seen.max(last);
            let security = record
                .security
                .map_or(Security::UNKNOWN, |latest| latest.value.security);
            let class = security.class().as_str();
            if let Err(place) = network.security.binary_search(&class) {
                network.security.insert(place, class);
            }
            // What is behind the page can only get further behind it.
            if count < networks.len() {
                networks.pop_last();
            }
        }
    };
    let mut walk = Walk::over_all();
    while tracker.look_at_next(&mut walk, &mut look) {
        paced.pause()?;
    }
    Ok(networks.into_values().collect())
}
