//! How producers spell things.
//!
//! Spellings come from Android's `InformationElementUtil.Capabilities` and `ScanResultUtil`, from `wpa_supplicant`'s
//! `wpa_supplicant_ie_txt` and `wpa_supplicant_ctrl_iface_scan_result`, and from captures of other programs.
//! Case does not count, nor whether the parts of a name are joined by `-`, `_` or `/`.

use super::sets::{Akm, Cipher, Flag, set_of};
use super::{Pmf, Topology, Wps};

/// A piece of a string, folded into a number so that all spellings of a name are equal and fast to find.
///
/// Six bits a byte, first byte first, which suffices for capital letters, digits and the marks in names. Numbers are
/// in the order of the names' bytes.
#[derive(Default)]
pub(super) struct Name {
    bits: u128,
    bytes: u32,
}

impl Name {
    /// How many bytes fit in. No name of ours is longer.
    const BYTES_MAX: u32 = u128::BITS / 6;

    /// Adds a byte and tells whether there was a place for it: what does not fit is no name of ours.
    pub(super) const fn push(&mut self, byte: u8) -> bool {
        let folded = match byte {
            b'_' | b'/' => b'-',
            _ => byte.to_ascii_uppercase(),
        };
        if self.bytes == Self::BYTES_MAX || !matches!(folded, b'-'..=b'Z') {
            return false;
        }
        self.bits = self.bits << 6 | (folded - b'-' + 1) as u128;
        self.bytes += 1;
        true
    }

    /// The number, with room for the missing bytes behind.
    const fn number(&self) -> u128 {
        self.bits << (6 * (Self::BYTES_MAX - self.bytes))
    }

    /// What the name means within a block.
    pub(super) fn atom(&self) -> Option<Atom> {
        find(&ATOMS, self.number())
    }
}

/// The number of a text, or 0 if it is no name of ours.
const fn number(text: &str) -> u128 {
    let (mut name, mut rest) = (Name { bits: 0, bytes: 0 }, text.as_bytes());
    while let [byte, tail @ ..] = rest {
        if !name.push(*byte) {
            return 0;
        }
        rest = tail;
    }
    name.number()
}

fn find<T: Copy>(table: &[(u128, T)], number: u128) -> Option<T> {
    let place = table
        .binary_search_by_key(&number, |(known, _)| *known)
        .ok()?;
    table.get(place).map(|(_, meaning)| *meaning)
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
        3..=14 => find(&STATEMENTS, number(token)),
        _ => None,
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
        let word = match number(first) {
            WPA | WPA1 => Word::Wpa,
            WPA2 => Word::Rsn,
            WPA3 => Word::Wpa3,
            _ if !words.is_empty() => return (words, rest),
            other => match find(&SINGLE_WORDS, other) {
                Some(word) => return (WordSet::of(&[word]), tail),
                None => return (words, rest),
            },
        };
        words.insert(word);
        rest = tail.trim_start_matches(['-', '_']);
    }
}

const WPA: u128 = number("WPA");
const WPA1: u128 = number("WPA1");
const WPA2: u128 = number("WPA2");
const WPA3: u128 = number("WPA3");

/// The words that stand alone, in the order of their bytes.
static SINGLE_WORDS: [(u128, Word); 6] = [
    (number("?"), Word::Unknown),
    (number("NONE"), Word::None),
    (number("OSEN"), Word::Osen),
    (number("RSN"), Word::Rsn),
    (number("RSNO"), Word::RsnOverride),
    (number("WAPI"), Word::Wapi),
];

/// Names within a block, in the order of their bytes.
static ATOMS: [(u128, Atom); 63] = [
    (number("802.1X"), Atom::Akm(Akm::Eap)),
    (number("?"), Atom::ByPlace(Akm::Unknown, Cipher::Unknown)),
    (number("AES"), Atom::Cipher(Cipher::Ccmp)),
    (number("AES-128-CMAC"), Atom::Cipher(Cipher::BipCmac128)),
    (number("BIP-CMAC-128"), Atom::Cipher(Cipher::BipCmac128)),
    (number("BIP-CMAC-256"), Atom::Cipher(Cipher::BipCmac256)),
    (number("BIP-GMAC-128"), Atom::Cipher(Cipher::BipGmac128)),
    (number("BIP-GMAC-256"), Atom::Cipher(Cipher::BipGmac256)),
    (number("CCMP"), Atom::Cipher(Cipher::Ccmp)),
    (number("CCMP-128"), Atom::Cipher(Cipher::Ccmp)),
    (number("CCMP-256"), Atom::Cipher(Cipher::Ccmp256)),
    (number("CERT"), Atom::Cert),
    (number("DPP"), Atom::Akm(Akm::Dpp)),
    (number("EAP"), Atom::Akm(Akm::Eap)),
    (number("EAP-FILS-SHA256"), Atom::Akm(Akm::FilsSha256)),
    (number("EAP-FILS-SHA384"), Atom::Akm(Akm::FilsSha384)),
    (number("EAP-FT-FILS-SHA256"), Atom::Akm(Akm::FtFilsSha256)),
    (number("EAP-FT-FILS-SHA384"), Atom::Akm(Akm::FtFilsSha384)),
    (number("EAP-FT-SHA384"), Atom::Akm(Akm::FtEapSha384)),
    (number("EAP-SHA1"), Atom::Akm(Akm::Eap)),
    (number("EAP-SHA256"), Atom::Akm(Akm::EapSha256)),
    (number("EAP-SHA384"), Atom::Akm(Akm::EapSha384)),
    (number("EAP-SUITE-B"), Atom::Akm(Akm::EapSuiteB)),
    (number("EAP-SUITE-B-192"), Atom::Akm(Akm::EapSuiteB192)),
    (number("ENTERPRISE"), Atom::Akm(Akm::Eap)),
    (number("FILS-SHA256"), Atom::Akm(Akm::FilsSha256)),
    (number("FILS-SHA384"), Atom::Akm(Akm::FilsSha384)),
    (number("FT-EAP"), Atom::Akm(Akm::FtEap)),
    (number("FT-EAP-SHA384"), Atom::Akm(Akm::FtEapSha384)),
    (number("FT-EAP-SUITE-B-192"), Atom::Akm(Akm::FtEapSha384)),
    (number("FT-FILS-SHA256"), Atom::Akm(Akm::FtFilsSha256)),
    (number("FT-FILS-SHA384"), Atom::Akm(Akm::FtFilsSha384)),
    (number("FT-PSK"), Atom::Akm(Akm::FtPsk)),
    (number("FT-PSK-SHA384"), Atom::Akm(Akm::FtPskSha384)),
    (number("FT-SAE"), Atom::Akm(Akm::FtSae)),
    (number("FT-SAE-EXT"), Atom::Akm(Akm::FtSaeExt)),
    (number("FT-SAE-EXT-KEY"), Atom::Akm(Akm::FtSaeExt)),
    (number("GCMP"), Atom::Cipher(Cipher::Gcmp)),
    (number("GCMP-128"), Atom::Cipher(Cipher::Gcmp)),
    (number("GCMP-256"), Atom::Cipher(Cipher::Gcmp256)),
    (number("MGT"), Atom::Akm(Akm::Eap)),
    (number("NONE"), Atom::ByPlace(Akm::None, Cipher::None)),
    (number("OSEN"), Atom::Akm(Akm::Osen)),
    (number("OWE"), Atom::Akm(Akm::Owe)),
    (number("OWE-TRANSITION"), Atom::Akm(Akm::OweTransition)),
    (number("PASN"), Atom::Akm(Akm::Pasn)),
    (number("PREAUTH"), Atom::Preauth),
    (number("PSK"), Atom::Akm(Akm::Psk)),
    (number("PSK-SHA256"), Atom::Akm(Akm::PskSha256)),
    (number("PSK-SHA384"), Atom::Akm(Akm::PskSha384)),
    (number("SAE"), Atom::Akm(Akm::Sae)),
    (number("SAE-EXT"), Atom::Akm(Akm::SaeExt)),
    (number("SAE-EXT-KEY"), Atom::Akm(Akm::SaeExt)),
    (number("SMS4"), Atom::Cipher(Cipher::Sms4)),
    (number("SUITE-B-192"), Atom::Akm(Akm::EapSuiteB192)),
    (number("TKIP"), Atom::Cipher(Cipher::Tkip)),
    (
        number("UNKNOWN"),
        Atom::ByPlace(Akm::Unknown, Cipher::Unknown),
    ),
    (number("WAPI-CERT"), Atom::Akm(Akm::WapiCert)),
    (number("WAPI-PSK"), Atom::Akm(Akm::WapiPsk)),
    (number("WEP-104"), Atom::Cipher(Cipher::Wep104)),
    (number("WEP-40"), Atom::Cipher(Cipher::Wep40)),
    (number("WEP104"), Atom::Cipher(Cipher::Wep104)),
    (number("WEP40"), Atom::Cipher(Cipher::Wep40)),
];

/// Whole tokens that are no blocks, in the order of their bytes.
static STATEMENTS: [(u128, Statement); 38] = [
    (number("BLE"), Statement::Flag(Flag::Ble)),
    (number("DMG"), Statement::Flag(Flag::Dmg)),
    (number("EDMG"), Statement::Flag(Flag::Edmg)),
    (number("ESS"), Statement::Topology(Topology::Ap)),
    (number("FILS"), Statement::Flag(Flag::Fils)),
    (number("FST"), Statement::Flag(Flag::FastSessionTransfer)),
    (number("HS20"), Statement::Flag(Flag::Hotspot20)),
    (number("IBSS"), Statement::Topology(Topology::AdHoc)),
    (number("MESH"), Statement::Topology(Topology::Mesh)),
    (number("MFPC"), Statement::Pmf(Pmf::Capable)),
    (number("MFPR"), Statement::Pmf(Pmf::Required)),
    (number("NONE"), Statement::Open),
    (number("OPEN"), Statement::Open),
    (
        number("OWE-TRANS"),
        Statement::Flag(Flag::OweTransitionEncrypted),
    ),
    (number("OWE-TRANS-OPEN"), Statement::OweTransition),
    (number("P2P"), Statement::Flag(Flag::P2p)),
    (number("PASSPOINT"), Statement::Flag(Flag::Passpoint)),
    (number("PBSS"), Statement::Topology(Topology::Pbss)),
    (number("RSNO"), Statement::Flag(Flag::RsnOverride)),
    (number("SAE-H2E"), Statement::Flag(Flag::SaeHashToElement)),
    (number("SAE-PK"), Statement::Flag(Flag::SaePublicKey)),
    (number("SEC80"), Statement::Flag(Flag::Sec80)),
    (number("SECD00"), Statement::Flag(Flag::SecD00)),
    (number("UNDEFINED"), Statement::CouldNotTell),
    (number("UNKNOWN"), Statement::CouldNotTell),
    (number("UTF-8"), Statement::Flag(Flag::Utf8Ssid)),
    (number("WEP"), Statement::Wep(None)),
    (number("WEP-104"), Statement::Wep(Some(Cipher::Wep104))),
    (number("WEP-40"), Statement::Wep(Some(Cipher::Wep40))),
    (number("WEP104"), Statement::Wep(Some(Cipher::Wep104))),
    (number("WEP40"), Statement::Wep(Some(Cipher::Wep40))),
    (number("WFA-HE"), Statement::Flag(Flag::WfaHe)),
    (number("WFA-HT"), Statement::Flag(Flag::WfaHt)),
    (number("WFA-VHT"), Statement::Flag(Flag::WfaVht)),
    (number("WPS"), Statement::Wps(Wps::Yes)),
    (number("WPS-AUTH"), Statement::Wps(Wps::Auth)),
    (number("WPS-PBC"), Statement::Wps(Wps::Pbc)),
    (number("WPS-PIN"), Statement::Wps(Wps::Pin)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_table<T>(table: &[(u128, T)]) {
        assert!(table.is_sorted_by(|(earlier, _), (later, _)| earlier < later));
        assert!(table.iter().all(|(number, _)| *number != 0));
    }

    #[test]
    fn tables_are_fit_for_searching() {
        check_table(&ATOMS);
        check_table(&STATEMENTS);
        check_table(&SINGLE_WORDS);
    }
}
