//! The writing of hashes while others are added.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use super::run::{Run, write_run};
use super::{FILE_BUFFER_BYTES, RowHash};
use crate::data_dir::{private, sync_folder};

/// Hashes on their way to disk, on a thread of their own: reading goes on meanwhile. Whoever drops this waits for the
/// thread, so that nobody else opens the files while it writes.
#[derive(Debug)]
pub(super) struct Saving(Option<JoinHandle<io::Result<Written>>>);

impl Saving {
    pub(super) fn begin(to_write: ToWrite) -> io::Result<Self> {
        let thread = thread::Builder::new().name("import-rows".into());
        Ok(Self(Some(thread.spawn(move || to_write.write())?)))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    pub(super) fn end(mut self) -> io::Result<Written> {
        let failed = || io::Error::other("the thread that saves hashes of rows failed");
        let ended = self.0.take().map(JoinHandle::join);
        ended.ok_or_else(failed)?.map_err(|_| failed())?
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        // Who drops it wants nothing of it.
        self.0.take().map(JoinHandle::join);
    }
}

/// A file that is to be written, so that the hashes in it are saved.
#[derive(Debug)]
pub(super) enum ToWrite {
    Journal {
        path: PathBuf,
        from: u64,
        hashes: Vec<RowHash>,
    },
    /// A run of hashes, and of runs that become parts of it.
    Run {
        path: PathBuf,
        hashes: Vec<RowHash>,
        merged: Vec<(PathBuf, usize)>,
    },
}

/// What has been written.
#[derive(Debug)]
pub(super) enum Written {
    Journal(Vec<RowHash>),
    Run { run: Run, merged: Vec<PathBuf> },
}

impl ToWrite {
    pub(super) fn write(self) -> io::Result<Written> {
        match self {
            Self::Journal { hashes, .. } if hashes.is_empty() => Ok(Written::Journal(hashes)),
            Self::Journal { path, from, hashes } => {
                let journal = private().open(path)?;
                let mut out = BufWriter::with_capacity(FILE_BUFFER_BYTES, journal);
                out.seek(SeekFrom::Start(from))?;
                for hash in &hashes {
                    out.write_all(&hash.to_be_bytes())?;
                }
                out.into_inner()?.sync_data()?;
                Ok(Written::Journal(hashes))
            }
            Self::Run {
                path,
                mut hashes,
                merged,
            } => {
                hashes.sort_unstable();
                let run = write_run(&path, hashes, &merged)?;
                if let Some(folder) = path.parent() {
                    sync_folder(folder)?;
                }
                let merged = merged.into_iter().map(|(path, _)| path).collect();
                Ok(Written::Run { run, merged })
            }
        }
    }
}
