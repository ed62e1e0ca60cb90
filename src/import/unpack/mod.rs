//! From an uploaded file to the files in it: gzip and zip, within bounds.
//!
//! An archive from a stranger may be made to fill the disk. So real bytes are counted, never the sizes that an archive
//! claims, and its names are shown and never used as paths.
#![expect(
    clippy::disallowed_types,
    reason = "`copy_out` bounds the size of the output"
)]

mod allowance;
mod file;
#[cfg(test)]
mod tests;
mod text;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::{DeflateDecoder, MultiGzDecoder};

use self::allowance::Archive;
pub(crate) use self::allowance::UnpackBounds;
pub(super) use self::allowance::{Allowance, Stop};
use self::file::{copy_out, crc_of, hash};
pub(super) use self::file::{read_up_to, remove_if_there};
use self::text::to_utf8;
use super::taking::Interrupted;
use super::zip::{self, Method};
use crate::data_dir::with_suffix;

/// Longest name that is shown, in characters.
const NAME_CHARACTERS_MAX: usize = 200;
/// How much is read or written before the next look at whether the import has to stop.
const PIECE_BYTES: usize = 128 << 10;

/// A file without its packing.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// The name without folders, for people.
    pub(crate) name: Box<str>,
    pub(crate) path: PathBuf,
    /// Of the content, in hex.
    pub(crate) sha256: Box<str>,
    /// Whether the packing breaks off.
    pub(crate) is_cut: bool,
}

/// A file of an upload.
#[derive(Clone, Debug)]
pub(crate) enum Unpacked {
    Payload(Payload),
    /// The file cannot be unpacked.
    Refused {
        name: Box<str>,
        reason: String,
    },
}

/// Why the unpacking of a file stopped.
#[derive(Debug)]
enum UnpackError {
    Refused(String),
    Interrupted(Interrupted),
}

impl From<io::Error> for UnpackError {
    fn from(error: io::Error) -> Self {
        Self::Interrupted(error.into())
    }
}

impl From<Interrupted> for UnpackError {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

/// Unpacks an uploaded file. The files that it makes lie beside `packed`, and their names begin with that name. `sha256` is
/// that of the file, if it is known.
pub(super) fn unpack(
    packed: &Path,
    name: &str,
    sha256: Option<&str>,
    allowance: &mut Allowance<'_>,
) -> Result<Vec<Unpacked>, Interrupted> {
    let mut file = File::open(packed)?;
    let packed_bytes = file.metadata()?.len();
    let mut magic = [0; 4];
    let read = read_up_to(&mut file, &mut magic)?;
    file.rewind()?;
    let name = shown_name(name);
    match magic.get(..read) {
        Some([0x1f, 0x8b, ..]) => {
            let decoder = MultiGzDecoder::new(BufReader::new(file));
            let inner = name.strip_suffix(".gz").unwrap_or(&name);
            let mut archive = Archive {
                allowance: &mut *allowance,
                packed_bytes,
                unpacked_bytes: 0,
            };
            let copied = copy_out(decoder, &with_suffix(packed, ".0"), inner, &mut archive);
            Ok(vec![outcome(copied, &name, allowance)?])
        }
        Some([b'P', b'K', 3, 4] | [b'P', b'K', 5, 6]) => {
            unpack_zip(&mut file, packed, &name, allowance)
        }
        _ => {
            let sha256 = match sha256 {
                Some(sha256) => sha256.into(),
                None => hash(&mut file, allowance.stop)?,
            };
            let payload = Payload {
                name: name.into(),
                path: packed.to_owned(),
                sha256,
                is_cut: false,
            };
            Ok(vec![converted(payload, allowance)?])
        }
    }
}

fn outcome(
    copied: Result<Payload, UnpackError>,
    name: &str,
    allowance: &mut Allowance<'_>,
) -> Result<Unpacked, Interrupted> {
    match copied {
        Ok(payload) if is_packed(&payload.path)? => {
            fs::remove_file(&payload.path)?;
            Ok(Unpacked::Refused {
                name: name.into(),
                reason: "an archive within an archive: unpack it once and import what is in it"
                    .to_owned(),
            })
        }
        Ok(payload) => converted(payload, allowance),
        Err(error) => refused(name.into(), error),
    }
}

fn refused(name: Box<str>, error: UnpackError) -> Result<Unpacked, Interrupted> {
    match error {
        UnpackError::Refused(reason) => Ok(Unpacked::Refused { name, reason }),
        UnpackError::Interrupted(interrupted) => Err(interrupted),
    }
}

fn converted(payload: Payload, allowance: &mut Allowance<'_>) -> Result<Unpacked, Interrupted> {
    let name = payload.name.clone();
    match to_utf8(payload, allowance) {
        Ok(payload) => Ok(Unpacked::Payload(payload)),
        Err(error) => refused(name, error),
    }
}

fn is_packed(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    let read = read_up_to(&mut File::open(path)?, &mut magic)?;
    let magic = magic.get(..read).unwrap_or_default();
    Ok(magic.starts_with(&[0x1f, 0x8b]) || magic.starts_with(b"PK\x03\x04"))
}

fn unpack_zip(
    file: &mut File,
    packed: &Path,
    name: &str,
    allowance: &mut Allowance<'_>,
) -> Result<Vec<Unpacked>, Interrupted> {
    let refused = |name: &str, reason: String| Unpacked::Refused {
        name: name.into(),
        reason,
    };
    let entries = match zip::entries(file, allowance.files_left + 1) {
        Ok(entries) => entries,
        Err(zip::ZipError::Refused(reason)) => return Ok(vec![refused(name, reason)]),
        Err(zip::ZipError::Io(error)) => return Err(error.into()),
    };
    allowance.files_left -= entries.len().saturating_sub(1);
    let (mut packed_bytes, mut unpacked_bytes) = (0, 0);
    let mut unpacked = Vec::with_capacity(entries.len());
    for (number, entry) in entries.iter().enumerate() {
        let inner = shown_name(&entry.name);
        if entry.is_encrypted {
            unpacked.push(refused(&inner, "the entry is encrypted".to_owned()));
            continue;
        }
        file.seek(SeekFrom::Start(entry.data_at))?;
        let data = BufReader::new((&mut *file).take(entry.packed_bytes));
        packed_bytes += entry.packed_bytes;
        let mut archive = Archive {
            allowance: &mut *allowance,
            packed_bytes,
            unpacked_bytes,
        };
        let to = with_suffix(packed, &format!(".{number}"));
        let copied = match entry.method {
            Method::Stored => copy_out(data, &to, &inner, &mut archive),
            Method::Deflated => copy_out(DeflateDecoder::new(data), &to, &inner, &mut archive),
            Method::Other(method) => Err(UnpackError::Refused(format!(
                "packed with method {method} of zip; only stored and deflated entries are read"
            ))),
        };
        unpacked_bytes = archive.unpacked_bytes;
        let copied = match copied {
            Ok(payload) => {
                let is_right =
                    payload.is_cut || crc_of(&payload.path, allowance.stop)? == entry.crc;
                Ok(Payload {
                    is_cut: !is_right || payload.is_cut,
                    ..payload
                })
            }
            Err(UnpackError::Refused(reason)) => Err(UnpackError::Refused(format!(
                "entry {} of the archive {name}: {reason}",
                number + 1
            ))),
            Err(interrupted) => Err(interrupted),
        };
        unpacked.push(outcome(copied, &inner, allowance)?);
    }
    if unpacked.is_empty() {
        unpacked.push(refused(name, "the archive has no files".to_owned()));
    }
    Ok(unpacked)
}

/// A name as people are shown it: without folders and control characters, and not too long.
pub(crate) fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let shown = last.chars().filter(|character| !character.is_control());
    let shown: String = shown.take(NAME_CHARACTERS_MAX).collect();
    if shown.is_empty() {
        "unnamed".to_owned()
    } else {
        shown
    }
}
