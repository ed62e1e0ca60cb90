//! Tables of small programs: wardriver-local, gmon, sparrow-wifi, sWardriving.

use std::borrow::Cow;
use std::io::BufRead;

use super::summary::{self, LocalZone, capabilities_of_word, is_hidden};
use super::wiglecsv::{Fields, kind_of_word};
use crate::import::clock::{civil, digits, time_of_day, unix_time};
use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, Place, address, find_address, number, text};
use crate::import::zone::Civil;
use crate::report::UnixTime;

/// The rows of a line. `None` for a header.
pub(super) type RowsOf<'r> = dyn FnMut(&[u8]) -> Option<Vec<Row>> + 'r;

pub(super) fn each_line(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
    rows_of: &mut RowsOf<'_>,
) -> Result<bool, FileError> {
    let bytes_max = context.bounds.line_bytes_max;
    let mut lines = Lines::new(input, bytes_max);
    while let Some(line) = lines.next()? {
        let given = if line.is_too_long {
            Some(vec![Row::Refused(format!(
                "line: longer than {bytes_max} bytes"
            ))])
        } else if line.bytes.trim_ascii().is_empty() {
            None
        } else {
            rows_of(&line.bytes)
        };
        let mut given = given.unwrap_or_default().into_iter();
        if given
            .try_for_each(|row| rows.row(line.number, row))
            .is_break()
        {
            return Ok(false);
        }
        lines.reuse(line);
    }
    Ok(true)
}

fn ending(is_whole: bool, zone: &LocalZone<'_>) -> Ending {
    Ending {
        notes: if is_whole { zone.notes() } else { Vec::new() },
        ..Ending::default()
    }
}

pub(super) fn refused(reason: &str) -> Vec<Row> {
    vec![Row::Refused(reason.to_owned())]
}

/// Reads the CSV of wardriver-local, whose columns go by name.
pub(crate) fn read_wardriver(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_wardriver_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_wardriver_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut zone = LocalZone::new(context, None);
    let mut fields = Fields::default();
    let mut columns: Vec<Vec<u8>> = Vec::new();
    let is_whole = each_line(input, context, rows, &mut |line| {
        fields.split(line);
        let is_header = fields.iter().any(|field| field == b"bssid");
        if is_header || columns.is_empty() {
            columns = fields
                .iter()
                .map(|field| field.trim_ascii().to_vec())
                .collect();
            return None;
        }
        if fields.len() != columns.len() {
            return Some(refused("row: other fields than the header has"));
        }
        let field = |name: &str| {
            let index = columns.iter().position(|column| column == name.as_bytes());
            index.map(|index| fields.get(index)).unwrap_or_default()
        };
        let phy = match kind_of_word(&text(field("kind")), "") {
            Ok(phy) => phy,
            Err(other) => return Some(vec![Row::Other(other)]),
        };
        let Some(address) = address(field("bssid")) else {
            return Some(refused("bssid: not a hardware address"));
        };
        let mut draft = Draft::new(phy, address);
        draft.time = zone.text(field("seen_at"));
        draft.name = Cow::Borrowed(field("name"));
        draft.capabilities = capabilities_of_word(&text(field("security"))).into();
        draft.channel = text(field("channel"));
        draft.place = Place {
            lat: number(field("latitude")),
            lon: number(field("longitude")),
            ..Place::default()
        };
        Some(vec![draft.into_row(context)])
    })?;
    Ok(ending(is_whole, &zone))
}

/// Reads the table of gmon. A name with a semicolon is not quoted, so a row is split from both ends.
pub(crate) fn read_gmon(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_gmon_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_gmon_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut zone = LocalZone::new(context, None);
    let is_whole = each_line(input, context, rows, &mut |line| {
        if line.starts_with(b"BSSID;") {
            return None;
        }
        let mut left = line.splitn(4, |byte| *byte == b';');
        let [bssid, lat, lon, rest] = std::array::from_fn(|_| left.next().unwrap_or_default());
        let mut right: Vec<_> = rest.rsplitn(8, |byte| *byte == b';').collect();
        right.reverse();
        let [name, crypt, _, mode, channel, dbm, date, time] = *right else {
            return Some(refused("row: fewer than 11 fields"));
        };
        let Some(address) = address(bssid) else {
            return Some(refused("BSSID: not a hardware address"));
        };
        let crypt = match &*text(crypt.trim_ascii()) {
            "WpaPsk" => "[WPA-PSK][ESS]".to_owned(),
            word => capabilities_of_word(word),
        };
        let mut draft = Draft::wifi(address);
        draft.time = local(date, time).and_then(|time| zone.time(time));
        draft.name = Cow::Borrowed(name);
        draft.capabilities = if text(mode).to_ascii_lowercase().contains("ad") {
            crypt.replace("[ESS]", "[IBSS]").into()
        } else {
            crypt.into()
        };
        draft.channel = text(channel.trim_ascii());
        draft.signal_dbm = number(dbm.trim_ascii());
        draft.place = Place {
            lat: number(lat.trim_ascii()),
            lon: number(lon.trim_ascii()),
            ..Place::default()
        };
        Some(summary::rows(None, draft, context))
    })?;
    Ok(ending(is_whole, &zone))
}

/// `2014/01/05` or, with the month first, `01/05/2014`; and `10:00:00`.
pub(super) fn local(date: &[u8], time: &[u8]) -> Option<Civil> {
    let mut parts = date.trim_ascii().split(|byte| matches!(byte, b'/' | b'-'));
    let mut part = || digits(parts.next()?, 4).map(|(number, _)| number);
    let (first, second, third) = (part()?, part()?, part()?);
    let date = if 31 < first {
        [first, second, third]
    } else {
        [third, first, second]
    };
    let (time, _) = time_of_day(time.trim_ascii())?;
    civil(date, time)
}

/// Reads the CSV of sWardriving, whose columns go by name. Times are local.
pub(crate) fn read_swardriving(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_swardriving_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_swardriving_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut zone = LocalZone::new(context, None);
    let mut fields = Fields::default();
    let mut columns: Vec<Vec<u8>> = Vec::new();
    let is_whole = each_line(input, context, rows, &mut |line| {
        fields.split(line);
        if columns.is_empty() {
            let names = fields.iter().map(<[u8]>::trim_ascii);
            columns = names.map(<[u8]>::to_ascii_lowercase).collect();
            return None;
        }
        if fields.len() != columns.len() {
            return Some(refused("row: other fields than the header has"));
        }
        let field = |name: &str| {
            let index = columns.iter().position(|column| column == name.as_bytes());
            let field = index.map(|index| fields.get(index)).unwrap_or_default();
            field.trim_ascii()
        };
        let Some(address) = address(field("bssid")) else {
            return Some(refused("bssid: not a hardware address"));
        };
        let mut draft = Draft::wifi(address);
        draft.time = local(field("date"), field("time")).and_then(|time| zone.time(time));
        draft.name = Cow::Borrowed(field("ssid"));
        draft.capabilities = text(field("capabilities"));
        draft.channel = text(field("channel"));
        draft.frequency = number(field("frequency"));
        draft.place = Place {
            lat: number(field("lat")),
            lon: number(field("lon")),
            altitude_m: number(field("alt")).filter(|metres| *metres != 0.0),
            ..Place::default()
        };
        Some(summary::rows(None, draft, context))
    })?;
    Ok(ending(is_whole, &zone))
}

/// Reads the CSV of sparrow-wifi, of networks or of Bluetooth devices.
pub(crate) fn read_sparrow(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_sparrow_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_sparrow_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut zone = LocalZone::new(context, None);
    let mut is_of_bluetooth = false;
    let is_whole = each_line(input, context, rows, &mut |line| {
        if line.starts_with(b"macAddr,") || line.starts_with(b"uuid,") {
            is_of_bluetooth = line.starts_with(b"uuid,");
            return None;
        }
        // Its rows name no time that belongs to the signal.
        if is_of_bluetooth {
            return Some(vec![Row::Other("bluetooth")]);
        }
        Some(network_of_sparrow(line, &mut zone, context))
    })?;
    Ok(ending(is_whole, &zone))
}

/// The manufacturer may have commas, and the name quotes: the address is found first, then the last quote.
fn network_of_sparrow(line: &[u8], zone: &mut LocalZone<'_>, context: &Context<'_>) -> Vec<Row> {
    let Some((0, address)) = find_address(line) else {
        return refused("macAddr: not a hardware address");
    };
    let (Some(first_quote), Some(last_quote)) =
        (memchr::memchr(b'"', line), memchr::memrchr(b'"', line))
    else {
        return refused("SSID: not in quotes");
    };
    let name = line.get(first_quote + 1..last_quote).unwrap_or_default();
    let behind = line.get(last_quote + 1..).unwrap_or_default();
    let fields: Vec<_> = behind
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    if fields.len() < 20 {
        return refused("row: fewer than 22 fields");
    }
    let mut time = |index: usize| -> Option<UnixTime> {
        let (date, clock) = field(index).split_at_checked(10)?;
        zone.time(local(date, clock)?)
    };
    let (last, first) = (time(8), time(9));
    let place = |valid: usize, lat: usize| Place {
        lat: number(field(lat)).filter(|_| field(valid).eq_ignore_ascii_case(b"true")),
        lon: number(field(lat + 1)).filter(|_| field(valid).eq_ignore_ascii_case(b"true")),
        altitude_m: number(field(lat + 2)),
        ..Place::default()
    };
    let mut draft = Draft::wifi(address);
    if !is_hidden(&text(name)) {
        draft.name = Cow::Borrowed(name);
    }
    draft.capabilities = capabilities_of_word(&text(field(1))).into();
    draft.channel = text(field(3));
    draft.frequency = number(field(4));
    draft.signal_dbm = number(field(5));
    draft.time = last;
    draft.place = place(10, 11);
    summary::rows(first, draft, context)
}

/// Reads a time that is a number or a text.
pub(super) fn any_time(field: &str, zone: &mut LocalZone<'_>) -> Option<UnixTime> {
    match number(field.as_bytes()) {
        Some(number) => unix_time(number),
        None => zone.text(field.as_bytes()),
    }
}
