//! The JSON in the rows of a database of Kismet.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::export::Observed;
use crate::export::number::{degrees, thousandth};
use crate::export::place::Place;
use crate::hex::Hex;
use crate::report::{Accuracy, BluetoothSighting, Dbm, Position, Report, Sighting, UnixTime};
use crate::tracker::{Device, Radio, Wifi};
use crate::views::kismet::{Context, DeviceRecord, Sources, hash_of};

const GEOPOINT: &str = "kismet.common.location.geopoint";
const LAT: &str = "kismet.common.location.lat";
const LON: &str = "kismet.common.location.lon";
const ALT: &str = "kismet.common.location.alt";
const NAME: &str = "kismet.device.base.name";
pub(super) const DOT11: &str = "dot11.device";
pub(super) const MAP: &str = "dot11.device.advertised_ssid_map";
pub(super) const LAST: &str = "dot11.device.last_beaconed_ssid_record";
const SSID: &str = "dot11.advertisedssid.ssid";
const SSID_HASH: &str = "dot11.advertisedssid.ssid_hash";

/// A device as at Kismet's paths, with what tools for its databases need besides.
pub(super) fn device(device: &Device, sources: &Sources, context: Context) -> Value {
    let record = DeviceRecord {
        device,
        sources,
        context,
    };
    // All keys are texts or numbers, and no number is infinite.
    let mut record = serde_json::to_value(record).unwrap_or_default();
    add_coordinates(&mut record);
    match &device.radio {
        Radio::Wifi(wifi) => write_networks(&mut record, wifi),
        Radio::Bluetooth(bluetooth) => {
            let name = text(bluetooth.shown_name().unwrap_or_default().as_bytes());
            put(&mut record, NAME, name.into());
        }
    }
    record
}

/// A device that has been evicted: what one of its observations says of it.
pub(super) fn evicted(observed: &Observed<'_>) -> Value {
    let report = observed.report;
    let id = report.device();
    let (kind, name) = match &report.sighting {
        Sighting::Wifi(wifi) => ("Wi-Fi AP", text(wifi.ssid.as_bytes())),
        Sighting::Bluetooth(bluetooth) => (
            bluetooth
                .device_type
                .as_deref()
                .unwrap_or("Bluetooth Device"),
            text(bluetooth.name.as_deref().unwrap_or_default().as_bytes()),
        ),
    };
    let channel = report.channel.as_ref().map(ToString::to_string);
    let mut record = json!({
        "kismet.device.base.key": id.key().to_string(),
        "kismet.device.base.macaddr": id.addr.to_string(),
        "kismet.device.base.phyname": id.phy.name(),
        "kismet.device.base.type": kind,
        "kismet.device.base.name": name,
        "kismet.device.base.commonname": name,
        "kismet.device.base.crypt": "",
        "kismet.device.base.channel": channel.unwrap_or_default(),
        "kismet.device.base.first_time": report.time.seconds(),
        "kismet.device.base.last_time": report.time.seconds(),
    });
    if let Sighting::Wifi(_) = &report.sighting {
        let network = json!({
            SSID: name,
            "dot11.advertisedssid.crypt_string": "",
            "dot11.advertisedssid.crypt_bitfield": 0,
        });
        put(&mut record, DOT11, json!({ LAST: network }));
    }
    record
}

/// Tools of 2021 read no geopoint.
fn add_coordinates(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(add_coordinates),
        Value::Object(fields) => {
            fields.values_mut().for_each(add_coordinates);
            let Some([lon, lat]) = fields
                .get(GEOPOINT)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
            else {
                return;
            };
            let (lat, lon) = (lat.clone(), lon.clone());
            fields.insert(LAT.to_owned(), lat);
            fields.insert(LON.to_owned(), lon);
            fields.entry(ALT).or_insert_with(|| 0.into());
        }
        _ => {}
    }
}

/// Which places of devices are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The mean, the last, the strongest, and the area of all.
    All,
    /// The mean only.
    Mean,
    None,
}

/// Removes the places of a device that are not shown.
pub(super) fn remove_places(record: &mut Value, shown: Shown) {
    const MEAN: &str = "kismet.common.location.avg_loc";
    const FIX: &str = "kismet.common.location.loc_fix";
    const LOCATION: &str = "kismet.device.base.location";
    const SIGNAL: &str = "kismet.device.base.signal";
    const PEAK: &str = "kismet.common.signal.peak_loc";
    if shown == Shown::All {
        return;
    }
    if let Some(fields) = record.as_object_mut() {
        match fields.get_mut(LOCATION).and_then(Value::as_object_mut) {
            Some(places) if shown == Shown::Mean => {
                places.retain(|name, _| matches!(name.as_str(), MEAN | FIX));
            }
            _ => drop(fields.remove(LOCATION)),
        }
        if let Some(signal) = fields.get_mut(SIGNAL).and_then(Value::as_object_mut) {
            signal.remove(PEAK);
        }
    }
}

/// Names as Kismet escapes them, and the networks as an object, which tools of 2021 expect.
fn write_networks(record: &mut Value, wifi: &Wifi) {
    let Some(dot11) = record.get_mut(DOT11) else {
        return;
    };
    let names = wifi.ssids.iter().map(|network| {
        let name = text(network.ssid.as_bytes());
        (u64::from(hash_of(&network.ssid)), name)
    });
    let names: HashMap<u64, String> = names.collect();
    let rename = |network: &mut Value| {
        let hash = network
            .get(SSID_HASH)
            .and_then(Value::as_u64)
            .unwrap_or_default();
        if let Some(name) = names.get(&hash) {
            put(network, SSID, name.as_str().into());
        }
        hash
    };
    if let Some(last) = dot11.get_mut(LAST) {
        rename(last);
    }
    let mut by_hash = Map::new();
    if let Some(Value::Array(networks)) = dot11.get_mut(MAP).map(Value::take) {
        for mut network in networks {
            let hash = rename(&mut network);
            by_hash.insert(hash.to_string(), network);
        }
    }
    put(dot11, MAP, Value::Object(by_hash));
}

fn put(record: &mut Value, name: &str, value: Value) {
    if let Some(fields) = record.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Octets as Kismet writes them in texts: control characters and what is not UTF-8 as `\xHH`, so that a backslash needs
/// another one before it.
fn text(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let escape = |text: &mut String, octets: &[u8]| {
        for octet in octets {
            // Writing to a string does not fail.
            write!(text, "\\x{octet:02X}").ok();
        }
    };
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                _ if character.is_control() => {
                    escape(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => text.push(character),
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

/// A report of a Bluetooth scanner, as it is sent to Kismet. Absent values are left out.
pub(super) fn scan(report: &Report, bluetooth: &BluetoothSighting, place: Option<Place>) -> Value {
    let mut scan = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            scan.insert(name.to_owned(), value);
        }
    };
    add("timestamp", Some(report.time.seconds().into()));
    add("btaddr", Some(report.device().addr.to_string().into()));
    add("name", bluetooth.name.as_deref().map(Value::from));
    add(
        "devicetype",
        bluetooth.device_type.as_deref().map(Value::from),
    );
    add("txpowerlevel", bluetooth.tx_power_dbm.map(Value::from));
    add("pathloss", bluetooth.path_loss_db.map(Value::from));
    if !bluetooth.scan_data.is_empty() {
        add(
            "scan_data",
            Some(Hex(&bluetooth.scan_data).to_string().into()),
        );
    }
    let services = bluetooth.service_data.iter().map(|data| {
        let bytes = Hex(&data.bytes).to_string();
        (data.service.to_string(), Value::from(bytes))
    });
    let services: Map<String, Value> = services.collect();
    if !services.is_empty() {
        add("service_data", Some(Value::Object(services)));
    }
    add("signal", report.signal.map(Dbm::get).map(Value::from));
    if let Some(place) = place {
        add("lat", Some(degrees(place.lat_e7).into()));
        add("lon", Some(degrees(place.lon_e7).into()));
        add("alt", place.alt_mm.map(|alt_mm| thousandth(alt_mm).into()));
    }
    let speed = report.position.map_or(0, Position::speed_m_h);
    add(
        "speed",
        (0 < speed).then(|| thousandth(speed.into()).into()),
    );
    let accuracy = report.accuracy.map(Accuracy::mm);
    add("accuracy", accuracy.map(|mm| thousandth(mm.into()).into()));
    Value::Object(scan)
}

/// What the server says of itself. Tools need these keys.
pub(super) fn system(server: Uuid, exported: UnixTime) -> Value {
    let uuid = server.as_hyphenated().to_string().to_uppercase();
    let program = concat!("scanpost-", env!("CARGO_PKG_VERSION"));
    json!({
        "kismet.system.timestamp.sec": exported.seconds(),
        "kismet.system.timestamp.usec": 0,
        "kismet.system.version": format!("{}-{program}", super::RELEASE),
        "kismet.system.git": program,
        "kismet.system.server_uuid": uuid,
        "kismet.system.server_name": "scanpost",
        "kismet.system.server_location": "",
        "kismet.system.server_description": "",
        "kismet.system.user": "",
        "kismet.server.uuid": uuid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_escaped_as_the_import_reads_them() {
        for (octets, expected) in [
            ("Café".as_bytes(), "Café"),
            (b"a\\x41", "a\\\\x41"),
            (b"nul\0\n\xFF", "nul\\x00\\x0A\\xFF"),
            ("\u{85}".as_bytes(), "\\xC2\\x85"),
            (b"\"", "\""),
            (b"", ""),
        ] {
            assert_eq!(text(octets), expected);
        }
    }

    #[test]
    fn each_place_has_the_coordinates_by_name_too() {
        let mut value = json!({"a": [{GEOPOINT: [13.4, 52.5]}], "b": {GEOPOINT: [1, 2], ALT: 3.5}});
        add_coordinates(&mut value);
        let expected = json!({
            "a": [{GEOPOINT: [13.4, 52.5], LAT: 52.5, LON: 13.4, ALT: 0}],
            "b": {GEOPOINT: [1, 2], LAT: 2, LON: 1, ALT: 3.5},
        });
        assert_eq!(value, expected);
    }
}
