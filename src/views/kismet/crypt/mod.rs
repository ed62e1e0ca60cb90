//! `crypt_bitfield` and `crypt_set`: how a network is secured, as Kismet's numbers. Its text is
//! [`Security::summary`].
//!
//! Kismet reads capabilities strings by looking for substrings (`packet_dot11_scan_json_classifier` in `phy_80211.cc`):
//! it takes every `RSN-` block for WPA1 and does not see SAE, TKIP or GCMP at all. Here a string gives what Kismet's
//! radio mode would make of the same network (`packet_ieee80211.h`, `phy_80211_dissectors.cc`), so far as a string can
//! tell. Where Kismet reads a string rightly, its values and these are the same. Apart from that:
//!
//! - What only Kismet's defects hide is said: OWE is called OWE, SHA-256 enterprise is called EAP, SAE and OWE get into
//!   the legacy set. WPS stays out of that, as clients compare it.
//! - Nothing that is protected reads as 0, though Kismet has no bit for it (WAPI, say).
//! - WEP counts only if no other protocol is stated; a network that has both is the other.

use crate::report::capabilities::{Akm, AkmSet, Cipher, Protocol, Security, SecurityClass};

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

/// Kismet's `crypt_bitfield`.
///
/// The bit WPA without a version stands for every protection that Kismet has no word for.
pub fn crypt_bitfield(security: Security) -> u64 {
    let wps = if security.wps().is_some() {
        bit::WPS
    } else {
        0
    };
    let general = match security.class() {
        SecurityClass::Unknown | SecurityClass::Open | SecurityClass::OpenOweTransition => {
            return wps;
        }
        SecurityClass::Wep => bit::WEP,
        _ => versions(security),
    };
    let akms = security.akms().iter().map(akm_bit);
    let ciphers = security.pairwise().iter().map(cipher_bits);
    akms.chain(ciphers)
        .fold(wps | general, |bits, bit| bits | bit)
}

/// The general bits by protocol and key management. An RSN element counts as WPA2 also where its only key management is
/// WPA3's, as in Kismet's radio mode.
fn versions(security: Security) -> u64 {
    let has = |protocol| security.protocols().contains(protocol);
    let when = |stated: bool, bit: u64| if stated { bit } else { 0 };
    bit::WPA
        | when(has(Protocol::Wpa), bit::WPA1)
        | when(has(Protocol::Rsn), bit::WPA2)
        | when(security.is_wpa3(), bit::WPA3)
}

/// Kismet's `crypt_set`, which its web page and its `WiGLE` export read.
///
/// By the rules of `crypt_to_legacy_bitset`, and with SAE, which that forgets. `crypt_unknown` stands for every
/// protection without a version of WPA.
pub fn crypt_set(security: Security) -> u64 {
    let bits = crypt_bitfield(security);
    let (akms, ciphers) = (security.akms(), security.pairwise());
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

#[cfg(test)]
mod tests;
