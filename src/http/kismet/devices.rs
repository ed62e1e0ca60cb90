//! Kismet's device reads: views, single devices, and what changed.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::command::{Arrangement, Read, Rows};
use super::device_list::KismetList;
use super::device_view::{Since, Viewed};
use super::records::Records;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::time::moment;
use crate::http::response::heavy::Walks;
use crate::http::response::json::Json;
use crate::report::{DeviceKey, MacMask};
use crate::tracker::{Device, Tracker, Walk};
use crate::views::Style;
use crate::views::kismet::{DeviceRecord, DeviceView, ViewRecord};

/// Devices that are copied out at a time while a list is sorted.
const DEVICES_PER_STEP: usize = 64;

/// `/devices/views/all_views`: the views that there are.
pub(in crate::http) async fn all_views(State(tracker): State<Arc<Tracker>>, read: Read) -> Json {
    read.list(&ViewRecord::all(&tracker))
}

/// `/devices/views/{view}/devices`: the devices of a view. `/devices/summary/devices` and `/devices/all_devices` are about
/// all.
pub(in crate::http) async fn in_view(
    State(records): State<Records>,
    walks: Walks,
    Viewed(view): Viewed,
    read: Read,
) -> Result<Response, ApiError> {
    let walk = match read.command.get("last_time") {
        None | Some(Value::Null) => Walk::over_all(),
        Some(Value::Number(since)) => Walk::over_changed(moment(&since.to_string(), now().time())?),
        Some(_) => return Err(BadParameter::new("last_time", "expected a number").into()),
    };
    listed((&records, &walks), walk, view, read).await
}

/// `/devices/views/{view}/last-time/{timestamp}/devices`: those that changed since then.
pub(in crate::http) async fn in_view_since(
    State(records): State<Records>,
    walks: Walks,
    Viewed(view): Viewed,
    Since(since): Since,
    read: Read,
) -> Result<Response, ApiError> {
    listed((&records, &walks), Walk::over_changed(since), view, read).await
}

/// `/devices/last-time/{timestamp}/devices`: the devices that changed since then.
///
/// Unlike Kismet's this looks at when a device changed, not at when it was seen, so that reports that
/// come late reach pollers too; and the second itself is included, so that no change in it is missed.
pub(in crate::http) async fn changed_since(
    State(records): State<Records>,
    walks: Walks,
    Since(since): Since,
    read: Read,
) -> Result<Response, ApiError> {
    let walk = Walk::over_changed(since);
    listed((&records, &walks), walk, DeviceView::All, read).await
}

/// `/devices/by-mac/{mac}/devices`: the devices with an address, or with one that looks like it through a mask.
pub(in crate::http) async fn by_mac(
    State(records): State<Records>,
    walks: Walks,
    Argument(mac): Argument,
    read: Read,
) -> Result<Response, ApiError> {
    let wanted = vec![mac.parse::<MacMask>()?];
    with_addresses((&records, &walks), wanted, read).await
}

/// `/devices/multimac/devices`: the devices with any of several addresses.
pub(in crate::http) async fn multimac(
    State(records): State<Records>,
    walks: Walks,
    read: Read,
) -> Result<Response, ApiError> {
    let mut wanted = Vec::new();
    for (at, text) in read.command.texts("devices")?.into_iter().enumerate() {
        let mask = text.parse::<MacMask>().map_err(ApiError::from);
        wanted.push(mask.map_err(|error| BadParameter::new(&format!("devices[{at}]"), &error))?);
    }
    with_addresses((&records, &walks), wanted, read).await
}

/// `/devices/by-key/{key}/device`: one device.
pub(in crate::http) async fn by_key(
    State(records): State<Records>,
    Argument(key): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let key: DeviceKey = key.parse()?;
    let devices = [records.device(key, &read.sight)?];
    Ok(with_records(
        &records,
        &devices,
        &read,
        |records| match records {
            [record] => read.one(record),
            records => read.list(records),
        },
    ))
}

/// `/devices/multikey/devices`: those of several devices that are known.
pub(in crate::http) async fn multikey(
    State(records): State<Records>,
    read: Read,
) -> Result<Json, ApiError> {
    let devices = by_keys(&records, &read)?;
    Ok(with_records(&records, &devices, &read, |records| {
        read.list(records)
    }))
}

/// `/devices/multikey/as-object/devices`: the same, by key.
pub(in crate::http) async fn multikey_as_object(
    State(records): State<Records>,
    read: Read,
) -> Result<Json, ApiError> {
    let devices = by_keys(&records, &read)?;
    Ok(with_records(&records, &devices, &read, |records| {
        let by_key = records
            .iter()
            .map(|record| (record.device.id.key().to_string(), record));
        read.map(by_key)
    }))
}

/// `/phy/phy80211/clients-of/{key}/clients`: scans tell of no clients.
pub(in crate::http) async fn clients_of(
    State(records): State<Records>,
    Argument(key): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let key: DeviceKey = key.parse()?;
    records.device(key, &read.sight)?;
    Ok(read.list::<()>(&[]))
}

/// `/phy/phy80211/related-to/{key}/devices`: the device itself, and what else comes out of its radio.
pub(in crate::http) async fn related_to(
    State(records): State<Records>,
    Argument(key): Argument,
    read: Read,
) -> Result<Json, ApiError> {
    let key: DeviceKey = key.parse()?;
    let device = records.device(key, &read.sight)?;
    let related = records.tracker.related_to(&device).into_iter();
    let related = related.filter_map(|device| read.sight.shown(device));
    let devices: Vec<_> = std::iter::once(device).chain(related).collect();
    Ok(with_records(&records, &devices, &read, |records| {
        read.list(records)
    }))
}

fn by_keys(records: &Records, read: &Read) -> Result<Vec<Device>, ApiError> {
    let keys = read.command.texts("devices")?;
    // A key that cannot be read is that of no device.
    let keys = keys
        .into_iter()
        .filter_map(|key| key.parse::<DeviceKey>().ok());
    let mut seen = HashSet::new();
    let once = keys.filter(|key| seen.insert(key.device()));
    Ok(once
        .filter_map(|key| records.device(key, &read.sight).ok())
        .collect())
}

fn with_records<T>(
    records: &Records,
    devices: &[Device],
    read: &Read,
    answer: impl FnOnce(&[DeviceRecord<'_>]) -> T,
) -> T {
    let context = records.context();
    let mut sources = records.sources(read.format.style());
    sources.add(devices, &records.tracker, context);
    let written: Vec<_> = devices
        .iter()
        .map(|device| DeviceRecord {
            device,
            sources: &sources,
            context,
        })
        .collect();
    answer(&written)
}

/// A list by address: looked up where there is no mask, else looked for.
async fn with_addresses(
    (records, walks): (&Records, &Walks),
    wanted: Vec<MacMask>,
    read: Read,
) -> Result<Response, ApiError> {
    let singles: Option<Vec<_>> = wanted.iter().map(|mask| mask.single()).collect();
    if let Some(addrs) = singles {
        let mut seen = HashSet::new();
        let devices: Vec<_> = addrs
            .into_iter()
            .filter(|addr| seen.insert(*addr))
            .flat_map(|addr| records.tracker.devices_by_addr(addr))
            .filter_map(|device| read.sight.shown(device))
            .collect();
        return Ok(
            with_records(records, &devices, &read, |records| read.list(records)).into_response(),
        );
    }
    let sight = read.sight.clone();
    let fits = move |device: &Device| {
        wanted.iter().any(|mask| mask.fits(device.id.addr)) && sight.shows(device)
    };
    let place = walks.admit().await?;
    let list = KismetList::new(records, &read).of_walk(records, Walk::over_all(), fits);
    Ok(list.beginning_in(place).into_response())
}

/// A list of devices: as they come where that will do, else sorted and cut first.
async fn listed(
    (records, walks): (&Records, &Walks),
    mut walk: Walk,
    view: DeviceView,
    read: Read,
) -> Result<Response, ApiError> {
    let arrangement = Arrangement::read(&read.command)?;
    let sight = read.sight.clone();
    let wanted = move |device: &Device| view.lists(device) && sight.shows(device);
    if arrangement.is_plain() {
        let place = walks.admit().await?;
        let list = KismetList::new(records, &read).of_wanted(arrangement);
        let list = list.of_walk(records, walk, wanted);
        return Ok(list.beginning_in(place).into_response());
    }
    let whole = walks.admit_whole_list(arrangement.is_large()).await?;
    let (walked, sight) = (records.clone(), read.sight.clone());
    let page = walks.walk(move |paced| {
        let (context, records) = (walked.context(), walked);
        let (mut rows, mut sources) = (Rows::new(arrangement), records.sources(Style::default()));
        while let Some(mut devices) =
            records
                .tracker
                .next_devices(&mut walk, DEVICES_PER_STEP, &wanted)
        {
            // The order of a list tells of what it goes by.
            for device in &mut devices {
                sight.cover(device);
            }
            sources.add(&devices, &records.tracker, context);
            for device in &devices {
                let record = DeviceRecord {
                    device,
                    sources: &sources,
                    context,
                };
                rows.look_at(&record, device.id);
                paced.pause()?;
            }
        }
        Ok(rows.page())
    });
    let page = page.await?;
    let list = KismetList::new(records, &read).within(page.before, page.after);
    let list = list.of_ids(records, page.rows).staying_in(whole);
    Ok(list.into_response())
}
