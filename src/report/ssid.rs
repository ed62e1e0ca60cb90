//! Network names.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network name: up to 32 octets of any value (IEEE 802.11-2020, clause 9.4.2.2). Empty means hidden.
///
/// Octets are stored unchanged; only display escapes those that are not UTF-8. They are stored inline: most reports
/// have a name, and most names are long enough that a heap block would not save memory.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ssid {
    /// Padded with NULs, so that the derived order is the order of the names.
    octets: [u8; Ssid::BYTES_MAX],
    length: u8,
}

/// The name is longer than 802.11 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length_bytes} bytes long, but an SSID has at most {max} bytes", max = Ssid::BYTES_MAX)]
pub struct SsidTooLong {
    /// Length of the name in octets.
    pub length_bytes: usize,
}

impl Ssid {
    /// Longest name in octets.
    pub const BYTES_MAX: usize = 32;

    /// The name of a hidden network.
    pub fn hidden() -> Self {
        Self::default()
    }

    /// Whether the network hides its name.
    pub fn is_hidden(&self) -> bool {
        self.length == 0
    }

    /// Whether the owner opted out of maps with this name: it has `_nomap` at its end, or `_optout` anywhere.
    pub fn opts_out(&self) -> bool {
        let name = self.as_bytes();
        // Nearly all names have no such octet.
        memchr::memchr(b'_', name).is_some()
            && (name.ends_with(b"_nomap") || memchr::memmem::find(name, b"_optout").is_some())
    }

    /// Whether `name` is this name: its octets, or what is shown of them.
    pub fn is_named(&self, name: &[u8]) -> bool {
        let octets = self.as_bytes();
        let is_shown_otherwise = || name.contains(&b'\\') && std::str::from_utf8(octets).is_err();
        octets == name || (is_shown_otherwise() && self.to_string().as_bytes() == name)
    }

    /// The octets as transmitted.
    pub fn as_bytes(&self) -> &[u8] {
        let name = self.octets.get(..usize::from(self.length));
        name.unwrap_or(&self.octets)
    }
}

impl Hash for Ssid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ssid({self})")
    }
}

impl TryFrom<&[u8]> for Ssid {
    type Error = SsidTooLong;

    /// Access points that hide their name send an empty name or only NULs. Both become the hidden name.
    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        let too_long = SsidTooLong {
            length_bytes: bytes.len(),
        };
        if bytes.iter().all(|&byte| byte == 0) && bytes.len() <= Self::BYTES_MAX {
            return Ok(Self::hidden());
        }
        let mut ssid = Self {
            octets: [0; Self::BYTES_MAX],
            length: u8::try_from(bytes.len()).map_err(|_| too_long)?,
        };
        let place = ssid.octets.get_mut(..bytes.len()).ok_or(too_long)?;
        place.copy_from_slice(bytes);
        Ok(ssid)
    }
}

impl fmt::Display for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&ShownOctets(self.as_bytes()), f)
    }
}

/// Octets that are mostly text: UTF-8 is shown unchanged, every other octet as `\xHH`.
pub(crate) struct ShownOctets<'o>(pub(crate) &'o [u8]);

impl fmt::Display for ShownOctets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// Text in human-readable formats, else the octets.
impl Serialize for Ssid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(self.as_bytes());
        }
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_str(self),
        }
    }
}

/// Only from octets: in text, an escaped octet and a literal backslash look the same.
impl<'de> Deserialize<'de> for Ssid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets = <&[u8]>::deserialize(deserializer)?;
        Self::try_from(octets).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_of_opting_out_count_where_they_are_defined_to() {
        for (name, is_no) in [
            ("home_nomap", true),
            ("_nomap", true),
            ("a_optout_b", true),
            ("home_nomap2", false),
            ("home_NOMAP", false),
            ("", false),
        ] {
            let ssid = Ssid::try_from(name.as_bytes()).unwrap();
            assert_eq!(ssid.opts_out(), is_no, "{name}");
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], shown: &str) {
        assert_eq!(Ssid::try_from(bytes).unwrap().to_string(), shown);
    }

    #[test]
    fn text_stays_and_other_octets_are_escaped() {
        check("Café ☕".as_bytes(), "Café ☕");
        check(b"\"quoted\" \\ back", "\"quoted\" \\ back");
        check(b"ab\xffcd", "ab\\xFFcd");
        check(b"\xc3", "\\xC3");
        check(b"a\0b", "a\0b");
    }

    #[test]
    fn a_name_is_known_by_its_octets_and_by_what_is_shown() {
        let ssid = Ssid::try_from(b"Zaf\xe9".as_slice()).unwrap();
        for name in [b"Zaf\xe9".as_slice(), br"Zaf\xE9"] {
            assert!(ssid.is_named(name), "{}", name.escape_ascii());
        }
        for name in [br"Zaf".as_slice(), br"Zaf\x", "Zaf\u{fffd}".as_bytes(), b""] {
            assert!(!ssid.is_named(name), "{}", name.escape_ascii());
        }
        let literal = Ssid::try_from(br"Zaf\xE9".as_slice()).unwrap();
        assert!(literal.is_named(br"Zaf\xE9") && !literal.is_named(b"Zaf\xe9"));
    }

    #[test]
    fn nothing_and_only_nuls_are_the_hidden_name() {
        assert!(Ssid::try_from(b"".as_slice()).unwrap().is_hidden());
        assert!(Ssid::try_from([0; 32].as_slice()).unwrap().is_hidden());
        assert!(!Ssid::try_from(b" ".as_slice()).unwrap().is_hidden());
    }

    #[test]
    fn the_order_is_that_of_the_octets() {
        let names = [b"".as_slice(), b"a", b"a\0b", b"a\x01", b"aa", b"b", b"b\0"];
        let names: Vec<Ssid> = names.map(|name| Ssid::try_from(name).unwrap()).to_vec();
        assert!(names.is_sorted());
        assert!(names.iter().is_sorted_by_key(Ssid::as_bytes));
    }

    #[test]
    fn thirty_two_octets_fit_and_one_more_does_not() {
        assert!(Ssid::try_from([b'a'; 32].as_slice()).is_ok());
        assert_eq!(
            Ssid::try_from([b'a'; 33].as_slice()),
            Err(SsidTooLong { length_bytes: 33 })
        );
    }
}
