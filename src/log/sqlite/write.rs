//! From batches to rows.

use std::hash::Hash;
use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::extra::Extra;
use super::{number, signed};
use crate::log::{LogError, LogPosition};
use crate::report::recent::Recent;
use crate::report::{
    Batch, BatchIdentity, Channel, Dbm, Frequency, MacAddr, Position, Rejected, Report, Sighting,
    SourceId, Ssid,
};

/// How many strings of a dictionary are remembered, at least half of them the latest.
const DICTIONARY_MAX: usize = 200_000;

/// What a row of observations has, in the order in which it is bound.
const COLUMNS: [&str; 13] = [
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
/// How many rows one statement inserts: starting a statement costs about as much as a row.
const ROWS: usize = 10;
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
    /// Inserts [`ROWS`] observations.
    rows: rusqlite::CachedStatement<'t>,
    /// Inserts one.
    row: rusqlite::CachedStatement<'t>,
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
            rows: transaction.prepare_cached(&INSERT_ROWS)?,
            row: transaction.prepare_cached(&INSERT_ROW)?,
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
        let (groups, rest) = batch.reports.as_chunks::<ROWS>();
        for group in groups {
            for (row, report) in group.iter().enumerate() {
                let values = self.values(numbers, at, report)?;
                bind(&mut self.rows, row, values)?;
            }
            self.rows.raw_execute()?;
        }
        for report in rest {
            let values = self.values(numbers, at, report)?;
            bind(&mut self.row, 0, values)?;
            self.row.raw_execute()?;
        }
        Ok(())
    }

    fn values(
        &self,
        numbers: &mut Dictionaries,
        at: LogPosition,
        report: &Report,
    ) -> Result<[Value; COLUMNS.len()], LogError> {
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
        Ok([
            number(at).into(),
            signed(report.time.seconds()).into(),
            address_number(report.device().addr).into(),
            ssid.into(),
            capabilities.into(),
            channel.into(),
            report.frequency.map(Frequency::khz).into(),
            report.signal.map(Dbm::get).into(),
            report.position.map(Position::lat_e7).into(),
            report.position.map(Position::lon_e7).into(),
            report.position.and_then(Position::alt_mm).into(),
            report.position.map(Position::speed_m_h).into(),
            Extra::text_of(report)?.into(),
        ])
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
        numbers.insert(ssid.clone(), number);
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

/// Binds the values of one of the rows that a statement inserts.
fn bind(
    statement: &mut rusqlite::Statement<'_>,
    row: usize,
    values: [Value; COLUMNS.len()],
) -> Result<(), LogError> {
    let first = row * COLUMNS.len() + 1;
    for (place, value) in (first..).zip(values) {
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
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
