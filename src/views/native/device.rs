//! A device in one row.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Signals, Times, Utc};
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Band, Channel, DeviceKey, MacAddr, Manufacturer};
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
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DeviceRow)]
pub struct DeviceRow<'d> {
    /// `IEEE802.11` or `Bluetooth`.
    pub(super) phy: &'static str,
    /// `AA:BB:CC:DD:EE:FF`.
    #[schema(value_type = String)]
    pub(super) address: MacAddr,
    /// The device's name in Kismet's paths.
    #[schema(value_type = String)]
    pub(super) key: DeviceKey,
    /// What somebody named it, else its network's name or its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) name: Option<Cow<'d, str>>,
    /// The class of its security, such as `open` or `wpa2-personal`; Wi-Fi only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) security: Option<&'static str>,
    /// The same, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) security_label: Option<&'static str>,
    /// The latest channel, as sent or as it follows from the frequency, in Kismet's notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(super) channel: Option<Channel>,
    /// The latest frequency, in kHz. Absent if the latest channel is another one, reported without a frequency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) frequency_khz: Option<u64>,
    /// Its band in GHz: `2.4`, `5`, `6` or `60`. Without a frequency it follows from the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) band_ghz: Option<&'static str>,
    #[serde(flatten)]
    pub(super) signals: Signals,
    #[serde(flatten)]
    pub(super) seen: Times,
    /// When a report changed it last, by the server's clock, in seconds since 1970.
    pub(super) changed: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    pub(super) changed_utc: Utc,
    /// How many reports there were of it.
    pub(super) reports: u64,
    /// How many scanners are known to have seen it.
    pub(super) sources: u64,
    /// Mean of where scanners stood, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) lat: Option<f64>,
    /// Mean of where scanners stood, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) lon: Option<f64>,
    /// Who made it, by the listings of the IEEE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) manufacturer: Option<&'static str>,
    /// Whether no maker gave the address; absent where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) randomised: Option<bool>,
}

/// What a device is called: the name that somebody gave it, else its network's or its own.
pub fn name_of(device: &Device) -> Option<Cow<'_, str>> {
    if let Some(given) = &device.given_name {
        return Some(Cow::Borrowed(given));
    }
    match &device.radio {
        Radio::Wifi(_) => {
            let named = device.main_ssid().filter(|record| !record.ssid.is_hidden());
            named.map(|record| match str::from_utf8(record.ssid.as_bytes()) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(record.ssid.to_string()),
            })
        }
        Radio::Bluetooth(bluetooth) => bluetooth.shown_name().map(Cow::Borrowed),
    }
}

impl<'d> DeviceRow<'d> {
    /// The row of a device.
    pub fn of(device: &'d Device) -> Self {
        let class = device.security().map(Security::class);
        let tuning = device.tuning();
        let changed = device.modified_at.time();
        let mean = device.place.as_ref().map(|place| place.mean_degrees());
        Self {
            phy: device.id.phy.name(),
            address: device.id.addr,
            key: device.id.key(),
            name: name_of(device),
            security: class.map(SecurityClass::as_str),
            security_label: class.map(SecurityClass::label),
            channel: tuning.channel,
            frequency_khz: tuning.frequency.map(|frequency| frequency.khz().into()),
            band_ghz: tuning.band().map(Band::ghz),
            signals: Signals::of(device.signal),
            seen: Times::new(device.first_time, device.last_time),
            changed: changed.seconds().into(),
            changed_utc: Utc(changed),
            reports: device.reports,
            sources: u64::try_from(device.seen_by.len()).unwrap_or(u64::MAX),
            lat: mean.map(|(lat, _)| lat),
            lon: mean.map(|(_, lon)| lon),
            manufacturer: Manufacturer::of(device.id.addr).map(Manufacturer::name),
            randomised: device.id.is_randomised().then_some(true),
        }
    }

    /// The same row without the place.
    #[must_use]
    pub fn without_place(self) -> Self {
        Self {
            lat: None,
            lon: None,
            ..self
        }
    }
}
