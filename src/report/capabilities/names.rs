//! How producers spell things.
//!
//! Spellings come from Android's `InformationElementUtil.Capabilities` and `ScanResultUtil`, from `wpa_supplicant`'s
//! `wpa_supplicant_ie_txt` and `wpa_supplicant_ctrl_iface_scan_result`, and from captures of other programs.
//! Case does not count, nor whether the parts of a name are joined by `-`, `_` or `/`.

use super::set::set_of;
use super::{Akm, Cipher, Flag, Pmf, Topology, Wps};

/// A piece of a string, folded into a number so that all spellings of a name are equal and fast to find.
///
/// Six bits a byte, which suffices for capital letters, digits and the marks in names; no byte is 0.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Name(u128);

impl Name {
    /// Adds a byte and tells whether there was a place for it: what does not fit is no name of ours.
    pub(super) const fn push(&mut self, byte: u8) -> bool {
        let folded = match byte {
            b'_' | b'/' => b'-',
            _ => byte.to_ascii_uppercase(),
        };
        let full = self.0 >> (6 * 20) != 0;
        if full || !matches!(folded, b'-'..=b'Z') {
            return false;
        }
        self.0 = self.0 << 6 | (folded - b'-' + 1) as u128;
        true
    }

    const fn of(text: &str) -> Option<Self> {
        let (mut name, mut rest) = (Self(0), text.as_bytes());
        while let [byte, tail @ ..] = rest {
            if !name.push(*byte) {
                return None;
            }
            rest = tail;
        }
        Some(name)
    }

    /// Where in a [`Table`] the search for the name begins.
    const fn slot(self) -> usize {
        let [top, ..] = self
            .0
            .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
            .to_be_bytes();
        top as usize
    }

    /// What the name means within a block.
    pub(super) fn atom(self) -> Option<Atom> {
        ATOMS.find(self)
    }
}

/// Names and their meanings, spread over slots by a hash. Made at compile time: a search costs a few nanoseconds, and
/// there are a dozen to a string.
struct Table<T: 'static> {
    slots: [Option<(Name, T)>; 256],
}

impl<T: Copy> Table<T> {
    #[expect(
        clippy::indexing_slicing,
        reason = "runs in the compiler, where a wrong index ends the build"
    )]
    const fn new(names: &[(&str, T)]) -> Self {
        let mut slots = [None; 256];
        let mut rest = names;
        while let [(text, meaning), tail @ ..] = rest {
            let name = Name::of(text).expect("every listed name can be folded");
            let mut slot = name.slot();
            while let Some((Name(other), _)) = slots[slot] {
                assert!(other != name.0, "a name is listed twice");
                slot += 1;
            }
            slots[slot] = Some((name, *meaning));
            rest = tail;
        }
        Self { slots }
    }

    fn find(&self, name: Name) -> Option<T> {
        let mut run = self
            .slots
            .get(name.slot()..)?
            .iter()
            .map_while(Option::as_ref);
        run.find_map(|(known, meaning)| (*known == name).then_some(*meaning))
    }
}

/// A name within a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    Akm(Akm),
    Cipher(Cipher),
    /// A key management if it is the block's first name, a cipher otherwise.
    ByPlace(Akm, Cipher),
    /// `CCMP` or `GCMP` with a key length that neither has.
    UnknownCipher,
    /// WAPI with certificates, but only behind the word WAPI.
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
    /// The producer could not tell.
    CouldNotTell,
}

/// What a whole token states, if it is not a block.
pub(super) fn statement(token: &str) -> Option<Statement> {
    match token.len() {
        3..=14 => STATEMENTS.find(Name::of(token)?),
        _ => None, // No need to look.
    }
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
    /// Android's name for the absence of a protocol.
    None,
    /// Android's name for a protocol that it does not know.
    Unknown,
}

impl Word {
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

/// Cuts the protocol words off the start of a token.
///
/// There is one, or several versions of WPA in the manner of ESP-IDF's `wifi_auth_mode_t` (`WPA2_WPA3_PSK`).
pub(super) fn cut_words(token: &str) -> (WordSet, &str) {
    let (mut words, mut rest) = (WordSet::EMPTY, token);
    loop {
        let end = rest
            .bytes()
            .position(|byte| matches!(byte, b'-' | b'_'))
            .unwrap_or(rest.len());
        let Some((first, tail)) = rest.split_at_checked(end) else {
            return (words, rest);
        };
        match Name::of(first).and_then(|name| WORDS.find(name)) {
            Some(word @ (Word::Wpa | Word::Rsn | Word::Wpa3)) => words.insert(word),
            Some(word) if words.is_empty() => return (WordSet::of(&[word]), tail),
            _ => return (words, rest),
        }
        rest = tail.trim_start_matches(['-', '_']);
    }
}

/// Protocol words.
static WORDS: Table<Word> = Table::new(&[
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
]);

/// Names within a block.
static ATOMS: Table<Atom> = Table::new(&[
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
    ("ENTERPRISE", Atom::Akm(Akm::Eap)),
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
]);

/// Whole tokens that are no blocks.
static STATEMENTS: Table<Statement> = Table::new(&[
    ("BLE", Statement::Flag(Flag::Ble)),
    ("DMG", Statement::Flag(Flag::Dmg)),
    ("EDMG", Statement::Flag(Flag::Edmg)),
    ("ESS", Statement::Topology(Topology::Ap)),
    ("FILS", Statement::Flag(Flag::Fils)),
    ("FST", Statement::Flag(Flag::FastSessionTransfer)),
    ("HS20", Statement::Flag(Flag::Hotspot20)),
    ("IBSS", Statement::Topology(Topology::AdHoc)),
    ("MESH", Statement::Topology(Topology::Mesh)),
    ("MFPC", Statement::Pmf(Pmf::Capable)),
    ("MFPR", Statement::Pmf(Pmf::Required)),
    ("NONE", Statement::Open),
    ("OPEN", Statement::Open),
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
]);
