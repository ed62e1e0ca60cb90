//! CSV of `NeoStumbler`: one file for networks, one for beacons, one for cells.

use std::io::BufRead;

use super::wiglecsv::Fields;
use crate::import::clock::unix_time;
use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Point, Row, Rows};
use crate::import::values::{Draft, Place, address, number, text};
use crate::report::Phy;

/// Reads one of the files.
pub(crate) fn read(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut lines = Lines::new(input, context.bounds.line_bytes_max);
    let mut fields = Fields::default();
    let mut columns = Vec::new();
    let mut ending = Ending::default();
    let mut last_point = None;
    while let Some(line) = lines.next()? {
        fields.split(&line.bytes);
        if line.bytes.starts_with(b"timestamp,") {
            columns = fields.iter().map(<[u8]>::to_vec).collect();
        } else if context.points_only {
            // All rows of a report have its place.
            let point = point(&columns, &fields);
            if let Some(point) = point.filter(|_| point != last_point)
                && rows.point(point).is_break()
            {
                return Ok(Ending::default());
            }
            last_point = point;
        } else if !line.bytes.is_empty() {
            let row = row(&columns, &fields, context);
            ending.is_cut = line.is_unfinished && matches!(row, Row::Refused(_));
            if rows.row(line.number, row).is_break() {
                return Ok(Ending::default());
            }
        }
        lines.reuse(line);
    }
    Ok(ending)
}

/// The value of a column. Empty if there is none.
fn field<'f>(columns: &[Vec<u8>], fields: &'f Fields, name: &str) -> &'f [u8] {
    let index = columns.iter().position(|column| column == name.as_bytes());
    index.map(|index| fields.get(index)).unwrap_or_default()
}

fn place(columns: &[Vec<u8>], fields: &Fields) -> Place {
    let value = |name: &str| number(field(columns, fields, name));
    Place {
        lat: value("latitude"),
        lon: value("longitude"),
        altitude_m: value("altitude"),
        accuracy_m: value("locationAccuracy"),
        speed_km_h: value("speed").map(|speed_m_s| speed_m_s * 3.6),
    }
}

/// Where the phone was.
fn point(columns: &[Vec<u8>], fields: &Fields) -> Option<Point> {
    if fields.len() != columns.len() {
        return None;
    }
    let value = |name: &str| number(field(columns, fields, name));
    let time_ms = value("timestamp")? - value("locationAge").unwrap_or_default();
    Some(Point {
        time: unix_time((time_ms / 1000.0).floor())?,
        position: place(columns, fields).position()?,
    })
}

fn row(columns: &[Vec<u8>], fields: &Fields, context: &Context<'_>) -> Row {
    if fields.len() != columns.len() {
        return Row::Refused(format!(
            "row: {} fields, expected {}",
            fields.len(),
            columns.len()
        ));
    }
    let index = |name: &str| columns.iter().position(|column| column == name.as_bytes());
    let field = |name: &str| field(columns, fields, name);
    let value = |name: &str| number(field(name));
    let (phy, age) = match (index("wifiScanAge"), index("bluetoothScanAge")) {
        (Some(_), _) => (Phy::Wifi, "wifiScanAge"),
        (None, Some(_)) => (Phy::Bluetooth, "bluetoothScanAge"),
        (None, None) => return Row::Other("cell"),
    };
    let Some(address) = address(field("macAddress")) else {
        return Row::Refused("macAddress: not a hardware address".to_owned());
    };
    let mut draft = Draft::new(phy, address);
    // The age is that of the sighting when the report was made.
    draft.time = value("timestamp")
        .map(|time_ms| ((time_ms - value(age).unwrap_or_default()) / 1000.0).floor())
        .and_then(unix_time);
    draft.name = field("ssid").into();
    draft.signal_dbm = value("signalStrength");
    draft.place = place(columns, fields);
    for name in ["beaconType", "id1", "id2", "id3"] {
        draft.marks.add_tag(name, &text(field(name)));
    }
    draft.into_row(context)
}
