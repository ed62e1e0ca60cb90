//! Kismet's reads that look through all devices: networks by name, and channels.

use std::sync::Arc;

use axum::extract::State;
use tokio::task::spawn_blocking;

use super::command::Read;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::turns::Turns;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::time::moment;
use crate::http::response::json::Json;
use crate::report::Ssid;
use crate::tracker::{Device, Tracker, Walk};
use crate::views::kismet::{Channels, SsidGroup, SsidGroups, hash_of};

/// `/phy/phy80211/ssids/views/ssids`: networks by name.
pub(in crate::http) async fn ssids(
    State(tracker): State<Arc<Tracker>>,
    State(turns): State<Turns>,
    read: Read,
) -> Result<Json, ApiError> {
    let since = match read.command.get("last_time") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::Number(since)) => Some(moment(&since.to_string(), now().time())?),
        Some(_) => return Err(BadParameter::new("last_time", "expected a number").into()),
    };
    let answer = groups(
        (tracker, turns),
        |_| true,
        move |mut groups| {
            groups.retain(|group| since.is_none_or(|since| since <= group.modified_at()));
            read.table(&groups)
        },
    );
    answer.await?
}

/// `/phy/phy80211/ssids/by-hash/{hash}/ssid`: one of them.
pub(in crate::http) async fn ssid(
    State(tracker): State<Arc<Tracker>>,
    State(turns): State<Turns>,
    Argument(hash): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let hash: u32 = hash
        .parse()
        .map_err(|_| BadParameter::new("hash", "expected a number of 32 bits"))?;
    let groups = groups(
        (tracker, turns),
        move |ssid| hash_of(ssid) == hash,
        |groups| groups,
    );
    match groups.await?.first() {
        Some(group) => Ok(read.one(group)),
        None => Err(ApiError::NoSuchSsid(hash)),
    }
}

/// `/channels/channels`: what there is on each channel.
pub(in crate::http) async fn channels(
    State(tracker): State<Arc<Tracker>>,
    State(turns): State<Turns>,
    read: Read,
) -> Result<Json, ApiError> {
    let channels = Channels::new(now().time());
    fold((tracker, turns), channels, Channels::add, move |channels| {
        read.one(&channels)
    })
    .await
}

async fn groups<A: Send + 'static>(
    walked: (Arc<Tracker>, Turns),
    wanted: impl Fn(&Ssid) -> bool + Send + 'static,
    answer: impl FnOnce(Vec<SsidGroup>) -> A + Send + 'static,
) -> Result<A, ApiError> {
    let add = move |groups: &mut SsidGroups, device: &Device| groups.add(device, &wanted);
    fold(walked, SsidGroups::default(), add, |groups| {
        answer(groups.into_groups())
    })
    .await
}

/// Looks at every device, a few at a time, and answers from that, away from the threads that serve connections.
async fn fold<T: Send + 'static, A: Send + 'static>(
    (tracker, turns): (Arc<Tracker>, Turns),
    mut state: T,
    add: impl Fn(&mut T, &Device) + Send + 'static,
    answer: impl FnOnce(T) -> A + Send + 'static,
) -> Result<A, ApiError> {
    let turn = turns.take().await;
    spawn_blocking(move || {
        let mut walk = Walk::over_all();
        while let Some(devices) = tracker.next_devices(&mut walk, 256, |_| true) {
            for device in &devices {
                add(&mut state, device);
            }
        }
        let answer = answer(state);
        drop(turn);
        answer
    })
    .await
    .map_err(|_| ApiError::Panicked)
}
