//! The checkpointer copies the write-ahead log (WAL) into the database, on a thread of its own. If the writer did it,
//! all clients would wait until the pages are copied and synced.
//!
//! SQLite restarts the WAL only when all of it is copied. Under load the checkpointer never gets that far, because the
//! writer appends meanwhile. So the writer copies the last pages itself, between two commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};
use tracing::debug;

use super::make_durable;
use crate::log::LogError;

/// The checkpointer runs when the WAL has this many pages of 4 KiB.
pub(super) const PAGES: i32 = 4096;
/// At this multiple of [`PAGES`] the checkpointer has fallen behind, and the writer checkpoints instead.
const TOO_MANY: i32 = 4;
/// The writer appends while pages are copied. So the checkpointer repeats, and each round has less to copy. It stops
/// when no more than `REST` pages are left, or after `ROUNDS` rounds.
const REST: i32 = 64;
const ROUNDS: u32 = 4;

/// A thread with its own database connection. It runs until this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The WAL needs a checkpoint.
    wanted: AtomicBool,
    /// The checkpointer has copied all but the last pages.
    moved: AtomicBool,
    over: AtomicBool,
}

impl Checkpointer {
    /// Starts a thread that checkpoints whenever `writer`, a connection to the same file, has filled `pages_max` pages.
    pub(super) fn start(
        file: &Path,
        writer: &mut Connection,
        pages_max: i32,
    ) -> Result<Self, LogError> {
        let db = Connection::open(file)?;
        make_durable(&db)?;
        let shared = Arc::<Shared>::default();
        let its = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("checkpointer".into())
            .spawn(move || its.run(&db))
            .map_err(|error| {
                LogError::Failed(format!("cannot start the checkpointer: {error}").into())
            })?;
        let (its, wakes) = (Arc::clone(&shared), thread.thread().clone());
        let checkpointer = Self {
            shared,
            thread: Some(thread),
        };
        writer.wal_hook(Some(move |wal: &mut Wal, pages| {
            if its.moved.swap(false, Ordering::AcqRel) || TOO_MANY * pages_max <= pages {
                // The commit is done, even if the checkpoint fails.
                progress("writer", wal.checkpoint_v2(CheckpointMode::PASSIVE));
            } else if pages_max <= pages && !its.wanted.swap(true, Ordering::AcqRel) {
                wakes.unpark();
            }
            Ok(())
        }))?;
        Ok(checkpointer)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread does no harm: the writer has checkpointed in its place.
            thread.join().ok();
        }
    }
}

impl Shared {
    fn run(&self, db: &Connection) {
        while !self.over.load(Ordering::Acquire) {
            if !self.wanted.load(Ordering::Acquire) {
                thread::park();
                continue;
            }
            for _ in 0..ROUNDS {
                let done = db.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE);
                match progress("checkpointer", done) {
                    Some((pages, copied)) if REST < pages - copied => {}
                    _ => break,
                }
            }
            // In this order, so that the writer copies the last pages before it wakes this thread again.
            self.moved.store(true, Ordering::Release);
            self.wanted.store(false, Ordering::Release);
        }
    }
}

/// How many pages the WAL has, and how many of them are copied. Pages that cannot be copied now, because of a reader or
/// a full disk, stay in the WAL and are just as safe there.
fn progress(by: &str, done: rusqlite::Result<(i32, i32)>) -> Option<(i32, i32)> {
    done.inspect_err(|error| debug!(%error, by, "cannot checkpoint the write-ahead log"))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::time::{Duration, Instant};

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn the_write_ahead_log_begins_anew_while_it_is_written() {
        const BEGINS: u32 = 3;
        const PATIENCE: Duration = Duration::from_secs(60);
        let directory = tempdir().unwrap();
        let file = directory.path().join("log.db");
        let mut writer = Connection::open(&file).unwrap();
        writer.pragma_update(None, "journal_mode", "wal").unwrap();
        // The test needs the pages to be written, not to be durable.
        writer.pragma_update(None, "synchronous", "off").unwrap();
        // Otherwise SQLite checkpoints by itself.
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        writer.execute_batch("CREATE TABLE texts (text)").unwrap();
        let checkpointer = Checkpointer::start(&file, &mut writer, 8).unwrap();
        let wal = File::open(directory.path().join("log.db-wal")).unwrap();
        // The salts in the header change each time the WAL restarts (SQLite's file format, section 4.1).
        let salts = || {
            let mut salts = [0; 8];
            wal.read_exact_at(&mut salts, 16).unwrap();
            salts
        };
        let text = "x".repeat(4000);
        let (mut begun, mut before) = (0, salts());
        let (mut written, start) = (0_u32, Instant::now());
        // The disk determines how many commits happen during one sync of the checkpointer.
        while begun < BEGINS {
            writer
                .execute("INSERT INTO texts VALUES (?1)", [&text])
                .unwrap();
            written += 1;
            let now = salts();
            begun += u32::from(now != before);
            before = now;
            assert!(start.elapsed() < PATIENCE, "{begun} after {written}");
        }
        drop(checkpointer);
        let count: u32 = writer
            .query_row("SELECT count(*) FROM texts", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, written);
    }
}
