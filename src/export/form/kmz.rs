//! KMZ: a zip archive with the KML, and the picture of its placemarks, so that viewers fetch nothing.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::kml::Kml;
use crate::export::{ExportError, Form, FormWriter, Per, Row};
use crate::report::Phy;

/// Viewers open the first KML of the archive.
const DOCUMENT: &str = "doc.kml";
const ICON: &str = "circle.png";
const CIRCLE: &[u8] = include_bytes!("circle.png");

/// The version of the format that a reader needs for compressed files.
const VERSION_NEEDED: u16 = 20;
/// Sizes and checksum stand behind the data, because nobody knows them before.
const SIZES_BEHIND: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The first day that the format can hold, 1980-01-01: the time of the export is in the document.
const DATE: u16 = 1 << 5 | 1;

pub(super) const FORM: Form = Form {
    word: "kmz",
    media_type: "application/vnd.google-earth.kmz",
    extension: "kmz",
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &[],
    writer: |choices| {
        Box::new(Kmz {
            kml: Kml::new(choices, ICON),
            document: None,
            crc: Crc::new(),
            unpacked_bytes: 0,
            packed_bytes: 0,
        })
    },
};

struct Kmz {
    kml: Kml,
    /// `None` before the first piece.
    document: Option<DeflateEncoder<Vec<u8>>>,
    crc: Crc,
    unpacked_bytes: u64,
    packed_bytes: u64,
}

/// What both headers of a file in the archive say.
struct Member {
    name: &'static str,
    flags: u16,
    method: u16,
    crc: u32,
    packed_bytes: u32,
    unpacked_bytes: u32,
}

impl FormWriter for Kmz {
    fn passes(&self) -> &'static [Option<Phy>] {
        self.kml.passes()
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        self.kml.head(out);
    }

    fn begin(&mut self, pass: usize, out: &mut Vec<u8>) {
        self.kml.begin(pass, out);
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        self.kml.row(row, out)
    }

    fn end(&mut self, pass: usize, out: &mut Vec<u8>) {
        self.kml.end(pass, out);
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        self.kml.tail(out);
    }

    fn finish(&mut self, piece: Vec<u8>, is_last: bool) -> Result<Vec<u8>, ExportError> {
        let mut out = Vec::new();
        let encoder = self.document.get_or_insert_with(|| {
            Member::document(0, 0, 0).local_header(&mut out);
            DeflateEncoder::new(Vec::new(), Compression::fast())
        });
        encoder.write_all(&piece)?;
        if is_last {
            encoder.try_finish()?;
        }
        let packed = std::mem::take(encoder.get_mut());
        self.crc.update(&piece);
        self.unpacked_bytes += size(&piece);
        self.packed_bytes += size(&packed);
        out.extend(packed);
        if is_last {
            self.end_archive(&mut out)?;
        }
        Ok(out)
    }
}

impl Kmz {
    fn end_archive(&self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        let small = |bytes: u64| u32::try_from(bytes).map_err(|_| ExportError::TooLarge);
        let document = Member::document(
            self.crc.sum(),
            small(self.packed_bytes)?,
            small(self.unpacked_bytes)?,
        );
        let mut descriptor = Vec::new();
        descriptor.extend(0x0807_4b50_u32.to_le_bytes());
        document.sizes(&mut descriptor);
        let icon_at = document.local_bytes() + self.packed_bytes + size(&descriptor);
        let icon = Member::circle()?;
        let mut rest = descriptor;
        icon.local_header(&mut rest);
        rest.extend_from_slice(CIRCLE);
        let directory_at = document.local_bytes() + self.packed_bytes + size(&rest);
        let mut directory = Vec::new();
        document.entry(&mut directory, 0);
        icon.entry(&mut directory, small(icon_at)?);
        let directory_bytes = small(size(&directory))?;
        out.extend(rest);
        out.extend(directory);
        out.extend(0x0605_4b50_u32.to_le_bytes());
        for number in [0_u16, 0, 2, 2] {
            out.extend(number.to_le_bytes());
        }
        out.extend(directory_bytes.to_le_bytes());
        out.extend(small(directory_at)?.to_le_bytes());
        // No comment.
        out.extend(0_u16.to_le_bytes());
        Ok(())
    }
}

impl Member {
    const fn document(crc: u32, packed_bytes: u32, unpacked_bytes: u32) -> Self {
        Self {
            name: DOCUMENT,
            flags: SIZES_BEHIND,
            method: DEFLATED,
            crc,
            packed_bytes,
            unpacked_bytes,
        }
    }

    fn circle() -> Result<Self, ExportError> {
        let mut crc = Crc::new();
        crc.update(CIRCLE);
        let bytes = u32::try_from(CIRCLE.len()).map_err(|_| ExportError::TooLarge)?;
        Ok(Self {
            name: ICON,
            flags: 0,
            method: STORED,
            crc: crc.sum(),
            packed_bytes: bytes,
            unpacked_bytes: bytes,
        })
    }

    /// The length of the local header.
    fn local_bytes(&self) -> u64 {
        30 + size(self.name.as_bytes())
    }

    fn local_header(&self, out: &mut Vec<u8>) {
        out.extend(0x0403_4b50_u32.to_le_bytes());
        self.common(out);
        out.extend_from_slice(self.name.as_bytes());
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

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
