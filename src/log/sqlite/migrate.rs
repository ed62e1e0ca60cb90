//! Migrates a file to the version that this program writes.

use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use tracing::info;

use crate::log::LogError;

/// The version that this program writes. Stored as SQLite's `user_version`. It changes with the tables, and with the kinds
/// of records: a program that does not know a kind has to refuse the file as too new.
pub(super) const VERSION: i64 = 6;
/// The first version whose records are chained.
pub(super) const VERSION_OF_CHAIN: i64 = 4;
/// The first version with a row per record.
const VERSION_OF_RECORDS: i64 = 4;
const TABLES: &str = include_str!("schema/tables.sql");
const VIEWS: &str = include_str!("schema/views.sql");
/// The scripts that migrate a file from one version to the next, the first from version 1. Each drops the views.
const STEPS: [&str; 5] = [
    include_str!("schema/from_1.sql"),
    include_str!("schema/from_2.sql"),
    include_str!("schema/from_3.sql"),
    include_str!("schema/from_4.sql"),
    include_str!("schema/from_5.sql"),
];

/// Presents the tables of versions 1 to 3 as those of the current one.
const READ_3: &str = include_str!("schema/read_3.sql");

/// Migrates the file to the current version. Leaves a file of a later version unchanged.
pub(super) fn migrate(db: &mut Connection) -> Result<(), LogError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if VERSION < found {
        return Err(LogError::TooNew {
            found,
            known: VERSION,
        });
    }
    if found == VERSION {
        return Ok(());
    }
    let started = Instant::now();
    if found != 0 {
        info!(schema.version = found, "migrating the log");
    }
    // One transaction: if the program ends before the commit, the file is unchanged.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match usize::try_from(found) {
        Ok(0) => transaction.execute_batch(TABLES)?,
        Ok(version) => {
            for step in STEPS.iter().skip(version - 1) {
                transaction.execute_batch(step)?;
            }
        }
        Err(_) => return Err(LogError::Damaged("the version is negative".into())),
    }
    transaction.execute_batch(VIEWS)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    if found != 0 {
        info!(
            schema.version = VERSION,
            migration.duration_ms =
                u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "migrated the log"
        );
    }
    Ok(())
}

/// Lets a read-only connection use the current tables on a file of an earlier version.
pub(super) fn read_as_current(db: &Connection, found: i64) -> Result<(), LogError> {
    if found < VERSION_OF_RECORDS {
        // Before version 3 there were no annotations.
        let annotation = if found < 3 {
            "NULL AS annotation"
        } else {
            "annotation"
        };
        let views = READ_3.replace("/* annotation */", annotation);
        db.execute_batch(&views)?;
    }
    Ok(())
}
