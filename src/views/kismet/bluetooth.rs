//! `bluetooth.device.*`: what a Bluetooth device tells (`phy_bluetooth.h`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::empties;
use crate::tracker::Bluetooth;
use crate::views::hex::Hex;

pub(super) struct BluetoothRecord<'d>(pub(super) &'d Bluetooth);

impl Serialize for BluetoothRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(device) = self;
        let none: [&str; 0] = [];
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("bluetooth.device.type", &0)?;
        empties(
            &mut record,
            &[
                "bluetooth.device.major_class",
                "bluetooth.device.minor_class",
            ],
        )?;
        record.serialize_entry("bluetooth.device.service_uuid_vec", &none)?;
        record.serialize_entry("bluetooth.device.solicitation_uuid_vec", &none)?;
        let scan_data = device
            .scan_data
            .as_ref()
            .map(|latest| latest.value.as_ref())
            .unwrap_or_default();
        record.serialize_entry("bluetooth.device.scan_data_bytes", &Hex(scan_data))?;
        record.serialize_entry("bluetooth.device.service_data_bytes", &Services(device))?;
        let number =
            |latest: Option<crate::tracker::Latest<i16>>| latest.map_or(0, |latest| latest.value);
        record.serialize_entry("bluetooth.device.txpower", &number(device.tx_power_dbm))?;
        record.serialize_entry("bluetooth.device.pathloss", &number(device.path_loss_db))?;
        record.end()
    }
}

struct Services<'d>(&'d Bluetooth);

impl Serialize for Services<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .service_data
                .iter()
                .map(|latest| (&latest.value.service, Hex(&latest.value.bytes))),
        )
    }
}
