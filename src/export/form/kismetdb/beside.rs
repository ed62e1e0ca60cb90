//! What a database has besides devices and observations: the ways of the scanners, and alerts.

use std::num::NonZeroUsize;

use lru::LruCache;
use rusqlite::params;
use serde_json::{Value, json};

use super::HAS_DEVICE;
use super::database::Database;
use crate::alerts::{Addresses, Alert, AlertStore};
use crate::export::ExportError;
use crate::export::number::{degrees, thousandth};
use crate::report::{DeviceId, MacAddr, Position, Report, SourceId, UnixTime};
use crate::views::kismet::AlertRecord;

const GPS: &str = "INSERT INTO snapshots VALUES (?, 0, ?, ?, 'GPS', ?)";
const ALERT: &str = "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const SCANNERS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);
/// Alerts that are read at a time.
const ALERTS_AT_ONCE: usize = 1000;
const LOCATION: &str = "kismet.alert.location";

/// Where the scanners were last, so that the reports of a scan give one place.
pub(super) struct Ways(LruCache<SourceId, (UnixTime, Position)>);

impl Ways {
    pub(super) fn new() -> Self {
        Self(LruCache::new(SCANNERS_KEPT))
    }

    /// Writes where a scanner was when it made a report.
    pub(super) fn add(
        &mut self,
        database: &Database,
        source: SourceId,
        report: &Report,
    ) -> Result<(), ExportError> {
        let Some(position) = report.position else {
            return Ok(());
        };
        let here = (report.time, position);
        if self.0.put(source, here) == Some(here) {
            return Ok(());
        }
        let (lat, lon) = degrees_of(position);
        let time = report.time.seconds();
        let location = json!({
            "kismet.common.location.geopoint": [lon, lat],
            "kismet.common.location.lat": lat,
            "kismet.common.location.lon": lon,
            "kismet.common.location.alt": position.alt_mm().map_or(0.0, |alt_mm| thousandth(alt_mm.into())),
            "kismet.common.location.speed": thousandth(position.speed_m_h().into()),
            "kismet.common.location.heading": 0,
            "kismet.common.location.fix": if position.alt_mm().is_some() { 3 } else { 2 },
            "kismet.common.location.time_sec": time,
            "kismet.common.location.time_usec": 0,
        });
        database.run(GPS, params![time, lat, lon, location.to_string()])
    }
}

/// Writes the alerts that are about devices in the file, and about no others.
pub(super) fn write_alerts(
    database: &Database,
    alerts: &AlertStore,
    is_hidden: impl Fn(Position) -> bool,
) -> Result<(), ExportError> {
    let mut last = 0;
    loop {
        let page = alerts.after(last, ALERTS_AT_ONCE);
        let Some(newest) = page.last() else {
            return Ok(());
        };
        last = newest.number;
        for alert in &page {
            let Some(device) = alert
                .raised
                .device
                .filter(|&device| names_only(alert, device))
            else {
                continue;
            };
            let values = params![device.phy.name(), device.addr.to_string()];
            if database.has(HAS_DEVICE, values)? {
                write_alert(database, alert, device, &is_hidden)?;
            }
        }
    }
}

/// Whether an alert has the address of no other device.
fn names_only(alert: &Alert, device: DeviceId) -> bool {
    let Addresses {
        transmitter,
        source,
        dest,
        other,
    } = alert.raised.addresses;
    let is_of_none =
        |addr: MacAddr| [device.addr, MacAddr::ZERO, MacAddr::BROADCAST].contains(&addr);
    let all = [transmitter, source, dest, other];
    all.into_iter().all(is_of_none)
}

fn write_alert(
    database: &Database,
    alert: &Alert,
    device: DeviceId,
    is_hidden: impl Fn(Position) -> bool,
) -> Result<(), ExportError> {
    let raised = &alert.raised;
    let place = raised.location.filter(|&place| !is_hidden(place));
    // All keys are texts, and no number is infinite.
    let mut record = serde_json::to_value(AlertRecord(alert)).unwrap_or_default();
    if place.is_none()
        && let Some(fields) = record.as_object_mut()
    {
        fields.insert(LOCATION.to_owned(), Value::Object(serde_json::Map::new()));
    }
    let (lat, lon) = place.map_or((0.0, 0.0), degrees_of);
    database.run(
        ALERT,
        params![
            raised.raised_at.time().seconds(),
            i64::try_from(raised.raised_at.subsec_micros()).unwrap_or_default(),
            device.phy.name(),
            device.addr.to_string(),
            lat,
            lon,
            raised.header,
            record.to_string(),
        ],
    )
}

/// Latitude and longitude.
fn degrees_of(position: Position) -> (f64, f64) {
    (
        degrees(position.lat_e7().into()),
        degrees(position.lon_e7().into()),
    )
}
