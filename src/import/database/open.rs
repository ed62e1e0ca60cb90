//! Opens a database that is not trusted, and reads tables from it.
//!
//! The rules follow "Defense Against The Dark Arts" of sqlite.org. Only plain tables are read, with statements that are
//! fixed here, and each value is taken as what it is rather than what its column says.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, ToSql};

use super::MEMORY_SHORT;
use super::order::Order;
use crate::import::rows::{Ending, FileError};

/// Characters of a path that need no escape in a URI.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');
/// Rows of one query. The next query begins behind them, so damage costs no more than the rest of one query.
const ROWS_AT_ONCE: usize = 10_000;
/// How many damaged places of one table are skipped.
const DAMAGES_MAX: u32 = 1_000;
/// The longest text or blob that is a name, an address or the like, in bytes.
const SHORT_BYTES_MAX: usize = 4096;

/// Memory that the search for damage keeps of the file, in KiB. It reads each page once.
const CHECK_CACHE_KIB: u32 = 2048;
const CHECK_STACK_BYTES: usize = 512 << 10;

/// A stranger's database.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    /// For the search for damage, until it begins.
    unchecked: RefCell<Option<Connection>>,
    check: RefCell<Option<JoinHandle<bool>>>,
    /// Whether the file is shorter than its header says.
    is_cut: bool,
    is_damaged: Cell<bool>,
    /// Whether only plain reads are allowed, which is so once the tables are known.
    is_sealed: Arc<AtomicBool>,
}

/// A table whose columns are known.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    /// In lower case.
    columns: Vec<String>,
    /// The first column of the primary key.
    key: Option<String>,
}

impl Database {
    /// Opens a database. `opened` is called once the file is open, before anything of it is interpreted.
    pub(crate) fn open(
        path: &Path,
        opened: impl FnOnce() -> io::Result<()>,
    ) -> Result<Self, FileError> {
        let is_cut = is_cut(path)?;
        let mut connection = open_file(path).map_err(unreadable)?;
        let mut unchecked = open_file(path).map_err(unreadable)?;
        opened()?;
        let is_sealed = Arc::<AtomicBool>::default();
        harden(&mut connection, is_cut, &is_sealed).map_err(unreadable)?;
        harden(&mut unchecked, is_cut, &Arc::default()).map_err(unreadable)?;
        Ok(Self {
            connection,
            unchecked: RefCell::new(Some(unchecked)),
            check: RefCell::default(),
            is_cut,
            is_damaged: Cell::new(false),
            is_sealed,
        })
    }

    /// The table of this name, if there is one. A view, and a table that computes its values, are refused.
    pub(crate) fn table(&self, name: &'static str) -> Result<Option<Table>, FileError> {
        let known: Option<(String, Option<String>)> = self
            .connection
            .query_row(
                "SELECT type, sql FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')",
                [name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(unreadable)?;
        let Some((kind, sql)) = known else {
            return Ok(None);
        };
        let sql = sql.unwrap_or_default().to_ascii_uppercase();
        let is_virtual = sql.trim_start().starts_with("CREATE VIRTUAL");
        if kind != "table" || is_virtual {
            return Err(FileError::refused(format!("{name}: not a plain table")));
        }
        let (columns, key) = self.columns(name)?;
        if columns.iter().any(|column| column == "rowid") || sql.contains("WITHOUT ROWID") {
            return Err(FileError::refused(format!("{name}: rows have no numbers")));
        }
        Ok(Some(Table { name, columns, key }))
    }

    /// The columns of a table, and the first one of its primary key.
    fn columns(&self, name: &str) -> Result<(Vec<String>, Option<String>), FileError> {
        let read = || -> rusqlite::Result<Vec<(String, i64, i64)>> {
            let mut listed = self
                .connection
                .prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?1)")?;
            let columns =
                listed.query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            columns.collect()
        };
        let columns = read().map_err(unreadable)?;
        if columns.iter().any(|(_, _, hidden)| *hidden != 0) {
            return Err(FileError::refused(format!("{name}: a column is generated")));
        }
        let first = columns.iter().find(|(_, place, _)| *place == 1);
        let key = first.map(|(column, ..)| column.to_ascii_lowercase());
        let columns = columns.into_iter();
        let columns = columns.map(|(column, ..)| column.to_ascii_lowercase());
        Ok((columns.collect(), key))
    }

    /// A table that each database of the form has.
    pub(crate) fn needed_table(&self, name: &'static str) -> Result<Table, FileError> {
        let missing = || FileError::refused(format!("{name}: there is no such table"));
        self.table(name)?.ok_or_else(missing)
    }

    /// Begins to look for damage in these tables, which goes on while they are read. From then on only plain reads are
    /// possible.
    pub(crate) fn seal<'t>(
        &self,
        tables: impl IntoIterator<Item = &'t Table>,
    ) -> Result<(), FileError> {
        let names: Vec<&'static str> = tables.into_iter().map(|table| table.name).collect();
        if let Some(connection) = self.unchecked.take() {
            let thread = thread::Builder::new().stack_size(CHECK_STACK_BYTES);
            let check = thread.spawn(move || is_any_damaged(&connection, &names))?;
            self.check.replace(Some(check));
        }
        self.is_sealed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Reads all rows of a table in the order of their numbers. A column that the table lacks is null. The reading ends when
    /// `each` returns `false`. Returns whether it reached the end of the table.
    pub(crate) fn rows(
        &self,
        table: &Table,
        columns: &[&str],
        mut each: impl FnMut(i64, &Fields<'_, '_>) -> Result<bool, FileError>,
    ) -> Result<bool, FileError> {
        let (listed, name) = (table.listed(columns), table.name);
        let query = format!(
            "SELECT rowid, {listed} FROM \"{name}\" WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS_AT_ONCE}"
        );
        let (mut order, mut damages) = (Order::new(), 0);
        let mut numbers = Vec::new();
        loop {
            let mut is_wanted = true;
            numbers.clear();
            let mut read = || -> Result<(), Stop> {
                let mut statement = self.connection.prepare_cached(&query)?;
                let mut rows = statement.query([order.start()])?;
                while let Some(row) = rows.next()? {
                    let number: i64 = row.get(0)?;
                    numbers.push(number);
                    if order.is_new(number) && !each(number, &Fields { row, first: 1 })? {
                        is_wanted = false;
                        break;
                    }
                }
                Ok(())
            };
            let ended = read();
            if order.is_broken() {
                self.is_damaged.set(true);
            }
            match ended {
                Ok(()) if !is_wanted => return Ok(false),
                Ok(()) if numbers.len() < ROWS_AT_ONCE => return Ok(true),
                Ok(()) => {}
                Err(Stop::File(error)) => return Err(error),
                Err(Stop::Database(error)) if !is_damage(&error) => {
                    return Err(unreadable(error));
                }
                Err(Stop::Database(_)) => self.is_damaged.set(true),
            }
            if order.end_query(&numbers) {
                continue;
            }
            self.is_damaged.set(true);
            damages += 1;
            if DAMAGES_MAX <= damages || order.skip().is_none() {
                return Ok(true);
            }
        }
    }

    /// The number of the row of a table whose key is this value, and what `read` makes of it. The key has to be a primary
    /// key, see [`Table::is_found_by`].
    pub(crate) fn find<T>(
        &self,
        table: &Table,
        columns: &[&str],
        key: impl ToSql,
        read: impl FnOnce(&Fields<'_, '_>) -> T,
    ) -> Result<Option<(i64, T)>, FileError> {
        let listed = table.listed(columns);
        let (name, by) = (table.name, table.key.as_deref().unwrap_or("rowid"));
        let query = format!("SELECT rowid, {listed} FROM \"{name}\" WHERE \"{by}\" = ?1 LIMIT 1");
        let find = || -> rusqlite::Result<Option<(i64, T)>> {
            let mut statement = self.connection.prepare_cached(&query)?;
            let mut rows = statement.query([key])?;
            match rows.next()? {
                Some(row) => Ok(Some((row.get(0)?, read(&Fields { row, first: 1 })))),
                None => Ok(None),
            }
        };
        match find() {
            Err(error) if is_damage(&error) => {
                self.is_damaged.set(true);
                Ok(None)
            }
            found => found.map_err(unreadable),
        }
    }

    /// How the reading ended. Waits until all tables have been searched for damage.
    pub(crate) fn ending(&self) -> Ending {
        if let Some(check) = self.check.take()
            && check.join().unwrap_or(true)
        {
            self.is_damaged.set(true);
        }
        Ending {
            is_cut: self.is_cut,
            is_damaged: self.is_damaged.get(),
            ..Ending::default()
        }
    }
}

fn is_any_damaged(connection: &Connection, tables: &[&str]) -> bool {
    let cache = format!("PRAGMA cache_size = -{CHECK_CACHE_KIB}");
    connection.execute_batch(&cache).is_err()
        || tables.iter().any(|table| {
            let check = format!("PRAGMA quick_check(\"{table}\")");
            let found = connection.query_row(&check, [], |row| row.get::<_, String>(0));
            // If the check itself fails, the damage is worse.
            found.map_or(true, |found| found != "ok")
        })
}

/// Why reading stopped.
enum Stop {
    File(FileError),
    Database(rusqlite::Error),
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Table {
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known == column)
    }

    /// Whether a row is found by the value of this column without reading the others.
    pub(crate) fn is_found_by(&self, column: &str) -> bool {
        self.key.as_deref() == Some(column)
    }

    /// The columns for a query, with NULL in place of those that the table lacks.
    fn listed(&self, columns: &[&str]) -> String {
        let listed = columns.iter().map(|column| {
            if self.has(column) {
                format!("\"{column}\"")
            } else {
                "NULL".to_owned()
            }
        });
        listed.collect::<Vec<_>>().join(", ")
    }
}

/// The values of a row. Any column may hold a value of any type.
pub(crate) struct Fields<'r, 's> {
    row: &'r Row<'s>,
    first: usize,
}

impl Fields<'_, '_> {
    fn value(&self, index: usize) -> ValueRef<'_> {
        let value = self.row.get_ref(self.first.saturating_add(index));
        value.unwrap_or(ValueRef::Null)
    }

    /// The octets of a text or a blob, however long it is.
    pub(crate) fn document(&self, index: usize) -> &[u8] {
        match self.value(index) {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
        }
    }

    /// The octets of a short text or blob. None of anything else.
    pub(crate) fn octets(&self, index: usize) -> &[u8] {
        let octets = self.document(index);
        if SHORT_BYTES_MAX < octets.len() {
            return &[];
        }
        octets
    }

    /// A short text that is UTF-8. Empty for anything else.
    pub(crate) fn text(&self, index: usize) -> &str {
        std::str::from_utf8(self.octets(index)).unwrap_or_default()
    }

    /// A number, or a text that is one.
    pub(crate) fn number(&self, index: usize) -> Option<f64> {
        match self.value(index) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "coordinates, signals and frequencies are far below 2^53"
            )]
            ValueRef::Integer(number) => Some(number as f64),
            ValueRef::Real(number) => Some(number).filter(|number| number.is_finite()),
            ValueRef::Text(_) => {
                let number: f64 = self.text(index).trim().parse().ok()?;
                number.is_finite().then_some(number)
            }
            ValueRef::Null | ValueRef::Blob(_) => None,
        }
    }

    /// A whole number. The fraction of another number is cut off.
    pub(crate) fn integer(&self, index: usize) -> Option<i64> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if let ValueRef::Integer(number) = self.value(index) {
            return Some(number);
        }
        let number = self.number(index)?.trunc();
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (number.abs() < EXACT_MAX).then_some(number as i64)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "this is a function for `map_err`"
)]
fn unreadable(error: rusqlite::Error) -> FileError {
    if error.sqlite_error_code() == Some(ErrorCode::OutOfMemory) {
        return FileError::refused(MEMORY_SHORT);
    }
    FileError::refused(format!("the database cannot be read: {error}"))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::SystemIoFailure | ErrorCode::TooBig)
    )
}

/// Checks the parts of the header that SQLite trusts. Returns whether the file is shorter than its header says.
fn is_cut(path: &Path) -> Result<bool, FileError> {
    const HEADER_BYTES: usize = 100;
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut header = [0; HEADER_BYTES];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(FileError::refused("the file is too short for a database"));
        }
        read => read?,
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(FileError::refused("not an SQLite database"));
    }
    let number_at = |at: usize| {
        let four = header.get(at..at + 4).and_then(|four| four.try_into().ok());
        u32::from_be_bytes(four.unwrap_or_default())
    };
    let page_bytes = match number_at(16) >> 16 {
        1 => 65_536,
        bytes => bytes,
    };
    if !page_bytes.is_power_of_two() || page_bytes < 512 {
        return Err(FileError::refused("the database has no valid page size"));
    }
    // Versions of SQLite before 3.7 write a number of pages that does not count.
    let is_counted = number_at(24) == number_at(92);
    let pages = u64::from(number_at(28));
    let claimed = u64::from(page_bytes) * pages;
    let has_part = bytes % u64::from(page_bytes) != 0;
    Ok(has_part || (is_counted && 0 < pages && bytes < claimed))
}

/// Opens a file that nobody writes to. A write-ahead log beside it does not count.
fn open_file(path: &Path) -> rusqlite::Result<Connection> {
    let text = path.to_str().unwrap_or_default();
    let uri = format!(
        "file:{}?mode=ro&immutable=1",
        utf8_percent_encode(text, &PATH)
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags)
}

fn harden(
    connection: &mut Connection,
    is_cut: bool,
    is_sealed: &Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    for (config, is_on) in [
        // SQLite reads a file that is shorter than its header says only in this mode, which is for repairs. Nothing can
        // be written in any case.
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, !is_cut),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, is_cut),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    ] {
        connection.set_db_config(config, is_on)?;
    }
    for (limit, max) in [
        (Limit::SQLITE_LIMIT_LENGTH, 16 << 20),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 10_000),
        (Limit::SQLITE_LIMIT_COLUMN, 200),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 10),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 2),
        (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    ] {
        connection.set_limit(limit, max)?;
    }
    let asked = Arc::clone(is_sealed);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        authorize(&context, asked.load(Ordering::Relaxed))
    }))?;
    connection.execute_batch(
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384",
    )
}

/// Reads of columns are all that [`Database::rows`] and [`Database::find`] do.
fn authorize(context: &AuthContext<'_>, is_sealed: bool) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } => Authorization::Allow,
        _ if is_sealed => Authorization::Deny,
        _ => Authorization::Allow,
    }
}
