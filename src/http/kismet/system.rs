//! Kismet's reads about the server itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use super::command::Read;
use super::records::Records;
use crate::http::clock::now;
use crate::http::response::json::Json;
use crate::http::state::ServerFacts;
use crate::metrics::{self, Metrics};
use crate::tracker::Tracker;
use crate::views::kismet::{PhyRecord, StatisticsRecord, Status, TimestampRecord, fields_page};

/// `/phy/all_phys.json`: the radio technologies.
pub(in crate::http) async fn phys(State(tracker): State<Arc<Tracker>>, read: Read) -> Json {
    read.list(&PhyRecord::all(&tracker))
}

/// `/system/timestamp.json`: the server's clock.
pub(in crate::http) async fn timestamp(read: Read) -> Json {
    read.one(&TimestampRecord(now()))
}

/// `/system/tracked_fields.html`: all fields, for people.
pub(in crate::http) async fn tracked_fields() -> Html<String> {
    Html(fields_page())
}

/// `/system/status.json`: how the server is.
pub(in crate::http) async fn status(
    State(records): State<Records>,
    State(server): State<Arc<ServerFacts>>,
    read: Read,
) -> Json {
    let context = records.context();
    let memory_kb = memory_kb(&server.metrics);
    let devices = server.metrics.sum(&metrics::DEVICES);
    let (memory_history, device_history) = server
        .samples
        .memory_and_devices(context.now, (memory_kb, devices));
    read.one(&Status {
        context,
        now: now(),
        started_at: server.started_at,
        memory_kb,
        memory_history,
        devices,
        device_history,
        connections: server.metrics.sum(&metrics::CONNECTIONS),
        user: server.process.user(),
        name: &server.config.name,
        description: &server.config.description,
        location: &server.config.location,
    })
}

/// How the server is, in short.
pub(super) fn statistics(metrics: &Metrics) -> StatisticsRecord {
    StatisticsRecord {
        connections: metrics.sum(&metrics::CONNECTIONS),
        memory_kb: memory_kb(metrics),
        devices: metrics.sum(&metrics::DEVICES),
    }
}

/// Memory in use by this process, in kB; 0 where the system does not tell.
pub(super) fn memory_kb(metrics: &Metrics) -> u64 {
    metrics.sum(&metrics::MEMORY) / 1024
}
