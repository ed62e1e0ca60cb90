//! The table of contents of a zip archive (PKWARE APPNOTE 6.3.10).
//!
//! Only the central directory counts. Entries whose bytes overlap are refused: that is how small archives unpack to
//! petabytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Longest comment, and the record before it.
const END_BYTES_MAX: u64 = 65_535 + END_BYTES;
const END_BYTES: u64 = 22;
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: u64 = 30;

/// How an entry is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    Other(u16),
}

/// A file in an archive.
#[derive(Clone, Debug)]
pub(super) struct ZipEntry {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) is_encrypted: bool,
    pub(super) crc: u32,
    pub(super) packed_bytes: u64,
    /// Where its bytes begin.
    pub(super) data_at: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ZipError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn damaged(what: &str) -> ZipError {
    ZipError::Refused(format!("the zip archive is damaged: {what}"))
}

/// The files of an archive. Folders are left out, and so is what macOS adds.
pub(super) fn entries(file: &mut File, entries_max: usize) -> Result<Vec<ZipEntry>, ZipError> {
    let length = file.metadata()?.len();
    let (count, directory_at, directory_bytes) = end_of(file, length)?;
    if entries_max < count {
        return Err(ZipError::Refused(format!(
            "the archive has {count} entries, and {entries_max} more files are allowed in this upload, see import.files_max"
        )));
    }
    let is_inside = directory_at
        .checked_add(directory_bytes)
        .is_some_and(|end| end <= length);
    if !is_inside {
        return Err(damaged("its directory lies behind its end"));
    }
    let mut directory = vec![0; usize::try_from(directory_bytes).unwrap_or(usize::MAX)];
    file.seek(SeekFrom::Start(directory_at))?;
    file.read_exact(&mut directory)?;
    let mut rest = directory.as_slice();
    let (mut entries, mut ranges) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let (entry, local_at, after) = entry_of(rest)?;
        rest = after;
        let data_at = data_at(file, local_at, directory_at)?;
        let end = data_at
            .checked_add(entry.packed_bytes)
            .filter(|end| *end <= directory_at)
            .ok_or_else(|| damaged("an entry lies behind the directory"))?;
        ranges.push(local_at..end);
        let is_extra = entry.name.starts_with("__MACOSX/") || entry.name.ends_with(".DS_Store");
        if !entry.name.ends_with('/') && !is_extra {
            entries.push(ZipEntry { data_at, ..entry });
        }
    }
    ranges.sort_by_key(|range| range.start);
    let mut pairs = ranges.iter().zip(ranges.iter().skip(1));
    if pairs.any(|(one, next)| next.start < one.end) {
        return Err(ZipError::Refused(
            "the entries of the zip archive overlap, which no honest archive does".to_owned(),
        ));
    }
    Ok(entries)
}

/// The number of entries, and where the directory lies, from the record at the end.
fn end_of(file: &mut File, length: u64) -> Result<(usize, u64, u64), ZipError> {
    let tail_bytes = length.min(END_BYTES_MAX);
    let mut tail = vec![0; usize::try_from(tail_bytes).unwrap_or(usize::MAX)];
    file.seek(SeekFrom::Start(length - tail_bytes))?;
    file.read_exact(&mut tail)?;
    let at = tail
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x05\x06")
        .ok_or_else(|| damaged("its directory is missing; it may have broken off"))?;
    let end = tail.get(at..).unwrap_or_default();
    let missing = || damaged("its end is cut off");
    let count = u16_at(end, 10).ok_or_else(missing)?;
    let bytes = u32_at(end, 12).ok_or_else(missing)?;
    let directory_at = u32_at(end, 16).ok_or_else(missing)?;
    if count == u16::MAX || bytes == u32::MAX || directory_at == u32::MAX {
        return Err(ZipError::Refused(
            "a ZIP64 archive, which is not read: pack the files again, or import them one by one"
                .to_owned(),
        ));
    }
    Ok((count.into(), directory_at.into(), bytes.into()))
}

/// The first entry of a directory, where its local header lies, and the rest of the directory.
fn entry_of(directory: &[u8]) -> Result<(ZipEntry, u64, &[u8]), ZipError> {
    let cut = || damaged("its directory is cut off");
    if !directory.starts_with(b"PK\x01\x02") {
        return Err(damaged("an entry of its directory is none"));
    }
    let short = |at| u16_at(directory, at).ok_or_else(cut);
    let long = |at| u32_at(directory, at).ok_or_else(cut);
    let (flags, method) = (short(8)?, short(10)?);
    let (name_bytes, extra, comment) = (short(28)?, short(30)?, short(32)?);
    let name_end = ENTRY_BYTES + usize::from(name_bytes);
    let name = directory.get(ENTRY_BYTES..name_end).ok_or_else(cut)?;
    let entry_end = name_end + usize::from(extra) + usize::from(comment);
    let entry = ZipEntry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: match method {
            0 => Method::Stored,
            8 => Method::Deflated,
            other => Method::Other(other),
        },
        is_encrypted: flags & 1 != 0,
        crc: long(16)?,
        packed_bytes: long(20)?.into(),
        data_at: 0,
    };
    let rest = directory.get(entry_end..).ok_or_else(cut)?;
    Ok((entry, long(42)?.into(), rest))
}

/// Where the bytes of an entry begin. The lengths of its local header may differ from those of the directory.
fn data_at(file: &mut File, local_at: u64, directory_at: u64) -> Result<u64, ZipError> {
    let fits = local_at
        .checked_add(LOCAL_BYTES)
        .is_some_and(|end| end <= directory_at);
    if !fits {
        return Err(damaged("an entry lies behind the directory"));
    }
    let mut local = [0; 30];
    file.seek(SeekFrom::Start(local_at))?;
    file.read_exact(&mut local)?;
    if !local.starts_with(b"PK\x03\x04") {
        return Err(damaged("an entry does not begin where its directory says"));
    }
    let lengths = [26, 28].map(|at| u64::from(u16_at(&local, at).unwrap_or_default()));
    Ok(local_at + LOCAL_BYTES + lengths.iter().sum::<u64>())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u16::from_le_bytes(*number))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*number))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) struct Entry {
        name: Vec<u8>,
        method: u16,
        crc: u32,
        packed: Vec<u8>,
    }

    impl Entry {
        pub(in super::super) fn stored(name: &str, content: &[u8]) -> Self {
            Self::of(name, 0, content, content.to_vec())
        }

        pub(in super::super) fn deflated(name: &str, content: &[u8]) -> Self {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(content).unwrap();
            Self::of(name, 8, content, encoder.finish().unwrap())
        }

        fn of(name: &str, method: u16, content: &[u8], packed: Vec<u8>) -> Self {
            let mut crc = flate2::Crc::new();
            crc.update(content);
            Self {
                name: name.into(),
                method,
                crc: crc.sum(),
                packed,
            }
        }
    }

    fn short(number: usize) -> [u8; 2] {
        u16::try_from(number).unwrap().to_le_bytes()
    }

    fn long(number: usize) -> [u8; 4] {
        u32::try_from(number).unwrap().to_le_bytes()
    }

    fn directory_entry(entry: &Entry, local_at: usize) -> Vec<u8> {
        let mut bytes = b"PK\x01\x02\x14\0\x14\0\0\0".to_vec();
        bytes.extend(entry.method.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(entry.crc.to_le_bytes());
        bytes.extend(long(entry.packed.len()));
        bytes.extend([0; 4]);
        bytes.extend(short(entry.name.len()));
        bytes.extend([0; 12]);
        bytes.extend(long(local_at));
        bytes.extend(&entry.name);
        bytes
    }

    fn finish(mut zip: Vec<u8>, directory: &[u8], count: usize) -> Vec<u8> {
        let at = zip.len();
        zip.extend(directory);
        zip.extend(b"PK\x05\x06\0\0\0\0");
        zip.extend(short(count));
        zip.extend(short(count));
        zip.extend(long(directory.len()));
        zip.extend(long(at));
        zip.extend([0, 0]);
        zip
    }

    pub(in super::super) fn zip_of(entries: &[Entry]) -> Vec<u8> {
        let (mut zip, mut directory) = (Vec::new(), Vec::new());
        for entry in entries {
            directory.extend(directory_entry(entry, zip.len()));
            zip.extend(b"PK\x03\x04\x14\0\0\0");
            zip.extend(entry.method.to_le_bytes());
            zip.extend([0; 16]);
            zip.extend(short(entry.name.len()));
            zip.extend([0, 0]);
            zip.extend(&entry.name);
            zip.extend(&entry.packed);
        }
        finish(zip, &directory, entries.len())
    }

    fn read(bytes: &[u8]) -> Result<Vec<ZipEntry>, ZipError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        entries(&mut file, 10)
    }

    #[test]
    fn files_are_listed_and_folders_are_not() {
        let zip = zip_of(&[
            Entry::stored("folder/", b""),
            Entry::stored("folder/a.csv", b"12345"),
            Entry::deflated("b.csv", &[b'x'; 1000]),
            Entry::stored("__MACOSX/b.csv", b"x"),
        ]);
        let entries = read(&zip).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["folder/a.csv", "b.csv"]);
        assert_eq!(entries[0].packed_bytes, 5);
        assert_eq!(
            (entries[0].method, entries[1].method),
            (Method::Stored, Method::Deflated)
        );
    }

    #[test]
    fn entries_that_share_bytes_are_refused() {
        let entry = Entry::stored("a", b"12345");
        let mut zip = zip_of(&[Entry::stored("a", b"12345")]);
        zip.truncate(30 + 1 + 5);
        let directory = [directory_entry(&entry, 0), directory_entry(&entry, 0)].concat();
        let error = read(&finish(zip, &directory, 2)).unwrap_err().to_string();
        assert!(error.contains("overlap"), "{error}");
    }

    #[test]
    fn too_many_entries_are_refused_before_they_are_read() {
        let entries = |count: u8| -> Vec<_> {
            let numbers = 0..count;
            numbers
                .map(|number| Entry::stored(&number.to_string(), b""))
                .collect()
        };
        assert_eq!(read(&zip_of(&entries(10))).unwrap().len(), 10);
        let error = read(&zip_of(&entries(11))).unwrap_err().to_string();
        assert!(error.contains("11 entries"), "{error}");
    }

    proptest! {
        #[test]
        fn no_change_of_an_archive_panics(at in 0usize..120, byte: u8, cut in 0usize..120) {
            let mut zip = zip_of(&[Entry::stored("a", b"12345"), Entry::deflated("b", b"12345")]);
            if let Some(place) = zip.get_mut(at) {
                *place = byte;
            }
            zip.truncate(zip.len().saturating_sub(cut));
            let _entries: Result<_, _> = read(&zip);
        }
    }
}
