//! The security class of a network: one word for people and statistics.

use super::{
    Akm, AkmSet, Cipher, CipherSet, Flag, FlagSet, Mark, MarkSet, Pmf, Protocol, Security,
};

/// The security class of a network.
///
/// It is derived from a [`Security`] and never stored, so a change of the rules applies to old reports too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SecurityClass {
    /// The string states nothing reliable.
    #[default]
    Unknown,
    /// The string describes a network without protection. It is never guessed, because people act on it.
    Open,
    /// The open half of an OWE transition pair.
    OpenOweTransition,
    /// WEP.
    Wep,
    /// Pre-RSN ad-hoc with a fixed key.
    WpaNone,
    /// WPA, key management not stated.
    WpaUnstated,
    /// WPA and WPA2, key management not stated.
    WpaWpa2Unstated,
    /// WPA2, key management not stated.
    Wpa2Unstated,
    /// WPA3, key management not stated.
    Wpa3Unstated,
    /// Protected in an unknown way.
    SecuredUnknown,
    /// WPA with a shared key.
    WpaPersonal,
    /// WPA and WPA2 with a shared key.
    WpaWpa2Personal,
    /// WPA2 with a shared key.
    Wpa2Personal,
    /// WPA2 and WPA3 with a shared key.
    Wpa2Wpa3Personal,
    /// WPA3 with a shared key.
    Wpa3Personal,
    /// WPA with an authentication server.
    WpaEnterprise,
    /// WPA and WPA2 with an authentication server.
    WpaWpa2Enterprise,
    /// WPA2 with an authentication server.
    Wpa2Enterprise,
    /// WPA2 and WPA3 with an authentication server.
    Wpa2Wpa3Enterprise,
    /// WPA3 with an authentication server.
    Wpa3Enterprise,
    /// WPA3 with an authentication server and at least 192 bits.
    Wpa3Enterprise192,
    /// With a shared key or with an authentication server.
    MixedPersonalEnterprise,
    /// Opportunistic wireless encryption, which needs no key.
    Owe,
    /// Wi-Fi Easy Connect.
    Dpp,
    /// Hotspot 2.0 online sign-up.
    Osen,
    /// WAPI with a shared key.
    WapiPersonal,
    /// WAPI with certificates.
    WapiEnterprise,
}

impl SecurityClass {
    /// All classes, in the order of their definition.
    pub const ALL: [Self; 27] = [
        Self::Unknown,
        Self::Open,
        Self::OpenOweTransition,
        Self::Wep,
        Self::WpaNone,
        Self::WpaUnstated,
        Self::WpaWpa2Unstated,
        Self::Wpa2Unstated,
        Self::Wpa3Unstated,
        Self::SecuredUnknown,
        Self::WpaPersonal,
        Self::WpaWpa2Personal,
        Self::Wpa2Personal,
        Self::Wpa2Wpa3Personal,
        Self::Wpa3Personal,
        Self::WpaEnterprise,
        Self::WpaWpa2Enterprise,
        Self::Wpa2Enterprise,
        Self::Wpa2Wpa3Enterprise,
        Self::Wpa3Enterprise,
        Self::Wpa3Enterprise192,
        Self::MixedPersonalEnterprise,
        Self::Owe,
        Self::Dpp,
        Self::Osen,
        Self::WapiPersonal,
        Self::WapiEnterprise,
    ];

    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Open => "open",
            Self::OpenOweTransition => "open-owe-transition",
            Self::Wep => "wep",
            Self::WpaNone => "wpa-none",
            Self::WpaUnstated => "wpa-unstated",
            Self::WpaWpa2Unstated => "wpa-wpa2-unstated",
            Self::Wpa2Unstated => "wpa2-unstated",
            Self::Wpa3Unstated => "wpa3-unstated",
            Self::SecuredUnknown => "secured-unknown",
            Self::WpaPersonal => "wpa-personal",
            Self::WpaWpa2Personal => "wpa-wpa2-personal",
            Self::Wpa2Personal => "wpa2-personal",
            Self::Wpa2Wpa3Personal => "wpa2-wpa3-personal",
            Self::Wpa3Personal => "wpa3-personal",
            Self::WpaEnterprise => "wpa-enterprise",
            Self::WpaWpa2Enterprise => "wpa-wpa2-enterprise",
            Self::Wpa2Enterprise => "wpa2-enterprise",
            Self::Wpa2Wpa3Enterprise => "wpa2-wpa3-enterprise",
            Self::Wpa3Enterprise => "wpa3-enterprise",
            Self::Wpa3Enterprise192 => "wpa3-enterprise-192",
            Self::MixedPersonalEnterprise => "mixed-personal-enterprise",
            Self::Owe => "owe",
            Self::Dpp => "dpp",
            Self::Osen => "osen",
            Self::WapiPersonal => "wapi-personal",
            Self::WapiEnterprise => "wapi-enterprise",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Open => "Open",
            Self::OpenOweTransition => "Open (OWE transition)",
            Self::Wep => "WEP",
            Self::WpaNone => "WPA-None",
            Self::WpaUnstated => "WPA",
            Self::WpaWpa2Unstated => "WPA/WPA2",
            Self::Wpa2Unstated => "WPA2",
            Self::Wpa3Unstated => "WPA3",
            Self::SecuredUnknown => "Secured (unknown)",
            Self::WpaPersonal => "WPA Personal",
            Self::WpaWpa2Personal => "WPA/WPA2 Personal",
            Self::Wpa2Personal => "WPA2 Personal",
            Self::Wpa2Wpa3Personal => "WPA2/WPA3 Personal",
            Self::Wpa3Personal => "WPA3 Personal",
            Self::WpaEnterprise => "WPA Enterprise",
            Self::WpaWpa2Enterprise => "WPA/WPA2 Enterprise",
            Self::Wpa2Enterprise => "WPA2 Enterprise",
            Self::Wpa2Wpa3Enterprise => "WPA2/WPA3 Enterprise",
            Self::Wpa3Enterprise => "WPA3 Enterprise",
            Self::Wpa3Enterprise192 => "WPA3 Enterprise 192-bit",
            Self::MixedPersonalEnterprise => "Personal and Enterprise",
            Self::Owe => "OWE",
            Self::Dpp => "DPP",
            Self::Osen => "OSEN",
            Self::WapiPersonal => "WAPI Personal",
            Self::WapiEnterprise => "WAPI Enterprise",
        }
    }
}

/// Flags of networks that have a security element. If the string names none, a part of it is missing.
const FLAGS_OF_SECURED: FlagSet = FlagSet::of(&[
    Flag::Preauth,
    Flag::RsnOverride,
    Flag::SaeHashToElement,
    Flag::SaePublicKey,
    Flag::OweTransitionEncrypted,
]);

/// Marks of strings that may lack a statement of protection.
const DOUBTS: MarkSet = MarkSet::of(&[Mark::Damaged, Mark::Leftovers]);

impl Security {
    /// The security class: that of the first rule that matches, in the order of the code.
    pub fn class(self) -> SecurityClass {
        let akms = self.akms();
        if akms.contains(Akm::WapiCert) {
            return SecurityClass::WapiEnterprise;
        }
        if akms.contains(Akm::WapiPsk) {
            return SecurityClass::WapiPersonal;
        }
        self.enterprise()
            .or_else(|| self.personal())
            .or_else(|| self.other_akm())
            .or_else(|| self.without_akm())
            .unwrap_or_default()
    }

    /// Networks with an authentication server. Without the word `WPA3`, AOSP's rules tell WPA3 from WPA2
    /// (`ScanResultUtil`, `isScanResultForWpa3EnterpriseOnlyNetwork` and similar functions).
    fn enterprise(self) -> Option<SecurityClass> {
        let akms = self.akms();
        if !akms.intersects(AkmSet::EAP_FAMILY) {
            return None;
        }
        if akms.intersects(AkmSet::PSK_FAMILY.union(AkmSet::SAE_FAMILY)) {
            return Some(SecurityClass::MixedPersonalEnterprise);
        }
        if !akms.intersects(AkmSet::EAP_FAMILY.without(AkmSet::EAP_192)) {
            return Some(SecurityClass::Wpa3Enterprise192);
        }
        if self.says_wpa3() {
            // The decoder states both key managements if the string names both versions.
            let both = akms.contains(Akm::Eap) && akms.contains(Akm::EapSha256);
            return Some(if both && self.pmf != Pmf::Required {
                SecurityClass::Wpa2Wpa3Enterprise
            } else {
                SecurityClass::Wpa3Enterprise
            });
        }
        if akms.contains(Akm::EapSha256) && !self.pairwise().contains(Cipher::Tkip) {
            let sha1 = AkmSet::of(&[Akm::Eap, Akm::FtEap]);
            match self.pmf {
                Pmf::Required if !akms.intersects(sha1) => {
                    return Some(SecurityClass::Wpa3Enterprise);
                }
                Pmf::Capable if akms.contains(Akm::Eap) => {
                    return Some(SecurityClass::Wpa2Wpa3Enterprise);
                }
                _ => {}
            }
        }
        self.by_protocol(
            AkmSet::EAP_FAMILY,
            [
                SecurityClass::WpaWpa2Enterprise,
                SecurityClass::WpaEnterprise,
                SecurityClass::Wpa2Enterprise,
            ],
        )
    }

    /// Networks with a shared key.
    fn personal(self) -> Option<SecurityClass> {
        let akms = self.akms();
        if akms.intersects(AkmSet::SAE_FAMILY) {
            let both = akms.intersects(AkmSet::PSK_FAMILY);
            return Some(if both {
                SecurityClass::Wpa2Wpa3Personal
            } else {
                SecurityClass::Wpa3Personal
            });
        }
        self.by_protocol(
            AkmSet::PSK_FAMILY,
            [
                SecurityClass::WpaWpa2Personal,
                SecurityClass::WpaPersonal,
                SecurityClass::Wpa2Personal,
            ],
        )
    }

    /// Chooses a class by the protocols that offer the family: both, only WPA, or only RSN.
    fn by_protocol(
        self,
        family: AkmSet,
        [both, wpa, rsn]: [SecurityClass; 3],
    ) -> Option<SecurityClass> {
        match (
            self.wpa_akms.intersects(family),
            self.rsn_akms.intersects(family),
        ) {
            (true, true) => Some(both),
            (true, false) => Some(wpa),
            (false, true) => Some(rsn),
            (false, false) => None,
        }
    }

    /// Networks with any other key management.
    fn other_akm(self) -> Option<SecurityClass> {
        let akms = self.akms();
        if akms.contains(Akm::Owe) {
            return Some(SecurityClass::Owe);
        }
        if akms.contains(Akm::Dpp) {
            return Some(SecurityClass::Dpp);
        }
        if akms.contains(Akm::Osen) || self.protocols.contains(Protocol::Osen) {
            return Some(SecurityClass::Osen);
        }
        // A pointer to an encrypted twin makes a network open only if nothing else states protection.
        if akms.contains(Akm::OweTransition) && !self.speaks_of_protection() && !self.is_damaged() {
            return Some(SecurityClass::OpenOweTransition);
        }
        if self.wpa_akms.contains(Akm::None) {
            return Some(SecurityClass::WpaNone);
        }
        if self.says_wpa3() {
            return Some(SecurityClass::Wpa3Unstated);
        }
        akms.intersects(AkmSet::of(&[Akm::Unknown, Akm::None]))
            .then_some(SecurityClass::SecuredUnknown)
    }

    fn without_akm(self) -> Option<SecurityClass> {
        let protocols = self.protocols;
        match (
            protocols.contains(Protocol::Wpa),
            protocols.contains(Protocol::Rsn),
        ) {
            (true, true) => return Some(SecurityClass::WpaWpa2Unstated),
            (true, false) => return Some(SecurityClass::WpaUnstated),
            (false, true) => return Some(SecurityClass::Wpa2Unstated),
            (false, false) => {}
        }
        let wep_or_none = CipherSet::WEP.union(CipherSet::of(&[Cipher::None]));
        if protocols.contains(Protocol::Wapi)
            || !self.other_pairwise.without(wep_or_none).is_empty()
        {
            return Some(SecurityClass::SecuredUnknown);
        }
        if protocols.contains(Protocol::Wep) {
            return Some(SecurityClass::Wep);
        }
        let doubtful = self.marks.intersects(DOUBTS)
            || self.pmf != Pmf::NotStated
            || self.flags.intersects(FLAGS_OF_SECURED)
            || self.akms().contains(Akm::OweTransition);
        let described = self.topology.is_some() || self.says_open();
        (described && !doubtful).then_some(SecurityClass::Open)
    }

    /// Whether a protocol, cipher or key management is stated. The pointer of an OWE pair does not count.
    fn speaks_of_protection(self) -> bool {
        let pointer = AkmSet::of(&[Akm::OweTransition]);
        !self.protocols.is_empty()
            || !self.pairwise().is_empty()
            || !self.akms().without(pointer).is_empty()
    }
}
