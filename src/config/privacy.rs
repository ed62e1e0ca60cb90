//! `[privacy]`: what never leaves the server.

use serde::{Deserialize, Serialize};

use crate::privacy::{AddressRange, Pattern, Rules, Zone};
use crate::report::Ssid;

/// Each device is compared with each zone.
const ZONES_MAX: usize = 64;
/// Each name is compared with each pattern.
const PATTERNS_MAX: usize = 1000;
const NAMES_MAX: usize = 10_000;

/// `[privacy]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Circles that no place leaves, such as around a home: latitude, longitude and metres. Default none.
    pub zones: Vec<Zone>,
    /// Names of networks and Bluetooth devices that do not leave. Default none.
    pub ssids: Vec<String>,
    /// Patterns of such names: `*` stands for any octets, `?` for one. Default none.
    pub ssid_patterns: Vec<Pattern>,
    /// Addresses, first digits of addresses, or addresses with a mask, whose devices do not leave. Default none.
    pub addresses: Vec<AddressRange>,
    /// Whether what does not leave is also not shown to anybody but administrators. Default `false`.
    pub views: bool,
}

impl Privacy {
    /// Checks each key alone. The error holds only the reason: the caller knows the key.
    pub(super) fn check_each(&self) -> Result<(), String> {
        for (length, most) in [
            (self.zones.len(), ZONES_MAX),
            (self.ssids.len(), NAMES_MAX),
            (self.ssid_patterns.len(), PATTERNS_MAX),
            (self.addresses.len(), NAMES_MAX),
        ] {
            if most < length {
                return Err(format!("must have at most {most} entries"));
            }
        }
        let mut names = self.ssids.iter();
        // An octet that is no text is written with four characters, such as `\xFF`.
        if names.any(|name| name.is_empty() || 4 * Ssid::BYTES_MAX < name.len()) {
            return Err(format!(
                "must be names of 1 to {} bytes",
                4 * Ssid::BYTES_MAX
            ));
        }
        Ok(())
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            zones: &self.zones,
            ssids: &self.ssids,
            ssid_patterns: &self.ssid_patterns,
            addresses: &self.addresses,
        }
    }
}
