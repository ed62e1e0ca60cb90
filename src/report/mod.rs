//! The typed domain: what a scanner says once it has been understood.
//!
//! Every value here was checked when it was made, so nothing behind the decoders checks again.
//! Knows nothing of HTTP, disk or the tracker, and reads no clock.

pub mod advertising;
mod annotation;
mod batch;
pub mod capabilities;
mod device;
mod mac;
mod manufacturer;
mod mask;
mod position;
mod radio;
mod source;
mod ssid;
mod time;

use serde::{Deserialize, Serialize};

pub use annotation::{Annotation, Remark};
pub use batch::{Batch, BatchIdentity, Rejected};
pub use capabilities::Capabilities;
pub use device::{DeviceId, DeviceKey, ParseDeviceKeyError, Phy};
pub use mac::{BluetoothAddr, Bssid, MacAddr, NotAStation, ParseMacError};
pub use manufacturer::Manufacturer;
pub use mask::MacMask;
pub use position::{Accuracy, BadPosition, Position};
pub use radio::{BadChannel, BadFrequency, Band, Channel, ChannelWidth, Dbm, Frequency};
pub use source::{ParseSourceIdError, SourceId};
pub use ssid::{Ssid, SsidTooLong};
pub use time::{ReceivedAt, UnixTime};

/// One sighting of one device by one source at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When the device was seen.
    pub time: UnixTime,
    /// How strong it was.
    pub signal: Option<Dbm>,
    /// On which frequency it was heard.
    pub frequency: Option<Frequency>,
    /// On which channel, as the scanner names it.
    pub channel: Option<Channel>,
    /// Where the scanner stood.
    pub position: Option<Position>,
    /// How far the scanner may be from there.
    pub accuracy: Option<Accuracy>,
    /// Free marks that the scanner puts on the device.
    pub tags: Vec<Tag>,
    /// What the device's radio said.
    pub sighting: Sighting,
}

impl Report {
    /// Who was seen.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// What the tag is called.
    pub name: Box<str>,
    /// What it says.
    pub value: Box<str>,
}

/// The part of a report that differs by radio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sighting {
    /// A Wi-Fi access point or ad-hoc peer.
    Wifi(WifiSighting),
    /// A Bluetooth device, classic or low energy.
    Bluetooth(Box<BluetoothSighting>),
}

/// What a Wi-Fi scan tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WifiSighting {
    /// The access point's address.
    pub bssid: Bssid,
    /// The network's name; absent and empty are both the hidden one.
    pub ssid: Ssid,
    /// How the network is secured; absent and empty both say nothing.
    pub capabilities: Option<Capabilities>,
    /// How wide the channel is.
    pub width: Option<ChannelWidth>,
    /// Middle of the channel, or of its first part, in MHz.
    pub center0_mhz: Option<u32>,
    /// Middle of the channel's second part, in MHz.
    pub center1_mhz: Option<u32>,
    /// Information elements in a notation that no client has fixed yet: kept, not read.
    pub ie_tags: Option<Box<str>>,
}

/// What a Bluetooth scan tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BluetoothSighting {
    /// The device's address.
    pub addr: BluetoothAddr,
    /// The name it gives itself.
    pub name: Option<Box<str>>,
    /// The kind of device in the scanner's words.
    pub device_type: Option<Box<str>>,
    /// Transmit power that the device states, in dBm.
    pub tx_power_dbm: Option<i16>,
    /// Loss on the way as the scanner computed it, in dB.
    pub path_loss_db: Option<i16>,
    /// Advertising data as received.
    pub scan_data: Box<[u8]>,
    /// Data by service.
    pub service_data: Vec<ServiceData>,
}

/// What a Bluetooth device says of one of its services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceData {
    /// The service's UUID, as sent.
    pub service: Box<str>,
    /// What was said.
    pub bytes: Box<[u8]>,
}
