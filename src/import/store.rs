//! The files of imports in the data directory.
//!
//! ```text
//! imports/state.json        the rows that count, and the progress of the job that runs
//! imports/jobs/<id>.json    a job with its accounts
//! imports/jobs/<id>-<n>.csv the refused rows of the job's file n
//! imports/known/<key>.json  the account of a file that was imported
//! imports/spool/<id>-<n>    an uploaded file, until the job is over
//! imports/rows/             the hashes of imported rows
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::account::FileAccount;
use super::identity::{RowIndex, RowState};
use super::job::Job;
use super::unpack::remove_if_there;
use crate::data_dir::{DataDir, IMPORTS, private};

const STATE: &str = "state.json";

/// Where the imports stand. It is replaced as a whole, so that rows and progress change together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedState {
    pub(super) rows: RowState,
    pub(super) progress: Option<Progress>,
}

/// How far the job that runs has come. What the account says besides follows from reading the file again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) job: u64,
    /// The number of the file.
    pub(super) file: usize,
    /// How many sightings of the file are done.
    pub(super) sightings: u64,
    pub(super) taken: u64,
    pub(super) duplicates: u64,
}

/// The folder of the imports.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    pub(super) fn open(data: &DataDir) -> io::Result<Self> {
        let root = data.make_folder_of(IMPORTS)?;
        let store = Self { root };
        for folder in ["jobs", "known", "spool", "rows"] {
            DataDir::at(&store.root).make_folder_of(folder)?;
        }
        Ok(store)
    }

    /// The imports of a data directory that has some. Nothing is created.
    pub(super) fn at(data: &DataDir) -> Self {
        Self {
            root: data.path_of(IMPORTS),
        }
    }

    /// The folder of known files.
    pub(super) fn known_folder(&self) -> DataDir {
        self.folder("known")
    }

    /// The names of the files in that folder.
    pub(super) fn known_files(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join("known"))? {
            let path = entry?.path();
            // Others are not complete yet.
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let name = path.file_name().and_then(|name| name.to_str());
                names.extend(name.map(str::to_owned));
            }
        }
        Ok(names)
    }

    /// Copies the hashes of rows that a state names.
    pub(super) fn copy_rows(&self, rows: &RowState, to: &Self) -> io::Result<()> {
        rows.copy(&self.root.join("rows"), &to.root.join("rows"))
    }

    /// Checks that the hashes of rows are there that a state names.
    pub(super) fn check_rows(&self, rows: &RowState) -> io::Result<()> {
        rows.check(&self.root.join("rows"))
    }

    /// Removes all hashes of rows.
    pub(super) fn clear_rows(&self) -> io::Result<()> {
        self.folder("rows").clear()
    }

    fn folder(&self, name: &str) -> DataDir {
        DataDir::at(&self.root.join(name))
    }

    pub(super) fn state(&self) -> io::Result<SavedState> {
        Ok(read(&self.root.join(STATE))?.unwrap_or_default())
    }

    pub(super) fn save_state(&self, state: &SavedState) -> io::Result<()> {
        let json = serde_json::to_vec(state)?;
        DataDir::at(&self.root).replace(STATE, &json).map(drop)
    }

    pub(super) fn rows(&self, state: &RowState) -> io::Result<RowIndex> {
        RowIndex::open(&self.root.join("rows"), state)
    }

    /// The ids of all jobs.
    pub(super) fn job_ids(&self) -> io::Result<Vec<u64>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(self.root.join("jobs"))? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(id.and_then(|id| id.parse::<u64>().ok()));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) fn job(&self, id: u64) -> io::Result<Option<Job>> {
        read(&self.root.join("jobs").join(format!("{id}.json")))
    }

    pub(super) fn save_job(&self, job: &Job) -> io::Result<()> {
        let json = serde_json::to_vec(job)?;
        let name = format!("{}.json", job.id);
        self.folder("jobs").replace(&name, &json).map(drop)
    }

    /// The account of a file that was imported before.
    pub(super) fn known(&self, key: &str) -> io::Result<Option<FileAccount>> {
        read(&self.root.join("known").join(format!("{key}.json")))
    }

    pub(super) fn save_known(&self, key: &str, account: &FileAccount) -> io::Result<()> {
        let json = serde_json::to_vec(account)?;
        let name = format!("{key}.json");
        self.folder("known").replace(&name, &json).map(drop)
    }

    /// Where a file of a job waits.
    pub(crate) fn spool(&self, job: u64, number: usize) -> PathBuf {
        self.root.join("spool").join(format!("{job}-{number}"))
    }

    /// Removes the files of a job, and what was unpacked from them.
    pub(super) fn clear_spool(&self, job: u64) -> io::Result<()> {
        let of_job = format!("{job}-");
        for entry in fs::read_dir(self.root.join("spool"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&of_job) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes the files of all jobs but these. A crash may leave files of an upload that never became a job.
    pub(super) fn clear_spool_except(&self, live: &BTreeMap<u64, Job>) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join("spool"))? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.split('-').next());
            let id = id.and_then(|id| id.parse::<u64>().ok());
            if id.is_none_or(|id| !live.contains_key(&id)) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The list of all refused rows of a file.
    pub(super) fn refusals(&self, job: u64, file: usize) -> PathBuf {
        self.root.join("jobs").join(format!("{job}-{file}.csv"))
    }

    pub(super) fn new_refusals(&self, job: u64, file: usize) -> io::Result<File> {
        let path = self.refusals(job, file);
        remove_if_there(&path)?;
        private().create_new(true).open(path)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(json) => serde_json::from_slice(&json).map(Some).map_err(|error| {
            let path = path.display();
            io::Error::other(format!("{path} cannot be read: {error}"))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
