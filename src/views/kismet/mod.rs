//! Tracked state as Kismet 2025-09-R1 shows it: its field names, types and shapes.
//!
//! Every record wraps a tracked thing and serialises itself. A field that scanning mode cannot fill has the
//! value that Kismet shows then: zero or empty.

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
mod history;
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
pub use self::history::History;
pub use self::phy::{PhyRecord, phys};
pub use self::server::{PacketStats, ServerLocation, SourceDefaults};
pub use self::source::SourceRecord;
pub use self::ssid::{SsidGroup, SsidGroups, hash_of};
pub use self::system::{Status, TimestampRecord};
pub use self::view::ViewRecord;
use crate::report::UnixTime;
use crate::report::capabilities::{Security, SecurityClass};
use crate::tracker::{Device, SourceNumber};

/// What records need besides tracked state.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// UUID of the server.
    pub server: Uuid,
    /// Time of the request.
    pub now: UnixTime,
}

impl Context {
    /// UUID of the server in upper case, as in Kismet.
    fn server_text(self) -> String {
        self.server.as_hyphenated().to_string().to_uppercase()
    }
}

/// A named list of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceView {
    /// All devices.
    All,
    /// Wi-Fi networks: access points and, as with Kismet, ad-hoc peers.
    AccessPoints,
    /// Devices of one radio technology, or of one that scanning mode never has.
    Phy(&'static str),
    /// Devices that one source has seen.
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

/// Serialises the security class. Kismet has no such field.
fn security_class<M: SerializeMap>(
    record: &mut M,
    security: Option<Security>,
) -> Result<(), M::Error> {
    let class = security.map_or(SecurityClass::Unknown, Security::class);
    record.serialize_entry("scanpost.security.class", class.as_str())
}

/// A value that is computed only when it is serialised, because clients often ask for a few fields only.
struct Shown<F>(F);

impl<T: Serialize, F: Fn() -> T> Serialize for Shown<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0)().serialize(serializer)
    }
}

/// Serialises fields that are always 0 here.
fn zeros<M: SerializeMap>(record: &mut M, names: &[&'static str]) -> Result<(), M::Error> {
    names
        .iter()
        .try_for_each(|name| record.serialize_entry(name, &0))
}

/// Serialises fields that are always an empty string here.
fn empties<M: SerializeMap>(record: &mut M, names: &[&'static str]) -> Result<(), M::Error> {
    names
        .iter()
        .try_for_each(|name| record.serialize_entry(name, ""))
}
