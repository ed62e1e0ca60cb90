//! Tracked state as Kismet 2025-09-R1 shows it: its field names, types and shapes.
//!
//! Every record is a wrapper around a tracked thing that serialises itself. What scanning mode cannot
//! know stands there as Kismet shows it then: zero or empty.

mod activity;
mod alert;
mod alert_hash;
mod bluetooth;
mod channel;
mod crypt;
mod device;
mod dot11;
mod event;
mod fields;
mod location;
mod phy;
mod server;
mod signal;
mod source;
mod ssid;
mod system;
mod view;

use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

pub use self::alert::{AlertList, AlertRecord, DefinitionRecord};
pub use self::alert_hash::alert_hash;
pub use self::channel::Channels;
pub use self::crypt::{crypt_bitfield, crypt_set};
pub use self::device::{DeviceRecord, Sources};
pub use self::event::{BatteryRecord, MessageList, MessageRecord, StatisticsRecord};
pub use self::fields::{Field, page as fields_page};
pub use self::phy::{PhyRecord, phys};
pub use self::server::{PacketStats, ServerLocation, SourceDefaults};
pub use self::source::SourceRecord;
pub use self::ssid::{SsidGroup, SsidGroups, hash_of};
pub use self::system::{Status, TimestampRecord};
pub use self::view::ViewRecord;
use crate::report::UnixTime;
use crate::report::capabilities::{Security, SecurityClass};
use crate::tracker::{Device, SourceNumber};

/// What records need besides the tracked state.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The server's own identity.
    pub server: Uuid,
    /// When the request was answered.
    pub now: UnixTime,
}

impl Context {
    /// The server's identity in upper case, as Kismet writes UUIDs.
    fn server_text(self) -> String {
        self.server.as_hyphenated().to_string().to_uppercase()
    }
}

/// A list of devices that Kismet keeps under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceView {
    /// All devices.
    All,
    /// Wi-Fi networks: access points and, as with Kismet, ad-hoc peers.
    AccessPoints,
    /// One radio technology, or one that scanning mode never has.
    Phy(&'static str),
    /// What one source has seen.
    SeenBy(SourceNumber),
}

impl DeviceView {
    /// The view with this name.
    pub fn by_id(id: &str) -> Option<Self> {
        match id {
            "all" => Some(Self::All),
            "phydot11_accesspoints" => Some(Self::AccessPoints),
            _ => Self::of_phy(id.strip_prefix("phy-")?),
        }
    }

    /// The view of the radio technology with this name.
    pub fn of_phy(phy: &str) -> Option<Self> {
        let mut names = phys().map(|(_, name)| name);
        names.find(|name| *name == phy).map(Self::Phy)
    }

    /// Whether the view lists `device`.
    pub fn lists(self, device: &Device) -> bool {
        match self {
            Self::All => true,
            Self::AccessPoints => device.id.phy == crate::report::Phy::Wifi,
            Self::Phy(name) => device.id.phy.name() == name,
            Self::SeenBy(number) => device.seen_by.iter().any(|seen| seen.source == number),
        }
    }
}

/// Writes the one word for how a network is secured. Kismet has no such field.
fn security_class<M: SerializeMap>(
    record: &mut M,
    security: Option<Security>,
) -> Result<(), M::Error> {
    let class = security.map_or(SecurityClass::Unknown, Security::class);
    record.serialize_entry("scanpost.security.class", class.as_str())
}

/// A value that is worked out where it is shown: readers who ask for a few fields ask for it seldom.
struct Shown<F>(F);

impl<T: Serialize, F: Fn() -> T> Serialize for Shown<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0)().serialize(serializer)
    }
}

/// Writes fields that are always 0 here.
fn zeros<M: SerializeMap>(record: &mut M, names: &[&'static str]) -> Result<(), M::Error> {
    names
        .iter()
        .try_for_each(|name| record.serialize_entry(name, &0))
}

/// Writes fields that are always empty text here.
fn empties<M: SerializeMap>(record: &mut M, names: &[&'static str]) -> Result<(), M::Error> {
    names
        .iter()
        .try_for_each(|name| record.serialize_entry(name, ""))
}
