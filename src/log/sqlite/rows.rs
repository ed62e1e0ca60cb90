//! Statements that insert many rows at once.

use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection, params};

use super::index::IndexedRow;
use crate::log::LogError;
use crate::report::Ssid;

/// The columns of an observation: the numbers, and last a text.
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
/// The places of the columns that the index keeps.
const TIME: usize = 1;
const ADDRESS: usize = 2;
/// How many numbers most observations have. Columns that a statement leaves out cost nothing.
const NUMBERS_USUAL: usize = 12;
/// How many rows one statement inserts: starting a statement costs about as much as a row.
const ROWS: usize = 20;
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| insert_rows(NUMBERS, ROWS));
static INSERT_ROW: LazyLock<String> = LazyLock::new(|| insert_rows(NUMBERS, 1));
static INSERT_USUAL_ROWS: LazyLock<String> = LazyLock::new(|| insert_rows(NUMBERS_USUAL, ROWS));
static INSERT_USUAL_ROW: LazyLock<String> = LazyLock::new(|| insert_rows(NUMBERS_USUAL, 1));
static INSERT_NAMES: LazyLock<String> = LazyLock::new(|| insert("ssids", &["id", "ssid"], ROWS));
static INSERT_NAME: LazyLock<String> = LazyLock::new(|| insert("ssids", &["id", "ssid"], 1));

fn insert_rows(numbers: usize, rows: usize) -> String {
    let (all, extra) = COLUMNS.split_at(NUMBERS);
    let columns: Vec<&str> = all.iter().take(numbers).chain(extra).copied().collect();
    insert("observations", &columns, rows)
}

/// If the statement fails, it rolls back the transaction, because a commit takes all rows or none. To be able to undo the
/// statement alone, SQLite would copy each page before it changes it.
fn insert(table: &str, columns: &[&str], rows: usize) -> String {
    let row = format!("({})", ["?"].repeat(columns.len()).join(", "));
    format!(
        "INSERT OR ROLLBACK INTO {table} ({}) VALUES {}",
        columns.join(", "),
        vec![row; rows].join(", ")
    )
}

/// Inserts names with their numbers, many at once.
pub(super) struct Names<'t> {
    /// Inserts [`ROWS`] rows.
    many: CachedStatement<'t>,
    /// Inserts one row.
    one: CachedStatement<'t>,
    /// Names to be inserted, fewer than [`ROWS`].
    waiting: Vec<(i64, Ssid)>,
}

impl<'t> Names<'t> {
    pub(super) fn prepare(db: &'t Connection) -> Result<Self, LogError> {
        Ok(Self {
            many: db.prepare_cached(&INSERT_NAMES)?,
            one: db.prepare_cached(&INSERT_NAME)?,
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

    /// Inserts the names that are left.
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

impl Row {
    /// What the index keeps of the row, without its number.
    fn indexed(&self) -> IndexedRow {
        let number = |place: usize| self.numbers.get(place).copied().flatten();
        IndexedRow {
            id: 0,
            address: number(ADDRESS)
                .and_then(|address| u64::try_from(address).ok())
                .unwrap_or(u64::MAX),
            time: number(TIME)
                .and_then(|time| u32::try_from(time).ok())
                .unwrap_or_default(),
        }
    }

    fn is_usual(&self) -> bool {
        let rare = self.numbers.iter().skip(NUMBERS_USUAL);
        rare.copied().all(|number| number.is_none())
    }
}

/// Inserts observations of any batches, many at once.
pub(super) struct Observations<'t> {
    db: &'t Connection,
    /// Each statement is prepared when it is first used, because many commits have only one report.
    statements: Statements<'t>,
    /// Rows to be inserted, fewer than [`ROWS`].
    waiting: Vec<Row>,
    /// What the index keeps of the rows. They have numbers once all are inserted.
    indexed: Vec<IndexedRow>,
    /// The number of the last row that was inserted.
    last_id: i64,
}

/// Statements for [`ROWS`] rows and for one row, with all columns and with the usual ones.
#[derive(Default)]
struct Statements<'t> {
    many: Option<InsertRows<'t>>,
    many_usual: Option<InsertRows<'t>>,
    one: Option<InsertRows<'t>>,
    one_usual: Option<InsertRows<'t>>,
}

impl<'t> Observations<'t> {
    pub(super) fn of(db: &'t Connection) -> Self {
        Self {
            db,
            statements: Statements::default(),
            waiting: Vec::with_capacity(ROWS),
            indexed: Vec::new(),
            last_id: 0,
        }
    }

    pub(super) fn add(&mut self, row: Row) -> Result<(), LogError> {
        self.indexed.push(row.indexed());
        self.waiting.push(row);
        if self.waiting.len() < ROWS {
            return Ok(());
        }
        let statements = &mut self.statements;
        let (statement, sql, numbers) = if self.waiting.iter().all(Row::is_usual) {
            (
                &mut statements.many_usual,
                &INSERT_USUAL_ROWS,
                NUMBERS_USUAL,
            )
        } else {
            (&mut statements.many, &INSERT_ROWS, NUMBERS)
        };
        let statement = prepared(statement, self.db, sql, (numbers, ROWS))?;
        self.last_id = statement.insert(self.waiting.drain(..), self.db)?;
        Ok(())
    }

    /// Inserts the rows that are left. Returns what the index keeps of all rows.
    pub(super) fn finish(&mut self) -> Result<Vec<IndexedRow>, LogError> {
        let statements = &mut self.statements;
        for row in self.waiting.drain(..) {
            let (statement, sql, numbers) = if row.is_usual() {
                (&mut statements.one_usual, &INSERT_USUAL_ROW, NUMBERS_USUAL)
            } else {
                (&mut statements.one, &INSERT_ROW, NUMBERS)
            };
            let statement = prepared(statement, self.db, sql, (numbers, 1))?;
            self.last_id = statement.insert([row].into_iter(), self.db)?;
        }
        // SQLite numbers the rows one after the other.
        let numbers = (0..=self.last_id).rev();
        let mut indexed = std::mem::take(&mut self.indexed);
        for (row, number) in indexed.iter_mut().rev().zip(numbers) {
            row.id = number;
        }
        Ok(indexed)
    }
}

fn prepared<'s, 't>(
    statement: &'s mut Option<InsertRows<'t>>,
    db: &'t Connection,
    sql: &str,
    (numbers, rows): (usize, usize),
) -> Result<&'s mut InsertRows<'t>, LogError> {
    match statement {
        Some(statement) => Ok(statement),
        none => Ok(none.insert(InsertRows::prepare(db, sql, numbers, rows)?)),
    }
}

/// A statement that inserts some observations, and the values that are bound to it. Reports of one scan share many
/// values, such as the batch, the time, the position and the fields that are missing. Those are not bound again.
struct InsertRows<'t> {
    statement: CachedStatement<'t>,
    /// How many number columns it inserts.
    numbers: usize,
    bound: Vec<Row>,
}

impl<'t> InsertRows<'t> {
    fn prepare(
        db: &'t Connection,
        sql: &str,
        numbers: usize,
        rows: usize,
    ) -> Result<Self, LogError> {
        Ok(Self {
            statement: db.prepare_cached(sql)?,
            numbers,
            // A statement from the cache has no bindings, and SQLite inserts NULL for those.
            bound: vec![Row::default(); rows],
        })
    }

    /// Inserts as many rows as the statement has. Returns the number of the last one.
    fn insert(
        &mut self,
        rows: impl Iterator<Item = Row>,
        db: &Connection,
    ) -> Result<i64, LogError> {
        let first_places = (1..).step_by(self.numbers + 1);
        for ((first, bound), row) in first_places.zip(&mut self.bound).zip(rows) {
            let numbers = row.numbers.get(..self.numbers).unwrap_or_default();
            for (place, (number, bound)) in (first..).zip(numbers.iter().zip(&mut bound.numbers)) {
                if *bound != *number {
                    self.statement.raw_bind_parameter(place, *number)?;
                    *bound = *number;
                }
            }
            if bound.extra != row.extra {
                let extra = row.extra.as_deref();
                self.statement
                    .raw_bind_parameter(first + self.numbers, extra)?;
                bound.extra = row.extra;
            }
        }
        self.statement.raw_execute()?;
        Ok(db.last_insert_rowid())
    }
}
