//! The chain: a hash of 128 bits over all records up to a position.
//!
//! It shows whether two logs have the same history, and whether a log still contains what was written to it. The hash
//! of a record covers the hash before it and everything that the log stores of the record: its identity, the server
//! that accepted it, its origin, its time, and its content down to the last field of each report. It does not cover the
//! position, which follows from the order, nor row numbers, which differ from file to file. So it does not depend on
//! how records were grouped into commits. It is stored only with the last record of each commit.
//!
//! The hash is not cryptographic. It finds damage and mistakes, but whoever can write to the file can also forge the
//! chain.

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

/// The key in `meta` of the last position before the chain, in a log that is older than chains.
const KEY: &str = "chain_from";
/// The length of the fixed part of a report.
const FIXED_BYTES: usize = 64;

/// The hash over all records up to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain([u8; 16]);

impl Chain {
    /// The chain of an empty log.
    pub(super) const START: Self = Self([0; 16]);

    pub(super) const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The chain after a record that was read back from the log.
    pub(super) fn extended_by(self, entry: &Entry, link: &mut Link) -> Result<Self, LogError> {
        let record = &entry.record;
        link.begin(self, record);
        if let Some((kind, content)) = kinds::text_of(&record.what)? {
            link.add_text(kind);
            link.add_text(&content);
        }
        if let Some(batch) = record.batch() {
            link.add_batch(batch, kinds::rejected_text(&batch.rejected)?.as_deref());
            for report in &batch.reports {
                link.add_report(report, Extra::text_of(report)?.as_deref());
            }
        }
        Ok(link.end())
    }
}

/// The bytes that a record adds to the chain. Each value has a fixed length, or its length before it.
#[derive(Debug, Default)]
pub(super) struct Link(Vec<u8>);

impl Link {
    /// Begins the link that follows `before`.
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

    /// The chain after the record.
    pub(super) fn end(&self) -> Chain {
        Chain(XxHash3_128::oneshot(&self.0).to_be_bytes())
    }

    pub(super) fn add_text(&mut self, text: &str) {
        self.add_length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Adds a length as 8 bytes, so that the chain is the same on every platform.
    fn add_length(&mut self, length: usize) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
    }

    fn add_optional(&mut self, text: Option<&str>) {
        self.0.push(text.is_some().into());
        self.add_text(text.unwrap_or_default());
    }

    /// Adds everything of a batch except its reports.
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

    /// Adds a report, with the text of its column `extra`.
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
            // No text is longer than a request.
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

/// A buffer for values of fixed length.
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
    // The last record of a log that is older than chains has none: the chain begins after it.
    Ok(found.optional()?.flatten().map_or(Chain::START, Chain))
}

/// The position after which the chain begins.
fn begins_after(db: &Connection) -> Result<LogPosition, LogError> {
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

/// Compares records with the chain that is stored with them.
pub(super) struct Check<'d> {
    stored: rusqlite::Statement<'d>,
    /// The chain up to the last record. `None` if it is unknown because records before it have expired, or reports of the
    /// last ones.
    chain: Option<Chain>,
    /// The last record that was compared with a stored chain.
    checked_to: LogPosition,
    begins_after: LogPosition,
    link: Link,
}

/// What is stored with a record.
#[derive(Default)]
struct Stored {
    chain: Option<Chain>,
    /// Whether its reports have expired, and the record stays.
    is_without_reports: bool,
}

/// A range of records that do not match their chain.
pub(super) struct BrokenRange {
    pub(super) from: LogPosition,
    pub(super) to: LogPosition,
}

impl<'d> Check<'d> {
    pub(super) fn new(db: &'d Connection) -> Result<Self, LogError> {
        let (expired_to, begins_after) = (expired_to(db)?, begins_after(db)?);
        let mut check = Self {
            stored: db.prepare("SELECT chain, accepted < 0 FROM records WHERE position = ?1")?,
            chain: Some(Chain::START),
            checked_to: begins_after,
            begins_after,
            link: Link::default(),
        };
        if begins_after < expired_to {
            check.chain = check.stored(expired_to)?.chain;
            check.checked_to = expired_to;
        }
        Ok(check)
    }

    fn stored(&mut self, at: LogPosition) -> Result<Stored, LogError> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Stored {
                chain: row.get::<_, Option<[u8; 16]>>(0)?.map(Chain),
                is_without_reports: row.get(1)?,
            })
        };
        let found = self.stored.query_row([number(at)], read).optional()?;
        Ok(found.unwrap_or_default())
    }

    /// Adds the next record. Returns the records since the last stored chain if they do not match the one stored here.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<Option<BrokenRange>, LogError> {
        let at = entry.position;
        if at <= self.begins_after {
            return Ok(None);
        }
        let Stored {
            chain: stored,
            is_without_reports,
        } = self.stored(at)?;
        if is_without_reports {
            // Nobody can tell what it was. The next stored chain has it, perhaps its own.
            self.chain = stored;
            if stored.is_some() {
                self.checked_to = at;
            }
            return Ok(None);
        }
        if let Some(chain) = self.chain {
            self.chain = Some(chain.extended_by(entry, &mut self.link)?);
        }
        let Some(stored) = stored else {
            return Ok(None);
        };
        let is_broken = self.chain.is_some_and(|chain| chain != stored);
        let broken = is_broken.then(|| BrokenRange {
            from: self.checked_to.next(),
            to: at,
        });
        // Continue from the stored chain, so that each mismatch is reported once.
        (self.chain, self.checked_to) = (Some(stored), at);
        Ok(broken)
    }

    /// The records at the end that have no stored chain after them, if there are any.
    pub(super) fn end(&self, last: LogPosition) -> Option<BrokenRange> {
        (self.checked_to < last).then(|| BrokenRange {
            from: self.checked_to.next(),
            to: last,
        })
    }
}

/// Computes the chain anew after records were changed.
pub(super) struct Anew<'d> {
    check: Check<'d>,
    changed: Vec<(i64, [u8; 16])>,
}

impl<'d> Anew<'d> {
    pub(super) fn new(db: &'d Connection) -> Result<Self, LogError> {
        Ok(Self {
            check: Check::new(db)?,
            changed: Vec::new(),
        })
    }

    /// Adds the next record. What is stored of a chain whose beginning has expired stays: nobody can check it.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<(), LogError> {
        let Self { check, changed } = self;
        let at = entry.position;
        if at <= check.begins_after {
            return Ok(());
        }
        let Stored {
            chain: stored,
            is_without_reports,
        } = check.stored(at)?;
        if is_without_reports {
            check.chain = stored;
            return Ok(());
        }
        if let Some(chain) = check.chain {
            check.chain = Some(chain.extended_by(entry, &mut check.link)?);
        }
        let Some(stored) = stored else {
            return Ok(());
        };
        match check.chain {
            None => check.chain = Some(stored),
            Some(chain) if chain != stored => changed.push((number(at), chain.to_bytes())),
            Some(_) => {}
        }
        Ok(())
    }

    /// The positions whose chain has to be stored anew.
    pub(super) fn changed(self) -> Vec<(i64, [u8; 16])> {
        self.changed
    }
}
