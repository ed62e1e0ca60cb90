//! Writes a value as a capabilities string in Android's notation.

use super::{
    Akm, AkmSet, Cipher, CipherSet, Flag, FlagSet, Mark, MarkSet, Pmf, Protocol, Security,
    Topology, Wps,
};

/// Written in place of a part that was not understood. No reader understands it either.
const NOT_UNDERSTOOD: &str = "UNDEFINED";

/// Key managements whose names are read as a cipher unless they come first.
const AKMS_BY_PLACE: AkmSet = AkmSet::of(&[Akm::Unknown, Akm::None]);

/// Ciphers whose names are read as a key management if they come first.
const CIPHERS_BY_PLACE: CipherSet = CipherSet::of(&[Cipher::Unknown, Cipher::None]);

impl Security {
    /// Writes the value as Android 13 does (AOSP's `InformationElementUtil.Capabilities.generateCapabilitiesString`).
    /// Exports use this for networks without a received string.
    ///
    /// Statements that Android has no word for are written in other producers' words (`[WPA3]`, `[MESH]`, `[HS20]`),
    /// after Android's. Decoding the text gives the same value, with these exceptions:
    ///
    /// - Parts that were not understood come back as one leftover, `UNDEFINED`.
    /// - That the string named one mode of several is lost.
    /// - A [damaged](Self::is_damaged) value is written as an undamaged string with that leftover, and without a
    ///   pointer to an OWE twin. Its class stays the same and is never an open one.
    /// - A value with more names or bytes than [`decode`](Self::decode) reads comes back damaged. No access point
    ///   offers that many.
    pub fn to_android(self) -> String {
        let mut text = String::new();
        let (wpa, rsn) = (
            self.protocols.contains(Protocol::Wpa),
            self.protocols.contains(Protocol::Rsn),
        );
        // Pre-authentication belongs to RSN. Another block carries it only if there is no RSN block.
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

    /// Writes the blocks of other protocols. Their shared suites go into one of them.
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

    /// Writes the tokens that are not blocks: first Android's, then the others.
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

/// The key managements of the `[WPA2-…]` block that Android adds before an RSN block for programs that do not know
/// RSN. There is none if the first key management is WPA3's. If SAE is offered too, it has only the first one.
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
    // Two key managements that must each come first cannot share a block.
    let crowded = akms
        .iter()
        .filter(|akm| AKMS_BY_PLACE.contains(*akm))
        .nth(1);
    let akms = crowded.map_or(akms, |akm| akms.without(AkmSet::of(&[akm])));
    let mut names: Vec<_> = akms.iter().map(android_name).collect();
    if names.is_empty() && !ciphers.is_empty() && ciphers.without(CIPHERS_BY_PLACE).is_empty() {
        // A block with only such ciphers had a key management that was not understood.
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

/// Android 13's spelling of a key management, or that of `wpa_supplicant` if Android 13 has none.
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
