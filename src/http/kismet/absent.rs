//! Kismet's reads of what a server without radios has none of: clients would break on a 404. And its commands that
//! no such server can follow, which say why.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::command::Read;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::response::json::Json;
use crate::http::state::ServerFacts;
use crate::tracker::Tracker;
use crate::views::kismet::{PacketStats, ServerLocation, SourceDefaults};

/// A command that opens a radio.
pub(in crate::http) async fn no_radio(_: Read) -> ApiError {
    ApiError::Impossible("this server opens no radio: a source is there when a scanner reports")
}

/// A command about the server's own GPS receiver, or its own place.
pub(in crate::http) async fn no_receiver(_: Read) -> ApiError {
    ApiError::Impossible(
        "this server has no place of its own: each report has the position of its scanner",
    )
}

/// A command that begins or ends a log.
pub(in crate::http) async fn one_log(_: Read) -> ApiError {
    ApiError::Impossible(
        "there is one log of reports, and it is always written: what is acknowledged has to be in it",
    )
}

/// `/gps/by-uuid/{uuid}/location`.
pub(in crate::http) async fn receiver(_: Read) -> ApiError {
    ApiError::NoReceiver
}

/// A list without items.
pub(in crate::http) async fn list(read: Read) -> Json {
    read.list::<()>(&[])
}

/// A map without entries.
pub(in crate::http) async fn map(read: Read) -> Json {
    read.one(&json!({}))
}

/// `/datasource/defaults`.
pub(in crate::http) async fn source_defaults(read: Read) -> Json {
    read.one(&SourceDefaults)
}

/// `/gps/location`: the server has no receiver; the scanner that had a fix last says where it was.
pub(in crate::http) async fn location(State(tracker): State<Arc<Tracker>>, read: Read) -> Json {
    let is_shown = |place| read.sight.shows_place(place);
    read.one(&ServerLocation::of(&tracker, is_shown))
}

/// `/packetchain/packet_stats`.
pub(in crate::http) async fn packet_stats(
    State(tracker): State<Arc<Tracker>>,
    State(server): State<Arc<ServerFacts>>,
    read: Read,
) -> Json {
    let received = server.samples.reports();
    read.one(&PacketStats::of(&tracker, received, now().time()))
}

/// `/packetchain/packet_{kind}`: one of them.
pub(in crate::http) async fn packet_stat(
    State(tracker): State<Arc<Tracker>>,
    State(server): State<Arc<ServerFacts>>,
    Argument(kind): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let stats = PacketStats::of(&tracker, server.samples.reports(), now().time());
    let name = match kind.as_str() {
        "packet_peak" => "kismet.packetchain.peak_packets_rrd",
        "packet_rate" => "kismet.packetchain.packets_rrd",
        "packet_error" => "kismet.packetchain.error_packets_rrd",
        "packet_dupe" => "kismet.packetchain.dupe_packets_rrd",
        "packet_drop" => "kismet.packetchain.dropped_packets_rrd",
        "packet_processed" => "kismet.packetchain.processed_packets_rrd",
        _ => return Err(ApiError::NoSuchPath),
    };
    let mut json = Vec::new();
    crate::views::find(&mut json, &stats, &[name], crate::views::Style::default());
    let value: Value = serde_json::from_slice(&json).map_err(|_| ApiError::Panicked)?;
    Ok(read.one(&value))
}

/// `/system/user_status`.
pub(in crate::http) async fn user_status(
    State(server): State<Arc<ServerFacts>>,
    read: Read,
) -> Json {
    read.one(&json!({ "kismet.system.user": server.process.user() }))
}
