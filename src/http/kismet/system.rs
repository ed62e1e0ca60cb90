//! Kismet's reads about the server itself.

use axum::extract::State;
use axum::response::Html;

use super::command::Read;
use crate::http::response::json::Json;
use crate::http::state::App;
use crate::views::kismet::{PhyRecord, StatisticsRecord, Status, TimestampRecord, fields_page};

/// `/phy/all_phys.json`: the radio technologies.
pub(in crate::http) async fn phys(State(app): State<App>, read: Read) -> Json {
    read.list(&PhyRecord::all(&app.tracker))
}

/// `/system/timestamp.json`: the server's clock.
pub(in crate::http) async fn timestamp(read: Read) -> Json {
    read.one(&TimestampRecord(App::now()))
}

/// `/system/tracked_fields.html`: all fields, for people.
pub(in crate::http) async fn tracked_fields() -> Html<String> {
    Html(fields_page())
}

/// `/system/status.json`: how the server is.
pub(in crate::http) async fn status(State(app): State<App>, read: Read) -> Json {
    let user = std::env::var("USER").unwrap_or_default();
    read.one(&Status {
        context: app.context(),
        now: App::now(),
        started_at: app.started_at,
        memory_kb: memory_kb(),
        devices: device_count(&app),
        connections: app.open_connections.get(),
        user: &user,
        name: &app.server.name,
        description: &app.server.description,
        location: &app.server.location,
    })
}

/// How the server is, in short.
pub(super) fn statistics(app: &App) -> StatisticsRecord {
    StatisticsRecord {
        connections: app.open_connections.get(),
        memory_kb: memory_kb(),
        devices: device_count(app),
    }
}

fn device_count(app: &App) -> u64 {
    u64::try_from(app.tracker.device_count()).unwrap_or(u64::MAX)
}

/// Memory in use by this process, in kB; 0 where the system does not tell.
fn memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok())
        .unwrap_or_default()
}
