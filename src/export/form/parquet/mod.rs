//! Parquet for analysts, with the places as `GeoParquet` 1.1 has them.
//!
//! A file is row groups of so many rows, and what is known of them, at its end. The rows of a group are packed column by
//! column, so that one group is in memory. A file without its end is no Parquet file.

mod bits;
mod chunk;
mod column;
mod devices;
mod leaf;
mod observations;
mod range;
mod schema;
mod thrift;

use self::column::Column;
use self::leaf::{Cell, Kind, Leaf};
use crate::export::number::degrees;
use crate::export::place::Place;
use crate::export::zip::size;
use crate::export::{Choices, ExportError, Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::report::{ReceivedAt, UnixTime};

/// Stands at both ends of a file.
const MAGIC: &[u8] = b"PAR1";
/// A row group ends after so many rows, or so many bytes before they are packed.
const GROUP_ROWS: u64 = 50_000;
const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Size of a point in well-known binary: the order of bytes, the kind, and two numbers.
const POINT_BYTES: usize = 21;

/// The columns of the place, as `GeoParquet` has them, behind all others.
const GEOMETRY: Leaf = Leaf::optional("geometry", Kind::Bytes);
const BBOX: &str = "bbox";
const BOUNDS: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

pub(super) const FORM: Form = Form {
    word: "parquet",
    media_type: "application/vnd.apache.parquet",
    extension: "parquet",
    per: &Per::ALL,
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: false,
    has_minimal: false,
    writer: |choices, _| Box::new(Parquet::new(choices)),
};

struct Parquet {
    place: PlaceOf,
    choices: Choices,
    leaves: Vec<Leaf>,
    columns: Vec<Column>,
    rows: u64,
    /// Of the group that is being written.
    group_rows: u64,
    group_bytes: usize,
    /// The row groups that are written. The end of the file lists them.
    groups: Vec<u8>,
    group_count: usize,
    /// Size of the file so far.
    offset: u64,
    /// What [`FormWriter::finish`] returns.
    failure: Option<ExportError>,
}

impl Parquet {
    fn new(choices: &Choices) -> Self {
        let of_row: &[Leaf] = match choices.per {
            Per::Device => &devices::LEAVES,
            Per::Observation => &observations::LEAVES,
        };
        let mut leaves = of_row.to_vec();
        leaves.push(GEOMETRY);
        leaves.extend(BOUNDS.map(|name| Leaf::within(BBOX, name)));
        Self {
            place: choices.place,
            choices: choices.clone(),
            columns: leaves.iter().copied().map(Column::new).collect(),
            leaves,
            rows: 0,
            group_rows: 0,
            group_bytes: 0,
            groups: Vec::new(),
            group_count: 0,
            offset: 0,
            failure: None,
        }
    }

    fn write(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<(), ExportError> {
        let place = self.place.of(row);
        let (columns, bytes) = (&mut self.columns, &mut self.group_bytes);
        let mut push = |cells: &[Cell<'_>]| {
            let geometry = place.map(point);
            let geometry = geometry.as_ref().map(<[u8; POINT_BYTES]>::as_slice);
            let cells = cells.iter().copied().chain([geometry.into()]);
            for (column, cell) in columns.iter_mut().zip(cells.chain(bounds(place))) {
                *bytes += column.push(cell)?;
            }
            Ok::<_, ExportError>(())
        };
        match row {
            Row::Device(device) => devices::row(device, self.place, |cells| push(&cells))?,
            Row::Observation(observed) => observations::row(observed, |cells| push(&cells))?,
        }
        self.group_rows += 1;
        if GROUP_ROWS <= self.group_rows || GROUP_BYTES <= self.group_bytes {
            self.end_group(out)?;
        }
        Ok(())
    }

    fn end_group(&mut self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        let (mut about, mut unpacked, begin) = (Vec::new(), 0, self.offset);
        for column in &mut self.columns {
            let sizes = column.end(self.offset, out, &mut about)?;
            self.offset += sizes.packed;
            unpacked += sizes.unpacked;
        }
        schema::add_group(
            &mut self.groups,
            &schema::Group {
                columns: &about,
                column_count: self.columns.len(),
                rows: self.group_rows,
                offset: begin,
                packed_bytes: self.offset - begin,
                unpacked_bytes: unpacked,
            },
        );
        self.group_count += 1;
        self.rows += self.group_rows;
        self.group_rows = 0;
        self.group_bytes = 0;
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        if 0 < self.group_rows {
            self.end_group(out)?;
        }
        let before = size(out);
        schema::write(
            out,
            &schema::File {
                choices: &self.choices,
                leaves: &self.leaves,
                rows: self.rows,
                groups: &self.groups,
                group_count: self.group_count,
            },
        );
        let length = u32::try_from(size(out) - before).map_err(|_| ExportError::TooLarge)?;
        out.extend(length.to_le_bytes());
        out.extend_from_slice(MAGIC);
        Ok(())
    }
}

impl FormWriter for Parquet {
    fn head(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        self.offset = size(MAGIC);
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        if self.failure.is_none() {
            self.failure = self.write(row, out).err();
        }
        self.failure.is_none()
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        if self.failure.is_none() {
            self.failure = self.end(out).err();
        }
    }

    fn finish(&mut self, piece: Vec<u8>, _is_last: bool) -> Result<Vec<u8>, ExportError> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(piece),
        }
    }
}

/// A point in well-known binary.
fn point(place: Place) -> [u8; POINT_BYTES] {
    const LITTLE_ENDIAN: u8 = 1;
    const POINT: u32 = 1;
    let mut bytes = [LITTLE_ENDIAN; POINT_BYTES];
    let (x, y) = (degrees(place.lon_e7), degrees(place.lat_e7));
    let values = POINT.to_le_bytes().into_iter();
    let values = values.chain(x.to_le_bytes()).chain(y.to_le_bytes());
    for (byte, value) in bytes.iter_mut().skip(1).zip(values) {
        *byte = value;
    }
    bytes
}

/// The values of the columns that bound a place.
fn bounds(place: Option<Place>) -> [Cell<'static>; BOUNDS.len()] {
    let x = place.map(|place| degrees(place.lon_e7));
    let y = place.map(|place| degrees(place.lat_e7));
    [x.into(), y.into(), x.into(), y.into()]
}

fn time_ms(time: UnixTime) -> i64 {
    i64::from(time.seconds()) * 1000
}

fn received_ms(at: ReceivedAt) -> i64 {
    i64::try_from(at.micros() / 1000).unwrap_or(i64::MAX)
}
