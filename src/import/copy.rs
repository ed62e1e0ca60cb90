//! Copies the imports for a backup, also while a server changes them.
//!
//! Accounts, known files and hashes of rows are copied. Imports that wait or run are not: their files may be large, and a
//! copy would take them in the middle.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::job::Job;
use super::store::{Progress, SavedState, Store};
use crate::data_dir::{DataDir, IMPORTS, private};

/// Most tries to copy the rows. A try fails if the server merges its files of rows at that moment, which it does about once
/// in 100 000 rows.
const TRIES: u32 = 10;

/// Copies the imports of a data directory, if there are any. This has to come before the log is copied: so the log has all
/// rows whose hashes are copied.
pub(crate) fn copy(data: &DataDir, to: &DataDir) -> io::Result<()> {
    if !data.path_of(IMPORTS).try_exists()? {
        return Ok(());
    }
    let from = Store::at(data);
    let to = Store::open(to)?;
    copy_rows(&from, &to)?;
    for name in from.known_files()? {
        from.known_folder().copy_file(&name, &to.known_folder())?;
    }
    for id in from.job_ids()? {
        if let Some(job) = from.job(id)?.filter(|job| job.state.is_over()) {
            copy_job(&from, &to, &job)?;
        }
    }
    Ok(())
}

/// Copies the hashes of rows, and the state that names them.
fn copy_rows(from: &Store, to: &Store) -> io::Result<()> {
    let mut tries = 0;
    loop {
        let state = from.state()?;
        let copied = from.copy_rows(&state.rows, to);
        let is_gone = copied
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound);
        // If the server has merged files meanwhile, the journal may be that of the new files.
        let is_same = from.state()?.rows.has_runs_of(&state.rows);
        tries += 1;
        match copied {
            Ok(()) if is_same => {
                // No import of the copy is under way.
                let progress = None::<Progress>;
                return to.save_state(&SavedState { progress, ..state });
            }
            Err(error) if !is_gone => return Err(error),
            _ if tries == TRIES => {
                let reason = "imports change too quickly: try again when no import runs";
                return Err(io::Error::other(reason));
            }
            _ => to.clear_rows()?,
        }
    }
}

fn copy_job(from: &Store, to: &Store, job: &Job) -> io::Result<()> {
    for file in 0..job.files.len() {
        let list = from.refusals(job.id, file);
        copy_part(&list, &to.refusals(job.id, file), u64::MAX).or_else(|error| {
            // A file of which no row was read has none.
            if error.kind() == ErrorKind::NotFound {
                Ok(())
            } else {
                Err(error)
            }
        })?;
    }
    to.save_job(job)
}

/// Copies the first bytes of a file to a new one.
pub(super) fn copy_part(from: &Path, to: &Path, bytes_max: u64) -> io::Result<()> {
    let source = File::open(from)?;
    let mut copy = private().create_new(true).open(to)?;
    io::copy(&mut source.take(bytes_max), &mut copy)?;
    copy.sync_all()
}

/// Checks that the imports of a backup can be read, if there are any.
pub(crate) fn check(data: &DataDir) -> io::Result<()> {
    if !data.path_of(IMPORTS).try_exists()? {
        return Ok(());
    }
    let store = Store::at(data);
    store.check_rows(&store.state()?.rows)?;
    for id in store.job_ids()? {
        store.job(id)?;
    }
    Ok(())
}
