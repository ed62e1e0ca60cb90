//! The files of imports in the data directory.
//!
//! ```text
//! imports/state.json         the rows that count, and the progress of the job that runs
//! imports/jobs/<id>.json     a job with its accounts
//! imports/jobs/<id>.accounts the accounts of the files of a job that runs, a line each
//! imports/jobs/<id>-<n>.csv the refused rows of the job's file n
//! imports/known/<key>.json   the account of a file that was imported
//! imports/spool/<id>-<n>     an uploaded file, until the job is over
//! imports/rows/              the hashes of imported rows
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::account::FileAccount;
use super::identity::{RowIndex, RowState};
use super::job::Job;
use super::unpack::remove_if_there;
use crate::data_dir::{DataDir, IMPORTS, private};
use crate::log::LogPosition;

const STATE: &str = "state.json";

/// The state of the imports. It is replaced as a whole, so that rows and progress change together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedState {
    pub(super) rows: RowState,
    pub(super) progress: Option<Progress>,
    /// All rows that the log has up to here are among `rows`. Later ones are not, if the server crashed or the job was
    /// cancelled while it waited to go on. `None` in states of earlier versions, whose log cannot be searched for them.
    #[serde(default)]
    pub(super) log: Option<LogPosition>,
}

impl Default for SavedState {
    fn default() -> Self {
        Self {
            rows: RowState::default(),
            progress: None,
            log: Some(LogPosition::START),
        }
    }
}

/// The progress of the running job. The rest of its account is counted again when the file is read again.
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

/// Files that have no name any more. Dropping it frees their space, which takes a while for large ones.
#[derive(Debug, Default)]
pub(super) struct Unlinked(Vec<File>);

impl Unlinked {
    /// The most files that are held open. Most uploads have fewer.
    const FILES_MAX: usize = 16;

    fn hold(&mut self, path: &Path) {
        if self.0.len() < Self::FILES_MAX {
            // One that cannot be opened is freed when it is removed.
            self.0.extend(File::open(path));
        }
    }
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
        let mut job: Option<Job> = read(&self.root.join("jobs").join(format!("{id}.json")))?;
        if let Some(job) = job.as_mut().filter(|job| !job.state.is_over()) {
            self.add_accounts(job)?;
        }
        Ok(job)
    }

    /// Writes a job with all its accounts.
    pub(super) fn save_job(&self, job: &Job) -> io::Result<()> {
        let json = serde_json::to_vec(job)?;
        let name = format!("{}.json", job.id);
        self.folder("jobs").replace(&name, &json)?;
        remove_if_there(&self.accounts(job.id))
    }

    fn accounts(&self, job: u64) -> PathBuf {
        self.root.join("jobs").join(format!("{job}.accounts"))
    }

    /// Notes the accounts of files of a job that runs, the first of which is the file `first`. What was noted before stays as
    /// it is, so that a job of many files costs no more for each of them.
    pub(super) fn note_accounts<'a>(
        &self,
        job: u64,
        first: usize,
        accounts: impl Iterator<Item = &'a FileAccount>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for (number, account) in (first..).zip(accounts) {
            serde_json::to_writer(&mut lines, &(number, account))?;
            lines.push(b'\n');
        }
        let mut file = private()
            .create(true)
            .append(true)
            .open(self.accounts(job))?;
        file.write_all(&lines)?;
        file.sync_data()
    }

    /// Adds the accounts that were noted. A crash may have cut the last line, and later lines replace earlier ones.
    fn add_accounts(&self, job: &mut Job) -> io::Result<()> {
        let lines = match fs::read(self.accounts(job.id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            lines => lines?,
        };
        for line in lines.split(|byte| *byte == b'\n') {
            let Ok((number, account)) = serde_json::from_slice::<(usize, FileAccount)>(line) else {
                continue;
            };
            if number <= job.files.len() {
                job.files.truncate(number);
                job.files.push(account);
            }
        }
        Ok(())
    }

    /// Removes a job that had so many files.
    pub(super) fn remove_job(&self, id: u64, files: usize) -> io::Result<()> {
        for file in 0..files {
            remove_if_there(&self.refusals(id, file))?;
        }
        remove_if_there(&self.accounts(id))?;
        remove_if_there(&self.root.join("jobs").join(format!("{id}.json")))
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

    pub(super) fn spool_folder(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Where a file of a job waits.
    pub(crate) fn spool(&self, job: u64, number: usize) -> PathBuf {
        self.spool_folder().join(format!("{job}-{number}"))
    }

    /// The jobs that have files there.
    pub(super) fn spooled_jobs(&self) -> io::Result<BTreeSet<u64>> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(self.spool_folder())? {
            let name = entry?.file_name();
            ids.extend(
                name.to_str()
                    .and_then(Spooled::of)
                    .map(|spooled| spooled.job),
            );
        }
        Ok(ids)
    }

    /// Removes the files of a job, and what was unpacked from them.
    pub(super) fn clear_spool(&self, job: u64) -> io::Result<Unlinked> {
        self.clear_spool_unless(|spooled| spooled.is_none_or(|spooled| spooled.job != job))
    }

    /// Removes what was unpacked from the files of a job.
    pub(super) fn clear_unpacked(&self, job: u64) -> io::Result<()> {
        let removed = self.clear_spool_unless(|spooled| {
            spooled.is_none_or(|spooled| spooled.job != job || spooled.is_upload)
        });
        removed.map(drop)
    }

    /// Removes the files of all jobs but these, and what was unpacked. A crash may leave files of an upload that never
    /// became a job.
    pub(super) fn clear_spool_except(&self, live: &BTreeMap<u64, Job>) -> io::Result<()> {
        let removed = self.clear_spool_unless(|spooled| {
            spooled.is_some_and(|spooled| spooled.is_upload && live.contains_key(&spooled.job))
        });
        removed.map(drop)
    }

    fn clear_spool_unless(&self, stays: impl Fn(Option<Spooled>) -> bool) -> io::Result<Unlinked> {
        let mut unlinked = Unlinked::default();
        for entry in fs::read_dir(self.spool_folder())? {
            let entry = entry?;
            if !stays(entry.file_name().to_str().and_then(Spooled::of)) {
                if entry.file_type()?.is_file() {
                    unlinked.hold(&entry.path());
                }
                remove_if_there(&entry.path())?;
            }
        }
        Ok(unlinked)
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

/// A file among those of the jobs.
#[derive(Clone, Copy, Debug)]
struct Spooled {
    job: u64,
    /// Whether it is as it was sent, and not unpacked from such a file.
    is_upload: bool,
}

impl Spooled {
    fn of(name: &str) -> Option<Self> {
        let (job, file) = name.split_once('-')?;
        Some(Self {
            job: job.parse().ok()?,
            is_upload: file.parse::<usize>().is_ok(),
        })
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
