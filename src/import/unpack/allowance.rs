//! How much the files of one upload may unpack to.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::UnpackError;
use crate::data_dir::DataDir;
use crate::import::taking::Interrupted;

/// An archive may unpack to this much before its ratio counts.
const FREE_BYTES: u64 = 1 << 20;
/// Free space of the disk that unpacking leaves to the log.
const RESERVE_BYTES: u64 = 16 << 20;
/// How much is written between two looks at the free space. An upload that unpacks to less is not held up by the reserve.
const LOOK_INTERVAL_BYTES: u64 = 1 << 20;

/// What bounds the unpacking of one upload.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "each is a maximum")]
pub(crate) struct UnpackBounds {
    /// Bytes that all archives of an upload together unpack to. Texts that are converted count too.
    pub(crate) bytes_max: u64,
    /// Unpacked bytes for each packed byte of an archive.
    pub(crate) ratio_max: u64,
    /// All files of an upload. Each file in an archive counts.
    pub(crate) files_max: usize,
}

/// Tells whether an import has to stop.
pub(in crate::import) type Stop<'s> = dyn Fn() -> Option<Interrupted> + 's;

/// How much the files of one upload may still unpack to.
pub(in crate::import) struct Allowance<'s> {
    bounds: UnpackBounds,
    /// The folder of the unpacked files.
    folder: DataDir,
    pub(super) stop: &'s Stop<'s>,
    /// How many more files the archives may have. One file of each archive is counted already.
    pub(super) files_left: usize,
    unpacked_bytes: u64,
    /// Bytes since the last look at the free space.
    unlooked_bytes: u64,
}

impl<'s> Allowance<'s> {
    /// The allowance of an upload of so many files, which are unpacked in `folder`.
    pub(in crate::import) fn new(
        bounds: UnpackBounds,
        uploads: usize,
        folder: &Path,
        stop: &'s Stop<'s>,
    ) -> Self {
        Self {
            bounds,
            folder: DataDir::at(folder),
            stop,
            files_left: bounds.files_max.saturating_sub(uploads),
            unpacked_bytes: 0,
            unlooked_bytes: 0,
        }
    }

    fn check_stop(&self) -> Result<(), Interrupted> {
        (self.stop)().map_or(Ok(()), Err)
    }

    /// Counts bytes that are about to be written.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.check_stop()?;
        let bytes_max = self.bounds.bytes_max;
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(bytes);
        if bytes_max < self.unpacked_bytes {
            return Err(UnpackError::Refused(format!(
                "with this file, the upload unpacks to more than {bytes_max} bytes, see import.unpacked_bytes_max"
            )));
        }
        self.unlooked_bytes += bytes;
        if LOOK_INTERVAL_BYTES <= self.unlooked_bytes {
            self.unlooked_bytes = 0;
            if self.folder.has_less_than(RESERVE_BYTES) {
                return Err(io::Error::from(ErrorKind::StorageFull).into());
            }
        }
        Ok(())
    }
}

/// An archive that is being unpacked.
pub(super) struct Archive<'a, 's> {
    pub(super) allowance: &'a mut Allowance<'s>,
    /// Packed bytes of the entries so far.
    pub(super) packed_bytes: u64,
    pub(super) unpacked_bytes: u64,
}

impl Archive<'_, '_> {
    /// Counts bytes that are about to be written.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.allowance.add(bytes)?;
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(bytes);
        let ratio_max = self.allowance.bounds.ratio_max;
        let by_ratio = self.packed_bytes.saturating_mul(ratio_max);
        if FREE_BYTES.saturating_add(by_ratio) < self.unpacked_bytes {
            return Err(UnpackError::Refused(format!(
                "unpacks to more than {ratio_max} times its size, see import.unpacked_ratio_max"
            )));
        }
        Ok(())
    }
}
