//! Files that come out of an archive: written, hashed and checked, a piece at a time.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;
use sha2::{Digest, Sha256};

use super::allowance::{Archive, Stop};
use super::{PIECE_BYTES, Payload, UnpackError};
use crate::data_dir::private;
use crate::hex::Hex;
use crate::import::taking::Interrupted;

/// A file that is being written. Dropping it before it is complete removes the file.
pub(super) struct Partial {
    pub(super) out: BufWriter<File>,
    path: PathBuf,
    is_complete: bool,
}

impl Partial {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        remove_if_there(path)?;
        let file = private().create_new(true).open(path)?;
        Ok(Self {
            out: BufWriter::new(file),
            path: path.to_owned(),
            is_complete: false,
        })
    }

    /// Keeps the file.
    pub(super) fn complete(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_complete {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Unpacks to a new file. If the archive breaks off, the file has what came before.
pub(super) fn copy_out(
    mut from: impl Read,
    to: &Path,
    name: &str,
    archive: &mut Archive<'_, '_>,
) -> Result<Payload, UnpackError> {
    let mut partial = Partial::create(to)?;
    let (mut sha256, mut is_cut) = (Sha256::new(), false);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                archive.add(u64::try_from(read).unwrap_or(u64::MAX))?;
                let piece = piece.get(..read).unwrap_or_default();
                sha256.update(piece);
                partial.out.write_all(piece)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What the decoders report for bytes that are cut off or wrong.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData
                ) =>
            {
                is_cut = true;
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    partial.complete()?;
    Ok(Payload {
        name: name.into(),
        path: to.to_owned(),
        sha256: Hex(&sha256.finalize()).to_string().into(),
        is_cut,
    })
}

pub(in crate::import) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn hash(file: &mut File, stop: &Stop<'_>) -> Result<Box<str>, Interrupted> {
    let mut sha256 = Sha256::new();
    each_piece(file, stop, |piece| sha256.update(piece))?;
    Ok(Hex(&sha256.finalize()).to_string().into())
}

pub(super) fn crc_of(path: &Path, stop: &Stop<'_>) -> Result<u32, Interrupted> {
    let mut crc = Crc::new();
    each_piece(&mut File::open(path)?, stop, |piece| crc.update(piece))?;
    Ok(crc.sum())
}

fn each_piece(
    file: &mut File,
    stop: &Stop<'_>,
    mut visit: impl FnMut(&[u8]),
) -> Result<(), Interrupted> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        if let Some(interrupted) = stop() {
            return Err(interrupted);
        }
        let read = read_up_to(file, &mut piece)?;
        if read == 0 {
            return Ok(());
        }
        visit(piece.get(..read).unwrap_or_default());
    }
}

/// Fills `buffer` as far as the file goes.
pub(in crate::import) fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
