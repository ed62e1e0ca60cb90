//! Writes records as rows.

use std::hash::Hash;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::chain::{Chain, Link};
use super::extra::Extra;
use super::index::IndexedRow;
use super::kinds;
use super::rows::{Names, Observations, Row};
use super::sweep::Sweep;
use super::{number, signed};
use crate::bounded::BoundedMap;
use crate::histogram::Histogram;
use crate::log::{LogError, LogPosition, Record};
use crate::report::{
    Batch, BatchIdentity, Channel, MacAddr, Phy, Position, Report, Sighting, SourceId, Ssid,
};

/// How many strings of each dictionary are cached.
const DICTIONARY_MAX: usize = 200_000;

/// The end of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tip {
    /// The position of the last record.
    pub(super) at: LogPosition,
    /// The chain up to the last record.
    pub(super) chain: Chain,
}

/// Appends records to the log of `node`, which ends at `tip`, in one commit. Returns the new end. `syncs` gets the time
/// that the commit itself takes, which is that of writing and syncing the file.
///
/// Also returns what the index keeps of the new observations.
pub(super) fn write_all(
    db: &mut Connection,
    node: Uuid,
    numbers: &mut Dictionaries,
    records: &[Record],
    mut tip: Tip,
    syncs: &Histogram,
) -> Result<(Tip, Vec<IndexedRow>), LogError> {
    let commit = Commit::begin(db)?;
    let indexed = {
        let mut insert = Inserts::prepare(db, node)?;
        let mut left = records.len();
        for record in records {
            left -= 1;
            tip.at = tip.at.next();
            tip.chain = insert.record(numbers, (tip.at, left == 0), tip.chain, record)?;
        }
        insert.names.finish()?;
        insert.observations.finish()?
    };
    let started = Instant::now();
    commit.finish()?;
    // A commit without records writes nothing.
    if !records.is_empty() {
        syncs.observe(started.elapsed());
    }
    Ok((tip, indexed))
}

/// A transaction that is rolled back unless it is finished. In contrast to those of `rusqlite::Transaction`, its statements
/// are parsed only once.
struct Commit<'d>(&'d Connection);

impl<'d> Commit<'d> {
    fn begin(db: &'d Connection) -> Result<Self, LogError> {
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(db))
    }

    fn finish(self) -> Result<(), LogError> {
        self.0.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        // After a commit there is nothing to roll back. SQLite itself rolls back after some errors.
        if !self.0.is_autocommit() {
            self.0.execute_batch("ROLLBACK").ok();
        }
    }
}

/// The row numbers of recently inserted strings. A use does not count: keeping the order of uses costs each report more
/// than a string that is stored once more after 200 000 others.
#[derive(Debug)]
pub(super) struct Dictionaries {
    sources: BoundedMap<SourceId, i64>,
    ssids: BoundedMap<Ssid, i64>,
    capabilities: BoundedMap<Box<str>, i64>,
    channels: BoundedMap<Channel, i64>,
    /// The greatest row number of an SSID, once it is known.
    last_ssid: Option<i64>,
    /// Deletes the strings that nothing refers to any more.
    pub(super) sweep: Sweep,
}

impl Default for Dictionaries {
    fn default() -> Self {
        Self {
            sources: BoundedMap::new(DICTIONARY_MAX),
            ssids: BoundedMap::new(DICTIONARY_MAX),
            capabilities: BoundedMap::new(DICTIONARY_MAX),
            channels: BoundedMap::new(DICTIONARY_MAX),
            last_ssid: None,
            sweep: Sweep::default(),
        }
    }
}

impl Dictionaries {
    /// Caches the newest SSIDs of a file. SSIDs have no index, so one that is not cached is stored again.
    pub(super) fn load(db: &Connection) -> Result<Self, LogError> {
        let mut numbers = Self {
            sweep: Sweep::of(db)?,
            ..Self::default()
        };
        let mut query = db.prepare(
            "SELECT ssid, id FROM ssids WHERE (SELECT max(id) FROM ssids) - ?1 < id ORDER BY id",
        )?;
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

impl Dictionaries {
    /// Runs one step of the sweep, and returns whether there is more.
    pub(super) fn sweep(&mut self, db: &mut Connection, remaining: u64) -> Result<bool, LogError> {
        let Self {
            ssids,
            capabilities,
            channels,
            sweep,
            ..
        } = self;
        sweep.step(db, remaining, |[of_ssids, of_capabilities, of_channels]| {
            ssids.retain(|number| of_ssids.contains(*number));
            capabilities.retain(|number| of_capabilities.contains(*number));
            channels.retain(|number| of_channels.contains(*number));
        })
    }
}

/// The statements of one transaction.
struct Inserts<'t> {
    db: &'t Connection,
    /// The server that the log belongs to.
    node: Uuid,
    record: rusqlite::CachedStatement<'t>,
    link: Link,
    names: Names<'t>,
    observations: Observations<'t>,
}

impl<'t> Inserts<'t> {
    fn prepare(db: &'t Connection, node: Uuid) -> Result<Self, LogError> {
        Ok(Self {
            db,
            node,
            link: Link::default(),
            record: db.prepare_cached(
                "INSERT INTO records (position, received_at_us, id, node, origin_node, origin_position, kind, content,
                                      source, source_name, phy, identity, accepted, rejected, chain)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?,
            names: Names::prepare(db)?,
            observations: Observations::of(db),
        })
    }

    /// Inserts the rows of a record that follows `before`, and returns the chain after it.
    fn record(
        &mut self,
        numbers: &mut Dictionaries,
        (at, is_last): (LogPosition, bool),
        before: Chain,
        record: &Record,
    ) -> Result<Chain, LogError> {
        self.link.begin(before, record);
        let (kind, content) = kinds::text_of(&record.what)?.unzip();
        let (mut source, mut rejected, mut of_all) = (None, None, None);
        if let Some(kind) = kind {
            self.link.add_text(kind);
            self.link.add_text(content.as_deref().unwrap_or_default());
        }
        let batch = record.batch();
        if let Some(batch) = batch {
            rejected = kinds::rejected_text(&batch.rejected)?;
            self.link.add_batch(batch, rejected.as_deref());
            of_all = technology(batch);
            source = Some(self.reports(numbers, at, (batch, of_all))?);
        }
        let chain = self.link.end();
        let origin = record.origin.as_ref();
        let node = self.number_of_node(record.node)?;
        let origin_node = origin
            .map(|origin| self.insert_node(origin.node))
            .transpose()?;
        self.record.execute(params![
            number(at),
            signed(record.at.micros()),
            record.id.to_bytes(),
            node,
            origin_node,
            origin.map(|origin| number(origin.position)),
            kind,
            content,
            source,
            batch.and_then(|batch| batch.source_name.as_deref()),
            of_all.map(Phy::name),
            batch
                .and_then(|batch| batch.identity)
                .map(BatchIdentity::to_bytes),
            batch.map_or(0, |batch| signed(batch.reports.len())),
            rejected,
            is_last.then(|| chain.to_bytes()),
        ])?;
        Ok(chain)
    }

    /// Inserts the reports of a batch, and returns the row number of its source.
    fn reports(
        &mut self,
        numbers: &mut Dictionaries,
        at: LogPosition,
        (batch, of_all): (&Batch, Option<Phy>),
    ) -> Result<i64, LogError> {
        for report in &batch.reports {
            let row = self.row(numbers, at, of_all, report)?;
            self.link.add_report(report, row.extra.as_deref());
            self.observations.add(row)?;
        }
        self.number_of(
            (&mut numbers.sources, &mut numbers.sweep),
            "sources",
            "uuid",
            &batch.source,
            SourceId::to_string,
        )
    }

    /// The row number of a server. `None` is the server that the log belongs to, which accepts nearly all records.
    fn number_of_node(&self, node: Uuid) -> Result<Option<i64>, LogError> {
        if node == self.node {
            return Ok(None);
        }
        self.insert_node(node).map(Some)
    }

    fn insert_node(&self, node: Uuid) -> Result<i64, LogError> {
        let mut sweep = Sweep::default();
        self.find_or_insert(&mut sweep, "nodes", "uuid", &node.to_string())
    }

    fn row(
        &mut self,
        numbers: &mut Dictionaries,
        at: LogPosition,
        of_all: Option<Phy>,
        report: &Report,
    ) -> Result<Row, LogError> {
        let (ssid, capabilities) = match &report.sighting {
            Sighting::Bluetooth(_) => (None, None),
            Sighting::Wifi(wifi) => {
                let ssid = self.number_of_ssid(numbers, &wifi.ssid)?;
                let capabilities = match &wifi.capabilities {
                    None => None,
                    Some(text) => Some(self.number_of_text(numbers, text.raw())?),
                };
                (Some(ssid), capabilities)
            }
        };
        let channel = match &report.channel {
            None => None,
            Some(channel) => {
                let text = |channel: &Channel| channel.as_str().to_owned();
                Some(self.number_of(
                    (&mut numbers.channels, &mut numbers.sweep),
                    "channels",
                    "text",
                    channel,
                    text,
                )?)
            }
        };
        let position = report.position;
        let own_phy = Some(report.device().phy).filter(|phy| of_all != Some(*phy));
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
                own_phy.map(number_of_phy),
                report.accuracy.map(|accuracy| accuracy.mm().into()),
            ],
            extra: Extra::text_of(report)?,
        })
    }

    fn number_of<K, V>(
        &self,
        (numbers, sweep): (&mut BoundedMap<K, i64>, &mut Sweep),
        table: &str,
        column: &str,
        key: &K,
        value: impl FnOnce(&K) -> V,
    ) -> Result<i64, LogError>
    where
        K: Clone + Eq + Hash,
        V: rusqlite::ToSql,
    {
        if let Some(number) = numbers.peek(key) {
            return Ok(*number);
        }
        let number = self.find_or_insert(sweep, table, column, &value(key))?;
        numbers.insert(key.clone(), number);
        Ok(number)
    }

    /// Like `number_of`, but copies the text only if it is new.
    fn number_of_text(&self, numbers: &mut Dictionaries, text: &str) -> Result<i64, LogError> {
        match numbers.capabilities.peek(text) {
            Some(number) => Ok(*number),
            None => self.number_of(
                (&mut numbers.capabilities, &mut numbers.sweep),
                "capabilities",
                "text",
                &text.into(),
                ToString::to_string,
            ),
        }
    }

    /// The row number of an SSID. There are many SSIDs and no index on them, so one that is not cached counts as new.
    fn number_of_ssid(&mut self, numbers: &mut Dictionaries, ssid: &Ssid) -> Result<i64, LogError> {
        if let Some(number) = numbers.ssids.peek(ssid) {
            return Ok(*number);
        }
        let last: i64 = if let Some(last) = numbers.last_ssid {
            last
        } else {
            let query = "SELECT ifnull(max(id), 0) FROM ssids";
            self.db.query_row(query, [], |row| row.get(0))?
        };
        let number = last + 1;
        self.names.add(number, *ssid)?;
        numbers.last_ssid = Some(number);
        numbers.ssids.insert(*ssid, number);
        Ok(number)
    }

    fn find_or_insert(
        &self,
        sweep: &mut Sweep,
        table: &str,
        column: &str,
        value: &dyn rusqlite::ToSql,
    ) -> Result<i64, LogError> {
        let find = format!("SELECT id FROM {table} WHERE {column} = ?1");
        let found = self
            .db
            .prepare_cached(&find)?
            .query_row([value], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            sweep.keep(table, number);
            return Ok(number);
        }
        let insert = format!("INSERT INTO {table} ({column}) VALUES (?1)");
        Ok(self.db.prepare_cached(&insert)?.insert([value])?)
    }
}

/// The radio technology that all reports of a batch share. A batch without reports has that of the source it
/// introduces.
fn technology(batch: &Batch) -> Option<Phy> {
    let Some(first) = batch.reports.first() else {
        return batch.technology;
    };
    let phy = first.device().phy;
    let is_same = |report: &Report| report.device().phy == phy;
    batch.reports.iter().all(is_same).then_some(phy)
}

/// The number of a radio technology in the table `phys`.
pub(super) const fn number_of_phy(phy: Phy) -> i64 {
    match phy {
        Phy::Wifi => 0,
        Phy::Bluetooth => 1,
    }
}

fn address_number(addr: MacAddr) -> i64 {
    signed(addr.to_u64())
}
