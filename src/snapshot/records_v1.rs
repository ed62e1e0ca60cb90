//! Format 1 of a snapshot's frames, as records of format 2.
//!
//! The format got new fields three times before its number was raised, so it has four shapes. The last one is the
//! same as format 2. A server that was upgraded went on with the file that it found, so each frame may have a shape of
//! its own, and nothing in it says which. A wrong guess shifts the fields behind the missing one. So a frame has a shape
//! when its bytes are used up exactly and its devices are possible ones.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;

use super::records_v2::{
    ActivityRecord, AdvertisedNameRecord, BluetoothRecord, ChannelRecord, DeviceIdRecord,
    DeviceRecord, EndRecord, FrameRecord, FrequenciesRecord, HeadRecord, LatestRecord, PeakRecord,
    PhyRecord, PlaceRecord, PositionRecord, RadioRecord, SeenByRecord, ServiceDataRecord,
    SignalRecord, SourceRecord, TagRecord, WifiRecord,
};
use crate::report::advertising::{Structure, structures};

/// Reads a frame of any shape. `None` when it has none of them.
pub(super) fn read(payload: &[u8]) -> Option<FrameRecord> {
    read_as::<FrameRecord>(payload)
        .or_else(|| read_as::<Frame<Counted, Name>>(payload))
        .or_else(|| read_as::<Frame<Counted, Absent>>(payload))
        .or_else(|| read_as::<Frame<Absent, Absent>>(payload))
}

fn read_as<T: DeserializeOwned + Into<FrameRecord>>(payload: &[u8]) -> Option<FrameRecord> {
    let Ok((frame, [])) = postcard::take_from_bytes::<T>(payload) else {
        return None;
    };
    let frame = frame.into();
    match &frame {
        FrameRecord::Devices(devices) => {
            let are_possible = devices.iter().all(|(_, device)| device.is_possible());
            are_possible.then_some(frame)
        }
        FrameRecord::Head(_) | FrameRecord::End(_) => Some(frame),
        // Format 1 had none.
        FrameRecord::Paused(_) | FrameRecord::GoneSources(_) | FrameRecord::SourceNames(_) => None,
    }
}

impl DeviceRecord {
    /// Whether the radio is that of the identity, and everything in it was reported when the device was.
    fn is_possible(&self) -> bool {
        let times = self.first_time..=self.last_time;
        match &self.radio {
            RadioRecord::Wifi(wifi) => {
                let topology = wifi.topology.as_ref().map(|latest| latest.time);
                let ssids = wifi.ssids.iter();
                let ssids = ssids.flat_map(|record| [record.first_time, record.last_time]);
                self.id.phy == PhyRecord::Wifi
                    && topology
                        .into_iter()
                        .chain(ssids)
                        .all(|time| times.contains(&time))
            }
            RadioRecord::Bluetooth(bluetooth) => {
                let name = bluetooth.advertised_name.as_ref();
                self.id.phy == PhyRecord::Bluetooth
                    && name.is_none_or(|latest| times.contains(&latest.time))
            }
        }
    }
}

/// Fields that a shape does not have. They take no bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Absent;

/// How many devices a source saw and where it was last, since the second shape.
type Counted = (u64, Option<LatestRecord<PositionRecord>>);
/// The name that somebody gave a device, since the third shape.
type Name = Option<Box<str>>;

#[derive(Debug, Serialize, Deserialize)]
enum Frame<C, N> {
    Head(Box<Head<C>>),
    Devices(Vec<(u64, Device<N>)>),
    End(EndRecord),
}

#[derive(Debug, Serialize, Deserialize)]
struct Head<C> {
    position: u64,
    now_micros: u64,
    is_whole: bool,
    change: u64,
    reports: [u64; 2],
    sources: Vec<Source<C>>,
    gone: Vec<DeviceIdRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Source<C> {
    number: u32,
    id: Uuid,
    name: Box<str>,
    phy: PhyRecord,
    reports: u64,
    first_contact_micros: u64,
    last_contact_micros: u64,
    activity: ActivityRecord,
    counted: C,
    changed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Device<N> {
    id: DeviceIdRecord,
    first_time: u32,
    last_time: u32,
    modified_at_micros: u64,
    reports: u64,
    signal: Option<SignalRecord>,
    peak: Option<PeakRecord>,
    channel: Option<LatestRecord<ChannelRecord>>,
    frequency: Option<LatestRecord<u32>>,
    frequencies: FrequenciesRecord,
    place: Option<PlaceRecord>,
    seen_by: SmallVec<[SeenByRecord; 1]>,
    activity: ActivityRecord,
    given_name: N,
    tags: Vec<LatestRecord<TagRecord>>,
    radio: Radio,
}

#[derive(Debug, Serialize, Deserialize)]
enum Radio {
    Wifi(WifiRecord),
    Bluetooth(Box<Bluetooth>),
}

/// Without the name that the device advertised, which the fourth shape has.
#[derive(Debug, Serialize, Deserialize)]
struct Bluetooth {
    name: Option<LatestRecord<Box<str>>>,
    device_type: Option<LatestRecord<Box<str>>>,
    tx_power_dbm: Option<LatestRecord<i16>>,
    path_loss_db: Option<LatestRecord<i16>>,
    scan_data: Option<LatestRecord<Box<[u8]>>>,
    service_data: Vec<LatestRecord<ServiceDataRecord>>,
}

impl From<Absent> for Name {
    fn from(_: Absent) -> Self {
        None
    }
}

/// The tracker counts devices anew after a restore. Where a source was, its next report with a position says.
impl From<Absent> for Counted {
    fn from(_: Absent) -> Self {
        (0, None)
    }
}

impl<C: Into<Counted>, N: Into<Name>> From<Frame<C, N>> for FrameRecord {
    fn from(frame: Frame<C, N>) -> Self {
        match frame {
            Frame::Head(head) => Self::Head(Box::new((*head).into())),
            Frame::Devices(devices) => {
                let raised = |(changed, device): (u64, Device<N>)| (changed, device.into());
                Self::Devices(devices.into_iter().map(raised).collect())
            }
            Frame::End(end) => Self::End(end),
        }
    }
}

impl<C: Into<Counted>> From<Head<C>> for HeadRecord {
    fn from(head: Head<C>) -> Self {
        Self {
            position: head.position,
            now_micros: head.now_micros,
            is_whole: head.is_whole,
            change: head.change,
            reports: head.reports,
            sources: head.sources.into_iter().map(SourceRecord::from).collect(),
            gone: head.gone,
        }
    }
}

impl<C: Into<Counted>> From<Source<C>> for SourceRecord {
    fn from(source: Source<C>) -> Self {
        let (devices, place) = source.counted.into();
        Self {
            number: source.number,
            id: source.id,
            name: source.name,
            phy: source.phy,
            reports: source.reports,
            first_contact_micros: source.first_contact_micros,
            last_contact_micros: source.last_contact_micros,
            activity: source.activity,
            devices,
            place,
            changed: source.changed,
        }
    }
}

impl<N: Into<Name>> From<Device<N>> for DeviceRecord {
    fn from(device: Device<N>) -> Self {
        Self {
            id: device.id,
            first_time: device.first_time,
            last_time: device.last_time,
            modified_at_micros: device.modified_at_micros,
            reports: device.reports,
            signal: device.signal,
            peak: device.peak,
            channel: device.channel,
            frequency: device.frequency,
            frequencies: device.frequencies,
            place: device.place,
            seen_by: device.seen_by,
            activity: device.activity,
            given_name: device.given_name.into(),
            tags: device.tags,
            radio: match device.radio {
                Radio::Wifi(wifi) => RadioRecord::Wifi(wifi),
                Radio::Bluetooth(bluetooth) => {
                    RadioRecord::Bluetooth(Box::new((*bluetooth).into()))
                }
            },
        }
    }
}

impl From<Bluetooth> for BluetoothRecord {
    fn from(bluetooth: Bluetooth) -> Self {
        Self {
            advertised_name: bluetooth.scan_data.as_ref().and_then(advertised_name),
            name: bluetooth.name,
            device_type: bluetooth.device_type,
            tx_power_dbm: bluetooth.tx_power_dbm,
            path_loss_db: bluetooth.path_loss_db,
            scan_data: bluetooth.scan_data,
            service_data: bluetooth.service_data,
        }
    }
}

/// The name in the latest advertising data. One that stood only in earlier data was not stored.
fn advertised_name(
    scan_data: &LatestRecord<Box<[u8]>>,
) -> Option<LatestRecord<AdvertisedNameRecord>> {
    let names = structures(&scan_data.value).filter_map(|structure| match structure {
        Structure::Name(name) if !name.text().is_empty() => Some(name),
        _ => None,
    });
    let name = names.max_by_key(|name| name.is_complete)?;
    Some(LatestRecord {
        time: scan_data.time,
        value: AdvertisedNameRecord {
            text: name.text().into(),
            is_complete: name.is_complete,
        },
    })
}
