//! The credentials in memory, which follow the file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::super::file::{self, Document, Key, ReadError};
use super::super::secret::TokenHash;
use crate::data_dir::{DataDir, FileStamp};

/// Longest time for which a change by another process is not seen. Looking at the file for every request would cost
/// more than the rest of the check.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Time between two log lines about a file that cannot be read.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// How long the credentials stay valid while the file cannot be read, unless configured.
const STALE_MAX: Duration = Duration::from_secs(5);

/// Counts changes by this process, so that all stores in it see them at once.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// The newest credentials that could be read.
#[derive(Debug)]
pub(super) struct Current {
    state: RwLock<State>,
    opened: Instant,
    /// When to look at the file again, in milliseconds after `opened`.
    due_ms: AtomicU64,
    /// [`CHANGES`] when the file was looked at last.
    seen_changes: AtomicU64,
    stale_max: Duration,
}

#[derive(Debug)]
struct State {
    loaded: Arc<Loaded>,
    unreadable: Option<Unreadable>,
}

#[derive(Debug)]
struct Unreadable {
    since: Instant,
    logged: Instant,
}

/// What one version of the file holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    stamp: Option<FileStamp>,
    pub(super) document: Document,
    /// Places in the document. A lookup by a hash reveals nothing about tokens.
    keys: HashMap<[u8; 32], usize>,
}

impl Loaded {
    pub(super) fn new(stamp: Option<FileStamp>, document: Document) -> Self {
        let keys = document.keys.iter().enumerate();
        let keys = keys.map(|(place, key)| (key.hash.bytes(), place)).collect();
        Self {
            stamp,
            document,
            keys,
        }
    }

    pub(super) fn key(&self, hash: TokenHash) -> Option<&Key> {
        let place = *self.keys.get(&hash.bytes())?;
        self.document.keys.get(place)
    }
}

impl Current {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self {
            state: RwLock::new(State {
                loaded: Arc::new(loaded),
                unreadable: None,
            }),
            opened: Instant::now(),
            due_ms: AtomicU64::new(0),
            seen_changes: AtomicU64::new(0),
            stale_max: STALE_MAX,
        }
    }

    pub(super) fn set_stale_max(&mut self, stale_max: Duration) {
        self.stale_max = stale_max;
    }

    /// The credentials, as old as [`LOOK_EVERY`] if another process changed them.
    pub(super) fn get(&self, data: Option<&DataDir>) -> Arc<Loaded> {
        let now = Instant::now();
        if let Some(data) = data
            && self.is_due(now)
        {
            self.look(data, now);
        }
        Arc::clone(&self.read().loaded)
    }

    /// The credentials as they are now.
    pub(super) fn get_fresh(&self, data: Option<&DataDir>) -> Arc<Loaded> {
        if let Some(data) = data {
            self.look(data, Instant::now());
        }
        Arc::clone(&self.read().loaded)
    }

    /// Whether there has been a file.
    pub(super) fn has_file(&self) -> bool {
        self.read().loaded.stamp.is_some()
    }

    /// Whether the credentials in memory are too old to be trusted, because the file cannot be read.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        let state = self.read();
        let unreadable = state.unreadable.as_ref();
        unreadable
            .is_some_and(|failed| self.stale_max <= now.saturating_duration_since(failed.since))
    }

    /// Sets what this process has just written.
    pub(super) fn set(&self, loaded: Loaded) {
        let mut state = self.write();
        state.loaded = Arc::new(loaded);
        state.unreadable = None;
        CHANGES.fetch_add(1, Ordering::SeqCst);
    }

    fn is_due(&self, now: Instant) -> bool {
        let changes = CHANGES.load(Ordering::SeqCst);
        changes != self.seen_changes.load(Ordering::SeqCst)
            || self.due_ms.load(Ordering::Relaxed) <= self.milliseconds(now)
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.opened);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Reads the file if it is not the one in memory. A read that fails is tried again at the next look.
    fn look(&self, data: &DataDir, now: Instant) {
        let changes = CHANGES.load(Ordering::SeqCst);
        self.follow(data, now);
        self.seen_changes.store(changes, Ordering::SeqCst);
        let due_ms = self.milliseconds(now + LOOK_EVERY);
        self.due_ms.store(due_ms, Ordering::Relaxed);
    }

    fn follow(&self, data: &DataDir, now: Instant) {
        let stamp = file::stamp(data);
        {
            let state = self.read();
            let is_same = stamp
                .as_ref()
                .is_ok_and(|stamp| *stamp == state.loaded.stamp);
            if is_same && state.unreadable.is_none() {
                return;
            }
        }
        let mut state = self.write();
        let read = stamp
            .map_err(ReadError::from)
            .and_then(|_| file::read(data));
        match read {
            // No command removes the file. Without it, everybody on this machine could become the administrator.
            Ok((None, _)) if state.loaded.stamp.is_some() => {
                self.note_failure(&mut state, &ReadError::Removed, now);
            }
            Ok((stamp, document)) => {
                // Another request may have read it already.
                if stamp != state.loaded.stamp {
                    info!("read the changed credentials");
                    state.loaded = Arc::new(Loaded::new(stamp, document));
                }
                if state.unreadable.take().is_some() {
                    info!("the credentials can be read again");
                }
            }
            Err(error) => self.note_failure(&mut state, &error, now),
        }
    }

    fn note_failure(&self, state: &mut State, error: &ReadError, now: Instant) {
        let is_logged =
            |failed: &Unreadable| now.saturating_duration_since(failed.logged) < LOG_EVERY;
        if state.unreadable.as_ref().is_some_and(is_logged) {
            return;
        }
        let since = state.unreadable.as_ref().map_or(now, |failed| failed.since);
        state.unreadable = Some(Unreadable { since, logged: now });
        let valid_for = self
            .stale_max
            .saturating_sub(now.saturating_duration_since(since));
        error!(
            %error,
            valid_for_ms = valid_for.as_millis(),
            "cannot read the credentials: known ones are refused after this time, until the file can be read"
        );
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data_dir::CREDENTIALS;

    #[test]
    fn credentials_that_cannot_be_read_are_trusted_for_a_bounded_time_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::at(dir.path());
        let path = dir.path().join(CREDENTIALS);
        let mut current = Current::new(Loaded::default());
        let bound = Duration::from_secs(7);
        current.set_stale_max(bound);
        let begun = Instant::now();
        // A folder in the place of the file can be found and not be read.
        fs::create_dir(&path).unwrap();
        current.look(&data, begun);
        current.look(&data, begun + Duration::from_secs(3));
        let last = bound.saturating_sub(Duration::from_nanos(1));
        assert!(!current.is_closed(begun + last));
        assert!(current.is_closed(begun + bound));
        current.look(&data, begun + LOG_EVERY * 2);
        assert!(current.is_closed(begun + LOG_EVERY * 2));
        fs::remove_dir(&path).unwrap();
        current.look(&data, begun + LOG_EVERY * 2);
        assert!(!current.is_closed(begun + LOG_EVERY * 3));
    }

    #[test]
    fn a_file_that_is_removed_is_one_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::at(dir.path());
        let (stamp, document) = file::read(&data).unwrap();
        let current = Current::new(Loaded::new(stamp, document));
        let begun = Instant::now();
        current.look(&data, begun);
        assert!(!current.is_closed(begun + STALE_MAX), "there was none");
        let _lock = data.lock_credentials().unwrap();
        file::write(&data, &Document::default()).unwrap();
        current.look(&data, begun);
        let path = dir.path().join(CREDENTIALS);
        let text = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        current.look(&data, begun);
        assert!(current.is_closed(begun + STALE_MAX));
        fs::write(&path, text).unwrap();
        current.look(&data, begun);
        assert!(!current.is_closed(begun + STALE_MAX));
    }

    #[test]
    fn the_file_is_looked_at_when_it_is_due() {
        let current = Current::new(Loaded::default());
        let dir = tempfile::tempdir().unwrap();
        let now = Instant::now();
        assert!(current.is_due(now));
        current.look(&DataDir::at(dir.path()), now);
        let due_ms = current.due_ms.load(Ordering::Relaxed);
        assert!(current.milliseconds(now) + 100 <= due_ms);
        assert!(due_ms <= current.milliseconds(now) + 101);
        assert!(current.is_due(now + Duration::from_millis(101)));
        current.set(Loaded::default());
        assert!(current.is_due(now), "this process changed the file");
    }
}
