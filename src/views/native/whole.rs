//! A device with all that is known of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::bluetooth::BluetoothRow;
use super::device::{DeviceRow, name_of};
use super::security::SecurityRow;
use super::{ChannelPlace, Fix, Signals, SourceNames, Times, Utc, degrees};
use crate::report::capabilities::{Security, Topology};
use crate::report::{Channel, DeviceKey, MacAddr, Ssid};
use crate::tracker::{Device, Peak, PositionStats, Radio, SeenBy, SsidRecord};

/// A device with all that is known of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct WholeDevice<'d> {
    #[serde(flatten)]
    row: DeviceRow<'d>,
    /// What somebody named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    given_name: Option<&'d str>,
    /// Its networks, the latest first; Wi-Fi only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ssids: Option<Vec<SsidRow<'d>>>,
    /// `AP`, `PBSS`, `ad-hoc` or `mesh`; Wi-Fi only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    topology: Option<&'static str>,
    /// What else comes out of its radio, as far as can be told; Wi-Fi only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    related: Option<Vec<RelatedRow<'d>>>,
    /// Bluetooth only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bluetooth: Option<BluetoothRow<'d>>,
    /// On which it was heard, from low to high.
    frequencies: Vec<FrequencyRow>,
    /// Who saw it, by UUID.
    seen_by: Vec<SeenByRow<'d>>,
    /// Where scanners stood that saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    position: Option<PlaceRow>,
    /// Where its signal was strongest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    strongest: Option<PeakRow>,
    /// What scanners and people attached to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tags: Option<BTreeMap<&'d str, &'d str>>,
    /// Devices with the same address in other radio technologies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, no_recursion)]
    others: Option<Vec<Self>>,
}

/// A network of an access point.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SsidOfDevice)]
struct SsidRow<'d> {
    /// Its name, with `\\xHH` for bytes that are no text; empty where it is hidden.
    #[schema(value_type = String)]
    ssid: &'d Ssid,
    /// Whether it hides its name.
    hidden: bool,
    #[serde(flatten)]
    seen: Times,
    /// How many reports there were of it.
    reports: u64,
    /// The latest channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    channel: Option<Channel>,
    #[serde(flatten)]
    layout: ChannelPlace,
    /// How it is secured.
    security: SecurityRow,
}

/// Another network of the same radio.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RelatedDevice)]
struct RelatedRow<'d> {
    /// `AA:BB:CC:DD:EE:FF`.
    #[schema(value_type = String)]
    address: MacAddr,
    /// Its name in Kismet's paths.
    #[schema(value_type = String)]
    key: DeviceKey,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<Cow<'d, str>>,
}

/// How often a device was heard on a frequency.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReportsOnFrequency)]
struct FrequencyRow {
    /// In kHz.
    frequency_khz: u64,
    /// How many reports named it.
    reports: u64,
}

/// What one scanner saw of a device.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SeenBy)]
struct SeenByRow<'d> {
    /// UUID of the scanner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source: Option<String>,
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source_name: Option<&'d str>,
    #[serde(flatten)]
    seen: Times,
    /// How many it sent.
    reports: u64,
    #[serde(flatten)]
    signals: Signals,
}

/// Where scanners stood.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Place)]
struct PlaceRow {
    /// Mean, in degrees.
    lat: f64,
    /// Mean, in degrees.
    lon: f64,
    /// Mean of those that have one, in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    alt_m: Option<f64>,
    /// Degrees.
    lat_min: f64,
    /// Degrees.
    lat_max: f64,
    /// Degrees.
    lon_min: f64,
    /// Degrees.
    lon_max: f64,
    /// The latest.
    last: Fix,
}

/// Where a signal was strongest.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Strongest)]
struct PeakRow {
    /// In dBm.
    signal_dbm: i16,
    /// When, in seconds since 1970.
    time: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    time_utc: Utc,
    /// Degrees.
    lat: f64,
    /// Degrees.
    lon: f64,
}

impl<'d> WholeDevice<'d> {
    /// A device, who saw it, and what else comes out of its radio.
    pub fn of(device: &'d Device, sources: &'d SourceNames, related: &'d [Device]) -> Self {
        let (wifi, bluetooth) = match &device.radio {
            Radio::Wifi(wifi) => (Some(wifi), None),
            Radio::Bluetooth(bluetooth) => (None, Some(bluetooth)),
        };
        let topology = wifi.and_then(|wifi| wifi.topology);
        let tags = device.tags.iter();
        let tags = tags.map(|(tag, _)| (&*tag.name, &*tag.value));
        Self {
            row: DeviceRow::of(device),
            given_name: device.given_name.as_deref(),
            ssids: wifi.map(|wifi| ssid_rows(&wifi.ssids)),
            topology: topology.map(|latest| Topology::name(latest.value)),
            related: wifi.map(|_| related.iter().map(RelatedRow::of).collect()),
            bluetooth: bluetooth.map(|bluetooth| BluetoothRow::of(bluetooth)),
            frequencies: frequency_rows(device),
            seen_by: seen_by_rows(device, sources),
            position: device.place.as_deref().map(PlaceRow::from),
            strongest: device.peak.map(PeakRow::from),
            tags: Some(tags.collect()).filter(|tags: &BTreeMap<_, _>| !tags.is_empty()),
            others: None,
        }
    }

    /// Beside those that have its address in other radio technologies.
    #[must_use]
    pub fn beside(mut self, others: Vec<Self>) -> Self {
        self.others = Some(others).filter(|others| !others.is_empty());
        self
    }
}

// What reports were merged to does not depend on their order, and so neither does its text.

/// The latest first.
fn ssid_rows(ssids: &[SsidRecord]) -> Vec<SsidRow<'_>> {
    let mut records: Vec<_> = ssids.iter().collect();
    records.sort_by(|one, other| {
        let by_time = other.last_time.cmp(&one.last_time);
        by_time.then_with(|| one.ssid.cmp(&other.ssid))
    });
    records.into_iter().map(SsidRow::of).collect()
}

/// From low to high.
fn frequency_rows(device: &Device) -> Vec<FrequencyRow> {
    let mut frequencies = device.frequencies.to_vec();
    frequencies.sort_by_key(|(frequency, _)| frequency.khz());
    let rows = frequencies.into_iter();
    rows.map(|(frequency, reports)| FrequencyRow {
        frequency_khz: frequency.khz().into(),
        reports: reports.into(),
    })
    .collect()
}

/// By the scanners' UUIDs.
fn seen_by_rows<'d>(device: &'d Device, sources: &'d SourceNames) -> Vec<SeenByRow<'d>> {
    // Sources that were forgotten are not shown.
    let seen_by = device.seen_by.iter();
    let known = seen_by.filter(|seen| sources.get(seen.source).is_some());
    let mut rows: Vec<_> = known.map(|seen| SeenByRow::of(seen, sources)).collect();
    rows.sort_by(|one, other| one.source.cmp(&other.source));
    rows
}

impl<'d> SsidRow<'d> {
    fn of(record: &'d SsidRecord) -> Self {
        let layout = record.layout.as_ref().map(|latest| latest.value);
        let security = record.security.map(|latest| latest.value.security);
        Self {
            ssid: &record.ssid,
            hidden: record.ssid.is_hidden(),
            seen: Times::new(record.first_time, record.last_time),
            reports: record.reports,
            channel: record.channel(),
            layout: ChannelPlace::new(
                layout.and_then(|layout| layout.width),
                layout.and_then(|layout| layout.center0_mhz),
                layout.and_then(|layout| layout.center1_mhz),
            ),
            security: security.unwrap_or(Security::UNKNOWN).into(),
        }
    }
}

impl<'d> RelatedRow<'d> {
    fn of(device: &'d Device) -> Self {
        Self {
            address: device.id.addr,
            key: device.id.key(),
            name: name_of(device),
        }
    }
}

impl<'d> SeenByRow<'d> {
    fn of(seen: &'d SeenBy, sources: &'d SourceNames) -> Self {
        let source = sources.get(seen.source);
        Self {
            source: source.map(|(id, _)| id.to_string()),
            source_name: source.map(|(_, name)| &**name),
            seen: Times::new(seen.first_time, seen.last_time),
            reports: seen.reports,
            signals: Signals::of(seen.signal),
        }
    }
}

impl From<&PositionStats> for PlaceRow {
    fn from(place: &PositionStats) -> Self {
        let (lat, lon) = place.mean_degrees();
        Self {
            lat,
            lon,
            alt_m: place.mean_alt_m(),
            lat_min: degrees(place.lat_min_e7),
            lat_max: degrees(place.lat_max_e7),
            lon_min: degrees(place.lon_min_e7),
            lon_max: degrees(place.lon_max_e7),
            last: place.last.value.into(),
        }
    }
}

impl From<Peak> for PeakRow {
    fn from(peak: Peak) -> Self {
        let Fix { lat, lon, .. } = peak.position.into();
        Self {
            signal_dbm: peak.signal.get(),
            time: peak.time.seconds().into(),
            time_utc: Utc(peak.time),
            lat,
            lon,
        }
    }
}
