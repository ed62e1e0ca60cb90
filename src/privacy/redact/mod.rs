//! Redacted copies of devices and observations, for files that are shared.
//!
//! Free texts of scanners and people, raw advertising data and the identities of scanners are never in a redacted copy:
//! nobody can tell what they have. The rest depends on what was asked for, see [`Redaction`].

mod alias;
mod grid;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use self::grid::Grid;
use super::key::PrivacyKey;
use crate::log::{Entry, Record, RecordId, What};
use crate::report::{Batch, BluetoothSighting, Capabilities, Report, Sighting, Ssid, WifiSighting};
use crate::tracker::{
    AdvertisedName, Bluetooth, Device, Latest, Peak, PositionStats, Radio, SsidRecord, Tags, Wifi,
};

/// What is redacted, besides what always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Redaction {
    /// Addresses become others, which are locally administered.
    addresses: bool,
    /// Names of networks and devices become others.
    names: bool,
    /// Places move to the middle of a cell of a grid.
    grid: Option<Grid>,
}

/// The text does not say what to redact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected all, or a list of addresses, names and places:METRES with {least} to {most} metres",
    least = Grid::CELL_MIN_M,
    most = Grid::CELL_MAX_M
)]
pub(crate) struct BadRedaction;

impl FromStr for Redaction {
    type Err = BadRedaction;

    fn from_str(text: &str) -> Result<Self, BadRedaction> {
        let mut chosen = Self::default();
        for word in text.split(',') {
            match word.trim().split_once(':') {
                None if word.trim() == "all" => {
                    (chosen.addresses, chosen.names) = (true, true);
                    chosen.grid = chosen.grid.or(Some(Grid::DEFAULT));
                }
                None if word.trim() == "addresses" => chosen.addresses = true,
                None if word.trim() == "names" => chosen.names = true,
                Some(("places", metres)) => {
                    chosen.grid = Some(
                        metres
                            .parse()
                            .ok()
                            .and_then(Grid::new)
                            .ok_or(BadRedaction)?,
                    );
                }
                _ => return Err(BadRedaction),
            }
        }
        Ok(chosen)
    }
}

/// Makes redacted copies. The same server gives the same value the same alias, in every file.
#[derive(Clone, Debug)]
pub(crate) struct Redactor {
    key: PrivacyKey,
    what: Redaction,
}

impl Redactor {
    pub(crate) fn new(key: PrivacyKey, what: Redaction) -> Self {
        Self { key, what }
    }

    pub(crate) fn device(&self, device: &Device) -> Device {
        let mut redacted = device.clone();
        if self.what.addresses {
            redacted.id.addr = alias::address(&self.key, device.id.addr);
        }
        redacted.given_name = None;
        redacted.tags = Tags::default();
        if let Some(grid) = self.what.grid {
            redacted.place = redacted.place.map(|place| Box::new(in_cells(&place, grid)));
            redacted.peak = redacted.peak.map(|peak| Peak {
                position: grid.middle_of(peak.position),
                ..peak
            });
        }
        match &mut redacted.radio {
            Radio::Wifi(wifi) => self.redact_wifi(wifi),
            Radio::Bluetooth(bluetooth) => self.redact_bluetooth(bluetooth),
        }
        redacted
    }

    fn redact_wifi(&self, wifi: &mut Wifi) {
        for record in &mut wifi.ssids {
            let SsidRecord { ssid, security, .. } = record;
            *ssid = self.ssid(*ssid);
            // The checksum covers the name.
            if let Some(security) = security {
                security.value.checksum = 0;
            }
        }
    }

    fn redact_bluetooth(&self, bluetooth: &mut Bluetooth) {
        let has_advertised = bluetooth.scan_data.is_some() || !bluetooth.service_data.is_empty();
        let time = bluetooth.scan_data.as_ref().map(|data| data.time);
        let time = time.or(bluetooth.service_data.first().map(|data| data.time));
        bluetooth.scan_data = None;
        bluetooth.service_data = Vec::new();
        let said = bluetooth.device_type.take();
        bluetooth.device_type = match (said, time) {
            (Some(said), _) => {
                let word = alias::device_type(Some(&*said.value), has_advertised);
                word.map(|value| Latest { value, ..said })
            }
            (None, Some(time)) => {
                let word = alias::device_type(None, has_advertised);
                word.map(|value| Latest { time, value })
            }
            (None, None) => None,
        };
        if !self.what.names {
            return;
        }
        if let Some(name) = &mut bluetooth.name {
            name.value = alias::device_name(&self.key, &name.value);
        }
        if let Some(Latest { value, .. }) = &mut bluetooth.advertised_name {
            *value = AdvertisedName {
                text: alias::device_name(&self.key, &value.text),
                is_complete: value.is_complete,
            };
        }
    }

    pub(crate) fn report(&self, report: &Report) -> Report {
        let position = match self.what.grid {
            Some(grid) => report.position.map(|position| grid.middle_of(position)),
            None => report.position,
        };
        Report {
            time: report.time,
            signal: report.signal,
            frequency: report.frequency,
            channel: report.channel,
            position,
            // What the scanner said is not true of the middle of a cell.
            accuracy: report.accuracy.filter(|_| self.what.grid.is_none()),
            tags: Vec::new(),
            sighting: match &report.sighting {
                Sighting::Wifi(wifi) => Sighting::Wifi(self.wifi_sighting(wifi)),
                Sighting::Bluetooth(bluetooth) => {
                    Sighting::Bluetooth(Box::new(self.bluetooth_sighting(bluetooth)))
                }
            },
        }
    }

    fn wifi_sighting(&self, wifi: &WifiSighting) -> WifiSighting {
        let alias = || alias::address(&self.key, wifi.bssid.addr()).try_into().ok();
        // Each alias is the address of a station.
        let bssid = if self.what.addresses { alias() } else { None };
        // Written anew: as sent, it may have any text.
        let capabilities = wifi.capabilities.as_ref().and_then(|capabilities| {
            let text = capabilities.security().to_android();
            (!text.is_empty()).then(|| Capabilities::from(text.as_str()))
        });
        WifiSighting {
            bssid: bssid.unwrap_or(wifi.bssid),
            ssid: self.ssid(wifi.ssid),
            capabilities,
            width: wifi.width,
            center0_mhz: wifi.center0_mhz,
            center1_mhz: wifi.center1_mhz,
            ie_tags: None,
        }
    }

    fn bluetooth_sighting(&self, bluetooth: &BluetoothSighting) -> BluetoothSighting {
        let alias = || {
            alias::address(&self.key, bluetooth.addr.addr())
                .try_into()
                .ok()
        };
        let addr = if self.what.addresses { alias() } else { None };
        let has_advertised = !(bluetooth.scan_data.is_empty() && bluetooth.service_data.is_empty());
        let name = bluetooth.name.as_ref().map(|name| {
            if self.what.names {
                alias::device_name(&self.key, name)
            } else {
                name.clone()
            }
        });
        BluetoothSighting {
            addr: addr.unwrap_or(bluetooth.addr),
            name,
            device_type: alias::device_type(bluetooth.device_type.as_deref(), has_advertised),
            tx_power_dbm: bluetooth.tx_power_dbm,
            path_loss_db: bluetooth.path_loss_db,
            scan_data: Box::default(),
            service_data: Vec::new(),
        }
    }

    fn ssid(&self, ssid: Ssid) -> Ssid {
        if self.what.names {
            alias::ssid(&self.key, &ssid)
        } else {
            ssid
        }
    }

    /// A record with the redacted batch, without its reports.
    pub(crate) fn entry(&self, entry: &Entry, batch: &Batch) -> Entry {
        let batch = Batch {
            source: alias::source(&self.key, batch.source),
            source_name: None,
            technology: batch.technology,
            identity: None,
            reports: Vec::new(),
            rejected: Vec::new(),
        };
        Entry {
            position: entry.position,
            record: Record {
                id: RecordId::from_bytes([0; 16]),
                node: uuid::Uuid::nil(),
                origin: None,
                at: entry.record.at,
                what: What::Reports(batch),
            },
        }
    }
}

/// The mean and the last place in the middle of their cells. There is nothing between the cells.
fn in_cells(place: &PositionStats, grid: Grid) -> PositionStats {
    let (lat_e7, lon_e7) = place.mean_e7();
    let whole = |e7: i64| i32::try_from(e7).unwrap_or_default();
    let (lat_e7, lon_e7) = grid.middle_of_e7(whole(lat_e7), whole(lon_e7));
    PositionStats {
        lat_min_e7: lat_e7,
        lat_max_e7: lat_e7,
        lon_min_e7: lon_e7,
        lon_max_e7: lon_e7,
        alt_range_mm: None,
        last: Latest {
            time: place.last.time,
            value: grid.middle_of(place.last.value),
        },
        lat_sum_e7: lat_e7.into(),
        lon_sum_e7: lon_e7.into(),
        alt_sum_mm: 0,
        fixes: 1,
        fixes_3d: 0,
        fixes_west: u32::from(lon_e7 < 0),
    }
}
