//! Format 2 of a snapshot's frames, and how it maps to the tracker's types.
//!
//! The structs here are what is on disk. They never change: a new field of the tracker that has to be stored needs a
//! new format, with a module like this one. (A new kind of frame needs none: postcard tells it apart by its number.)
//! Only the conversions follow the tracker: `write` makes records of the tracker's values, `read` makes the tracker's
//! values of records. Devices are converted one by one while a frame is encoded or decoded: a frame full of records
//! beside the same frame of devices would not fit into the caches.
//!
//! Frames are encoded with postcard, which writes fields in their order and enum variants by their place, without
//! names. So order and types count here, and names do not.

mod read;
mod write;

pub(super) use self::read::TrackedDevices;
pub(super) use self::write::encode;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::report::capabilities::{Pmf, Topology, Wps};
use crate::report::{ChannelWidth, Ssid};

/// One frame. `D` is a list of [`ChangedRecord`] on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FrameRecord<D = Vec<ChangedRecord>> {
    Head(Box<HeadRecord>),
    Devices(D),
    End(EndRecord),
    /// Follows a head. Added later, when sources could be paused: a file without it says that none is.
    Paused(Vec<Uuid>),
    /// Follows a head. Added later, when sources could be forgotten: a file without it says that none was.
    GoneSources(GoneSourcesRecord),
    /// Follows a head. Added later, when sources could be given names: a file without it says that none has one.
    SourceNames(Vec<(Uuid, Box<str>)>),
}

/// A device and the number of its latest change.
pub(super) type ChangedRecord = (u64, DeviceRecord);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HeadRecord {
    pub(super) position: u64,
    pub(super) now_micros: u64,
    pub(super) is_whole: bool,
    pub(super) change: u64,
    /// Wi-Fi, Bluetooth.
    pub(super) reports: [u64; 2],
    pub(super) sources: Vec<SourceRecord>,
    pub(super) gone: Vec<DeviceIdRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndRecord {
    pub(super) position: u64,
    pub(super) devices: u64,
    pub(super) is_whole: bool,
}

/// Numbers of sources.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GoneSourcesRecord {
    pub(super) last: u32,
    pub(super) numbers: Vec<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SourceRecord {
    pub(super) number: u32,
    pub(super) id: Uuid,
    pub(super) name: Box<str>,
    pub(super) phy: PhyRecord,
    pub(super) reports: u64,
    pub(super) first_contact_micros: u64,
    pub(super) last_contact_micros: u64,
    pub(super) activity: ActivityRecord,
    pub(super) devices: u64,
    pub(super) place: Option<LatestRecord<PositionRecord>>,
    pub(super) changed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeviceRecord {
    pub(super) id: DeviceIdRecord,
    pub(super) first_time: u32,
    pub(super) last_time: u32,
    pub(super) modified_at_micros: u64,
    pub(super) reports: u64,
    pub(super) signal: Option<SignalRecord>,
    pub(super) peak: Option<PeakRecord>,
    pub(super) channel: Option<LatestRecord<ChannelRecord>>,
    pub(super) frequency: Option<LatestRecord<u32>>,
    pub(super) frequencies: FrequenciesRecord,
    pub(super) place: Option<PlaceRecord>,
    pub(super) seen_by: SmallVec<[SeenByRecord; 1]>,
    pub(super) activity: ActivityRecord,
    pub(super) given_name: Option<Box<str>>,
    pub(super) tags: Vec<LatestRecord<TagRecord>>,
    pub(super) radio: RadioRecord,
}

/// Reports by frequency in kHz.
pub(super) type FrequenciesRecord = SmallVec<[(u32, u32); 1]>;
/// A channel's name, filled up with NULs.
pub(super) type ChannelRecord = [u8; 16];

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct DeviceIdRecord {
    pub(super) phy: PhyRecord,
    pub(super) addr: [u8; 6],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PhyRecord {
    Wifi,
    Bluetooth,
}

/// A value and the time, in seconds since 1970, of the report that said it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct LatestRecord<T> {
    pub(super) time: u32,
    pub(super) value: T,
}

/// Signals in dBm.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct SignalRecord {
    last: LatestRecord<i16>,
    min: i16,
    max: i16,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PeakRecord {
    signal_dbm: i16,
    time: u32,
    position: PositionRecord,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PositionRecord {
    lat_e7: i32,
    lon_e7: i32,
    alt_mm: Option<i32>,
    speed_m_h: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PlaceRecord {
    lat_min_e7: i32,
    lat_max_e7: i32,
    lon_min_e7: i32,
    lon_max_e7: i32,
    alt_range_mm: Option<(i32, i32)>,
    last: LatestRecord<PositionRecord>,
    lat_sum_e7: i64,
    lon_sum_e7: i64,
    alt_sum_mm: i64,
    fixes: u32,
    fixes_3d: u32,
    fixes_west: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SeenByRecord {
    source: u32,
    first_time: u32,
    last_time: u32,
    reports: u64,
    signal: Option<SignalRecord>,
    frequencies: FrequenciesRecord,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ActivityRecord {
    Few(SmallVec<[SampleRecord; 1]>),
    Many(Box<CountsRecord>),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct SampleRecord {
    time: u32,
    signal_dbm: Option<i16>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CountsRecord {
    newest: u32,
    #[serde(with = "counted_ring")]
    seconds: [u32; 60],
    #[serde(with = "counted_ring")]
    minutes: [u32; 60],
    hours: [u32; 24],
    #[serde(with = "counted_ring")]
    signals_dbm: [Option<i16>; 60],
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TagRecord {
    name: Box<str>,
    value: Box<str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum RadioRecord {
    Wifi(WifiRecord),
    Bluetooth(Box<BluetoothRecord>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WifiRecord {
    pub(super) topology: Option<LatestRecord<TopologyRecord>>,
    pub(super) ssids: SmallVec<[SsidRecord; 1]>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SsidRecord {
    #[serde(with = "octets")]
    ssid: Ssid,
    pub(super) first_time: u32,
    pub(super) last_time: u32,
    reports: u64,
    channel: Option<LatestRecord<ChannelRecord>>,
    security: Option<LatestRecord<AdvertisedRecord>>,
    layout: Option<LatestRecord<LayoutRecord>>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct AdvertisedRecord {
    security: SecurityRecord,
    checksum: u32,
}

/// Sets are one bit a member, as `report::capabilities` counts them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct SecurityRecord {
    wpa_akms: u32,
    rsn_akms: u32,
    other_akms: u32,
    flags: u32,
    wpa_pairwise: u16,
    rsn_pairwise: u16,
    other_pairwise: u16,
    protocols: u8,
    marks: u8,
    wps: Option<WpsRecord>,
    pmf: PmfRecord,
    topology: Option<TopologyRecord>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct LayoutRecord {
    width: Option<WidthRecord>,
    center0_mhz: Option<u32>,
    center1_mhz: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BluetoothRecord {
    pub(super) name: Option<LatestRecord<Box<str>>>,
    pub(super) advertised_name: Option<LatestRecord<AdvertisedNameRecord>>,
    pub(super) device_type: Option<LatestRecord<Box<str>>>,
    pub(super) tx_power_dbm: Option<LatestRecord<i16>>,
    pub(super) path_loss_db: Option<LatestRecord<i16>>,
    pub(super) scan_data: Option<LatestRecord<Box<[u8]>>>,
    pub(super) service_data: Vec<LatestRecord<ServiceDataRecord>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AdvertisedNameRecord {
    pub(super) text: Box<str>,
    pub(super) is_complete: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServiceDataRecord {
    service: Box<str>,
    bytes: Box<[u8]>,
}

/// Converts a list that nearly always has one element, which then needs no loop.
fn each<A, B>(mut list: SmallVec<[A; 1]>, convert: impl Fn(A) -> B) -> SmallVec<[B; 1]> {
    match (list.len(), list.pop()) {
        (1, Some(only)) => SmallVec::from_buf([convert(only)]),
        (_, last) => list.into_iter().chain(last).map(convert).collect(),
    }
}

/// Defines an enum of the format beside the one that it stands for, and both directions between them.
macro_rules! enum_record {
    ($record:ident of $tracked:ident { $($variant:ident),+ $(,)? }) => {
        #[derive(Clone, Copy, Debug, Serialize, Deserialize)]
        pub(super) enum $record { $($variant),+ }

        impl From<$tracked> for $record {
            fn from(tracked: $tracked) -> Self {
                match tracked { $($tracked::$variant => Self::$variant),+ }
            }
        }

        impl From<$record> for $tracked {
            fn from(record: $record) -> Self {
                match record { $($record::$variant => Self::$variant),+ }
            }
        }
    };
}

enum_record! { TopologyRecord of Topology { Ap, Pbss, AdHoc, Mesh } }
enum_record! { WpsRecord of Wps { Yes, Pin, Auth, Pbc } }
enum_record! { PmfRecord of Pmf { NotStated, Capable, Required } }
enum_record! { WidthRecord of ChannelWidth { Mhz20, Mhz40, Mhz80, Mhz160, Mhz80Plus80, Mhz320 } }

/// Arrays that are longer than serde's, with their length before them.
mod counted_ring {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        ring: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        ring.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T, D, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let slots = Vec::<T>::deserialize(deserializer)?;
        let length = slots.len();
        slots
            .try_into()
            .map_err(|_| de::Error::invalid_length(length, &"as many slots as the ring has"))
    }
}

/// An SSID as its octets, read without an allocation.
mod octets {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::report::Ssid;

    pub(super) fn serialize<S: Serializer>(ssid: &Ssid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(ssid.as_bytes())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Ssid, D::Error> {
        let octets = <&[u8]>::deserialize(deserializer)?;
        Ssid::try_from(octets).map_err(de::Error::custom)
    }
}
