//! CSV for spreadsheets, with the columns of the lists.

use std::borrow::Cow;

use serde_json::Value;

use crate::export::number::{Degrees, Metres};
use crate::export::place::Place;
use crate::export::text::csv_field;
use crate::export::{Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::views::list::Texts;
use crate::views::native::{COLUMNS, DeviceRow};
use crate::views::{OBSERVATION_COLUMNS, ObservationRecord};

/// Makes spreadsheets take the file for UTF-8.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

pub(super) const FORM: Form = Form {
    word: "csv",
    media_type: "text/csv; charset=utf-8",
    extension: "csv",
    per: &Per::ALL,
    versions: &[],
    has_texts: true,
    switches: &["bom"],
    made: Made::Streamed,
    has_parts: true,
    has_minimal: false,
    writer: |choices, _| {
        Box::new(Csv {
            per: choices.per,
            place: choices.place,
            texts: choices.texts,
            has_mark: choices.has("bom"),
        })
    },
};

struct Csv {
    per: Per,
    place: PlaceOf,
    texts: Texts,
    has_mark: bool,
}

impl FormWriter for Csv {
    fn head(&mut self, out: &mut Vec<u8>) {
        if self.has_mark {
            out.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
        }
        let columns = columns(self.per).iter();
        line(out, columns.map(|&column| Cow::Borrowed(column)));
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        // Rows have texts for keys, so they are values.
        let values = match row {
            Row::Device(device) => serde_json::to_value(DeviceRow::of(device)),
            Row::Observation(observed) => serde_json::to_value(ObservationRecord::of(
                observed.entry,
                observed.batch,
                observed.report,
            )),
        };
        let (values, place) = (values.unwrap_or_default(), self.place.of(row));
        let cell = |column: &&'static str| match *column {
            "lat" => number(place, |place| Some(Degrees(place.lat_e7).to_string())),
            "lon" => number(place, |place| Some(Degrees(place.lon_e7).to_string())),
            "alt_m" => number(place, |place| place.alt_mm.map(|mm| Metres(mm).to_string())),
            column => match values.get(column) {
                None | Some(Value::Null) => Cow::Borrowed(""),
                Some(Value::String(text)) => self.texts.written(text),
                Some(value) => Cow::Owned(value.to_string()),
            },
        };
        line(out, columns(self.per).iter().map(cell));
        true
    }
}

const fn columns(per: Per) -> &'static [&'static str] {
    match per {
        Per::Device => &COLUMNS,
        Per::Observation => &OBSERVATION_COLUMNS,
    }
}

fn number(place: Option<Place>, part: impl Fn(Place) -> Option<String>) -> Cow<'static, str> {
    Cow::Owned(place.and_then(part).unwrap_or_default())
}

fn line<'c>(out: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'c, str>>) {
    for (index, cell) in cells.enumerate() {
        if 0 < index {
            out.push(b',');
        }
        csv_field(out, &cell);
    }
    out.extend_from_slice(b"\r\n");
}
