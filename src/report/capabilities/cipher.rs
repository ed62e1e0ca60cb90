//! Cipher suites.

use super::set::set_of;

/// A pairwise cipher suite (IEEE 802.11-2020, table 9-149, and vendors' additions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cipher {
    /// WEP with a 40-bit key.
    Wep40,
    /// WEP with a 104-bit key.
    Wep104,
    /// Temporal key integrity protocol.
    Tkip,
    /// AES-CCM with a 128-bit key.
    Ccmp,
    /// AES-CCM with a 256-bit key.
    Ccmp256,
    /// AES-GCM with a 128-bit key.
    Gcmp,
    /// AES-GCM with a 256-bit key.
    Gcmp256,
    /// WAPI's cipher, SM4.
    Sms4,
    /// BIP for management frames with CMAC, 128 bits.
    BipCmac128,
    /// BIP for management frames with GMAC, 128 bits.
    BipGmac128,
    /// BIP for management frames with GMAC, 256 bits.
    BipGmac256,
    /// BIP for management frames with CMAC, 256 bits.
    BipCmac256,
    /// No pairwise cipher: the group cipher is used for all frames.
    None,
    /// A cipher that the scanner or this program has no name for.
    Unknown,
}

impl Cipher {
    /// All ciphers, in the order of their definition.
    pub const ALL: [Self; 14] = [
        Self::Wep40,
        Self::Wep104,
        Self::Tkip,
        Self::Ccmp,
        Self::Ccmp256,
        Self::Gcmp,
        Self::Gcmp256,
        Self::Sms4,
        Self::BipCmac128,
        Self::BipGmac128,
        Self::BipGmac256,
        Self::BipCmac256,
        Self::None,
        Self::Unknown,
    ];

    /// The canonical name, which is also written in strings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wep40 => "WEP-40",
            Self::Wep104 => "WEP-104",
            Self::Tkip => "TKIP",
            Self::Ccmp => "CCMP",
            Self::Ccmp256 => "CCMP-256",
            Self::Gcmp => "GCMP",
            Self::Gcmp256 => "GCMP-256",
            Self::Sms4 => "SMS4",
            Self::BipCmac128 => "BIP-CMAC-128",
            Self::BipGmac128 => "BIP-GMAC-128",
            Self::BipGmac256 => "BIP-GMAC-256",
            Self::BipCmac256 => "BIP-CMAC-256",
            Self::None => "NONE",
            Self::Unknown => "?",
        }
    }
}

set_of! {
    /// A set of [`Cipher`]s.
    pub struct CipherSet(u16) of Cipher
}

impl CipherSet {
    /// WEP with either key length.
    pub const WEP: Self = Self::of(&[Cipher::Wep40, Cipher::Wep104]);
}
