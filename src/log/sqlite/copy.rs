//! Copies a database with SQLite's online backup, whether or not others write to it.

use std::fs::File;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ffi};

/// Copies a database into the empty file at `to`, and syncs it. The copy is the database as `db` sees it: inside a
/// transaction, as it was when the transaction began.
pub(crate) fn copy_database(db: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    // A copy that is cut short is useless, so it needs no journal, and one sync at the end is enough.
    copy.pragma_update(None, "journal_mode", "off")?;
    copy.pragma_update(None, "synchronous", "off")?;
    let failed = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    match Backup::new(db, &mut copy)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(failed(ffi::SQLITE_BUSY)),
    }
    drop(copy);
    let synced = File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|_| failed(ffi::SQLITE_IOERR_FSYNC))
}
