//! The log as an SQLite file: one row an observation, strings in dictionary tables.
//!
//! The file is in WAL mode with full synchronous, so that a commit is on disk when it returns. One process
//! has it at a time: a lock file next to it says so.

mod extra;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};
use uuid::Uuid;

use self::extra::Extra;
use super::{Answered, Entry, Known, LogError, LogPosition};
use crate::report::{
    Batch, BatchIdentity, BluetoothAddr, Bssid, Capabilities, Channel, Dbm, Frequency, MacAddr,
    Phy, Position, ReceivedAt, Rejected, Report, Sighting, SourceId, Ssid, UnixTime, WifiSighting,
};

/// The log's file in the data directory.
const FILE: &str = "scanpost.db";
/// Held for as long as the process lives.
const LOCK_FILE: &str = "lock";
/// How often the lock is tried, and how long is waited between.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// The version that this program writes. Stored as SQLite's `user_version`.
const VERSION: i64 = 1;
/// Makes a log of version 1.
const SCHEMA: &str = include_str!("schema.sql");
/// How many strings of a dictionary are remembered; past it all are forgotten and learnt anew.
const DICTIONARY_MAX: usize = 100_000;
/// After how many pages of 4 KiB the write-ahead log is moved into the file.
const CHECKPOINT_PAGES: i64 = 4096;

/// A log in an SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    db: Connection,
    last: LogPosition,
    server_uuid: Uuid,
    numbers: Dictionaries,
    _lock: File,
}

impl SqliteLog {
    pub(super) fn open(directory: &Path) -> Result<Self, LogError> {
        let path: Box<str> = directory.display().to_string().into();
        let unusable = |cause| LogError::Directory {
            path: path.clone(),
            cause,
        };
        make_private(directory).map_err(unusable)?;
        let lock = File::create(directory.join(LOCK_FILE)).map_err(unusable)?;
        take(&lock).map_err(|refused| match refused {
            TryLockError::WouldBlock => LogError::InUse { path: path.clone() },
            TryLockError::Error(cause) => unusable(cause),
        })?;
        let mut db = Connection::open(directory.join(FILE))?;
        db.set_prepared_statement_cache_capacity(64);
        migrate(&mut db)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let server_uuid = server_uuid(&db)?;
        let last: Option<i64> =
            db.query_row("SELECT max(position) FROM batches", [], |row| row.get(0))?;
        Ok(Self {
            last: position(last.unwrap_or_default())?,
            db,
            server_uuid,
            numbers: Dictionaries::default(),
            _lock: lock,
        })
    }

    pub(super) fn append(&mut self, batches: Vec<Batch>) -> Result<Vec<Entry>, LogError> {
        let mut at = self.last;
        let result = write_all(&mut self.db, &mut self.numbers, &batches, &mut at);
        if result.is_err() {
            // Numbers given in a transaction that did not happen mean nothing.
            self.numbers = Dictionaries::default();
        }
        result?;
        let mut position = self.last;
        self.last = at;
        let entries = batches.into_iter().map(|batch| {
            position = position.next();
            Entry { position, batch }
        });
        Ok(entries.collect())
    }

    pub(super) fn replay(
        &self,
        after: LogPosition,
        visit: &mut dyn FnMut(Entry),
    ) -> Result<(), LogError> {
        let mut batches = self.db.prepare(
            "SELECT b.position, s.uuid, b.source_name, b.phy, b.received_at_us, b.identity, b.rejected, b.accepted
             FROM batches b JOIN sources s ON s.id = b.source WHERE b.position > ?1 ORDER BY b.position",
        )?;
        let mut observations = self.db.prepare(
            "SELECT o.time, o.address, s.ssid, c.text, n.text, o.frequency_khz, o.signal_dbm,
                    o.lat_e7, o.lon_e7, o.alt_mm, o.speed_m_h, o.extra, o.batch
             FROM observations o LEFT JOIN ssids s ON s.id = o.ssid
                  LEFT JOIN capabilities c ON c.id = o.capabilities LEFT JOIN channels n ON n.id = o.channel
             WHERE o.id > ?1 ORDER BY o.id",
        )?;
        let before: Option<i64> = self.db.query_row(
            "SELECT max(id) FROM observations WHERE batch <= ?1",
            [number(after)],
            |row| row.get(0),
        )?;
        let mut rows = observations.query([before.unwrap_or_default()])?;
        let mut next = rows.next()?;
        let mut batch_rows = batches.query([number(after)])?;
        while let Some(row) = batch_rows.next()? {
            let mut entry = read_batch(row)?;
            let here = number(entry.position);
            while let Some(observation) = next {
                if observation.get::<_, i64>(12)? != here {
                    break;
                }
                entry
                    .batch
                    .reports
                    .push(read_report(observation, entry.batch.phy)?);
                next = rows.next()?;
            }
            visit(entry);
        }
        match next {
            None => Ok(()),
            Some(_) => Err(LogError::Damaged(
                "an observation belongs to no batch".into(),
            )),
        }
    }

    pub(super) fn known(&self, since: ReceivedAt, count: usize) -> Result<Vec<Known>, LogError> {
        let mut query = self.db.prepare(
            "SELECT identity, position, received_at_us FROM batches
             WHERE identity IS NOT NULL AND received_at_us >= ?1 ORDER BY position DESC LIMIT ?2",
        )?;
        let mut rows = query.query(params![signed(since.micros()), signed(count)])?;
        let mut known = Vec::new();
        while let Some(row) = rows.next()? {
            let identity =
                identity(row.get_ref(0)?)?.ok_or_else(|| damaged("an identity is missing"))?;
            let received_at = ReceivedAt::from_micros(unsigned(row.get(2)?)?);
            known.push(Known {
                identity,
                position: position(row.get(1)?)?,
                received_at,
            });
        }
        known.reverse();
        Ok(known)
    }

    pub(super) fn answered(&self, at: LogPosition) -> Result<Option<Answered>, LogError> {
        let mut query = self
            .db
            .prepare_cached("SELECT accepted, rejected FROM batches WHERE position = ?1")?;
        let row = query.query_row([number(at)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
        });
        let Some((accepted, rejected)) = row.optional()? else {
            return Ok(None);
        };
        let accepted = usize::try_from(accepted).map_err(|_| damaged("a count is negative"))?;
        Ok(Some(Answered {
            position: at,
            accepted,
            rejected: read_rejected(rejected.as_deref())?,
        }))
    }

    /// Lets the file have no more than so many pages of 4 KiB: a disk without room, for tests.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: Option<u32>) -> Result<(), LogError> {
        let pages = pages.unwrap_or(0xffff_fffe);
        Ok(self.db.pragma_update(None, "max_page_count", pages)?)
    }

    pub(super) fn last(&self) -> LogPosition {
        self.last
    }

    pub(super) fn server_uuid(&self) -> Uuid {
        self.server_uuid
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string().into())
            }
            _ => Self::Failed(error.to_string().into()),
        }
    }
}

/// Takes the lock, with some patience: a server that is being replaced may be on its last instructions.
fn take(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            taken => return taken,
        }
    }
    lock.try_lock()
}

fn damaged(what: &str) -> LogError {
    LogError::Damaged(what.into())
}

/// Makes the directory if there is none, for its owner only: it tells where people live.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // A directory that was there before keeps the rights that its owner chose.
    fs::metadata(path).map(drop)
}

/// Brings the file to the version of this program, or leaves it alone if it is of a later one.
fn migrate(db: &mut Connection) -> Result<(), LogError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if VERSION < found {
        return Err(LogError::TooNew {
            found,
            known: VERSION,
        });
    }
    if found == 0 {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(SCHEMA)?;
        step.pragma_update(None, "user_version", VERSION)?;
        step.commit()?;
    }
    Ok(())
}

fn server_uuid(db: &Connection) -> Result<Uuid, LogError> {
    let key = "server_uuid";
    db.execute(
        "INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)",
        params![key, Uuid::new_v4().to_string()],
    )?;
    let text: String = db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
        row.get(0)
    })?;
    text.parse()
        .map_err(|_| damaged("the server's UUID is none"))
}

fn write_all(
    db: &mut Connection,
    numbers: &mut Dictionaries,
    batches: &[Batch],
    at: &mut LogPosition,
) -> Result<(), LogError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = Inserts::prepare(&transaction)?;
        for batch in batches {
            *at = at.next();
            insert.batch(numbers, *at, batch)?;
        }
    }
    Ok(transaction.commit()?)
}

/// The numbers of strings that were seen lately.
#[derive(Debug, Default)]
struct Dictionaries {
    sources: HashMap<SourceId, i64>,
    ssids: HashMap<Ssid, i64>,
    capabilities: HashMap<Box<str>, i64>,
    channels: HashMap<Channel, i64>,
}

/// The statements of one transaction.
struct Inserts<'t> {
    transaction: &'t Transaction<'t>,
    batch: rusqlite::CachedStatement<'t>,
    observation: rusqlite::CachedStatement<'t>,
}

impl<'t> Inserts<'t> {
    fn prepare(transaction: &'t Transaction<'t>) -> Result<Self, LogError> {
        Ok(Self {
            transaction,
            batch: transaction.prepare_cached(
                "INSERT INTO batches (position, source, source_name, phy, received_at_us, identity, accepted, rejected)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            observation: transaction.prepare_cached(
                "INSERT INTO observations (batch, time, address, ssid, capabilities, channel, frequency_khz, signal_dbm,
                                           lat_e7, lon_e7, alt_mm, speed_m_h, extra)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?,
        })
    }

    fn batch(
        &mut self,
        numbers: &mut Dictionaries,
        at: LogPosition,
        batch: &Batch,
    ) -> Result<(), LogError> {
        let source = self.number_of(
            &mut numbers.sources,
            "sources",
            "uuid",
            &batch.source,
            SourceId::to_string,
        )?;
        self.batch.execute(params![
            number(at),
            source,
            batch.source_name,
            batch.phy.name(),
            signed(batch.received_at.micros()),
            batch.identity.map(BatchIdentity::to_bytes),
            signed(batch.reports.len()),
            write_rejected(&batch.rejected)?,
        ])?;
        for report in &batch.reports {
            self.report(numbers, at, report)?;
        }
        Ok(())
    }

    fn report(
        &mut self,
        numbers: &mut Dictionaries,
        at: LogPosition,
        report: &Report,
    ) -> Result<(), LogError> {
        let (ssid, capabilities) = match &report.sighting {
            Sighting::Bluetooth(_) => (None, None),
            Sighting::Wifi(wifi) => {
                let ssid =
                    self.number_of(&mut numbers.ssids, "ssids", "ssid", &wifi.ssid, |ssid| {
                        ssid.as_bytes().to_vec()
                    })?;
                let capabilities = match &wifi.capabilities {
                    None => None,
                    Some(text) => Some(self.number_of_text(&mut numbers.capabilities, text.raw())?),
                };
                (Some(ssid), capabilities)
            }
        };
        let channel = match &report.channel {
            None => None,
            Some(channel) => {
                let text = |channel: &Channel| channel.as_str().to_owned();
                Some(self.number_of(&mut numbers.channels, "channels", "text", channel, text)?)
            }
        };
        self.observation.execute(params![
            number(at),
            report.time.seconds(),
            address_number(report.device().addr),
            ssid,
            capabilities,
            channel,
            report.frequency.map(Frequency::khz),
            report.signal.map(Dbm::get),
            report.position.map(Position::lat_e7),
            report.position.map(Position::lon_e7),
            report.position.and_then(Position::alt_mm),
            report.position.map(Position::speed_m_h),
            Extra::of(report).to_text()?,
        ])?;
        Ok(())
    }

    fn number_of<K, V>(
        &self,
        numbers: &mut HashMap<K, i64>,
        table: &str,
        column: &str,
        key: &K,
        value: impl FnOnce(&K) -> V,
    ) -> Result<i64, LogError>
    where
        K: Clone + Eq + std::hash::Hash,
        V: rusqlite::ToSql,
    {
        if let Some(&number) = numbers.get(key) {
            return Ok(number);
        }
        let number = self.learn(table, column, &value(key))?;
        if DICTIONARY_MAX <= numbers.len() {
            numbers.clear();
        }
        numbers.insert(key.clone(), number);
        Ok(number)
    }

    /// Like `number_of`, without making a key of a text that is known.
    fn number_of_text(
        &self,
        numbers: &mut HashMap<Box<str>, i64>,
        text: &str,
    ) -> Result<i64, LogError> {
        match numbers.get(text) {
            Some(&number) => Ok(number),
            None => self.number_of(numbers, "capabilities", "text", &text.into(), |text| {
                text.to_string()
            }),
        }
    }

    fn learn(
        &self,
        table: &str,
        column: &str,
        value: &dyn rusqlite::ToSql,
    ) -> Result<i64, LogError> {
        let find = format!("SELECT id FROM {table} WHERE {column} = ?1");
        let found = self
            .transaction
            .prepare_cached(&find)?
            .query_row([value], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            return Ok(number);
        }
        let insert = format!("INSERT INTO {table} ({column}) VALUES (?1)");
        Ok(self.transaction.prepare_cached(&insert)?.insert([value])?)
    }
}

fn read_batch(row: &Row<'_>) -> Result<Entry, LogError> {
    let source: String = row.get(1)?;
    let phy: String = row.get(3)?;
    let reports: i64 = row.get(7)?;
    let batch = Batch {
        source: source.parse().map_err(|_| damaged("a source is no UUID"))?,
        source_name: row.get::<_, Option<String>>(2)?.map(Into::into),
        phy: Phy::ALL
            .into_iter()
            .find(|known| known.name() == phy)
            .ok_or_else(|| damaged("a phy is unknown"))?,
        received_at: ReceivedAt::from_micros(unsigned(row.get(4)?)?),
        identity: identity(row.get_ref(5)?)?,
        rejected: read_rejected(row.get::<_, Option<String>>(6)?.as_deref())?,
        reports: Vec::with_capacity(usize::try_from(reports).unwrap_or_default()),
    };
    Ok(Entry {
        position: position(row.get(0)?)?,
        batch,
    })
}

fn read_report(row: &Row<'_>, phy: Phy) -> Result<Report, LogError> {
    let extra = Extra::from_text(
        row.get_ref(11)?
            .as_str_or_null()
            .map_err(|_| damaged("extra is no text"))?,
    )?;
    let address: i64 = row.get(1)?;
    let addr =
        MacAddr::from_u64(unsigned(address)?).ok_or_else(|| damaged("an address is too long"))?;
    let channel: Option<String> = row.get(4)?;
    let place: (Option<i32>, Option<i32>) = (row.get(7)?, row.get(8)?);
    let (tags, sighting) = match phy {
        Phy::Bluetooth => {
            let addr =
                BluetoothAddr::try_from(addr).map_err(|_| damaged("an address is no station's"))?;
            extra.bluetooth(addr)?
        }
        Phy::Wifi => {
            let ssid: Option<Vec<u8>> = row.get(2)?;
            let capabilities: Option<String> = row.get(3)?;
            extra.wifi(WifiSighting {
                bssid: Bssid::try_from(addr).map_err(|_| damaged("an address is no station's"))?,
                ssid: Ssid::try_from(ssid.unwrap_or_default().as_slice())
                    .map_err(|_| damaged("an SSID is too long"))?,
                capabilities: capabilities.map(|text| Capabilities::from(text.as_str())),
                width: None,
                center0_mhz: None,
                center1_mhz: None,
                ie_tags: None,
            })
        }
    };
    Ok(Report {
        time: UnixTime::new(row.get(0)?),
        signal: read_with(row.get::<_, Option<f64>>(6)?, Dbm::from_wire)?,
        frequency: read_with(row.get::<_, Option<f64>>(5)?, Frequency::from_wire)?,
        channel: match channel {
            None => None,
            Some(text) => {
                Channel::from_wire(&text).map_err(|_| damaged("a channel is too long"))?
            }
        },
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

fn write_rejected(rejected: &[Rejected]) -> Result<Option<String>, LogError> {
    if rejected.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(rejected)
        .map(Some)
        .map_err(|error| LogError::Failed(error.to_string().into()))
}

fn read_rejected(text: Option<&str>) -> Result<Vec<Rejected>, LogError> {
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
            Err(_) => Err(damaged("an identity has another length")),
        },
    }
}

fn address_number(addr: MacAddr) -> i64 {
    signed(addr.to_u64())
}

fn number(position: LogPosition) -> i64 {
    signed(position.get())
}

fn position(number: i64) -> Result<LogPosition, LogError> {
    Ok(LogPosition(unsigned(number)?))
}

/// SQLite's integers are signed; nothing that is counted here reaches the last bit.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, LogError> {
    u64::try_from(number).map_err(|_| damaged("a number is negative"))
}
