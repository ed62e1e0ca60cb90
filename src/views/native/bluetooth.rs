//! What a Bluetooth device tells and advertises.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::hex::Hex;
use crate::report::advertising::{Flags, Services, Structure, Structures};
use crate::tracker::Bluetooth;

/// What a Bluetooth device says of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BluetoothOfDevice)]
pub(super) struct BluetoothRow<'d> {
    /// What the device calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<&'d str>,
    /// The name that it advertised last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    advertised_name: Option<&'d str>,
    /// Whether that is all of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    advertised_name_is_complete: Option<bool>,
    /// The kind of device in the scanner's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_type: Option<&'d str>,
    /// Transmit power that the device states, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tx_power_dbm: Option<i16>,
    /// Loss on the way as the scanner computed it, in dB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    path_loss_db: Option<i16>,
    /// The advertised bytes, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scan_data: Option<String>,
    /// What it advertised last, taken apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    advertising: Option<Advertising>,
    /// Bytes in hex, by service.
    service_data: BTreeMap<String, String>,
}

impl<'d> BluetoothRow<'d> {
    pub(super) fn of(bluetooth: &'d Bluetooth) -> Self {
        let advertised = bluetooth.advertised_name.as_ref().map(|name| &name.value);
        let device_type = bluetooth.device_type.as_ref();
        let services = bluetooth.service_data.iter();
        let scan_data = bluetooth.scan_data.as_ref();
        Self {
            name: bluetooth.shown_name(),
            advertised_name: advertised.map(|name| &*name.text),
            advertised_name_is_complete: advertised.map(|name| name.is_complete),
            device_type: device_type.map(|latest| latest.value.as_ref()),
            tx_power_dbm: bluetooth.shown_tx_power_dbm(),
            path_loss_db: bluetooth.path_loss_db.map(|latest| latest.value),
            scan_data: scan_data.map(|data| hex(&data.value)),
            advertising: scan_data.map(|_| Advertising::of(bluetooth.advertising())),
            service_data: services
                .map(|latest| (latest.value.service.to_string(), hex(&latest.value.bytes)))
                .collect(),
        }
    }
}

/// Advertising data (Bluetooth Core Specification, vol. 3, part C, 11). What was not advertised is absent.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
struct Advertising {
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    flags: Option<Vec<String>>,
    /// What it offers: UUIDs, short where they are Bluetooth's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    services: Option<Vec<String>>,
    /// Whether it offers more than it named; absent where not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    has_more_services: Option<bool>,
    /// What it looks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    solicited_services: Option<Vec<String>>,
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    names: Option<Vec<String>>,
    /// Transmit power, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tx_power_dbm: Option<i16>,
    /// Its look, by Bluetooth's numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    appearance: Option<u32>,
    /// What its services say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service_data: Option<Vec<ServiceBytes>>,
    /// What its maker says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    manufacturer_data: Option<Vec<CompanyBytes>>,
    /// What is of another type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    others: Option<Vec<OtherBytes>>,
    /// What is cut off or bent: bytes in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    damaged: Option<Vec<String>>,
}

/// What a service says.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ServiceBytes {
    /// Its UUID.
    service: String,
    /// Bytes in hex.
    data: String,
}

/// What a maker says.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct CompanyBytes {
    /// Bluetooth's number of the maker.
    company_id: u32,
    /// Bytes in hex.
    data: String,
}

/// What is of another type.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct OtherBytes {
    /// Bluetooth's number of the type.
    #[serde(rename = "type")]
    kind: u32,
    /// Bytes in hex.
    data: String,
}

impl Advertising {
    /// The latest that was advertised, by what it is. What a device may say more than once is a list.
    fn of(structures: Structures<'_>) -> Self {
        let mut all = Self::default();
        for structure in structures {
            match structure {
                Structure::Flags(flags) => {
                    let names = Flags::names(flags).map(Into::into);
                    all.flags.get_or_insert_default().extend(names);
                }
                Structure::Services(services) => {
                    if !services.is_complete {
                        all.has_more_services = Some(true);
                    }
                    all.services.get_or_insert_default().extend(ids(&services));
                }
                Structure::Solicited(services) => {
                    let solicited = all.solicited_services.get_or_insert_default();
                    solicited.extend(ids(&services));
                }
                Structure::Name(name) => {
                    all.names.get_or_insert_default().push(name.text().into());
                }
                Structure::TxPower(dbm) => all.tx_power_dbm = Some(dbm.into()),
                Structure::Appearance(number) => all.appearance = Some(number.into()),
                Structure::ServiceData(service, data) => {
                    all.service_data.get_or_insert_default().push(ServiceBytes {
                        service: service.to_string(),
                        data: hex(data),
                    });
                }
                Structure::Manufacturer(company, data) => {
                    let said = all.manufacturer_data.get_or_insert_default();
                    said.push(CompanyBytes {
                        company_id: company.into(),
                        data: hex(data),
                    });
                }
                Structure::Other(kind, data) => {
                    all.others.get_or_insert_default().push(OtherBytes {
                        kind: kind.into(),
                        data: hex(data),
                    });
                }
                Structure::Damaged(bytes) => {
                    all.damaged.get_or_insert_default().push(hex(bytes));
                }
            }
        }
        all
    }
}

fn ids(services: &Services<'_>) -> impl Iterator<Item = String> {
    services.iter().map(|service| service.to_string())
}

fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}
