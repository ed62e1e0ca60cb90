//! The SQLite file of alerts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;

use super::alert::{Alert, Handling, Raised};
use super::kind::Definition;
use crate::data_dir::{self, DataDir};
use crate::log::{AlertOrder, EraseOrder, LogPosition, WatchOrder, copy_database, open_read_only};
use crate::report::{MacMask, ReceivedAt};

/// Longest wait for another writer of the file. Reports wait as long; then the alerts stay pending for the next
/// attempt.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);
/// The same while an erasure waits.
const ERASE_PATIENCE: Duration = Duration::from_secs(10);
/// Version 2 has the table `handling` too.
const VERSION: i64 = 2;
/// Key in `meta`: the log position up to which all orders are applied to the file.
const ORDERS_KEY: &str = "orders_position";
const SCHEMA: &str = include_str!("schema.sql");
const MIGRATION: &str = include_str!("migration.sql");

/// The file of alerts cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot read or write the alerts in {}: {_0}", data_dir::ALERTS)]
pub struct AlertFileError(Box<str>);

impl From<rusqlite::Error> for AlertFileError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string().into())
    }
}

impl From<serde_json::Error> for AlertFileError {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("an entry is not valid JSON of an alert: {error}").into())
    }
}

/// The changes that one transaction writes.
pub(super) struct Addition<'a> {
    /// Alerts. Those that are not stored yet get numbers from `next` on.
    pub(super) raised: &'a [Raised],
    pub(super) next: u64,
    /// Number of alerts that stay. Older ones are deleted.
    pub(super) kept_max: usize,
    pub(super) mark: &'a Mark,
    /// Stored alerts whose handling changed.
    pub(super) handled: &'a [Arc<Alert>],
    /// New kinds of alerts and changes of the watched addresses, in the order of the log.
    pub(super) orders: &'a [AlertOrder],
    /// Log position up to which the file has all orders afterwards.
    pub(super) orders_to: LogPosition,
}

/// The progress of the rules through the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// All alerts of the batches up to this position are stored.
    pub(super) position: LogPosition,
    /// All silence until then has been reported.
    pub(super) settled_at: ReceivedAt,
    /// Identifies the log and the rules. If it differs, the other fields are void.
    pub(super) basis: Box<str>,
}

/// The two lists of watched addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchList {
    /// Raises an alert when a device is found.
    Found,
    /// Raises an alert when a device is lost.
    Lost,
}

impl WatchList {
    /// The lists that an order changes.
    pub(super) fn of(order: &WatchOrder) -> impl Iterator<Item = Self> {
        let lists = [(order.found, Self::Found), (order.lost, Self::Lost)];
        lists
            .into_iter()
            .filter_map(|(is_it, list)| is_it.then_some(list))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Lost => "lost",
        }
    }
}

#[derive(Debug)]
pub(super) struct AlertFile {
    db: Connection,
}

impl AlertFile {
    /// Opens the file of a data directory. Without one, the database is in memory.
    pub(super) fn open(data: Option<&Path>) -> Result<Self, AlertFileError> {
        let db = match data {
            Some(data) => {
                let file = DataDir::at(data).prepare_database(data_dir::ALERTS);
                Connection::open(file.map_err(|error| AlertFileError(error.to_string().into()))?)?
            }
            None => Connection::open_in_memory()?,
        };
        db.busy_timeout(BUSY_TIMEOUT)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        // Snapshots rely on stored alerts, so a commit must be on disk before a snapshot is written.
        db.pragma_update(None, "synchronous", "full")?;
        let file = Self { db };
        let step = match file.version()? {
            0 => Some(SCHEMA),
            1 => Some(MIGRATION),
            found => {
                check_version(found)?;
                None
            }
        };
        if let Some(step) = step {
            let step = format!("BEGIN; {step} PRAGMA user_version = {VERSION}; COMMIT;");
            file.db.execute_batch(&step)?;
        }
        Ok(file)
    }

    fn version(&self) -> rusqlite::Result<i64> {
        self.db
            .pragma_query_value(None, "user_version", |row| row.get(0))
    }

    pub(super) fn mark(&self) -> Result<Option<Mark>, AlertFileError> {
        let (position, settled_at, basis) = (
            self.meta("position")?,
            self.meta("settled_at_us")?,
            self.meta("basis")?,
        );
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let mark = || {
            Some(Mark {
                position: LogPosition::new(number(position)?),
                settled_at: ReceivedAt::from_micros(number(settled_at)?),
                basis: basis?.into(),
            })
        };
        Ok(mark())
    }

    /// Log position up to which the file has all orders. Files from before orders were logged have none.
    pub(super) fn orders_to(&self) -> Result<LogPosition, AlertFileError> {
        let text = self.meta(ORDERS_KEY)?;
        let number = text.and_then(|text| text.parse().ok());
        Ok(LogPosition::new(number.unwrap_or_default()))
    }

    fn meta(&self, key: &str) -> rusqlite::Result<Option<String>> {
        let query = "SELECT value FROM meta WHERE key = ?1";
        self.db.query_row(query, [key], |row| row.get(0)).optional()
    }

    /// The newest alerts, in ascending order.
    pub(super) fn newest(&self, count: usize) -> Result<Vec<Alert>, AlertFileError> {
        let mut query = self
            .db
            .prepare("SELECT number, alert, handling FROM alerts LEFT JOIN handling USING (number) ORDER BY number DESC LIMIT ?1")?;
        let mut rows = query.query([signed(count)])?;
        let mut alerts = Vec::new();
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let handling = row.get_ref(2)?.as_str_or_null().ok().flatten();
            alerts.push(Alert {
                number: u64::try_from(number).unwrap_or_default(),
                raised: from_json(row.get_ref(1)?.as_str().unwrap_or_default())?,
                handling: handling.map(from_json).transpose()?.unwrap_or_default(),
            });
        }
        alerts.reverse();
        Ok(alerts)
    }

    /// Writes all changes in one transaction and deletes the oldest alerts past the limit. Returns the alerts that were
    /// not stored yet.
    pub(super) fn append(&mut self, addition: &Addition<'_>) -> Result<Vec<Alert>, AlertFileError> {
        let Addition {
            raised,
            next,
            kept_max,
            mark,
            handled,
            orders,
            orders_to,
        } = *addition;
        let transaction = self.db.transaction()?;
        for order in orders {
            apply(&transaction, order)?;
        }
        for alert in handled {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO handling (number, handling) VALUES (?1, ?2)",
                )?
                .execute(params![
                    signed(alert.number),
                    serde_json::to_string(&alert.handling)?
                ])?;
        }
        let mut alerts = Vec::with_capacity(raised.len());
        let mut number = next;
        for one in raised {
            let inserted = transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO alerts (number, id, header, raised_at_us, alert)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    signed(number),
                    one.id,
                    one.header,
                    signed(one.raised_at.micros()),
                    serde_json::to_string(one)?
                ])?;
            if 0 < inserted {
                alerts.push(Alert {
                    number,
                    raised: one.clone(),
                    handling: Handling::default(),
                });
                number += 1;
            }
        }
        for statement in [
            "DELETE FROM alerts WHERE number < ?1 - ?2",
            "DELETE FROM handling WHERE number < ?1 - ?2",
        ] {
            transaction
                .prepare_cached(statement)?
                .execute(params![signed(number), signed(kept_max)])?;
        }
        for (key, value) in [
            ("position", mark.position.get().to_string()),
            ("settled_at_us", mark.settled_at.micros().to_string()),
            ("basis", mark.basis.to_string()),
            (ORDERS_KEY, orders_to.get().to_string()),
        ] {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
                .execute(params![key, value])?;
        }
        transaction.commit()?;
        Ok(alerts)
    }

    /// Limits the file to this number of 4 KiB pages, to simulate a full disk.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.db
            .pragma_update(None, "max_page_count", pages)
            .unwrap();
    }

    /// Leaves commits to the operating system, for tests that end no process.
    #[cfg(test)]
    pub(super) fn skip_syncs(&self) {
        self.db.pragma_update(None, "synchronous", "off").unwrap();
    }

    pub(super) fn definitions(&self) -> Result<Vec<Definition>, AlertFileError> {
        let mut query = self
            .db
            .prepare("SELECT definition FROM definitions ORDER BY header")?;
        let mut rows = query.query([])?;
        let mut definitions = Vec::new();
        while let Some(row) = rows.next()? {
            definitions.push(from_json(row.get_ref(0)?.as_str().unwrap_or_default())?);
        }
        Ok(definitions)
    }

    pub(super) fn watched(&self, list: WatchList) -> Result<Vec<MacMask>, AlertFileError> {
        let mut query = self
            .db
            .prepare("SELECT mask FROM watched WHERE kind = ?1 ORDER BY mask")?;
        let mut rows = query.query([list.name()])?;
        let mut masks = Vec::new();
        while let Some(row) = rows.next()? {
            let mask = row.get_ref(0)?.as_str().unwrap_or_default().parse();
            masks.push(mask.map_err(|_| AlertFileError("a watched address is not valid".into()))?);
        }
        Ok(masks)
    }
}

/// Copies the file of a data directory, which may be in use, into the empty file at `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), AlertFileError> {
    Ok(copy_database(&open_read_only(from)?, to)?)
}

/// Erases the alerts, kinds and watched addresses that an order concerns, also from free space in the file. Returns how
/// many. No server may use the file.
pub(crate) fn erase(data: &Path, order: &EraseOrder) -> Result<u64, AlertFileError> {
    if !DataDir::at(data).path_of(data_dir::ALERTS).exists() {
        return Ok(0);
    }
    let mut file = AlertFile::open(Some(data))?;
    // Overwrites what is deleted. Pages that were freed earlier are not, so the file is written anew below.
    file.db.pragma_update(None, "secure_delete", true)?;
    file.db.busy_timeout(ERASE_PATIENCE)?;
    let transaction = file.db.transaction()?;
    let erased = erase_rows(&transaction, order)?;
    transaction.commit()?;
    file.db.execute_batch("VACUUM")?;
    let busy: i64 = file
        .db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(AlertFileError("another program uses the file".into()));
    }
    Ok(erased)
}

/// Counts the alerts, kinds and watched addresses that an order would erase.
pub(crate) fn count_erased(path: &Path, order: &EraseOrder) -> Result<u64, AlertFileError> {
    if !path.exists() {
        return Ok(0);
    }
    Ok(count(&find_erased(&open_read_only(path)?, order)?))
}

/// What an order concerns: the numbers of alerts, those of alerts that lose their comments only, the headers of kinds, and
/// the rows of watched addresses.
struct ErasedRows {
    alerts: Vec<i64>,
    commented: Vec<i64>,
    kinds: Vec<String>,
    watched: Vec<String>,
}

fn count(rows: &ErasedRows) -> u64 {
    let all = rows.alerts.len() + rows.commented.len() + rows.kinds.len() + rows.watched.len();
    u64::try_from(all).unwrap_or(u64::MAX)
}

fn erase_rows(db: &Connection, order: &EraseOrder) -> Result<u64, AlertFileError> {
    let rows = find_erased(db, order)?;
    for number in &rows.alerts {
        db.execute("DELETE FROM alerts WHERE number = ?1", [number])?;
    }
    for number in rows.alerts.iter().chain(&rows.commented) {
        db.execute("DELETE FROM handling WHERE number = ?1", [number])?;
    }
    for header in &rows.kinds {
        db.execute("DELETE FROM definitions WHERE header = ?1", [header])?;
    }
    for mask in &rows.watched {
        db.execute("DELETE FROM watched WHERE mask = ?1", [mask])?;
    }
    Ok(count(&rows))
}

fn find_erased(db: &Connection, order: &EraseOrder) -> Result<ErasedRows, AlertFileError> {
    let mut rows = ErasedRows {
        alerts: Vec::new(),
        commented: Vec::new(),
        kinds: Vec::new(),
        watched: Vec::new(),
    };
    let mut query =
        db.prepare("SELECT number, alert, handling FROM alerts LEFT JOIN handling USING (number)")?;
    let mut found = query.query([])?;
    while let Some(row) = found.next()? {
        let (text, handling): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let raised: Raised = from_json(&text)?;
        if order.is_named_in(&text) || raised.is_erased(order) {
            rows.alerts.push(row.get(0)?);
        } else if handling.is_some_and(|handling| order.is_named_in(&handling)) {
            rows.commented.push(row.get(0)?);
        }
    }
    let mut query = db.prepare("SELECT header, definition FROM definitions")?;
    let mut found = query.query([])?;
    while let Some(row) = found.next()? {
        if order.is_named_in(&row.get::<_, String>(1)?) {
            rows.kinds.push(row.get(0)?);
        }
    }
    let mut query = db.prepare("SELECT DISTINCT mask FROM watched")?;
    let mut found = query.query([])?;
    while let Some(row) = found.next()? {
        let mask: String = row.get(0)?;
        let single = mask.parse::<MacMask>().ok().and_then(MacMask::single);
        if order.is_of_address() && single.is_some() && single == order.address {
            rows.watched.push(mask);
        }
    }
    Ok(rows)
}

/// Checks a file that no server uses. Returns the log position up to which it has all alerts.
pub(crate) fn check(path: &Path) -> Result<LogPosition, AlertFileError> {
    let file = AlertFile {
        db: open_read_only(path)?,
    };
    let found: String = file
        .db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(AlertFileError(
            format!("the file is damaged: {found}").into(),
        ));
    }
    check_version(file.version()?)?;
    let position = file.meta("position")?;
    let number = position.and_then(|text| text.parse().ok());
    Ok(LogPosition::new(number.unwrap_or_default()))
}

/// Applies an order to the tables. It is idempotent.
fn apply(transaction: &Transaction<'_>, order: &AlertOrder) -> Result<(), AlertFileError> {
    match order {
        AlertOrder::Define(kind) => {
            let definition = Definition::from(kind);
            transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO definitions (header, definition) VALUES (?1, ?2)",
                )?
                .execute(params![
                    definition.header,
                    serde_json::to_string(&definition)?
                ])?;
        }
        AlertOrder::Watch(order) => {
            let statement = if order.is_watched {
                "INSERT OR IGNORE INTO watched (kind, mask) VALUES (?1, ?2)"
            } else {
                "DELETE FROM watched WHERE kind = ?1 AND mask = ?2"
            };
            for list in WatchList::of(order) {
                for mask in &order.masks {
                    transaction
                        .prepare_cached(statement)?
                        .execute(params![list.name(), mask.to_string()])?;
                }
            }
        }
        // Raised alerts and notes about them have tables of their own.
        AlertOrder::Raise(_) | AlertOrder::Note(_) => {}
    }
    Ok(())
}

fn check_version(found: i64) -> Result<(), AlertFileError> {
    if (1..=VERSION).contains(&found) {
        return Ok(());
    }
    let reason = format!(
        "the file has version {found}, but this program reads only up to {VERSION}; use the later program that wrote it"
    );
    Err(AlertFileError(reason.into()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, AlertFileError> {
    Ok(serde_json::from_str(text)?)
}

/// Converts to SQLite's signed integers. No count here comes near the limit.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
