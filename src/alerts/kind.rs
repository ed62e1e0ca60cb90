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
