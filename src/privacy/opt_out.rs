//! Networks whose owners do not want to be on a map.

use crate::tracker::{Device, Radio};

/// Whether the owner of a device opted out with one of its names.
pub(super) fn has_opted_out(device: &Device) -> bool {
    match &device.radio {
        Radio::Wifi(wifi) => {
            let mut networks = wifi.ssids.iter();
            networks.any(|record| says_no(record.ssid.as_bytes()))
        }
        Radio::Bluetooth(_) => false,
    }
}

/// Whether a name has `_nomap` at its end, or `_optout` anywhere.
pub(super) fn says_no(name: &[u8]) -> bool {
    // Nearly all names have no such octet.
    memchr::memchr(b'_', name).is_some()
        && (name.ends_with(b"_nomap") || memchr::memmem::find(name, b"_optout").is_some())
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
