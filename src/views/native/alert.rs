//! An alert in one row.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Fix, Utc};
use crate::alerts::{Addresses, Alert};
use crate::report::{DeviceId, DeviceKey, MacAddr, Phy};

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

/// An alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct AlertRow<'a> {
    /// Counts alerts as they are kept; no number is given twice.
    number: u64,
    /// The same when it is raised again from the same log.
    id: &'a str,
    /// Its kind.
    #[schema(example = "APSPOOF")]
    rule: &'a str,
    /// `DENIAL`, `EXPLOIT`, `OTHER`, `PROBE`, `SPOOF` or `SYSTEM`.
    class: &'static str,
    /// `info`, `low`, `medium`, `high` or `critical`.
    severity: &'static str,
    /// Seconds since 1970.
    raised: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    raised_utc: Utc,
    /// When what it tells was so, by the time of the report: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seen: Option<u64>,
    /// The same, in ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    seen_utc: Option<Utc>,
    /// `IEEE802.11` or `Bluetooth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phy: Option<&'static str>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    address: Option<MacAddr>,
    /// The key of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    key: Option<DeviceKey>,
    /// Of an alert that somebody raised: whom it was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    to_address: Option<MacAddr>,
    /// Of an alert that somebody raised: the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    network_address: Option<MacAddr>,
    /// The UUID of the scanner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source: Option<String>,
    /// As the scanner named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel: Option<&'a str>,
    /// Where the scanner stood, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lat: Option<f64>,
    /// Where the scanner stood, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lon: Option<f64>,
    /// Where the scanner stood, in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    alt_m: Option<f64>,
    /// What happened, for people.
    text: &'a str,
}

impl<'a> AlertRow<'a> {
    /// The row of an alert.
    pub fn of(alert: &'a Alert) -> Self {
        let Alert { number, raised } = alert;
        let Addresses {
            source,
            dest,
            other,
            ..
        } = raised.addresses;
        let named = |addr| (addr != MacAddr::ZERO).then_some(addr);
        let device = raised.device;
        // What a device tells everybody has nobody in particular to go to.
        let if_raised = |addr| named(addr).filter(|_| device.is_none());
        let fix = raised.location.map(Fix::from);
        Self {
            number: *number,
            id: &raised.id,
            rule: &raised.header,
            class: raised.class.name(),
            severity: raised.severity.name(),
            raised: raised.raised_at.time().seconds().into(),
            raised_utc: Utc(raised.raised_at.time()),
            seen: raised.seen.map(|seen| seen.seconds().into()),
            seen_utc: raised.seen.map(Utc),
            phy: raised.phy.map(Phy::name),
            address: device.map(|device| device.addr).or(named(source)),
            key: device.map(DeviceId::key),
            to_address: if_raised(dest),
            network_address: if_raised(other),
            source: raised.scanner.map(|scanner| scanner.to_string()),
            channel: raised.channel.as_deref(),
            lat: fix.as_ref().map(|fix| fix.lat),
            lon: fix.as_ref().map(|fix| fix.lon),
            alt_m: fix.and_then(|fix| fix.alt_m),
            text: &raised.text,
        }
    }
}
