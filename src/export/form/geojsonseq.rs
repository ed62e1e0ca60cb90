//! GeoJSON, one feature a line and no collection: tippecanoe, `DuckDB` and jq read it without keeping it in memory.

use super::geojson::Features;
use crate::export::{Form, FormWriter, Made, Per, Row};

/// Stands before each feature in text sequences (RFC 8142).
const RECORD_SEPARATOR: u8 = 0x1E;

pub(super) const FORM: Form = Form {
    word: "geojsonseq",
    media_type: "application/geo+json-seq",
    extension: "geojsonl",
    per: &Per::ALL,
    versions: &[],
    has_texts: false,
    switches: &["rs"],
    made: Made::Streamed,
    has_parts: true,
    has_minimal: false,
    writer: |choices, _| {
        Box::new(Sequence {
            features: Features::new(choices.place),
            has_separators: choices.has("rs"),
        })
    },
};

struct Sequence {
    features: Features,
    has_separators: bool,
}

impl FormWriter for Sequence {
    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        if self.has_separators {
            out.push(RECORD_SEPARATOR);
        }
        self.features.write(out, row);
        out.push(b'\n');
        true
    }
}
