//! The producers' spellings.
//!
//! They come from Android's `InformationElementUtil.Capabilities` and `ScanResultUtil`, from `wpa_supplicant`'s
//! `wpa_supplicant_ie_txt` and `wpa_supplicant_ctrl_iface_scan_result`, from captures of other programs, and from the
//! lists that `netsh`, `iwinfo`, `nmcli`, macOS and sketches for microcontrollers show to people.
//! Case does not matter, nor whether `-`, `_` or `/` joins the parts of a name.

use super::lexicon::Lexicon;
use super::set::set_of;
use super::{Akm, Cipher, Flag, Pmf, Topology, Wps};

/// All names, for each context in which a name may occur.
pub(super) static NAMES: Lexicon = Lexicon::new(WORDS, ATOMS, STATEMENTS);

/// A name in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    Akm(Akm),
    /// A word for people. It stands for all key managements of a kind.
    Mode(Akm),
    Cipher(Cipher),
    /// A key management if it is the block's first name, a cipher otherwise.
    ByPlace(Akm, Cipher),
    /// `CCMP` or `GCMP` with an unknown key length.
    UnknownCipher,
    /// WAPI with certificates, but only after the word WAPI.
    Cert,
    Preauth,
}

/// A token that is not a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Topology(Topology),
    Wps(Wps),
    Pmf(Pmf),
    Wep(Option<Cipher>),
    Open,
    OweTransition,
    Flag(Flag),
    /// Adds nothing to the words around it. It occurs only in strings without brackets.
    Filler,
    /// The producer could not tell.
    CouldNotTell,
}

/// A word that names a protocol at the start of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Wpa,
    Rsn,
    Wpa3,
    RsnOverride,
    Osen,
    Wapi,
    /// Android's word for the absence of a protocol.
    None,
    /// Android's word for a protocol that it does not know.
    Unknown,
}

impl Word {
    /// Whether the word is a version of WPA. A token may name several of them.
    pub(super) const fn is_version(self) -> bool {
        matches!(self, Self::Wpa | Self::Rsn | Self::Wpa3)
    }

    const ALL: [Self; 8] = [
        Self::Wpa,
        Self::Rsn,
        Self::Wpa3,
        Self::RsnOverride,
        Self::Osen,
        Self::Wapi,
        Self::None,
        Self::Unknown,
    ];
}

set_of! {
    /// A set of [`Word`]s.
    pub(super) struct WordSet(u8) of Word
}

/// Protocol words.
const WORDS: &[(&str, Word)] = &[
    ("?", Word::Unknown),
    ("NONE", Word::None),
    ("OSEN", Word::Osen),
    ("RSN", Word::Rsn),
    ("RSNO", Word::RsnOverride),
    ("WAPI", Word::Wapi),
    ("WPA", Word::Wpa),
    ("WPA1", Word::Wpa),
    ("WPA2", Word::Rsn),
    ("WPA3", Word::Wpa3),
];

/// Names in a block.
const ATOMS: &[(&str, Atom)] = &[
    ("802.1X", Atom::Akm(Akm::Eap)),
    ("?", Atom::ByPlace(Akm::Unknown, Cipher::Unknown)),
    ("AES", Atom::Cipher(Cipher::Ccmp)),
    ("AES-128-CMAC", Atom::Cipher(Cipher::BipCmac128)),
    ("BIP-CMAC-128", Atom::Cipher(Cipher::BipCmac128)),
    ("BIP-CMAC-256", Atom::Cipher(Cipher::BipCmac256)),
    ("BIP-GMAC-128", Atom::Cipher(Cipher::BipGmac128)),
    ("BIP-GMAC-256", Atom::Cipher(Cipher::BipGmac256)),
    ("CCMP", Atom::Cipher(Cipher::Ccmp)),
    ("CCMP-128", Atom::Cipher(Cipher::Ccmp)),
    ("CCMP-256", Atom::Cipher(Cipher::Ccmp256)),
    ("CERT", Atom::Cert),
    ("DPP", Atom::Akm(Akm::Dpp)),
    ("EAP", Atom::Akm(Akm::Eap)),
    ("EAP-FILS-SHA256", Atom::Akm(Akm::FilsSha256)),
    ("EAP-FILS-SHA384", Atom::Akm(Akm::FilsSha384)),
    ("EAP-FT-FILS-SHA256", Atom::Akm(Akm::FtFilsSha256)),
    ("EAP-FT-FILS-SHA384", Atom::Akm(Akm::FtFilsSha384)),
    ("EAP-FT-SHA384", Atom::Akm(Akm::FtEapSha384)),
    ("EAP-SHA1", Atom::Akm(Akm::Eap)),
    ("EAP-SHA256", Atom::Akm(Akm::EapSha256)),
    ("EAP-SHA384", Atom::Akm(Akm::EapSha384)),
    ("EAP-SUITE-B", Atom::Akm(Akm::EapSuiteB)),
    ("EAP-SUITE-B-192", Atom::Akm(Akm::EapSuiteB192)),
    ("ENT", Atom::Akm(Akm::Eap)),
    ("ENT-192", Atom::Akm(Akm::EapSuiteB192)),
    ("ENTERPRISE", Atom::Mode(Akm::Eap)),
    ("FILS-SHA256", Atom::Akm(Akm::FilsSha256)),
    ("FILS-SHA384", Atom::Akm(Akm::FilsSha384)),
    ("FT-EAP", Atom::Akm(Akm::FtEap)),
    ("FT-EAP-SHA384", Atom::Akm(Akm::FtEapSha384)),
    ("FT-EAP-SUITE-B-192", Atom::Akm(Akm::FtEapSha384)),
    ("FT-FILS-SHA256", Atom::Akm(Akm::FtFilsSha256)),
    ("FT-FILS-SHA384", Atom::Akm(Akm::FtFilsSha384)),
    ("FT-PSK", Atom::Akm(Akm::FtPsk)),
    ("FT-PSK-SHA384", Atom::Akm(Akm::FtPskSha384)),
    ("FT-SAE", Atom::Akm(Akm::FtSae)),
    ("FT-SAE-EXT", Atom::Akm(Akm::FtSaeExt)),
    ("FT-SAE-EXT-KEY", Atom::Akm(Akm::FtSaeExt)),
    ("GCMP", Atom::Cipher(Cipher::Gcmp)),
    ("GCMP-128", Atom::Cipher(Cipher::Gcmp)),
    ("GCMP-256", Atom::Cipher(Cipher::Gcmp256)),
    ("MGT", Atom::Akm(Akm::Eap)),
    ("NONE", Atom::ByPlace(Akm::None, Cipher::None)),
    ("OSEN", Atom::Akm(Akm::Osen)),
    ("OWE", Atom::Akm(Akm::Owe)),
    ("OWE-TRANSITION", Atom::Akm(Akm::OweTransition)),
    ("PASN", Atom::Akm(Akm::Pasn)),
    ("PERSONAL", Atom::Mode(Akm::Psk)),
    ("PREAUTH", Atom::Preauth),
    ("PSK", Atom::Akm(Akm::Psk)),
    ("PSK-SHA256", Atom::Akm(Akm::PskSha256)),
    ("PSK-SHA384", Atom::Akm(Akm::PskSha384)),
    ("SAE", Atom::Akm(Akm::Sae)),
    ("SAE-EXT", Atom::Akm(Akm::SaeExt)),
    ("SAE-EXT-KEY", Atom::Akm(Akm::SaeExt)),
    ("SMS4", Atom::Cipher(Cipher::Sms4)),
    ("SUITE-B-192", Atom::Akm(Akm::EapSuiteB192)),
    ("TKIP", Atom::Cipher(Cipher::Tkip)),
    ("UNKNOWN", Atom::ByPlace(Akm::Unknown, Cipher::Unknown)),
    ("WAPI-CERT", Atom::Akm(Akm::WapiCert)),
    ("WAPI-PSK", Atom::Akm(Akm::WapiPsk)),
    ("WEP-104", Atom::Cipher(Cipher::Wep104)),
    ("WEP-40", Atom::Cipher(Cipher::Wep40)),
    ("WEP104", Atom::Cipher(Cipher::Wep104)),
    ("WEP40", Atom::Cipher(Cipher::Wep40)),
];

/// Whole tokens that are not blocks.
const STATEMENTS: &[(&str, Statement)] = &[
    ("AUTH", Statement::Filler),
    ("BLE", Statement::Flag(Flag::Ble)),
    ("DMG", Statement::Flag(Flag::Dmg)),
    ("EDMG", Statement::Flag(Flag::Edmg)),
    ("ESS", Statement::Topology(Topology::Ap)),
    ("FILS", Statement::Flag(Flag::Fils)),
    ("FST", Statement::Flag(Flag::FastSessionTransfer)),
    ("H2E", Statement::Flag(Flag::SaeHashToElement)),
    ("HS20", Statement::Flag(Flag::Hotspot20)),
    ("IBSS", Statement::Topology(Topology::AdHoc)),
    ("MESH", Statement::Topology(Topology::Mesh)),
    ("MFPC", Statement::Pmf(Pmf::Capable)),
    ("MFPR", Statement::Pmf(Pmf::Required)),
    ("MIXED", Statement::Filler),
    ("NONE", Statement::Open),
    ("OPEN", Statement::Open),
    ("OPEN-SHARED", Statement::Wep(None)),
    ("OWE-TRANS", Statement::Flag(Flag::OweTransitionEncrypted)),
    ("OWE-TRANS-OPEN", Statement::OweTransition),
    ("P2P", Statement::Flag(Flag::P2p)),
    ("PASSPOINT", Statement::Flag(Flag::Passpoint)),
    ("PBSS", Statement::Topology(Topology::Pbss)),
    ("RSNO", Statement::Flag(Flag::RsnOverride)),
    ("SAE-H2E", Statement::Flag(Flag::SaeHashToElement)),
    ("SAE-PK", Statement::Flag(Flag::SaePublicKey)),
    ("SEC80", Statement::Flag(Flag::Sec80)),
    ("SECD00", Statement::Flag(Flag::SecD00)),
    ("SHARED", Statement::Wep(None)),
    ("SYSTEM", Statement::Filler),
    ("UNDEFINED", Statement::CouldNotTell),
    ("UNKNOWN", Statement::CouldNotTell),
    ("UTF-8", Statement::Flag(Flag::Utf8Ssid)),
    ("WEP", Statement::Wep(None)),
    ("WEP-104", Statement::Wep(Some(Cipher::Wep104))),
    ("WEP-40", Statement::Wep(Some(Cipher::Wep40))),
    ("WEP104", Statement::Wep(Some(Cipher::Wep104))),
    ("WEP40", Statement::Wep(Some(Cipher::Wep40))),
    ("WFA-HE", Statement::Flag(Flag::WfaHe)),
    ("WFA-HT", Statement::Flag(Flag::WfaHt)),
    ("WFA-VHT", Statement::Flag(Flag::WfaVht)),
    ("WPS", Statement::Wps(Wps::Yes)),
    ("WPS-AUTH", Statement::Wps(Wps::Auth)),
    ("WPS-PBC", Statement::Wps(Wps::Pbc)),
    ("WPS-PIN", Statement::Wps(Wps::Pin)),
];
