//! One snapshot file: a head, then rounds of frames. Each frame has its own checksum.
//!
//! ```text
//! magic and version │ the server's UUID │ frame │ frame │ …
//! frame: length (u32, little endian) │ XXH3-64 of the payload (u64), seeded with the place in the file │ payload
//! ```
//!
//! A round is an [`ImageHead`], its devices, and an end. What follows the last end is ignored, so that a write that was
//! cut short does not affect earlier rounds.
//!
//! The version is the format of the payloads. Each format that was ever written has a module for its records, and
//! [`Frame::read`] reads all of them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use twox_hash::XxHash3_64;
use uuid::Uuid;

use super::records_v1;
use super::records_v2::{FrameRecord, TrackedDevices, encode};
use crate::data_dir::private;
use crate::log::LogPosition;
use crate::report::SourceId;
use crate::tracker::{ChangeNumber, Device, GivenName, GoneSources, ImageHead};

/// The format of the payloads in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    V1,
    V2,
}

impl Format {
    /// The format that this program writes.
    pub(super) const CURRENT: Self = Self::V2;
    pub(super) const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The first bytes of each file in this format.
    const fn magic(self) -> [u8; MAGIC_BYTES] {
        match self {
            Self::V1 => *b"scanpost snap 1\n",
            Self::V2 => *b"scanpost snap 2\n",
        }
    }
}

const MAGIC_BYTES: usize = 16;
const FRAME_HEAD_BYTES: usize = 12;
/// The size of the buffers for reading and writing.
const BUFFER_BYTES: usize = 1 << 20;

/// One piece of a round.
#[derive(Debug)]
pub(super) enum Frame {
    Head(Box<ImageHead>),
    /// The paused sources. The frame is missing if there are none.
    Paused(Vec<SourceId>),
    /// The sources that were removed. The frame is missing if none ever was.
    GoneSources(GoneSources),
    /// The names that somebody gave sources of the head. The frame is missing if there are none.
    SourceNames(Vec<GivenName>),
    Devices(Vec<(ChangeNumber, Device)>),
    End(End),
}

/// The end of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The last position that the rounds up to here contain.
    pub(super) position: LogPosition,
    /// How many devices the round has.
    pub(super) devices: u64,
    /// Whether the round contains all devices.
    pub(super) is_whole: bool,
}

/// The usable part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) format: Format,
    /// The last position that it contains.
    pub(super) position: LogPosition,
    /// Its length up to the last end, in bytes.
    pub(super) bytes: u64,
    /// Its length up to the end of the first round, in bytes.
    pub(super) whole_bytes: u64,
}

/// Why a file, or the rest of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is not a snapshot, or a newer version wrote it")]
    NoSnapshot,
    #[error("it belongs to the log of another server")]
    OtherServer,
    #[error("it is damaged at byte {at}")]
    Damaged { at: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes one round.
#[derive(Debug)]
pub(super) struct Writer {
    file: BufWriter<File>,
    at: u64,
    payload: Vec<u8>,
}

impl Writer {
    /// Creates a file.
    pub(super) fn create(path: &Path, server: Uuid) -> io::Result<Self> {
        let file = private().create(true).truncate(true).open(path)?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        file.write_all(&Format::CURRENT.magic())?;
        file.write_all(server.as_bytes())?;
        Ok(Self {
            file,
            at: head_bytes(),
            payload: Vec::new(),
        })
    }

    /// Continues after the last complete round of a file, and removes what a write that was cut short left there.
    pub(super) fn append(path: &Path, extent: Extent) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(extent.bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            at: extent.bytes,
            payload: Vec::new(),
        })
    }

    pub(super) fn write(&mut self, frame: Frame) -> io::Result<()> {
        self.payload.clear();
        let payload = std::mem::take(&mut self.payload);
        self.payload = encode(frame, payload).map_err(io::Error::other)?;
        let length = u32::try_from(self.payload.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        let checksum = checksum(self.at, &self.payload);
        self.file.write_all(&checksum.to_le_bytes())?;
        self.file.write_all(&self.payload)?;
        self.at += bytes(FRAME_HEAD_BYTES) + u64::from(length);
        Ok(())
    }

    /// Syncs the round, and returns the new length of the file in bytes.
    pub(super) fn finish(self) -> io::Result<u64> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_data()?;
        Ok(self.at)
    }
}

/// Reads frames, up to the end or the first damage.
#[derive(Debug)]
pub(super) struct Reader {
    format: Format,
    file: BufReader<File>,
    at: u64,
    length: u64,
    payload: Vec<u8>,
}

impl Reader {
    pub(super) fn open(path: &Path, server: Uuid) -> Result<Self, Unreadable> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut head = [0; MAGIC_BYTES + 16];
        if length < head_bytes() {
            return Err(Unreadable::NoSnapshot);
        }
        file.read_exact(&mut head)?;
        let (magic, uuid) = head.split_at(MAGIC_BYTES);
        let mut formats = Format::ALL.into_iter();
        let Some(format) = formats.find(|format| magic == format.magic()) else {
            return Err(Unreadable::NoSnapshot);
        };
        if uuid != server.as_bytes() {
            return Err(Unreadable::OtherServer);
        }
        Ok(Self {
            format,
            file,
            at: head_bytes(),
            length,
            payload: Vec::new(),
        })
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Ends at this byte instead of the end of the file.
    pub(super) fn up_to(mut self, bytes: u64) -> Self {
        self.length = self.length.min(bytes);
        self
    }

    /// The next payload, whose checksum is correct. `None` at the end.
    pub(super) fn next_payload(&mut self) -> Result<Option<&[u8]>, Unreadable> {
        let at = self.at;
        let left = self.length - at;
        if left == 0 {
            return Ok(None);
        }
        let damaged = Unreadable::Damaged { at };
        let Some(left) = left.checked_sub(bytes(FRAME_HEAD_BYTES)) else {
            return Err(damaged);
        };
        let (mut length, mut expected) = ([0; 4], [0; 8]);
        self.file.read_exact(&mut length)?;
        self.file.read_exact(&mut expected)?;
        let length = u32::from_le_bytes(length);
        if left < u64::from(length) {
            return Err(damaged);
        }
        self.payload
            .resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.file.read_exact(&mut self.payload)?;
        if checksum(at, &self.payload) != u64::from_le_bytes(expected) {
            return Err(damaged);
        }
        self.at += bytes(FRAME_HEAD_BYTES) + u64::from(length);
        Ok(Some(&self.payload))
    }

    /// The offset of the next frame.
    pub(super) fn at(&self) -> u64 {
        self.at
    }
}

impl Frame {
    /// Decodes a payload whose checksum is correct.
    pub(super) fn read(format: Format, payload: &[u8], at: u64) -> Result<Self, Unreadable> {
        let frame = match format {
            Format::V1 => records_v1::read(payload).and_then(FrameRecord::tracked),
            Format::V2 => postcard::from_bytes::<FrameRecord<TrackedDevices>>(payload)
                .ok()
                .and_then(FrameRecord::tracked),
        };
        frame.ok_or(Unreadable::Damaged { at })
    }

    /// Decodes a payload only if it is an end, which is the same in all formats.
    fn end_of(payload: &[u8]) -> Option<End> {
        // An end is shorter than this, and a frame of devices is longer.
        const BYTES_MAX: usize = 32;
        if BYTES_MAX < payload.len() {
            return None;
        }
        match postcard::from_bytes::<FrameRecord>(payload) {
            Ok(FrameRecord::End(end)) => Some(end.tracked()),
            _ => None,
        }
    }
}

/// The usable part of a file, and what is wrong with the rest. `None` if there is no complete round.
pub(super) fn measure(
    path: &Path,
    server: Uuid,
) -> Result<(Option<Extent>, Option<Unreadable>), Unreadable> {
    let mut reader = Reader::open(path, server)?;
    let mut extent: Option<Extent> = None;
    loop {
        let end = match reader.next_payload() {
            Ok(Some(payload)) => Frame::end_of(payload),
            Ok(None) => return Ok((extent, None)),
            Err(error @ Unreadable::Damaged { .. }) => return Ok((extent, Some(error))),
            Err(error) => return Err(error),
        };
        let Some(end) = end else { continue };
        let bytes = reader.at();
        match &mut extent {
            None if end.is_whole => {
                extent = Some(Extent {
                    format: reader.format(),
                    position: end.position,
                    bytes,
                    whole_bytes: bytes,
                });
            }
            None => return Ok((None, Some(Unreadable::NoSnapshot))),
            Some(extent) => (extent.position, extent.bytes) = (end.position, bytes),
        }
    }
}

fn checksum(at: u64, payload: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(at, payload)
}

fn head_bytes() -> u64 {
    bytes(MAGIC_BYTES + 16)
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
