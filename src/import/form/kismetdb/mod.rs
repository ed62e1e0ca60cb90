//! The database that Kismet logs to since 2018, `.kismet`.
//!
//! It has every frame of an access point, ten to a thousand a second. One sighting a device, second and radio is taken,
//! the strongest. Names and security stand in `devices`, which has the latest ones only.

mod crypt;
mod points;
mod scan;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hashbrown::HashMap;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::summary;
use crate::import::clock::unix_time;
use crate::import::database::{Database, Fields, Table};
use crate::import::rows::{Context, Ending, FileError, Origin, Row, Rows};
use crate::import::values::{Draft, Place};
use crate::report::{MacAddr, Phy, UnixTime};

/// Most data sources of one file that become sources here. Rows of all others belong to the program that wrote the file.
const SOURCES_MAX: usize = 256;
/// Sightings that wait for stronger ones of the same second.
const WAITING_MAX: usize = 100_000;
/// Frames may be late by so many seconds, because a log has the frames of several radios.
const LATE_S: i64 = 2;
/// Before this version, coordinates are whole numbers.
const FLOAT_VERSION: i64 = 5;
const COORDINATE_SCALE: f64 = 100_000.0;
/// A column that the table lacks.
const NONE: usize = usize::MAX;

const PACKETS: [&str; 11] = [
    "ts_sec",
    "phyname",
    "sourcemac",
    "frequency",
    "lat",
    "lon",
    "alt",
    "speed",
    "signal",
    "datasource",
    "error",
];
const DATA: [&str; 11] = [
    "ts_sec",
    "phyname",
    "devmac",
    "lat",
    "lon",
    "alt",
    "speed",
    "signal",
    "datasource",
    "type",
    "json",
];
const DEVICES: [&str; 4] = ["phyname", "devmac", "type", "device"];
const SUMMARY: [&str; 8] = [
    "phyname",
    "devmac",
    "type",
    "first_time",
    "last_time",
    "strongest_signal",
    "avg_lat",
    "avg_lon",
];

/// Whether it is Bluetooth, and the address.
type DeviceKey = (bool, u64);

/// What Kismet knows of a device.
struct Device {
    name: Box<[u8]>,
    capabilities: Box<str>,
    /// Whether the device has a row in `packets` or `data`.
    is_seen: bool,
}

/// The strongest frame of a second.
struct Strongest {
    line: i64,
    signal: Option<f64>,
    frequency: Option<f64>,
    place: Place,
}

pub(super) fn read(
    database: &Database,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let version = database.needed_table("KISMET")?;
    if context.points_only {
        return points::read(database, &version, rows);
    }
    let devices = database.needed_table("devices")?;
    let packets = database.table("packets")?;
    let data = database.table("data")?;
    let sources = database.table("datasources")?;
    let optional = [&packets, &data, &sources];
    database.seal(
        [&version, &devices]
            .into_iter()
            .chain(optional.into_iter().flatten()),
    )?;
    let mut reading = Reading {
        context,
        rows,
        scale: scale(database, &version)?,
        devices: known_devices(database, &devices)?,
        sources: named_sources(database, sources.as_ref())?,
        source: None,
        waiting: BTreeMap::new(),
        newest_s: 0,
    };
    reading.use_source(NONE);
    let mut is_wanted = true;
    if let Some(packets) = packets {
        is_wanted = database.rows(&packets, &PACKETS, |line, fields| {
            Ok(reading.packet(line, fields))
        })? && reading.flush(i64::MAX);
    }
    if let (true, Some(data)) = (is_wanted, data) {
        is_wanted = database.rows(&data, &DATA, |line, fields| Ok(reading.data(line, fields)))?;
    }
    if is_wanted {
        reading.unseen_devices(database, &devices)?;
    }
    Ok(database.ending())
}

/// What coordinates are divided by.
fn scale(database: &Database, version: &Table) -> Result<f64, FileError> {
    let mut scale = 1.0;
    database.rows(version, &["db_version"], |_, fields| {
        if fields.integer(0).is_some_and(|read| read < FLOAT_VERSION) {
            scale = COORDINATE_SCALE;
        }
        Ok(true)
    })?;
    Ok(scale)
}

fn key_of(phy: Phy, address: MacAddr) -> DeviceKey {
    (phy == Phy::Bluetooth, address.to_u64())
}

/// The radio technology of a row. `None` for those that are not tracked.
fn phy_of(fields: &Fields<'_, '_>, index: usize) -> Option<Phy> {
    match fields.text(index) {
        "IEEE802.11" => Some(Phy::Wifi),
        "Bluetooth" | "BTLE" => Some(Phy::Bluetooth),
        _ => None,
    }
}

fn address_of(fields: &Fields<'_, '_>, index: usize) -> Option<MacAddr> {
    fields.text(index).trim().parse().ok()
}

fn is_access_point(kind: &str) -> bool {
    matches!(kind, "Wi-Fi AP" | "Wi-Fi WDS AP" | "Wi-Fi Ad-Hoc")
}

/// Access points and Bluetooth devices.
fn known_devices(
    database: &Database,
    table: &Table,
) -> Result<HashMap<DeviceKey, Device>, FileError> {
    let mut devices = HashMap::new();
    database.rows(table, &DEVICES, |_, fields| {
        let (Some(phy), Some(address)) = (phy_of(fields, 0), address_of(fields, 1)) else {
            return Ok(true);
        };
        if phy == Phy::Wifi && !is_access_point(fields.text(2)) {
            return Ok(true);
        }
        let record: Record = serde_json::from_slice(fields.document(3)).unwrap_or_default();
        let (name, capabilities) = match phy {
            Phy::Wifi => record.network(),
            Phy::Bluetooth => (record.name(), String::new()),
        };
        let device = Device {
            name: name.into(),
            capabilities: capabilities.into(),
            is_seen: false,
        };
        devices.insert(key_of(phy, address), device);
        Ok(true)
    })?;
    Ok(devices)
}

/// The parts of a device's record that are read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record {
    #[serde(rename = "kismet.device.base.name")]
    name: Value,
    #[serde(rename = "dot11.device")]
    dot11: Dot11,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Dot11 {
    #[serde(rename = "dot11.device.last_beaconed_ssid_record")]
    last: Value,
    #[serde(rename = "dot11.device.advertised_ssid_map")]
    advertised: Value,
    #[serde(rename = "dot11.device.last_beaconed_ssid")]
    last_name: Value,
}

impl Record {
    fn name(&self) -> Vec<u8> {
        scan::octets(self.name.as_str().unwrap_or_default())
    }

    /// Name and security of the network that an access point announced last.
    fn network(&self) -> (Vec<u8>, String) {
        let Dot11 {
            last,
            advertised,
            last_name,
        } = &self.dot11;
        // Older versions have a list, or an object by checksum.
        let of_map = match advertised {
            Value::Array(records) => records.last(),
            Value::Object(records) => records.values().next_back(),
            _ => None,
        };
        let record = last.as_object().map(|_| last).or(of_map);
        let field = |name: &str| record.and_then(|record| record.get(name));
        let text = |name: &str| field(name).and_then(Value::as_str);
        let name = text("dot11.advertisedssid.ssid").or_else(|| last_name.as_str());
        let crypt = text("dot11.advertisedssid.crypt_string").unwrap_or_default();
        let bits = field("dot11.advertisedssid.crypt_bitfield").and_then(Value::as_u64);
        (
            scan::octets(name.unwrap_or_default()),
            crypt::capabilities(crypt, bits.unwrap_or_default()),
        )
    }
}

/// The data sources in the order of the table, each with the text of its UUID.
type Sources = Vec<(Box<str>, Option<Origin>)>;

fn named_sources(database: &Database, table: Option<&Table>) -> Result<Sources, FileError> {
    let mut sources = Vec::new();
    if let Some(table) = table {
        database.rows(table, &["uuid", "name"], |_, fields| {
            let uuid = fields.text(0);
            sources.push((uuid.into(), origin(uuid, fields.text(1))));
            Ok(sources.len() < SOURCES_MAX)
        })?;
    }
    Ok(sources)
}

fn origin(uuid: &str, name: &str) -> Option<Origin> {
    let uuid = Uuid::try_parse(uuid.trim()).ok()?;
    let name = if name.is_empty() { "Kismet" } else { name };
    Origin::of_uuid(uuid, Some(name))
}

struct Reading<'r> {
    context: &'r Context<'r>,
    rows: &'r mut dyn Rows,
    scale: f64,
    devices: HashMap<DeviceKey, Device>,
    sources: Sources,
    /// The place of the present source.
    source: Option<usize>,
    /// By second, device and source.
    waiting: BTreeMap<(i64, DeviceKey, usize), Strongest>,
    newest_s: i64,
}

impl Reading<'_> {
    /// From the columns of [`PACKETS`].
    fn packet(&mut self, line: i64, fields: &Fields<'_, '_>) -> bool {
        let is_damaged = fields.integer(10).unwrap_or_default() != 0;
        let address = address_of(fields, 2).filter(|address| *address != MacAddr::ZERO);
        let (Some(phy), Some(address), false) = (phy_of(fields, 1), address, is_damaged) else {
            return self.give(line, Row::Other("other"));
        };
        let key = key_of(phy, address);
        match self.devices.get_mut(&key) {
            Some(device) => device.is_seen = true,
            // Only access points are known.
            None if phy == Phy::Wifi => return self.give(line, Row::Other("station")),
            None => {}
        }
        let Some(second) = fields.integer(0) else {
            return self.give(line, Row::Refused("ts_sec: not a number".to_owned()));
        };
        let frame = Strongest {
            line,
            signal: fields.number(8).filter(|signal| *signal != 0.0),
            frequency: fields.number(3),
            place: self.place([4, 5, 6, 7], fields),
        };
        let source = self.source_of(fields.text(9));
        let weaker = match self.waiting.entry((second, key, source)) {
            Entry::Vacant(free) => {
                free.insert(frame);
                None
            }
            Entry::Occupied(mut known) if known.get().signal < frame.signal => {
                Some(known.insert(frame).line)
            }
            Entry::Occupied(_) => Some(line),
        };
        if weaker.is_some_and(|weaker| !self.give(weaker, Row::Other("frame"))) {
            return false;
        }
        if self.newest_s < second {
            self.newest_s = second;
            return self.flush(second.saturating_sub(LATE_S));
        }
        self.waiting.len() < WAITING_MAX || self.flush(i64::MAX)
    }

    /// The place in the columns of latitude, longitude, altitude and speed.
    fn place(&self, [lat, lon, alt, speed]: [usize; 4], fields: &Fields<'_, '_>) -> Place {
        let degrees = |index| fields.number(index).map(|number| number / self.scale);
        Place {
            lat: degrees(lat),
            lon: degrees(lon),
            altitude_m: fields.number(alt).filter(|metres| *metres != 0.0),
            speed_km_h: fields.number(speed),
            accuracy_m: None,
        }
    }

    /// The place of a source in the list. [`NONE`] if it is not among the first ones.
    fn source_of(&mut self, uuid: &str) -> usize {
        let known = |(known, _): &(Box<str>, _)| known.eq_ignore_ascii_case(uuid);
        match self.sources.iter().position(known) {
            Some(known) => known,
            None if self.sources.len() < SOURCES_MAX => {
                self.sources.push((uuid.into(), origin(uuid, "")));
                self.sources.len() - 1
            }
            None => NONE,
        }
    }

    fn use_source(&mut self, source: usize) {
        if self.source == Some(source) {
            return;
        }
        self.source = Some(source);
        let known = self.sources.get(source);
        let unknown = || Origin::Program {
            name: "Kismet".into(),
        };
        let origin = known.and_then(|(_, origin)| origin.clone());
        self.rows.origin(&origin.unwrap_or_else(unknown));
    }

    /// Gives the sightings of all seconds before this one.
    fn flush(&mut self, before_s: i64) -> bool {
        let later = match before_s {
            i64::MAX => BTreeMap::new(),
            before_s => self.waiting.split_off(&(before_s, (false, 0), 0)),
        };
        let ready = std::mem::replace(&mut self.waiting, later);
        ready.into_iter().all(|((second, key, source), frame)| {
            self.use_source(source);
            let row = self.row(key, |draft| {
                draft.time = time_of(Some(second));
                draft.signal_dbm = frame.signal;
                draft.frequency = frame.frequency;
                draft.place = frame.place;
            });
            self.give(frame.line, row)
        })
    }

    /// A sighting of a device.
    fn row(&self, key: DeviceKey, fill: impl FnOnce(&mut Draft<'_>)) -> Row {
        match self.draft(key) {
            Some(mut draft) => {
                fill(&mut draft);
                draft.into_row(self.context)
            }
            None => Row::Refused("address: not a hardware address".to_owned()),
        }
    }

    /// A sighting of which only the device is known.
    fn draft(&self, key: DeviceKey) -> Option<Draft<'_>> {
        let (is_bluetooth, address) = key;
        let phy = if is_bluetooth {
            Phy::Bluetooth
        } else {
            Phy::Wifi
        };
        let mut draft = Draft::new(phy, MacAddr::from_u64(address)?);
        if let Some(device) = self.devices.get(&key) {
            draft.name = (&*device.name).into();
            draft.capabilities = (&*device.capabilities).into();
        }
        Some(draft)
    }

    /// From the columns of [`DATA`].
    fn data(&mut self, line: i64, fields: &Fields<'_, '_>) -> bool {
        let source = self.source_of(fields.text(8));
        self.use_source(source);
        let time = time_of(fields.integer(0));
        let phy = match fields.text(9) {
            "DOT11SCAN" => Some(Phy::Wifi),
            "BLUETOOTHSCAN" => Some(Phy::Bluetooth),
            _ => None,
        };
        let Some(phy) = phy else {
            return self.bluetooth(line, time, fields);
        };
        let time = time.filter(|time| *time <= self.context.latest);
        let row = match scan::sighting(phy, fields.document(10), time) {
            Ok((address, sighting)) => {
                self.note(key_of(phy, address));
                Row::Sighting(sighting)
            }
            Err(reason) => Row::Refused(reason),
        };
        self.give(line, row)
    }

    /// A row that a Bluetooth radio wrote.
    fn bluetooth(&mut self, line: i64, time: Option<UnixTime>, fields: &Fields<'_, '_>) -> bool {
        if phy_of(fields, 1) != Some(Phy::Bluetooth) {
            return self.give(line, Row::Other("other"));
        }
        let Some(address) = address_of(fields, 2) else {
            let reason = "devmac: not a hardware address".to_owned();
            return self.give(line, Row::Refused(reason));
        };
        let signal = fields.number(7).or_else(|| {
            let json: Value = serde_json::from_slice(fields.document(10)).ok()?;
            json.get("signal").or_else(|| json.get("rssi"))?.as_f64()
        });
        let place = self.place([3, 4, 5, 6], fields);
        let key = key_of(Phy::Bluetooth, address);
        self.note(key);
        let row = self.row(key, |draft| {
            draft.time = time;
            draft.signal_dbm = signal;
            draft.place = place;
        });
        self.give(line, row)
    }

    fn note(&mut self, key: DeviceKey) {
        if let Some(device) = self.devices.get_mut(&key) {
            device.is_seen = true;
        }
    }

    /// Devices without a row of their own: when they were seen first, and last.
    fn unseen_devices(&mut self, database: &Database, table: &Table) -> Result<bool, FileError> {
        self.use_source(NONE);
        database.rows(table, &SUMMARY, |line, fields| {
            let Some(phy) = phy_of(fields, 0) else {
                return Ok(self.give(line, Row::Other("other")));
            };
            if phy == Phy::Wifi && !is_access_point(fields.text(2)) {
                return Ok(self.give(line, Row::Other("station")));
            }
            let Some(address) = address_of(fields, 1) else {
                let reason = "devmac: not a hardware address".to_owned();
                return Ok(self.give(line, Row::Refused(reason)));
            };
            let key = key_of(phy, address);
            if self.devices.get(&key).is_some_and(|device| device.is_seen) {
                return Ok(true);
            }
            let Some(mut last) = self.draft(key) else {
                return Ok(true);
            };
            last.time = time_of(fields.integer(4));
            last.signal_dbm = fields.number(5);
            last.place = self.place([6, 7, NONE, NONE], fields);
            let rows = summary::rows(time_of(fields.integer(3)), last, self.context);
            Ok(rows.into_iter().all(|row| self.give(line, row)))
        })
    }

    fn give(&mut self, line: i64, row: Row) -> bool {
        let line = u64::try_from(line).unwrap_or_default();
        self.rows.row(line, row).is_continue()
    }
}

/// Whole seconds since 1970.
fn time_of(seconds: Option<i64>) -> Option<UnixTime> {
    let seconds = u32::try_from(seconds?).ok()?;
    unix_time(f64::from(seconds))
}
