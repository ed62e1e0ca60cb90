//! A device with all that is known of it, and a source.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::bluetooth::BluetoothRow;
use super::device::{DeviceRow, name_of};
use super::{Utc, degrees, entry_if_some};
use crate::report::capabilities::{Akm, Cipher, Flag, Protocol, Security, Topology, Wps};
use crate::report::{ChannelWidth, Frequency, Position, SourceId};
use crate::tracker::{Device, Place, Radio, SeenBy, Source, SourceNumber, SsidRecord, Tracker};
use crate::views::kismet::{crypt_bitfield, crypt_set};

/// Who stands behind the numbers of sources.
#[derive(Debug)]
pub struct SourceNames(HashMap<SourceNumber, (SourceId, Box<str>)>);

impl SourceNames {
    /// Those that saw a device.
    pub fn of(device: &Device, tracker: &Tracker) -> Self {
        let numbers = device.seen_by.iter().map(|seen| seen.source);
        let sources = numbers.filter_map(|number| tracker.source_by_number(number));
        Self(
            sources
                .map(|source| (source.number, (source.id, source.name)))
                .collect(),
        )
    }
}

/// A device with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct WholeDevice<'d> {
    /// Which.
    pub device: &'d Device,
    /// Who saw it.
    pub sources: &'d SourceNames,
    /// What else comes out of its radio.
    pub related: &'d [Device],
}

impl Serialize for WholeDevice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            device,
            sources,
            related,
        } = self;
        let mut record = serializer.serialize_map(None)?;
        DeviceRow(device).entries(&mut record)?;
        entry_if_some(&mut record, "given_name", device.given_name.as_deref())?;
        match &device.radio {
            Radio::Wifi(wifi) => {
                record.serialize_entry("ssids", &ssid_rows(&wifi.ssids))?;
                let topology = wifi.topology.map(|latest| latest.value.name());
                entry_if_some(&mut record, "topology", topology)?;
                let related: Vec<_> = related.iter().map(RelatedRow).collect();
                record.serialize_entry("related", &related)?;
            }
            Radio::Bluetooth(bluetooth) => {
                record.serialize_entry("bluetooth", &BluetoothRow(bluetooth))?;
            }
        }
        record.serialize_entry("frequencies", &frequency_rows(device))?;
        record.serialize_entry("seen_by", &seen_by_rows(device, sources))?;
        entry_if_some(
            &mut record,
            "position",
            device.place.as_deref().map(PlaceRow),
        )?;
        if let Some(peak) = device.peak {
            let strongest = json!({
                "signal_dbm": peak.signal.get(), "time": peak.time.seconds(), "time_utc": Utc(peak.time).to_string(),
                "lat": degrees(peak.position.lat_e7()), "lon": degrees(peak.position.lon_e7()),
            });
            record.serialize_entry("strongest", &strongest)?;
        }
        if !device.tags.is_empty() {
            let tags = device.tags.iter();
            let tags: HashMap<&str, &str> = tags
                .map(|latest| (&*latest.value.name, &*latest.value.value))
                .collect();
            record.serialize_entry("tags", &tags)?;
        }
        record.end()
    }
}

// What reports were merged to does not depend on their order, and so neither does its text.

/// The latest first.
fn ssid_rows(ssids: &[SsidRecord]) -> Vec<SsidRow<'_>> {
    let mut rows: Vec<_> = ssids.iter().map(SsidRow).collect();
    rows.sort_by(|SsidRow(one), SsidRow(other)| {
        let by_time = other.last_time.cmp(&one.last_time);
        by_time.then_with(|| one.ssid.cmp(&other.ssid))
    });
    rows
}

/// From low to high.
fn frequency_rows(device: &Device) -> Vec<Value> {
    let mut frequencies = device.frequencies.to_vec();
    frequencies.sort_by_key(|(frequency, _)| frequency.khz());
    let row = |(frequency, reports): (Frequency, u32)| json!({ "frequency_khz": frequency.khz(), "reports": reports });
    frequencies.into_iter().map(row).collect()
}

/// By the scanners' UUIDs.
fn seen_by_rows<'d>(device: &'d Device, sources: &'d SourceNames) -> Vec<SeenByRow<'d>> {
    let seen_by = device.seen_by.iter();
    let mut rows: Vec<_> = seen_by.map(|seen| SeenByRow { seen, sources }).collect();
    rows.sort_by_key(|row| {
        let source = sources.0.get(&row.seen.source);
        source.map(|(id, _)| id.to_string())
    });
    rows
}

/// Another network of the same radio.
struct RelatedRow<'d>(&'d Device);

impl Serialize for RelatedRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(device) = self;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("address", &device.id.addr)?;
        record.serialize_entry("key", &device.id.key())?;
        entry_if_some(&mut record, "name", name_of(device))?;
        record.end()
    }
}

struct SsidRow<'d>(&'d SsidRecord);

impl Serialize for SsidRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ssid) = self;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("ssid", &ssid.ssid)?;
        record.serialize_entry("hidden", &ssid.ssid.is_hidden())?;
        record.serialize_entry("first_seen", &ssid.first_time.seconds())?;
        record.serialize_entry("first_seen_utc", &Utc(ssid.first_time))?;
        record.serialize_entry("last_seen", &ssid.last_time.seconds())?;
        record.serialize_entry("last_seen_utc", &Utc(ssid.last_time))?;
        record.serialize_entry("reports", &ssid.reports)?;
        let channel = ssid.channel.as_ref().map(|latest| latest.value.as_str());
        entry_if_some(&mut record, "channel", channel)?;
        if let Some(layout) = ssid.layout.as_ref().map(|latest| latest.value) {
            let width = layout.width.map(ChannelWidth::mhz);
            entry_if_some(&mut record, "channel_width_mhz", width)?;
            entry_if_some(&mut record, "center0_mhz", layout.center0_mhz)?;
            entry_if_some(&mut record, "center1_mhz", layout.center1_mhz)?;
        }
        let security = ssid
            .security
            .map_or(Security::UNKNOWN, |latest| latest.value.security);
        record.serialize_entry("security", &SecurityRow(security))?;
        record.end()
    }
}

/// What a network's capabilities say, the one word for it and the words that others have: `auth_mode` is the string
/// that `WiGLE` would be sent, in Android's notation.
struct SecurityRow(Security);

impl Serialize for SecurityRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(security) = *self;
        let class = security.class();
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("class", class.as_str())?;
        record.serialize_entry("label", class.label())?;
        let protocols: Vec<_> = security.protocols().iter().map(Protocol::name).collect();
        record.serialize_entry("protocols", &protocols)?;
        let akms: Vec<_> = security.akms().iter().map(Akm::name).collect();
        record.serialize_entry("akms", &akms)?;
        let pairwise: Vec<_> = security.pairwise().iter().map(Cipher::name).collect();
        record.serialize_entry("pairwise", &pairwise)?;
        let by_protocol = security.protocols().iter();
        let by_protocol: Vec<_> = by_protocol
            .map(|protocol| protocol_row(security, protocol))
            .collect();
        record.serialize_entry("by_protocol", &by_protocol)?;
        let flags: Vec<_> = security.flags().iter().map(Flag::name).collect();
        record.serialize_entry("flags", &flags)?;
        entry_if_some(&mut record, "mfp", security.pmf().name())?;
        entry_if_some(&mut record, "wps", security.wps().map(Wps::name))?;
        entry_if_some(
            &mut record,
            "topology",
            security.topology().map(Topology::name),
        )?;
        record.serialize_entry("has_leftovers", &security.has_leftovers())?;
        record.serialize_entry("is_damaged", &security.is_damaged())?;
        record.serialize_entry("auth_mode", &security.to_android())?;
        let kismet = json!({
            "crypt_string": security.summary().to_string(),
            "crypt_bitfield": crypt_bitfield(security),
            "crypt_set": crypt_set(security),
        });
        record.serialize_entry("kismet", &kismet)?;
        record.end()
    }
}

/// What one security element offers.
fn protocol_row(security: Security, protocol: Protocol) -> Value {
    let akms: Vec<_> = security.akms_of(protocol).iter().map(Akm::name).collect();
    let pairwise = security.pairwise_of(protocol);
    let pairwise: Vec<_> = pairwise.iter().map(Cipher::name).collect();
    json!({ "protocol": protocol.name(), "akms": akms, "pairwise": pairwise })
}

struct SeenByRow<'d> {
    seen: &'d SeenBy,
    sources: &'d SourceNames,
}

impl Serialize for SeenByRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { seen, sources } = self;
        let mut record = serializer.serialize_map(None)?;
        if let Some((id, name)) = sources.0.get(&seen.source) {
            record.serialize_entry("source", &id.to_string())?;
            record.serialize_entry("source_name", name)?;
        }
        record.serialize_entry("first_seen", &seen.first_time.seconds())?;
        record.serialize_entry("first_seen_utc", &Utc(seen.first_time))?;
        record.serialize_entry("last_seen", &seen.last_time.seconds())?;
        record.serialize_entry("last_seen_utc", &Utc(seen.last_time))?;
        record.serialize_entry("reports", &seen.reports)?;
        if let Some(signal) = seen.signal {
            record.serialize_entry("signal_dbm", &signal.last.value.get())?;
            record.serialize_entry("signal_weakest_dbm", &signal.min.get())?;
            record.serialize_entry("signal_strongest_dbm", &signal.max.get())?;
        }
        record.end()
    }
}

/// Where scanners stood that saw a device.
struct PlaceRow<'d>(&'d Place);

impl Serialize for PlaceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(place) = self;
        let (lat, lon) = place.mean_degrees();
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("lat", &lat)?;
        record.serialize_entry("lon", &lon)?;
        entry_if_some(&mut record, "alt_m", place.mean_alt_m())?;
        record.serialize_entry("lat_min", &degrees(place.lat_min_e7))?;
        record.serialize_entry("lat_max", &degrees(place.lat_max_e7))?;
        record.serialize_entry("lon_min", &degrees(place.lon_min_e7))?;
        record.serialize_entry("lon_max", &degrees(place.lon_max_e7))?;
        record.serialize_entry("last", &Fix(place.last.value))?;
        record.end()
    }
}

struct Fix(Position);

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        fix_entries(self.0, &mut record)?;
        record.end()
    }
}

fn fix_entries<M: SerializeMap>(position: Position, record: &mut M) -> Result<(), M::Error> {
    record.serialize_entry("lat", &degrees(position.lat_e7()))?;
    record.serialize_entry("lon", &degrees(position.lon_e7()))?;
    let alt_m = position.alt_mm().map(|alt| f64::from(alt) / 1e3);
    entry_if_some(record, "alt_m", alt_m)
}

/// A source.
#[derive(Clone, Copy, Debug)]
pub struct SourceRow<'s>(pub &'s Source);

impl Serialize for SourceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(source) = self;
        let mut record = serializer.serialize_map(None)?;
        source_entries(source, &mut record)?;
        let place = source.place.map(|place| Fix(place.value));
        entry_if_some(&mut record, "position", place)?;
        record.end()
    }
}

/// The names of the values of a [`SourceCells`], in their order.
pub const SOURCE_COLUMNS: [&str; 12] = [
    "source",
    "name",
    "phy",
    "reports",
    "devices",
    "first_contact",
    "first_contact_utc",
    "last_contact",
    "last_contact_utc",
    "lat",
    "lon",
    "alt_m",
];

/// A source in one row of a table, with nothing inside of anything.
#[derive(Clone, Copy, Debug)]
pub struct SourceCells<'s>(pub &'s Source);

impl Serialize for SourceCells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(source) = self;
        let mut record = serializer.serialize_map(None)?;
        source_entries(source, &mut record)?;
        if let Some(place) = source.place {
            fix_entries(place.value, &mut record)?;
        }
        record.end()
    }
}

fn source_entries<M: SerializeMap>(source: &Source, record: &mut M) -> Result<(), M::Error> {
    let (first, last) = (source.first_contact.time(), source.last_contact.time());
    record.serialize_entry("source", &source.id.to_string())?;
    record.serialize_entry("name", &source.name)?;
    record.serialize_entry("phy", source.phy.name())?;
    record.serialize_entry("reports", &source.reports)?;
    record.serialize_entry("devices", &source.devices)?;
    record.serialize_entry("first_contact", &first.seconds())?;
    record.serialize_entry("first_contact_utc", &Utc(first))?;
    record.serialize_entry("last_contact", &last.seconds())?;
    record.serialize_entry("last_contact_utc", &Utc(last))
}
