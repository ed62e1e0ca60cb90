//! Security of a network, decoded from its capabilities string.
//!
//! The `capabilities` of Android's `ScanResult`, the flags of `wpa_supplicant` and the `AuthMode` column of `WiGLE`'s
//! CSV are dialects of one notation that no standard defines: `[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][WPS][MFPC]`.
//! Decoding never fails, because producers keep adding words. Unknown parts are kept as leftovers, and a string with
//! leftovers is never taken for an open network.
//!
//! - `akm`, `cipher`, `flag`, `protocol`: the vocabulary; `set`: sets of it.
//! - `names`: the producers' spellings; `lexicon`: looks up a spelling.
//! - `text`: finds names in a string; `decode`: decodes a string.
//! - `firmware`: names and numbers of ESP-IDF.
//! - `seen`: cache of decoded strings.
//! - `change`: detects changes of a network's security.
//! - `class`: the security class.
//! - `summary`: a short text for people.
//! - `android`: writes a string.

mod akm;
mod android;
mod change;
mod cipher;
mod class;
mod decode;
mod firmware;
mod flag;
mod lexicon;
mod names;
mod protocol;
mod seen;
mod set;
mod summary;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use akm::{Akm, AkmSet};
pub use cipher::{Cipher, CipherSet};
pub use class::SecurityClass;
pub use flag::{Flag, FlagSet};
pub use protocol::{Protocol, ProtocolSet};
pub use summary::Summary;

/// The capabilities of an access point, as sent and decoded.
///
/// The text is kept because the `WiGLE` export must return it unchanged. A string that was seen before is neither
/// decoded nor stored again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    raw: Arc<str>,
    security: Security,
}

impl Capabilities {
    /// The string as sent.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The decoded value.
    pub fn security(&self) -> Security {
        self.security
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<str>::deserialize(deserializer)?;
        Ok(Self::from(&*raw))
    }
}

impl From<&str> for Capabilities {
    fn from(raw: &str) -> Self {
        seen::recall(raw)
    }
}

/// The statements of a capabilities string about one network of one access point.
///
/// Everything here is stated by the string; nothing is concluded. A missing statement denies nothing. Group ciphers are
/// missing because no producer writes them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Security {
    wpa_akms: AkmSet,
    rsn_akms: AkmSet,
    other_akms: AkmSet,
    flags: FlagSet,
    wpa_pairwise: CipherSet,
    rsn_pairwise: CipherSet,
    other_pairwise: CipherSet,
    protocols: ProtocolSet,
    marks: MarkSet,
    wps: Option<Wps>,
    pmf: Pmf,
    topology: Option<Topology>,
}

// The tracker keeps one for each network of each access point, and there may be ten million of those.
const _: () = assert!(size_of::<Security>() <= 28);

/// The sets of a [`Security`] as bits, for storage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecurityBits {
    pub(crate) wpa_akms: u32,
    pub(crate) rsn_akms: u32,
    pub(crate) other_akms: u32,
    pub(crate) flags: u32,
    pub(crate) wpa_pairwise: u16,
    pub(crate) rsn_pairwise: u16,
    pub(crate) other_pairwise: u16,
    pub(crate) protocols: u8,
    pub(crate) marks: u8,
}

/// State of Wi-Fi Protected Setup, in the order in which `wpa_supplicant` prefers to mention it (`wps_ie_txt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Wps {
    /// The element is present.
    Yes,
    /// A registrar waits for a PIN.
    Pin,
    /// A registrar waits for the scanning station.
    Auth,
    /// A registrar's button was pressed.
    Pbc,
}

impl Wps {
    /// One word for the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Pin => "pin",
            Self::Auth => "auth",
            Self::Pbc => "pbc",
        }
    }
}

/// Protection of management frames (IEEE 802.11w). Only Android 12 and later state it, so a missing statement denies
/// nothing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum Pmf {
    /// The string states nothing.
    #[default]
    NotStated,
    /// Protection is offered.
    Capable,
    /// Protection is required, and therefore offered.
    Required,
}

impl Pmf {
    /// One word for it. `None` if nothing is stated.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::NotStated => None,
            Self::Capable => Some("capable"),
            Self::Required => Some("required"),
        }
    }
}

/// Kind of network. Of two statements, the later in this order counts, which is the more special one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Topology {
    /// Infrastructure: the sender is an access point.
    Ap,
    /// Personal network at 60 GHz.
    Pbss,
    /// The sender is one of equal peers.
    AdHoc,
    /// The sender is a mesh point.
    Mesh,
}

impl Topology {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ap => "AP",
            Self::Pbss => "PBSS",
            Self::AdHoc => "ad-hoc",
            Self::Mesh => "mesh",
        }
    }
}

/// A property of the string that is not one of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Brackets are missing, text is outside of them, or the string is over a bound.
    Damaged,
    /// A part was not understood, or the producer states that it could not tell.
    Leftovers,
    /// The string has the word `WPA3`, which says more than the element does.
    Wpa3Word,
    /// The string has a word for "no protection".
    OpenWord,
    /// The string names one mode of the network in words for people, such as `WPA3-Personal`. `netsh` names the best one
    /// that its adapter can use, and the network may offer others.
    OneMode,
}

impl Mark {
    const ALL: [Self; 5] = [
        Self::Damaged,
        Self::Leftovers,
        Self::Wpa3Word,
        Self::OpenWord,
        Self::OneMode,
    ];
}

set::set_of! {
    /// A set of [`Mark`]s.
    struct MarkSet(u8) of Mark
}

impl Security {
    /// Nothing is stated, as by an absent or empty string. Equal to the default.
    pub const UNKNOWN: Self = Self {
        wpa_akms: AkmSet::EMPTY,
        rsn_akms: AkmSet::EMPTY,
        other_akms: AkmSet::EMPTY,
        flags: FlagSet::EMPTY,
        wpa_pairwise: CipherSet::EMPTY,
        rsn_pairwise: CipherSet::EMPTY,
        other_pairwise: CipherSet::EMPTY,
        protocols: ProtocolSet::EMPTY,
        marks: MarkSet::EMPTY,
        wps: None,
        pmf: Pmf::NotStated,
        topology: None,
    };

    /// Decodes a string. Never fails and allocates nothing. The work is bounded: a string of more than 1 KiB, 64 tokens
    /// or 32 names in a token is [damaged](Self::is_damaged).
    pub fn decode(raw: &str) -> Self {
        decode::read(raw, None)
    }

    /// The sets as bits, for storage.
    pub(crate) const fn to_bits(self) -> SecurityBits {
        SecurityBits {
            wpa_akms: self.wpa_akms.to_bits(),
            rsn_akms: self.rsn_akms.to_bits(),
            other_akms: self.other_akms.to_bits(),
            flags: self.flags.to_bits(),
            wpa_pairwise: self.wpa_pairwise.to_bits(),
            rsn_pairwise: self.rsn_pairwise.to_bits(),
            other_pairwise: self.other_pairwise.to_bits(),
            protocols: self.protocols.to_bits(),
            marks: self.marks.to_bits(),
        }
    }

    /// Restores a value from [`Self::to_bits`] and the other stored fields.
    pub(crate) const fn from_bits(
        bits: SecurityBits,
        wps: Option<Wps>,
        pmf: Pmf,
        topology: Option<Topology>,
    ) -> Self {
        Self {
            wpa_akms: AkmSet::from_bits(bits.wpa_akms),
            rsn_akms: AkmSet::from_bits(bits.rsn_akms),
            other_akms: AkmSet::from_bits(bits.other_akms),
            flags: FlagSet::from_bits(bits.flags),
            wpa_pairwise: CipherSet::from_bits(bits.wpa_pairwise),
            rsn_pairwise: CipherSet::from_bits(bits.rsn_pairwise),
            other_pairwise: CipherSet::from_bits(bits.other_pairwise),
            protocols: ProtocolSet::from_bits(bits.protocols),
            marks: MarkSet::from_bits(bits.marks),
            wps,
            pmf,
            topology,
        }
    }

    /// The security protocols of the network.
    pub const fn protocols(self) -> ProtocolSet {
        self.protocols
    }

    /// The key managements of all protocols.
    pub const fn akms(self) -> AkmSet {
        self.wpa_akms.union(self.rsn_akms).union(self.other_akms)
    }

    /// The key managements of one protocol. All but WPA and RSN share one set.
    pub const fn akms_of(self, protocol: Protocol) -> AkmSet {
        match protocol {
            Protocol::Wpa => self.wpa_akms,
            Protocol::Rsn => self.rsn_akms,
            Protocol::Wep | Protocol::Osen | Protocol::Wapi => self.other_akms,
        }
    }

    /// The pairwise ciphers of all protocols.
    pub const fn pairwise(self) -> CipherSet {
        self.wpa_pairwise
            .union(self.rsn_pairwise)
            .union(self.other_pairwise)
    }

    /// The pairwise ciphers of one protocol. All but WPA and RSN share one set.
    pub const fn pairwise_of(self, protocol: Protocol) -> CipherSet {
        match protocol {
            Protocol::Wpa => self.wpa_pairwise,
            Protocol::Rsn => self.rsn_pairwise,
            Protocol::Wep | Protocol::Osen | Protocol::Wapi => self.other_pairwise,
        }
    }

    /// Wi-Fi Protected Setup, if stated. All states but [`Wps::Yes`] end within minutes.
    pub const fn wps(self) -> Option<Wps> {
        self.wps
    }

    /// Protection of management frames.
    pub const fn pmf(self) -> Pmf {
        self.pmf
    }

    /// The kind of network, if stated.
    pub const fn topology(self) -> Option<Topology> {
        self.topology
    }

    /// Flags that have no field of their own.
    pub const fn flags(self) -> FlagSet {
        self.flags
    }

    /// Whether [`leftovers`] returns anything for the string.
    pub const fn has_leftovers(self) -> bool {
        self.marks.contains(Mark::Leftovers)
    }

    /// Whether brackets are missing, text is outside of them, or the string is over a bound.
    pub const fn is_damaged(self) -> bool {
        self.marks.contains(Mark::Damaged)
    }

    /// Whether the string has the word `WPA3`. Android and `wpa_supplicant` never write it.
    pub const fn says_wpa3(self) -> bool {
        self.marks.contains(Mark::Wpa3Word)
    }

    /// Whether the string has a word for "no protection". [`class`](Self::class) weighs this claim.
    pub const fn says_open(self) -> bool {
        self.marks.contains(Mark::OpenWord)
    }

    /// Whether the string names one mode of the network, which may offer others too.
    const fn names_one_mode(self) -> bool {
        self.marks.contains(Mark::OneMode)
    }
}

/// The parts of a string that were not understood, as sent and in their order.
///
/// A part is a whole token, or one name of a token that was understood otherwise. Text outside of brackets is not
/// included; it makes the string [damaged](Security::is_damaged).
pub fn leftovers(raw: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    decode::read(raw, Some(&mut parts));
    parts
}
