//! What imports keep besides hashes, for whoever erases something.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::job::Job;
use super::store::Store;
use crate::data_dir::{DataDir, IMPORTS};

/// The folders whose files have texts out of imported files.
const FOLDERS: [&str; 2] = ["jobs", "known"];

/// Whether uploaded files wait to be imported. An upload that is on its way, or broke off, is no import.
pub(crate) fn has_waiting(data: &DataDir) -> io::Result<bool> {
    Ok(!waiting(&Store::at(data))?.is_empty())
}

/// Removes what uploads left that broke off, and what was unpacked from others.
pub(crate) fn clear_lost(data: &DataDir) -> io::Result<()> {
    let store = Store::at(data);
    if !store.spool_folder().exists() {
        return Ok(());
    }
    store.clear_spool_except(&waiting(&store)?)
}

/// The imports that are not over and have uploaded files.
fn waiting(store: &Store) -> io::Result<BTreeMap<u64, Job>> {
    let mut jobs = BTreeMap::new();
    if !store.spool_folder().exists() {
        return Ok(jobs);
    }
    for id in store.spooled_jobs()? {
        if let Some(job) = store.job(id)?
            && !job.state.is_over()
        {
            jobs.insert(id, job);
        }
    }
    Ok(jobs)
}

/// Replaces the accounts and tables of imports that `rewrite` changes. It gets their texts.
pub(crate) fn rewrite_accounts(
    data: &DataDir,
    rewrite: &dyn Fn(&str) -> Option<String>,
) -> io::Result<()> {
    for name in FOLDERS {
        let folder = data.path_of(IMPORTS).join(name);
        for file in files(&folder)? {
            let file = file?;
            let content = fs::read(folder.join(&file))?;
            if let Some(changed) = rewrite(&String::from_utf8_lossy(&content)) {
                DataDir::at(&folder).replace(&file, changed.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// The names of the files in a folder, which may be missing.
fn files(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        entries => Some(entries?),
    };
    Ok(entries.into_iter().flatten().filter_map(|entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name().into_string().ok()?;
        is_file.then_some(Ok(name))
    }))
}
