//! CSV of `WiGLE`, versions 1.4 and 1.6, in the dialects of all its writers; and the rows of serial captures.
//!
//! A row is a sighting. Its columns go by name, its time is UTC.

mod layout;
mod preheader;
mod record;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::ControlFlow;

use self::layout::{Column, Kind, Layout};
use self::preheader::PreHeader;
pub(super) use self::record::Fields;
use crate::import::clock::{unix_time, written_time};
use crate::import::lines::{Line, Lines};
use crate::import::rows::{Context, Ending, FileError, Input, Marks, Row, Rows};
use crate::import::values::{Draft, Place, address, find_address, number, text};
use crate::import::zone::Zone;
use crate::report::{MacAddr, Phy, UnixTime};

/// Most lines that a quoted name with line breaks takes.
const RECORD_LINES_MAX: usize = 8;

/// Reads a file of this form.
pub(crate) fn read(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_from(&mut input.reader()?, context, rows)
}

/// Reads all that the input gives.
pub(crate) fn read_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut reader = Reader {
        context,
        lines: Lines::new(input, context.bounds.line_bytes_max),
        fields: Fields::default(),
        layout: None,
        preheader: PreHeader::default(),
    };
    let mut ending = Ending::default();
    while let Some(line) = reader.lines.next()? {
        let (number, is_unfinished) = (line.number, line.is_unfinished);
        let read = reader.line(line, rows)?;
        let Some(row) = read else {
            continue;
        };
        // A row that breaks off where the file ends was cut with it.
        ending.is_cut = is_unfinished && matches!(row, Row::Refused(_));
        if rows.row(number, row) == ControlFlow::Break(()) {
            return Ok(Ending::default());
        }
    }
    Ok(ending)
}

/// The technology that a type word names; of the other word, if the first says nothing. Wi-Fi if neither does. `Err` is a
/// kind that is not tracked.
pub(super) fn kind_of_word(word: &str, other: &str) -> Result<Phy, &'static str> {
    let word = if word.trim().is_empty() { other } else { word };
    match layout::kind(word.replace('-', "").as_bytes()) {
        Some(Kind::Bluetooth) => Ok(Phy::Bluetooth),
        Some(Kind::Other(other)) => Err(other),
        Some(Kind::Wifi) | None => Ok(Phy::Wifi),
    }
}

struct Reader<'r> {
    context: &'r Context<'r>,
    lines: Lines<'r>,
    fields: Fields,
    layout: Option<Layout>,
    preheader: PreHeader,
}

impl Reader<'_> {
    /// The row of a line. `None` for a line that is no data row.
    fn line(&mut self, mut line: Line, rows: &mut dyn Rows) -> Result<Option<Row>, FileError> {
        if line.is_too_long {
            let bytes_max = self.context.bounds.line_bytes_max;
            self.lines.reuse(line);
            let reason = format!("line: longer than {bytes_max} bytes");
            return Ok(Some(Row::Refused(reason)));
        }
        if !begins_with_address(&line.bytes) {
            if self.takes_as_header(&line.bytes, rows) {
                self.lines.reuse(line);
                return Ok(None);
            }
            let Some(at) = self.row_begins_at(&line.bytes) else {
                self.lines.reuse(line);
                return Ok(None);
            };
            line.bytes.drain(..at);
        }
        let has_unclosed = self.fields.split(&line.bytes);
        if has_unclosed && !self.is_whole() {
            self.join(&mut line)?;
        }
        let row = self.row(line.is_unfinished);
        self.lines.reuse(line);
        Ok(Some(row))
    }

    /// Takes a line that describes the rows behind it. `false` if it does not.
    fn takes_as_header(&mut self, line: &[u8], rows: &mut dyn Rows) -> bool {
        if preheader::is_preheader(line) {
            self.preheader = PreHeader::read(line);
            // Rows of this program have its columns, until a header names others.
            self.layout = None;
            if let Some(origin) = &self.preheader.origin {
                rows.origin(origin);
            }
            return true;
        }
        self.fields.split(line);
        let Some(layout) = Layout::of_header(&self.fields) else {
            return false;
        };
        self.layout = Some(layout);
        true
    }

    /// Where the row begins in a line that does not begin with an address. `None` for a line of a console, which is no
    /// row.
    fn row_begins_at(&self, line: &[u8]) -> Option<usize> {
        let trimmed = line.trim_ascii_start();
        if trimmed.is_empty() || trimmed.starts_with(b"#") {
            return None;
        }
        if self.layout.is_none() || is_of_console(trimmed) {
            // The row follows a number, a prompt, or a name that runs into the address.
            let at = find_address(line).map(|(at, _)| at);
            return at.or_else(|| layout::align(&self.fields, None).map(|_| 0));
        }
        Some(0)
    }

    /// Takes the lines that follow for parts of a quoted name, if all of them together are a row.
    fn join(&mut self, line: &mut Line) -> Result<(), FileError> {
        let length = line.bytes.len();
        let mut taken = Vec::new();
        let mut is_row = false;
        while !is_row && taken.len() < RECORD_LINES_MAX {
            let Some(next) = self.lines.next()? else {
                break;
            };
            let is_possible = !next.is_too_long
                && line.bytes.len() + next.bytes.len() < self.context.bounds.line_bytes_max
                && !begins_with_address(&next.bytes)
                && !preheader::is_preheader(&next.bytes);
            if !is_possible {
                self.lines.put_back(next);
                break;
            }
            line.bytes.push(b'\n');
            line.bytes.extend_from_slice(&next.bytes);
            taken.push(next);
            is_row = !self.fields.split(&line.bytes) && self.is_whole();
        }
        if !is_row {
            line.bytes.truncate(length);
            self.fields.split(&line.bytes);
            while let Some(next) = taken.pop() {
                self.lines.put_back(next);
            }
        }
        Ok(())
    }

    /// Whether the fields are a row with exactly the columns of the header.
    fn is_whole(&self) -> bool {
        let row = layout::align(&self.fields, self.layout.as_ref());
        row.is_some_and(|row| row.is_exact())
    }

    fn row(&self, is_unfinished: bool) -> Row {
        let fields = &self.fields;
        let Some(row) = layout::align(fields, self.layout.as_ref()) else {
            return Row::Refused(format!(
                "row: {} fields, which are not those of a whole row",
                fields.len()
            ));
        };
        let word = row.get(fields, Column::Type).trim_ascii();
        let phy = match layout::kind(word) {
            Some(Kind::Wifi) => Phy::Wifi,
            Some(Kind::Bluetooth) => Phy::Bluetooth,
            Some(Kind::Other(kind)) => return Row::Other(kind),
            None if !row.has(Column::Type) => Phy::Wifi,
            None if word.is_empty() && !row.get(fields, Column::AuthMode).is_empty() => Phy::Wifi,
            None if is_unfinished => return Row::Refused("Type: the row breaks off".to_owned()),
            None => return Row::Other("other"),
        };
        match address(row.get(fields, Column::Mac)) {
            Some(address) => self.draft(&row, phy, address).into_row(self.context),
            None => Row::Refused("MAC: not a hardware address".to_owned()),
        }
    }

    fn draft<'f>(&'f self, row: &layout::Row, phy: Phy, address: MacAddr) -> Draft<'f> {
        let fields = &self.fields;
        let value = |column| number(row.get(fields, column));
        let auth_mode = text(row.get(fields, Column::AuthMode));
        let (capabilities, device_type) = match phy {
            Phy::Wifi => (auth_mode, Cow::default()),
            Phy::Bluetooth => (Cow::default(), device_type(&auth_mode).to_owned().into()),
        };
        let mut name = row.ssid(fields);
        if self.preheader.is_kismets && name.contains(&b'\\') {
            name = Cow::Owned(without_octal(&name));
        }
        let mut marks = Marks {
            is_summary: self.preheader.is_kismets,
            ..Marks::default()
        };
        marks.add_tag("rcois", &text(row.get(fields, Column::Rcois)));
        if phy == Phy::Bluetooth {
            let maker = text(row.get(fields, Column::MfgrId));
            marks.add_tag("mfgrid", &company_number(&maker));
        }
        Draft {
            phy,
            address,
            time: time(row.get(fields, Column::Time)),
            name,
            capabilities,
            device_type,
            channel: text(row.get(fields, Column::Channel)),
            frequency: value(Column::Frequency),
            width: None,
            signal_dbm: value(Column::Rssi),
            place: Place {
                lat: value(Column::Lat),
                lon: value(Column::Lon),
                altitude_m: value(Column::Altitude),
                accuracy_m: value(Column::Accuracy),
                speed_km_h: None,
            },
            marks,
        }
    }
}

/// The number of a Bluetooth company, in decimal. Some programs write it in hexadecimal, with four digits.
fn company_number(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_padded = text.len() == 4 && text.starts_with('0');
    if digits.is_none() && !has_letter && !is_padded {
        return text.into();
    }
    match u16::from_str_radix(digits.unwrap_or(text), 16) {
        Ok(number) => number.to_string().into(),
        Err(_) => Cow::default(),
    }
}

/// Whether a line begins as nearly all rows do. A fast test that headers and lines of consoles fail.
fn begins_with_address(line: &[u8]) -> bool {
    let is_mark = |place: usize| matches!(line.get(place), Some(b':' | b'-'));
    is_mark(2) && is_mark(5) && is_mark(8)
}

/// Whether a line is what a scanner's console shows, even between the rows of a file with a header.
fn is_of_console(line: &[u8]) -> bool {
    const BEGINNINGS: [&str; 5] = [">", "Device:", "Starting ", "Stopping ", "stopscan"];
    let begins = |word: &&str| {
        let start = line.get(..word.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(word.as_bytes())
    };
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_numbered = line
        .get(digits..)
        .is_some_and(|rest| 0 < digits && rest.trim_ascii_start().starts_with(b"|"));
    is_numbered || BEGINNINGS.iter().any(begins)
}

/// The time of a row, in UTC if it names no zone.
fn time(field: &[u8]) -> Option<UnixTime> {
    if let Some(written) = written_time(field) {
        return written.time(&Zone::UTC);
    }
    let is_number = !field.is_empty()
        && field
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    is_number
        .then(|| number(field).and_then(unix_time))
        .flatten()
}

/// The kind of a Bluetooth device in the column of the security: `Headphones;10`, `Misc [LE]`.
fn device_type(auth_mode: &str) -> &str {
    let end = auth_mode.find([';', '[']).unwrap_or(auth_mode.len());
    auth_mode.get(..end).unwrap_or_default().trim()
}

/// Undoes `\ooo`, which Kismet writes for octets that are no printable ASCII, for commas and for quotes.
pub(super) fn without_octal(name: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len());
    let mut rest = name;
    loop {
        let (octet, after) = match rest {
            [] => return octets,
            [
                b'\\',
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                after @ ..,
            ] => {
                let octet = (high - b'0') * 64 + (middle - b'0') * 8 + (low - b'0');
                if matches!(octet, 32..=126) && !matches!(octet, b',' | b'"' | b'\\') {
                    (b'\\', rest.get(1..).unwrap_or_default())
                } else {
                    (octet, after)
                }
            }
            [octet, after @ ..] => (*octet, after),
        };
        octets.push(octet);
        rest = after;
    }
}
