//! Statements that insert many rows at once.

use std::sync::LazyLock;

use rusqlite::{CachedStatement, Transaction, params};

use crate::log::LogError;
use crate::report::Ssid;

/// What a row of observations has: numbers, and last a text.
const COLUMNS: [&str; NUMBERS + 1] = [
    "record",
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
    "phy",
    "accuracy_mm",
    "extra",
];
const NUMBERS: usize = 14;
/// How many rows one statement inserts: starting a statement costs about as much as a row.
const ROWS: usize = 20;
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| insert("observations", &COLUMNS, ROWS));
static INSERT_ROW: LazyLock<String> = LazyLock::new(|| insert("observations", &COLUMNS, 1));
static INSERT_NAMES: LazyLock<String> = LazyLock::new(|| insert("ssids", &["id", "ssid"], ROWS));
static INSERT_NAME: LazyLock<String> = LazyLock::new(|| insert("ssids", &["id", "ssid"], 1));

fn insert(table: &str, columns: &[&str], rows: usize) -> String {
    let row = format!("({})", ["?"].repeat(columns.len()).join(", "));
    format!(
        "INSERT INTO {table} ({}) VALUES {}",
        columns.join(", "),
        vec![row; rows].join(", ")
    )
}

/// Inserts names with their numbers, many at once.
pub(super) struct Names<'t> {
    /// Inserts [`ROWS`].
    many: CachedStatement<'t>,
    /// Inserts one.
    one: CachedStatement<'t>,
    /// What is to be inserted, less than [`ROWS`].
    waiting: Vec<(i64, Ssid)>,
}

impl<'t> Names<'t> {
    pub(super) fn prepare(transaction: &'t Transaction<'t>) -> Result<Self, LogError> {
        Ok(Self {
            many: transaction.prepare_cached(&INSERT_NAMES)?,
            one: transaction.prepare_cached(&INSERT_NAME)?,
            waiting: Vec::new(),
        })
    }

    pub(super) fn add(&mut self, number: i64, ssid: Ssid) -> Result<(), LogError> {
        self.waiting.push((number, ssid));
        if self.waiting.len() < ROWS {
            return Ok(());
        }
        for (place, (number, ssid)) in (1..).step_by(2).zip(self.waiting.drain(..)) {
            self.many.raw_bind_parameter(place, number)?;
            self.many.raw_bind_parameter(place + 1, ssid.as_bytes())?;
        }
        self.many.raw_execute()?;
        Ok(())
    }

    /// Inserts those that still wait.
    pub(super) fn finish(&mut self) -> Result<(), LogError> {
        for (number, ssid) in self.waiting.drain(..) {
            self.one.execute(params![number, ssid.as_bytes()])?;
        }
        Ok(())
    }
}

/// The values of one observation, in the order of [`COLUMNS`].
#[derive(Clone, Default)]
pub(super) struct Row {
    pub(super) numbers: [Option<i64>; NUMBERS],
    pub(super) extra: Option<String>,
}

/// Inserts observations, of whichever batches, many at once.
pub(super) struct Observations<'t> {
    /// Inserts [`ROWS`].
    many: InsertRows<'t>,
    /// Inserts one.
    one: InsertRows<'t>,
    /// What is to be inserted, less than [`ROWS`].
    waiting: Vec<Row>,
}

impl<'t> Observations<'t> {
    pub(super) fn prepare(transaction: &'t Transaction<'t>) -> Result<Self, LogError> {
        Ok(Self {
            many: InsertRows::prepare(transaction, &INSERT_ROWS, ROWS)?,
            one: InsertRows::prepare(transaction, &INSERT_ROW, 1)?,
            waiting: Vec::with_capacity(ROWS),
        })
    }

    pub(super) fn add(&mut self, row: Row) -> Result<(), LogError> {
        self.waiting.push(row);
        if self.waiting.len() < ROWS {
            return Ok(());
        }
        self.many.insert(self.waiting.drain(..))
    }

    /// Inserts those that still wait.
    pub(super) fn finish(&mut self) -> Result<(), LogError> {
        let mut rest = self.waiting.drain(..);
        rest.try_for_each(|row| self.one.insert([row].into_iter()))
    }
}

/// A statement that inserts some observations, and what is bound to it. Reports of one scan have much in common (the
/// batch, the time, the place, and what none of them has): what stands there already is not bound again.
struct InsertRows<'t> {
    statement: CachedStatement<'t>,
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
