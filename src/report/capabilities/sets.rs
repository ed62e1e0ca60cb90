//! The vocabulary: protocols, key managements, ciphers and flags, and sets of them.

/// Makes `$set` a set of `$member`s, one bit each in a `$bits`.
macro_rules! set_of {
    ($(#[$doc:meta])* $vis:vis struct $set:ident($bits:ty) of $member:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        $vis struct $set($bits);

        #[allow(unreachable_pub, dead_code, reason = "some sets serve this module only, and not all need everything")]
        impl $set {
            /// The set without members.
            pub const EMPTY: Self = Self(0);

            /// The set of the given members.
            pub const fn of(members: &[$member]) -> Self {
                let (mut set, mut rest) = (Self::EMPTY, members);
                while let [first, tail @ ..] = rest {
                    set.insert(*first);
                    rest = tail;
                }
                set
            }

            /// Adds a member.
            pub const fn insert(&mut self, member: $member) {
                self.0 |= 1 << member as u32;
            }

            /// Whether the member is in the set.
            pub const fn contains(self, member: $member) -> bool {
                self.0 & 1 << member as u32 != 0
            }

            /// What is in either set.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// What is in this set and not in the other.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether the sets have a member in common.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Whether nothing is in the set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The members, in the order of their definition.
            pub fn iter(self) -> impl Iterator<Item = $member> {
                $member::ALL.into_iter().filter(move |member| self.contains(*member))
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}
pub(super) use set_of;

/// Which security elements a network sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Wired Equivalent Privacy: no element, only the privacy bit.
    Wep,
    /// The vendor element (00-50-F2, type 1) of 2002.
    Wpa,
    /// The element of IEEE 802.11-2020, 9.4.2.24: WPA2 and WPA3. Its override element counts as the same.
    Rsn,
    /// The Hotspot 2.0 element for online sign-up.
    Osen,
    /// The Chinese national standard GB 15629.11.
    Wapi,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Wep, Self::Wpa, Self::Rsn, Self::Osen, Self::Wapi];

    /// The usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wep => "WEP",
            Self::Wpa => "WPA",
            Self::Rsn => "RSN",
            Self::Osen => "OSEN",
            Self::Wapi => "WAPI",
        }
    }
}

set_of! {
    /// A set of [`Protocol`]s.
    pub struct ProtocolSet(u8) of Protocol
}

/// How the two sides prove who they are and agree on keys (IEEE 802.11-2020, table 9-151, and vendors' additions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Akm {
    /// Some key management that the scanner had no name for. Stands first, because only there `?` is read as one.
    Unknown,
    /// None: pre-RSN ad-hoc networks with a WPA element.
    None,
    /// Pre-shared key.
    Psk,
    /// Pre-shared key with fast transition.
    FtPsk,
    /// Pre-shared key, SHA-256.
    PskSha256,
    /// Pre-shared key, SHA-384.
    PskSha384,
    /// Pre-shared key with fast transition, SHA-384.
    FtPskSha384,
    /// Simultaneous authentication of equals: WPA3-Personal.
    Sae,
    /// SAE with fast transition.
    FtSae,
    /// SAE with a hash that follows the group (Wi-Fi 7).
    SaeExt,
    /// The same with fast transition.
    FtSaeExt,
    /// IEEE 802.1X with SHA-1.
    Eap,
    /// IEEE 802.1X with fast transition.
    FtEap,
    /// IEEE 802.1X, SHA-256.
    EapSha256,
    /// IEEE 802.1X, SHA-384.
    EapSha384,
    /// Suite B with 128 bits.
    EapSuiteB,
    /// Suite B with 192 bits, also called CNSA.
    EapSuiteB192,
    /// IEEE 802.1X with fast transition, SHA-384.
    FtEapSha384,
    /// Fast initial link setup, SHA-256.
    FilsSha256,
    /// Fast initial link setup, SHA-384.
    FilsSha384,
    /// FILS with fast transition, SHA-256.
    FtFilsSha256,
    /// FILS with fast transition, SHA-384.
    FtFilsSha384,
    /// Opportunistic wireless encryption (RFC 8110).
    Owe,
    /// No key management on the air: an open network that points to an OWE twin.
    OweTransition,
    /// Wi-Fi Easy Connect.
    Dpp,
    /// Authentication for ranging before association; says nothing of how one gets in.
    Pasn,
    /// Hotspot 2.0 online sign-up.
    Osen,
    /// WAPI with a shared key.
    WapiPsk,
    /// WAPI with certificates.
    WapiCert,
}

impl Akm {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::Unknown,
        Self::None,
        Self::Psk,
        Self::FtPsk,
        Self::PskSha256,
        Self::PskSha384,
        Self::FtPskSha384,
        Self::Sae,
        Self::FtSae,
        Self::SaeExt,
        Self::FtSaeExt,
        Self::Eap,
        Self::FtEap,
        Self::EapSha256,
        Self::EapSha384,
        Self::EapSuiteB,
        Self::EapSuiteB192,
        Self::FtEapSha384,
        Self::FilsSha256,
        Self::FilsSha384,
        Self::FtFilsSha256,
        Self::FtFilsSha384,
        Self::Owe,
        Self::OweTransition,
        Self::Dpp,
        Self::Pasn,
        Self::Osen,
        Self::WapiPsk,
        Self::WapiCert,
    ];

    /// One name for all spellings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "?",
            Self::None => "NONE",
            Self::Psk => "PSK",
            Self::FtPsk => "FT-PSK",
            Self::PskSha256 => "PSK-SHA256",
            Self::PskSha384 => "PSK-SHA384",
            Self::FtPskSha384 => "FT-PSK-SHA384",
            Self::Sae => "SAE",
            Self::FtSae => "FT-SAE",
            Self::SaeExt => "SAE-EXT",
            Self::FtSaeExt => "FT-SAE-EXT",
            Self::Eap => "EAP",
            Self::FtEap => "FT-EAP",
            Self::EapSha256 => "EAP-SHA256",
            Self::EapSha384 => "EAP-SHA384",
            Self::EapSuiteB => "EAP-SUITE-B",
            Self::EapSuiteB192 => "EAP-SUITE-B-192",
            Self::FtEapSha384 => "FT-EAP-SHA384",
            Self::FilsSha256 => "FILS-SHA256",
            Self::FilsSha384 => "FILS-SHA384",
            Self::FtFilsSha256 => "FT-FILS-SHA256",
            Self::FtFilsSha384 => "FT-FILS-SHA384",
            Self::Owe => "OWE",
            Self::OweTransition => "OWE-TRANSITION",
            Self::Dpp => "DPP",
            Self::Pasn => "PASN",
            Self::Osen => "OSEN",
            Self::WapiPsk => "WAPI-PSK",
            Self::WapiCert => "WAPI-CERT",
        }
    }
}

set_of! {
    /// A set of [`Akm`]s.
    pub struct AkmSet(u32) of Akm
}

impl AkmSet {
    /// One key for all.
    pub const PSK_FAMILY: Self = Self::of(&[
        Akm::Psk,
        Akm::FtPsk,
        Akm::PskSha256,
        Akm::PskSha384,
        Akm::FtPskSha384,
    ]);
    /// One password for all, without its weaknesses.
    pub const SAE_FAMILY: Self = Self::of(&[Akm::Sae, Akm::FtSae, Akm::SaeExt, Akm::FtSaeExt]);
    /// The enterprise modes of at least 192 bits.
    pub const EAP_192: Self = Self::of(&[Akm::EapSuiteB192, Akm::FtEapSha384]);
    /// An authentication server decides.
    pub const EAP_FAMILY: Self = Self::EAP_192.union(Self::of(&[
        Akm::Eap,
        Akm::FtEap,
        Akm::EapSha256,
        Akm::EapSha384,
        Akm::EapSuiteB,
        Akm::FilsSha256,
        Akm::FilsSha384,
        Akm::FtFilsSha256,
        Akm::FtFilsSha384,
    ]));
}

/// How frames to one station are encrypted (IEEE 802.11-2020, table 9-149, and vendors' additions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cipher {
    /// WEP with a 40-bit key.
    Wep40,
    /// WEP with a 104-bit key.
    Wep104,
    /// Temporal key integrity protocol.
    Tkip,
    /// AES-CCM with a 128-bit key.
    Ccmp,
    /// AES-CCM with a 256-bit key.
    Ccmp256,
    /// AES-GCM with a 128-bit key.
    Gcmp,
    /// AES-GCM with a 256-bit key.
    Gcmp256,
    /// WAPI's cipher, SM4.
    Sms4,
    /// Integrity of management frames, CMAC, 128 bits.
    BipCmac128,
    /// Integrity of management frames, GMAC, 128 bits.
    BipGmac128,
    /// Integrity of management frames, GMAC, 256 bits.
    BipGmac256,
    /// Integrity of management frames, CMAC, 256 bits.
    BipCmac256,
    /// The group's cipher serves for all.
    None,
    /// Some cipher that the scanner had no name for, or that we have none for.
    Unknown,
}

impl Cipher {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Wep40,
        Self::Wep104,
        Self::Tkip,
        Self::Ccmp,
        Self::Ccmp256,
        Self::Gcmp,
        Self::Gcmp256,
        Self::Sms4,
        Self::BipCmac128,
        Self::BipGmac128,
        Self::BipGmac256,
        Self::BipCmac256,
        Self::None,
        Self::Unknown,
    ];

    /// One name for all spellings, which is also how it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wep40 => "WEP-40",
            Self::Wep104 => "WEP-104",
            Self::Tkip => "TKIP",
            Self::Ccmp => "CCMP",
            Self::Ccmp256 => "CCMP-256",
            Self::Gcmp => "GCMP",
            Self::Gcmp256 => "GCMP-256",
            Self::Sms4 => "SMS4",
            Self::BipCmac128 => "BIP-CMAC-128",
            Self::BipGmac128 => "BIP-GMAC-128",
            Self::BipGmac256 => "BIP-GMAC-256",
            Self::BipCmac256 => "BIP-CMAC-256",
            Self::None => "NONE",
            Self::Unknown => "?",
        }
    }
}

set_of! {
    /// A set of [`Cipher`]s.
    pub struct CipherSet(u16) of Cipher
}

impl CipherSet {
    /// WEP's, in either length.
    pub const WEP: Self = Self::of(&[Cipher::Wep40, Cipher::Wep104]);
}

/// What else a string may state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Pre-authentication is offered (written inside of a block by `wpa_supplicant`).
    Preauth,
    /// RSN override elements are sent (Wi-Fi 7).
    RsnOverride,
    /// SAE with hash-to-element.
    SaeHashToElement,
    /// SAE with a public key.
    SaePublicKey,
    /// The encrypted half of an OWE transition pair.
    OweTransitionEncrypted,
    /// Wi-Fi Direct.
    P2p,
    /// Hotspot 2.0, in `wpa_supplicant`'s word.
    Hotspot20,
    /// Hotspot 2.0, in Android's word.
    Passpoint,
    /// Fast initial link setup.
    Fils,
    /// Fast session transfer.
    FastSessionTransfer,
    /// The network's name is UTF-8.
    Utf8Ssid,
    /// Enhanced directional multi-gigabit (60 GHz).
    Edmg,
    /// Directional multi-gigabit (60 GHz).
    Dmg,
    /// Xiaomi's addition; its meaning is not public.
    WfaHt,
    /// Xiaomi's addition; its meaning is not public.
    WfaVht,
    /// Xiaomi's addition; its meaning is not public.
    WfaHe,
    /// Samsung's addition; its meaning is not public.
    Sec80,
    /// Samsung's addition; its meaning is not public.
    SecD00,
    /// Samsung's addition; alone it is not a network's at all but a Bluetooth device's.
    Ble,
}

impl Flag {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Preauth,
        Self::RsnOverride,
        Self::SaeHashToElement,
        Self::SaePublicKey,
        Self::OweTransitionEncrypted,
        Self::P2p,
        Self::Hotspot20,
        Self::Passpoint,
        Self::Fils,
        Self::FastSessionTransfer,
        Self::Utf8Ssid,
        Self::Edmg,
        Self::Dmg,
        Self::WfaHt,
        Self::WfaVht,
        Self::WfaHe,
        Self::Sec80,
        Self::SecD00,
        Self::Ble,
    ];

    /// The word for it in strings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preauth => "preauth",
            Self::RsnOverride => "RSNO",
            Self::SaeHashToElement => "SAE-H2E",
            Self::SaePublicKey => "SAE-PK",
            Self::OweTransitionEncrypted => "OWE-TRANS",
            Self::P2p => "P2P",
            Self::Hotspot20 => "HS20",
            Self::Passpoint => "PASSPOINT",
            Self::Fils => "FILS",
            Self::FastSessionTransfer => "FST",
            Self::Utf8Ssid => "UTF-8",
            Self::Edmg => "EDMG",
            Self::Dmg => "DMG",
            Self::WfaHt => "WFA-HT",
            Self::WfaVht => "WFA-VHT",
            Self::WfaHe => "WFA-HE",
            Self::Sec80 => "SEC80",
            Self::SecD00 => "SECD00",
            Self::Ble => "BLE",
        }
    }
}

set_of! {
    /// A set of [`Flag`]s.
    pub struct FlagSet(u32) of Flag
}
