//! Bodies of geosubmit in files, as Network Survey and others save them: an item for each place, with what was seen
//! there. All three versions, told apart by the members of each item.

use std::io::BufRead;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use crate::import::clock::{unix_time, written_time};
use crate::import::json::each_element;
use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, Place, address, number};
use crate::import::zone::Zone;
use crate::report::Phy;

/// Reads a document with `items`.
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
    let mut flow = ControlFlow::Continue(());
    let is_cut = each_element(input, Some("items"), &mut |number, element| {
        flow = item(number, element, context, rows);
        flow
    })?;
    if flow.is_break() {
        return Ok(Ending::default());
    }
    Ok(Ending {
        is_cut,
        ..Ending::default()
    })
}

/// The arrays of an item, in the words of all versions.
const ARRAYS: [(&str, Kind); 6] = [
    ("wifiAccessPoints", Kind::Seen(Phy::Wifi)),
    ("wifi", Kind::Seen(Phy::Wifi)),
    ("bluetoothBeacons", Kind::Seen(Phy::Bluetooth)),
    ("blue", Kind::Seen(Phy::Bluetooth)),
    ("cellTowers", Kind::Cell),
    ("cell", Kind::Cell),
];

#[derive(Clone, Copy)]
enum Kind {
    Seen(Phy),
    Cell,
}

fn item(
    number: u64,
    element: Option<&[u8]>,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> ControlFlow<()> {
    let mut refuse = |reason: String| rows.row(number, Row::Refused(reason));
    let Some(element) = element else {
        return refuse("item: longer than 1 MiB".to_owned());
    };
    let item = match serde_json::from_slice::<Value>(element) {
        Ok(Value::Object(item)) => item,
        Ok(_) => return refuse("item: not an object".to_owned()),
        Err(wrong) => return refuse(format!("item: {wrong}")),
    };
    let place = place(&item);
    let time_ms = time_ms(&item);
    for (name, kind) in ARRAYS {
        let Some(Value::Array(records)) = item.get(name) else {
            continue;
        };
        for record in records {
            let row = match kind {
                Kind::Cell => Row::Other("cell"),
                Kind::Seen(phy) => row(phy, record, time_ms, place, context),
            };
            rows.row(number, row)?;
        }
    }
    ControlFlow::Continue(())
}

/// The first of these members that is a number, or a text that holds one.
fn value(object: &Map<String, Value>, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| match object.get(*name)? {
        Value::Number(value) => value.as_f64(),
        Value::String(text) => number(text.as_bytes()),
        _ => None,
    })
}

fn text<'o>(object: &'o Map<String, Value>, names: &[&str]) -> &'o str {
    let mut found = names.iter().filter_map(|name| object.get(*name)?.as_str());
    found.next().unwrap_or_default()
}

/// Versions before the second have the place in the item itself.
fn place(item: &Map<String, Value>) -> Place {
    let position = match item.get("position") {
        Some(Value::Object(position)) => position,
        _ => item,
    };
    Place {
        lat: value(position, &["latitude", "lat"]),
        lon: value(position, &["longitude", "lon"]),
        altitude_m: value(position, &["altitude"]),
        accuracy_m: value(position, &["accuracy"]),
        speed_km_h: value(position, &["speed"]).map(|speed_m_s| speed_m_s * 3.6),
    }
}

fn time_ms(item: &Map<String, Value>) -> Option<f64> {
    let stated = value(item, &["timestamp"]).and_then(unix_time);
    // The parts of a second count where an age is taken off.
    if stated.is_some() {
        let number = value(item, &["timestamp"])?;
        return Some(if number < 1e11 {
            number * 1000.0
        } else {
            number
        });
    }
    let written = written_time(text(item, &["time"]).as_bytes())?;
    Some(f64::from(written.time(&Zone::UTC)?.seconds()) * 1000.0)
}

fn row(phy: Phy, record: &Value, time_ms: Option<f64>, place: Place, context: &Context<'_>) -> Row {
    let Value::Object(record) = record else {
        return Row::Refused("record: not an object".to_owned());
    };
    let Some(address) = address(text(record, &["macAddress", "key"]).as_bytes()) else {
        return Row::Refused("macAddress: not a hardware address".to_owned());
    };
    let age_ms = value(record, &["age"]).unwrap_or_default();
    let mut draft = Draft::new(phy, address);
    draft.time = time_ms
        .map(|time_ms| ((time_ms - age_ms) / 1000.0).floor())
        .and_then(unix_time);
    draft.name = text(record, &["ssid", "name"]).as_bytes().into();
    draft.channel = value(record, &["channel"])
        .map(|channel| channel.to_string())
        .unwrap_or_default()
        .into();
    draft.frequency = value(record, &["frequency"]);
    draft.signal_dbm = value(record, &["signalStrength", "signal"]);
    draft.place = place;
    for name in ["beaconType", "id1", "id2", "id3"] {
        match record.get(name) {
            Some(Value::String(text)) => draft.marks.add_tag(name, text),
            Some(Value::Number(number)) => draft.marks.add_tag(name, &number.to_string()),
            _ => {}
        }
    }
    draft.into_row(context)
}

/// Reads the CSV of Tower Collector, which has cells only.
pub(crate) fn read_cells(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_cells_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_cells_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut lines = Lines::new(input, context.bounds.line_bytes_max);
    while let Some(line) = lines.next()? {
        let is_row = !line.bytes.is_empty() && !line.bytes.starts_with(b"mcc,");
        if is_row && rows.row(line.number, Row::Other("cell")).is_break() {
            return Ok(Ending::default());
        }
        lines.reuse(line);
    }
    Ok(Ending::default())
}
