//! What imports have done since the start.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::form::Form;
use super::job::Job;

/// Numbers since the start, for metrics.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    /// Imports that are over, by their state.
    ended: BTreeMap<&'static str, u64>,
    /// Files that were read, by form.
    files: BTreeMap<&'static str, u64>,
    /// Rows, by what became of them.
    rows: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Counts an import that is over. A trial is no import, and of a file that was imported before no row counts again.
    pub(super) fn end(&self, job: &Job) {
        if job.options.dry_run {
            return;
        }
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers.ended.entry(job.state.word()).or_default() += 1;
        for file in job.files.iter().filter(|file| !file.duplicate) {
            let form = file.form.map_or("unknown", Form::word);
            *numbers.files.entry(form).or_default() += 1;
            for (outcome, count) in [
                ("taken", file.taken),
                ("duplicate", file.duplicates),
                ("other", file.other),
                ("refused", file.refused),
            ] {
                *numbers.rows.entry(outcome).or_default() += count;
            }
        }
    }

    pub(super) fn ended(&self) -> BTreeMap<String, u64> {
        self.read(|numbers| &numbers.ended)
    }

    pub(super) fn files(&self) -> BTreeMap<String, u64> {
        self.read(|numbers| &numbers.files)
    }

    pub(super) fn rows(&self) -> BTreeMap<String, u64> {
        self.read(|numbers| &numbers.rows)
    }

    fn read(&self, which: fn(&Numbers) -> &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = which(&numbers).iter();
        counts
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }
}
