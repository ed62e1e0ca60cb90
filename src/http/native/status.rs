//! The server, and how much it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::ServerFacts;
use crate::metrics;

/// The server, and how much it has.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerStatus)]
pub(super) struct ServerStatus<'s> {
    /// Of the program.
    version: &'static str,
    /// Of this server.
    uuid: String,
    /// `server.name`.
    name: &'s str,
    /// The server's clock, in seconds since 1970.
    time: u64,
    /// For how many seconds it runs.
    uptime_s: u64,
    /// Tracked.
    devices: CountsByPhy,
    /// Ever accepted.
    reports: CountsByPhy,
    /// How often what was accepted since the start was written to disk, each time for all that waited.
    commits: u64,
    /// Scanners that have reported.
    sources: u64,
    /// Open at this moment.
    connections: u64,
}

/// One count a radio technology.
#[derive(Serialize, ToSchema)]
struct CountsByPhy {
    /// Of Wi-Fi.
    wifi: u64,
    /// Of Bluetooth.
    bluetooth: u64,
}

impl CountsByPhy {
    fn of(counts: &BTreeMap<String, u64>) -> Self {
        let count = |phy| counts.get(phy).copied().unwrap_or_default();
        Self {
            wifi: count("wifi"),
            bluetooth: count("bluetooth"),
        }
    }
}

/// `GET /api/v1/status`: the server, and how much it has.
pub(in crate::http) async fn status(
    State(server): State<Arc<ServerFacts>>,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let metrics = &server.metrics;
    let now = now();
    let uptime_s =
        now.time().seconds() - server.started_at.time().seconds().min(now.time().seconds());
    Json::compact(&ServerStatus {
        version: env!("CARGO_PKG_VERSION"),
        uuid: server.uuid.to_string().to_uppercase(),
        name: &server.config.name,
        time: now.time().seconds().into(),
        uptime_s: uptime_s.into(),
        devices: CountsByPhy::of(&metrics.by_label(&metrics::DEVICES)),
        reports: CountsByPhy::of(&metrics.by_label(&metrics::REPORTS)),
        commits: metrics.sum(&metrics::COMMITS),
        sources: metrics.sum(&metrics::SOURCES),
        connections: metrics.sum(&metrics::CONNECTIONS),
    })
}
