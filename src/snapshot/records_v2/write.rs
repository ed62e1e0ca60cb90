//! From the tracker to the disk.

use std::cell::Cell;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use super::{
    ActivityRecord, AdvertisedNameRecord, AdvertisedRecord, BluetoothRecord, ChannelRecord,
    CountsRecord, DeviceIdRecord, DeviceRecord, EndRecord, FrameRecord, FrequenciesRecord,
    GoneSourcesRecord, HeadRecord, LatestRecord, LayoutRecord, PeakRecord, PhyRecord, PlaceRecord,
    PositionRecord, RadioRecord, SampleRecord, SecurityRecord, SeenByRecord, ServiceDataRecord,
    SignalRecord, SourceRecord, SsidRecord, TagRecord, TopologyRecord, WidthRecord, WifiRecord,
    WpsRecord, each,
};
use crate::report::capabilities::Security;
use crate::report::{Channel, Dbm, DeviceId, Frequency, Phy, Position, ServiceData, SourceId, Tag};
use crate::snapshot::file::Frame;
use crate::tracker::{
    self, Activity, ActivityKept, ActivitySample, ChangeNumber, ImageHead, SourceNumber,
};

/// Appends the encoded frame to `out`.
pub(in crate::snapshot) fn encode(frame: Frame, out: Vec<u8>) -> postcard::Result<Vec<u8>> {
    let record = match frame {
        Frame::Head(head) => FrameRecord::Head(Box::new((*head).into())),
        Frame::Paused(paused) => {
            FrameRecord::Paused(paused.into_iter().map(SourceId::uuid).collect())
        }
        Frame::GoneSources(gone) => FrameRecord::GoneSources(GoneSourcesRecord {
            last: gone.last,
            numbers: gone.numbers.into_iter().map(SourceNumber::get).collect(),
        }),
        Frame::SourceNames(names) => {
            let names = names.into_iter();
            FrameRecord::SourceNames(names.map(|(id, name)| (id.uuid(), name)).collect())
        }
        Frame::Devices(devices) => FrameRecord::Devices(OnceEncoded(Cell::new(devices))),
        Frame::End(end) => FrameRecord::End(EndRecord {
            position: end.position.get(),
            devices: end.devices,
            is_whole: end.is_whole,
        }),
    };
    postcard::to_extend(&record, out)
}

/// Devices that are converted while they are encoded, which takes them: a second time there would be none.
struct OnceEncoded(Cell<Vec<(ChangeNumber, tracker::Device)>>);

impl Serialize for OnceEncoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let records = self.0.take().into_iter();
        serializer
            .collect_seq(records.map(|(changed, device)| (changed.get(), device_record(device))))
    }
}

impl From<ImageHead> for HeadRecord {
    fn from(head: ImageHead) -> Self {
        Self {
            position: head.position.get(),
            now_micros: head.now.micros(),
            is_whole: head.is_whole,
            change: head.change.get(),
            reports: head.reports,
            sources: head.sources.into_iter().map(SourceRecord::from).collect(),
            gone: head.gone.into_iter().map(DeviceIdRecord::from).collect(),
        }
    }
}

impl From<tracker::Source> for SourceRecord {
    fn from(source: tracker::Source) -> Self {
        Self {
            number: source.number.get(),
            id: source.id.uuid(),
            // The given one is in another frame.
            name: source.sent_name.unwrap_or(source.name),
            phy: source.phy.into(),
            reports: source.reports,
            first_contact_micros: source.first_contact.micros(),
            last_contact_micros: source.last_contact.micros(),
            activity: source.activity.into(),
            devices: source.devices,
            place: source.place.map(LatestRecord::of),
            changed: source.changed.get(),
        }
    }
}

fn device_record(device: tracker::Device) -> DeviceRecord {
    DeviceRecord {
        id: device.id.into(),
        first_time: device.first_time.seconds(),
        last_time: device.last_time.seconds(),
        modified_at_micros: device.modified_at.micros(),
        reports: device.reports,
        signal: device.signal.map(SignalRecord::from),
        peak: device.peak.map(|peak| PeakRecord {
            signal_dbm: peak.signal.get(),
            time: peak.time.seconds(),
            position: peak.position.into(),
        }),
        channel: device.channel.map(LatestRecord::of),
        frequency: device.frequency.map(|latest| LatestRecord {
            time: latest.time.seconds(),
            value: latest.value.khz(),
        }),
        frequencies: frequencies_record(device.frequencies),
        place: device.place.map(|place| (*place).into()),
        seen_by: each(device.seen_by, SeenByRecord::from),
        activity: device.activity.into(),
        given_name: device.given_name,
        tags: device.tags.to_latest().map(LatestRecord::of).collect(),
        radio: match device.radio {
            tracker::Radio::Wifi(wifi) => RadioRecord::Wifi(wifi.into()),
            tracker::Radio::Bluetooth(bluetooth) => {
                RadioRecord::Bluetooth(Box::new((*bluetooth).into()))
            }
        },
    }
}

impl<T> LatestRecord<T> {
    fn of<V: Into<T>>(latest: tracker::Latest<V>) -> Self {
        Self {
            time: latest.time.seconds(),
            value: latest.value.into(),
        }
    }
}

impl From<Phy> for PhyRecord {
    fn from(phy: Phy) -> Self {
        match phy {
            Phy::Wifi => Self::Wifi,
            Phy::Bluetooth => Self::Bluetooth,
        }
    }
}

impl From<DeviceId> for DeviceIdRecord {
    fn from(id: DeviceId) -> Self {
        Self {
            phy: id.phy.into(),
            addr: id.addr.octets(),
        }
    }
}

impl From<Channel> for ChannelRecord {
    fn from(channel: Channel) -> Self {
        channel.to_stored()
    }
}

impl From<tracker::SignalRange> for SignalRecord {
    fn from(range: tracker::SignalRange) -> Self {
        Self {
            last: LatestRecord {
                time: range.last.time.seconds(),
                value: range.last.value.get(),
            },
            min: range.min.get(),
            max: range.max.get(),
        }
    }
}

impl From<Position> for PositionRecord {
    fn from(position: Position) -> Self {
        Self {
            lat_e7: position.lat_e7(),
            lon_e7: position.lon_e7(),
            alt_mm: position.alt_mm(),
            speed_m_h: position.speed_m_h(),
        }
    }
}

impl From<tracker::PositionStats> for PlaceRecord {
    fn from(place: tracker::PositionStats) -> Self {
        Self {
            lat_min_e7: place.lat_min_e7,
            lat_max_e7: place.lat_max_e7,
            lon_min_e7: place.lon_min_e7,
            lon_max_e7: place.lon_max_e7,
            alt_range_mm: place.alt_range_mm,
            last: LatestRecord::of(place.last),
            lat_sum_e7: place.lat_sum_e7,
            lon_sum_e7: place.lon_sum_e7,
            alt_sum_mm: place.alt_sum_mm,
            fixes: place.fixes,
            fixes_3d: place.fixes_3d,
            fixes_west: place.fixes_west,
        }
    }
}

fn frequencies_record(frequencies: SmallVec<[(Frequency, u32); 1]>) -> FrequenciesRecord {
    let record = |(frequency, count): (Frequency, u32)| (frequency.khz(), count);
    each(frequencies, record)
}

impl From<tracker::SeenBy> for SeenByRecord {
    fn from(seen: tracker::SeenBy) -> Self {
        Self {
            source: seen.source.get(),
            first_time: seen.first_time.seconds(),
            last_time: seen.last_time.seconds(),
            reports: seen.reports,
            signal: seen.signal.map(SignalRecord::from),
            frequencies: frequencies_record(seen.frequencies),
        }
    }
}

impl From<Activity> for ActivityRecord {
    fn from(activity: Activity) -> Self {
        match activity.0 {
            ActivityKept::Few(samples) => {
                let record = |sample: ActivitySample| SampleRecord {
                    time: sample.time.seconds(),
                    signal_dbm: sample.signal.map(Dbm::get),
                };
                Self::Few(each(samples, record))
            }
            ActivityKept::Many(counts) => Self::Many(Box::new(CountsRecord {
                newest: counts.newest.seconds(),
                seconds: counts.seconds,
                minutes: counts.minutes,
                hours: counts.hours,
                signals_dbm: counts.signals.map(|signal| signal.map(Dbm::get)),
            })),
        }
    }
}

impl From<Tag> for TagRecord {
    fn from(tag: Tag) -> Self {
        let Tag { name, value } = tag;
        Self { name, value }
    }
}

impl From<tracker::Wifi> for WifiRecord {
    fn from(wifi: tracker::Wifi) -> Self {
        Self {
            topology: wifi.topology.map(LatestRecord::of),
            ssids: each(wifi.ssids, SsidRecord::from),
        }
    }
}

impl From<tracker::SsidRecord> for SsidRecord {
    fn from(record: tracker::SsidRecord) -> Self {
        Self {
            ssid: record.ssid,
            first_time: record.first_time.seconds(),
            last_time: record.last_time.seconds(),
            reports: record.reports,
            channel: record.channel.map(LatestRecord::of),
            security: record.security.map(LatestRecord::of),
            layout: record.layout.map(|latest| LatestRecord::of(*latest)),
        }
    }
}

impl From<tracker::Advertised> for AdvertisedRecord {
    fn from(advertised: tracker::Advertised) -> Self {
        Self {
            security: advertised.security.into(),
            checksum: advertised.checksum,
        }
    }
}

impl From<Security> for SecurityRecord {
    fn from(security: Security) -> Self {
        let bits = security.to_bits();
        Self {
            wpa_akms: bits.wpa_akms,
            rsn_akms: bits.rsn_akms,
            other_akms: bits.other_akms,
            flags: bits.flags,
            wpa_pairwise: bits.wpa_pairwise,
            rsn_pairwise: bits.rsn_pairwise,
            other_pairwise: bits.other_pairwise,
            protocols: bits.protocols,
            marks: bits.marks,
            wps: security.wps().map(WpsRecord::from),
            pmf: security.pmf().into(),
            topology: security.topology().map(TopologyRecord::from),
        }
    }
}

impl From<tracker::ChannelLayout> for LayoutRecord {
    fn from(layout: tracker::ChannelLayout) -> Self {
        Self {
            width: layout.width.map(WidthRecord::from),
            center0_mhz: layout.center0_mhz,
            center1_mhz: layout.center1_mhz,
        }
    }
}

impl From<tracker::Bluetooth> for BluetoothRecord {
    fn from(bluetooth: tracker::Bluetooth) -> Self {
        Self {
            name: bluetooth.name.map(LatestRecord::of),
            advertised_name: bluetooth.advertised_name.map(LatestRecord::of),
            device_type: bluetooth.device_type.map(LatestRecord::of),
            tx_power_dbm: bluetooth.tx_power_dbm.map(LatestRecord::of),
            path_loss_db: bluetooth.path_loss_db.map(LatestRecord::of),
            scan_data: bluetooth.scan_data.map(LatestRecord::of),
            service_data: bluetooth
                .service_data
                .into_iter()
                .map(LatestRecord::of)
                .collect(),
        }
    }
}

impl From<tracker::AdvertisedName> for AdvertisedNameRecord {
    fn from(name: tracker::AdvertisedName) -> Self {
        let tracker::AdvertisedName { text, is_complete } = name;
        Self { text, is_complete }
    }
}

impl From<ServiceData> for ServiceDataRecord {
    fn from(data: ServiceData) -> Self {
        let ServiceData { service, bytes } = data;
        Self { service, bytes }
    }
}
