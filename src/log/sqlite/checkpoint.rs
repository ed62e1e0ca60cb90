//! The write-ahead log is moved into the file beside the writer: by the writer itself it would hold up all who report
//! for as long as it takes to copy the pages and to sync them.
//!
//! SQLite begins the write-ahead log anew when all of it has been moved, which under load is never so when another
//! thread has just moved it. So the writer moves the rest, between two commits.

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

/// From how many pages of 4 KiB on the write-ahead log is moved.
pub(super) const PAGES: i32 = 4096;
/// From how many times as many on the writer does it, because nobody else did.
const TOO_MANY: i32 = 4;
/// What was written while pages were copied is copied in rounds, each of which has less to do than the one before: until
/// no more than so many pages are left, or for so many rounds.
const REST: i32 = 64;
const ROUNDS: u32 = 4;

/// A thread with a connection of its own, for as long as this lives.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// There is something to move.
    wanted: AtomicBool,
    /// All but a little is moved.
    moved: AtomicBool,
    over: AtomicBool,
}

impl Checkpointer {
    /// Moves what `writer` writes, which is a connection to the same file, each time there are so many pages.
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
            .map_err(|error| LogError::Failed(format!("no thread: {error}").into()))?;
        let (its, wakes) = (Arc::clone(&shared), thread.thread().clone());
        let checkpointer = Self {
            shared,
            thread: Some(thread),
        };
        writer.wal_hook(Some(move |wal: &mut Wal, pages| {
            if its.moved.swap(false, Ordering::AcqRel) || TOO_MANY * pages_max <= pages {
                // The commit is made, whatever comes of this.
                progress("the rest", wal.checkpoint_v2(CheckpointMode::PASSIVE));
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
            // If it panicked the writer has moved all there was.
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
                match progress("pages", done) {
                    Some((pages, copied)) if REST < pages - copied => {}
                    _ => break,
                }
            }
            // In this order, so that the writer does not ask again before it has done its part.
            self.moved.store(true, Ordering::Release);
            self.wanted.store(false, Ordering::Release);
        }
    }
}

/// How many pages there were, and how many of them are moved. What cannot be moved now, because somebody reads it or
/// there is no room for it, stays where it is, and is as safe there.
fn progress(what: &str, done: rusqlite::Result<(i32, i32)>) -> Option<(i32, i32)> {
    done.inspect_err(|error| debug!(%error, what, "the write-ahead log could not be moved"))
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
        // What is written is what counts here, not that it is on disk.
        writer.pragma_update(None, "synchronous", "off").unwrap();
        // Else the writer does it by itself.
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        writer.execute_batch("CREATE TABLE texts (text)").unwrap();
        let checkpointer = Checkpointer::start(&file, &mut writer, 8).unwrap();
        let wal = File::open(directory.path().join("log.db-wal")).unwrap();
        // The salts in its header are others each time it begins (SQLite's file format, section 4.1).
        let salts = || {
            let mut salts = [0; 8];
            wal.read_exact_at(&mut salts, 16).unwrap();
            salts
        };
        let text = "x".repeat(4000);
        let (mut begun, mut before) = (0, salts());
        let (mut written, start) = (0_u32, Instant::now());
        // How many commits fit beside one sync of the checkpointer is for the disk to say.
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
