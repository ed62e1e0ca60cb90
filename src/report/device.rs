//! Identities of devices: a radio technology and an address.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use super::MacAddr;

/// A radio technology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phy {
    /// IEEE 802.11.
    Wifi,
    /// Bluetooth, classic and low energy.
    Bluetooth,
}

impl Phy {
    /// All radio technologies.
    pub const ALL: [Self; 2] = [Self::Wifi, Self::Bluetooth];

    /// Name of the technology, in the log and in lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wifi => "IEEE802.11",
            Self::Bluetooth => "Bluetooth",
        }
    }

    /// First half of every device key. Clients know it. It is a hash of the name, with its bytes reversed.
    const fn key_half(self) -> u64 {
        match self {
            Self::Wifi => 0x4202_770D_0000_0000,
            Self::Bluetooth => 0xB603_E011_0000_0000,
        }
    }
}

/// Identity of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId {
    /// Radio technology of the device.
    pub phy: Phy,
    /// Address of the device.
    pub addr: MacAddr,
}

impl DeviceId {
    /// The key of the device, as in paths, cursors and the ids of alerts.
    pub const fn key(self) -> DeviceKey {
        DeviceKey(self)
    }

    /// Whether the address is certainly not assigned by a manufacturer.
    ///
    /// Some random addresses are not recognised: those of Bluetooth may look like any other (Bluetooth Core
    /// Specification, Vol 6, Part B, 1.3).
    pub const fn is_randomised(self) -> bool {
        match self.phy {
            Phy::Wifi => self.addr.is_local(),
            Phy::Bluetooth => self.addr.is_local() || self.addr.is_multicast(),
        }
    }
}

/// Key of a device, stable across restarts and the same on every server. It belongs to the domain and not to a view,
/// because stored ids of alerts contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKey(DeviceId);

impl DeviceKey {
    /// The identity of the device.
    pub const fn device(self) -> DeviceId {
        self.0
    }
}

impl fmt::Display for DeviceKey {
    /// Two hex numbers without leading zeros. The second is the address with its octets reversed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0.addr.octets();
        let reversed = u64::from_be_bytes([0, 0, g, e, d, c, b, a]);
        write!(f, "{:X}_{reversed:X}", self.0.phy.key_half())
    }
}

impl serde::Serialize for DeviceKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a device key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device key (two hex numbers joined by `_`)")]
pub struct ParseDeviceKeyError;

impl FromStr for DeviceKey {
    type Err = ParseDeviceKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (phy, addr) = text.split_once('_').ok_or(ParseDeviceKeyError)?;
        let (phy, addr) = (hex(phy)?, hex(addr)?);
        let phy = Phy::ALL
            .into_iter()
            .find(|known| known.key_half() == phy)
            .ok_or(ParseDeviceKeyError)?;
        match addr.to_be_bytes() {
            [0, 0, g, e, d, c, b, a] => Ok(Self(DeviceId {
                phy,
                addr: MacAddr::new([a, b, c, d, e, g]),
            })),
            _ => Err(ParseDeviceKeyError),
        }
    }
}

/// Parses hex digits. `u64::from_str_radix` would also accept a sign.
fn hex(text: &str) -> Result<u64, ParseDeviceKeyError> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ParseDeviceKeyError);
    }
    u64::from_str_radix(text, 16).map_err(|_| ParseDeviceKeyError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(phy: Phy, addr: &str, key: &str) {
        let device = DeviceId {
            phy,
            addr: addr.parse().unwrap(),
        };
        assert_eq!(device.key().to_string(), key);
        assert_eq!(key.parse(), Ok(device.key()));
    }

    #[test]
    fn keys_are_those_of_kismet() {
        check(
            Phy::Wifi,
            "00:11:22:33:44:55",
            "4202770D00000000_554433221100",
        );
        check(
            Phy::Wifi,
            "80:E1:26:00:00:01",
            "4202770D00000000_1000026E180",
        );
        check(
            Phy::Bluetooth,
            "C0:FF:EE:00:00:01",
            "B603E01100000000_10000EEFFC0",
        );
    }

    #[test]
    fn other_text_is_no_key() {
        for text in [
            "",
            "_",
            "00_0",
            "4202770D00000000",
            "4202770D00000000_",
            "4202770D00000000_+1",
            "4202770D00000000_1000000000000",
        ] {
            assert_eq!(
                text.parse::<DeviceKey>(),
                Err(ParseDeviceKeyError),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_key_round_trips(octets: [u8; 6], bluetooth: bool) {
            let phy = if bluetooth { Phy::Bluetooth } else { Phy::Wifi };
            let key = DeviceId { phy, addr: MacAddr::new(octets) }.key();
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn no_text_panics_the_key_parser(text in ".{0,40}") {
            let _result: Result<DeviceKey, _> = text.parse();
        }
    }
}
