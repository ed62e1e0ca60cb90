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

use super::taking::Interrupted;
use super::zip::{self, Method};
use crate::data_dir::{DataDir, private, with_suffix};
use crate::hex::Hex;

/// A text may grow to this many times its packed size before the ratio counts.
const FREE_BYTES: u64 = 1 << 20;
/// Longest name that is shown.
const NAME_CHARACTERS_MAX: usize = 200;
/// How much is read or written before the next look at whether the import has to stop.
const PIECE_BYTES: usize = 128 << 10;
/// Free space of the disk that unpacking leaves to the log.
const RESERVE_BYTES: u64 = 16 << 20;
/// How much is written between two looks at the free space. An upload that unpacks to less is not held up by the reserve.
const LOOK_INTERVAL_BYTES: u64 = 1 << 20;

/// What bounds the unpacking of one upload.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "each is a maximum")]
pub(crate) struct UnpackBounds {
    /// What comes out of all archives of an upload together, and of the conversion of its texts.
    pub(crate) bytes_max: u64,
    /// Unpacked bytes for each packed byte of an archive.
    pub(crate) ratio_max: u64,
    /// All files of an upload. Each file in an archive counts.
    pub(crate) files_max: usize,
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

/// Why a file is not unpacked, or not to its end.
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

/// Tells whether an import has to stop.
pub(super) type Stop<'s> = dyn Fn() -> Option<Interrupted> + 's;

/// What the files of one upload may still unpack to.
pub(super) struct Allowance<'s> {
    bounds: UnpackBounds,
    /// The folder of the unpacked files.
    folder: DataDir,
    stop: &'s Stop<'s>,
    /// How many files archives may have beyond one each.
    files_left: usize,
    unpacked_bytes: u64,
    /// Bytes since the last look at the free space.
    unlooked_bytes: u64,
}

impl<'s> Allowance<'s> {
    /// The allowance of an upload of so many files, which are unpacked in `folder`.
    pub(super) fn new(
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
    fn add(&mut self, bytes: u64) -> Result<(), UnpackError> {
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

/// Unpacks an uploaded file. The files that it makes lie beside `packed`, and their names begin with that name.
pub(super) fn unpack(
    packed: &Path,
    name: &str,
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
            let sha256 = hash(&mut file, allowance.stop)?;
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

/// An archive that is being unpacked.
struct Archive<'a, 's> {
    allowance: &'a mut Allowance<'s>,
    /// Of the entries up to the present one.
    packed_bytes: u64,
    unpacked_bytes: u64,
}

impl Archive<'_, '_> {
    /// Counts bytes that are about to be written.
    fn add(&mut self, bytes: u64) -> Result<(), UnpackError> {
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

/// A file that is being written. Dropping it removes the file, so that none stays that breaks off.
struct Partial {
    out: BufWriter<File>,
    path: PathBuf,
    is_complete: bool,
}

impl Partial {
    fn create(path: &Path) -> io::Result<Self> {
        remove_if_there(path)?;
        let file = private().create_new(true).open(path)?;
        Ok(Self {
            out: BufWriter::new(file),
            path: path.to_owned(),
            is_complete: false,
        })
    }

    /// Keeps the file.
    fn complete(mut self) -> io::Result<()> {
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

/// Unpacks to a new file. An archive that breaks off gives what was read.
fn copy_out(
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

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn hash(file: &mut File, stop: &Stop<'_>) -> Result<Box<str>, Interrupted> {
    let mut sha256 = Sha256::new();
    each_piece(file, stop, |piece| sha256.update(piece))?;
    Ok(Hex(&sha256.finalize()).to_string().into())
}

fn crc_of(path: &Path, stop: &Stop<'_>) -> Result<u32, Interrupted> {
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
fn to_utf8(payload: Payload, allowance: &mut Allowance<'_>) -> Result<Payload, UnpackError> {
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
    let mut partial = Partial::create(&path)?;
    let mut octets = BufReader::new(file).bytes();
    let mut failed = None;
    let units = std::iter::from_fn(|| match (octets.next()?, octets.next()?) {
        (Ok(first), Ok(second)) => Some(unit([first, second])),
        (Err(error), _) | (_, Err(error)) => {
            failed = Some(error);
            None
        }
    });
    let mut uncounted = 0;
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut encoded = [0; 4];
        let encoded = character.encode_utf8(&mut encoded).as_bytes();
        partial.out.write_all(encoded)?;
        uncounted += encoded.len();
        if PIECE_BYTES <= uncounted {
            allowance.add(u64::try_from(uncounted).unwrap_or(u64::MAX))?;
            uncounted = 0;
        }
    }
    allowance.add(u64::try_from(uncounted).unwrap_or(u64::MAX))?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    partial.complete()?;
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
        files_max: 10,
    };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> (TempDir, Vec<Unpacked>) {
        let (folder, mut unpacked) = unpacked_together(BOUNDS, &[bytes]);
        (folder, unpacked.remove(0))
    }

    /// Unpacks the files of one upload.
    fn unpacked_together(bounds: UnpackBounds, files: &[&[u8]]) -> (TempDir, Vec<Vec<Unpacked>>) {
        let folder = tempfile::tempdir().unwrap();
        let never = || None;
        let mut allowance = Allowance::new(bounds, files.len(), folder.path(), &never);
        let unpacked = files.iter().enumerate().map(|(number, bytes)| {
            let packed = folder.path().join(format!("1-{number}"));
            fs::write(&packed, bytes).unwrap();
            unpack(&packed, "folder/drive.csv.gz", &mut allowance).unwrap()
        });
        let unpacked = unpacked.collect();
        (folder, unpacked)
    }

    fn names_in(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names
    }

    /// Bytes that cannot be packed well.
    fn noise(bytes: u32) -> Vec<u8> {
        let bytes = (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
        bytes.collect()
    }

    #[track_caller]
    fn reason(unpacked: &Unpacked) -> &str {
        match unpacked {
            Unpacked::Refused { reason, .. } => reason,
            Unpacked::Payload(payload) => panic!("{payload:?}"),
        }
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
        let large = zip_of(&[Entry::stored("a", &noise(17 << 20))]);
        assert!(refused(&large).contains("more than 16777216 bytes"));
    }

    #[test]
    fn all_archives_of_an_upload_together_keep_to_the_bound() {
        let half = zip_of(&[Entry::stored("a", &noise(8 << 20))]);
        let rest = zip_of(&[Entry::stored("b", b"1"), Entry::stored("c", b"2")]);
        let (folder, unpacked) = unpacked_together(BOUNDS, &[&half, &half, &rest, b"plain"]);
        for full in &unpacked[..2] {
            assert!(matches!(full.as_slice(), [Unpacked::Payload(_)]));
        }
        for (number, past) in unpacked[2].iter().enumerate() {
            let reason = reason(past);
            let place = format!("entry {} of the archive drive.csv.gz: ", number + 1);
            assert!(
                reason.starts_with(&place) && reason.contains("import.unpacked_bytes_max"),
                "{reason}"
            );
        }
        assert!(matches!(unpacked[3].as_slice(), [Unpacked::Payload(_)]));
        // Nothing of the refused ones stays.
        let names = ["1-0", "1-0.0", "1-1", "1-1.0", "1-2", "1-3"];
        assert_eq!(names_in(&folder), names);
    }

    #[test]
    fn text_that_is_converted_counts_too() {
        let bounds = UnpackBounds {
            bytes_max: 1 << 20,
            ..BOUNDS
        };
        let text = "€\n".repeat(3 << 16);
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
        let (folder, unpacked) = unpacked_together(bounds, &[&utf16, &utf16]);
        assert!(matches!(unpacked[0].as_slice(), [Unpacked::Payload(_)]));
        assert!(reason(&unpacked[1][0]).contains("more than 1048576 bytes"));
        assert_eq!(names_in(&folder), ["1-0", "1-0.utf8", "1-1"]);
    }

    #[test]
    fn all_files_of_an_upload_together_keep_to_the_bound() {
        let zip = |count: usize| {
            let entries = (0..count).map(|number| Entry::stored(&number.to_string(), b"x"));
            zip_of(&entries.collect::<Vec<_>>())
        };
        let (_folder, at_bound) = unpacked_together(BOUNDS, &[&zip(5), &zip(5)]);
        let is_unpacked = |one: &Unpacked| matches!(one, Unpacked::Payload(_));
        assert!(at_bound.iter().flatten().all(is_unpacked));
        let (_folder, past) = unpacked_together(BOUNDS, &[&zip(5), &zip(6)]);
        assert!(past[0].iter().all(is_unpacked));
        let reason = reason(&past[1][0]);
        assert!(
            reason.contains("6 entries") && reason.contains("import.files_max"),
            "{reason}"
        );
    }

    #[test]
    fn unpacking_stops_in_the_middle_and_leaves_nothing() {
        let large = noise(4 << 20);
        let units = "line\n".repeat(1 << 20);
        let units = units.encode_utf16().flat_map(u16::to_le_bytes);
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
        for upload in [
            gzip(&large),
            zip_of(&[Entry::stored("a", &large)]),
            large.clone(),
            utf16,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let packed = folder.path().join("1-0");
            fs::write(&packed, upload).unwrap();
            let asked = std::cell::Cell::new(0);
            let stop = || {
                asked.set(asked.get() + 1);
                (10 < asked.get()).then_some(Interrupted::Cancelled)
            };
            let mut allowance = Allowance::new(BOUNDS, 1, folder.path(), &stop);
            let stopped = unpack(&packed, "drive.csv", &mut allowance);
            assert_eq!(stopped.unwrap_err(), Interrupted::Cancelled);
            assert_eq!(
                (asked.get(), names_in(&folder)),
                (11, vec!["1-0".to_owned()])
            );
        }
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
