//! From batches to rows.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::extra::Extra;
use super::{number, signed};
use crate::log::{LogError, LogPosition};
use crate::report::{
    Batch, BatchIdentity, Channel, Dbm, Frequency, MacAddr, Position, Rejected, Report, Sighting,
    SourceId, Ssid,
};

/// How many strings of a dictionary are remembered; past it all are forgotten and learnt anew.
const DICTIONARY_MAX: usize = 100_000;

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
#[derive(Debug, Default)]
pub(super) struct Dictionaries {
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

fn write_rejected(rejected: &[Rejected]) -> Result<Option<String>, LogError> {
    if rejected.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(rejected)
        .map(Some)
        .map_err(|error| LogError::Failed(error.to_string().into()))
}

fn address_number(addr: MacAddr) -> i64 {
    signed(addr.to_u64())
}
