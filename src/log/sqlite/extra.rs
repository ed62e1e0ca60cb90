//! The rare fields of reports, as one JSON text in the column `extra`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LogError, damaged};
use crate::hex::Hex;
use crate::report::{
    BluetoothAddr, BluetoothSighting, ChannelWidth, Report, ServiceData, Sighting, Tag,
    WifiSighting,
};

/// Every field may be missing. Unknown fields come from a later version and are ignored.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Extra {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<Box<str>, Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width_mhz: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    center0_mhz: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    center1_mhz: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ie_tags: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_type: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_power_dbm: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_loss_db: Option<i16>,
    /// In hex, as are the values of `service_data`.
    #[serde(skip_serializing_if = "str::is_empty")]
    scan_data: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service_data: Vec<(Box<str>, Box<str>)>,
}

impl Extra {
    /// The rare fields of a report. `None` if it has none, as most reports.
    pub(super) fn text_of(report: &Report) -> Result<Option<String>, LogError> {
        if is_plain(report) {
            return Ok(None);
        }
        let extra = Self::of(report);
        if extra == Self::default() {
            return Ok(None);
        }
        serde_json::to_string(&extra)
            .map(Some)
            .map_err(|error| LogError::Failed(error.to_string().into()))
    }

    fn of(report: &Report) -> Self {
        let tags = report
            .tags
            .iter()
            .map(|tag| (tag.name.clone(), tag.value.clone()))
            .collect();
        match &report.sighting {
            Sighting::Wifi(wifi) => Self {
                tags,
                width_mhz: wifi.width.map(|width| width.mhz().into()),
                center0_mhz: wifi.center0_mhz,
                center1_mhz: wifi.center1_mhz,
                ie_tags: wifi.ie_tags.clone(),
                ..Self::default()
            },
            Sighting::Bluetooth(bluetooth) => Self {
                tags,
                name: bluetooth.name.clone(),
                device_type: bluetooth.device_type.clone(),
                tx_power_dbm: bluetooth.tx_power_dbm,
                path_loss_db: bluetooth.path_loss_db,
                scan_data: hex(&bluetooth.scan_data),
                service_data: bluetooth
                    .service_data
                    .iter()
                    .map(|data| (data.service.clone(), hex(&data.bytes)))
                    .collect(),
                ..Self::default()
            },
        }
    }

    pub(super) fn from_text(text: Option<&str>) -> Result<Self, LogError> {
        match text {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(text)
                .map_err(|_| damaged("observations: the value of extra cannot be read")),
        }
    }

    /// Adds the rare fields to what was read from the columns.
    pub(super) fn wifi(self, columns: WifiSighting) -> (Vec<Tag>, Sighting) {
        let sighting = Sighting::Wifi(WifiSighting {
            width: self.width_mhz.as_deref().and_then(ChannelWidth::from_wire),
            center0_mhz: self.center0_mhz,
            center1_mhz: self.center1_mhz,
            ie_tags: self.ie_tags,
            ..columns
        });
        (tags(self.tags), sighting)
    }

    pub(super) fn bluetooth(self, addr: BluetoothAddr) -> Result<(Vec<Tag>, Sighting), LogError> {
        let service_data = self.service_data.into_iter().map(|(service, data)| {
            Ok(ServiceData {
                service,
                bytes: bytes(&data)?,
            })
        });
        let sighting = Sighting::Bluetooth(Box::new(BluetoothSighting {
            addr,
            name: self.name,
            device_type: self.device_type,
            tx_power_dbm: self.tx_power_dbm,
            path_loss_db: self.path_loss_db,
            scan_data: bytes(&self.scan_data)?,
            service_data: service_data.collect::<Result<_, LogError>>()?,
        }));
        Ok((tags(self.tags), sighting))
    }
}

/// Whether a report has no rare fields, found by a quick check. Most reports have none.
fn is_plain(report: &Report) -> bool {
    match &report.sighting {
        Sighting::Bluetooth(_) => false,
        Sighting::Wifi(wifi) => {
            report.tags.is_empty()
                && wifi.width.is_none()
                && wifi.center0_mhz.is_none()
                && wifi.center1_mhz.is_none()
                && wifi.ie_tags.is_none()
        }
    }
}

fn tags(tags: BTreeMap<Box<str>, Box<str>>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(name, value)| Tag { name, value })
        .collect()
}

fn hex(bytes: &[u8]) -> Box<str> {
    Hex(bytes).to_string().into()
}

fn bytes(text: &str) -> Result<Box<[u8]>, LogError> {
    crate::hex::bytes(text)
        .ok_or_else(|| damaged("observations: bytes in extra are not hexadecimal"))
}
