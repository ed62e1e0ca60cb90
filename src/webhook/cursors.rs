//! How far each webhook has come, on disk.
//!
//! One small file that is replaced whole and synced, because it is a line a webhook: after a crash it is the old one
//! or the new one. It is no table of the log's database, so that no delivery ever waits for the writer of the log, or
//! the writer for a delivery. It is written after each delivery: a crash between the two makes one come again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::WebhookError;
use crate::data_dir::{DataDir, WEBHOOKS};

/// A later shape gets another number and keeps a reader for this one.
const VERSION: u32 = 1;

/// How far a webhook has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The alert that was dealt with last.
    pub(super) number: u64,
    /// How many were delivered.
    pub(super) delivered: u64,
    /// How many were wanted, or would have been looked at, and were not delivered.
    pub(super) lost: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    version: u32,
    webhooks: BTreeMap<String, Progress>,
}

/// The progress of all webhooks.
#[derive(Debug)]
pub(super) struct Cursors {
    /// Without one, nothing is kept over a restart.
    data: Option<DataDir>,
    document: Mutex<Document>,
}

impl Cursors {
    /// Reads what is there. A webhook that is new begins with what comes after `newest`; one that is no longer
    /// configured is forgotten.
    pub(super) fn open<'n>(
        directory: Option<&Path>,
        names: impl Iterator<Item = &'n str>,
        newest: u64,
    ) -> Result<Self, WebhookError> {
        let data = directory.map(DataDir::at);
        let known = match &data {
            Some(data) => read(&data.path_of(WEBHOOKS))?,
            None => BTreeMap::new(),
        };
        let new = Progress {
            number: newest,
            ..Progress::default()
        };
        let webhooks: BTreeMap<_, _> = names
            .map(|name| {
                let mut progress = known.get(name).copied().unwrap_or(new);
                if newest < progress.number {
                    // Somebody took the alerts away; the next ones have numbers that are behind us.
                    warn!(
                        webhook.name = name,
                        "the alerts are others than before, so it goes on with the next one"
                    );
                    progress.number = newest;
                }
                (name.to_owned(), progress)
            })
            .collect();
        for name in known.keys().filter(|&name| !webhooks.contains_key(name)) {
            info!(
                webhook.name = name,
                "no longer configured, so it is forgotten how far it was"
            );
        }
        let is_changed = webhooks != known;
        let cursors = Self {
            data,
            document: Mutex::new(Document {
                version: VERSION,
                webhooks,
            }),
        };
        if is_changed {
            cursors
                .write(|_| {})
                .map_err(|source| WebhookError::Write {
                    path: cursors.path(),
                    source,
                })?;
        }
        Ok(cursors)
    }

    pub(super) fn get(&self, name: &str) -> Progress {
        let document = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        document.webhooks.get(name).copied().unwrap_or_default()
    }

    /// Keeps the progress of one webhook; on disk when this returns. Blocks.
    pub(super) fn set(&self, name: &str, progress: Progress) -> io::Result<()> {
        self.write(|document| {
            document.webhooks.insert(name.to_owned(), progress);
        })
    }

    fn write(&self, change: impl FnOnce(&mut Document)) -> io::Result<()> {
        let mut document = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut document);
        let Some(data) = &self.data else {
            return Ok(());
        };
        let mut json = serde_json::to_vec_pretty(&*document)?;
        json.push(b'\n');
        // Under the lock, or an older state could replace a newer one.
        data.replace(WEBHOOKS, &json).map(drop)
    }

    fn path(&self) -> PathBuf {
        let data = self.data.as_ref();
        data.map_or_else(|| WEBHOOKS.into(), |data| data.path_of(WEBHOOKS))
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Progress>, WebhookError> {
    let refused = |source: io::Error| WebhookError::Read {
        path: path.to_owned(),
        source,
    };
    let json = match fs::read(path) {
        Ok(json) => json,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(refused(error)),
    };
    let document: Document =
        serde_json::from_slice(&json).map_err(|error| refused(error.into()))?;
    if document.version != VERSION {
        return Err(refused(io::Error::other(format!(
            "a later version of this program wrote it: {}, and {VERSION} is known here",
            document.version
        ))));
    }
    Ok(document.webhooks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &Path, names: &[&str], newest: u64) -> Cursors {
        Cursors::open(Some(directory), names.iter().copied(), newest).unwrap()
    }

    #[test]
    fn progress_outlives_the_program_and_the_file_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let cursors = open(dir.path(), &["a", "b"], 5);
        let progress = Progress {
            number: 7,
            delivered: 2,
            lost: 1,
        };
        cursors.set("a", progress).unwrap();
        let again = open(dir.path(), &["b", "a"], 9);
        assert_eq!(again.get("a"), progress);
        assert_eq!(again.get("b").number, 5);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = fs::metadata(dir.path().join(WEBHOOKS)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn one_that_is_taken_away_and_given_back_is_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), &["a"], 5));
        drop(open(dir.path(), &[], 6));
        assert_eq!(open(dir.path(), &["a"], 8).get("a").number, 8);
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
        assert!(!dir.path().join(WEBHOOKS).exists());
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
            fs::write(dir.path().join(WEBHOOKS), text).unwrap();
            let opened = Cursors::open(Some(dir.path()), ["a"].into_iter(), 0);
            let error = opened.unwrap_err().to_string();
            assert!(error.contains(WEBHOOKS), "{text}: {error}");
        }
    }
}
