//! Databases of strangers, read in a child process.
//!
//! A database is a program: its schema and its damaged pages run in whatever reads it. The server therefore starts its own
//! program again for each database. The child limits its own memory, time and files, reads the tables, and writes rows to
//! its standard output. Whatever happens to the child, the server only loses the rest of that file.

mod child;
mod message;
mod open;
mod order;
mod parent;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::child::read_database;
pub(crate) use self::open::{Database, Fields, Table};
pub(crate) use self::parent::read;
pub use self::parent::use_program;
use super::rows::{Context, Ending, FileError, Rows};

/// Reads the tables of a form.
pub(crate) type DatabaseReader =
    fn(&Database, &Context<'_>, &mut dyn Rows) -> Result<Ending, FileError>;

/// What a child may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatabaseBounds {
    pub(crate) memory_bytes_max: u64,
    /// Processor time.
    pub(crate) time_max: Duration,
}

impl DatabaseBounds {
    pub(crate) const DEFAULT: Self = Self {
        memory_bytes_max: 256 << 20,
        time_max: Duration::from_secs(600),
    };
}

/// Errors of the server and of the child. They name the settings that bound the memory and the time of a child.
const MEMORY_SHORT: &str = "the database needs more memory than import.database_memory_bytes_max";
const TIME_SHORT: &str = "the database takes longer than import.database_time_max";
