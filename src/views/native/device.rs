//! A device in one row.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Utc, entry_if_some};
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Band, Frequency, Manufacturer};
use crate::tracker::{Device, Radio};

/// The names of a row's values, in their order.
pub const COLUMNS: [&str; 24] = [
    "phy",
    "address",
    "key",
    "name",
    "security",
    "security_label",
    "channel",
    "frequency_khz",
    "band_ghz",
    "signal_dbm",
    "signal_weakest_dbm",
    "signal_strongest_dbm",
    "first_seen",
    "first_seen_utc",
    "last_seen",
    "last_seen_utc",
    "changed",
    "changed_utc",
    "reports",
    "sources",
    "lat",
    "lon",
    "manufacturer",
    "randomised",
];

/// A device in one row.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRow<'d>(pub &'d Device);

/// What a device is called: the name that somebody gave it, else its network's or its own.
pub fn name_of(device: &Device) -> Option<Cow<'_, str>> {
    if let Some(given) = &device.given_name {
        return Some(Cow::Borrowed(given));
    }
    match &device.radio {
        Radio::Wifi(_) => {
            let named = device.main_ssid().filter(|record| !record.ssid.is_hidden());
            named.map(|record| Cow::Owned(record.ssid.to_string()))
        }
        Radio::Bluetooth(bluetooth) => bluetooth.shown_name().map(Cow::Borrowed),
    }
}

impl DeviceRow<'_> {
    /// Writes the row's values, those that are known.
    pub(super) fn entries<M: SerializeMap>(self, record: &mut M) -> Result<(), M::Error> {
        let Self(device) = self;
        let class = device.security().map(Security::class);
        let frequency = device.frequency.map(|latest| latest.value);
        let changed = device.modified_at.time();
        let mean = device.place.as_ref().map(|place| place.mean_degrees());
        record.serialize_entry("phy", device.id.phy.name())?;
        record.serialize_entry("address", &device.id.addr)?;
        record.serialize_entry("key", &device.id.key())?;
        entry_if_some(record, "name", name_of(device))?;
        entry_if_some(record, "security", class.map(SecurityClass::as_str))?;
        entry_if_some(record, "security_label", class.map(SecurityClass::label))?;
        let channel = device.channel.as_ref().map(|latest| latest.value.as_str());
        entry_if_some(record, "channel", channel)?;
        entry_if_some(record, "frequency_khz", frequency.map(Frequency::khz))?;
        let band = frequency.and_then(Frequency::band);
        entry_if_some(record, "band_ghz", band.map(Band::ghz))?;
        if let Some(signal) = device.signal {
            record.serialize_entry("signal_dbm", &signal.last.value.get())?;
            record.serialize_entry("signal_weakest_dbm", &signal.min.get())?;
            record.serialize_entry("signal_strongest_dbm", &signal.max.get())?;
        }
        record.serialize_entry("first_seen", &device.first_time.seconds())?;
        record.serialize_entry("first_seen_utc", &Utc(device.first_time))?;
        record.serialize_entry("last_seen", &device.last_time.seconds())?;
        record.serialize_entry("last_seen_utc", &Utc(device.last_time))?;
        record.serialize_entry("changed", &changed.seconds())?;
        record.serialize_entry("changed_utc", &Utc(changed))?;
        record.serialize_entry("reports", &device.reports)?;
        record.serialize_entry("sources", &device.seen_by.len())?;
        entry_if_some(record, "lat", mean.map(|(lat, _)| lat))?;
        entry_if_some(record, "lon", mean.map(|(_, lon)| lon))?;
        let made_by = Manufacturer::of(device.id.addr).map(Manufacturer::name);
        entry_if_some(record, "manufacturer", made_by)?;
        entry_if_some(
            record,
            "randomised",
            device.id.is_randomised().then_some(true),
        )
    }
}

impl Serialize for DeviceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        self.entries(&mut record)?;
        record.end()
    }
}
