//! Networks whose owners do not want to be on a map.

use crate::tracker::{Device, Radio};

/// What names have by which their owners opt out, see [`crate::report::Ssid::opts_out`].
const MARKS: [&str; 2] = ["_nomap", "_optout"];

/// Whether a text may have a name by which somebody opted out. Nobody can tell where a name ends in a text.
pub(super) fn may_be_in(text: &str) -> bool {
    MARKS.into_iter().any(|mark| text.contains(mark))
}

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
