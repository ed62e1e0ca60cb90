//! Detects changes of a network's security.

use super::{
    Akm, AkmSet, Capabilities, Cipher, CipherSet, Mark, MarkSet, Pmf, Protocol, ProtocolSet,
    Security, SecurityClass,
};

/// Key managements of WPA3's time. An older scanner has no name for them: it says `?`, or leaves them out.
const AKMS_OF_WPA3: AkmSet = AkmSet::SAE_FAMILY
    .union(AkmSet::EAP_192)
    .union(AkmSet::of(&[
        Akm::Owe,
        Akm::Dpp,
        Akm::Pasn,
        Akm::PskSha384,
        Akm::FtPskSha384,
        Akm::EapSha384,
        Akm::EapSuiteB,
        Akm::FilsSha256,
        Akm::FilsSha384,
        Akm::FtFilsSha256,
        Akm::FtFilsSha384,
    ]));

impl Capabilities {
    /// Whether the security differs from that of `before`, as far as both scanners can tell.
    ///
    /// What a kind of scanner cannot say is no difference:
    ///
    /// - A missing statement: an ESP32 names no ciphers and no MFP, and some scanners no key management. WPS is
    ///   ignored, because pressing a button changes it.
    /// - Without ciphers, a text also names key managements only coarsely, so these are compared by family; and of WPA
    ///   beside WPA2 it may name only the better one.
    /// - A scanner of before WPA3 shows a network with PSK and SAE as one with PSK. Its text has no block `RSN`, no MFP
    ///   and no key management of WPA3.
    pub fn differs_from(&self, before: Security) -> bool {
        let has_rsn = || {
            let mut words = self.raw.as_bytes().windows("RSN".len());
            words.any(|word| word.eq_ignore_ascii_case(b"RSN"))
        };
        let new = self.security;
        new.differs_from(before, || new.pmf != Pmf::NotStated || has_rsn())
    }
}

impl Capabilities {
    /// Whether this text shows the network of `other` as a scanner of before WPA3 does.
    pub fn is_older_view_of(&self, other: Security) -> bool {
        other.names_wpa3() && !self.security.names_wpa3() && !self.differs_from(other)
    }

    /// Whether this text shows the same network as `other`, and WPA3 too.
    pub fn is_newer_view_of(&self, other: Security) -> bool {
        self.security.names_wpa3() && !other.names_wpa3() && !self.differs_from(other)
    }
}

impl Security {
    /// `knows_wpa3` tells whether this text is by a scanner that names key managements of WPA3. Of the text before, only
    /// the meaning is left, which shows that only if it has some.
    fn differs_from(self, before: Self, knows_wpa3: impl FnOnce() -> bool) -> bool {
        let classes = [before.class(), self.class()];
        if classes.contains(&SecurityClass::Unknown) {
            return false;
        }
        if self.is_open() || before.is_open() {
            return self.is_open() != before.is_open();
        }
        let states_all = |security: Self| !security.is_damaged() && !security.has_leftovers();
        if !states_all(self) || !states_all(before) {
            return false;
        }
        let is_stated = |pmf: Pmf| pmf != Pmf::NotStated;
        if is_stated(self.pmf) && is_stated(before.pmf) && self.pmf != before.pmf {
            return true;
        }
        let (mut new, mut old) = (self, before);
        match (self.is_coarse(), before.is_coarse()) {
            (true, true) => return new.differs_coarsely(old),
            (true, false) => old = old.without_wpa_beside(new),
            (false, true) => new = new.without_wpa_beside(old),
            (false, false) => {}
        }
        match (self.names_wpa3(), before.names_wpa3()) {
            (true, false) => new.differs_from_older(old),
            (false, true) if !knows_wpa3() => old.differs_from_older(new),
            _ if self.is_coarse() || before.is_coarse() => new.differs_coarsely(old),
            _ => new.differs_coarsely(old) || new.differs_finely(old),
        }
    }

    /// Whether the text names no ciphers.
    fn is_coarse(self) -> bool {
        let ciphers = self.pairwise();
        ciphers.is_empty() || ciphers.contains(Cipher::Unknown)
    }

    fn names_wpa3(self) -> bool {
        self.akms().intersects(AKMS_OF_WPA3)
    }

    fn states_keys(self) -> bool {
        let akms = self.akms();
        !akms.is_empty() && !akms.contains(Akm::Unknown)
    }

    fn differs_coarsely(self, other: Self) -> bool {
        let states_protocols = !self.protocols.is_empty() && !other.protocols.is_empty();
        let states_keys = self.states_keys() && other.states_keys();
        states_protocols && self.protocols != other.protocols
            || states_keys && family(self.class()) != family(other.class())
    }

    fn differs_finely(self, other: Self) -> bool {
        let suites = |of: Self| {
            let akms = (of.wpa_akms, of.rsn_akms, of.other_akms);
            (akms, of.wpa_pairwise, of.rsn_pairwise, of.other_pairwise)
        };
        self.states_keys() && other.states_keys() && suites(self) != suites(other)
    }

    /// Whether this differs from the text of a scanner that may be older than WPA3, apart from what that cannot say.
    fn differs_from_older(self, older: Self) -> bool {
        let ciphers = older.pairwise().without(CipherSet::of(&[Cipher::Unknown]));
        let has_others =
            !older.is_coarse() && !self.is_coarse() && !ciphers.without(self.pairwise()).is_empty();
        has_others || self.without_wpa3().differs_coarsely(older)
    }

    /// The network as a scanner of before WPA3 shows it. One that offers nothing else stays as it is.
    fn without_wpa3(self) -> Self {
        if self.akms().without(AKMS_OF_WPA3).is_empty() {
            return self;
        }
        Self {
            wpa_akms: self.wpa_akms.without(AKMS_OF_WPA3),
            rsn_akms: self.rsn_akms.without(AKMS_OF_WPA3),
            other_akms: self.other_akms.without(AKMS_OF_WPA3),
            marks: self.marks.without(MarkSet::of(&[Mark::Wpa3Word])),
            ..self
        }
    }

    /// The network without WPA, if `coarse` names only RSN.
    fn without_wpa_beside(self, coarse: Self) -> Self {
        let rsn = ProtocolSet::of(&[Protocol::Rsn]);
        if coarse.protocols != rsn || !self.protocols.contains(Protocol::Rsn) {
            return self;
        }
        Self {
            wpa_akms: AkmSet::EMPTY,
            wpa_pairwise: CipherSet::EMPTY,
            protocols: self.protocols.without(ProtocolSet::of(&[Protocol::Wpa])),
            ..self
        }
    }

    /// Whether the network is open: anybody may join and listen.
    pub fn is_open(self) -> bool {
        matches!(
            self.class(),
            SecurityClass::Open | SecurityClass::OpenOweTransition
        )
    }
}

/// Merges the classes that coarse scanners do not distinguish.
fn family(class: SecurityClass) -> SecurityClass {
    match class {
        SecurityClass::Wpa2Wpa3Enterprise
        | SecurityClass::Wpa3Enterprise
        | SecurityClass::Wpa3Enterprise192 => SecurityClass::Wpa2Enterprise,
        class => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the second text differs from the first, and the first from the second.
    #[track_caller]
    fn check(one: &str, other: &str, expected: [bool; 2]) {
        let differs =
            |new: &str, old: &str| Capabilities::from(new).differs_from(Security::decode(old));
        let found = [differs(other, one), differs(one, other)];
        assert_eq!(found, expected, "{one} {other}");
    }

    #[test]
    fn scanners_that_say_less_say_nothing_else() {
        for (one, other) in [
            ("[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]", "[WPA2_PSK]"),
            ("[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]", "3"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2]"),
            ("[RSN-SAE-CCMP][ESS]", "[WPA3_PSK]"),
            ("[RSN-PSK+SAE-CCMP][ESS]", "[WPA2_WPA3_PSK]"),
            ("[WPA2-PSK-?][ESS]", "[WPA2-PSK-CCMP][ESS]"),
            ("[RSN-PSK+FT/PSK-CCMP][ESS]", "[WPA2_PSK]"),
            ("[RSN-EAP+EAP/SHA256-CCMP][ESS]", "[WPA2_ENTERPRISE]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-CCMP][ESS][WPS]"),
            ("[RSN-SAE-CCMP][MFPR][MFPC][ESS]", "[RSN-SAE-CCMP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[UNDEFINED]"),
            ("[ESS]", "[unheard-of]"),
            ("[ESS]", "[OPEN]"),
            // A number that two boards mean differently.
            ("[WPA2-PSK-CCMP][ESS]", "7"),
            // nmcli and arduino-esp32 name no key management.
            ("[RSN-PSK+SAE-CCMP][ESS][MFPC]", "WPA2 WPA3"),
            ("[RSN-PSK+SAE-CCMP][ESS][MFPC]", "WPA2"),
            // Windows names the better protocol.
            ("[WPA-PSK-TKIP][RSN-PSK-CCMP][ESS]", "WPA2-Personal"),
            ("[WPA-EAP-TKIP][RSN-EAP-CCMP][ESS]", "WPA2-Enterprise"),
        ] {
            check(one, other, [false, false]);
        }
    }

    #[test]
    fn a_scanner_older_than_wpa3_denies_nothing_of_it() {
        const MIXED: &str = "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]";
        for older in [
            "[WPA2-PSK-CCMP][ESS]",
            "[WPA2--CCMP][ESS]",
            "[WPA2-PSK-CCMP][WPS][ESS]",
            "[WPA2_PSK]",
            "3",
            "ENC_TYPE_CCMP",
            "WPA2-Personal",
            "WPA2 PSK (CCMP)",
            "WPA2(PSK/AES/AES)",
        ] {
            check(MIXED, older, [false, false]);
        }
        for (newer, older) in [
            (
                "[WPA2-PSK-CCMP][RSN-PSK+PSK-SHA256+SAE+FT/SAE-CCMP][ESS][MFPC]",
                "[WPA2-PSK-CCMP][ESS]",
            ),
            (
                "[RSN-PSK+SAE+SAE_EXT_KEY-CCMP+GCMP-256][ESS][MFPC]",
                "[WPA2-PSK-CCMP][ESS]",
            ),
            (
                "[WPA-PSK-TKIP][WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS]",
                "[WPA-PSK-TKIP][WPA2-PSK-CCMP][ESS]",
            ),
            (
                "[RSN-EAP/SHA1+FILS-SHA256-CCMP][ESS]",
                "[WPA2-EAP-CCMP][ESS]",
            ),
        ] {
            check(newer, older, [false, false]);
        }
        // One that knows WPA3 says that it is gone. Later, a text with it shows no change: the meaning of the text
        // before does not tell the scanner.
        for known in [
            "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]",
            "[WPA2-PSK-CCMP][ESS][MFPC]",
        ] {
            check(MIXED, known, [true, false]);
        }
        // Even an old scanner sees other ciphers, other protocols and that there is a PSK.
        for other in [
            "[WPA2-PSK-TKIP][ESS]",
            "[WPA-PSK-CCMP][ESS]",
            "[WPA2-EAP-CCMP][ESS]",
            "[WEP][ESS]",
            "[ESS]",
            "ENC_TYPE_NONE",
        ] {
            check(MIXED, other, [true, true]);
        }
        // Two boards of one kind.
        check("[WPA2_WPA3_PSK]", "[WPA2_PSK]", [true, true]);
    }

    #[test]
    fn what_both_state_and_state_differently_is_a_change() {
        for (one, other) in [
            ("[WPA2-PSK-CCMP][ESS]", "[ESS]"),
            ("[WPA2_PSK]", "[OPEN]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA-PSK-TKIP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-TKIP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[RSN-SAE-CCMP][ESS]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA3_PSK]"),
            ("[WPA2-PSK-CCMP][ESS]", "[WPA2-EAP-CCMP][ESS]"),
            ("[RSN-PSK-CCMP][ESS]", "[RSN-PSK+FT/PSK-CCMP][ESS]"),
            ("[RSN-SAE-CCMP][ESS]", "[RSN-SAE_EXT_KEY-CCMP][ESS]"),
            ("[WAPI-WAPI-PSK-SMS4][ESS]", "[WAPI-WAPI-CERT-SMS4][ESS]"),
            ("[WEP][ESS]", "[WPA2-PSK-CCMP][ESS]"),
            ("WPA2-Personal", "WPA/WPA2 Personal"),
            ("[WPA2-PSK-CCMP][ESS]", "WPA+WPA2"),
            ("[WPA-PSK-TKIP][RSN-PSK-CCMP][ESS]", "WPA-Personal"),
            (
                "[RSN-SAE-CCMP][MFPR][MFPC][ESS]",
                "[RSN-SAE-CCMP][MFPC][ESS]",
            ),
        ] {
            check(one, other, [true, true]);
        }
    }
}
