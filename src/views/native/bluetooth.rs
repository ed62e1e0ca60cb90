//! What a Bluetooth device tells and advertises.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::entry_if_some;
use crate::hex::Hex;
use crate::report::advertising::{Flags, Services, Structure, Structures};
use crate::tracker::Bluetooth;

pub(super) struct BluetoothRow<'d>(pub(super) &'d Bluetooth);

impl Serialize for BluetoothRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(bluetooth) = self;
        let mut record = serializer.serialize_map(None)?;
        entry_if_some(&mut record, "name", bluetooth.shown_name())?;
        if let Some(name) = bluetooth.advertised_name.as_ref().map(|name| &name.value) {
            record.serialize_entry("advertised_name", &name.text)?;
            record.serialize_entry("advertised_name_is_complete", &name.is_complete)?;
        }
        let device_type = bluetooth.device_type.as_ref();
        let device_type = device_type.map(|latest| latest.value.as_ref());
        entry_if_some(&mut record, "device_type", device_type)?;
        let tx_power = bluetooth.shown_tx_power_dbm();
        entry_if_some(&mut record, "tx_power_dbm", tx_power)?;
        let path_loss = bluetooth.path_loss_db.map(|latest| latest.value);
        entry_if_some(&mut record, "path_loss_db", path_loss)?;
        if let Some(data) = &bluetooth.scan_data {
            record.serialize_entry("scan_data", &Hex(&data.value))?;
            record.serialize_entry("advertising", &advertising(bluetooth.advertising()))?;
        }
        let services = bluetooth.service_data.iter();
        let services: BTreeMap<&str, String> = services
            .map(|latest| (&*latest.value.service, hex(&latest.value.bytes)))
            .collect();
        record.serialize_entry("service_data", &services)?;
        record.end()
    }
}

/// The latest that was advertised, by what it is. What a device may say more than once is a list.
fn advertising(structures: Structures<'_>) -> Value {
    let mut record = Map::new();
    for structure in structures {
        let (name, value) = match structure {
            Structure::Flags(flags) => ("flags", texts(Flags::names(flags))),
            Structure::Services(services) => {
                if !services.is_complete {
                    record.insert("has_more_services".to_owned(), json!(true));
                }
                ("services", ids(&services))
            }
            Structure::Solicited(services) => ("solicited_services", ids(&services)),
            Structure::Name(name) => ("names", json!([name.text()])),
            Structure::TxPower(dbm) => {
                record.insert("tx_power_dbm".to_owned(), json!(dbm));
                continue;
            }
            Structure::Appearance(number) => {
                record.insert("appearance".to_owned(), json!(number));
                continue;
            }
            Structure::ServiceData(service, data) => (
                "service_data",
                json!([{ "service": service.to_string(), "data": hex(data) }]),
            ),
            Structure::Manufacturer(company, data) => (
                "manufacturer_data",
                json!([{ "company_id": company, "data": hex(data) }]),
            ),
            Structure::Other(kind, data) => {
                ("others", json!([{ "type": kind, "data": hex(data) }]))
            }
            Structure::Damaged(bytes) => ("damaged", json!([hex(bytes)])),
        };
        let list = record.entry(name).or_insert_with(|| json!([]));
        if let (Value::Array(list), Value::Array(more)) = (list, value) {
            list.extend(more);
        }
    }
    Value::Object(record)
}

fn texts(texts: impl Iterator<Item = impl Into<String>>) -> Value {
    Value::Array(texts.map(|text| Value::String(text.into())).collect())
}

fn ids(services: &Services<'_>) -> Value {
    texts(services.iter().map(|service| service.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}
