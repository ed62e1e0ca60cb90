//! From the disk to the tracker.
//!
//! `None` stands for a position that is not on earth. No program writes one.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use smallvec::SmallVec;

use super::{
    ActivityRecord, AdvertisedNameRecord, AdvertisedRecord, BluetoothRecord, ChangedRecord,
    ChannelRecord, DeviceIdRecord, DeviceRecord, EndRecord, FrameRecord, FrequenciesRecord,
    HeadRecord, LatestRecord, LayoutRecord, PeakRecord, PhyRecord, PlaceRecord, PositionRecord,
    RadioRecord, SampleRecord, SecurityRecord, SeenByRecord, ServiceDataRecord, SignalRecord,
    SourceRecord, SsidRecord, TagRecord, WifiRecord, each,
};
use crate::log::LogPosition;
use crate::report::capabilities::{Security, SecurityBits, Topology, Wps};
use crate::report::{
    Channel, ChannelWidth, Dbm, DeviceId, Frequency, MacAddr, Phy, Position, ReceivedAt,
    ServiceData, SourceId, Tag, UnixTime,
};
use crate::snapshot::file::{End, Frame};
use crate::tracker::{
    self, Activity, ActivityKept, ActivitySample, ChangeNumber, Counts, ImageHead, SourceNumber,
};

/// How many devices a frame usually has at the most.
const DEVICES_USUAL: usize = 1024;

/// A device and the number of its latest change.
type Changed = (ChangeNumber, tracker::Device);

/// The devices of a frame, converted while they are decoded.
#[derive(Debug)]
pub(in crate::snapshot) struct TrackedDevices(Vec<Changed>);

impl<'de> Deserialize<'de> for TrackedDevices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(DevicesVisitor).map(Self)
    }
}

struct DevicesVisitor;

impl<'de> Visitor<'de> for DevicesVisitor {
    type Value = Vec<Changed>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("devices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        // The length is the file's word, so it reserves no more than a frame usually has.
        let expected = seq.size_hint().unwrap_or_default().min(DEVICES_USUAL);
        let mut devices = Vec::with_capacity(expected);
        while let Some((changed, device)) = seq.next_element::<ChangedRecord>()? {
            let device = device.tracked();
            let device = device.ok_or_else(|| de::Error::custom("a position is not on earth"))?;
            devices.push((ChangeNumber::new(changed), device));
        }
        Ok(devices)
    }
}

/// A list of devices as a frame has it.
pub(in crate::snapshot) trait Devices {
    fn tracked(self) -> Option<Vec<Changed>>;
}

impl Devices for TrackedDevices {
    fn tracked(self) -> Option<Vec<Changed>> {
        Some(self.0)
    }
}

impl Devices for Vec<ChangedRecord> {
    fn tracked(self) -> Option<Vec<Changed>> {
        let tracked = |(changed, device): ChangedRecord| {
            Some((ChangeNumber::new(changed), device.tracked()?))
        };
        self.into_iter().map(tracked).collect()
    }
}

impl<D: Devices> FrameRecord<D> {
    pub(in crate::snapshot) fn tracked(self) -> Option<Frame> {
        Some(match self {
            Self::Head(head) => Frame::Head(Box::new(head.tracked()?)),
            Self::Devices(devices) => Frame::Devices(devices.tracked()?),
            Self::End(end) => Frame::End(end.tracked()),
            Self::GoneSources(gone) => Frame::GoneSources(tracker::GoneSources {
                last: gone.last,
                numbers: gone.numbers.into_iter().map(SourceNumber::new).collect(),
            }),
            Self::SourceNames(names) => {
                let names = names.into_iter();
                Frame::SourceNames(names.map(|(id, name)| (SourceId::new(id), name)).collect())
            }
            Self::Paused(paused) => Frame::Paused(paused.into_iter().map(SourceId::new).collect()),
        })
    }
}

impl EndRecord {
    pub(in crate::snapshot) fn tracked(&self) -> End {
        End {
            position: LogPosition::new(self.position),
            devices: self.devices,
            is_whole: self.is_whole,
        }
    }
}

impl HeadRecord {
    fn tracked(self) -> Option<ImageHead> {
        let sources = self.sources.into_iter().map(SourceRecord::tracked);
        Some(ImageHead {
            position: LogPosition::new(self.position),
            now: ReceivedAt::from_micros(self.now_micros),
            is_whole: self.is_whole,
            change: ChangeNumber::new(self.change),
            reports: self.reports,
            sources: sources.collect::<Option<_>>()?,
            paused: Vec::new(),
            gone_sources: None,
            gone: self.gone.into_iter().map(DeviceId::from).collect(),
        })
    }
}

impl SourceRecord {
    fn tracked(self) -> Option<tracker::Source> {
        Some(tracker::Source {
            number: SourceNumber::new(self.number),
            id: SourceId::new(self.id),
            name: self.name,
            // Those who have one get it from another frame.
            sent_name: None,
            phy: self.phy.into(),
            reports: self.reports,
            first_contact: ReceivedAt::from_micros(self.first_contact_micros),
            last_contact: ReceivedAt::from_micros(self.last_contact_micros),
            activity: self.activity.into(),
            devices: self.devices,
            place: all_or_none(self.place, LatestRecord::tracked_position)?,
            changed: ChangeNumber::new(self.changed),
        })
    }
}

/// Converts what is there. `None` when that fails, and `Some(None)` when nothing is there.
#[expect(clippy::option_option, reason = "the outer one is for `?`")]
fn all_or_none<R, T>(record: Option<R>, convert: impl Fn(R) -> Option<T>) -> Option<Option<T>> {
    match record {
        Some(record) => convert(record).map(Some),
        None => Some(None),
    }
}

impl DeviceRecord {
    fn tracked(self) -> Option<tracker::Device> {
        Some(tracker::Device {
            id: self.id.into(),
            first_time: UnixTime::new(self.first_time),
            last_time: UnixTime::new(self.last_time),
            modified_at: ReceivedAt::from_micros(self.modified_at_micros),
            reports: self.reports,
            signal: self.signal.map(tracker::SignalRange::from),
            peak: all_or_none(self.peak, PeakRecord::tracked)?,
            channel: self.channel.map(LatestRecord::tracked),
            frequency: self.frequency.map(|latest| tracker::Latest {
                time: UnixTime::new(latest.time),
                value: Frequency::from_stored(latest.value),
            }),
            frequencies: tracked_frequencies(self.frequencies),
            place: all_or_none(self.place, |place| place.tracked().map(Box::new))?,
            seen_by: each(self.seen_by, tracker::SeenBy::from),
            activity: self.activity.into(),
            given_name: self.given_name,
            tags: self.tags.into_iter().map(LatestRecord::tracked).collect(),
            radio: match self.radio {
                RadioRecord::Wifi(wifi) => tracker::Radio::Wifi(wifi.into()),
                RadioRecord::Bluetooth(bluetooth) => {
                    tracker::Radio::Bluetooth(Box::new((*bluetooth).into()))
                }
            },
        })
    }
}

impl<T> LatestRecord<T> {
    fn tracked<V: From<T>>(self) -> tracker::Latest<V> {
        tracker::Latest {
            time: UnixTime::new(self.time),
            value: self.value.into(),
        }
    }
}

impl LatestRecord<PositionRecord> {
    fn tracked_position(self) -> Option<tracker::Latest<Position>> {
        Some(tracker::Latest {
            time: UnixTime::new(self.time),
            value: self.value.tracked()?,
        })
    }
}

impl From<PhyRecord> for Phy {
    fn from(phy: PhyRecord) -> Self {
        match phy {
            PhyRecord::Wifi => Self::Wifi,
            PhyRecord::Bluetooth => Self::Bluetooth,
        }
    }
}

impl From<DeviceIdRecord> for DeviceId {
    fn from(id: DeviceIdRecord) -> Self {
        Self {
            phy: id.phy.into(),
            addr: MacAddr::new(id.addr),
        }
    }
}

impl From<ChannelRecord> for Channel {
    fn from(name: ChannelRecord) -> Self {
        Self::from_stored(name)
    }
}

impl From<SignalRecord> for tracker::SignalRange {
    fn from(signal: SignalRecord) -> Self {
        Self {
            last: tracker::Latest {
                time: UnixTime::new(signal.last.time),
                value: Dbm::from_stored(signal.last.value),
            },
            min: Dbm::from_stored(signal.min),
            max: Dbm::from_stored(signal.max),
        }
    }
}

impl PeakRecord {
    fn tracked(self) -> Option<tracker::Peak> {
        Some(tracker::Peak {
            signal: Dbm::from_stored(self.signal_dbm),
            time: UnixTime::new(self.time),
            position: self.position.tracked()?,
        })
    }
}

impl PositionRecord {
    fn tracked(self) -> Option<Position> {
        Position::from_fixed(self.lat_e7, self.lon_e7, self.alt_mm, self.speed_m_h)
    }
}

impl PlaceRecord {
    fn tracked(self) -> Option<tracker::PositionStats> {
        Some(tracker::PositionStats {
            lat_min_e7: self.lat_min_e7,
            lat_max_e7: self.lat_max_e7,
            lon_min_e7: self.lon_min_e7,
            lon_max_e7: self.lon_max_e7,
            alt_range_mm: self.alt_range_mm,
            last: self.last.tracked_position()?,
            lat_sum_e7: self.lat_sum_e7,
            lon_sum_e7: self.lon_sum_e7,
            alt_sum_mm: self.alt_sum_mm,
            fixes: self.fixes,
            fixes_3d: self.fixes_3d,
            fixes_west: self.fixes_west,
        })
    }
}

fn tracked_frequencies(frequencies: FrequenciesRecord) -> SmallVec<[(Frequency, u32); 1]> {
    let tracked = |(khz, count): (u32, u32)| (Frequency::from_stored(khz), count);
    each(frequencies, tracked)
}

impl From<SeenByRecord> for tracker::SeenBy {
    fn from(seen: SeenByRecord) -> Self {
        Self {
            source: SourceNumber::new(seen.source),
            first_time: UnixTime::new(seen.first_time),
            last_time: UnixTime::new(seen.last_time),
            reports: seen.reports,
            signal: seen.signal.map(tracker::SignalRange::from),
            frequencies: tracked_frequencies(seen.frequencies),
        }
    }
}

impl From<ActivityRecord> for Activity {
    fn from(activity: ActivityRecord) -> Self {
        Self(match activity {
            ActivityRecord::Few(samples) => {
                let tracked = |sample: SampleRecord| ActivitySample {
                    time: UnixTime::new(sample.time),
                    signal: sample.signal_dbm.map(Dbm::from_stored),
                };
                ActivityKept::Few(each(samples, tracked))
            }
            ActivityRecord::Many(counts) => ActivityKept::Many(Box::new(Counts {
                newest: UnixTime::new(counts.newest),
                seconds: counts.seconds,
                minutes: counts.minutes,
                hours: counts.hours,
                signals: counts
                    .signals_dbm
                    .map(|signal| signal.map(Dbm::from_stored)),
            })),
        })
    }
}

impl From<TagRecord> for Tag {
    fn from(tag: TagRecord) -> Self {
        let TagRecord { name, value } = tag;
        Self { name, value }
    }
}

impl From<WifiRecord> for tracker::Wifi {
    fn from(wifi: WifiRecord) -> Self {
        Self {
            topology: wifi.topology.map(LatestRecord::tracked),
            ssids: each(wifi.ssids, tracker::SsidRecord::from),
        }
    }
}

impl From<SsidRecord> for tracker::SsidRecord {
    fn from(record: SsidRecord) -> Self {
        Self {
            ssid: record.ssid,
            first_time: UnixTime::new(record.first_time),
            last_time: UnixTime::new(record.last_time),
            reports: record.reports,
            channel: record.channel.map(LatestRecord::tracked),
            security: record.security.map(LatestRecord::tracked),
            layout: record.layout.map(|latest| Box::new(latest.tracked())),
        }
    }
}

impl From<AdvertisedRecord> for tracker::Advertised {
    fn from(advertised: AdvertisedRecord) -> Self {
        Self {
            security: advertised.security.into(),
            checksum: advertised.checksum,
        }
    }
}

impl From<SecurityRecord> for Security {
    fn from(record: SecurityRecord) -> Self {
        let bits = SecurityBits {
            wpa_akms: record.wpa_akms,
            rsn_akms: record.rsn_akms,
            other_akms: record.other_akms,
            flags: record.flags,
            wpa_pairwise: record.wpa_pairwise,
            rsn_pairwise: record.rsn_pairwise,
            other_pairwise: record.other_pairwise,
            protocols: record.protocols,
            marks: record.marks,
        };
        let topology = record.topology.map(Topology::from);
        Self::from_bits(bits, record.wps.map(Wps::from), record.pmf.into(), topology)
    }
}

impl From<LayoutRecord> for tracker::ChannelLayout {
    fn from(layout: LayoutRecord) -> Self {
        Self {
            width: layout.width.map(ChannelWidth::from),
            center0_mhz: layout.center0_mhz,
            center1_mhz: layout.center1_mhz,
        }
    }
}

impl From<BluetoothRecord> for tracker::Bluetooth {
    fn from(bluetooth: BluetoothRecord) -> Self {
        Self {
            name: bluetooth.name.map(LatestRecord::tracked),
            advertised_name: bluetooth.advertised_name.map(LatestRecord::tracked),
            device_type: bluetooth.device_type.map(LatestRecord::tracked),
            tx_power_dbm: bluetooth.tx_power_dbm.map(LatestRecord::tracked),
            path_loss_db: bluetooth.path_loss_db.map(LatestRecord::tracked),
            scan_data: bluetooth.scan_data.map(LatestRecord::tracked),
            service_data: bluetooth
                .service_data
                .into_iter()
                .map(LatestRecord::tracked)
                .collect(),
        }
    }
}

impl From<AdvertisedNameRecord> for tracker::AdvertisedName {
    fn from(name: AdvertisedNameRecord) -> Self {
        let AdvertisedNameRecord { text, is_complete } = name;
        Self { text, is_complete }
    }
}

impl From<ServiceDataRecord> for ServiceData {
    fn from(data: ServiceDataRecord) -> Self {
        let ServiceDataRecord { service, bytes } = data;
        Self { service, bytes }
    }
}
