//! Which rows were imported before.
//!
//! Each imported row has a hash of 16 bytes. The newest hashes are in memory and in a journal, the others in sorted files,
//! the *runs*. A run is written once and never changed. Which runs there are, and how much of the journal counts, stands in
//! the state of the imports, which is replaced as a whole. So the rows and the progress of a job change together, and a
//! crash takes back both.

mod run;
mod saving;

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use self::run::Run;
use self::saving::{Saving, ToWrite, Written};
use super::copy::copy_part;
use super::unpack::remove_if_there;
use crate::data_dir::{private, sync_folder};
use crate::report::{Dbm, Report, Sighting, SourceId};

/// A row's hash.
pub(super) type RowHash = u128;

const HASH_BYTES: usize = size_of::<RowHash>();
/// How many hashes the journal has at most. More become a run.
const JOURNAL_MAX: usize = 1 << 18;
/// Files of hashes are read and written in such pieces.
const FILE_BUFFER_BYTES: usize = 1 << 18;
const JOURNAL: &str = "journal";

/// The hash of an imported row. It leaves out what a later export of the same sighting may change: the security, and in
/// some forms the name.
pub(super) fn hash_of(source: SourceId, report: &Report, has_name: bool) -> RowHash {
    let mut bytes = Vec::with_capacity(96);
    let device = report.device();
    bytes.extend_from_slice(source.uuid().as_bytes());
    bytes.push(match &report.sighting {
        Sighting::Wifi(_) => 0,
        Sighting::Bluetooth(_) => 1,
    });
    bytes.extend_from_slice(&device.addr.octets());
    bytes.extend_from_slice(&report.time.seconds().to_le_bytes());
    let signal = report.signal.map_or(i16::MIN, Dbm::get);
    bytes.extend_from_slice(&signal.to_le_bytes());
    let (lat, lon) = report.position.map_or((i32::MIN, i32::MIN), |position| {
        (position.lat_e7(), position.lon_e7())
    });
    bytes.extend_from_slice(&lat.to_le_bytes());
    bytes.extend_from_slice(&lon.to_le_bytes());
    if has_name {
        match &report.sighting {
            Sighting::Wifi(wifi) => bytes.extend_from_slice(wifi.ssid.as_bytes()),
            Sighting::Bluetooth(bluetooth) => {
                bytes.extend_from_slice(bluetooth.name.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }
    XxHash3_128::oneshot(&bytes)
}

/// What the state of the imports says of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowState {
    /// Numbers of the runs, the oldest first.
    runs: Vec<u64>,
    /// How many hashes of the journal count.
    journal: u64,
    /// The number of the next run.
    next: u64,
}

impl RowState {
    /// Whether both name the same runs, so that the journal of one begins as that of the other.
    pub(super) fn has_runs_of(&self, other: &Self) -> bool {
        self.runs == other.runs && other.journal <= self.journal
    }

    /// Copies what the state names to another folder.
    pub(super) fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        for number in &self.runs {
            let run = run_path(from, *number);
            copy_part(&run, &run_path(to, *number), u64::MAX)?;
        }
        if 0 < self.journal {
            let bytes = self.journal.saturating_mul(bytes_of(1));
            copy_part(&from.join(JOURNAL), &to.join(JOURNAL), bytes)?;
        }
        sync_folder(to)
    }

    /// Checks that everything is there that the state names.
    pub(super) fn check(&self, folder: &Path) -> io::Result<()> {
        for number in &self.runs {
            Run::open(&run_path(folder, *number))?;
        }
        let bytes = self.journal.saturating_mul(bytes_of(1));
        if 0 < bytes && fs::metadata(folder.join(JOURNAL))?.len() < bytes {
            return Err(io::Error::other("hashes of imported rows are missing"));
        }
        Ok(())
    }
}

/// The rows that were imported.
#[derive(Debug)]
pub(super) struct RowIndex {
    folder: PathBuf,
    state: RowState,
    runs: Vec<Run>,
    /// The hashes that are in no run.
    fresh: HashSet<RowHash>,
    /// Those of them that are in the journal.
    journal: Vec<RowHash>,
    /// The hashes that come after those that are being saved.
    unsaved: Vec<RowHash>,
    saving: Option<Saving>,
    /// Runs that were merged. They are needed until the new state is on disk.
    merged: Vec<PathBuf>,
}

impl RowIndex {
    /// Opens the rows as they were at a checkpoint. What came later is taken back.
    pub(super) fn open(folder: &Path, state: &RowState) -> io::Result<Self> {
        let mut runs = Vec::with_capacity(state.runs.len());
        for number in &state.runs {
            runs.push(Run::open(&run_path(folder, *number))?);
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_run = path.extension().is_some_and(|extension| extension == "run");
            if is_run && !runs.iter().any(|run| run.path == path) {
                fs::remove_file(path)?;
            }
        }
        let file = private()
            .read(true)
            .create(true)
            .truncate(false)
            .open(folder.join(JOURNAL))?;
        file.set_len(state.journal * bytes_of(1))?;
        let mut journal = Vec::new();
        each_hash(BufReader::new(file), |hash| journal.push(hash))?;
        Ok(Self {
            folder: folder.to_owned(),
            state: state.clone(),
            runs,
            fresh: journal.iter().copied().collect(),
            journal,
            unsaved: Vec::new(),
            saving: None,
            merged: Vec::new(),
        })
    }

    /// Adds rows. Returns for each whether it is new.
    pub(super) fn add(&mut self, hashes: &[RowHash]) -> io::Result<Vec<bool>> {
        // Each hash is somewhere else in memory. A look at all of them lets the processor wait for many at once, and what
        // is inserted then is near.
        let known = hashes.iter().filter(|hash| self.fresh.contains(*hash));
        let known = known.count();
        let mut is_new = Vec::with_capacity(hashes.len());
        if known == hashes.len() {
            is_new.resize(known, false);
        } else {
            is_new.extend(hashes.iter().map(|hash| self.fresh.insert(*hash)));
        }
        for run in &self.runs {
            run.find(hashes, &mut is_new)?;
        }
        let added = hashes.iter().zip(&is_new).filter(|(_, is_new)| **is_new);
        self.unsaved.extend(added.map(|(hash, _)| *hash));
        Ok(is_new)
    }

    /// How many rows are not saved.
    pub(super) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// Begins to write the first `count` of the rows that are not saved. [`Self::saved_meanwhile`] tells of the end.
    pub(super) fn save_meanwhile(&mut self, count: usize) -> io::Result<()> {
        let to_write = self.take_unsaved(count);
        self.saving = Some(Saving::begin(to_write)?);
        Ok(())
    }

    /// What the state has to say of the rows, once those are written that [`Self::save_meanwhile`] was told to write. `None`
    /// before, and if none are being written. They count once the state is on disk. It has to be there before anything else
    /// is saved; then [`Self::saved`] has to be called.
    pub(super) fn saved_meanwhile(&mut self, waits: bool) -> io::Result<Option<RowState>> {
        match self.saving.take_if(|saving| waits || saving.is_over()) {
            Some(saving) => Ok(Some(self.note(saving.end()?))),
            None => Ok(None),
        }
    }

    /// Writes all rows that are not saved, while none are being written, and returns what the state has to say of them. They
    /// count once that is on disk; then [`Self::saved`] has to be called.
    pub(super) fn save(&mut self) -> io::Result<RowState> {
        let written = self.take_unsaved(usize::MAX).write()?;
        Ok(self.note(written))
    }

    /// The state is on disk: removes the runs that it does not name.
    pub(super) fn saved(&mut self) -> io::Result<()> {
        for path in self.merged.drain(..) {
            remove_if_there(&path)?;
        }
        Ok(())
    }

    /// The first `count` of the rows that are not saved go to the journal, or with all of the journal to a run, merged with
    /// the runs that are not much larger.
    fn take_unsaved(&mut self, count: usize) -> ToWrite {
        let later = self.unsaved.split_off(count.min(self.unsaved.len()));
        let now = std::mem::replace(&mut self.unsaved, later);
        if self.journal.len() + now.len() <= JOURNAL_MAX {
            return ToWrite::Journal {
                path: self.folder.join(JOURNAL),
                from: self.state.journal * bytes_of(1),
                hashes: now,
            };
        }
        let mut hashes = std::mem::take(&mut self.journal);
        hashes.extend(now);
        let mut size = hashes.len();
        let mut merged = Vec::new();
        for run in self.runs.iter().rev() {
            if size.saturating_mul(2) < run.count {
                break;
            }
            size += run.count;
            merged.push((run.path.clone(), run.count));
        }
        ToWrite::Run {
            path: run_path(&self.folder, self.state.next),
            hashes,
            merged,
        }
    }

    /// Notes what has been written.
    fn note(&mut self, written: Written) -> RowState {
        match written {
            Written::Journal(hashes) => {
                self.state.journal += u64::try_from(hashes.len()).unwrap_or_default();
                self.journal.extend(hashes);
            }
            Written::Run { run, merged } => {
                let left = self.runs.len().saturating_sub(merged.len());
                self.runs.truncate(left);
                self.state.runs.truncate(left);
                self.runs.push(run);
                self.state.runs.push(self.state.next);
                self.state.next += 1;
                self.state.journal = 0;
                self.merged.extend(merged);
                self.fresh.clear();
                self.fresh.extend(&self.unsaved);
            }
        }
        self.state.clone()
    }
}

fn run_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.run"))
}

fn bytes_of(hashes: usize) -> u64 {
    u64::try_from(hashes * HASH_BYTES).unwrap_or(u64::MAX)
}

fn each_hash(mut from: impl Read, mut visit: impl FnMut(RowHash)) -> io::Result<()> {
    while let Some(hash) = next_hash(&mut from)? {
        visit(hash);
    }
    Ok(())
}

fn next_hash(from: &mut impl Read) -> io::Result<Option<RowHash>> {
    let mut hash = [0; HASH_BYTES];
    match from.read_exact(&mut hash) {
        Ok(()) => Ok(Some(RowHash::from_be_bytes(hash))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> RowHash {
        XxHash3_128::oneshot(&number.to_le_bytes())
    }

    fn save(index: &mut RowIndex) -> RowState {
        let state = index.save().unwrap();
        index.saved().unwrap();
        state
    }

    fn count_new(index: &mut RowIndex, numbers: std::ops::Range<u64>) -> usize {
        let hashes: Vec<_> = numbers.map(hash).collect();
        let is_new = index.add(&hashes).unwrap();
        is_new.into_iter().filter(|is_new| *is_new).count()
    }

    #[test]
    fn rows_are_found_in_memory_in_the_journal_and_in_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = RowIndex::open(folder.path(), &RowState::default()).unwrap();
        let many = 700_000;
        let mut state = RowState::default();
        for from in (0..many).step_by(50_000) {
            assert_eq!(count_new(&mut index, from..from + 50_000), 50_000);
            state = save(&mut index);
        }
        assert!(!state.runs.is_empty() && 0 < state.journal);
        for index in [
            &mut index,
            &mut RowIndex::open(folder.path(), &state).unwrap(),
        ] {
            assert_eq!(count_new(index, 0..many), 0);
            assert_eq!(count_new(index, many..many + 10), 10);
            assert_eq!(count_new(index, many..many + 10), 0, "twice in one file");
        }
        let bytes: u64 = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert_eq!(bytes, many * 16, "16 bytes a row");
    }

    #[test]
    fn only_the_rows_that_are_in_the_log_are_saved() {
        // Before the hashes in memory become a run, and when they do.
        for many in [1000, 300_000] {
            let folder = tempfile::tempdir().unwrap();
            let mut index = RowIndex::open(folder.path(), &RowState::default()).unwrap();
            count_new(&mut index, 0..many);
            let in_log = usize::try_from(many).unwrap() - 100;
            index.save_meanwhile(in_log).unwrap();
            let state = index.saved_meanwhile(true).unwrap().unwrap();
            assert_eq!(index.unsaved(), 100);
            assert_eq!(count_new(&mut index, 0..many), 0, "here all are known");
            let mut crashed = RowIndex::open(folder.path(), &state).unwrap();
            assert_eq!(count_new(&mut crashed, 0..many), 100, "of {many}");
        }
    }

    #[test]
    fn a_saved_index_goes_on_with_the_rows_that_came_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = RowIndex::open(folder.path(), &RowState::default()).unwrap();
        count_new(&mut index, 0..300_000);
        index.save_meanwhile(200_000).unwrap();
        count_new(&mut index, 300_000..400_000);
        index.saved_meanwhile(true).unwrap().unwrap();
        let state = save(&mut index);
        let mut again = RowIndex::open(folder.path(), &state).unwrap();
        assert_eq!(count_new(&mut again, 0..400_000), 0);
    }

    #[test]
    fn a_crash_takes_back_what_came_after_the_last_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = RowIndex::open(folder.path(), &RowState::default()).unwrap();
        count_new(&mut index, 0..100);
        let state = save(&mut index);
        // A run and a longer journal, of which the state knows nothing.
        count_new(&mut index, 100..300_000);
        index.save().unwrap();
        drop(index);
        let mut index = RowIndex::open(folder.path(), &state).unwrap();
        assert_eq!(count_new(&mut index, 0..200), 100);
        assert_eq!(save(&mut index).journal, 200);
        let mut again = RowIndex::open(folder.path(), &save(&mut index)).unwrap();
        assert_eq!(count_new(&mut again, 0..200), 0);
    }
}
