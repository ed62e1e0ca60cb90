//! From batches to rows.

use std::hash::Hash;
use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::extra::Extra;
use super::{number, signed};
use crate::log::{LogError, LogPosition};
use crate::report::recent::Recent;
use crate::report::{
    Batch, BatchIdentity, Channel, MacAddr, Position, Rejected, Report, Sighting, SourceId, Ssid,
};

/// How many strings of a dictionary are remembered, at least half of them the latest.
const DICTIONARY_MAX: usize = 200_000;

/// What a row of observations has: numbers, and last a text.
const COLUMNS: [&str; NUMBERS + 1] = [
    "batch",
    "time",
    "address",
    "ssid",
    "capabilities",
    "channel",
    "frequency_khz",
    "signal_dbm",
    "lat_e7",
    "lon_e7",
    "alt_mm",
    "speed_m_h",
    "extra",
];
const NUMBERS: usize = 12;
/// How many rows one statement inserts: starting a statement costs about as much as a row.
const ROWS: usize = 20;
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| insert_observations(ROWS));
static INSERT_ROW: LazyLock<String> = LazyLock::new(|| insert_observations(1));

pub(super) fn write_all(
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
        insert.observations.finish()?;
    }
    Ok(transaction.commit()?)
}

/// The numbers of strings that were seen lately.
#[derive(Debug)]
pub(super) struct Dictionaries {
    sources: Recent<SourceId, i64>,
    ssids: Recent<Ssid, i64>,
    capabilities: Recent<Box<str>, i64>,
    channels: Recent<Channel, i64>,
}

impl Default for Dictionaries {
    fn default() -> Self {
        Self {
            sources: Recent::new(DICTIONARY_MAX),
            ssids: Recent::new(DICTIONARY_MAX),
            capabilities: Recent::new(DICTIONARY_MAX),
            channels: Recent::new(DICTIONARY_MAX),
        }
    }
}

impl Dictionaries {
    /// Those that a file has, as far as they have to be remembered to be found again.
    pub(super) fn learnt(db: &Connection) -> Result<Self, LogError> {
        let mut numbers = Self::default();
        let mut query = db.prepare("SELECT ssid, id FROM ssids ORDER BY id DESC LIMIT ?1")?;
        let mut rows = query.query([signed(DICTIONARY_MAX / 2)])?;
        while let Some(row) = rows.next()? {
            let octets = row.get_ref(0)?.as_blob().unwrap_or_default();
            if let Ok(ssid) = Ssid::try_from(octets) {
                numbers.ssids.insert(ssid, row.get(1)?);
            }
        }
        Ok(numbers)
    }
}

/// The statements of one transaction.
struct Inserts<'t> {
    transaction: &'t Transaction<'t>,
    batch: rusqlite::CachedStatement<'t>,
    observations: Observations<'t>,
}

impl<'t> Inserts<'t> {
    fn prepare(transaction: &'t Transaction<'t>) -> Result<Self, LogError> {
        Ok(Self {
            transaction,
            batch: transaction.prepare_cached(
                "INSERT INTO batches (position, source, source_name, phy, received_at_us, identity, accepted, rejected,
                                      annotation)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            observations: Observations {
                many: InsertRows::prepare(transaction, &INSERT_ROWS, ROWS)?,
                one: InsertRows::prepare(transaction, &INSERT_ROW, 1)?,
                waiting: Vec::with_capacity(ROWS),
            },
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
            batch.annotation.as_deref().map(to_json).transpose()?,
        ])?;
        for report in &batch.reports {
            let row = self.row(numbers, at, report)?;
            self.observations.add(row)?;
        }
        Ok(())
    }

    fn row(
        &self,
        numbers: &mut Dictionaries,
        at: LogPosition,
        report: &Report,
    ) -> Result<Row, LogError> {
        let (ssid, capabilities) = match &report.sighting {
            Sighting::Bluetooth(_) => (None, None),
            Sighting::Wifi(wifi) => {
                let ssid = self.number_of_ssid(&mut numbers.ssids, &wifi.ssid)?;
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
        let position = report.position;
        Ok(Row {
            numbers: [
                Some(number(at)),
                Some(report.time.seconds().into()),
                Some(address_number(report.device().addr)),
                ssid,
                capabilities,
                channel,
                report.frequency.map(|frequency| frequency.khz().into()),
                report.signal.map(|signal| signal.get().into()),
                position.map(|position| position.lat_e7().into()),
                position.map(|position| position.lon_e7().into()),
                position.and_then(Position::alt_mm).map(i64::from),
                position.map(|position| position.speed_m_h().into()),
            ],
            extra: Extra::text_of(report)?,
        })
    }

    fn number_of<K, V>(
        &self,
        numbers: &mut Recent<K, i64>,
        table: &str,
        column: &str,
        key: &K,
        value: impl FnOnce(&K) -> V,
    ) -> Result<i64, LogError>
    where
        K: Clone + Eq + Hash,
        V: rusqlite::ToSql,
    {
        if let Some(number) = numbers.find(key) {
            return Ok(number);
        }
        let number = self.learn(table, column, &value(key))?;
        numbers.insert(key.clone(), number);
        Ok(number)
    }

    /// Like `number_of`, without making a key of a text that is known.
    fn number_of_text(
        &self,
        numbers: &mut Recent<Box<str>, i64>,
        text: &str,
    ) -> Result<i64, LogError> {
        match numbers.find(text) {
            Some(number) => Ok(number),
            None => self.number_of(numbers, "capabilities", "text", &text.into(), |text| {
                text.to_string()
            }),
        }
    }

    /// Names are many, so one that is not remembered counts as new.
    fn number_of_ssid(
        &self,
        numbers: &mut Recent<Ssid, i64>,
        ssid: &Ssid,
    ) -> Result<i64, LogError> {
        if let Some(number) = numbers.find(ssid) {
            return Ok(number);
        }
        let number = self
            .transaction
            .prepare_cached("INSERT INTO ssids (ssid) VALUES (?1)")?
            .insert([ssid.as_bytes()])?;
        numbers.insert(*ssid, number);
        Ok(number)
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

fn insert_observations(rows: usize) -> String {
    let row = format!("({})", ["?"; COLUMNS.len()].join(", "));
    format!(
        "INSERT INTO observations ({}) VALUES {}",
        COLUMNS.join(", "),
        vec![row; rows].join(", ")
    )
}

/// The values of one observation, in the order of [`COLUMNS`].
#[derive(Clone, Default)]
struct Row {
    numbers: [Option<i64>; NUMBERS],
    extra: Option<String>,
}

/// Inserts observations, of whichever batches, many at once.
struct Observations<'t> {
    /// Inserts [`ROWS`].
    many: InsertRows<'t>,
    /// Inserts one.
    one: InsertRows<'t>,
    /// What is to be inserted, less than [`ROWS`].
    waiting: Vec<Row>,
}

impl Observations<'_> {
    fn add(&mut self, row: Row) -> Result<(), LogError> {
        self.waiting.push(row);
        if self.waiting.len() < ROWS {
            return Ok(());
        }
        self.many.insert(self.waiting.drain(..))
    }

    /// Inserts those that still wait.
    fn finish(&mut self) -> Result<(), LogError> {
        let mut rest = self.waiting.drain(..);
        rest.try_for_each(|row| self.one.insert([row].into_iter()))
    }
}

/// A statement that inserts some observations, and what is bound to it. Reports of one scan have much in common (the
/// batch, the time, the place, and what none of them has): what stands there already is not bound again.
struct InsertRows<'t> {
    statement: rusqlite::CachedStatement<'t>,
    bound: Vec<Row>,
}

impl<'t> InsertRows<'t> {
    fn prepare(transaction: &'t Transaction<'t>, sql: &str, rows: usize) -> Result<Self, LogError> {
        Ok(Self {
            statement: transaction.prepare_cached(sql)?,
            // A statement comes out of the cache without bindings, which SQLite takes for NULL.
            bound: vec![Row::default(); rows],
        })
    }

    /// Inserts so many rows as the statement does.
    fn insert(&mut self, rows: impl Iterator<Item = Row>) -> Result<(), LogError> {
        let first_places = (1..).step_by(COLUMNS.len());
        for ((first, bound), row) in first_places.zip(&mut self.bound).zip(rows) {
            let numbers = bound.numbers.iter().zip(row.numbers);
            for (place, (bound, number)) in (first..).zip(numbers) {
                if *bound != number {
                    self.statement.raw_bind_parameter(place, number)?;
                }
            }
            if bound.extra != row.extra {
                let extra = row.extra.as_deref();
                self.statement.raw_bind_parameter(first + NUMBERS, extra)?;
            }
            *bound = row;
        }
        self.statement.raw_execute()?;
        Ok(())
    }
}

fn write_rejected(rejected: &[Rejected]) -> Result<Option<String>, LogError> {
    if rejected.is_empty() {
        return Ok(None);
    }
    to_json(rejected).map(Some)
}

fn to_json(value: &(impl serde::Serialize + ?Sized)) -> Result<String, LogError> {
    serde_json::to_string(value).map_err(|error| LogError::Failed(error.to_string().into()))
}

fn address_number(addr: MacAddr) -> i64 {
    signed(addr.to_u64())
}
