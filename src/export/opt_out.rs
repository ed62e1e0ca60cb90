//! Networks whose owners do not want to be on a map.

use crate::report::Sighting;
use crate::tracker::{Device, Radio};

use super::Row;

/// Whether the owner of a device opted out: `_nomap` at the end of one of its names, or `_optout` anywhere in it.
pub(crate) fn is_opted_out(row: &Row<'_>) -> bool {
    match row {
        Row::Device(device) => has_opted_out(device),
        Row::Observation(observed) => {
            let says_so = match &observed.report.sighting {
                Sighting::Wifi(wifi) => says_no(wifi.ssid.as_bytes()),
                Sighting::Bluetooth(_) => false,
            };
            says_so || observed.device.is_some_and(has_opted_out)
        }
    }
}

fn has_opted_out(device: &Device) -> bool {
    match &device.radio {
        Radio::Wifi(wifi) => wifi
            .ssids
            .iter()
            .any(|record| says_no(record.ssid.as_bytes())),
        Radio::Bluetooth(_) => false,
    }
}

fn says_no(name: &[u8]) -> bool {
    name.ends_with(b"_nomap") || memchr::memmem::find(name, b"_optout").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_count_where_they_are_defined_to() {
        for (name, is_no) in [
            ("home_nomap", true),
            ("_nomap", true),
            ("a_optout_b", true),
            ("home_nomap2", false),
            ("home_NOMAP", false),
            ("", false),
        ] {
            assert_eq!(says_no(name.as_bytes()), is_no, "{name}");
        }
    }
}
