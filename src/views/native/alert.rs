//! An alert in one row.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Fix, Utc};
use crate::alerts::{Addresses, Alert};
use crate::report::{DeviceId, DeviceKey, MacAddr, Phy};

/// The names of a row's values, in their order.
pub const ALERT_COLUMNS: [&str; 24] = [
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
    "acknowledged",
    "acknowledged_utc",
    "acknowledged_by",
    "comments",
];

/// An alert, and what people did about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct HandledAlert<'a> {
    #[serde(flatten)]
    row: AlertRow<'a>,
    #[serde(flatten)]
    acknowledgement: Acknowledgement<'a>,
    /// Oldest first. Absent if there are none. In CSV they are one text with a line for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(nullable = false, required = false)]
    comments: Vec<CommentRow<'a>>,
}

/// Who acknowledged an alert, and when. Everything is absent while nobody has.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertAcknowledgement)]
struct Acknowledgement<'a> {
    /// When somebody acknowledged it, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    acknowledged: Option<u64>,
    /// The same, in ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    acknowledged_utc: Option<Utc>,
    /// Name of the user or key that acknowledged it. Absent if the client showed none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    acknowledged_by: Option<&'a str>,
}

/// A comment on an alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertComment)]
struct CommentRow<'a> {
    /// When it was written, in seconds since 1970.
    written: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    written_utc: Utc,
    /// Name of the user or key that wrote it. Absent if the client showed none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by: Option<&'a str>,
    /// The text.
    text: &'a str,
}

/// An alert in one row of a table, with nothing inside of anything.
#[derive(Clone, Debug, Serialize)]
pub struct AlertCells<'a> {
    #[serde(flatten)]
    row: AlertRow<'a>,
    #[serde(flatten)]
    acknowledgement: Acknowledgement<'a>,
    comments: String,
}

impl<'a> HandledAlert<'a> {
    /// The alert with its handling.
    pub fn of(alert: &'a Alert) -> Self {
        let handling = &alert.handling;
        let acknowledged = handling.acknowledged.as_ref();
        let at = acknowledged.map(|signature| signature.at.time());
        let comments = handling.comments.iter().map(|comment| {
            let at = comment.signature.at.time();
            CommentRow {
                written: at.seconds().into(),
                written_utc: Utc(at),
                by: comment.signature.by.as_deref(),
                text: &comment.text,
            }
        });
        Self {
            row: AlertRow::of(alert),
            acknowledgement: Acknowledgement {
                acknowledged: at.map(|at| at.seconds().into()),
                acknowledged_utc: at.map(Utc),
                acknowledged_by: acknowledged.and_then(|signature| signature.by.as_deref()),
            },
            comments: comments.collect(),
        }
    }
}

impl<'a> AlertCells<'a> {
    /// The cells of an alert.
    pub fn of(alert: &'a Alert) -> Self {
        let HandledAlert {
            row,
            acknowledgement,
            comments,
        } = HandledAlert::of(alert);
        let lines = comments.iter().map(|comment| {
            let by = comment.by.map(|by| format!(" {by}")).unwrap_or_default();
            format!("{}{by}: {}", comment.written_utc, comment.text)
        });
        Self {
            row,
            acknowledgement,
            comments: lines.collect::<Vec<_>>().join("\n"),
        }
    }
}

/// What raised an alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertFacts)]
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
        let Alert { number, raised, .. } = alert;
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
