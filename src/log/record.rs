//! The records of the log, and the changes that they make.

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

/// A record in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its position in this log.
    pub position: LogPosition,
    /// The record itself.
    pub record: Record,
}

impl Entry {
    /// The reports of the record; empty if it is of another kind.
    pub fn reports(&self) -> &[Report] {
        self.record
            .batch()
            .map_or(&[], |batch| batch.reports.as_slice())
    }
}

/// One change of the state. The log orders records, and servers send them to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Stays the same wherever the record goes, so that it is applied once.
    pub id: RecordId,
    /// The server that accepted it from a client.
    pub node: Uuid,
    /// Its position in the log of another server, if it came from there.
    pub origin: Option<Origin>,
    /// When `node` accepted it, by that server's clock.
    pub at: ReceivedAt,
    /// The change.
    pub what: What,
}

/// The position of a record in the log of the server that sent it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The server that sent it.
    pub node: Uuid,
    /// The record's position there.
    pub position: LogPosition,
}

/// The change that a record makes. The order of the variants is part of the encoding: add new ones at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A batch of a scanner's reports.
    Reports(Batch),
    /// A name or tag that somebody gives a device.
    Annotation(Annotation),
    /// A change of alert kinds or watched addresses, or an alert that somebody raises.
    AlertOrder(AlertOrder),
    /// A source that somebody pauses, opens or closes.
    SourcePause(SourcePause),
    /// The end of a file's import.
    Import(Import),
    /// Settings that all servers of a fleet must share.
    Settings(Settings),
    /// A tick of the clock. [`Record::at`] is the time.
    ///
    /// Only a fleet logs ticks: its servers have separate clocks, and each rule about silence must fire at the same
    /// position on all of them. A server that runs alone hands the time to its rules directly. A tick a second in its
    /// log would cost 86 400 syncs a day for nothing, because the alerts of these rules are stored elsewhere.
    Tick,
    /// A device or source whose data must be erased.
    Erasure(Erasure),
    /// A source that is forgotten: somebody said so, or it made room for another.
    SourceForget(SourceForget),
    /// Reports out of a file. They are history: they raise no alerts and no events, and are no contact of their source.
    ImportedReports(ImportedReports),
    /// A name that somebody gives a source.
    SourceName(SourceName),
}

/// A change of alerts that somebody requested. This module does not know the types of alerts, so classes and severities
/// are strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertOrder {
    /// Defines a kind of alert.
    Define(AlertKind),
    /// Starts or stops watching addresses.
    Watch(WatchOrder),
    /// Raises an alert of a kind that exists.
    Raise(Box<HandRaised>),
    /// Acknowledges an alert, takes that back, or adds a comment to it.
    Note(Box<AlertNote>),
}

/// A kind of alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertKind {
    /// Its name, in capitals.
    pub header: Box<str>,
    /// Its class, such as `SPOOF`.
    pub class: Box<str>,
    /// Its severity, such as `high`.
    pub severity: Box<str>,
    /// A description for people.
    pub description: Box<str>,
    /// The radio technology, if the kind is specific to one.
    pub phy: Option<Phy>,
    /// The sustained rate limit.
    pub rate: AlertRate,
    /// The burst limit.
    pub burst: AlertRate,
}

/// A limit on the number of alerts in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRate {
    /// How many alerts may be raised in the period.
    pub count: u32,
    /// The length of the period.
    pub seconds: u32,
}

/// A change of the watched addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchOrder {
    /// Whether the list of addresses that raise an alert when they are found changes.
    pub found: bool,
    /// Whether the list of addresses that raise an alert when they are lost changes.
    pub lost: bool,
    /// The addresses, or ranges of addresses.
    pub masks: Vec<MacMask>,
    /// `true` to start watching them, `false` to stop.
    pub is_watched: bool,
}

/// An alert that somebody raises by hand. Its kind determines its class and severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandRaised {
    /// Its identity, chosen by the server that accepted it.
    pub id: Box<str>,
    /// The name of its kind.
    pub header: Box<str>,
    /// The message for people.
    pub text: Box<str>,
    /// When the event happened, if the client said so.
    pub seen: Option<UnixTime>,
    /// The tracked device that it is about, if any.
    pub device: Option<DeviceId>,
    /// The scanner that it is about, if any.
    pub scanner: Option<SourceId>,
    /// Kismet's four addresses: transmitter, source, destination, other.
    pub addresses: [MacAddr; 4],
    /// The channel, if any.
    pub channel: Option<Box<str>>,
}

/// What somebody notes about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNote {
    /// The identity of the alert.
    pub alert: Box<str>,
    /// The name of the user or key, if the client showed one.
    pub by: Option<Box<str>>,
    /// `true` acknowledges the alert, and `false` takes that back. Without a value, neither happens.
    pub acknowledged: Option<bool>,
    /// A comment to add.
    pub comment: Option<Box<str>>,
}

/// A new state for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePause {
    /// The source that changes.
    pub source: SourceId,
    /// Its new state.
    pub state: SourceState,
}

/// A source to forget. Its reports and the devices that it saw stay. If it reports again, it is a new source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceForget {
    /// The source.
    pub source: SourceId,
}

/// A name for a source, in the place of the one that it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceName {
    /// The source.
    pub source: SourceId,
    /// The name. The empty one removes the current one: then the name that the source sends counts again.
    pub name: Box<str>,
}

/// The state that somebody gave a source. Its reports are accepted in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Open, as a new source is.
    Open,
    /// Marked as paused.
    Paused,
    /// Marked as closed.
    Closed,
}

/// The end of a file's import. The reports of the file are in records of their own, before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The name of the file, as the client sent it.
    pub file: Box<str>,
    /// The name of its format.
    pub format: Box<str>,
    /// How many reports of the file were accepted.
    pub reports: u64,
}

/// A batch of reports out of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportedReports {
    /// The SHA-256 of the file's unpacked content, in hex.
    pub file: Box<str>,
    /// The reports.
    pub batch: Batch,
}

/// Settings by name, in the notation of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings(pub BTreeMap<Box<str>, Box<str>>);

/// A device or source whose data must be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erasure {
    /// A device: all reports and annotations of it.
    Device(DeviceId),
    /// A source: all of its reports.
    Source(SourceId),
}

impl Record {
    /// Makes a record that this server accepts now.
    pub fn new(node: Uuid, at: ReceivedAt, what: What) -> Self {
        Self {
            id: RecordId::random(),
            node,
            origin: None,
            at,
            what,
        }
    }

    /// The batch of reports, if the record is one.
    pub fn batch(&self) -> Option<&Batch> {
        match &self.what {
            What::Reports(batch) => Some(batch),
            What::ImportedReports(imported) => Some(&imported.batch),
            _ => None,
        }
    }

    /// Like [`batch`](Self::batch), to change it.
    pub(super) fn batch_mut(&mut self) -> Option<&mut Batch> {
        match &mut self.what {
            What::Reports(batch) => Some(batch),
            What::ImportedReports(imported) => Some(&mut imported.batch),
            _ => None,
        }
    }

    /// The batch of reports, if a scanner sent them now.
    pub fn live_batch(&self) -> Option<&Batch> {
        self.batch().filter(|_| !self.is_history())
    }

    /// Whether the record holds reports out of a file.
    pub const fn is_history(&self) -> bool {
        matches!(self.what, What::ImportedReports(_))
    }
}

/// The identity of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "[u8; 16]", into = "[u8; 16]")]
pub struct RecordId(u128);

/// The first identity of this process, and how many it has given out.
static FIRST: LazyLock<u128> = LazyLock::new(|| {
    // Six bits of a random UUID are fixed. Rotating the second UUID moves its fixed bits to other places.
    Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(8)
});
static GIVEN: AtomicU64 = AtomicU64::new(0);

impl RecordId {
    /// Makes an identity that no other record has.
    ///
    /// The first identity of a process is random, and the others count on from it. So an identity costs one addition
    /// and no system call, and none repeats within a process. Two processes share one only if their random starts are
    /// closer to each other than the number of records they make. For a million processes of 10⁹ records each, the
    /// chance of that is about 10⁻¹⁷. An identity is not a secret, so it need not be hard to guess.
    pub fn random() -> Self {
        let number = GIVEN.fetch_add(1, Ordering::Relaxed);
        Self(FIRST.wrapping_add(number.into()))
    }

    /// The identity of a record that was logged before records had one. It is derived from the position.
    pub(super) fn of_place(server: Uuid, position: LogPosition) -> Self {
        let place = [server.as_bytes().as_slice(), &position.get().to_be_bytes()];
        Self(XxHash3_128::oneshot(&place.concat()))
    }

    /// Makes an identity from its bytes, the highest first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The bytes of the identity, the highest first.
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
