//! The sources, and the server.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::Json;
use crate::http::App;
use crate::http::error::ApiError;
use crate::http::request::query::Query;
use crate::http::response::csv::{self, Texts};
use crate::report::Phy;
use crate::views::native::{SOURCE_COLUMNS, SourceCells, SourceRow};

#[derive(Serialize)]
struct Sources<'s> {
    sources: Vec<SourceRow<'s>>,
}

/// `GET /api/v1/sources`: every scanner that has reported; there are at most `limits.sources_max`.
pub(in crate::http) async fn sources(
    State(app): State<App>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let csv = Texts::take(&mut query, &headers)?;
    query.finish()?;
    let sources = app.tracker.sources();
    if let Some(texts) = csv {
        let rows = sources.iter().map(SourceCells);
        return csv::page(&SOURCE_COLUMNS, rows, texts, None);
    }
    let answer = Json::of(&Sources {
        sources: sources.iter().map(SourceRow).collect(),
    });
    Ok(answer?.into_response())
}

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
