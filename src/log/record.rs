//! What the log orders: records.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;
use uuid::Uuid;

use super::LogPosition;
use crate::report::{
    Annotation, Batch, DeviceId, MacAddr, MacMask, Phy, ReceivedAt, Report, SourceId, UnixTime,
};

/// A record that the log has taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place in this log.
    pub position: LogPosition,
    /// The record itself.
    pub record: Record,
}

impl Entry {
    /// The reports of the record; none if it is of another kind.
    pub fn reports(&self) -> &[Report] {
        self.record
            .batch()
            .map_or(&[], |batch| batch.reports.as_slice())
    }
}

/// One change of the state: what the log orders, and what servers send to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The same wherever the record goes, so that it is applied once.
    pub id: RecordId,
    /// The server that took it from its sender.
    pub node: Uuid,
    /// Its place in the log of another server, if it came from there.
    pub origin: Option<Origin>,
    /// When `node` took it, by that server's clock.
    pub at: ReceivedAt,
    /// What it says.
    pub what: What,
}

/// The place of a record in the log that handed it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The server of that log.
    pub node: Uuid,
    /// The record's position there.
    pub position: LogPosition,
}

/// What a record says. The order of the kinds is part of the encoding: new ones go last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A scanner reports.
    Reports(Batch),
    /// Somebody names or tags a device.
    Annotation(Annotation),
    /// Somebody defines or raises an alert, or changes what is watched.
    AlertOrder(AlertOrder),
    /// Somebody pauses, opens or closes a source.
    SourcePause(SourcePause),
    /// A file was imported.
    Import(Import),
    /// Settings that all servers of a fleet have to share.
    Settings(Settings),
    /// Time goes on, [`Record::at`] says how far.
    ///
    /// Only a fleet logs ticks: its servers have clocks of their own, and each rule about silence has to fire at the same
    /// position on all of them. A server that runs alone hands the time to its rules directly. A tick a second in its
    /// log would be 86 400 syncs a day for nothing: what a rule found is kept with the alerts.
    Tick,
    /// What is known of somebody has to go.
    Erasure(Erasure),
}

/// A change to alerts that somebody asked for. The alerts' own types are not known here, so classes and severities are
/// words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertOrder {
    /// Adds a kind of alerts.
    Define(AlertKind),
    /// Watches addresses, or stops to watch them.
    Watch(WatchOrder),
    /// Raises an alert of a kind that exists.
    Raise(Box<HandRaised>),
}

/// A kind of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertKind {
    /// Its name, in capitals.
    pub header: Box<str>,
    /// Such as `SPOOF`.
    pub class: Box<str>,
    /// Such as `high`.
    pub severity: Box<str>,
    /// For people.
    pub description: Box<str>,
    /// The radio technology, if it is about one.
    pub phy: Option<Phy>,
    /// The most alerts in the long run.
    pub rate: AlertRate,
    /// The most alerts at once.
    pub burst: AlertRate,
}

/// So many alerts in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRate {
    /// The most that are raised.
    pub count: u32,
    /// The span that they are counted over.
    pub seconds: u32,
}

/// A change of the watched addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchOrder {
    /// Whether the list of those that are reported when they are found changes.
    pub found: bool,
    /// Whether the list of those that are reported when they are lost changes.
    pub lost: bool,
    /// The addresses.
    pub masks: Vec<MacMask>,
    /// Whether they are watched from now on, or not any more.
    pub is_watched: bool,
}

/// An alert that somebody raises. Its class and severity follow from its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandRaised {
    /// Its identity, chosen by the server that took it.
    pub id: Box<str>,
    /// Its kind.
    pub header: Box<str>,
    /// For people.
    pub text: Box<str>,
    /// When what it tells of happened, if that is said.
    pub seen: Option<UnixTime>,
    /// The device, if it is about one that is tracked.
    pub device: Option<DeviceId>,
    /// The scanner, if it is about one.
    pub scanner: Option<SourceId>,
    /// Kismet's four addresses: transmitter, source, destination, other.
    pub addresses: [MacAddr; 4],
    /// The channel, if one is named.
    pub channel: Option<Box<str>>,
}

/// A source is to be in another state from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePause {
    /// Which source.
    pub source: SourceId,
    /// Its state from now on.
    pub state: SourceState,
}

/// What people have done to a source. Its reports are taken in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Reports, as a new source does.
    Open,
    /// Is marked as paused.
    Paused,
    /// Is marked as closed.
    Closed,
}

/// A file was imported. Its reports are records of their own, before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Its name, as the sender said.
    pub file: Box<str>,
    /// The name of its format.
    pub format: Box<str>,
    /// How many reports were taken from it.
    pub reports: u64,
}

/// Settings by name, in the notation of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings(pub BTreeMap<Box<str>, Box<str>>);

/// Whom nothing may be known of any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erasure {
    /// A device: all that was reported and said of it.
    Device(DeviceId),
    /// A source: all that it reported.
    Source(SourceId),
}

impl Record {
    /// A record that this server takes now.
    pub fn new(node: Uuid, at: ReceivedAt, what: What) -> Self {
        Self {
            id: RecordId::random(),
            node,
            origin: None,
            at,
            what,
        }
    }

    /// The reports of one request, if it is a record of those.
    pub fn batch(&self) -> Option<&Batch> {
        match &self.what {
            What::Reports(batch) => Some(batch),
            _ => None,
        }
    }
}

/// The identity of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "[u8; 16]", into = "[u8; 16]")]
pub struct RecordId(u128);

/// Where the identities of this process begin, and how many it has given.
static FIRST: LazyLock<u128> = LazyLock::new(|| {
    // Of a random UUID six bits are fixed; those of a second one stand elsewhere.
    Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(8)
});
static GIVEN: AtomicU64 = AtomicU64::new(0);

impl RecordId {
    /// An identity that no other record has.
    ///
    /// The first one of a process is random, and the others count on from it: a record costs one addition, and no call
    /// of the operating system. Within a process none repeats. Two processes share one only if their random beginnings
    /// lie nearer to each other than the number of records they make, which for a million processes of 10⁹ records each has
    /// a chance of about 10⁻¹⁷. An identity is no secret, so it need not be hard to guess.
    pub fn random() -> Self {
        let number = GIVEN.fetch_add(1, Ordering::Relaxed);
        Self(FIRST.wrapping_add(number.into()))
    }

    /// The identity of a record that was logged before records had one: it follows from its place.
    pub(super) fn of_place(server: Uuid, position: LogPosition) -> Self {
        let place = [server.as_bytes().as_slice(), &position.get().to_be_bytes()];
        Self(XxHash3_128::oneshot(&place.concat()))
    }

    /// Takes an identity.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The identity, its highest byte first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl From<[u8; 16]> for RecordId {
    fn from(bytes: [u8; 16]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl From<RecordId> for [u8; 16] {
    fn from(id: RecordId) -> Self {
        id.to_bytes()
    }
}
