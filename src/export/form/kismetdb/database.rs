//! The database file: its tables, and how it becomes bytes.

use std::fs::File;
use std::io::Read;

use rusqlite::{Connection, ErrorCode, OpenFlags, Params};

use crate::data_dir::open_for_reading;
use crate::export::{ExportError, ScratchFile};

const PAGE_BYTES: u64 = 4096;
/// SQLite's own bound.
const PAGES_MAX: u64 = 4_294_967_294;
/// The finished file is sent in pieces of this size.
const PIECE_BYTES: u64 = 256 * 1024;

/// Nothing is undone: a file that is not complete is removed. Kismet's tools compare the address of each device with those
/// of all packets, which takes very long without an index.
const TABLES: &str = "
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16384;
    CREATE TABLE KISMET (kismet_version TEXT, db_version INT, db_module TEXT);
    CREATE TABLE devices (first_time INT, last_time INT, devkey TEXT, phyname TEXT, devmac TEXT, strongest_signal INT,
        min_lat REAL, min_lon REAL, max_lat REAL, max_lon REAL, avg_lat REAL, avg_lon REAL, bytes_data INT, type TEXT,
        device BLOB, UNIQUE(phyname, devmac) ON CONFLICT REPLACE);
    CREATE TABLE packets (ts_sec INT, ts_usec INT, phyname TEXT, sourcemac TEXT, destmac TEXT, transmac TEXT,
        frequency REAL, devkey TEXT, lat REAL, lon REAL, alt REAL, speed REAL, heading REAL, packet_len INT, signal INT,
        datasource TEXT, dlt INT, packet BLOB, error INT, tags TEXT, datarate REAL, hash INT, packetid INT,
        packet_full_len INT);
    CREATE TABLE data (ts_sec INT, ts_usec INT, phyname TEXT, devmac TEXT, lat REAL, lon REAL, alt REAL, speed REAL,
        heading REAL, datasource TEXT, type TEXT, json BLOB);
    CREATE TABLE datasources (uuid TEXT, typestring TEXT, definition TEXT, name TEXT, interface TEXT, json BLOB,
        UNIQUE(uuid) ON CONFLICT REPLACE);
    CREATE TABLE alerts (ts_sec INT, ts_usec INT, phyname TEXT, devmac TEXT, lat REAL, lon REAL, header TEXT, json BLOB);
    CREATE TABLE messages (ts_sec INT, lat REAL, lon REAL, msgtype TEXT, message TEXT);
    CREATE TABLE snapshots (ts_sec INT, ts_usec INT, lat REAL, lon REAL, snaptype TEXT, json BLOB);
    CREATE INDEX packets_by_address ON packets(sourcemac);
    CREATE INDEX data_by_address ON data(devmac);
    CREATE INDEX devices_by_address ON devices(devmac);";
/// What version 10 has besides.
const SIGNAL_OF_DATA: &str = "ALTER TABLE data ADD COLUMN signal INT";

/// A database that is being written. The connection is closed before its file is removed.
pub(super) struct Database {
    db: Connection,
    file: ScratchFile,
}

impl Database {
    pub(super) fn create(file: ScratchFile, has_signal: bool) -> Result<Self, ExportError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let bytes_max = file.bytes_max();
        let opened = Connection::open_with_flags(file.path(), flags).and_then(|db| {
            db.execute_batch(TABLES)?;
            if has_signal {
                db.execute_batch(SIGNAL_OF_DATA)?;
            }
            let pages_max = (bytes_max / PAGE_BYTES).min(PAGES_MAX);
            db.query_row(&format!("PRAGMA max_page_count = {pages_max}"), [], |_| {
                Ok(())
            })?;
            db.execute_batch("BEGIN")?;
            Ok(db)
        });
        match opened {
            Ok(db) => Ok(Self { db, file }),
            Err(error) => Err(failure(&error, bytes_max)),
        }
    }

    /// Runs one of a few statements that are fixed.
    pub(super) fn run(&self, sql: &'static str, values: impl Params) -> Result<(), ExportError> {
        let done = self.db.prepare_cached(sql).and_then(|mut statement| {
            statement.execute(values)?;
            Ok(())
        });
        done.map_err(|error| failure(&error, self.file.bytes_max()))
    }

    /// Whether a query has a row.
    pub(super) fn has(&self, sql: &'static str, values: impl Params) -> Result<bool, ExportError> {
        let found = self.db.prepare_cached(sql);
        let found = found.and_then(|mut statement| statement.exists(values));
        found.map_err(|error| failure(&error, self.file.bytes_max()))
    }

    /// Ends the writing.
    pub(super) fn finish(self) -> Result<Finished, ExportError> {
        let Self { db, file } = self;
        let bytes_max = file.bytes_max();
        db.execute_batch("COMMIT")
            .map_err(|error| failure(&error, bytes_max))?;
        db.close()
            .map_err(|(_, error)| failure(&error, bytes_max))?;
        let content = open_for_reading(file.path()).map_err(|error| of_file(&error))?;
        Ok(Finished {
            content,
            _file: file,
        })
    }
}

fn failure(error: &rusqlite::Error, bytes_max: u64) -> ExportError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ExportError::NoRoom { bytes_max },
        _ => of_file(error),
    }
}

fn of_file(error: &impl ToString) -> ExportError {
    ExportError::File(error.to_string())
}

/// A database that is complete.
pub(super) struct Finished {
    content: File,
    _file: ScratchFile,
}

impl Finished {
    /// The next piece. `None` is the end.
    pub(super) fn piece(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let mut piece = Vec::new();
        let read = (&mut self.content)
            .take(PIECE_BYTES)
            .read_to_end(&mut piece);
        read.map_err(|error| of_file(&error))?;
        Ok((!piece.is_empty()).then_some(piece))
    }
}
