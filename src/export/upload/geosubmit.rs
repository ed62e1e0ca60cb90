//! Ichnaea's interface, version 2: scans with a place, and what was seen in each.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{Added, UploadBounds, UploadWriter};
use crate::export::facts::small;
use crate::export::{Observed, Row};
use crate::report::{
    Accuracy, BluetoothSighting, Dbm, Position, Sighting, SourceId, UnixTime, WifiSighting,
};

/// What phones send at once, at most.
const ITEMS_MAX: usize = 950;
/// Receivers drop places around the point 0, 0, because many of them are errors.
const NEAR_ZERO_E7: u32 = 10_000_000;
/// Receivers drop places above this altitude.
const ALTITUDE_MAX_MM: i32 = 5_000_000;
/// Receivers drop scans that are so far from the scan before.
const JUMP_MAX_KM: f64 = 150.0;
const BEGIN: &str = "{\"items\":[";
const END: &str = "]}";

/// All observations of a scan have the same of this.
#[derive(Clone, Copy, PartialEq)]
struct Scan {
    source: SourceId,
    time: UnixTime,
    position: Position,
    accuracy: Option<Accuracy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'i> {
    timestamp: u64,
    position: Place,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    wifi_access_points: &'i [Box<RawValue>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    bluetooth_beacons: &'i [Box<RawValue>],
}

#[derive(Serialize)]
struct Place {
    latitude: f64,
    longitude: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    altitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    age: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wifi {
    mac_address: String,
    ssid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_strength: Option<i16>,
    age: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Beacon<'b> {
    mac_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_strength: Option<i16>,
    age: u32,
}

/// What was seen.
enum Seen {
    Wifi(Box<RawValue>),
    Beacon(Box<RawValue>),
}

impl Seen {
    fn bytes(&self) -> usize {
        let (Self::Wifi(json) | Self::Beacon(json)) = self;
        json.get().len()
    }
}

pub(super) struct Geosubmit {
    bounds: UploadBounds,
    rows: u64,
    /// The items that have ended, with commas between them.
    out: Vec<u8>,
    items: usize,
    open: Option<Open>,
    /// Where each source was in its last scan.
    last: HashMap<SourceId, Position>,
}

/// An item that may grow.
struct Open {
    scan: Scan,
    wifi: Vec<Box<RawValue>>,
    beacons: Vec<Box<RawValue>>,
    /// What it will take, or a little less than that.
    bytes: usize,
}

impl Geosubmit {
    pub(super) fn new(bounds: UploadBounds) -> Self {
        Self {
            bounds,
            rows: 0,
            out: BEGIN.into(),
            items: 0,
            open: None,
            last: HashMap::new(),
        }
    }

    /// Whether the source came here without a jump.
    fn is_near_last(&self, scan: &Scan) -> bool {
        let last = self.last.get(&scan.source);
        last.is_none_or(|last| distance_km(*last, scan.position) <= JUMP_MAX_KM)
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        if self.out.len() > BEGIN.len() {
            self.out.push(b',');
        }
        self.out.extend_from_slice(&open.json());
    }
}

/// The names of both lists, with their brackets, and the comma before the item.
const LISTS_BYTES: usize = r#","wifiAccessPoints":[],"bluetoothBeacons":[],"#.len();

impl Open {
    fn new(scan: Scan) -> Self {
        let mut open = Self {
            scan,
            wifi: Vec::new(),
            beacons: Vec::new(),
            bytes: 0,
        };
        open.bytes = open.json().len() + LISTS_BYTES;
        open
    }

    fn add(&mut self, seen: Seen) {
        self.bytes += seen.bytes() + 1;
        match seen {
            Seen::Wifi(json) => self.wifi.push(json),
            Seen::Beacon(json) => self.beacons.push(json),
        }
    }

    fn json(&self) -> Vec<u8> {
        let Scan {
            time,
            position,
            accuracy,
            ..
        } = self.scan;
        let speed_m_h = position.speed_m_h();
        let item = Item {
            timestamp: u64::from(time.seconds()) * 1000,
            position: Place {
                latitude: f64::from(position.lat_e7()) / 1e7,
                longitude: f64::from(position.lon_e7()) / 1e7,
                accuracy: accuracy.map(|accuracy| f64::from(accuracy.mm()) / 1000.0),
                altitude: position.alt_mm().map(|mm| f64::from(mm) / 1000.0),
                speed: (0 < speed_m_h).then(|| metres_per_second(speed_m_h)),
                age: 0,
            },
            wifi_access_points: &self.wifi,
            bluetooth_beacons: &self.beacons,
        };
        // Numbers and checked texts always have a form in JSON.
        serde_json::to_vec(&item).unwrap_or_default()
    }
}

impl UploadWriter for Geosubmit {
    fn add(&mut self, row: &Row<'_>) -> Added {
        let Row::Observation(observed) = row else {
            return Added::Unfit;
        };
        let Some((scan, seen)) = scan(observed).zip(seen(row, observed)) else {
            return Added::Unfit;
        };
        let is_of_open = self.open.as_ref().is_some_and(|open| open.scan == scan);
        if !is_of_open {
            // A jump is dropped, and the next scan is compared with it.
            let is_near = self.is_near_last(&scan);
            if !is_near {
                self.last.insert(scan.source, scan.position);
                return Added::Unfit;
            }
        }
        let fresh = (!is_of_open).then(|| Open::new(scan));
        let open_bytes = self.open.as_ref().map_or(0, |open| open.bytes);
        let more = fresh.as_ref().map_or(0, |open| open.bytes) + seen.bytes() + 1;
        let bytes = self.out.len() + open_bytes + more + END.len();
        let is_full = self.bounds.rows_max <= self.rows
            || self.bounds.bytes_max < bytes
            || (!is_of_open && ITEMS_MAX <= self.items);
        if is_full && 0 < self.rows {
            return Added::Full;
        }
        if let Some(fresh) = fresh {
            self.close();
            self.open = Some(fresh);
            self.items += 1;
            self.last.insert(scan.source, scan.position);
        }
        if let Some(open) = &mut self.open {
            open.add(seen);
        }
        self.rows += 1;
        Added::Taken
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(mut self: Box<Self>, _id: Uuid) -> Vec<u8> {
        self.close();
        self.out.extend_from_slice(END.as_bytes());
        self.out
    }
}

/// The scan of an observation, unless receivers drop it.
fn scan(observed: &Observed<'_>) -> Option<Scan> {
    let report = observed.report;
    let position = report.position?;
    let is_near_zero = position.lat_e7().unsigned_abs() <= NEAR_ZERO_E7
        && position.lon_e7().unsigned_abs() <= NEAR_ZERO_E7;
    let is_high = position.alt_mm().is_some_and(|mm| ALTITUDE_MAX_MM < mm);
    (!is_near_zero && !is_high).then_some(Scan {
        source: observed.batch.source,
        time: report.time,
        position,
        accuracy: report.accuracy,
    })
}

/// What was seen, unless receivers drop it.
fn seen(row: &Row<'_>, observed: &Observed<'_>) -> Option<Seen> {
    match &observed.report.sighting {
        Sighting::Wifi(wifi) => wifi_of(row, observed, wifi),
        Sighting::Bluetooth(bluetooth) => beacon_of(observed, bluetooth),
    }
}

fn wifi_of(row: &Row<'_>, observed: &Observed<'_>, wifi: &WifiSighting) -> Option<Seen> {
    if wifi.ssid.is_hidden() {
        return None;
    }
    let json = to_raw_value(&Wifi {
        mac_address: small(row.id().addr),
        ssid: wifi.ssid.to_string(),
        frequency: row.frequency().map(|frequency| frequency.khz() / 1000),
        channel: row.channel_number(),
        signal_strength: observed.report.signal.map(Dbm::get),
        age: 0,
    });
    json.ok().map(Seen::Wifi)
}

fn beacon_of(observed: &Observed<'_>, bluetooth: &BluetoothSighting) -> Option<Seen> {
    let json = to_raw_value(&Beacon {
        mac_address: small(observed.report.device().addr),
        name: bluetooth.name.as_deref(),
        signal_strength: observed.report.signal.map(Dbm::get),
        age: 0,
    });
    json.ok().map(Seen::Beacon)
}

/// Metres a second, with two decimals.
fn metres_per_second(metres_per_hour: u32) -> f64 {
    (f64::from(metres_per_hour) / 36.0).round() / 100.0
}

/// The distance on a sphere.
fn distance_km(one: Position, other: Position) -> f64 {
    const EARTH_KM: f64 = 6371.0;
    let radians = |e7: i32| (f64::from(e7) / 1e7).to_radians();
    let (lat, other_lat) = (radians(one.lat_e7()), radians(other.lat_e7()));
    let north = (other_lat - lat) / 2.0;
    let east = (radians(other.lon_e7()) - radians(one.lon_e7())) / 2.0;
    let chord = lat
        .cos()
        .mul_add(other_lat.cos() * east.sin().powi(2), north.sin().powi(2));
    2.0 * EARTH_KM * chord.sqrt().min(1.0).asin()
}
