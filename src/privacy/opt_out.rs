//! Networks whose owners do not want to be on a map.

use crate::tracker::{Device, Radio};

/// Whether the owner of a device opted out with one of its names.
pub(super) fn has_opted_out(device: &Device) -> bool {
    match &device.radio {
        Radio::Wifi(wifi) => {
            let mut networks = wifi.ssids.iter();
            networks.any(|record| record.ssid.opts_out())
        }
        Radio::Bluetooth(_) => false,
    }
}
