//! Kismet's message bus: what the server said.

use axum::extract::State;

use super::command::Read;
use super::device_view::Since;
use crate::events::Events;
use crate::http::clock::now;
use crate::http::response::json::Json;
use crate::views::kismet::{MessageList, MessageRecord};

/// `/messagebus/all_messages`: the latest messages.
pub(in crate::http) async fn all(State(events): State<Events>, read: Read) -> Json {
    let messages = events.latest_messages();
    let records: Vec<_> = messages
        .iter()
        .map(|message| MessageRecord(message))
        .collect();
    read.list(&records)
}

/// `/messagebus/last-time/{timestamp}/messages`: those of the latest messages that were said since then.
///
/// The second itself is included, so that no message in it is missed.
pub(in crate::http) async fn said_since(
    State(events): State<Events>,
    Since(since): Since,
    read: Read,
) -> Json {
    let messages = events.latest_messages();
    let records: Vec<_> = messages
        .iter()
        .filter(|message| since <= message.time)
        .map(|message| MessageRecord(message))
        .collect();
    read.one(&MessageList {
        messages: &records,
        now: now().time(),
    })
}
