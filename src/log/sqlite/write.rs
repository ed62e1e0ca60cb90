//! From batches to rows.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::extra::Extra;
use super::{number, signed};
use crate::log::{LogError, LogPosition};
use crate::report::{
    Batch, BatchIdentity, Channel, Dbm, Frequency, MacAddr, Position, Rejected, Report, Sighting,
    SourceId, Ssid,
};

/// How many strings of a dictionary are remembered, at least half of them the latest.
const DICTIONARY_MAX: usize = 200_000;

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
    sources: Recent<SourceId>,
    ssids: Recent<Ssid>,
    capabilities: Recent<Box<str>>,
    channels: Recent<Channel>,
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

/// Numbers by string; the half that was used least lately is forgotten when there are too many.
#[derive(Debug)]
struct Recent<K> {
    young: HashMap<K, i64>,
    old: HashMap<K, i64>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash> Recent<K> {
    fn find<Q>(&mut self, key: &Q) -> Option<i64>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(&number) = self.young.get(key) {
            return Some(number);
        }
        let (key, number) = self.old.remove_entry(key)?;
        self.insert(key, number);
        Some(number)
    }

    fn insert(&mut self, key: K, number: i64) {
        if DICTIONARY_MAX / 2 <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, number);
    }
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
                "INSERT INTO batches (position, source, source_name, phy, received_at_us, identity, accepted, rejected,
                                      annotation)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
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
            batch.annotation.as_deref().map(to_json).transpose()?,
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
        numbers: &mut Recent<K>,
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
    fn number_of_text(&self, numbers: &mut Recent<Box<str>>, text: &str) -> Result<i64, LogError> {
        match numbers.find(text) {
            Some(number) => Ok(number),
            None => self.number_of(numbers, "capabilities", "text", &text.into(), |text| {
                text.to_string()
            }),
        }
    }

    /// Names are many, so one that is not remembered counts as new.
    fn number_of_ssid(&self, numbers: &mut Recent<Ssid>, ssid: &Ssid) -> Result<i64, LogError> {
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
