//! From the version that a file has to the one that this program writes.

use rusqlite::{Connection, TransactionBehavior};

use crate::log::LogError;

/// The version that this program writes. Stored as SQLite's `user_version`.
pub(super) const VERSION: i64 = 3;
const TABLES: &str = include_str!("schema/tables.sql");
const VIEWS: &str = include_str!("schema/views.sql");
/// The steps that bring a file from one version to the next, the first from version 1. Each drops the views.
const STEPS: [&str; 2] = [
    include_str!("schema/from_1.sql"),
    include_str!("schema/from_2.sql"),
];

/// Brings the file to the version of this program, or leaves it alone if it is of a later one.
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
    Ok(transaction.commit()?)
}
