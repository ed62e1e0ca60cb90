//! Reads records from rows.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::ControlFlow;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::expire::{expired_clock, expired_to};
use super::extra::Extra;
use super::kinds;
use super::texts::Texts;
use super::write::number_of_phy;
use super::{NODE_UUID, SERVER_UUID, damaged, number, position, signed, unsigned};
use crate::log::{
    Entry, LogError, LogPosition, LoggedObservation, ObservationKey, Origin, Record, RecordId,
    Resendable, SeenBatch, StoredReceipt, What,
};
use crate::report::{
    Accuracy, Batch, BatchIdentity, BluetoothAddr, Bssid, Dbm, Frequency, MacAddr, Phy, Position,
    ReceivedAt, Rejected, Report, Sighting, SourceId, Ssid, UnixTime, WifiSighting,
};

/// The column of the record's position in [`SELECT_OBSERVATION`].
const RECORD: usize = 14;
/// Memory is reserved for at most this many reports before they are read: a damaged count must not reserve all memory.
const REPORTS_EXPECTED_MAX: i64 = 10_000;
const NO_PHY: &str = "a radio technology is unknown";
pub(super) const STRAY: &str = "an observation has no record, or is out of order";

/// The columns that [`Owner::read_record`] reads.
const SELECT_RECORD: &str =
    "SELECT r.position, r.received_at_us, r.id, n.uuid, f.uuid, r.origin_position, r.kind, r.content, s.uuid,
            r.source_name, r.phy, r.identity, r.rejected, r.accepted
     FROM records r LEFT JOIN sources s ON s.id = r.source
          LEFT JOIN nodes n ON n.id = r.node LEFT JOIN nodes f ON f.id = r.origin_node";

/// The columns that [`read_report`] reads, and last the position of the record.
const SELECT_OBSERVATION: &str =
    "SELECT o.time, o.address, s.ssid, o.capabilities, o.channel, o.frequency_khz, o.signal_dbm,
            o.lat_e7, o.lon_e7, o.alt_mm, o.speed_m_h, o.extra, o.phy, o.accuracy_mm, o.record
     FROM observations o LEFT JOIN ssids s ON s.id = o.ssid";

/// Calls `visit` with each record after `after`, in order, until it breaks. Returns where it began: later, if what follows
/// has expired.
pub(super) fn replay(
    db: &Connection,
    after: LogPosition,
    visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Result<LogPosition, LogError> {
    let mut records = db.prepare_cached(&format!(
        "{SELECT_RECORD} WHERE r.position > ?1 ORDER BY r.position"
    ))?;
    let mut observations = db.prepare_cached(&format!(
        "{SELECT_OBSERVATION} WHERE o.id >= ?1 ORDER BY o.id"
    ))?;
    let after = after.max(expired_to(db)?);
    let mut rows = observations.query([first_observation_after(db, after)?])?;
    let mut next = rows.next()?;
    let mut record_rows = records.query([number(after)])?;
    let owner = Owner::read(db)?;
    let mut texts = Texts::of(db);
    while let Some(row) = record_rows.next()? {
        let (mut entry, phy) = owner.read_record(row)?;
        let here = number(entry.position);
        while let Some(observation) = next {
            match observation.get::<_, i64>(RECORD)?.cmp(&here) {
                Ordering::Less => return Err(damaged(STRAY)),
                Ordering::Equal => {}
                Ordering::Greater => break,
            }
            let batch = entry.record.batch_mut().ok_or_else(|| damaged(STRAY))?;
            batch
                .reports
                .push(read_report(observation, phy, &mut texts)?);
            next = rows.next()?;
        }
        if visit(entry).is_break() {
            return Ok(after);
        }
    }
    match next {
        None => Ok(after),
        Some(_) => Err(damaged(STRAY)),
    }
}

/// The row number of the first observation after a record. A binary search finds it, because rows are in log order.
pub(super) fn oldest_received_at(db: &Connection) -> Result<Option<ReceivedAt>, LogError> {
    let micros: Option<i64> = db
        .query_row(
            "SELECT received_at_us FROM records
             WHERE position = (SELECT record FROM observations ORDER BY id LIMIT 1)",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let micros = micros.map(unsigned).transpose()?;
    Ok(micros.map(ReceivedAt::from_micros))
}

pub(super) fn first_observation_after(
    db: &Connection,
    after: LogPosition,
) -> Result<i64, LogError> {
    let bounds = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut ends = db.prepare_cached(
        "SELECT (SELECT min(id) FROM observations), (SELECT max(id) FROM observations)",
    )?;
    let (first, last): (Option<i64>, Option<i64>) = ends.query_row([], bounds)?;
    let (Some(mut low), Some(last)) = (first, last) else {
        return Ok(0);
    };
    let mut high = last + 1;
    let mut batch_from = db
        .prepare_cached("SELECT id, record FROM observations WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let (id, batch): (i64, i64) =
            batch_from.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if number(after) < batch {
            high = middle;
        } else {
            low = id + 1;
        }
    }
    Ok(low)
}

/// Reads observations, each as a batch of its own. `None` if one of them is not of the device.
pub(super) fn observations(
    db: &Connection,
    addr: MacAddr,
    keys: &[ObservationKey],
) -> Result<Option<Vec<LoggedObservation>>, LogError> {
    let mut observation = db.prepare_cached(&format!("{SELECT_OBSERVATION} WHERE o.id = ?1"))?;
    let mut record = db.prepare_cached(&format!("{SELECT_RECORD} WHERE r.position = ?1"))?;
    let owner = Owner::read(db)?;
    let mut texts = Texts::of(db);
    let mut read = Vec::with_capacity(keys.len());
    for key in keys {
        let mut rows = observation.query([key.id])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let mut records = record.query([row.get::<_, i64>(RECORD)?])?;
        let (mut entry, phy) = owner.read_record(records.next()?.ok_or_else(|| damaged(STRAY))?)?;
        let batch = entry.record.batch_mut().ok_or_else(|| damaged(STRAY))?;
        let report = read_report(row, phy, &mut texts)?;
        if report.device().addr != addr {
            return Ok(None);
        }
        let key = ObservationKey {
            time: report.time,
            ..*key
        };
        batch.reports = vec![report];
        read.push(LoggedObservation { key, entry });
    }
    Ok(Some(read))
}

/// The newest `count` batches that have an identity, with the log's clock.
pub(super) fn resendable(db: &Connection, count: usize) -> Result<Resendable, LogError> {
    let first: Option<i64> = db.query_row(
        "SELECT min(position) FROM (SELECT position FROM records WHERE identity IS NOT NULL
                                    ORDER BY position DESC LIMIT ?1)",
        [signed(count)],
        |row| row.get(0),
    )?;
    let before = "SELECT max(received_at_us) FROM records WHERE position < ?1";
    let clock: Option<i64> = db.query_row(before, [first.unwrap_or(i64::MAX)], |row| row.get(0))?;
    let clock = ReceivedAt::from_micros(unsigned(clock.unwrap_or_default())?);
    let mut clock = clock.max(expired_clock(db)?);
    let mut batches = Vec::new();
    let mut query = db.prepare(
        "SELECT identity, position, received_at_us FROM records WHERE position >= ?1 ORDER BY position",
    )?;
    let mut rows = query.query([first.unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        clock = clock.max(ReceivedAt::from_micros(unsigned(row.get(2)?)?));
        if let Some(identity) = identity(row.get_ref(0)?)? {
            let position = position(row.get(1)?)?;
            batches.push(SeenBatch {
                identity,
                position,
                clock,
            });
        }
    }
    Ok(Resendable { clock, batches })
}

/// The sources and times of receipt of the last batches up to `to`.
pub(super) fn contacts(
    db: &Connection,
    to: LogPosition,
    count: usize,
) -> Result<Vec<(SourceId, ReceivedAt)>, LogError> {
    let mut query = db.prepare(
        "SELECT s.uuid, r.received_at_us FROM records r JOIN sources s ON s.id = r.source
         WHERE r.position <= ?1 AND r.kind IS NULL ORDER BY r.position DESC LIMIT ?2",
    )?;
    let mut rows = query.query(params![number(to), signed(count)])?;
    let mut contacts = Vec::new();
    while let Some(row) = rows.next()? {
        let source = read_source(row, 0)?;
        contacts.push((source, ReceivedAt::from_micros(unsigned(row.get(1)?)?)));
    }
    contacts.reverse();
    Ok(contacts)
}

/// Adds the sources of the reports after `after` and up to `to`. Reports out of files do not count.
pub(super) fn add_sources(
    db: &Connection,
    (after, to): (LogPosition, LogPosition),
    sources: &mut HashSet<SourceId>,
) -> Result<(), LogError> {
    let mut query = db.prepare_cached(
        "SELECT uuid FROM sources WHERE id IN
             (SELECT source FROM records WHERE ?1 < position AND position <= ?2 AND kind IS NULL)",
    )?;
    let mut rows = query.query([number(after), number(to)])?;
    while let Some(row) = rows.next()? {
        sources.insert(read_source(row, 0)?);
    }
    Ok(())
}

/// The position of the first record after `after` that has reports out of a file.
pub(super) fn next_imported(
    db: &Connection,
    after: LogPosition,
) -> Result<Option<LogPosition>, LogError> {
    let mut query =
        db.prepare_cached("SELECT min(position) FROM records WHERE ?1 < position AND kind = ?2")?;
    let found: Option<i64> =
        query.query_row((number(after), kinds::IMPORTED_REPORTS), |row| row.get(0))?;
    found.map(super::position).transpose()
}

fn read_source(row: &Row<'_>, column: usize) -> Result<SourceId, LogError> {
    let source: String = row.get(column)?;
    let source = source.parse();
    source.map_err(|_| damaged("the UUID of a source cannot be read"))
}

pub(super) fn receipt(db: &Connection, at: LogPosition) -> Result<Option<StoredReceipt>, LogError> {
    let mut query =
        db.prepare_cached("SELECT accepted, rejected FROM records WHERE position = ?1")?;
    let row = query.query_row([number(at)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
    });
    let Some((accepted, rejected)) = row.optional()? else {
        return Ok(None);
    };
    // Below zero if the reports have expired. What was accepted is still told.
    let accepted =
        usize::try_from(accepted.unsigned_abs()).map_err(|_| damaged("a count is too large"))?;
    Ok(Some(StoredReceipt {
        position: at,
        accepted,
        rejected: read_rejected(rejected.as_deref())?,
    }))
}

/// The identities of the server that the log belongs to.
struct Owner {
    server: Uuid,
    node: Uuid,
}

impl Owner {
    fn read(db: &Connection) -> Result<Self, LogError> {
        let read = |key| {
            let query = "SELECT value FROM meta WHERE key = ?1";
            let mut query = db.prepare_cached(query)?;
            let text: Option<String> = query.query_row([key], |row| row.get(0)).optional()?;
            Ok::<_, LogError>(text.and_then(|text| text.parse().ok()))
        };
        // An old log has no node until a server of a version with records opens it.
        let server = read(SERVER_UUID)?.unwrap_or_default();
        let node = read(NODE_UUID)?.unwrap_or(server);
        Ok(Self { server, node })
    }

    /// Reads a record without its reports, and the radio technology of reports that do not have their own.
    fn read_record(&self, row: &Row<'_>) -> Result<(Entry, Option<Phy>), LogError> {
        let position = position(row.get(0)?)?;
        let id = match row.get::<_, Option<[u8; 16]>>(2)? {
            None => RecordId::of_place(self.server, position),
            Some(bytes) => RecordId::from_bytes(bytes),
        };
        let origin = match (read_uuid(row, 4)?, row.get::<_, Option<i64>>(5)?) {
            (Some(node), Some(there)) => Some(Origin {
                node,
                position: super::position(there)?,
            }),
            (None, None) => None,
            _ => return Err(damaged("records: half of an origin is missing")),
        };
        let (what, phy) = match row.get::<_, Option<String>>(6)? {
            None => {
                let (batch, phy) = read_batch(row)?;
                (What::Reports(batch), phy)
            }
            Some(kind) if kind == kinds::IMPORTED_REPORTS => {
                let (batch, phy) = read_batch(row)?;
                (kinds::read_imported(&row.get::<_, String>(7)?, batch)?, phy)
            }
            Some(kind) => (kinds::read(&kind, &row.get::<_, String>(7)?)?, None),
        };
        let record = Record {
            id,
            node: read_uuid(row, 3)?.unwrap_or(self.node),
            origin,
            at: ReceivedAt::from_micros(unsigned(row.get(1)?)?),
            what,
        };
        Ok((Entry { position, record }, phy))
    }
}

fn read_uuid(row: &Row<'_>, column: usize) -> Result<Option<Uuid>, LogError> {
    let text: Option<String> = row.get(column)?;
    let uuid = text.map(|text| text.parse()).transpose();
    uuid.map_err(|_| damaged("the UUID of a server cannot be read"))
}

fn read_batch(row: &Row<'_>) -> Result<(Batch, Option<Phy>), LogError> {
    let source: Option<String> = row.get(8)?;
    let source = source.ok_or_else(|| damaged("the source of reports is missing"))?;
    let phy = phy_of_record(row, 10)?;
    let reports: i64 = row.get(13)?;
    let batch = Batch {
        source: source
            .parse()
            .map_err(|_| damaged("the UUID of a source cannot be read"))?,
        source_name: row.get::<_, Option<String>>(9)?.map(Into::into),
        technology: phy.filter(|_| reports == 0),
        identity: identity(row.get_ref(11)?)?,
        rejected: read_rejected(row.get::<_, Option<String>>(12)?.as_deref())?,
        reports: Vec::with_capacity(
            usize::try_from(reports.min(REPORTS_EXPECTED_MAX)).unwrap_or_default(),
        ),
    };
    Ok((batch, phy))
}

pub(super) fn phy_of_record(row: &Row<'_>, column: usize) -> Result<Option<Phy>, LogError> {
    let Some(name) = row
        .get_ref(column)?
        .as_str_or_null()
        .map_err(|_| damaged(NO_PHY))?
    else {
        return Ok(None);
    };
    let known = Phy::ALL.into_iter().find(|known| known.name() == name);
    known.map(Some).ok_or_else(|| damaged(NO_PHY))
}

/// The radio technology of a report. If all reports of a record share it, only the record has it.
pub(super) fn phy_of_report(number: Option<i64>, of_record: Option<Phy>) -> Result<Phy, LogError> {
    match number {
        None => of_record.ok_or_else(|| damaged("the radio technology of a report is missing")),
        Some(number) => Phy::ALL
            .into_iter()
            .find(|phy| number_of_phy(*phy) == number)
            .ok_or_else(|| damaged(NO_PHY)),
    }
}

fn read_report(
    row: &Row<'_>,
    of_record: Option<Phy>,
    texts: &mut Texts<'_>,
) -> Result<Report, LogError> {
    let phy = phy_of_report(row.get(12)?, of_record)?;
    let extra = row
        .get_ref(11)?
        .as_str_or_null()
        .map_err(|_| damaged("observations: the value of extra is not a text"))?;
    let address: i64 = row.get(1)?;
    let addr =
        MacAddr::from_u64(unsigned(address)?).ok_or_else(|| damaged("an address is too long"))?;
    let channel = match row.get(4)? {
        None => None,
        Some(number) => texts.channel(number)?,
    };
    let place: (Option<i32>, Option<i32>) = (row.get(7)?, row.get(8)?);
    let (tags, sighting) = match phy {
        Phy::Bluetooth => {
            let addr = BluetoothAddr::try_from(addr)
                .map_err(|_| damaged("an address is not the address of a station"))?;
            Extra::from_text(extra)?.bluetooth(addr)?
        }
        Phy::Wifi => {
            let ssid = row.get_ref(2)?.as_bytes_or_null();
            let ssid = ssid.map_err(|_| damaged("an SSID is not bytes"))?;
            let capabilities = match row.get(3)? {
                None => None,
                Some(number) => texts.capabilities(number)?,
            };
            let columns = WifiSighting {
                bssid: Bssid::try_from(addr)
                    .map_err(|_| damaged("an address is not the address of a station"))?,
                ssid: Ssid::try_from(ssid.unwrap_or_default())
                    .map_err(|_| damaged("an SSID is too long"))?,
                capabilities,
                width: None,
                center0_mhz: None,
                center1_mhz: None,
                ie_tags: None,
            };
            match extra {
                None => (Vec::new(), Sighting::Wifi(columns)),
                Some(_) => Extra::from_text(extra)?.wifi(columns),
            }
        }
    };
    Ok(Report {
        time: UnixTime::new(row.get(0)?),
        signal: row.get::<_, Option<f64>>(6)?.and_then(Dbm::from_wire),
        frequency: read_with(row.get::<_, Option<f64>>(5)?, Frequency::from_wire)?,
        channel,
        position: match place {
            (Some(lat_e7), Some(lon_e7)) => {
                let (alt_mm, speed_m_h) = (
                    row.get(9)?,
                    row.get::<_, Option<u32>>(10)?.unwrap_or_default(),
                );
                let position = Position::from_fixed(lat_e7, lon_e7, alt_mm, speed_m_h);
                Some(position.ok_or_else(|| damaged("a position is out of range"))?)
            }
            _ => None,
        },
        accuracy: match row.get(13)? {
            None => None,
            Some(mm) => {
                Some(Accuracy::from_mm(mm).ok_or_else(|| damaged("an accuracy is out of range"))?)
            }
        },
        tags,
        sighting,
    })
}

fn read_with<T, E>(
    value: Option<f64>,
    read: fn(f64) -> Result<Option<T>, E>,
) -> Result<Option<T>, LogError> {
    match value {
        None => Ok(None),
        Some(value) => read(value).map_err(|_| damaged("a number is out of range")),
    }
}

pub(super) fn read_rejected(text: Option<&str>) -> Result<Vec<Rejected>, LogError> {
    match text {
        None => Ok(Vec::new()),
        Some(text) => {
            serde_json::from_str(text).map_err(|_| damaged("refused reports cannot be read"))
        }
    }
}

fn identity(value: ValueRef<'_>) -> Result<Option<BatchIdentity>, LogError> {
    match value.as_blob_or_null().ok().flatten() {
        None => Ok(None),
        Some(bytes) => match bytes.try_into() {
            Ok(bytes) => Ok(Some(BatchIdentity::from_bytes(bytes))),
            Err(_) => Err(damaged("the identity of a batch has a wrong length")),
        },
    }
}
