//! A file in parts, each of which is complete: sites take no larger ones, and spreadsheets no more rows.
//!
//! The parts are the files of a zip archive, so that one request gets all of them.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::zip::{Directory, Member, size};
use super::{Around, Choices, ExportError, Form, FormWriter, Row};

/// After so many bytes, a part goes on to be packed.
const PACKED_AT_ONCE_BYTES: usize = 64 * 1024;

/// How large a part becomes at most. A part has one row at least, however long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartBounds {
    pub(crate) rows_max: u64,
    /// Before it is packed.
    pub(crate) bytes_max: u64,
}

pub(super) struct Parts {
    form: &'static Form,
    choices: Choices,
    around: Around,
    bounds: PartBounds,
    /// What is before all rows of a part, and behind them.
    frame_bytes: u64,
    number: u64,
    part: Option<Part>,
    directory: Directory,
    /// What [`FormWriter::finish`] returns.
    failure: Option<ExportError>,
}

/// A part that is being written.
struct Part {
    writer: Box<dyn FormWriter>,
    name: String,
    rows: u64,
    /// The bytes of its rows so far, with those that are not packed yet.
    bytes: u64,
    unpacked: Vec<u8>,
    encoder: DeflateEncoder<Vec<u8>>,
    crc: Crc,
    packed_bytes: u64,
    unpacked_bytes: u64,
}

impl Parts {
    pub(super) fn new(
        form: &'static Form,
        choices: &Choices,
        bounds: PartBounds,
        mut around: Around,
    ) -> Self {
        let choices = Choices {
            parts: None,
            ..choices.clone()
        };
        let mut frame = Vec::new();
        let mut writer = (form.writer)(&choices, &mut around);
        writer.head(&mut frame);
        writer.tail(&mut frame);
        Self {
            form,
            choices,
            around,
            bounds,
            frame_bytes: size(&frame),
            number: 0,
            part: None,
            directory: Directory::default(),
            failure: None,
        }
    }

    fn write(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<bool, ExportError> {
        let mut part = match self.part.take() {
            Some(part) => part,
            None => self.begin(out),
        };
        let before = part.unpacked.len();
        if !part.writer.row(row, &mut part.unpacked) {
            part.unpacked.truncate(before);
            self.part = Some(part);
            return Ok(false);
        }
        let added = size(part.unpacked.get(before..).unwrap_or_default());
        let is_full = self.bounds.rows_max <= part.rows
            || self.bounds.bytes_max < self.frame_bytes + part.bytes + added;
        if is_full && 0 < part.rows {
            // The row belongs to the next part, whose first row may be written in another way.
            part.unpacked.truncate(before);
            self.end(part, out)?;
            part = self.begin(out);
            let before = part.unpacked.len();
            part.writer.row(row, &mut part.unpacked);
            part.bytes += size(part.unpacked.get(before..).unwrap_or_default());
        } else {
            part.bytes += added;
        }
        part.rows += 1;
        if PACKED_AT_ONCE_BYTES <= part.unpacked.len() {
            part.pack(out)?;
        }
        self.part = Some(part);
        Ok(true)
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Part {
        self.number += 1;
        let (stem, extension) = (self.choices.stem(), self.form.extension);
        let name = format!("{stem}-{}.{extension}", self.number);
        Member::begun(name.clone()).local_header(out);
        let mut part = Part {
            writer: (self.form.writer)(&self.choices, &mut self.around),
            name,
            rows: 0,
            bytes: 0,
            unpacked: Vec::new(),
            encoder: DeflateEncoder::new(Vec::new(), Compression::fast()),
            crc: Crc::new(),
            packed_bytes: 0,
            unpacked_bytes: 0,
        };
        part.writer.head(&mut part.unpacked);
        part
    }

    fn end(&mut self, mut part: Part, out: &mut Vec<u8>) -> Result<(), ExportError> {
        part.writer.tail(&mut part.unpacked);
        part.pack(out)?;
        part.encoder.try_finish()?;
        part.take_packed(out);
        let Part {
            name,
            crc,
            packed_bytes,
            unpacked_bytes,
            ..
        } = part;
        let member = Member::streamed(name, &crc, packed_bytes, unpacked_bytes)?;
        let mut descriptor = Vec::new();
        member.descriptor(&mut descriptor);
        let bytes = member.local_bytes() + packed_bytes + size(&descriptor);
        out.extend(descriptor);
        self.directory.add(&member, bytes)
    }

    fn end_all(&mut self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        // A file without a row is one part, which says so.
        let part = match self.part.take() {
            None if self.number == 0 => Some(self.begin(out)),
            part => part,
        };
        if let Some(part) = part {
            self.end(part, out)?;
        }
        self.directory.end(out)
    }
}

impl Part {
    fn pack(&mut self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        self.unpacked_bytes += size(&self.unpacked);
        self.crc.update(&self.unpacked);
        self.encoder.write_all(&self.unpacked)?;
        self.unpacked.clear();
        self.take_packed(out);
        Ok(())
    }

    fn take_packed(&mut self, out: &mut Vec<u8>) {
        let packed = self.encoder.get_mut();
        self.packed_bytes += size(packed);
        out.append(packed);
    }
}

impl FormWriter for Parts {
    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        if self.failure.is_some() {
            return false;
        }
        match self.write(row, out) {
            Ok(is_written) => is_written,
            Err(failure) => {
                self.failure = Some(failure);
                false
            }
        }
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        if self.failure.is_none() {
            self.failure = self.end_all(out).err();
        }
    }

    fn finish(&mut self, piece: Vec<u8>, _is_last: bool) -> Result<Vec<u8>, ExportError> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(piece),
        }
    }
}
