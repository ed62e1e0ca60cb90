//! The table of hcxpcapngtool, which has no header.
//!
//! Versions differ in what stands behind the signal. All of them write a position as NMEA does.

use std::borrow::Cow;
use std::io::BufRead;

use super::tables::{each_line, refused};
use crate::import::clock::written_time;
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, Place, address, number, text};
use crate::import::zone::Zone;

/// Date, time, address, at least one field of the name, protocols, ciphers, key managements, country, channel, signal.
const FIELDS_MIN: usize = 10;

/// Reads the table.
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
    each_line(input, context, rows, &mut |line| {
        let row = row(line, context);
        Some(row.map_or_else(refused, |row| vec![row]))
    })?;
    Ok(Ending::default())
}

fn row(line: &[u8], context: &Context<'_>) -> Result<Row, &'static str> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    // A name may have tabs. The field behind it is one of these.
    let is_protocol = |field: &&[u8]| *field == b"OPEN" || field.starts_with(b"[WPA");
    let behind = fields.iter().skip(4).position(is_protocol);
    let behind = 4 + behind.ok_or("ENC_TYPE: missing")?;
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    if fields.len() < FIELDS_MIN {
        return Err("row: fewer than 10 fields");
    }
    let address = address(field(2)).ok_or("MAC_AP: not a hardware address")?;
    let mut draft = Draft::wifi(address);
    let written = [field(0), b" ", field(1)].concat();
    draft.time = written_time(&written).and_then(|written| written.time(&Zone::UTC));
    let name = fields.get(3..behind).unwrap_or_default().join(&b'\t');
    draft.name = Cow::Owned(name);
    draft.capabilities = capabilities(
        &text(field(behind)),
        &text(field(behind + 1)),
        &text(field(behind + 2)),
    )
    .into();
    draft.channel = text(field(behind + 4));
    draft.signal_dbm = number(field(behind + 5));
    draft.place = place(fields.get(behind + 6..).unwrap_or_default());
    Ok(draft.into_row(context))
}

/// `[WPA2]`, `[CCMP]` and `[PSK][SAE_SHA256]` as one block.
fn capabilities(protocols: &str, ciphers: &str, akms: &str) -> String {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(['[', ']']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let mut kinds: Vec<&str> = Vec::new();
    for word in words(akms) {
        let kind = match &*word {
            word if word.contains("SAE") => "SAE",
            word if word.contains("PSK") => "PSK",
            word if word.contains("OWE") => "OWE",
            word if word.starts_with("PMKSA") || word == "FT" => "EAP",
            _ => continue,
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut ciphers = words(ciphers);
    let is_wep = ciphers.iter().any(|word| word.starts_with("WEP"));
    ciphers.retain(|word| matches!(&**word, "TKIP" | "CCMP" | "GCMP"));
    let mut capabilities = String::new();
    for protocol in words(protocols) {
        let name = match &*protocol {
            "WPA1" => "WPA",
            "WPA2" => "WPA2",
            "WPA3" => "RSN",
            _ => continue,
        };
        let parts = [name.to_owned(), kinds.join("+"), ciphers.join("+")];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        capabilities.extend(["[", &parts.join("-"), "]"]);
    }
    if capabilities.is_empty() && is_wep {
        capabilities.push_str("[WEP]");
    }
    capabilities + "[ESS]"
}

/// `5231.2004`, `N`, `01324.2972`, `E`: degrees and minutes.
fn place(fields: &[&[u8]]) -> Place {
    let [lat, north, lon, east, ..] = fields else {
        return Place::default();
    };
    let sign = |letter: &[u8]| match letter {
        b"N" | b"E" => Some(1.0),
        b"S" | b"W" => Some(-1.0),
        _ => None,
    };
    let degrees = |field: &[u8], letter: &[u8]| {
        let value = number(field)?;
        let whole = (value / 100.0).trunc();
        Some(sign(letter)? * (whole + (value - whole * 100.0) / 60.0))
    };
    Place {
        lat: degrees(lat, north),
        lon: degrees(lon, east),
        ..Place::default()
    }
}
