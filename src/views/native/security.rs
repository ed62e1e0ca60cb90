//! How a network is secured.

use serde::Serialize;
use utoipa::ToSchema;

use crate::report::capabilities::{Akm, Cipher, Flag, Protocol, Security, Topology, Wps};
use crate::views::kismet::{crypt_bitfield, crypt_set};

/// How a network is secured, read from its capabilities.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SecurityOfNetwork)]
pub(super) struct SecurityRow {
    /// Such as `open` or `wpa2-personal`.
    class: &'static str,
    /// The same, for people.
    label: &'static str,
    /// Such as `WPA` or `RSN`.
    protocols: Vec<&'static str>,
    /// Key management of all protocols, such as `PSK` or `SAE`.
    akms: Vec<&'static str>,
    /// Ciphers between two, of all protocols, such as `CCMP`.
    pairwise: Vec<&'static str>,
    /// The same, protocol by protocol.
    by_protocol: Vec<ProtocolRow>,
    /// What else it says, such as `SAE-H2E`.
    flags: Vec<&'static str>,
    /// Protection of management frames: `capable` or `required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    mfp: Option<&'static str>,
    /// `yes`, `pin`, `auth` or `pbc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    wps: Option<&'static str>,
    /// `AP`, `PBSS`, `ad-hoc` or `mesh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    topology: Option<&'static str>,
    /// Whether the text holds what is not understood; the text itself is in the observations.
    has_leftovers: bool,
    /// Whether the text is cut off or bent.
    is_damaged: bool,
    /// In Android's notation, as `WiGLE` has it.
    auth_mode: String,
    /// In Kismet's words.
    kismet: KismetSecurity,
}

/// What one of a network's security elements offers.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProtocolOfNetwork)]
struct ProtocolRow {
    /// Such as `WPA` or `RSN`.
    protocol: &'static str,
    /// Key management, such as `PSK`. All but WPA and RSN share theirs.
    akms: Vec<&'static str>,
    /// Ciphers between two, such as `CCMP`. All but WPA and RSN share theirs.
    pairwise: Vec<&'static str>,
}

/// How a network is secured, in Kismet's words.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]
struct KismetSecurity {
    /// Such as `WPA2 WPA2-PSK AES-CCM`.
    crypt_string: String,
    /// 64 bits.
    crypt_bitfield: u64,
    /// The bits of older Kismets.
    crypt_set: u64,
}

impl From<Security> for SecurityRow {
    fn from(security: Security) -> Self {
        let class = security.class();
        let protocols = || security.protocols().iter();
        let of_protocol = |protocol| ProtocolRow {
            protocol: Protocol::name(protocol),
            akms: security.akms_of(protocol).iter().map(Akm::name).collect(),
            pairwise: security
                .pairwise_of(protocol)
                .iter()
                .map(Cipher::name)
                .collect(),
        };
        Self {
            class: class.as_str(),
            label: class.label(),
            protocols: protocols().map(Protocol::name).collect(),
            akms: security.akms().iter().map(Akm::name).collect(),
            pairwise: security.pairwise().iter().map(Cipher::name).collect(),
            by_protocol: protocols().map(of_protocol).collect(),
            flags: security.flags().iter().map(Flag::name).collect(),
            mfp: security.pmf().name(),
            wps: security.wps().map(Wps::name),
            topology: security.topology().map(Topology::name),
            has_leftovers: security.has_leftovers(),
            is_damaged: security.is_damaged(),
            auth_mode: security.to_android(),
            kismet: KismetSecurity {
                crypt_string: security.summary().to_string(),
                crypt_bitfield: crypt_bitfield(security),
                crypt_set: crypt_set(security),
            },
        }
    }
}
