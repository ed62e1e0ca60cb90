//! `PMTiles`, version 3: one file with a directory of its tiles.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use serde::Deserialize;

use super::archive::{
    Facts, Format, MapError, Place, Rectangle, TILE_BYTES_MAX, Tile, ZOOM_MAX, attribution,
};
use super::inflate::Compression;
use crate::data_dir;

const HEADER_BYTES: usize = 127;
const VERSION: u8 = 3;
/// Largest directory, and largest metadata, as stored.
const PART_BYTES_MAX: u64 = 4 << 20;
/// The same, decompressed.
const INFLATED_BYTES_MAX: usize = 8 << 20;
/// Most entries of one directory. Usual ones have a few thousand.
const ENTRIES_MAX: usize = 1 << 18;
/// Directories below the root that are kept. The writers of archives make one level of them, and three are allowed.
const LEAVES_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
const DEPTH_MAX: usize = 3;

#[derive(Debug)]
pub(crate) struct PmTiles {
    file: Mutex<File>,
    directories: Compression,
    tiles: Compression,
    root: Arc<Vec<Entry>>,
    /// By their offsets.
    leaves: Mutex<LruCache<u64, Arc<Vec<Entry>>>>,
    leaves_at: Span,
    tiles_at: Span,
    facts: Facts,
}

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    length: u64,
}

/// Where the tiles from one number on are, or a further directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    tile_id: u64,
    offset: u64,
    length: u32,
    /// Number of tiles with the same content. 0 means a directory.
    run: u32,
}

/// What is read of the metadata.
#[derive(Default, Deserialize)]
struct Metadata {
    attribution: Option<String>,
}

impl PmTiles {
    pub(super) fn open(path: &Path) -> Result<Self, MapError> {
        let mut file = data_dir::open_for_reading(path).map_err(MapError::read)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)
            .map_err(|_| MapError::damaged("shorter than the header of a PMTiles archive"))?;
        let header = Header(&header);
        header.check()?;
        let directories = header.compression(97, "directories")?;
        let file_bytes = file.metadata().map_err(MapError::read)?.len();
        let whole = Span {
            start: 0,
            length: file_bytes,
        };
        let [root_at, metadata_at, leaves_at, tiles_at] = [8, 24, 40, 56].map(|at| header.span(at));
        for part in [root_at, metadata_at, leaves_at, tiles_at] {
            if whole.part(part.start, part.length).is_none() {
                return Err(MapError::damaged("a part of it lies behind its end"));
            }
        }
        let root = read_part(&mut file, root_at).and_then(|root| directory(&root, directories))?;
        let metadata = metadata(&mut file, metadata_at, directories);
        Ok(Self {
            file: Mutex::new(file),
            directories,
            tiles: header.compression(98, "tiles")?,
            root: Arc::new(root),
            leaves: Mutex::new(LruCache::new(LEAVES_KEPT)),
            leaves_at,
            tiles_at,
            facts: header.facts(&metadata)?,
        })
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn tile(&self, place: Place) -> Result<Option<Tile>, MapError> {
        let wanted = tile_id(place);
        let mut directory = Arc::clone(&self.root);
        for _ in 0..=DEPTH_MAX {
            let behind = directory.partition_point(|entry| entry.tile_id <= wanted);
            let before = behind.checked_sub(1).and_then(|at| directory.get(at));
            let Some(entry) = before.copied() else {
                return Ok(None);
            };
            if entry.run == 0 {
                directory = self.leaf(entry)?;
                continue;
            }
            if u64::from(entry.run) <= wanted - entry.tile_id {
                return Ok(None);
            }
            return self.stored(entry).map(Some);
        }
        Err(MapError::damaged("its directories are too deep"))
    }

    fn leaf(&self, entry: Entry) -> Result<Arc<Vec<Entry>>, MapError> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(&entry.offset) {
            return Ok(Arc::clone(leaf));
        }
        let part = self.leaves_at.part(entry.offset, entry.length.into());
        let part = part.ok_or_else(|| MapError::damaged("a directory lies behind the others"))?;
        let leaf = read_part(&mut self.lock_file(), part)?;
        let leaf = Arc::new(directory(&leaf, self.directories)?);
        leaves.put(entry.offset, Arc::clone(&leaf));
        Ok(leaf)
    }

    fn stored(&self, entry: Entry) -> Result<Tile, MapError> {
        let part = self.tiles_at.part(entry.offset, entry.length.into());
        let part = part.ok_or_else(|| MapError::damaged("a tile lies behind the others"))?;
        if TILE_BYTES_MAX < usize::try_from(part.length).unwrap_or(usize::MAX) {
            return Err(MapError::new(format!(
                "a tile of {} bytes is larger than the {TILE_BYTES_MAX} that are allowed",
                part.length
            )));
        }
        let bytes = read_part(&mut self.lock_file(), part)?;
        Ok(Tile::new(bytes, self.tiles))
    }

    fn lock_file(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Span {
    /// A part of this one, unless it goes beyond its end.
    fn part(self, offset: u64, length: u64) -> Option<Self> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then_some(Self {
            start: self.start.checked_add(offset)?,
            length,
        })
    }
}

/// The first bytes of the file. Numbers are little-endian.
struct Header<'h>(&'h [u8; HEADER_BYTES]);

impl Header<'_> {
    fn check(&self) -> Result<(), MapError> {
        if !self.0.starts_with(b"PMTiles") {
            return Err(MapError::new("not a PMTiles archive"));
        }
        match self.byte(7) {
            VERSION => Ok(()),
            other => Err(MapError::new(format!(
                "PMTiles version {other} is not supported: convert it with `pmtiles convert`"
            ))),
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }

    fn span(&self, at: usize) -> Span {
        Span {
            start: u64::from_le_bytes(self.bytes(at)),
            length: u64::from_le_bytes(self.bytes(at + 8)),
        }
    }

    fn degrees(&self, at: usize) -> f64 {
        f64::from(i32::from_le_bytes(self.bytes(at))) / 1e7
    }

    fn compression(&self, at: usize, what: &str) -> Result<Compression, MapError> {
        match self.byte(at) {
            // What is unknown is mostly not compressed, and gzip of tiles is recognised.
            0 | 1 => Ok(Compression::None),
            2 => Ok(Compression::Gzip),
            4 => Ok(Compression::Zstd),
            other => {
                let name = if other == 3 { "Brotli" } else { "unknown" };
                Err(MapError::new(format!(
                    "{name} compression of its {what} is not supported: make it with gzip"
                )))
            }
        }
    }

    fn facts(&self, metadata: &Metadata) -> Result<Facts, MapError> {
        let format = match self.byte(99) {
            1 => Format::Mvt,
            2 => Format::Png,
            3 => Format::Jpeg,
            4 => Format::Webp,
            5 => Format::Avif,
            _ => {
                return Err(MapError::new(
                    "tiles of an unknown type: expected mvt, png, jpg, webp or avif",
                ));
            }
        };
        let (zoom_min, zoom_max) = (self.byte(100), self.byte(101));
        if zoom_max < zoom_min || ZOOM_MAX < zoom_max {
            return Err(MapError::damaged("its zooms cannot be"));
        }
        let [west, south, east, north] = [102, 106, 110, 114].map(|at| self.degrees(at));
        Ok(Facts {
            format,
            zoom_min,
            zoom_max,
            bounds: Rectangle::of(west, south, east, north),
            attribution: metadata.attribution.as_deref().and_then(attribution),
        })
    }
}

fn read_part(file: &mut File, part: Span) -> Result<Vec<u8>, MapError> {
    if PART_BYTES_MAX < part.length {
        return Err(MapError::new(format!(
            "a part of {} bytes is larger than the {PART_BYTES_MAX} that are allowed",
            part.length
        )));
    }
    let length = usize::try_from(part.length).unwrap_or_default();
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(part.start))
        .map_err(MapError::read)?;
    file.read_exact(&mut bytes)
        .map_err(|_| MapError::damaged("a part of it lies behind its end"))?;
    Ok(bytes)
}

/// A map without readable metadata can be shown all the same.
fn metadata(file: &mut File, part: Span, compression: Compression) -> Metadata {
    let mut read = || {
        let stored = read_part(file, part).ok()?;
        let json = compression.inflate(&stored, INFLATED_BYTES_MAX).ok()?;
        serde_json::from_slice(&json).ok()
    };
    read().unwrap_or_default()
}

/// Reads a directory: the number of entries, then each of their values for all entries.
fn directory(stored: &[u8], compression: Compression) -> Result<Vec<Entry>, MapError> {
    let bytes = compression.inflate(stored, INFLATED_BYTES_MAX)?;
    read_entries(&bytes).ok_or_else(|| MapError::damaged("a directory cannot be read"))
}

fn read_entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut numbers = Numbers(bytes);
    let count = usize::try_from(numbers.next()?).ok()?;
    // Each entry has four numbers of at least one byte.
    if ENTRIES_MAX < count || bytes.len() / 4 < count {
        return None;
    }
    let mut entries = Vec::with_capacity(count);
    let mut tile_id: u64 = 0;
    for _ in 0..count {
        tile_id = tile_id.checked_add(numbers.next()?)?;
        entries.push(Entry {
            tile_id,
            offset: 0,
            length: 0,
            run: 0,
        });
    }
    for entry in &mut entries {
        entry.run = numbers.next()?.try_into().ok()?;
    }
    for entry in &mut entries {
        entry.length = numbers.next()?.try_into().ok()?;
    }
    let mut end: Option<u64> = None;
    for entry in &mut entries {
        // 0 means: directly behind the one before.
        entry.offset = match numbers.next()? {
            0 => end?,
            offset => offset - 1,
        };
        end = Some(entry.offset.checked_add(entry.length.into())?);
    }
    Some(entries)
}

/// Numbers in LEB128.
struct Numbers<'n>(&'n [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && 1 < bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// The number of a tile: all tiles of lower zooms come first, and those of one zoom follow a Hilbert curve.
fn tile_id(place: Place) -> u64 {
    let zoom = u32::from(place.zoom());
    let (mut x, mut y) = (u64::from(place.x()), u64::from(place.y()));
    let mut id = ((1 << (2 * zoom)) - 1) / 3;
    for bit in (0..zoom).rev() {
        let side: u64 = 1 << bit;
        let (right, below) = (x & side, y & side);
        id += ((3 * right) ^ below) << bit;
        if below == 0 {
            if right != 0 {
                // Only the lower bits are looked at later.
                (x, y) = ((side - 1).wrapping_sub(x), (side - 1).wrapping_sub(y));
            }
            (x, y) = (y, x);
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_id(zoom: u8, x: u32, y: u32, expected: u64) {
        assert_eq!(tile_id(Place::new(zoom, x, y).unwrap()), expected);
    }

    #[test]
    fn tiles_have_the_numbers_of_the_specification() {
        check_id(0, 0, 0, 0);
        check_id(1, 0, 0, 1);
        check_id(1, 0, 1, 2);
        check_id(1, 1, 1, 3);
        check_id(1, 1, 0, 4);
        check_id(2, 0, 0, 5);
        check_id(12, 3423, 1763, 19_078_479);
    }

    #[test]
    fn each_tile_of_a_zoom_has_a_number_of_its_own() {
        let mut ids: Vec<u64> = (0..32)
            .flat_map(|x| (0..32).map(move |y| tile_id(Place::new(5, x, y).unwrap())))
            .collect();
        ids.sort_unstable();
        let first = (4u64.pow(5) - 1) / 3;
        assert!(ids.into_iter().eq(first..first + 1024));
    }

    #[test]
    fn numbers_of_any_bytes_are_read_or_refused() {
        assert_eq!(Numbers(&[0x80, 0x01]).next(), Some(128));
        assert_eq!(Numbers(&[0x80]).next(), None);
        assert_eq!(Numbers(&[0xff; 11]).next(), None);
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Numbers(&most).next(), Some(u64::MAX));
    }

    #[test]
    fn a_directory_that_states_more_than_it_has_is_refused() {
        // A billion entries, in a few bytes.
        assert_eq!(read_entries(&[0x80, 0x94, 0xeb, 0xdc, 0x03, 0]), None);
        assert_eq!(read_entries(&[1, 0, 1, 5]), None);
        // The first entry has nothing before it.
        assert_eq!(read_entries(&[1, 0, 1, 5, 0]), None);
        let one = Entry {
            tile_id: 0,
            offset: 0,
            length: 5,
            run: 1,
        };
        assert_eq!(read_entries(&[1, 0, 1, 5, 1]), Some(vec![one]));
    }
}
