//! Room on disk for the forms that cannot be made while they are sent.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;

use crate::data_dir::{DataDir, EXPORTS};

/// The name of the file.
const NAME: &str = "unfinished";
/// With less room than this, no file is begun.
const BYTES_MIN: u64 = 1 << 20;

/// A folder with at most one file, which is removed on every way out.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    folder: DataDir,
    bytes_max: u64,
    is_taken: Arc<AtomicBool>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScratchError {
    #[error("another file that is made as a whole is being exported: try again when it is done")]
    Taken,
    #[error("cannot create the file: {0}")]
    Io(#[from] io::Error),
}

/// A new and empty file. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ScratchFile {
    path: PathBuf,
    bytes_max: u64,
    is_taken: Arc<AtomicBool>,
}

impl Scratch {
    /// Opens the folder, and removes what a crash left there.
    pub(crate) fn open(data: &DataDir, bytes_max: u64) -> io::Result<Self> {
        let folder = DataDir::at(&data.make_folder_of(EXPORTS)?);
        folder.clear()?;
        Ok(Self {
            folder,
            bytes_max,
            is_taken: Arc::default(),
        })
    }

    /// Creates the file. It may take half of the free disk: the log needs the rest.
    pub(crate) fn take(&self) -> Result<ScratchFile, ScratchError> {
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return Err(ScratchError::Taken);
        }
        let half = self.folder.free_bytes().map_or(u64::MAX, |free| free / 2);
        // From here on, dropping it gives the room back.
        let file = ScratchFile {
            path: self.folder.path_of(NAME),
            bytes_max: self.bytes_max.min(half),
            is_taken: Arc::clone(&self.is_taken),
        };
        if file.bytes_max < BYTES_MIN {
            return Err(io::Error::from(ErrorKind::StorageFull).into());
        }
        self.folder.new_file(NAME)?;
        Ok(file)
    }
}

impl ScratchFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How long it may become.
    pub(super) const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                warn!(%error, "cannot remove the file of an export; the next start removes it");
            }
            _ => {}
        }
        self.is_taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_at_a_time_which_goes_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path());
        let left = folder.path().join(EXPORTS).join("left");
        std::fs::create_dir(folder.path().join(EXPORTS)).unwrap();
        std::fs::write(&left, "by a crash").unwrap();
        let scratch = Scratch::open(&data, 1 << 30).unwrap();
        assert!(!left.exists());
        let file = scratch.take().unwrap();
        let path = file.path().to_owned();
        assert!(path.exists());
        let second = scratch.clone().take();
        assert!(matches!(second, Err(ScratchError::Taken)), "{second:?}");
        drop(file);
        assert!(!path.exists());
        drop(scratch.take().unwrap());
    }

    #[test]
    fn too_little_room_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path());
        let scratch = Scratch::open(&data, BYTES_MIN - 1).unwrap();
        for _ in 0..2 {
            let file = scratch.take();
            assert!(matches!(file, Err(ScratchError::Io(_))), "{file:?}");
        }
        let scratch = Scratch::open(&data, BYTES_MIN).unwrap();
        assert_eq!(scratch.take().unwrap().bytes_max(), BYTES_MIN);
    }
}
