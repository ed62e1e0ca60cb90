//! KMZ: a zip archive with the KML, and the picture of its placemarks, so that viewers fetch nothing.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::kml::Kml;
use crate::export::zip::{Directory, Member, size};
use crate::export::{ExportError, Form, FormWriter, Made, Per, Row};
use crate::report::Phy;

/// Viewers open the first KML of the archive.
const DOCUMENT: &str = "doc.kml";
const ICON: &str = "circle.png";
const CIRCLE: &[u8] = include_bytes!("circle.png");

pub(super) const FORM: Form = Form {
    word: "kmz",
    media_type: "application/vnd.google-earth.kmz",
    extension: "kmz",
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: false,
    has_minimal: false,
    writer: |choices, _| {
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
            Member::begun(DOCUMENT).local_header(&mut out);
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
        let document =
            Member::streamed(DOCUMENT, &self.crc, self.packed_bytes, self.unpacked_bytes)?;
        let mut rest = Vec::new();
        document.descriptor(&mut rest);
        let document_bytes = document.local_bytes() + self.packed_bytes + size(&rest);
        let mut directory = Directory::default();
        directory.add(&document, document_bytes)?;
        let icon = Member::stored(ICON, CIRCLE)?;
        let before = rest.len();
        icon.local_header(&mut rest);
        rest.extend_from_slice(CIRCLE);
        directory.add(&icon, size(rest.get(before..).unwrap_or_default()))?;
        out.extend(rest);
        directory.end(out)
    }
}
