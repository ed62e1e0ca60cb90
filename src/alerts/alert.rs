//! Alerts.

use serde::{Deserialize, Serialize};

use super::kind::{Class, Severity};
use crate::log::{AlertNote, EraseOrder, LogPosition};
use crate::report::{DeviceId, MacAddr, Phy, Position, ReceivedAt, SourceId, UnixTime};

/// A stored alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Number of the alert, ascending from 1. No number is used twice.
    pub number: u64,
    /// The content.
    pub raised: Raised,
    /// What people did about it.
    pub handling: Handling,
}

/// What people did about an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Who acknowledged it. `None` while nobody has.
    pub acknowledged: Option<Signature>,
    /// The comments, oldest first.
    pub comments: Vec<Comment>,
}

/// Who did something about an alert, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Name of the user or key. `None` if the client showed none.
    pub by: Option<Box<str>>,
    /// When, by the clock of the server that accepted it.
    pub at: ReceivedAt,
}

/// A comment on an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Who wrote it, and when.
    #[serde(flatten)]
    pub signature: Signature,
    /// The text.
    pub text: Box<str>,
}

impl Handling {
    /// Whether nobody did anything.
    pub fn is_empty(&self) -> bool {
        self.acknowledged.is_none() && self.comments.is_empty()
    }

    /// Applies a note. Whoever acknowledged the alert first stays.
    pub(super) fn apply(&mut self, note: &AlertNote, at: ReceivedAt) {
        let signature = Signature {
            by: note.by.clone(),
            at,
        };
        if let Some(text) = &note.comment {
            self.comments.push(Comment {
                signature: signature.clone(),
                text: text.clone(),
            });
        }
        match note.acknowledged {
            Some(true) => drop(self.acknowledged.get_or_insert(signature)),
            Some(false) => self.acknowledged = None,
            None => {}
        }
    }
}

/// An alert as it was raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// Identity, which follows from the log: replaying the log raises the alert with the same id.
    pub id: Box<str>,
    /// Kind of the alert, such as `APSPOOF`.
    pub header: Box<str>,
    /// Class of the alert.
    pub class: Class,
    /// Severity of the alert.
    pub severity: Severity,
    /// When it was raised, by the log's clock.
    pub raised_at: ReceivedAt,
    /// When the event happened, by the time of the report.
    pub seen: Option<UnixTime>,
    /// Position of the last log record when the alert was raised.
    pub position: LogPosition,
    /// Radio technology, if the alert concerns one.
    pub phy: Option<Phy>,
    /// Device, if the alert concerns one.
    pub device: Option<DeviceId>,
    /// Scanner that reported the event, or that the alert concerns.
    pub scanner: Option<SourceId>,
    /// Addresses that the alert concerns.
    pub addresses: Addresses,
    /// The channel, as reported.
    pub channel: Option<Box<str>>,
    /// Position of the scanner.
    pub location: Option<Position>,
    /// Description of the event for people.
    pub text: Box<str>,
}

impl Raised {
    /// Whether it is about what an order erases. All that the order asks for has to hold, as it does for observations.
    pub(super) fn is_erased(&self, order: &EraseOrder) -> bool {
        let Addresses {
            transmitter,
            source,
            dest,
            other,
        } = self.addresses;
        let is_of = |address: MacAddr| {
            self.device.is_some_and(|device| device.addr == address)
                || [transmitter, source, dest, other].contains(&address)
        };
        let time = self.seen.unwrap_or(self.raised_at.time());
        let in_area =
            |area: crate::log::EraseArea| self.location.is_some_and(|location| area.has(location));
        order.address.is_none_or(is_of)
            && order
                .source
                .is_none_or(|source| self.scanner == Some(source))
            && order.has_time(time)
            && order.area.is_none_or(in_area)
    }
}

/// The addresses of an alert. [`MacAddr::ZERO`] stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Transmitter of the frame.
    pub transmitter: MacAddr,
    /// Source of the frame.
    pub source: MacAddr,
    /// Destination of the frame.
    pub dest: MacAddr,
    /// Network of the frame.
    pub other: MacAddr,
}

impl Addresses {
    /// No addresses.
    pub const NONE: Self = Self {
        transmitter: MacAddr::ZERO,
        source: MacAddr::ZERO,
        dest: MacAddr::ZERO,
        other: MacAddr::ZERO,
    };

    /// Addresses of a broadcast by a device, as Kismet fills them for scans.
    pub const fn of(addr: MacAddr) -> Self {
        Self {
            transmitter: addr,
            source: addr,
            dest: MacAddr::BROADCAST,
            other: addr,
        }
    }

    /// Whether one of the addresses is `addr`.
    pub fn name(self, addr: MacAddr) -> bool {
        [self.transmitter, self.source, self.dest, self.other].contains(&addr)
    }
}
