//! `bluetooth.device.*`: Bluetooth devices (`phy_bluetooth.h`).
//!
//! Advertising data is decoded here; Kismet drops it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::empties;
use crate::hex::Hex;
use crate::report::advertising::{ServiceId, Structure};
use crate::tracker::Bluetooth;

/// Kismet's numbers for device types (`bt_device_type`). Classic Bluetooth also stands for unknown.
const CLASSIC: u8 = 0;
const LOW_ENERGY: u8 = 1;
const BOTH: u8 = 2;

pub(super) struct BluetoothRecord<'d>(pub(super) &'d Bluetooth);

impl Serialize for BluetoothRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(device) = self;
        let offered = device
            .advertising()
            .filter_map(|structure| match structure {
                Structure::Services(services) => Some(services),
                _ => None,
            });
        let solicited = device
            .advertising()
            .filter_map(|structure| match structure {
                Structure::Solicited(services) => Some(services),
                _ => None,
            });
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("bluetooth.device.type", &kind(device))?;
        empties(
            &mut record,
            &[
                "bluetooth.device.major_class",
                "bluetooth.device.minor_class",
            ],
        )?;
        record.serialize_entry(
            "bluetooth.device.service_uuid_vec",
            &uuids(offered.flat_map(|services| services.iter())),
        )?;
        record.serialize_entry(
            "bluetooth.device.solicitation_uuid_vec",
            &uuids(solicited.flat_map(|services| services.iter())),
        )?;
        let scan_data = device
            .scan_data
            .as_ref()
            .map(|latest| latest.value.as_ref())
            .unwrap_or_default();
        record.serialize_entry("bluetooth.device.scan_data_bytes", &Hex(scan_data))?;
        record.serialize_entry("bluetooth.device.service_data_bytes", &ServiceData(device))?;
        let tx_power_dbm = device.shown_tx_power_dbm().unwrap_or_default();
        record.serialize_entry("bluetooth.device.txpower", &tx_power_dbm)?;
        let path_loss_db = device.path_loss_db.map_or(0, |latest| latest.value);
        record.serialize_entry("bluetooth.device.pathloss", &path_loss_db)?;
        record.end()
    }
}

/// The type by the scanner's word, else by advertising data: classic devices do not advertise.
fn kind(device: &Bluetooth) -> u8 {
    let stated = device.device_type.as_ref();
    let stated = stated.map(|latest| latest.value.to_ascii_uppercase());
    match stated.as_deref() {
        Some("BR/EDR") => return CLASSIC,
        Some("BTLE" | "BLE" | "LE") => return LOW_ENERGY,
        Some("BT") => return BOTH,
        _ => {}
    }
    let flags = device.advertising().find_map(|structure| match structure {
        Structure::Flags(flags) => Some(flags),
        _ => None,
    });
    match flags {
        Some(flags) if !flags.is_low_energy_only() => BOTH,
        Some(_) => LOW_ENERGY,
        None if device.scan_data.is_some() => LOW_ENERGY,
        None => CLASSIC,
    }
}

/// Each UUID once, in upper case as in Kismet.
fn uuids(services: impl Iterator<Item = ServiceId>) -> Vec<String> {
    let mut all = Vec::new();
    for service in services {
        let text = service.uuid().to_string().to_uppercase();
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

/// Service data that scanners reported, under their names, and service data from advertising data for other services.
struct ServiceData<'d>(&'d Bluetooth);

impl Serialize for ServiceData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(device) = self;
        let mut record = serializer.serialize_map(None)?;
        let mut written: Vec<ServiceId> = Vec::new();
        for latest in &device.service_data {
            let data = &latest.value;
            record.serialize_entry(&data.service, &Hex(&data.bytes))?;
            written.extend(data.service.parse::<ServiceId>().ok());
        }
        for structure in device.advertising() {
            if let Structure::ServiceData(service, bytes) = structure
                && !written.contains(&service)
            {
                record.serialize_entry(&service.uuid().to_string(), &Hex(bytes))?;
                written.push(service);
            }
        }
        record.end()
    }
}
