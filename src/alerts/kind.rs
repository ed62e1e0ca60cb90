//! The kinds of alerts: Kismet's that scans can raise, ours, and those that people define.

use serde::{Deserialize, Serialize};

use super::setting::{Limit, Rate};
use crate::log::AlertKind;
use crate::report::Phy;

/// How bad it is (`alertracker.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be known.
    #[default]
    Info,
    /// May have harmless reasons.
    Low,
    /// Should be looked at.
    Medium,
    /// Most likely an attack or a failure.
    High,
    /// To be acted on now.
    Critical,
}

impl Severity {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Kismet's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Low => 5,
            Self::Medium => 10,
            Self::High => 15,
            Self::Critical => 20,
        }
    }

    /// Reads the word or Kismet's number.
    pub fn read(text: &str) -> Option<Self> {
        let is_it = |severity: &Self| {
            severity.name().eq_ignore_ascii_case(text) || text.parse() == Ok(severity.number())
        };
        Self::ALL.into_iter().find(is_it)
    }
}

/// What sort of thing it is (`alertracker.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Keeps others from working.
    Denial,
    /// Uses a fault.
    Exploit,
    /// Anything else.
    Other,
    /// Looks for something.
    Probe,
    /// Pretends to be another.
    Spoof,
    /// Concerns the server, its scanners, or what it is told to watch.
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

    /// Kismet's word.
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

    /// Reads Kismet's word.
    pub fn read(text: &str) -> Option<Self> {
        let is_it = |class: &Self| class.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(is_it)
    }
}

/// A rule of this program. The first seven are Kismet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An access point shows a name that it should not.
    SsidCanary,
    /// A name is shown by an access point that is none of its own.
    ApSpoof,
    /// A network is not encrypted any more.
    CryptoDrop,
    /// A network is secured in another way.
    AdvCryptChange,
    /// A network is on another channel.
    ChanChange,
    /// A watched device is new, or back.
    DeviceFound,
    /// A watched device is silent.
    DeviceLost,
    /// A name is shown by an access point that protects it less than another one does.
    EvilTwin,
    /// A network is open or has WEP.
    WeakCrypto,
    /// A scanner is silent for longer than it usually is.
    SourceSilent,
    /// An access point has moved.
    ApMoved,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 11] = [
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
    ];

    /// What its alerts are called.
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
        }
    }

    /// What sort of thing they tell of.
    pub const fn class(self) -> Class {
        match self {
            Self::DeviceFound | Self::DeviceLost | Self::SourceSilent => Class::System,
            Self::WeakCrypto => Class::Other,
            _ => Class::Spoof,
        }
    }

    /// How bad they are, if the configuration does not say otherwise.
    pub const fn severity(self) -> Severity {
        match self {
            Self::ChanChange => Severity::Low,
            Self::WeakCrypto | Self::SourceSilent | Self::ApMoved => Severity::Medium,
            _ => Severity::High,
        }
    }

    /// What they tell, for people.
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
        }
    }

    /// The radio technology that it looks at, if it is one.
    pub const fn phy(self) -> Option<Phy> {
        match self {
            Self::DeviceFound | Self::DeviceLost | Self::SourceSilent => None,
            _ => Some(Phy::Wifi),
        }
    }
}

/// What there is to know of a kind of alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// What its alerts are called, in capitals.
    pub header: Box<str>,
    /// What sort of thing they tell of.
    pub class: Class,
    /// How bad they are.
    pub severity: Severity,
    /// What they tell, for people.
    pub description: Box<str>,
    /// The radio technology, if it is one.
    pub phy: Option<Phy>,
    /// How often they are raised.
    pub limit: Limit,
}

impl From<&AlertKind> for Definition {
    /// A word that only a later version knows stands for the mildest that fits.
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
