//! The kinds of alerts: Kismet's that scans can raise, this program's own, and those that clients define.

use serde::{Deserialize, Serialize};

use super::setting::{Limit, Rate};
use crate::log::AlertKind;
use crate::report::Phy;

/// Severity of an alert (`alertracker.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    #[default]
    Info,
    /// May have a harmless cause.
    Low,
    /// Should be investigated.
    Medium,
    /// Probably an attack or a failure.
    High,
    /// Needs immediate action.
    Critical,
}

impl Severity {
    /// All severities, in ascending order.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The severity as a word, as in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Kismet's number of the severity.
    pub const fn number(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Low => 5,
            Self::Medium => 10,
            Self::High => 15,
            Self::Critical => 20,
        }
    }

    /// Parses the word or Kismet's number.
    pub fn read(text: &str) -> Option<Self> {
        let is_it = |severity: &Self| {
            severity.name().eq_ignore_ascii_case(text) || text.parse() == Ok(severity.number())
        };
        Self::ALL.into_iter().find(is_it)
    }
}

/// Class of an alert (`alertracker.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Denial of service.
    Denial,
    /// Exploit of a vulnerability.
    Exploit,
    /// Anything else.
    Other,
    /// Probing for weaknesses.
    Probe,
    /// Impersonation of another device.
    Spoof,
    /// State of the server, its scanners, or watched devices.
    System,
}

impl Class {
    const ALL: [Self; 6] = [
        Self::Denial,
        Self::Exploit,
        Self::Other,
        Self::Probe,
        Self::Spoof,
        Self::System,
    ];

    /// Kismet's word for the class.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denial => "DENIAL",
            Self::Exploit => "EXPLOIT",
            Self::Other => "OTHER",
            Self::Probe => "PROBE",
            Self::Spoof => "SPOOF",
            Self::System => "SYSTEM",
        }
    }

    /// Parses Kismet's word.
    pub fn read(text: &str) -> Option<Self> {
        let is_it = |class: &Self| class.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(is_it)
    }
}

/// A built-in rule. The first seven and the last are Kismet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An access point shows a name that nobody should show.
    SsidCanary,
    /// An access point shows a network's name, but is not among those that may.
    ApSpoof,
    /// A network that was encrypted is open.
    CryptoDrop,
    /// A network is secured in another way than before.
    AdvCryptChange,
    /// A network is on another channel than before.
    ChanChange,
    /// A watched device appears, for the first time or again.
    DeviceFound,
    /// A watched device is silent.
    DeviceLost,
    /// An access point protects a network name less than another one does.
    EvilTwin,
    /// A network is open or uses WEP.
    WeakCrypto,
    /// A scanner is silent for longer than usual.
    SourceSilent,
    /// An access point is seen far from where it was seen before.
    ApMoved,
    /// A Bluetooth device with the address of a Flipper Zero is seen for the first time.
    FlipperZero,
}

impl Rule {
    /// All rules, in the order of their settings.
    pub const ALL: [Self; 12] = [
        Self::SsidCanary,
        Self::ApSpoof,
        Self::CryptoDrop,
        Self::AdvCryptChange,
        Self::ChanChange,
        Self::DeviceFound,
        Self::DeviceLost,
        Self::EvilTwin,
        Self::WeakCrypto,
        Self::SourceSilent,
        Self::ApMoved,
        Self::FlipperZero,
    ];

    /// Kind of the alerts that the rule raises, as Kismet's clients see it.
    pub const fn header(self) -> &'static str {
        match self {
            Self::SsidCanary => "SSIDCANARY",
            Self::ApSpoof => "APSPOOF",
            Self::CryptoDrop => "CRYPTODROP",
            Self::AdvCryptChange => "ADVCRYPTCHANGE",
            Self::ChanChange => "CHANCHANGE",
            Self::DeviceFound => "DEVICEFOUND",
            Self::DeviceLost => "DEVICELOST",
            Self::EvilTwin => "EVILTWIN",
            Self::WeakCrypto => "WEAKCRYPTO",
            Self::SourceSilent => "SOURCESILENT",
            Self::ApMoved => "APMOVED",
            Self::FlipperZero => "FLIPPERZERO",
        }
    }

    /// Class of the rule's alerts.
    pub const fn class(self) -> Class {
        match self {
            Self::DeviceFound | Self::DeviceLost | Self::SourceSilent => Class::System,
            Self::WeakCrypto => Class::Other,
            Self::FlipperZero => Class::Probe,
            _ => Class::Spoof,
        }
    }

    /// Default severity of the rule's alerts.
    pub const fn severity(self) -> Severity {
        match self {
            Self::ChanChange => Severity::Low,
            Self::WeakCrypto | Self::SourceSilent | Self::ApMoved => Severity::Medium,
            _ => Severity::High,
        }
    }

    /// Description of the rule for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::SsidCanary => {
                "An access point shows a network name that is configured as a canary"
            }
            Self::ApSpoof => {
                "An access point that is not among those configured for a network shows the network's name"
            }
            Self::CryptoDrop => "A network that was encrypted is open",
            Self::AdvCryptChange => "A network is secured in another way than before",
            Self::ChanChange => "A network is on another channel than before",
            Self::DeviceFound => "A watched device was seen, for the first time or after a while",
            Self::DeviceLost => "A watched device was not seen for a while",
            Self::EvilTwin => {
                "An access point shows a network's name with less protection than another one does"
            }
            Self::WeakCrypto => "A network that must be protected is open or has WEP",
            Self::SourceSilent => "A scanner is silent for longer than it usually is",
            Self::ApMoved => "An access point was seen far from where it was seen before",
            Self::FlipperZero => {
                "A Bluetooth device was seen for the first time whose address is that of a Flipper Zero"
            }
        }
    }

    /// Radio technology that the rule looks at. `None` means all.
    pub const fn phy(self) -> Option<Phy> {
        match self {
            Self::DeviceFound | Self::DeviceLost | Self::SourceSilent => None,
            Self::FlipperZero => Some(Phy::Bluetooth),
            _ => Some(Phy::Wifi),
        }
    }
}

/// A kind of alert, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Name of the kind, in capitals.
    pub header: Box<str>,
    /// Class of its alerts.
    pub class: Class,
    /// Severity of its alerts.
    pub severity: Severity,
    /// Description for people.
    pub description: Box<str>,
    /// Radio technology of its alerts. `None` means all.
    pub phy: Option<Phy>,
    /// Limit on its alerts.
    pub limit: Limit,
}

impl From<&AlertKind> for Definition {
    /// Maps a word that only a later version knows to the mildest value.
    fn from(kind: &AlertKind) -> Self {
        Self {
            header: kind.header.clone(),
            class: Class::read(&kind.class).unwrap_or(Class::Other),
            severity: Severity::read(&kind.severity).unwrap_or_default(),
            description: kind.description.clone(),
            phy: kind.phy,
            limit: Limit {
                rate: Rate::from(kind.rate),
                burst: Rate::from(kind.burst),
            },
        }
    }
}

impl From<Definition> for AlertKind {
    fn from(definition: Definition) -> Self {
        Self {
            header: definition.header,
            class: definition.class.name().into(),
            severity: definition.severity.name().into(),
            description: definition.description,
            phy: definition.phy,
            rate: definition.limit.rate.into(),
            burst: definition.limit.burst.into(),
        }
    }
}
