//! Sorted files of hashes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::ops::BitOr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{FILE_BUFFER_BYTES, HASH_BYTES, RowHash, bytes_of, each_hash, next_hash};
use crate::data_dir::private;
use crate::import::unpack::remove_if_there;

/// How many hashes a block of a run has. A block is read at once.
const BLOCK_HASHES: usize = 256;

/// Merges sorted hashes with sorted runs, into a new file.
pub(super) fn write_run(
    path: &Path,
    hashes: Vec<RowHash>,
    runs: &[(PathBuf, usize)],
) -> io::Result<Run> {
    remove_if_there(path)?;
    let count = runs.iter().map(|(_, count)| count).sum::<usize>() + hashes.len();
    let mut inputs = Vec::with_capacity(runs.len() + 1);
    inputs.push(Sorted::of(Hashes::Memory(hashes.into_iter()))?);
    for (path, _) in runs {
        let file = File::open(path)?;
        let from = Hashes::File(BufReader::with_capacity(FILE_BUFFER_BYTES, file));
        inputs.push(Sorted::of(from)?);
    }
    let file = private().read(true).create_new(true).open(path)?;
    let mut run = Run::of(path, file.try_clone()?, count);
    let mut out = BufWriter::with_capacity(FILE_BUFFER_BYTES, file);
    let first = |inputs: &mut Vec<Sorted>| {
        let live = inputs.iter_mut();
        let live = live.filter_map(|input| Some((input.first?, input)));
        let (hash, input) = live.min_by_key(|(hash, _)| *hash)?;
        Some(input.advance().map(|()| hash))
    };
    while let Some(hash) = first(&mut inputs) {
        let hash = hash?;
        run.note(hash);
        out.write_all(&hash.to_be_bytes())?;
    }
    out.into_inner()?.sync_all()?;
    Ok(run)
}

/// Hashes in their order.
struct Sorted {
    /// `None` at the end.
    first: Option<RowHash>,
    from: Hashes,
}

enum Hashes {
    Memory(std::vec::IntoIter<RowHash>),
    File(BufReader<File>),
}

impl Sorted {
    fn of(from: Hashes) -> io::Result<Self> {
        let mut sorted = Self { first: None, from };
        sorted.advance()?;
        Ok(sorted)
    }

    fn advance(&mut self) -> io::Result<()> {
        self.first = match &mut self.from {
            Hashes::Memory(hashes) => hashes.next(),
            Hashes::File(file) => next_hash(file)?,
        };
        Ok(())
    }
}

/// A sorted file of hashes.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) path: PathBuf,
    file: File,
    pub(super) count: usize,
    noted: usize,
    /// The first hash of each block, its upper half.
    firsts: Vec<u64>,
    /// A Bloom filter with 8 bits for a hash: most rows of a new file are in no run, and cost no read. The bits of a
    /// hash are in one word, so that a hash costs one access to memory.
    filter: Vec<u64>,
}

impl Run {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut run = Self::of(path, file.try_clone()?, bytes / HASH_BYTES);
        each_hash(BufReader::with_capacity(FILE_BUFFER_BYTES, file), |hash| {
            run.note(hash);
        })?;
        Ok(run)
    }

    /// A run of so many hashes. Each has to be noted, in their order.
    fn of(path: &Path, file: File, count: usize) -> Self {
        Self {
            path: path.to_owned(),
            file,
            count,
            noted: 0,
            firsts: Vec::with_capacity(count.div_ceil(BLOCK_HASHES)),
            filter: vec![0; count.div_ceil(8)],
        }
    }

    fn note(&mut self, hash: RowHash) {
        if self.noted.is_multiple_of(BLOCK_HASHES) {
            self.firsts.push(upper(hash));
        }
        self.noted += 1;
        let (place, bits) = self.bits(hash);
        if let Some(word) = self.filter.get_mut(place) {
            *word |= bits;
        }
    }

    /// The bits of a hash in the filter: their word, and three bits in it.
    fn bits(&self, hash: RowHash) -> (usize, u64) {
        // The lower half: the runs are sorted by the upper one.
        let lower = lower(hash);
        let words = u128::try_from(self.filter.len()).unwrap_or_default();
        let word = usize::try_from((u128::from(lower) * words) >> 64).unwrap_or_default();
        let bits = [0, 6, 12].map(|from| 1 << (lower >> from & 63));
        (word, bits.into_iter().fold(0, u64::bitor))
    }

    /// Whether the filter excludes that the run has a hash.
    fn excludes(&self, hash: RowHash) -> bool {
        let (place, bits) = self.bits(hash);
        self.filter
            .get(place)
            .is_none_or(|word| word & bits != bits)
    }

    /// Notes which of the hashes are in the run.
    pub(super) fn find(&self, hashes: &[RowHash], is_new: &mut [bool]) -> io::Result<()> {
        let mut block = [0; BLOCK_HASHES * HASH_BYTES];
        for (hash, is_new) in hashes.iter().zip(is_new) {
            if *is_new && !self.excludes(*hash) && self.has(*hash, &mut block)? {
                *is_new = false;
            }
        }
        Ok(())
    }

    fn has(&self, hash: RowHash, block: &mut [u8]) -> io::Result<bool> {
        let after = self.firsts.partition_point(|first| *first <= upper(hash));
        // Several blocks may begin with the same upper half: a hash may be in any of them.
        let mut place = after;
        while 0 < place {
            place -= 1;
            let hashes = (self.count - place * BLOCK_HASHES).min(BLOCK_HASHES);
            let Some(bytes) = block.get_mut(..hashes * HASH_BYTES) else {
                return Ok(false);
            };
            self.file
                .read_exact_at(bytes, bytes_of(place * BLOCK_HASHES))?;
            let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
            if hashes.binary_search(&hash.to_be_bytes()).is_ok() {
                return Ok(true);
            }
            if self
                .firsts
                .get(place)
                .is_none_or(|first| *first < upper(hash))
            {
                break;
            }
        }
        Ok(false)
    }
}

const fn upper(hash: RowHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

const fn lower(hash: RowHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
