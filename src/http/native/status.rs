//! The server, and how much it has.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::ServerFacts;
use crate::ingest::Ingest;
use crate::report::Phy;
use crate::tracker::Tracker;

/// `GET /api/v1/status`: the server, and how much it has.
pub(in crate::http) async fn status(
    State(tracker): State<Arc<Tracker>>,
    State(ingest): State<Ingest>,
    State(server): State<Arc<ServerFacts>>,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let (wifi, bluetooth) = (tracker.totals(Phy::Wifi), tracker.totals(Phy::Bluetooth));
    let now = now();
    let uptime_s =
        now.time().seconds() - server.started_at.time().seconds().min(now.time().seconds());
    Json::compact(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uuid": server.uuid.to_string().to_uppercase(),
        "name": server.config.name,
        "time": now.time().seconds(),
        "uptime_s": uptime_s,
        "devices": { "wifi": wifi.devices, "bluetooth": bluetooth.devices },
        "reports": { "wifi": wifi.reports, "bluetooth": bluetooth.reports },
        "commits": ingest.commits(),
        "sources": tracker.sources().len(),
        "connections": server.open_connections.get(),
    }))
}
