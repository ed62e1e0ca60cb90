//! From value to string.

use super::{
    Akm, AkmSet, Cipher, CipherSet, Flag, FlagSet, Mark, MarkSet, Pmf, Protocol, Security,
    Topology, Wps,
};

/// What stands where something was not understood: no reader understands it either.
const NOT_UNDERSTOOD: &str = "UNDEFINED";

/// The key managements of which the name is read as a cipher's if it does not stand first.
const AKMS_BY_PLACE: AkmSet = AkmSet::of(&[Akm::Unknown, Akm::None]);

/// The ciphers of which the name is read as a key management's if it stands first.
const CIPHERS_BY_PLACE: CipherSet = CipherSet::of(&[Cipher::Unknown, Cipher::None]);

impl Security {
    /// Writes the value as Android 13 would (AOSP's `InformationElementUtil.Capabilities.generateCapabilitiesString`),
    /// for exports of networks of which no string was received.
    ///
    /// What Android has no word for is written in the other producers' (`[WPA3]`, `[MESH]`, `[HS20]`), behind
    /// Android's. Decoding the text gives the value again, with these limits:
    ///
    /// - What was not understood comes back as one leftover, `UNDEFINED`.
    /// - A [damaged](Self::is_damaged) value is not written as a damaged string but as one with that leftover, and
    ///   without a pointer to an OWE twin: so the class is the same, and never an open one.
    /// - A value that takes more names or bytes than [`decode`](Self::decode) reads comes back damaged. No access point
    ///   offers that much.
    pub fn to_android(self) -> String {
        let mut text = String::new();
        let (wpa, rsn) = (
            self.protocols.contains(Protocol::Wpa),
            self.protocols.contains(Protocol::Rsn),
        );
        // Pre-authentication is RSN's; another block carries it only if that is the only one to do so.
        let preauth = self.flags.contains(Flag::Preauth);
        if self.protocols.contains(Protocol::Wep) {
            token(&mut text, "WEP");
        }
        if wpa {
            block(
                &mut text,
                "WPA",
                self.wpa_akms,
                self.wpa_pairwise,
                preauth && !rsn,
            );
        }
        if rsn {
            if let Some(copied) = copied_akms(self.rsn_akms) {
                block(&mut text, "WPA2", copied, self.rsn_pairwise, false);
            }
            block(&mut text, "RSN", self.rsn_akms, self.rsn_pairwise, preauth);
        }
        self.write_other_blocks(&mut text, preauth && !wpa && !rsn);
        self.write_statements(&mut text);
        text
    }

    /// The blocks of all other protocols. One of them carries what they state in common.
    fn write_other_blocks(self, text: &mut String, preauth: bool) {
        let pointer = AkmSet::of(&[Akm::OweTransition]);
        let akms = self.other_akms.without(pointer);
        let (osen, wapi) = (
            self.protocols.contains(Protocol::Osen),
            self.protocols.contains(Protocol::Wapi),
        );
        let carrier = match () {
            () if akms.contains(Akm::Unknown) => Some("?"),
            () if osen => Some("OSEN"),
            () if wapi => Some("WAPI"),
            () => None,
        };
        if let Some(word) = carrier {
            block(text, word, akms, self.other_pairwise, preauth);
        } else if !self.other_pairwise.is_empty() {
            block(text, "", AkmSet::EMPTY, self.other_pairwise, preauth);
        }
        if osen && carrier != Some("OSEN") {
            token(text, "OSEN");
        }
        if wapi && carrier != Some("WAPI") {
            token(text, "WAPI");
        }
        if self.other_akms.intersects(pointer) && !self.is_damaged() {
            token(text, "RSN-OWE_TRANSITION-CCMP");
        }
    }

    /// Everything that is not a block: first what Android writes, then the rest.
    fn write_statements(self, text: &mut String) {
        let topology = self.topology.map(|topology| match topology {
            Topology::Ap => "ESS",
            Topology::Pbss => "PBSS",
            Topology::AdHoc => "IBSS",
            Topology::Mesh => "MESH",
        });
        let wps = self.wps.map(|wps| match wps {
            Wps::Yes => "WPS",
            Wps::Pin => "WPS-PIN",
            Wps::Auth => "WPS-AUTH",
            Wps::Pbc => "WPS-PBC",
        });
        let pmf: &[&str] = match self.pmf {
            Pmf::NotStated => &[],
            Pmf::Capable => &["MFPC"],
            Pmf::Required => &["MFPR", "MFPC"],
        };
        topology
            .into_iter()
            .chain(wps)
            .chain(pmf.iter().copied())
            .for_each(|word| token(text, word));
        if self.says_wpa3() {
            token(text, "WPA3");
        }
        if self.says_open() {
            token(text, "OPEN");
        }
        let flags = self.flags.without(FlagSet::of(&[Flag::Preauth]));
        flags.iter().for_each(|flag| token(text, flag.name()));
        if self
            .marks
            .intersects(MarkSet::of(&[Mark::Damaged, Mark::Leftovers]))
        {
            token(text, NOT_UNDERSTOOD);
        }
    }
}

/// The key managements of the `[WPA2-…]` block that Android puts before an RSN block for programs that know no RSN:
/// only if the first is not WPA3's, and only that first one if SAE is offered too.
fn copied_akms(akms: AkmSet) -> Option<AkmSet> {
    let first = akms.iter().next()?;
    let copied = android_name(first).starts_with("EAP")
        || first == Akm::FtEap
        || AkmSet::PSK_FAMILY.contains(first);
    if !copied || akms.intersects(AkmSet::EAP_192) {
        return None;
    }
    Some(if akms.intersects(AkmSet::SAE_FAMILY) {
        AkmSet::of(&[first])
    } else {
        akms
    })
}

fn token(text: &mut String, token: &str) {
    text.push('[');
    text.push_str(token);
    text.push(']');
}

fn block(text: &mut String, word: &str, akms: AkmSet, ciphers: CipherSet, preauth: bool) {
    // Of the two that must stand first, the second gets a block of its own.
    let crowded = akms
        .iter()
        .filter(|akm| AKMS_BY_PLACE.contains(*akm))
        .nth(1);
    let akms = crowded.map_or(akms, |akm| akms.without(AkmSet::of(&[akm])));
    let mut names: Vec<_> = akms.iter().map(android_name).collect();
    if names.is_empty() && !ciphers.is_empty() && ciphers.without(CIPHERS_BY_PLACE).is_empty() {
        // Such ciphers alone come only from a block that had a name which was not understood.
        names.push(NOT_UNDERSTOOD);
    }
    let ciphers: Vec<_> = ciphers.iter().map(Cipher::name).collect();
    let preauth = if preauth { Flag::Preauth.name() } else { "" };
    let parts = [word, &names.join("+"), &ciphers.join("+"), preauth];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    token(text, &parts.join("-"));
    if let Some(akm) = crowded {
        token(text, &[word, android_name(akm)].join("-"));
    }
}

/// How Android 13 spells a key management, and for those that it does not know, how `wpa_supplicant` does.
const fn android_name(akm: Akm) -> &'static str {
    match akm {
        Akm::None => "None",
        Akm::FtPsk => "FT/PSK",
        Akm::FtPskSha384 => "FT/PSK-SHA384",
        Akm::FtSae => "FT/SAE",
        Akm::SaeExt => "SAE_EXT_KEY",
        Akm::FtSaeExt => "FT/SAE_EXT_KEY",
        Akm::Eap => "EAP/SHA1",
        Akm::FtEap => "FT/EAP",
        Akm::EapSha256 => "EAP/SHA256",
        Akm::EapSuiteB192 => "EAP_SUITE_B_192",
        Akm::FtEapSha384 => "FT/EAP_SUITE_B_192",
        Akm::FilsSha256 => "EAP-FILS-SHA256",
        Akm::FilsSha384 => "EAP-FILS-SHA384",
        Akm::OweTransition => "OWE_TRANSITION",
        _ => akm.name(),
    }
}
