//! Hardware addresses, and which of them can identify a station.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A 48-bit hardware address (IEEE 802-2014, clause 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// The text is not a 48-bit hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hardware address (12 hex digits, separated by `:`, `-`, `.` or nothing)")]
pub struct ParseMacError;

impl MacAddr {
    /// The all-ones address, which addresses every station and belongs to none.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// The all-zero address, which drivers send for "none".
    pub const ZERO: Self = Self([0; 6]);

    /// Creates an address from its six octets, in the order of transmission.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets, in the order of transmission.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address as a 48-bit number. The first octet is the highest.
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d, e, g] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, g])
    }

    /// Creates an address from a number. `None` if it has more than 48 bits.
    pub const fn from_u64(number: u64) -> Option<Self> {
        match number.to_be_bytes() {
            [0, 0, a, b, c, d, e, g] => Some(Self([a, b, c, d, e, g])),
            _ => None,
        }
    }

    /// Whether the address is a group address (the I/G bit is set).
    pub const fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }

    /// Whether the address is locally administered (the U/L bit is set): a random one, or one that an access point
    /// derived from its own.
    pub const fn is_local(self) -> bool {
        let [first, ..] = self.0;
        first & 2 != 0
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacError;

    /// Parses `AA:BB:CC:DD:EE:FF`, `aa-bb-cc-dd-ee-ff`, `aabb.ccdd.eeff` and `AABBCCDDEEFF`, in any case, and
    /// `a:b:c:d:e:f`, which iOS and programs that print octets without leading zeros write.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::of_six_pairs(text)
            .ok_or(ParseMacError)
            .or_else(|_| Self::of_twelve_digits(text))
            .or_else(|_| Self::of_six_groups(text))
    }
}

impl MacAddr {
    /// Six pairs of digits with the same separator between them. Nearly all addresses have this form, so it is read
    /// without a loop over the digits.
    fn of_six_pairs(text: &str) -> Option<Self> {
        let (pairs, last) = text.as_bytes().as_chunks::<3>();
        let &[a, b, c, d, e] = pairs else {
            return None;
        };
        let &[high, low] = last else {
            return None;
        };
        let [_, _, separator] = a;
        let is_even = [b, c, d, e].iter().all(|[_, _, next]| *next == separator);
        if !is_even || !matches!(separator, b':' | b'-') {
            return None;
        }
        let octet = |[high, low, _]: [u8; 3]| pair(high, low);
        Some(Self([
            octet(a)?,
            octet(b)?,
            octet(c)?,
            octet(d)?,
            octet(e)?,
            pair(high, low)?,
        ]))
    }

    /// Six groups of one or two digits.
    fn of_six_groups(text: &str) -> Result<Self, ParseMacError> {
        let separator = if text.contains(':') { ':' } else { '-' };
        let mut groups = text.split(separator);
        let mut octets = [0; 6];
        for octet in &mut octets {
            *octet = match *groups.next().unwrap_or_default().as_bytes() {
                [low] => hex_digit(low).ok_or(ParseMacError)?,
                [high, low] => pair(high, low).ok_or(ParseMacError)?,
                _ => return Err(ParseMacError),
            };
        }
        match groups.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(ParseMacError),
        }
    }

    fn of_twelve_digits(text: &str) -> Result<Self, ParseMacError> {
        let bytes = text.as_bytes();
        let (separator, group_digits) = match bytes.len() {
            12 => (None, 12),
            14 => (Some(b'.'), 4),
            _ => return Err(ParseMacError),
        };
        let mut octets = [0u8; 6];
        let mut digits = 0usize;
        for (at, &byte) in bytes.iter().enumerate() {
            if separator.is_some() && at % (group_digits + 1) == group_digits {
                if Some(byte) != separator {
                    return Err(ParseMacError);
                }
                continue;
            }
            let octet = octets.get_mut(digits / 2).ok_or(ParseMacError)?;
            *octet = (*octet << 4) | hex_digit(byte).ok_or(ParseMacError)?;
            digits += 1;
        }
        if digits == 12 {
            Ok(Self(octets))
        } else {
            Err(ParseMacError)
        }
    }
}

/// The octet of two hex digits.
fn pair(high: u8, low: u8) -> Option<u8> {
    let value = digit_value(high) << 4 | digit_value(low);
    u8::try_from(value).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    u8::try_from(digit_value(byte)).ok()
}

/// The value of a hex digit, or a number that no octet can hold.
fn digit_value(byte: u8) -> u16 {
    DIGITS
        .get(usize::from(byte))
        .copied()
        .unwrap_or(NOT_A_DIGIT)
}

const NOT_A_DIGIT: u16 = 0x100;
/// The values of the characters as hex digits.
static DIGITS: [u16; 256] = digits();

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, where a wrong index ends the build"
)]
const fn digits() -> [u16; 256] {
    let mut values = [NOT_A_DIGIT; 256];
    let mut value: u8 = 0;
    while value < 16 {
        let upper = b"0123456789ABCDEF"[value as usize];
        values[upper as usize] = value as u16;
        values[upper.to_ascii_lowercase() as usize] = value as u16;
        value += 1;
    }
    values
}

/// Uppercase digits with colons, as Kismet writes addresses.
impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UPPER: [u8; 16] = *b"0123456789ABCDEF";
        let digit = |half: u8| UPPER.get(usize::from(half)).copied().unwrap_or_default();
        // Lists have millions of addresses, so they are not formatted octet by octet.
        let mut text = [b':'; 17];
        for (octet, place) in self.0.into_iter().zip(text.chunks_mut(3)) {
            if let [high, low, ..] = place {
                (*high, *low) = (digit(octet >> 4), digit(octet & 0xF));
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// Text in human-readable formats, else the octets.
impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for MacAddr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            Ok(Self(Deserialize::deserialize(deserializer)?))
        }
    }
}

/// Why an address cannot identify a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAStation {
    /// All octets are zero, which drivers send for "none".
    #[error("the zero address cannot identify a station")]
    Zero,
    /// All bits are set, which addresses every station.
    #[error("the broadcast address cannot identify a station")]
    Broadcast,
    /// The I/G bit is set, which addresses a group.
    #[error("a multicast address cannot identify a station")]
    Multicast,
}

/// The address of one Wi-Fi basic service set (IEEE 802.11-2020, clause 9.2.4.3.4): never zero, broadcast or multicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "MacAddr", into = "MacAddr")]
pub struct Bssid(MacAddr);

impl From<Bssid> for MacAddr {
    fn from(addr: Bssid) -> Self {
        addr.0
    }
}

impl Bssid {
    /// The address as a plain [`MacAddr`].
    pub const fn addr(self) -> MacAddr {
        self.0
    }
}

impl TryFrom<MacAddr> for Bssid {
    type Error = NotAStation;

    fn try_from(addr: MacAddr) -> Result<Self, Self::Error> {
        match addr {
            MacAddr::ZERO => Err(NotAStation::Zero),
            MacAddr::BROADCAST => Err(NotAStation::Broadcast),
            addr if addr.is_multicast() => Err(NotAStation::Multicast),
            addr => Ok(Self(addr)),
        }
    }
}

/// The address of one Bluetooth device: never zero or all ones.
///
/// The I/G bit has no meaning here: random addresses may set any bit below the two topmost
/// (Bluetooth Core Specification, Vol 6, Part B, 1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "MacAddr", into = "MacAddr")]
pub struct BluetoothAddr(MacAddr);

impl From<BluetoothAddr> for MacAddr {
    fn from(addr: BluetoothAddr) -> Self {
        addr.0
    }
}

impl BluetoothAddr {
    /// The address as a plain [`MacAddr`].
    pub const fn addr(self) -> MacAddr {
        self.0
    }
}

impl TryFrom<MacAddr> for BluetoothAddr {
    type Error = NotAStation;

    fn try_from(addr: MacAddr) -> Result<Self, Self::Error> {
        match addr {
            MacAddr::ZERO => Err(NotAStation::Zero),
            MacAddr::BROADCAST => Err(NotAStation::Broadcast),
            addr => Ok(Self(addr)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(
            text.parse::<MacAddr>()
                .ok()
                .map(|addr| addr.to_string())
                .as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn every_usual_spelling_is_read() {
        for text in [
            "0a:1B:2c:3D:4e:5F",
            "0A-1b-2C-3d-4E-5f",
            "0a1b.2C3d.4E5f",
            "0A1b2c3d4e5F",
        ] {
            check(text, Some("0A:1B:2C:3D:4E:5F"));
        }
    }

    #[test]
    fn groups_may_lack_their_leading_zero() {
        check("2:0:5e:10:b1:1", Some("02:00:5E:10:B1:01"));
        check("02:00:5E:10:B1:2", Some("02:00:5E:10:B1:02"));
        check("a-1B-c-d-e-f", Some("0A:1B:0C:0D:0E:0F"));
        check("1:2:3:4:5:66", Some("01:02:03:04:05:66"));
        for text in [
            "1:2:3:4:5",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:",
            "1:2:3:4:5:006",
            "1:2:3-4:5:6",
            "1.2.3.4.5.6",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn other_lengths_and_mixtures_are_not_addresses() {
        for text in [
            "",
            "0a:1b:2c:3d:4e",
            "0a:1b:2c:3d:4e:5f:60",
            "0a:1b-2c:3d:4e:5f",
            "0a:1b:2c:3d:4e:+f",
            "0a1b2c3d4e5",
            "0a1b2c3d4e5f6",
            "0a1b:2c3d:4e5f",
            "0a1b.2c3d:4e5f",
            "not-a-mac",
            "0a 1b 2c 3d 4e 5f",
            "éa:1b:2c:3d:4e:5",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn groups_and_nobody_are_no_access_point() {
        let station = |text: &str| Bssid::try_from(text.parse::<MacAddr>().unwrap());
        assert_eq!(station("00:00:00:00:00:00"), Err(NotAStation::Zero));
        assert_eq!(station("ff:ff:ff:ff:ff:ff"), Err(NotAStation::Broadcast));
        assert_eq!(station("01:23:45:67:89:ab"), Err(NotAStation::Multicast));
        assert!(station("02:23:45:67:89:ab").is_ok());
    }

    proptest! {
        #[test]
        fn an_address_survives_every_spelling(octets: [u8; 6]) {
            let addr = MacAddr::new(octets);
            let colons = addr.to_string();
            for text in [colons.clone(), colons.replace(':', "-"), colons.replace(':', ""), colons.to_lowercase()] {
                prop_assert_eq!(text.parse(), Ok(addr));
            }
            prop_assert_eq!(MacAddr::from_u64(addr.to_u64()), Some(addr));
        }

        #[test]
        fn no_text_panics_the_parser(text in ".{0,20}") {
            let _result: Result<MacAddr, _> = text.parse();
        }
    }
}
