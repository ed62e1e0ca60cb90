//! `kismet.device.base.*`: a device (`devicetracker_component.cc`).

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::activity::Rrd;
use super::bluetooth::BluetoothRecord;
use super::dot11::Dot11Record;
use super::location::Location;
use super::signal::Signal;
use super::source::SourceRecord;
use super::system::Nothing;
use super::{Context, Shown, security_class, zeros};
use crate::alerts::AlertStore;
use crate::report::{Channel, Frequency, Manufacturer, SourceId};
use crate::tracker::{Counts, Device, Latest, Radio, SeenBy, SourceNumber, Tracker};
use crate::views::{Style, to_json_as};

/// Basic type of a Wi-Fi access point.
const BASIC_TYPE_AP: u64 = 1;
/// Basic type of an ad-hoc peer.
const BASIC_TYPE_PEER: u64 = 8;
/// Basic type of anything else.
const BASIC_TYPE_DEVICE: u64 = 0;

/// What records of devices share: the JSON of sources, each serialised once however many devices show it, and the
/// number of alerts by device.
#[derive(Debug, Default)]
pub struct Sources {
    records: HashMap<SourceNumber, (SourceId, Box<RawValue>)>,
    style: Style,
    paused: Arc<HashSet<SourceId>>,
    alerts: AlertStore,
}

impl Sources {
    /// Without sources yet. `style` is that of the devices; the rest tells which are paused, and the alerts.
    pub fn new(style: Style, paused: Arc<HashSet<SourceId>>, alerts: AlertStore) -> Self {
        Self {
            records: HashMap::new(),
            style,
            paused,
            alerts,
        }
    }

    /// Adds the sources that saw `devices`.
    pub fn add(&mut self, devices: &[Device], tracker: &Tracker, context: Context) {
        for number in devices
            .iter()
            .flat_map(|device| &device.seen_by)
            .map(|seen| seen.source)
        {
            if self.records.contains_key(&number) {
                continue;
            }
            let Some(source) = tracker.source_by_number(number) else {
                continue;
            };
            let mut json = Vec::new();
            let record = SourceRecord {
                source: &source,
                context,
                is_paused: self.paused.contains(&source.id),
            };
            to_json_as(&mut json, &record, self.style);
            let record = String::from_utf8(json)
                .ok()
                .and_then(|json| RawValue::from_string(json).ok());
            if let Some(record) = record {
                self.records.insert(number, (source.id, record));
            }
        }
    }
}

/// A device.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRecord<'d> {
    /// The tracked device.
    pub device: &'d Device,
    /// Sources that saw it.
    pub sources: &'d Sources,
    /// Time of the request, and the server's UUID.
    pub context: Context,
}

impl DeviceRecord<'_> {
    /// Name of the network or device. A hidden network is shown by its address.
    fn name(&self) -> Cow<'_, str> {
        match &self.device.radio {
            Radio::Wifi(_) => match self.device.main_ssid() {
                Some(record) if record.ssid.is_hidden() => self.device.id.addr.to_string().into(),
                Some(record) => record.ssid.to_string().into(),
                None => "".into(),
            },
            Radio::Bluetooth(bluetooth) => bluetooth.shown_name().unwrap_or_default().into(),
        }
    }

    fn type_name(&self) -> &str {
        match &self.device.radio {
            Radio::Wifi(_) if self.device.is_ad_hoc() => "Wi-Fi Ad-Hoc",
            Radio::Wifi(_) => "Wi-Fi AP",
            Radio::Bluetooth(bluetooth) => match text(bluetooth.device_type.as_ref()) {
                "" => "Bluetooth Device",
                stated => stated,
            },
        }
    }

    fn basic_type(&self) -> u64 {
        match &self.device.radio {
            Radio::Wifi(_) if self.device.is_ad_hoc() => BASIC_TYPE_PEER,
            Radio::Wifi(_) => BASIC_TYPE_AP,
            Radio::Bluetooth(_) => BASIC_TYPE_DEVICE,
        }
    }

    fn identity<M: SerializeMap>(&self, record: &mut M) -> Result<(), M::Error> {
        let device = self.device;
        let name = self.name();
        record.serialize_entry("kismet.device.base.key", &Shown(|| device.id.key()))?;
        record.serialize_entry("kismet.device.base.macaddr", &device.id.addr)?;
        record.serialize_entry("kismet.device.base.related_devices", &Nothing)?;
        record.serialize_entry("kismet.device.base.name", &name)?;
        let addr = device.id.addr.to_string();
        let common_name = match &device.given_name {
            Some(given) => given,
            None if name.is_empty() => addr.as_str(),
            None => &name,
        };
        record.serialize_entry("kismet.device.base.commonname", common_name)?;
        record.serialize_entry("kismet.server.uuid", &self.context.server_text())?;
        record.serialize_entry("kismet.device.base.basic_type_set", &self.basic_type())?;
        let security = device.security();
        let crypt = Shown(|| {
            let text = security.map(|security| security.summary().to_string());
            text.unwrap_or_default()
        });
        record.serialize_entry("kismet.device.base.crypt", &crypt)?;
        record.serialize_entry("kismet.device.base.basic_crypt_set", &0)?;
        match &device.radio {
            Radio::Wifi(_) => security_class(record, security),
            Radio::Bluetooth(_) => Ok(()),
        }
    }

    fn counts<M: SerializeMap>(&self, record: &mut M) -> Result<(), M::Error> {
        let device = self.device;
        record.serialize_entry(
            "kismet.device.base.first_time",
            &device.first_time.seconds(),
        )?;
        record.serialize_entry("kismet.device.base.last_time", &device.last_time.seconds())?;
        record.serialize_entry(
            "kismet.device.base.mod_time",
            &device.modified_at.time().seconds(),
        )?;
        record.serialize_entry("kismet.device.base.packets.total", &device.reports)?;
        zeros(record, &["kismet.device.base.packets.rx_total"])?;
        record.serialize_entry("kismet.device.base.packets.tx_total", &device.reports)?;
        record.serialize_entry("kismet.device.base.packets.llc", &device.reports)?;
        zeros(
            record,
            &[
                "kismet.device.base.packets.error",
                "kismet.device.base.packets.data",
            ],
        )?;
        zeros(
            record,
            &[
                "kismet.device.base.packets.crypt",
                "kismet.device.base.packets.filtered",
            ],
        )?;
        zeros(record, &["kismet.device.base.datasize"])?;
        let tuning = device.tuning();
        let channel = tuning.channel.as_ref().map_or("", Channel::as_str);
        record.serialize_entry("kismet.device.base.channel", channel)?;
        let khz = tuning.frequency.map_or(0, Frequency::khz);
        record.serialize_entry("kismet.device.base.frequency", &khz)?;
        record.serialize_entry(
            "kismet.device.base.freq_khz_map",
            &FrequencyCounts(&device.frequencies),
        )
    }
}

impl Serialize for DeviceRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            device, context, ..
        } = self;
        let mut record = serializer.serialize_map(None)?;
        self.identity(&mut record)?;
        self.counts(&mut record)?;
        let alerts = Shown(|| self.sources.alerts.count_of(device.id));
        record.serialize_entry("kismet.device.base.num_alerts", &alerts)?;
        record.serialize_entry("kismet.device.base.seenby", &SeenByRecords(self))?;
        record.serialize_entry("kismet.device.base.phyname", device.id.phy.name())?;
        let made_by =
            Shown(|| Manufacturer::of(device.id.addr).map_or("Unknown", Manufacturer::name));
        record.serialize_entry("kismet.device.base.manuf", &made_by)?;
        record.serialize_entry("kismet.device.base.type", self.type_name())?;
        if let Some(given) = &device.given_name {
            record.serialize_entry("kismet.device.base.username", given)?;
        }
        if !device.tags.is_empty() {
            record.serialize_entry("kismet.device.base.tags", &Tags(device))?;
        }
        let now = context.now;
        let counts = LazyCell::new(|| Some(device.activity.counts()?.as_of(now)));
        if device.signal.is_some() || device.channel.is_some() {
            let counts: &dyn Deref<Target = Option<Counts>> = &counts;
            let signal = Signal {
                range: device.signal,
                peak: device.peak,
                history: device.signal.map(|_| counts),
            };
            record.serialize_entry("kismet.device.base.signal", &signal)?;
        }
        if let Some(place) = &device.place {
            let location = Location {
                place,
                modified_at: device.modified_at,
            };
            record.serialize_entry("kismet.device.base.location", &location)?;
        }
        let packets = Shown(|| Rrd {
            counts: counts.as_ref(),
            now,
        });
        record.serialize_entry("kismet.device.base.packets.rrd", &packets)?;
        record.serialize_entry("kismet.device.base.tx_packets.rrd", &packets)?;
        match &device.radio {
            Radio::Wifi(wifi) => {
                record.serialize_entry("dot11.device", &Dot11Record { device, wifi })?;
            }
            Radio::Bluetooth(bluetooth) => {
                record.serialize_entry("bluetooth.device", &BluetoothRecord(bluetooth))?;
            }
        }
        record.end()
    }
}

fn text(latest: Option<&Latest<Box<str>>>) -> &str {
    latest
        .map(|latest| latest.value.as_ref())
        .unwrap_or_default()
}

/// Number of reports by frequency in kHz, ascending.
struct FrequencyCounts<'d>(&'d [(Frequency, u32)]);

impl Serialize for FrequencyCounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut counts: Vec<_> = self
            .0
            .iter()
            .map(|&(frequency, count)| (frequency.khz(), count))
            .collect();
        counts.sort_unstable();
        serializer.collect_map(counts)
    }
}

struct Tags<'d>(&'d Device);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tags: Vec<_> = self
            .0
            .tags
            .iter()
            .map(|(tag, _)| (&tag.name, &tag.value))
            .collect();
        tags.sort_unstable();
        serializer.collect_map(tags)
    }
}

/// Sources that saw the device, ordered by their numbers.
struct SeenByRecords<'d>(&'d DeviceRecord<'d>);

impl Serialize for SeenByRecords<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Sources that were forgotten are not shown.
        let known = &self.0.sources.records;
        let seen_by = self.0.device.seen_by.iter();
        let mut seen_by: Vec<_> = seen_by
            .filter(|seen| known.contains_key(&seen.source))
            .collect();
        seen_by.sort_unstable_by_key(|seen| seen.source);
        serializer.collect_seq(seen_by.into_iter().map(|seen| SeenByRecord {
            seen,
            record: self.0,
        }))
    }
}

struct SeenByRecord<'d> {
    seen: &'d SeenBy,
    record: &'d DeviceRecord<'d>,
}

impl Serialize for SeenByRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seen = self.seen;
        let mut record = serializer.serialize_map(None)?;
        if let Some((id, source)) = self.record.sources.records.get(&seen.source) {
            record.serialize_entry("kismet.common.seenby.uuid", &format_args!("{id}"))?;
            record.serialize_entry("kismet.common.seenby.source", source)?;
        }
        record.serialize_entry(
            "kismet.common.seenby.first_time",
            &seen.first_time.seconds(),
        )?;
        record.serialize_entry("kismet.common.seenby.last_time", &seen.last_time.seconds())?;
        record.serialize_entry("kismet.common.seenby.num_packets", &seen.reports)?;
        record.serialize_entry(
            "kismet.common.seenby.freq_khz_map",
            &FrequencyCounts(&seen.frequencies),
        )?;
        let signal = Signal {
            range: seen.signal,
            peak: None,
            history: None,
        };
        record.serialize_entry("kismet.common.seenby.signal", &signal)?;
        record.end()
    }
}
