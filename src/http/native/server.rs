//! The sources, and the server.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;

use super::super::App;
use super::super::error::ApiError;
use super::super::query::Query;
use super::Json;
use crate::report::Phy;
use crate::views::native::SourceRow;

#[derive(Serialize)]
struct Sources<'s> {
    sources: Vec<SourceRow<'s>>,
}

/// `GET /api/v1/sources`: every scanner that has reported; there are at most `limits.sources_max`.
pub(in super::super) async fn sources(
    State(app): State<App>,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let sources = app.tracker.sources();
    Json::of(&Sources {
        sources: sources.iter().map(SourceRow).collect(),
    })
}

/// `GET /api/v1/status`: the server, and how much it has.
pub(in super::super) async fn status(
    State(app): State<App>,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let (wifi, bluetooth) = (
        app.tracker.totals(Phy::Wifi),
        app.tracker.totals(Phy::Bluetooth),
    );
    let now = App::now();
    let uptime_s = now.time().seconds() - app.started_at.time().seconds().min(now.time().seconds());
    Json::of(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uuid": app.server_uuid.to_string().to_uppercase(),
        "name": app.server.name,
        "time": now.time().seconds(),
        "uptime_s": uptime_s,
        "devices": { "wifi": wifi.devices, "bluetooth": bluetooth.devices },
        "reports": { "wifi": wifi.reports, "bluetooth": bluetooth.reports },
        "commits": app.ingest.commits(),
        "sources": app.tracker.sources().len(),
        "connections": app.open_connections.get(),
    }))
}
