//! From an uploaded file to the files in it: gzip and zip, within bounds.
//!
//! An archive from a stranger may be made to fill the disk. So real bytes are counted, never the sizes that an archive
//! claims, and its names are shown and never used as paths.
#![expect(
    clippy::disallowed_types,
    reason = "`copy_out` bounds the size of the output"
)]

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use sha2::{Digest, Sha256};

use super::zip::{self, Method};
use crate::data_dir::{private, with_suffix};
use crate::hex::Hex;

/// A text may grow to this many times its packed size before the ratio counts.
const FREE_BYTES: u64 = 1 << 20;
/// Longest name that is shown.
const NAME_CHARACTERS_MAX: usize = 200;

/// What bounds the unpacking of one upload.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "each is a maximum")]
pub(crate) struct UnpackBounds {
    /// All files of an archive together.
    pub(crate) bytes_max: u64,
    /// Unpacked bytes for each packed byte.
    pub(crate) ratio_max: u64,
    /// Entries of an archive.
    pub(crate) entries_max: usize,
}

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

/// Why unpacking ends early.
#[derive(Debug, thiserror::Error)]
enum UnpackError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Unpacks an uploaded file. The files that it makes lie beside `packed`, and their names begin with that name.
pub(crate) fn unpack(packed: &Path, name: &str, bounds: UnpackBounds) -> io::Result<Vec<Unpacked>> {
    let mut file = File::open(packed)?;
    let packed_bytes = file.metadata()?.len();
    let mut magic = [0; 4];
    let read = read_up_to(&mut file, &mut magic)?;
    file.rewind()?;
    let name = shown_name(name);
    match magic.get(..read) {
        Some([0x1f, 0x8b, ..]) => {
            let decoder = MultiGzDecoder::new(BufReader::new(file));
            let mut left = Left::new(bounds, packed_bytes);
            let inner = name.strip_suffix(".gz").unwrap_or(&name);
            let copied = copy_out(decoder, &with_suffix(packed, ".0"), inner, &mut left);
            Ok(vec![outcome(copied, &name)?])
        }
        Some([b'P', b'K', 3, 4] | [b'P', b'K', 5, 6]) => {
            unpack_zip(&mut file, packed, &name, bounds)
        }
        _ => {
            let sha256 = hash(&mut file)?;
            let payload = Payload {
                name: name.into(),
                path: packed.to_owned(),
                sha256,
                is_cut: false,
            };
            Ok(vec![Unpacked::Payload(to_utf8(payload)?)])
        }
    }
}

fn outcome(copied: Result<Payload, UnpackError>, name: &str) -> io::Result<Unpacked> {
    match copied {
        Ok(payload) if is_packed(&payload.path)? => {
            fs::remove_file(&payload.path)?;
            Ok(Unpacked::Refused {
                name: name.into(),
                reason: "an archive within an archive: unpack it once and import what is in it"
                    .to_owned(),
            })
        }
        Ok(payload) => Ok(Unpacked::Payload(to_utf8(payload)?)),
        Err(UnpackError::Refused(reason)) => Ok(Unpacked::Refused {
            name: name.into(),
            reason,
        }),
        Err(UnpackError::Io(error)) => Err(error),
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
    bounds: UnpackBounds,
) -> io::Result<Vec<Unpacked>> {
    let refused = |name: &str, reason: String| Unpacked::Refused {
        name: name.into(),
        reason,
    };
    let entries = match zip::entries(file, bounds.entries_max) {
        Ok(entries) => entries,
        Err(zip::ZipError::Refused(reason)) => return Ok(vec![refused(name, reason)]),
        Err(zip::ZipError::Io(error)) => return Err(error),
    };
    let mut left = Left::new(bounds, 0);
    let mut unpacked = Vec::with_capacity(entries.len());
    for (number, entry) in entries.iter().enumerate() {
        let inner = shown_name(&entry.name);
        if entry.is_encrypted {
            unpacked.push(refused(&inner, "the entry is encrypted".to_owned()));
            continue;
        }
        file.seek(SeekFrom::Start(entry.data_at))?;
        let data = BufReader::new((&mut *file).take(entry.packed_bytes));
        left.packed_bytes += entry.packed_bytes;
        let to = with_suffix(packed, &format!(".{number}"));
        let copied = match entry.method {
            Method::Stored => copy_out(data, &to, &inner, &mut left),
            Method::Deflated => copy_out(DeflateDecoder::new(data), &to, &inner, &mut left),
            Method::Other(method) => Err(UnpackError::Refused(format!(
                "packed with method {method} of zip; only stored and deflated entries are read"
            ))),
        };
        let copied = copied.and_then(|payload| {
            let is_right = payload.is_cut || crc_of(&payload.path)? == entry.crc;
            Ok(Payload {
                is_cut: !is_right || payload.is_cut,
                ..payload
            })
        });
        unpacked.push(outcome(copied, &inner)?);
    }
    if unpacked.is_empty() {
        unpacked.push(refused(name, "the archive has no files".to_owned()));
    }
    Ok(unpacked)
}

/// What an upload may still grow by.
struct Left {
    bounds: UnpackBounds,
    packed_bytes: u64,
    unpacked_bytes: u64,
}

impl Left {
    fn new(bounds: UnpackBounds, packed_bytes: u64) -> Self {
        Self {
            bounds,
            packed_bytes,
            unpacked_bytes: 0,
        }
    }

    fn add(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.unpacked_bytes += bytes;
        let UnpackBounds {
            bytes_max,
            ratio_max,
            ..
        } = self.bounds;
        if bytes_max < self.unpacked_bytes {
            return Err(UnpackError::Refused(format!(
                "unpacks to more than {bytes_max} bytes, see import.unpacked_bytes_max"
            )));
        }
        let by_ratio = self.packed_bytes.saturating_mul(ratio_max);
        if FREE_BYTES.saturating_add(by_ratio) < self.unpacked_bytes {
            return Err(UnpackError::Refused(format!(
                "unpacks to more than {ratio_max} times its size, see import.unpacked_ratio_max"
            )));
        }
        Ok(())
    }
}

/// Unpacks to a new file. An archive that breaks off gives what was read.
fn copy_out(
    mut from: impl Read,
    to: &Path,
    name: &str,
    left: &mut Left,
) -> Result<Payload, UnpackError> {
    const PIECE_BYTES: usize = 128 << 10;
    remove_if_there(to)?;
    let mut out = BufWriter::new(private().create_new(true).open(to)?);
    let (mut sha256, mut is_cut) = (Sha256::new(), false);
    let mut piece = vec![0; PIECE_BYTES];
    let ended = loop {
        match from.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(read) => {
                let count = u64::try_from(read).unwrap_or(u64::MAX);
                if let Err(refused) = left.add(count) {
                    break Err(refused);
                }
                let piece = piece.get(..read).unwrap_or_default();
                sha256.update(piece);
                out.write_all(piece)?;
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
                break Ok(());
            }
            Err(error) => break Err(error.into()),
        }
    };
    out.flush()?;
    if let Err(refused) = ended {
        drop(out);
        remove_if_there(to)?;
        return Err(refused);
    }
    Ok(Payload {
        name: name.into(),
        path: to.to_owned(),
        sha256: Hex(&sha256.finalize()).to_string().into(),
        is_cut,
    })
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn hash(file: &mut File) -> io::Result<Box<str>> {
    let mut sha256 = Sha256::new();
    each_piece(file, |piece| sha256.update(piece))?;
    Ok(Hex(&sha256.finalize()).to_string().into())
}

fn crc_of(path: &Path) -> io::Result<u32> {
    let mut crc = Crc::new();
    each_piece(&mut File::open(path)?, |piece| crc.update(piece))?;
    Ok(crc.sum())
}

fn each_piece(file: &mut File, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; 128 << 10];
    loop {
        let read = read_up_to(file, &mut piece)?;
        if read == 0 {
            return Ok(());
        }
        visit(piece.get(..read).unwrap_or_default());
    }
}

/// Fills `buffer` as far as the file goes.
pub(super) fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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

/// Turns a text in UTF-16 with a byte order mark into UTF-8. Other files stay.
fn to_utf8(payload: Payload) -> io::Result<Payload> {
    let mut file = File::open(&payload.path)?;
    let mut mark = [0; 2];
    let read = read_up_to(&mut file, &mut mark)?;
    let unit: fn([u8; 2]) -> u16 = match mark {
        _ if read < 2 => return Ok(payload),
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return Ok(payload),
    };
    let path = with_suffix(&payload.path, ".utf8");
    remove_if_there(&path)?;
    let mut out = BufWriter::new(private().create_new(true).open(&path)?);
    let mut octets = BufReader::new(file).bytes();
    let mut failed = None;
    let units = std::iter::from_fn(|| match (octets.next()?, octets.next()?) {
        (Ok(first), Ok(second)) => Some(unit([first, second])),
        (Err(error), _) | (_, Err(error)) => {
            failed = Some(error);
            None
        }
    });
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut encoded = [0; 4];
        let encoded = character.encode_utf8(&mut encoded).as_bytes();
        out.write_all(encoded)?;
    }
    if let Some(error) = failed {
        return Err(error);
    }
    out.flush()?;
    Ok(Payload { path, ..payload })
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

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::super::zip::tests::{Entry, zip_of};
    use super::*;

    const BOUNDS: UnpackBounds = UnpackBounds {
        bytes_max: 16 << 20,
        ratio_max: 200,
        entries_max: 10,
    };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> (TempDir, Vec<Unpacked>) {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("upload");
        fs::write(&packed, bytes).unwrap();
        let unpacked = unpack(&packed, "folder/drive.csv.gz", BOUNDS).unwrap();
        (folder, unpacked)
    }

    #[track_caller]
    fn one(bytes: &[u8]) -> (TempDir, Payload) {
        let (folder, unpacked) = unpacked(bytes);
        match unpacked.as_slice() {
            [Unpacked::Payload(payload)] => (folder, payload.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn refused(bytes: &[u8]) -> String {
        let (_folder, unpacked) = unpacked(bytes);
        match unpacked.as_slice() {
            [Unpacked::Refused { reason, .. }] => reason.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_has_one_hash_however_it_is_packed() {
        let text = b"MAC,SSID\n";
        let zipped = zip_of(&[Entry::deflated("a/drive.csv", text)]);
        let (_plain, plain) = one(text);
        for packed in [
            gzip(text),
            zipped,
            [gzip(b"MAC"), gzip(b",SSID\n")].concat(),
        ] {
            let (_folder, payload) = one(&packed);
            assert_eq!(payload.sha256, plain.sha256);
            assert_eq!(fs::read(&payload.path).unwrap(), text);
            assert_eq!((&*payload.name, payload.is_cut), ("drive.csv", false));
        }
    }

    #[test]
    fn a_stream_that_breaks_off_gives_what_was_read() {
        let text: Vec<u8> = (0..100_000u32)
            .flat_map(|number| number.to_string().into_bytes())
            .collect();
        let whole = gzip(&text);
        let (_folder, payload) = one(&whole[..whole.len() / 2]);
        assert!(payload.is_cut);
        let read = fs::read(&payload.path).unwrap();
        assert!(!read.is_empty() && text.starts_with(&read));
    }

    #[test]
    fn bombs_are_refused() {
        let zeros = vec![0; 8 << 20];
        assert!(refused(&gzip(&zeros)).contains("200 times"));
        let bomb = zip_of(&[Entry::deflated("a", &zeros)]);
        assert!(refused(&bomb).contains("200 times"));
        let twice = zip_of(&[Entry::stored("a", &gzip(b"x"))]);
        assert!(refused(&twice).contains("archive within"));
        let noise: Vec<u8> = (0..17u32 << 20)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let large = zip_of(&[Entry::stored("a", &noise)]);
        assert!(refused(&large).contains("more than 16777216 bytes"));
    }

    #[test]
    fn text_in_utf16_becomes_utf8() {
        let text = "BSSID é €\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little = [
            vec![0xff, 0xfe],
            units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        ];
        let big = [
            vec![0xfe, 0xff],
            units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        ];
        for encoded in [little.concat(), big.concat()] {
            let (_folder, payload) = one(&encoded);
            assert_eq!(fs::read_to_string(&payload.path).unwrap(), text);
        }
    }

    #[test]
    fn names_are_shown_without_folders() {
        assert_eq!(shown_name("../../etc/passwd"), "passwd");
        assert_eq!(shown_name("C:\\logs\\a\u{7}.csv"), "a.csv");
        assert_eq!(shown_name("x/"), "unnamed");
    }
}
