//! Names of devices that are not wanted.

use super::values::VALUES_MAX;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::query::Query;
use crate::tracker::{Device, Radio};

/// Names as octets: those of networks need not be UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names(Vec<Vec<u8>>);

impl Names {
    /// A parameter for each name, because names may have commas.
    pub(super) fn take(query: &mut Query, parameter: &str) -> Result<Option<Self>, BadParameter> {
        let names = query.take_all_octets(parameter);
        if VALUES_MAX < names.len() {
            let reason = format!("given more than {VALUES_MAX} times");
            return Err(BadParameter::new(parameter, &reason));
        }
        Ok(Some(Self(names)).filter(|names| !names.0.is_empty()))
    }

    /// Whether a device has one of the names: as its network, given by a person, or sent over Bluetooth.
    pub(super) fn has_one_of(&self, device: &Device) -> bool {
        let has = |name: &str| self.0.iter().any(|one| one == name.as_bytes());
        device.given_name.as_deref().is_some_and(has)
            || match &device.radio {
                Radio::Wifi(wifi) => wifi
                    .ssids
                    .iter()
                    .any(|record| self.0.iter().any(|name| record.ssid.is_named(name))),
                Radio::Bluetooth(bluetooth) => bluetooth.shown_name().is_some_and(has),
            }
    }
}
