//! Kismet's reads that look through all devices: networks by name, and channels.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::command::{Arrangement, Read};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::time::moment;
use crate::http::response::heavy::Walks;
use crate::http::response::json::Json;
use crate::privacy::Sight;
use crate::report::Ssid;
use crate::tracker::{Device, Tracker, Walk};
use crate::views::kismet::{Channels, SsidGroup, SsidGroups, hash_of};

/// Devices that are copied out at a time.
const DEVICES_PER_STEP: usize = 64;

/// `/phy/phy80211/ssids/views/ssids`: networks by name.
pub(in crate::http) async fn ssids(
    State(tracker): State<Arc<Tracker>>,
    walks: Walks,
    read: Read,
) -> Result<Response, ApiError> {
    let since = match read.command.get("last_time") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::Number(since)) => Some(moment(&since.to_string(), now().time())?),
        Some(_) => return Err(BadParameter::new("last_time", "expected a number").into()),
    };
    let is_large = Arrangement::read(&read.command)?.is_large();
    let whole = walks.admit_whole_list(is_large).await?;
    let answer = groups(
        (tracker, walks, read.sight.clone()),
        |_| true,
        move |mut groups| {
            groups.retain(|group| since.is_none_or(|since| since <= group.modified_at()));
            read.table(&groups)
        },
    );
    Ok(answer.await??.held(whole))
}

/// `/phy/phy80211/ssids/by-hash/{hash}/ssid`: one of them.
pub(in crate::http) async fn ssid(
    State(tracker): State<Arc<Tracker>>,
    walks: Walks,
    Argument(hash): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let hash: u32 = hash
        .parse()
        .map_err(|_| BadParameter::new("hash", "expected a number of 32 bits"))?;
    let groups = groups(
        (tracker, walks, read.sight.clone()),
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
    walks: Walks,
    read: Read,
) -> Result<Json, ApiError> {
    let channels = Channels::new(now().time());
    let walked = (tracker, walks, read.sight.clone());
    fold(walked, channels, Channels::add, move |channels| {
        read.one(&channels)
    })
    .await
}

async fn groups<A: Send + 'static>(
    walked: (Arc<Tracker>, Walks, Sight),
    wanted: impl Fn(&Ssid) -> bool + Send + 'static,
    answer: impl FnOnce(Vec<SsidGroup>) -> A + Send + 'static,
) -> Result<A, ApiError> {
    let add = move |groups: &mut SsidGroups, device: &Device| groups.add(device, &wanted);
    fold(walked, SsidGroups::default(), add, |groups| {
        answer(groups.into_groups())
    })
    .await
}

/// Looks at every device that the client sees, a few at a time, and answers from that, away from the threads that serve connections.
async fn fold<T: Send + 'static, A: Send + 'static>(
    (tracker, walks, sight): (Arc<Tracker>, Walks, Sight),
    mut state: T,
    add: impl Fn(&mut T, &Device) + Send + 'static,
    answer: impl FnOnce(T) -> A + Send + 'static,
) -> Result<A, ApiError> {
    let answer = walks.walk(move |paced| {
        let mut walk = Walk::over_all();
        let shown = |device: &Device| sight.shows(device);
        while let Some(devices) = tracker.next_devices(&mut walk, DEVICES_PER_STEP, shown) {
            for device in &devices {
                add(&mut state, device);
            }
            paced.pause()?;
        }
        Ok(answer(state))
    });
    answer.await
}
