//! The server, and how much it has.

use axum::extract::State;
use serde_json::json;

use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::App;
use crate::report::Phy;

/// `GET /api/v1/status`: the server, and how much it has.
pub(in crate::http) async fn status(
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
    Json::compact(&json!({
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
