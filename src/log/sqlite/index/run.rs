//! A run: a file with the postings of a range of rows, sorted by address. It is written once and never changed.
//!
//! ```text
//! magic and version │ UUID of the server │ block │ block │ … │ table │ foot
//! block: some 4 KiB of entries; an entry has an address and some of its postings
//! table: for each block its first address, its place in the file, and its XXH3-64, seeded with the place
//! foot:  the range of rows, the anchor, the base of the differences, the number of blocks, and the XXH3-64 of the head,
//!        the table and the foot
//! ```
//!
//! All numbers outside of blocks are little endian. A read needs the table, which stays in memory, and one block.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use twox_hash::XxHash3_64;
use uuid::Uuid;

use super::codec::{Address, Base, Entries, put_entry};
use super::rows::{Anchor, RowRange};
use crate::data_dir::{private, sync_folder};
use crate::log::ObservationKey;

const MAGIC: [u8; 16] = *b"scanpost hist 1\n";
const SUFFIX: &str = "run";
/// The suffix of a run that is not complete.
const UNFINISHED: &str = "unfinished";
const HEAD_BYTES: u64 = 32;
const PLACE_BYTES: usize = 24;
const FOOT_BYTES: usize = 64;
/// A block is closed once it has this many bytes.
const BLOCK_BYTES: usize = 4096;
/// How many postings an entry has at most. An address with more has several entries.
const ENTRY_POSTINGS: usize = 256;
/// No block is longer: an address and a length, and two numbers of at most 10 bytes for each posting.
const BLOCK_BYTES_MAX: u64 = 16_384;
const BUFFER_BYTES: usize = 1 << 18;

/// Why a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error("it belongs to another log, or to rows that are not in the log")]
    Foreign,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A run that is complete.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) range: RowRange,
    pub(super) anchor: Anchor,
    pub(super) base: Base,
    path: PathBuf,
    blocks: Vec<BlockPlace>,
    /// Where the blocks end in the file.
    blocks_end: u64,
    /// Reading moves the file's cursor.
    file: Mutex<File>,
}

#[derive(Clone, Copy, Debug)]
struct BlockPlace {
    first: Address,
    offset: u64,
    checksum: u64,
}

impl Run {
    /// Opens a run of the server `node`, and checks everything but its blocks, which are checked when they are read.
    pub(super) fn open(path: &Path, node: Uuid) -> Result<Self, RunError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let foot_bytes = u64::try_from(FOOT_BYTES).unwrap_or(u64::MAX);
        let Some(foot_at) = length
            .checked_sub(foot_bytes)
            .filter(|at| HEAD_BYTES <= *at)
        else {
            return Err(RunError::Damaged("it is too short"));
        };
        let mut head = [0; 32];
        file.read_exact(&mut head)?;
        if !head.starts_with(&MAGIC) {
            return Err(RunError::Damaged("it does not begin as a run does"));
        }
        if !head.ends_with(node.as_bytes()) {
            return Err(RunError::Foreign);
        }
        let mut foot = [0; FOOT_BYTES];
        file.seek(SeekFrom::Start(foot_at))?;
        file.read_exact(&mut foot)?;
        let foot = Foot::read(&foot).ok_or(RunError::Damaged("its foot cannot be read"))?;
        let place_bytes = u64::try_from(PLACE_BYTES).unwrap_or(u64::MAX);
        let table_bytes = u64::from(foot.blocks).saturating_mul(place_bytes);
        let Some(blocks_end) = foot_at
            .checked_sub(table_bytes)
            .filter(|at| HEAD_BYTES <= *at)
        else {
            return Err(RunError::Damaged("its table is cut off"));
        };
        let mut table = vec![0; usize::try_from(table_bytes).unwrap_or(usize::MAX)];
        file.seek(SeekFrom::Start(blocks_end))?;
        file.read_exact(&mut table)?;
        if foot.checksum != foot.checksum_with(&head, &table) {
            return Err(RunError::Damaged("its checksum is wrong"));
        }
        Ok(Self {
            range: foot.range,
            anchor: foot.anchor,
            base: Base {
                row: foot.range.first,
                time: foot.base_time,
            },
            path: path.to_owned(),
            blocks: table
                .chunks_exact(PLACE_BYTES)
                .filter_map(BlockPlace::read)
                .collect(),
            blocks_end,
            file: Mutex::new(file),
        })
    }

    /// The name of the file, for messages.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn delete(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The blocks that may have postings of an address.
    pub(super) fn blocks_of(&self, address: Address) -> Range<usize> {
        let end = self.blocks.partition_point(|block| block.first <= address);
        // An address with many postings begins at the end of one block and goes on in the next ones.
        let start = self.blocks.partition_point(|block| block.first < address);
        start.saturating_sub(1)..end
    }

    pub(super) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Calls `visit` with each posting of an address in a block. `buffer` is used to read it.
    pub(super) fn visit(
        &self,
        number: usize,
        address: Address,
        buffer: &mut Vec<u8>,
        mut visit: impl FnMut(ObservationKey),
    ) -> Result<(), RunError> {
        let first = self.read_block(number, buffer)?;
        let mut entries = Entries::new(buffer, first);
        while 0 < entries.bytes_left() {
            let entry = entries.next_entry().ok_or(DAMAGED_BLOCK)?;
            if address < entry.address {
                break;
            }
            if entry.address == address {
                entry.each(self.base, &mut visit).ok_or(DAMAGED_BLOCK)?;
            }
        }
        Ok(())
    }

    /// Reads a block, checks it, and returns its first address.
    pub(super) fn read_block(
        &self,
        number: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Address, RunError> {
        let place = self.blocks.get(number).ok_or(DAMAGED_BLOCK)?;
        let next = self.blocks.get(number + 1);
        let end = next.map_or(self.blocks_end, |next| next.offset);
        let length = end
            .checked_sub(place.offset)
            .filter(|length| *length <= BLOCK_BYTES_MAX)
            .ok_or(DAMAGED_BLOCK)?;
        buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(buffer)?;
        }
        if XxHash3_64::oneshot_with_seed(place.offset, buffer) != place.checksum {
            return Err(DAMAGED_BLOCK);
        }
        Ok(place.first)
    }
}

pub(super) const DAMAGED_BLOCK: RunError = RunError::Damaged("a block is not as it was written");

/// The paths of the runs in a folder. Removes those that a crash left unfinished.
pub(super) fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some(SUFFIX) => paths.push(path),
            Some(UNFINISHED) => fs::remove_file(&path)?,
            _ => {}
        }
    }
    Ok(paths)
}

/// Writes a run. Entries have to be added in the order of their addresses.
#[derive(Debug)]
pub(super) struct RunWriter {
    file: BufWriter<File>,
    unfinished: Unfinished,
    path: PathBuf,
    head: [u8; 32],
    range: RowRange,
    base: Base,
    offset: u64,
    block: Vec<u8>,
    /// The first address of the block, and the last one that was added to it.
    addresses: Option<(Address, Address)>,
    blocks: Vec<BlockPlace>,
    scratch: Vec<u8>,
}

/// Whether a run is lost with the page cache when the power fails. Its rows are read from the log again then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Cheap to build again. Each sync would delay those of the log.
    PageCache,
    Synced,
}

impl RunWriter {
    pub(super) fn create(
        folder: &Path,
        node: Uuid,
        range: RowRange,
        base_time: u32,
    ) -> io::Result<Self> {
        let name = format!("{:016x}-{:016x}", range.first, range.last);
        let unfinished = Unfinished(folder.join(format!("{name}.{UNFINISHED}")));
        unfinished.remove()?;
        let file = private().create_new(true).open(&unfinished.0)?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut head = [0; 32];
        let bytes = MAGIC.iter().chain(node.as_bytes());
        head.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        file.write_all(&head)?;
        Ok(Self {
            file,
            unfinished,
            path: folder.join(format!("{name}.{SUFFIX}")),
            head,
            range,
            base: Base {
                row: range.first,
                time: base_time,
            },
            offset: HEAD_BYTES,
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            addresses: None,
            blocks: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Adds postings of an address, in the order of their rows.
    pub(super) fn add(&mut self, address: Address, postings: &[ObservationKey]) -> io::Result<()> {
        for postings in postings.chunks(ENTRY_POSTINGS) {
            let (first, before) = self.addresses.unwrap_or((address, address));
            self.addresses = Some((first, address));
            let entry = (address, postings);
            put_entry(&mut self.block, self.base, before, entry, &mut self.scratch);
            if BLOCK_BYTES <= self.block.len() {
                self.close_block()?;
            }
        }
        Ok(())
    }

    fn close_block(&mut self) -> io::Result<()> {
        if let Some((first, _)) = self.addresses.take() {
            self.blocks.push(BlockPlace {
                first,
                offset: self.offset,
                checksum: XxHash3_64::oneshot_with_seed(self.offset, &self.block),
            });
            self.file.write_all(&self.block)?;
            self.offset += u64::try_from(self.block.len()).unwrap_or(u64::MAX);
            self.block.clear();
        }
        Ok(())
    }

    /// Writes the rest, and gives the file its name. A file with this name is complete, unless the power failed.
    pub(super) fn finish(mut self, anchor: Anchor, durability: Durability) -> io::Result<Run> {
        self.close_block()?;
        let blocks_end = self.offset;
        let table: Vec<u8> = self
            .blocks
            .iter()
            .flat_map(|block| block.to_bytes())
            .collect();
        let mut foot = Foot {
            range: self.range,
            anchor,
            base_time: self.base.time,
            blocks: u32::try_from(self.blocks.len()).map_err(io::Error::other)?,
            checksum: 0,
        };
        foot.checksum = foot.checksum_with(&self.head, &table);
        self.file.write_all(&table)?;
        self.file.write_all(&foot.to_bytes())?;
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        if durability == Durability::Synced {
            file.sync_data()?;
        }
        drop(file);
        fs::rename(&self.unfinished.0, &self.path)?;
        if let (Durability::Synced, Some(folder)) = (durability, self.path.parent()) {
            sync_folder(folder)?;
        }
        Ok(Run {
            range: self.range,
            anchor,
            base: self.base,
            file: Mutex::new(File::open(&self.path)?),
            path: self.path,
            blocks: self.blocks,
            blocks_end,
        })
    }
}

/// Removes an unfinished file when its writer gives up. After it has its name, there is nothing to remove.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl Unfinished {
    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // If it stays, the next start removes it.
        self.remove().ok();
    }
}

impl BlockPlace {
    fn to_bytes(self) -> [u8; PLACE_BYTES] {
        let mut bytes = [0; PLACE_BYTES];
        let numbers = [self.first, self.offset, self.checksum];
        let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
        bytes
            .iter_mut()
            .zip(numbers)
            .for_each(|(to, from)| *to = from);
        bytes
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            first: u64::from_le_bytes(take(&mut bytes)?),
            offset: u64::from_le_bytes(take(&mut bytes)?),
            checksum: u64::from_le_bytes(take(&mut bytes)?),
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Foot {
    range: RowRange,
    anchor: Anchor,
    base_time: u32,
    blocks: u32,
    checksum: u64,
}

impl Foot {
    /// The foot without its checksum.
    fn content(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FOOT_BYTES);
        let numbers = [
            self.range.first,
            self.range.last,
            self.anchor.row,
            self.anchor.position,
        ];
        bytes.extend(numbers.into_iter().flat_map(i64::to_le_bytes));
        bytes.extend_from_slice(&self.anchor.record);
        bytes.extend_from_slice(&self.base_time.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.to_le_bytes());
        bytes
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.content();
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    fn checksum_with(&self, head: &[u8], table: &[u8]) -> u64 {
        let of_table = XxHash3_64::oneshot(table);
        let all = [head, &of_table.to_le_bytes(), &self.content()].concat();
        XxHash3_64::oneshot(&all)
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut number = || Some(i64::from_le_bytes(take(&mut bytes)?));
        let range = RowRange {
            first: number()?,
            last: number()?,
        };
        let (row, position) = (number()?, number()?);
        Some(Self {
            range,
            anchor: Anchor {
                row,
                position,
                record: take(&mut bytes)?,
            },
            base_time: u32::from_le_bytes(take(&mut bytes)?),
            blocks: u32::from_le_bytes(take(&mut bytes)?),
            checksum: u64::from_le_bytes(take(&mut bytes)?),
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
