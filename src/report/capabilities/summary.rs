//! A short text for the security of a network: `WPA2 WPA2-PSK AES-CCMP`.
//!
//! Alerts use these words. Kismet's clients know them: they are those of its `crypt_to_simple_string` (`phy_80211.cc`)
//! for the same network in radio mode. The differences:
//!
//! - A text has each word only once, even with two kinds of PSK.
//! - A protected network is never called `Open`. The text of an unknown one is empty.
//! - WEP counts only if no other protocol is stated.

use std::fmt;

use super::{Akm, AkmSet, Cipher, Protocol, Security, SecurityClass};

/// Key managements that exist only in WPA3.
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

/// Words for key managements, in the order of the text.
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

/// Words for ciphers, in the order of the text.
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

impl Security {
    /// A short text for people.
    pub fn summary(self) -> Summary {
        Summary(self)
    }

    /// Whether a protected network uses WPA3: by the word, or by a key management.
    pub fn is_wpa3(self) -> bool {
        matches!(
            self.class(),
            SecurityClass::Wpa3Unstated
                | SecurityClass::Wpa3Enterprise
                | SecurityClass::Wpa2Wpa3Enterprise
        ) || self.says_wpa3()
            || self.akms().intersects(AKMS_OF_WPA3)
    }
}

/// Displays the security of a network as a short text.
#[derive(Clone, Copy, Debug)]
pub struct Summary(Security);

impl fmt::Display for Summary {
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
        let has = |protocol| security.protocols().contains(protocol);
        let version = match () {
            () if security.is_wpa3() => "WPA3",
            () if has(Protocol::Rsn) => "WPA2",
            () if has(Protocol::Wpa) => "WPA1",
            () if has(Protocol::Wapi) => "WAPI",
            () => "WPA",
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
