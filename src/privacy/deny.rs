//! Lists of networks and devices that do not leave.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::report::{MacAddr, MacMask, Ssid};

/// Addresses: a single one, all that begin alike, or all that agree in the bits of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(MacMask);

/// The text is not an address, a part of one, or an address with a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be addresses, their first hex digits such as \"AA:BB:CC\", or addresses with a mask such as \"02:00:5E:00:00:00/FF:FF:FF:00:00:00\""
)]
pub struct BadAddressRange;

impl AddressRange {
    /// Whether an address is in it.
    pub const fn contains(self, addr: MacAddr) -> bool {
        self.0.fits(addr)
    }

    /// The address, if there is exactly one.
    pub const fn single(self) -> Option<MacAddr> {
        self.0.single()
    }
}

impl FromStr for AddressRange {
    type Err = BadAddressRange;

    fn from_str(text: &str) -> Result<Self, BadAddressRange> {
        if let Ok(mask) = text.parse() {
            return Ok(Self(mask));
        }
        let digits = text.chars().filter(|mark| !matches!(mark, ':' | '-' | '.'));
        let (mut addr, mut mask) = (String::new(), String::new());
        for digit in digits {
            if !digit.is_ascii_hexdigit() {
                return Err(BadAddressRange);
            }
            addr.push(digit);
            mask.push('F');
        }
        if addr.is_empty() || 12 <= addr.len() {
            return Err(BadAddressRange);
        }
        let range = format!("{addr:0<12}/{mask:0<12}");
        range.parse().map(Self).map_err(|_| BadAddressRange)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Names of networks by their form: `*` stands for any octets, and `?` for one octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be patterns of 1 to {max} bytes", max = Pattern::BYTES_MAX)]
pub struct BadPattern;

impl Pattern {
    /// Longest pattern in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Whether a name has this form. The time grows with the product of both lengths at most.
    pub fn fits(&self, name: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut at, mut name_at) = (0, 0);
        // Where to go on if the rest does not fit: behind the last star, and one octet later in the name.
        let mut retry = None;
        while let Some(octet) = name.get(name_at) {
            match pattern.get(at) {
                Some(b'*') => {
                    at += 1;
                    retry = Some((at, name_at));
                }
                Some(mark) if *mark == b'?' || mark == octet => {
                    at += 1;
                    name_at += 1;
                }
                _ => {
                    let Some((star, from)) = retry else {
                        return false;
                    };
                    retry = Some((star, from + 1));
                    (at, name_at) = (star, from + 1);
                }
            }
        }
        pattern.iter().skip(at).all(|mark| *mark == b'*')
    }
}

impl Pattern {
    /// The form of all that begins with a name of this form.
    fn and_more(&self) -> Self {
        let Self(form) = self;
        Self(format!("{form}*").into())
    }
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text.is_empty() || Self::BYTES_MAX < text.len() {
            return Err(BadPattern);
        }
        Ok(Self(text.into()))
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What does not leave, in a form that is quick to ask.
#[derive(Debug, Default)]
pub(super) struct DenyList {
    names: HashSet<Box<[u8]>>,
    /// How long these names are.
    lengths: BTreeSet<usize>,
    patterns: Vec<Pattern>,
    /// The patterns for what begins with such a name.
    beginnings: Vec<Pattern>,
    addresses: HashSet<MacAddr>,
    ranges: Vec<AddressRange>,
}

impl DenyList {
    pub(super) fn new(names: &[String], patterns: &[Pattern], ranges: &[AddressRange]) -> Self {
        let singles = ranges.iter().filter_map(|range| range.single());
        let wide = ranges.iter().filter(|range| range.single().is_none());
        Self {
            names: names.iter().map(|name| name.as_bytes().into()).collect(),
            lengths: names.iter().map(String::len).collect(),
            patterns: patterns.to_vec(),
            beginnings: patterns.iter().map(Pattern::and_more).collect(),
            addresses: singles.collect(),
            ranges: wide.copied().collect(),
        }
    }

    pub(super) fn has_address(&self, addr: MacAddr) -> bool {
        self.addresses.contains(&addr) || self.ranges.iter().any(|range| range.contains(addr))
    }

    /// Whether a network with this name stays here. A name that is no text is also known by what is shown of it.
    pub(super) fn has_ssid(&self, ssid: &Ssid) -> bool {
        if self.has_no_names() || ssid.is_hidden() {
            return false;
        }
        let octets = ssid.as_bytes();
        self.has_name(octets)
            || (std::str::from_utf8(octets).is_err() && self.has_name(ssid.to_string().as_bytes()))
    }

    /// The same for the name of a Bluetooth device.
    pub(super) fn has_name(&self, name: &[u8]) -> bool {
        self.names.contains(name) || self.patterns.iter().any(|pattern| pattern.fits(name))
    }

    /// Whether a text may have such a name in it. A name has no end that could be told in a text, so this errs on the
    /// side of yes.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        // `windows` does not take a length of 0.
        let mut lengths = self.lengths.iter().filter(|length| 0 < **length);
        let octets = text.as_bytes();
        lengths.any(|length| {
            let mut parts = octets.windows(*length);
            parts.any(|part| self.names.contains(part))
        }) || (!self.beginnings.is_empty()
            && rests(text).any(|rest| self.beginnings.iter().any(|form| form.fits(rest))))
    }

    /// Whether there are neither names nor patterns.
    pub(super) fn has_no_names(&self) -> bool {
        self.names.is_empty() && self.patterns.is_empty()
    }
}

/// What follows in a text from each place at which a name may begin: everywhere but within a word.
fn rests(text: &str) -> impl Iterator<Item = &[u8]> {
    let mut is_in_word = false;
    text.char_indices().filter_map(move |(at, character)| {
        let is_of_word = character.is_alphanumeric();
        let was_in_word = std::mem::replace(&mut is_in_word, is_of_word);
        let rest = text.as_bytes().get(at..)?;
        (!(was_in_word && is_of_word)).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_addresses_beginnings_and_masks() {
        let contains = |range: &str, addr: &str| {
            let range: AddressRange = range.parse().unwrap();
            assert_eq!(range.to_string().parse(), Ok(range));
            range.contains(addr.parse().unwrap())
        };
        assert!(contains("aa:bb:cc:00:00:01", "AA:BB:CC:00:00:01"));
        assert!(!contains("aa:bb:cc:00:00:01", "AA:BB:CC:00:00:02"));
        assert!(contains("AA:BB:CC", "AA:BB:CC:12:34:56"));
        assert!(contains("aabbc", "AA:BB:CF:12:34:56"));
        assert!(!contains("aabbc", "AA:BB:DF:12:34:56"));
        assert!(contains("AA-BB-CC-12-3", "AA:BB:CC:12:3F:00"));
        assert!(contains(
            "02:00:5E:00:00:00/FF:FF:FF:00:00:01",
            "02:00:5E:11:22:32"
        ));
        for text in ["", ":", "AA:BB:CX", "AA:BB:CC:DD:EE:FF:00", "AA/FF", "*"] {
            assert_eq!(text.parse::<AddressRange>(), Err(BadAddressRange), "{text}");
        }
    }

    #[track_caller]
    fn check(pattern: &str, name: &str, fits: bool) {
        let pattern: Pattern = pattern.parse().unwrap();
        assert_eq!(pattern.fits(name.as_bytes()), fits, "{pattern:?} {name}");
    }

    #[test]
    fn stars_stand_for_any_octets_and_question_marks_for_one() {
        check("Home*", "Home", true);
        check("Home*", "Home 5G", true);
        check("Home*", "My Home", false);
        check("*Home*", "My Home 5G", true);
        check("Home?", "Home", false);
        check("Home?", "Home2", true);
        check("*a*b", "xaxbxb", true);
        check("*a*b", "xaxbxc", false);
        check("*", "", true);
        check("**", "x", true);
        check("Home", "home", false);
    }

    #[test]
    fn a_pattern_has_a_length() {
        assert_eq!("".parse::<Pattern>(), Err(BadPattern));
        assert!("a".repeat(64).parse::<Pattern>().is_ok());
        assert_eq!("a".repeat(65).parse::<Pattern>(), Err(BadPattern));
    }

    #[test]
    fn names_are_known_by_their_octets_and_by_what_is_shown() {
        let names = ["Café".to_owned(), r"Zaf\xE9".to_owned()];
        let denied = DenyList::new(&names, &["Lab*".parse().unwrap()], &[]);
        let has = |name: &[u8]| denied.has_ssid(&Ssid::try_from(name).unwrap());
        assert!(has("Café".as_bytes()) && has(b"Zaf\xe9") && has(b"Lab 1") && has(b"Lab\xff"));
        assert!(!has(b"Caf") && !has(b"Zaf\xe8") && !has(b"") && !has(b"lab"));
    }

    proptest! {
        #[test]
        fn patterns_agree_with_regular_expressions(pattern in "[ab*?]{1,12}", name in "[ab]{0,12}") {
            let regular = format!("(?s)^{}$", pattern.replace('*', ".*").replace('?', "."));
            let expected = regex::Regex::new(&regular).unwrap().is_match(&name);
            prop_assert_eq!(pattern.parse::<Pattern>().unwrap().fits(name.as_bytes()), expected);
        }
    }
}
