//! One alert.

use serde::{Deserialize, Serialize};

use super::kind::{Class, Severity};
use crate::log::LogPosition;
use crate::report::{DeviceId, MacAddr, Phy, Position, ReceivedAt, SourceId, UnixTime};

/// An alert that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Counts alerts from 1, as they are kept; no number is given twice.
    pub number: u64,
    /// What it says.
    pub raised: Raised,
}

/// An alert as it was raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// The same when it is raised again from the same log.
    pub id: Box<str>,
    /// Its kind.
    pub header: Box<str>,
    /// What sort of thing it tells of.
    pub class: Class,
    /// How bad it is.
    pub severity: Severity,
    /// When it was raised, by the log's clock.
    pub raised_at: ReceivedAt,
    /// When what it tells was so, by the time of the report.
    pub seen: Option<UnixTime>,
    /// The last batch of the log when it was raised.
    pub position: LogPosition,
    /// The radio technology, if it is about one.
    pub phy: Option<Phy>,
    /// The device, if it is about one.
    pub device: Option<DeviceId>,
    /// The scanner that reported it, or that it is about.
    pub scanner: Option<SourceId>,
    /// The addresses that it is about.
    pub addresses: Addresses,
    /// The channel, as reported.
    pub channel: Option<Box<str>>,
    /// Where the scanner stood.
    pub location: Option<Position>,
    /// What happened, for people.
    pub text: Box<str>,
}

/// Whom an alert names. [`MacAddr::ZERO`] is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Who sent it over the air.
    pub transmitter: MacAddr,
    /// Whom it came from.
    pub source: MacAddr,
    /// Whom it was for.
    pub dest: MacAddr,
    /// The network.
    pub other: MacAddr,
}

impl Addresses {
    /// Nobody.
    pub const NONE: Self = Self {
        transmitter: MacAddr::ZERO,
        source: MacAddr::ZERO,
        dest: MacAddr::ZERO,
        other: MacAddr::ZERO,
    };

    /// Of what a device told everybody, as Kismet fills them for scans.
    pub const fn of(addr: MacAddr) -> Self {
        Self {
            transmitter: addr,
            source: addr,
            dest: MacAddr::BROADCAST,
            other: addr,
        }
    }

    /// Whether one of them is this.
    pub fn name(self, addr: MacAddr) -> bool {
        [self.transmitter, self.source, self.dest, self.other].contains(&addr)
    }
}
