//! The progress of each destination, on disk.
//!
//! The file is small, because it has one entry per destination. It is replaced as a whole and synced, so that after a
//! crash it is the old one or the new one. It is not a table in the log's database, so that deliveries and the writer
//! of the log never wait for each other. It is written after each delivery: a crash between the two repeats the
//! delivery.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use super::{CursorError, CursorFile};
use crate::data_dir::DataDir;

/// The version of the file. A new format needs a new number, and a reader for this one.
const VERSION: u32 = 1;

/// What is kept of one destination. It has the number of the last item that needs no more work.
pub(crate) trait Cursor: Clone + Default + PartialEq + Serialize + DeserializeOwned {
    /// That of a new destination, which begins after the item `newest`.
    fn new(newest: u64, list: u64) -> Self;

    fn number(&self) -> u64;

    /// Goes back to an item that is the newest one, because the later ones were removed.
    fn go_back(&mut self, newest: u64);

    /// Which of the lists that this process had was the first with the destination. One that is removed and comes back
    /// differs in it from the one before, whose last attempt may still be under way. It is not on disk.
    fn list(&self) -> u64;
}

/// The progress of one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The number of the last item that needs no more work.
    pub(super) number: u64,
    pub(super) delivered: u64,
    /// How many items were given up, or evicted before anybody could see whether they are wanted.
    pub(super) lost: u64,
    /// See [`Cursor::list`].
    #[serde(skip)]
    pub(super) list: u64,
}

impl Cursor for Progress {
    fn new(newest: u64, list: u64) -> Self {
        Self {
            number: newest,
            list,
            ..Self::default()
        }
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn go_back(&mut self, newest: u64) {
        self.number = newest;
    }

    fn list(&self) -> u64 {
        self.list
    }
}

/// The progress of all destinations, by their names.
#[derive(Debug)]
pub(crate) struct Cursors<C> {
    /// `None` if the progress is not kept over a restart.
    store: Option<CursorStore>,
    known: Mutex<BTreeMap<String, C>>,
    /// How many lists of destinations there were.
    lists: AtomicU64,
}

#[derive(Debug)]
struct CursorStore {
    data: DataDir,
    file: CursorFile,
}

impl<C: Cursor> Cursors<C> {
    /// Reads the file. A new destination begins after the item `newest`. Destinations that are not configured any more
    /// are forgotten.
    pub(crate) fn open<'n>(
        data: Option<(&Path, CursorFile)>,
        names: impl Iterator<Item = &'n str>,
        newest: u64,
    ) -> Result<Self, CursorError> {
        let store = data.map(|(directory, file)| CursorStore {
            data: DataDir::at(directory),
            file,
        });
        let known = match &store {
            Some(kept) => kept.read()?,
            None => BTreeMap::new(),
        };
        let cursors = Self {
            store,
            known: Mutex::new(known),
            lists: AtomicU64::default(),
        };
        cursors.adopt(names, newest)?;
        Ok(cursors)
    }

    /// Sets which destinations there are. A new one begins after the item `newest`, and those that are missing are
    /// forgotten. Blocks.
    pub(crate) fn adopt<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        newest: u64,
    ) -> Result<(), CursorError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = &*known;
        let list = self.lists.fetch_add(1, Ordering::Relaxed);
        let after: BTreeMap<String, C> = names
            .map(|name| {
                let known = before.get(name).cloned();
                let mut progress = known.unwrap_or_else(|| C::new(newest, list));
                if newest < progress.number() {
                    // The items were removed, so the next ones have smaller numbers than this.
                    warn!(
                        destination.name = name,
                        "the items are numbered from the start again: the delivery continues with the next item"
                    );
                    progress.go_back(newest);
                }
                (name.to_owned(), progress)
            })
            .collect();
        for name in before.keys().filter(|&name| !after.contains_key(name)) {
            info!(
                destination.name = name,
                "the destination is no longer configured: its progress is forgotten"
            );
        }
        if let (true, Some(kept)) = (after != *before, &self.store) {
            kept.write(&after).map_err(|source| CursorError::Write {
                path: kept.data.path_of(kept.file.name),
                source,
            })?;
        }
        *known = after;
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> C {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned().unwrap_or_default()
    }

    /// Stores the progress of one destination. It is on disk when this returns. Blocks.
    pub(crate) fn set(&self, name: &str, progress: C) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A destination that was removed may have had an attempt under way. Its name may be in use again.
        let before = known.get_mut(name);
        let Some(before) = before.filter(|before| before.list() == progress.list()) else {
            return Ok(());
        };
        *before = progress;
        // Written under the lock, because otherwise an older state could replace a newer one.
        self.store
            .as_ref()
            .map_or(Ok(()), |kept| kept.write(&known))
    }
}

impl CursorStore {
    fn read<C: Cursor>(&self) -> Result<BTreeMap<String, C>, CursorError> {
        let path = self.data.path_of(self.file.name);
        let known = match fs::read(&path) {
            Ok(json) => self.parse(&json),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        };
        known.map_err(|source| CursorError::Read { path, source })
    }

    fn parse<C: Cursor>(&self, json: &[u8]) -> io::Result<BTreeMap<String, C>> {
        let mut document: Map<String, Value> = serde_json::from_slice(json)?;
        match document.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                return Err(io::Error::other(format!(
                    "it has version {version}, and this program reads up to {VERSION}: start the version of scanpost that wrote it"
                )));
            }
            None => return Err(io::Error::other("it has no `version`")),
        }
        let Some(known) = document.remove(self.file.key) else {
            return Err(io::Error::other(format!("it has no `{}`", self.file.key)));
        };
        Ok(serde_json::from_value(known)?)
    }

    fn write<C: Cursor>(&self, known: &BTreeMap<String, C>) -> io::Result<()> {
        let document = json!({ "version": VERSION, self.file.key: known });
        let mut json = serde_json::to_vec_pretty(&document)?;
        json.push(b'\n');
        self.data.replace(self.file.name, &json).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: CursorFile = CursorFile {
        name: "webhooks.json",
        key: "webhooks",
    };

    fn open(directory: &Path, names: &[&str], newest: u64) -> Cursors<Progress> {
        Cursors::open(Some((directory, FILE)), names.iter().copied(), newest).unwrap()
    }

    #[test]
    fn progress_outlives_the_program_and_the_file_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let cursors = open(dir.path(), &["a", "b"], 5);
        let progress = Progress {
            number: 7,
            delivered: 2,
            lost: 1,
            ..Progress::default()
        };
        cursors.set("a", progress).unwrap();
        let again = open(dir.path(), &["b", "a"], 9);
        assert_eq!(again.get("a"), progress);
        assert_eq!(again.get("b").number, 5);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = fs::metadata(dir.path().join(FILE.name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    /// The file was written by the version before this module was generalised.
    #[test]
    fn a_file_that_exists_is_read_and_written_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let text = |number| {
            format!(
                "{{\n  \"version\": 1,\n  \"webhooks\": {{\n    \"a\": {{\n      \"number\": {number},\n      \"delivered\": 3,\n      \"lost\": 1\n    }}\n  }}\n}}\n"
            )
        };
        fs::write(dir.path().join(FILE.name), text(4)).unwrap();
        let cursors = open(dir.path(), &["a"], 9);
        let progress = cursors.get("a");
        assert_eq!(
            (progress.number, progress.delivered, progress.lost),
            (4, 3, 1)
        );
        let progress = Progress {
            number: 5,
            ..progress
        };
        cursors.set("a", progress).unwrap();
        let written = fs::read_to_string(dir.path().join(FILE.name)).unwrap();
        let as_json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(as_json(&written), as_json(&text(5)));
    }

    #[test]
    fn one_that_is_taken_away_and_given_back_is_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), &["a"], 5));
        drop(open(dir.path(), &[], 6));
        assert_eq!(open(dir.path(), &["a"], 8).get("a").number, 8);
    }

    #[test]
    fn the_last_attempt_of_one_that_was_removed_does_not_move_its_successor() {
        let dir = tempfile::tempdir().unwrap();
        let cursors = open(dir.path(), &["a"], 5);
        let removed = cursors.get("a");
        cursors.adopt([].into_iter(), 6).unwrap();
        cursors.set("a", removed).unwrap();
        cursors.adopt(["a"].into_iter(), 8).unwrap();
        cursors.set("a", removed).unwrap();
        assert_eq!(cursors.get("a").number, 8);
        let moved = Progress {
            number: 9,
            ..cursors.get("a")
        };
        cursors.set("a", moved).unwrap();
        assert_eq!(cursors.get("a"), moved);
    }

    #[test]
    fn alerts_that_begin_anew_are_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), &["a"], 500));
        assert_eq!(open(dir.path(), &["a"], 3).get("a").number, 3);
    }

    #[test]
    fn without_webhooks_there_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), &[], 5));
        assert!(!dir.path().join(FILE.name).exists());
    }

    #[test]
    fn a_file_that_is_not_ours_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{",
            r#"{"version":2,"webhooks":{}}"#,
            r#"{"version":1}"#,
        ] {
            fs::write(dir.path().join(FILE.name), text).unwrap();
            let opened = Cursors::<Progress>::open(Some((dir.path(), FILE)), ["a"].into_iter(), 0);
            let error = opened.unwrap_err().to_string();
            assert!(error.contains(FILE.name), "{text}: {error}");
        }
    }
}
