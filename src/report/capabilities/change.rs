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
    ///   beside WPA2 it may name only the better one. So are those of `iwinfo` or `airodump-ng`, which name ciphers and
    ///   show 802.11r as PSK.
    /// - A scanner of before WPA3 shows a network with PSK and SAE as one with PSK. Its text has no block `RSN`, no MFP
    ///   and no key management of WPA3.
    /// - `netsh`, other programs for Windows, and some for macOS name one mode of a network: the best that the adapter
    ///   can use. A network that is `WPA3-Personal` for one adapter is `WPA2-Personal` for another, and may offer WPA
    ///   too.
    pub fn differs_from(&self, before: Security) -> bool {
        let new = self.security;
        new.differs_from(before, || {
            !new.names_one_mode() && (new.pmf != Pmf::NotStated || self.has_rsn_block())
        })
    }

    fn has_rsn_block(&self) -> bool {
        let mut words = self.raw.as_bytes().windows("RSN".len());
        self.raw.contains('[') && words.any(|word| word.eq_ignore_ascii_case(b"RSN"))
    }

    /// Whether this text shows the network of `other`, and less of it: as a scanner of before WPA3 does, or one that
    /// names one mode.
    pub fn is_lesser_view_of(&self, other: Security) -> bool {
        self.security.knows_less_than(other) && !self.differs_from(other)
    }

    /// Whether `other` shows the network of this text, and less of it.
    pub fn is_better_view_of(&self, other: Security) -> bool {
        other.knows_less_than(self.security) && !self.differs_from(other)
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
        let has_one_mode = self.names_one_mode() || before.names_one_mode();
        let (mut new, mut old) = (self.beside(before), before.beside(self));
        if !has_one_mode && !self.states_ciphers() && !before.states_ciphers() {
            return new.differs_coarsely(old);
        }
        if self.may_leave_out_wpa_of(before) {
            old = old.without_wpa_beside(new);
        }
        if before.may_leave_out_wpa_of(self) {
            new = new.without_wpa_beside(old);
        }
        match (new.names_wpa3(), old.names_wpa3()) {
            (true, false) => new.differs_from_older(old),
            (false, true) if !knows_wpa3() => old.differs_from_older(new),
            _ if self.states_suites() && before.states_suites() => {
                new.differs_coarsely(old) || new.differs_finely(old)
            }
            _ => new.differs_coarsely(old) || new.differs_in_ciphers(old),
        }
    }

    /// Whether the text shows less of a network than `other` does, if they show the same one.
    fn knows_less_than(self, other: Self) -> bool {
        match (self.names_wpa3(), other.names_wpa3()) {
            (false, true) => true,
            (true, false) => false,
            _ => self.names_one_mode() && !other.names_one_mode() && other.states_keys(),
        }
    }

    /// This text with the shared key that `other` names, if it cannot know of it: WPA3-Personal alone may be the best
    /// mode of a network with SAE and PSK.
    fn beside(self, other: Self) -> Self {
        if !self.names_one_mode() || !self.rsn_akms.intersects(AkmSet::SAE_FAMILY) {
            return self;
        }
        let others = other.rsn_akms.without(AkmSet::PSK_FAMILY);
        Self {
            rsn_akms: self.rsn_akms.union(other.rsn_akms.without(others)),
            ..self
        }
    }

    /// Whether the text may name only WPA2 or WPA3 where `other` names WPA too.
    fn may_leave_out_wpa_of(self, other: Self) -> bool {
        self.names_one_mode() || !self.states_ciphers() && other.states_ciphers()
    }

    fn states_ciphers(self) -> bool {
        let ciphers = self.pairwise();
        !ciphers.is_empty() && !ciphers.contains(Cipher::Unknown)
    }

    /// Whether the text names each key management and cipher, as Android and `wpa_supplicant` do. They also name the
    /// kind of network, which words for people do not.
    fn states_suites(self) -> bool {
        self.states_ciphers() && self.topology.is_some() && !self.names_one_mode()
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

    /// Whether both texts name ciphers, and not the same ones. Texts of different kinds are compared by whether they
    /// name a strong one: `iwinfo` names the group cipher too, and `netsh` only the best one.
    fn differs_in_ciphers(self, other: Self) -> bool {
        if !self.states_ciphers() || !other.states_ciphers() {
            return false;
        }
        if self.is_of_kind_of(other) {
            return self.pairwise() != other.pairwise();
        }
        self.has_strong_cipher() != other.has_strong_cipher()
    }

    /// Whether both texts name all ciphers, in the same way.
    fn is_of_kind_of(self, other: Self) -> bool {
        let has_one_mode = self.names_one_mode() || other.names_one_mode();
        !has_one_mode && self.topology.is_some() == other.topology.is_some()
    }

    fn has_strong_cipher(self) -> bool {
        let weak = CipherSet::WEP.union(CipherSet::of(&[Cipher::Tkip, Cipher::None]));
        !self.pairwise().without(weak).is_empty()
    }

    /// Whether this differs from the text of a scanner that may be older than WPA3, apart from what that cannot say.
    fn differs_from_older(self, older: Self) -> bool {
        // Of ciphers too, an older scanner may know fewer.
        let has_others = if self.is_of_kind_of(older) {
            let is_stated = self.states_ciphers() && older.states_ciphers();
            is_stated && !older.pairwise().without(self.pairwise()).is_empty()
        } else {
            self.differs_in_ciphers(older)
        };
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
