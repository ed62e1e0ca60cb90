//! Kismet's reads that look through all devices: networks by name, and channels.

use std::sync::Arc;

use axum::extract::State;
use tokio::task::spawn_blocking;

use super::App;
use super::devices::moment;
use super::error::ApiError;
use super::extract::Argument;
use super::query::BadParameter;
use super::read::{Answer, Read};
use crate::report::Ssid;
use crate::tracker::{Device, Walk};
use crate::views::kismet::{Channels, SsidGroup, SsidGroups, hash_of};

/// `/phy/phy80211/ssids/views/ssids`: networks by name.
pub(super) async fn ssids(State(app): State<App>, read: Read) -> Result<Answer, ApiError> {
    let since = match read.command.get("last_time") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::Number(since)) => {
            Some(moment(&since.to_string(), App::now().time())?)
        }
        Some(_) => return Err(BadParameter::new("last_time", "expected a number").into()),
    };
    let mut groups = groups(&app, |_| true).await?;
    groups.retain(|group| since.is_none_or(|since| since <= group.last_time()));
    read.table(&groups)
}

/// `/phy/phy80211/ssids/by-hash/{hash}/ssid`: one of them.
pub(super) async fn ssid(
    State(app): State<App>,
    Argument(hash): Argument,
    read: Read,
) -> Result<Answer, ApiError> {
    let hash: u32 = hash
        .parse()
        .map_err(|_| BadParameter::new("hash", "expected a number of 32 bits"))?;
    let groups = groups(&app, move |ssid| hash_of(ssid) == hash).await?;
    match groups.first() {
        Some(group) => Ok(read.one(group)),
        None => Err(ApiError::NoSuchSsid(hash)),
    }
}

/// `/channels/channels`: what there is on each channel.
pub(super) async fn channels(State(app): State<App>, read: Read) -> Result<Answer, ApiError> {
    let channels = Channels::new(App::now().time());
    let channels = fold(&app, channels, Channels::add).await?;
    Ok(read.one(&channels))
}

async fn groups(
    app: &App,
    wanted: impl Fn(&Ssid) -> bool + Send + 'static,
) -> Result<Vec<SsidGroup>, ApiError> {
    let groups = fold(app, SsidGroups::default(), move |groups, device| {
        groups.add(device, &wanted);
    });
    Ok(groups.await?.into_groups())
}

/// Looks at every device, a few at a time, away from the threads that serve connections.
async fn fold<T: Send + 'static>(
    app: &App,
    mut state: T,
    add: impl Fn(&mut T, &Device) + Send + 'static,
) -> Result<T, ApiError> {
    let tracker = Arc::clone(&app.tracker);
    let permit = Arc::clone(&app.history_reads).acquire_owned().await;
    spawn_blocking(move || {
        let mut walk = Walk::over_all();
        while let Some(devices) = tracker.next_devices(&mut walk, 256, |_| true) {
            for device in &devices {
                add(&mut state, device);
            }
        }
        drop(permit);
        state
    })
    .await
    .map_err(|_| ApiError::Panicked)
}
