//! How networks are secured, in the words of other programs.

use std::borrow::Cow;

use super::Row;
use crate::bounded::BoundedMap;
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Capabilities, Sighting};
use crate::tracker::{Device, Radio};

/// The generation of a network's security. Most programs know no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    Unknown,
    Open,
    Owe,
    Wep,
    Wpa,
    Wpa2,
    Wpa3,
}

impl Generation {
    pub(super) fn of(security: Option<Security>) -> Self {
        use SecurityClass as Class;
        let Some(security) = security else {
            return Self::Unknown;
        };
        match security.class() {
            Class::Unknown
            | Class::SecuredUnknown
            | Class::WapiPersonal
            | Class::WapiEnterprise => Self::Unknown,
            Class::Open | Class::OpenOweTransition => Self::Open,
            Class::Owe => Self::Owe,
            Class::Wep => Self::Wep,
            Class::WpaNone | Class::WpaUnstated | Class::WpaPersonal | Class::WpaEnterprise => {
                Self::Wpa
            }
            Class::Wpa3Unstated
            | Class::Wpa2Wpa3Personal
            | Class::Wpa3Personal
            | Class::Wpa2Wpa3Enterprise
            | Class::Wpa3Enterprise
            | Class::Wpa3Enterprise192
            | Class::Dpp => Self::Wpa3,
            Class::MixedPersonalEnterprise if security.is_wpa3() => Self::Wpa3,
            Class::WpaWpa2Unstated
            | Class::Wpa2Unstated
            | Class::WpaWpa2Personal
            | Class::Wpa2Personal
            | Class::WpaWpa2Enterprise
            | Class::Wpa2Enterprise
            | Class::MixedPersonalEnterprise
            | Class::Osen => Self::Wpa2,
        }
    }

    /// The word of `WiGLE`.
    pub(super) const fn wigle(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Open => "None",
            Self::Owe => "OWE",
            Self::Wep => "WEP",
            Self::Wpa => "WPA",
            Self::Wpa2 => "WPA2",
            Self::Wpa3 => "WPA3",
        }
    }
}

/// The security of a row. An observation that says nothing has that of the device's network of the same name.
pub(super) fn of_row(row: &Row<'_>) -> Option<Security> {
    match row {
        Row::Device(device) => device.security(),
        Row::Observation(observed) => {
            let Sighting::Wifi(wifi) = &observed.report.sighting else {
                return None;
            };
            let stated = wifi.capabilities.as_ref().map(Capabilities::security);
            stated.or_else(|| of_network(observed.device()?, wifi.ssid.as_bytes()))
        }
    }
}

fn of_network(device: &Device, ssid: &[u8]) -> Option<Security> {
    let Radio::Wifi(wifi) = &device.radio else {
        return None;
    };
    let mut networks = wifi.ssids.iter();
    let network = networks.find(|network| network.ssid.as_bytes() == ssid)?;
    Some(network.security?.value.security)
}

/// The capabilities of a row in Android's notation. Empty where nothing is known: readers take `[ESS]` alone for an open
/// network.
pub(super) fn capabilities<'r>(row: &Row<'r>) -> Cow<'r, str> {
    if let Row::Observation(observed) = row
        && let Sighting::Wifi(wifi) = &observed.report.sighting
        && let Some(stated) = &wifi.capabilities
        && stated.raw().contains('[')
    {
        return Cow::Borrowed(stated.raw());
    }
    Cow::Owned(of_row(row).map(text_of).unwrap_or_default())
}

fn text_of(security: Security) -> String {
    match security.class() {
        SecurityClass::Unknown => String::new(),
        _ => security.to_android(),
    }
}

/// The [`capabilities`] of devices, kept for the next ones: very many devices share few.
#[derive(Debug)]
pub(super) struct KeptCapabilities(BoundedMap<Security, Box<str>>);

impl KeptCapabilities {
    /// A region has some hundred.
    const MAX: usize = 256;

    pub(super) fn of(&mut self, device: &Device) -> &str {
        let Some(security) = device.security() else {
            return "";
        };
        self.0
            .get_or_insert_with(security, || text_of(security).into())
    }
}

impl Default for KeptCapabilities {
    fn default() -> Self {
        Self(BoundedMap::new(Self::MAX))
    }
}
