//! The typed domain: reports of scanners.
//!
//! Each value is checked when it is created, so code after the decoders need not check again. The module knows no HTTP,
//! no disk and no tracker, and reads no clock.

pub mod advertising;
mod annotation;
mod batch;
pub mod capabilities;
mod channel;
mod channel_text;
mod device;
mod mac;
mod manufacturer;
mod mask;
mod position;
mod radio;
mod source;
pub(crate) mod sphere;
mod ssid;
mod time;

use serde::{Deserialize, Serialize};

pub use annotation::{Annotation, Remark};
pub use batch::{Batch, BatchIdentity, Rejected};
pub use capabilities::Capabilities;
pub use channel::{BadChannel, Channel};
pub use device::{DeviceId, DeviceKey, ParseDeviceKeyError, Phy};
pub use mac::{BluetoothAddr, Bssid, MacAddr, NotAStation, ParseMacError};
pub use manufacturer::{MacBlock, Manufacturer};
pub use mask::MacMask;
pub use position::{Accuracy, BadPosition, Position};
pub use radio::{BadFrequency, Band, ChannelWidth, Dbm, Frequency};
pub use source::{ParseSourceIdError, SourceId, source_name};
pub(crate) use ssid::ShownOctets;
pub use ssid::{Ssid, SsidTooLong};
pub use time::{Clock, ReceivedAt, UnixTime};

/// A sighting of one device by one source at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When the device was seen.
    pub time: UnixTime,
    /// Signal strength.
    pub signal: Option<Dbm>,
    /// Frequency of the received signal.
    pub frequency: Option<Frequency>,
    /// Channel, in the scanner's notation.
    pub channel: Option<Channel>,
    /// Position of the scanner.
    pub position: Option<Position>,
    /// Accuracy of the position.
    pub accuracy: Option<Accuracy>,
    /// Free texts that the scanner attaches to the device.
    pub tags: Vec<Tag>,
    /// The part that depends on the radio technology.
    pub sighting: Sighting,
}

impl Report {
    /// The device that was seen.
    pub fn device(&self) -> DeviceId {
        match &self.sighting {
            Sighting::Wifi(wifi) => DeviceId {
                phy: Phy::Wifi,
                addr: wifi.bssid.addr(),
            },
            Sighting::Bluetooth(bluetooth) => DeviceId {
                phy: Phy::Bluetooth,
                addr: bluetooth.addr.addr(),
            },
        }
    }
}

/// A name and a value that a scanner attaches to a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// Name of the tag.
    pub name: Box<str>,
    /// Value of the tag.
    pub value: Box<str>,
}

/// The part of a report that depends on the radio technology.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sighting {
    /// A Wi-Fi access point or ad-hoc peer.
    Wifi(WifiSighting),
    /// A Bluetooth device, classic or low energy.
    Bluetooth(Box<BluetoothSighting>),
}

/// The Wi-Fi part of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WifiSighting {
    /// Address of the access point.
    pub bssid: Bssid,
    /// Name of the network. An absent and an empty name both mean a hidden network.
    pub ssid: Ssid,
    /// Security of the network. An absent and an empty text are both `None`.
    pub capabilities: Option<Capabilities>,
    /// Width of the channel.
    pub width: Option<ChannelWidth>,
    /// Centre of the channel, or of its first segment, in MHz.
    pub center0_mhz: Option<u32>,
    /// Centre of the channel's second segment, in MHz.
    pub center1_mhz: Option<u32>,
    /// Information elements as text. No client has a fixed notation yet, so they are stored without parsing.
    pub ie_tags: Option<Box<str>>,
}

/// The Bluetooth part of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BluetoothSighting {
    /// Address of the device.
    pub addr: BluetoothAddr,
    /// Name that the device reports.
    pub name: Option<Box<str>>,
    /// Kind of device, in the scanner's words.
    pub device_type: Option<Box<str>>,
    /// Transmit power that the device states, in dBm.
    pub tx_power_dbm: Option<i16>,
    /// Path loss that the scanner computed, in dB.
    pub path_loss_db: Option<i16>,
    /// Advertising data as received.
    pub scan_data: Box<[u8]>,
    /// Advertised data of single services.
    pub service_data: Vec<ServiceData>,
}

/// Advertised data of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceData {
    /// UUID of the service, as sent.
    pub service: Box<str>,
    /// The data.
    pub bytes: Box<[u8]>,
}
