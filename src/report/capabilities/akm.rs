//! Authentication and key management (AKM) suites.

use super::set::set_of;

/// An authentication and key management suite (IEEE 802.11-2020, table 9-151, and vendors' additions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Akm {
    /// A suite that the scanner has no name for. It comes first, because `?` is read as an AKM only in first place.
    Unknown,
    /// No key management: pre-RSN ad-hoc networks with a WPA element.
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
    /// SAE with a hash that depends on the group (Wi-Fi 7).
    SaeExt,
    /// SAE with a hash that depends on the group (Wi-Fi 7), with fast transition.
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
    /// No AKM on the air: an open network that points to its encrypted OWE twin.
    OweTransition,
    /// Wi-Fi Easy Connect.
    Dpp,
    /// Pre-association security for ranging. It states nothing about how to join the network.
    Pasn,
    /// Hotspot 2.0 online sign-up.
    Osen,
    /// WAPI with a shared key.
    WapiPsk,
    /// WAPI with certificates.
    WapiCert,
}

impl Akm {
    /// All suites, in the order of their definition.
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

    /// The canonical name.
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
    /// Suites with a pre-shared key.
    pub const PSK_FAMILY: Self = Self::of(&[
        Akm::Psk,
        Akm::FtPsk,
        Akm::PskSha256,
        Akm::PskSha384,
        Akm::FtPskSha384,
    ]);
    /// Suites with simultaneous authentication of equals.
    pub const SAE_FAMILY: Self = Self::of(&[Akm::Sae, Akm::FtSae, Akm::SaeExt, Akm::FtSaeExt]);
    /// Enterprise suites with at least 192 bits.
    pub const EAP_192: Self = Self::of(&[Akm::EapSuiteB192, Akm::FtEapSha384]);
    /// Suites with an authentication server.
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
