//! Zip archives. Nothing is packed here: whoever writes a member knows its octets.

use std::borrow::Cow;

use flate2::Crc;

use super::ExportError;

pub(super) const MEDIA_TYPE: &str = "application/zip";
pub(super) const EXTENSION: &str = "zip";

/// The version of the format that a reader needs for compressed files.
const VERSION_NEEDED: u16 = 20;
/// Sizes and checksum stand behind the data, because nobody knows them before.
const SIZES_BEHIND: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The first day that the format can hold, 1980-01-01. Files know their times themselves.
const DATE: u16 = 1 << 5 | 1;

/// What both headers of a file in the archive say.
pub(super) struct Member {
    name: Cow<'static, str>,
    flags: u16,
    method: u16,
    crc: u32,
    packed_bytes: u32,
    unpacked_bytes: u32,
}

impl Member {
    /// A deflated file whose sizes nobody knows yet.
    pub(super) fn begun(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            flags: SIZES_BEHIND,
            method: DEFLATED,
            crc: 0,
            packed_bytes: 0,
            unpacked_bytes: 0,
        }
    }

    /// The same when it is complete.
    pub(super) fn streamed(
        name: impl Into<Cow<'static, str>>,
        crc: &Crc,
        packed_bytes: u64,
        unpacked_bytes: u64,
    ) -> Result<Self, ExportError> {
        Ok(Self {
            crc: crc.sum(),
            packed_bytes: small(packed_bytes)?,
            unpacked_bytes: small(unpacked_bytes)?,
            ..Self::begun(name)
        })
    }

    /// A file that is not packed.
    pub(super) fn stored(
        name: impl Into<Cow<'static, str>>,
        content: &[u8],
    ) -> Result<Self, ExportError> {
        let mut crc = Crc::new();
        crc.update(content);
        let bytes = small(size(content))?;
        Ok(Self {
            flags: 0,
            method: STORED,
            crc: crc.sum(),
            packed_bytes: bytes,
            unpacked_bytes: bytes,
            ..Self::begun(name)
        })
    }

    /// A file that is packed already.
    pub(super) fn packed(
        name: impl Into<Cow<'static, str>>,
        crc: &Crc,
        packed_bytes: u64,
        unpacked_bytes: u64,
    ) -> Result<Self, ExportError> {
        Ok(Self {
            flags: 0,
            ..Self::streamed(name, crc, packed_bytes, unpacked_bytes)?
        })
    }

    /// The length of the local header.
    pub(super) fn local_bytes(&self) -> u64 {
        30 + size(self.name.as_bytes())
    }

    pub(super) fn local_header(&self, out: &mut Vec<u8>) {
        out.extend(0x0403_4b50_u32.to_le_bytes());
        self.common(out);
        out.extend_from_slice(self.name.as_bytes());
    }

    /// What stands behind the data of a file that was streamed.
    pub(super) fn descriptor(&self, out: &mut Vec<u8>) {
        out.extend(0x0807_4b50_u32.to_le_bytes());
        self.sizes(out);
    }

    /// The entry of the central directory.
    fn entry(&self, out: &mut Vec<u8>, at: u32) {
        out.extend(0x0201_4b50_u32.to_le_bytes());
        out.extend(VERSION_NEEDED.to_le_bytes());
        self.common(out);
        // Comment, disk and attributes.
        out.extend([0; 10]);
        out.extend(at.to_le_bytes());
        out.extend_from_slice(self.name.as_bytes());
    }

    /// The fields that both headers have.
    fn common(&self, out: &mut Vec<u8>) {
        for number in [VERSION_NEEDED, self.flags, self.method, 0, DATE] {
            out.extend(number.to_le_bytes());
        }
        self.sizes(out);
        let name_bytes = u16::try_from(self.name.len()).unwrap_or_default();
        out.extend(name_bytes.to_le_bytes());
        // No extra fields.
        out.extend(0_u16.to_le_bytes());
    }

    fn sizes(&self, out: &mut Vec<u8>) {
        for number in [self.crc, self.packed_bytes, self.unpacked_bytes] {
            out.extend(number.to_le_bytes());
        }
    }
}

/// The directory at the end of an archive.
#[derive(Debug, Default)]
pub(super) struct Directory {
    entries: Vec<u8>,
    count: u64,
    /// Where the next file begins.
    at: u64,
}

impl Directory {
    /// Adds a file. `bytes` is the length of all that stands in the archive for it.
    pub(super) fn add(&mut self, member: &Member, bytes: u64) -> Result<(), ExportError> {
        member.entry(&mut self.entries, small(self.at)?);
        self.count += 1;
        self.at += bytes;
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn end(&self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        let count = u16::try_from(self.count).map_err(|_| ExportError::TooLarge)?;
        out.extend_from_slice(&self.entries);
        out.extend(0x0605_4b50_u32.to_le_bytes());
        for number in [0, 0, count, count] {
            out.extend(number.to_le_bytes());
        }
        out.extend(small(size(&self.entries))?.to_le_bytes());
        out.extend(small(self.at)?.to_le_bytes());
        // No comment.
        out.extend(0_u16.to_le_bytes());
        Ok(())
    }
}

fn small(bytes: u64) -> Result<u32, ExportError> {
    u32::try_from(bytes).map_err(|_| ExportError::TooLarge)
}

pub(super) fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
