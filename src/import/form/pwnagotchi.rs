//! The places that pwnagotchi writes beside its captures: `<name>_<address>.gps.json`.
//!
//! It is the one form whose name holds the address. The name of the network there has lost all but letters and digits, so
//! it is not taken.

use std::io::{BufRead, Read};

use serde_json::{Map, Value};

use crate::import::clock::written_time;
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, Place, address, number};
use crate::import::zone::Zone;
use crate::report::MacAddr;

/// The longest file, in bytes.
const BYTES_MAX: u64 = 64 << 10;

/// Reads the place of one network.
pub(crate) fn read(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_from(&input.name, &mut input.reader()?, context, rows)
}

pub(super) fn read_from(
    name: &str,
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut json = Vec::new();
    input.take(BYTES_MAX).read_to_end(&mut json)?;
    let facts: Map<String, Value> = serde_json::from_slice(&json)
        .map_err(|wrong| FileError::refused(format!("not the JSON of pwnagotchi: {wrong}")))?;
    let row = match address_of(name) {
        Some(address) => row(address, &facts, context),
        None => Row::Refused(
            "address: the name of the file has none; send the file under its own name".to_owned(),
        ),
    };
    // It is the only row.
    let _flow = rows.row(1, row);
    Ok(Ending::default())
}

/// The address in `home_020000000001.gps.json`.
fn address_of(name: &str) -> Option<MacAddr> {
    let (stem, _) = name.split_once('.')?;
    let (_, digits) = stem.rsplit_once('_')?;
    address(digits.as_bytes())
}

fn row(address: MacAddr, facts: &Map<String, Value>, context: &Context<'_>) -> Row {
    let fact = |names: &[&str]| -> String {
        let mut known = facts.iter();
        let is_named = |name: &str| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        match known.find(|(name, _)| is_named(name)) {
            Some((_, Value::String(text))) => text.clone(),
            Some((_, Value::Number(number))) => number.to_string(),
            _ => String::new(),
        }
    };
    let value = |names: &[&str]| number(fact(names).as_bytes());
    let mut draft = Draft::wifi(address);
    let written = written_time(fact(&["Updated"]).as_bytes());
    draft.time = written.and_then(|written| written.time(&Zone::UTC));
    draft.place = Place {
        lat: value(&["Latitude", "lat"]),
        lon: value(&["Longitude", "lon", "long"]),
        altitude_m: value(&["Altitude", "alt"]).filter(|metres| *metres != 0.0),
        ..Place::default()
    };
    draft.marks.is_summary = true;
    draft.into_row(context)
}
