//! The chain: one hash of 128 bits that stands for all records up to a position.
//!
//! It says whether two logs have the same history, and whether a log still says what was written to it. The hash of a
//! record is made of the hash before it and of all that the log keeps of the record: its identity, the server that took
//! it, its origin, its time, and what it says down to the last field of each report, but not its position, which follows
//! from its place, nor the numbers of rows, which are a file's own. So it does not depend on how records were cut into
//! commits, and it is stored with the last record of each commit only.
//!
//! Not a cryptographic hash: it finds damage and mistakes. Whoever can write to the file can make up a chain that fits.

use rusqlite::{Connection, OptionalExtension};
use twox_hash::XxHash3_128;

use super::expire::expired_to;
use super::extra::Extra;
use super::{damaged, kinds, number, position};
use crate::log::{Entry, LogError, LogPosition, Record, What};
use crate::report::{
    Accuracy, Batch, BatchIdentity, Capabilities, Channel, Dbm, Frequency, Phy, Position, Report,
    Sighting, Ssid,
};

/// The key in `meta` of the position that the chain begins behind, in a log that is older than chains.
const KEY: &str = "chain_from";
/// Bytes of the part of a report that has always the same length.
const FIXED_BYTES: usize = 64;

/// Stands for all records up to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain([u8; 16]);

impl Chain {
    /// Stands for no record.
    pub(super) const START: Self = Self([0; 16]);

    pub(super) const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The chain behind a record that was read back.
    pub(super) fn extended_by(self, entry: &Entry, link: &mut Link) -> Result<Self, LogError> {
        let record = &entry.record;
        match (&record.what, kinds::text_of(&record.what)?) {
            (What::Reports(batch), _) => {
                link.begin(self, record);
                link.add_batch(batch, kinds::rejected_text(&batch.rejected)?.as_deref());
                for report in &batch.reports {
                    link.add_report(report, Extra::text_of(report)?.as_deref());
                }
            }
            (_, text) => {
                link.begin(self, record);
                let (kind, content) = text.unwrap_or_default();
                link.add_text(kind);
                link.add_text(&content);
            }
        }
        Ok(link.end())
    }
}

/// The bytes that a record adds to the chain: each value has its length in front, or always the same length.
#[derive(Debug, Default)]
pub(super) struct Link(Vec<u8>);

impl Link {
    /// Begins the link that follows on `before`.
    pub(super) fn begin(&mut self, before: Chain, record: &Record) {
        self.0.clear();
        self.0.extend_from_slice(&before.0);
        self.0.extend_from_slice(&record.id.to_bytes());
        self.0.extend_from_slice(record.node.as_bytes());
        self.0.extend_from_slice(&record.at.micros().to_le_bytes());
        self.0.push(record.origin.is_some().into());
        if let Some(origin) = record.origin {
            self.0.extend_from_slice(origin.node.as_bytes());
            self.0
                .extend_from_slice(&origin.position.get().to_le_bytes());
        }
        self.0.push(kind_byte(&record.what));
    }

    /// The chain behind the record.
    pub(super) fn end(&self) -> Chain {
        Chain(XxHash3_128::oneshot(&self.0).to_be_bytes())
    }

    pub(super) fn add_text(&mut self, text: &str) {
        self.add_length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// The same bytes on every machine.
    fn add_length(&mut self, length: usize) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
    }

    fn add_optional(&mut self, text: Option<&str>) {
        self.0.push(text.is_some().into());
        self.add_text(text.unwrap_or_default());
    }

    /// All of a batch but its reports.
    pub(super) fn add_batch(&mut self, batch: &Batch, rejected: Option<&str>) {
        self.0.extend_from_slice(batch.source.uuid().as_bytes());
        self.add_optional(batch.source_name.as_deref());
        self.0
            .push(batch.technology.map_or(0, |phy| phy_byte(phy) + 1));
        self.0.push(batch.identity.is_some().into());
        self.0
            .extend_from_slice(&batch.identity.map_or([0; 16], BatchIdentity::to_bytes));
        self.add_optional(rejected);
        self.add_length(batch.reports.len());
    }

    /// A report, and what it has beside the columns.
    pub(super) fn add_report(&mut self, report: &Report, extra: Option<&str>) {
        let device = report.device();
        let (ssid, capabilities) = match &report.sighting {
            Sighting::Bluetooth(_) => (None, None),
            Sighting::Wifi(wifi) => (
                Some(&wifi.ssid),
                wifi.capabilities.as_ref().map(Capabilities::raw),
            ),
        };
        let position = report.position;
        let present = u16::from(report.signal.is_some())
            | u16::from(report.frequency.is_some()) << 1
            | u16::from(report.channel.is_some()) << 2
            | u16::from(position.is_some()) << 3
            | u16::from(position.is_some_and(|position| position.alt_mm().is_some())) << 4
            | u16::from(report.accuracy.is_some()) << 5
            | u16::from(capabilities.is_some()) << 6
            | u16::from(extra.is_some()) << 7
            | u16::from(phy_byte(device.phy)) << 8;
        let mut fixed = Fixed::default();
        fixed.add(report.time.seconds().to_le_bytes());
        fixed.add(device.addr.octets());
        fixed.add(present.to_le_bytes());
        fixed.add(report.signal.map_or(0, Dbm::get).to_le_bytes());
        let frequency = report.frequency.map_or(0, Frequency::khz);
        fixed.add(frequency.to_le_bytes());
        fixed.add(position.map_or(0, Position::lat_e7).to_le_bytes());
        fixed.add(position.map_or(0, Position::lon_e7).to_le_bytes());
        let alt_mm = position.and_then(Position::alt_mm);
        fixed.add(alt_mm.unwrap_or_default().to_le_bytes());
        fixed.add(position.map_or(0, Position::speed_m_h).to_le_bytes());
        fixed.add(report.accuracy.map_or(0, Accuracy::mm).to_le_bytes());
        let channel = report.channel.as_ref().map_or(&[][..], Channel::as_bytes);
        let lengths = [
            ssid.map_or(0, |ssid| ssid.as_bytes().len()),
            capabilities.map_or(0, str::len),
            channel.len(),
            extra.map_or(0, str::len),
        ];
        for length in lengths {
            // No text is longer than what a request may have.
            fixed.add(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        self.0.extend_from_slice(&fixed.bytes);
        self.0.extend_from_slice(ssid.map_or(&[], Ssid::as_bytes));
        self.0
            .extend_from_slice(capabilities.unwrap_or_default().as_bytes());
        self.0.extend_from_slice(channel);
        if let Some(extra) = extra {
            self.0.extend_from_slice(extra.as_bytes());
        }
    }
}

/// Values of a fixed length, one after the other.
struct Fixed {
    bytes: [u8; FIXED_BYTES],
    used: usize,
}

impl Default for Fixed {
    fn default() -> Self {
        Self {
            bytes: [0; FIXED_BYTES],
            used: 0,
        }
    }
}

impl Fixed {
    fn add<const N: usize>(&mut self, value: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(self.used..self.used + N) {
            place.copy_from_slice(&value);
        }
        self.used += N;
    }
}

fn kind_byte(what: &What) -> u8 {
    u8::from(!matches!(what, What::Reports(_)))
}

fn phy_byte(phy: Phy) -> u8 {
    match phy {
        Phy::Wifi => 0,
        Phy::Bluetooth => 1,
    }
}

/// The chain at the end of a log.
pub(super) fn last(db: &Connection) -> Result<Chain, LogError> {
    let query = "SELECT chain FROM records ORDER BY position DESC LIMIT 1";
    let found = db.query_row(query, [], |row| row.get::<_, Option<[u8; 16]>>(0));
    // The last record of a log that is older than chains has none: with it the chain begins.
    Ok(found.optional()?.flatten().map_or(Chain::START, Chain))
}

/// The position that the chain begins behind.
fn begins_behind(db: &Connection) -> Result<LogPosition, LogError> {
    let query = "SELECT value FROM meta WHERE key = ?1";
    let text: Option<String> = db.query_row(query, [KEY], |row| row.get(0)).optional()?;
    match text {
        None => Ok(LogPosition::START),
        Some(text) => position(
            text.parse()
                .map_err(|_| damaged("meta: the value of chain_from is not a number"))?,
        ),
    }
}

/// Compares what records say with the chain that is stored with them.
pub(super) struct Check<'d> {
    stored: rusqlite::Statement<'d>,
    /// The chain up to here, if it is known: some of its records may have expired.
    chain: Option<Chain>,
    /// The last record whose chain is known to be right.
    checked_to: LogPosition,
    begins_behind: LogPosition,
    link: Link,
}

/// Records that do not say what was written.
pub(super) struct Broken {
    pub(super) from: LogPosition,
    pub(super) to: LogPosition,
}

impl<'d> Check<'d> {
    pub(super) fn new(db: &'d Connection) -> Result<Self, LogError> {
        let (expired_to, begins_behind) = (expired_to(db)?, begins_behind(db)?);
        let mut check = Self {
            stored: db.prepare("SELECT chain FROM records WHERE position = ?1")?,
            chain: Some(Chain::START),
            checked_to: begins_behind,
            begins_behind,
            link: Link::default(),
        };
        if begins_behind < expired_to {
            check.chain = check.stored(expired_to)?;
            check.checked_to = expired_to;
        }
        Ok(check)
    }

    fn stored(&mut self, at: LogPosition) -> Result<Option<Chain>, LogError> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Option<[u8; 16]>>(0);
        let found = self.stored.query_row([number(at)], read).optional()?;
        Ok(found.flatten().map(Chain))
    }

    /// Takes the next record, and gives the records up to it if they do not fit the chain that is stored with it.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<Option<Broken>, LogError> {
        let at = entry.position;
        if at <= self.begins_behind {
            return Ok(None);
        }
        if let Some(chain) = self.chain {
            self.chain = Some(chain.extended_by(entry, &mut self.link)?);
        }
        let Some(stored) = self.stored(at)? else {
            return Ok(None);
        };
        let is_broken = self.chain.is_some_and(|chain| chain != stored);
        let broken = is_broken.then(|| Broken {
            from: self.checked_to.next(),
            to: at,
        });
        // What is wrong before it is told once.
        (self.chain, self.checked_to) = (Some(stored), at);
        Ok(broken)
    }

    /// The records at the end that no chain was stored behind, if there are any.
    pub(super) fn end(&self, last: LogPosition) -> Option<Broken> {
        (self.checked_to < last).then(|| Broken {
            from: self.checked_to.next(),
            to: last,
        })
    }
}
