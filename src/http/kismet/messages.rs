//! Kismet's message bus: what the server said.

use std::sync::Arc;

use axum::extract::State;

use super::command::Read;
use super::device_view::Since;
use crate::events::{Events, Message};
use crate::http::clock::now;
use crate::http::response::json::Json;
use crate::tracker::Tracker;
use crate::views::kismet::{MessageList, MessageRecord};

/// `/messagebus/all_messages`: the latest messages.
pub(in crate::http) async fn all(
    State(events): State<Events>,
    State(tracker): State<Arc<Tracker>>,
    read: Read,
) -> Json {
    let messages = latest(&events, &read, &tracker);
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
    State(tracker): State<Arc<Tracker>>,
    Since(since): Since,
    read: Read,
) -> Json {
    let messages = latest(&events, &read, &tracker);
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

/// The latest messages that the client sees.
fn latest(events: &Events, read: &Read, tracker: &Tracker) -> Vec<Arc<Message>> {
    let mut messages = events.latest_messages();
    messages.retain(|message| read.sight.shows_text(&message.text, tracker));
    messages
}
