//! An alert in one row.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Utc, degrees, entry_if_some};
use crate::alerts::{Addresses, Alert};
use crate::report::{DeviceId, MacAddr, Phy, UnixTime};

/// The names of a row's values, in their order.
pub const ALERT_COLUMNS: [&str; 20] = [
    "number",
    "id",
    "rule",
    "class",
    "severity",
    "raised",
    "raised_utc",
    "seen",
    "seen_utc",
    "phy",
    "address",
    "key",
    "to_address",
    "network_address",
    "source",
    "channel",
    "lat",
    "lon",
    "alt_m",
    "text",
];

/// An alert in one row.
#[derive(Clone, Copy, Debug)]
pub struct AlertRow<'a>(pub &'a Alert);

impl Serialize for AlertRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Alert { number, raised } = self.0;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("number", number)?;
        record.serialize_entry("id", &raised.id)?;
        record.serialize_entry("rule", &raised.header)?;
        record.serialize_entry("class", raised.class.name())?;
        record.serialize_entry("severity", raised.severity.name())?;
        record.serialize_entry("raised", &raised.raised_at.time().seconds())?;
        record.serialize_entry("raised_utc", &Utc(raised.raised_at.time()))?;
        entry_if_some(&mut record, "seen", raised.seen.map(UnixTime::seconds))?;
        entry_if_some(&mut record, "seen_utc", raised.seen.map(Utc))?;
        entry_if_some(&mut record, "phy", raised.phy.map(Phy::name))?;
        let Addresses {
            source,
            dest,
            other,
            ..
        } = raised.addresses;
        let named = |addr| (addr != MacAddr::ZERO).then_some(addr);
        let device = raised.device;
        let address = device.map(|device| device.addr).or(named(source));
        entry_if_some(&mut record, "address", address)?;
        entry_if_some(&mut record, "key", device.map(DeviceId::key))?;
        // What a device tells everybody has nobody in particular to go to.
        if device.is_none() {
            entry_if_some(&mut record, "to_address", named(dest))?;
            entry_if_some(&mut record, "network_address", named(other))?;
        }
        let scanner = raised.scanner.map(|scanner| scanner.to_string());
        entry_if_some(&mut record, "source", scanner)?;
        entry_if_some(&mut record, "channel", raised.channel.as_ref())?;
        if let Some(position) = raised.location {
            record.serialize_entry("lat", &degrees(position.lat_e7()))?;
            record.serialize_entry("lon", &degrees(position.lon_e7()))?;
            let alt_m = position.alt_mm().map(|alt| f64::from(alt) / 1e3);
            entry_if_some(&mut record, "alt_m", alt_m)?;
        }
        record.serialize_entry("text", &raised.text)?;
        record.end()
    }
}
