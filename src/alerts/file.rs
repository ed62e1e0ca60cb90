//! The alerts on disk: an SQLite file of their own.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::alert::{Alert, Raised};
use super::kind::Definition;
use crate::data_dir::{self, DataDir};
use crate::log::LogPosition;
use crate::report::{MacMask, ReceivedAt};

/// How long is waited for somebody else who writes to the file: reports wait as long, and then it is tried again.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);
const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// The file of alerts cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the file of alerts, {}: {_0}", data_dir::ALERTS)]
pub struct AlertFileError(Box<str>);

impl From<rusqlite::Error> for AlertFileError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string().into())
    }
}

impl From<serde_json::Error> for AlertFileError {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("what is in it is not understood: {error}").into())
    }
}

/// Up to where alerts were raised, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The last batch of which all alerts are kept, or a later one than that of the last alert.
    pub(super) position: LogPosition,
    /// What was silent until then has been told.
    pub(super) settled_at: ReceivedAt,
    /// Stands for the log and the rules: with others the rest means nothing.
    pub(super) basis: Box<str>,
}

/// The two lists of watched addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchList {
    /// Told when they are there.
    Found,
    /// Told when they are gone.
    Lost,
}

impl WatchList {
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
    /// Opens the file in a data directory, or one in memory.
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
        // A snapshot that relies on an alert is on disk when it is kept, so the alert has to be too.
        db.pragma_update(None, "synchronous", "full")?;
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match found {
            0 => {
                let schema = format!("BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;");
                db.execute_batch(&schema)?;
            }
            VERSION => {}
            _ => {
                let reason = format!("it has version {found}, this program knows {VERSION}");
                return Err(AlertFileError(reason.into()));
            }
        }
        Ok(Self { db })
    }

    pub(super) fn mark(&self) -> Result<Option<Mark>, AlertFileError> {
        let value = |key: &str| {
            self.db
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                    row.get::<_, String>(0)
                })
                .optional()
        };
        let (position, settled_at, basis) =
            (value("position")?, value("settled_at_us")?, value("basis")?);
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

    /// The newest alerts, the oldest first.
    pub(super) fn newest(&self, count: usize) -> Result<Vec<Alert>, AlertFileError> {
        let mut query = self
            .db
            .prepare("SELECT number, alert FROM alerts ORDER BY number DESC LIMIT ?1")?;
        let mut rows = query.query([signed(count)])?;
        let mut alerts = Vec::new();
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            alerts.push(Alert {
                number: u64::try_from(number).unwrap_or_default(),
                raised: serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?,
            });
        }
        alerts.reverse();
        Ok(alerts)
    }

    /// Keeps all of `raised` that are not kept yet, numbered from `next` on, and the mark; the oldest make room.
    pub(super) fn append(
        &mut self,
        raised: &[Raised],
        next: u64,
        kept_max: usize,
        mark: &Mark,
    ) -> Result<Vec<Alert>, AlertFileError> {
        let transaction = self.db.transaction()?;
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
                let raised = one.clone();
                alerts.push(Alert { number, raised });
                number += 1;
            }
        }
        transaction
            .prepare_cached("DELETE FROM alerts WHERE number < ?1 - ?2")?
            .execute(params![signed(number), signed(kept_max)])?;
        for (key, value) in [
            ("position", mark.position.get().to_string()),
            ("settled_at_us", mark.settled_at.micros().to_string()),
            ("basis", mark.basis.to_string()),
        ] {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
                .execute(params![key, value])?;
        }
        transaction.commit()?;
        Ok(alerts)
    }

    /// Lets the file have no more than so many pages of 4 KiB: a disk without room, for tests.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.db
            .pragma_update(None, "max_page_count", pages)
            .unwrap();
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

    pub(super) fn define(&self, definition: &Definition) -> Result<(), AlertFileError> {
        self.db.execute(
            "INSERT INTO definitions (header, definition) VALUES (?1, ?2)",
            params![definition.header, serde_json::to_string(definition)?],
        )?;
        Ok(())
    }

    pub(super) fn watched(&self, list: WatchList) -> Result<Vec<MacMask>, AlertFileError> {
        let mut query = self
            .db
            .prepare("SELECT mask FROM watched WHERE kind = ?1 ORDER BY mask")?;
        let mut rows = query.query([list.name()])?;
        let mut masks = Vec::new();
        while let Some(row) = rows.next()? {
            let mask = row.get_ref(0)?.as_str().unwrap_or_default().parse();
            masks.push(mask.map_err(|_| AlertFileError("an address is none".into()))?);
        }
        Ok(masks)
    }

    /// Keeps that these are watched on the lists from now on, or not any more.
    pub(super) fn watch(
        &mut self,
        lists: &[WatchList],
        masks: &[MacMask],
        is_watched: bool,
    ) -> Result<(), AlertFileError> {
        let statement = if is_watched {
            "INSERT OR IGNORE INTO watched (kind, mask) VALUES (?1, ?2)"
        } else {
            "DELETE FROM watched WHERE kind = ?1 AND mask = ?2"
        };
        let transaction = self.db.transaction()?;
        for list in lists {
            for mask in masks {
                transaction
                    .prepare_cached(statement)?
                    .execute(params![list.name(), mask.to_string()])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, AlertFileError> {
    Ok(serde_json::from_str(text)?)
}

/// SQLite's integers are signed; nothing that is counted here reaches the last bit.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
