//! Kismet's numbers and texts.
//!
//! Kismet reads capabilities strings by looking for substrings (`packet_dot11_scan_json_classifier` in `phy_80211.cc`):
//! it takes every `RSN-` block for WPA1 and does not see SAE, TKIP or GCMP at all. Here a string gives what Kismet's
//! radio mode would make of the same network (`packet_ieee80211.h`, `phy_80211_dissectors.cc`), so far as a string can
//! tell. Where Kismet reads a string rightly, its values and these are the same. Apart from that:
//!
//! - What only Kismet's defects hide is said: OWE is called OWE, SHA-256 enterprise is called EAP, SAE and OWE get into
//!   the legacy set. WPS stays out of that, as clients compare it.
//! - A text says each word once, also with two kinds of PSK.
//! - Nothing that is protected reads as 0 or `Open`, though Kismet has no word for it (WAPI, say), and nothing unknown
//!   is called `Open` either: its text is empty.
//! - WEP counts only if no other protocol is stated; a network that has both is the other.

use std::fmt;

use super::{Akm, AkmSet, Cipher, Protocol, Security, SecurityClass};

/// The bits of `crypt_bitfield` (`packet_ieee80211.h`).
mod bit {
    pub(super) const WEP: u64 = 1 << 0;
    pub(super) const WPA: u64 = 1 << 1;
    pub(super) const WPA1: u64 = 1 << 2;
    pub(super) const WPA2: u64 = 1 << 3;
    pub(super) const WPA3: u64 = 1 << 4;
    pub(super) const WPS: u64 = 1 << 57;
}

/// The bits of `crypt_set`, Kismet's older vocabulary.
mod legacy {
    pub(super) const UNKNOWN: u64 = 1 << 0;
    pub(super) const WEP: u64 = 1 << 1;
    pub(super) const WEP40: u64 = 1 << 3;
    pub(super) const WEP104: u64 = 1 << 4;
    pub(super) const TKIP: u64 = 1 << 5;
    pub(super) const WPA: u64 = 1 << 6;
    pub(super) const PSK: u64 = 1 << 7;
    pub(super) const AES_CCM: u64 = 1 << 9;
    pub(super) const EAP: u64 = 1 << 11;
    pub(super) const SAE: u64 = 1 << 16;
    pub(super) const OWE: u64 = 1 << 17;
    pub(super) const VERSION_WPA: u64 = 1 << 27;
    pub(super) const VERSION_WPA2: u64 = 1 << 28;
    pub(super) const VERSION_WPA3: u64 = 1 << 29;
}

/// The key managements that Kismet takes for WPA3.
const AKMS_OF_WPA3: AkmSet = AkmSet::SAE_FAMILY
    .union(AkmSet::EAP_192)
    .union(AkmSet::of(&[
        Akm::EapSuiteB,
        Akm::EapSha384,
        Akm::FilsSha256,
        Akm::FilsSha384,
        Akm::FtFilsSha256,
        Akm::FtFilsSha384,
        Akm::Owe,
        Akm::PskSha384,
        Akm::FtPskSha384,
    ]));

/// How `crypt_to_simple_string` names key managements, in its order.
const SUFFIXES: [(&str, AkmSet); 8] = [
    ("PSK", AkmSet::PSK_FAMILY),
    ("SAE", AkmSet::SAE_FAMILY),
    (
        "FILS",
        AkmSet::of(&[
            Akm::FilsSha256,
            Akm::FilsSha384,
            Akm::FtFilsSha256,
            Akm::FtFilsSha384,
        ]),
    ),
    ("OWE", AkmSet::of(&[Akm::Owe])),
    (
        "EAP",
        AkmSet::of(&[Akm::Eap, Akm::EapSha256, Akm::EapSha384]),
    ),
    ("EAP-FT", AkmSet::of(&[Akm::FtEap, Akm::FtEapSha384])),
    ("EAP-SUITEB-SHA256", AkmSet::of(&[Akm::EapSuiteB])),
    ("EAP-SUITEB-SHA384", AkmSet::of(&[Akm::EapSuiteB192])),
];

/// How `crypt_to_simple_string` names ciphers, in its order.
const CIPHERS: [(&str, Cipher); 9] = [
    ("TKIP", Cipher::Tkip),
    ("AES-CCMP", Cipher::Ccmp),
    ("AES-BIP-CMAC128", Cipher::BipCmac128),
    ("AES-GCMP128", Cipher::Gcmp),
    ("AES-GCMP256", Cipher::Gcmp256),
    ("AES-CCMP256", Cipher::Ccmp256),
    ("AES-BIP-GMAC128", Cipher::BipGmac128),
    ("AES-BIP-GMAC256", Cipher::BipGmac256),
    ("AES-BIP-CMAC256", Cipher::BipCmac256),
];

/// The bit of a key management. Those that are newer than Kismet have that of their nearest kin, others none.
const fn akm_bit(akm: Akm) -> u64 {
    match akm {
        Akm::Eap | Akm::EapSha384 => 1 << 37,
        Akm::Psk => 1 << 38,
        Akm::FtEap => 1 << 39,
        Akm::FtPsk => 1 << 40,
        Akm::EapSha256 => 1 << 41,
        Akm::PskSha256 => 1 << 42,
        Akm::Sae | Akm::SaeExt => 1 << 44,
        Akm::FtSae | Akm::FtSaeExt => 1 << 45,
        Akm::EapSuiteB => 1 << 47,
        Akm::EapSuiteB192 => 1 << 48,
        Akm::FtEapSha384 => 1 << 49,
        Akm::FilsSha256 => 1 << 50,
        Akm::FilsSha384 => 1 << 51,
        Akm::FtFilsSha256 => 1 << 52,
        Akm::FtFilsSha384 => 1 << 53,
        Akm::Owe => 1 << 54,
        Akm::FtPskSha384 => 1 << 55,
        Akm::PskSha384 => 1 << 56,
        Akm::Unknown
        | Akm::None
        | Akm::OweTransition
        | Akm::Dpp
        | Akm::Pasn
        | Akm::Osen
        | Akm::WapiPsk
        | Akm::WapiCert => 0,
    }
}

/// The bits of a cipher: as group cipher and as pairwise cipher, because strings do not tell the group's.
const fn cipher_bits(cipher: Cipher) -> u64 {
    let group = match cipher {
        Cipher::Wep40 => 1 << 7,
        Cipher::Wep104 => 1 << 8,
        Cipher::Tkip => 1 << 9,
        Cipher::Ccmp => 1 << 10,
        Cipher::BipCmac128 => 1 << 11,
        Cipher::Gcmp => 1 << 12,
        Cipher::Gcmp256 => 1 << 13,
        Cipher::Ccmp256 => 1 << 14,
        Cipher::BipGmac128 => 1 << 15,
        Cipher::BipGmac256 => 1 << 16,
        Cipher::BipCmac256 => 1 << 17,
        Cipher::Sms4 | Cipher::None | Cipher::Unknown => 0,
    };
    group | group << 16
}

impl Security {
    /// Kismet's `crypt_bitfield`.
    ///
    /// The bit WPA without a version stands for every protection that Kismet has no word for.
    pub fn kismet_bitfield(self) -> u64 {
        let wps = if self.wps.is_some() { bit::WPS } else { 0 };
        let general = match self.class() {
            SecurityClass::Unknown | SecurityClass::Open | SecurityClass::OpenOweTransition => {
                return wps;
            }
            SecurityClass::Wep => bit::WEP,
            SecurityClass::Wpa3Unstated
            | SecurityClass::Wpa3Enterprise
            | SecurityClass::Wpa2Wpa3Enterprise => bit::WPA3 | self.kismet_versions(),
            _ => self.kismet_versions(),
        };
        let akms = self
            .akms()
            .iter()
            .map(akm_bit)
            .fold(0, |bits, bit| bits | bit);
        let ciphers = self
            .pairwise()
            .iter()
            .map(cipher_bits)
            .fold(0, |bits, bit| bits | bit);
        wps | general | akms | ciphers
    }

    /// The general bits by protocol and key management. An RSN element counts as WPA2 also where its only key
    /// management is WPA3's, as in Kismet's radio mode.
    fn kismet_versions(self) -> u64 {
        let wpa1 = if self.protocols.contains(Protocol::Wpa) {
            bit::WPA1
        } else {
            0
        };
        let wpa2 = if self.protocols.contains(Protocol::Rsn) {
            bit::WPA2
        } else {
            0
        };
        let wpa3 = if self.says_wpa3() || self.akms().intersects(AKMS_OF_WPA3) {
            bit::WPA3
        } else {
            0
        };
        bit::WPA | wpa1 | wpa2 | wpa3
    }

    /// Kismet's `crypt_set`, which its web page and its `WiGLE` export read.
    ///
    /// By the rules of `crypt_to_legacy_bitset`, and with SAE, which that forgets. `crypt_unknown` stands for every
    /// protection without a version of WPA.
    pub fn kismet_legacy_set(self) -> u64 {
        let bits = self.kismet_bitfield();
        let (akms, ciphers) = (self.akms(), self.pairwise());
        let when = |stated: bool, value: u64| if stated { value } else { 0 };
        let tkip = when(ciphers.contains(Cipher::Tkip), legacy::TKIP);
        let ccmp = when(ciphers.contains(Cipher::Ccmp), legacy::AES_CCM);
        if bits & bit::WEP != 0 {
            return legacy::WEP
                | when(ciphers.contains(Cipher::Wep40), legacy::WEP40)
                | when(ciphers.contains(Cipher::Wep104), legacy::WEP104);
        }
        if bits & bit::WPA == 0 {
            return 0;
        }
        if bits & (bit::WPA1 | bit::WPA2 | bit::WPA3) == 0 {
            return legacy::UNKNOWN | tkip | ccmp;
        }
        let server = AkmSet::EAP_FAMILY;
        legacy::WPA
            | tkip
            | ccmp
            | when(bits & bit::WPA1 != 0, legacy::VERSION_WPA)
            | when(bits & bit::WPA2 != 0, legacy::VERSION_WPA2)
            | when(bits & bit::WPA3 != 0, legacy::VERSION_WPA3)
            | when(akms.intersects(AkmSet::PSK_FAMILY), legacy::PSK)
            | when(akms.intersects(server), legacy::EAP)
            | when(akms.intersects(AkmSet::SAE_FAMILY), legacy::SAE)
            | when(akms.contains(Akm::Owe), legacy::OWE)
    }

    /// Kismet's `crypt_string`.
    pub fn kismet_text(self) -> KismetText {
        KismetText(self)
    }
}

/// A network's security in Kismet's words (`crypt_to_simple_string` in `phy_80211.cc`): `WPA2 WPA2-PSK AES-CCMP`.
#[derive(Clone, Copy, Debug)]
pub struct KismetText(Security);

impl fmt::Display for KismetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(security) = *self;
        let (akms, ciphers) = (security.akms(), security.pairwise());
        match security.class() {
            SecurityClass::Unknown => return Ok(()),
            SecurityClass::Open | SecurityClass::OpenOweTransition => return f.write_str("Open"),
            SecurityClass::Wep if ciphers.contains(Cipher::Wep40) => return f.write_str("WEP40"),
            SecurityClass::Wep if ciphers.contains(Cipher::Wep104) => return f.write_str("WEP104"),
            SecurityClass::Wep => return f.write_str("WEP"),
            _ => {}
        }
        let bits = security.kismet_bitfield();
        let version = match bits {
            _ if bits & bit::WPA3 != 0 => "WPA3",
            _ if bits & bit::WPA2 != 0 => "WPA2",
            _ if bits & bit::WPA1 != 0 => "WPA1",
            _ if security.protocols.contains(Protocol::Wapi) => "WAPI",
            _ => "WPA",
        };
        f.write_str(version)?;
        for (suffix, _) in SUFFIXES
            .into_iter()
            .filter(|(_, family)| akms.intersects(*family))
        {
            write!(f, " {version}-{suffix}")?;
        }
        for (word, _) in CIPHERS
            .into_iter()
            .filter(|(_, cipher)| ciphers.contains(*cipher))
        {
            write!(f, " {word}")?;
        }
        Ok(())
    }
}
