//! Files of airodump-ng: its CSV, its log in CSV, and the CSV of Kismet before 2018, which it writes too.

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::ControlFlow;

use super::crypt::Crypt;
use super::strongest::Strongest;
use super::summary::{self, LocalZone, Offsets};
use crate::import::clock::{ctime, written_time};
use crate::import::lines::{Line, Lines};
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, Place, address, number, text};
use crate::import::zone::{Civil, Zone};
use crate::report::UnixTime;

/// What each row of a form does with a line.
trait LineReader {
    fn line(&mut self, line: &Line, rows: &mut dyn Rows) -> ControlFlow<()>;
}

/// Reads all lines. `Break` if the reading was ended early.
fn read_lines(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
    reader: &mut dyn LineReader,
) -> Result<ControlFlow<()>, FileError> {
    let bytes_max = context.bounds.line_bytes_max;
    let mut lines = Lines::new(input, bytes_max);
    while let Some(line) = lines.next()? {
        let flow = if line.is_too_long {
            let reason = format!("line: longer than {bytes_max} bytes");
            rows.row(line.number, Row::Refused(reason))
        } else {
            reader.line(&line, rows)
        };
        if flow.is_break() {
            return Ok(flow);
        }
        lines.reuse(line);
    }
    Ok(ControlFlow::Continue(()))
}

fn ending(flow: ControlFlow<()>, zone: &LocalZone<'_>) -> Ending {
    match flow {
        ControlFlow::Break(()) => Ending::default(),
        ControlFlow::Continue(()) => Ending {
            notes: zone.notes(),
            ..Ending::default()
        },
    }
}

/// -1 stands for a driver that tells no signal.
fn power(field: &[u8]) -> Option<f64> {
    number(field.trim_ascii()).filter(|power| *power < -1.0)
}

/// Reads a file of two tables, of access points and of stations.
pub(crate) fn read_csv(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_csv_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_csv_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut reader = Csv {
        context,
        zone: LocalZone::new(context, None),
        is_of_stations: false,
    };
    let flow = read_lines(input, context, rows, &mut reader)?;
    Ok(ending(flow, &reader.zone))
}

struct Csv<'c> {
    context: &'c Context<'c>,
    zone: LocalZone<'c>,
    is_of_stations: bool,
}

impl LineReader for Csv<'_> {
    fn line(&mut self, line: &Line, rows: &mut dyn Rows) -> ControlFlow<()> {
        let bytes = line.bytes.trim_ascii();
        if bytes.is_empty() {
            return ControlFlow::Continue(());
        }
        if bytes.starts_with(b"BSSID,") || bytes.starts_with(b"Station MAC,") {
            self.is_of_stations = bytes.starts_with(b"S");
            return ControlFlow::Continue(());
        }
        if self.is_of_stations {
            return rows.row(line.number, Row::Other("station"));
        }
        let mut given = self.access_point(&line.bytes).into_iter();
        given.try_for_each(|row| rows.row(line.number, row))
    }
}

impl Csv<'_> {
    fn access_point(&mut self, line: &[u8]) -> Vec<Row> {
        /// The fields before the name.
        const BEFORE: usize = 13;
        let fields: Vec<_> = line.splitn(BEFORE + 1, |byte| *byte == b',').collect();
        let [
            bssid,
            first,
            last,
            channel,
            _,
            privacy,
            cipher,
            authentication,
            dbm,
            _,
            _,
            _,
            length,
            rest,
        ] = *fields
        else {
            let reason = format!("row: {} fields, expected 15", fields.len());
            return vec![Row::Refused(reason)];
        };
        let Some(address) = address(bssid) else {
            return vec![Row::Refused("BSSID: not a hardware address".to_owned())];
        };
        // The key follows the name.
        let end = memchr::memrchr(b',', rest).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or(rest);
        let mut crypt = Crypt::default();
        for words in [privacy, cipher, authentication] {
            crypt.add(&text(words));
        }
        let guess = crypt.capabilities();
        let mut draft = Draft::wifi(address);
        draft.time = self.zone.text(last);
        draft.name = essid(name, number(length.trim_ascii()));
        draft.capabilities = guess.capabilities.into();
        draft.channel = text(channel.trim_ascii());
        draft.signal_dbm = power(dbm);
        draft.marks.is_guessed = guess.is_guessed;
        summary::rows(self.zone.text(first), draft, self.context)
    }
}

/// The octets of a name. airodump-ng escapes what is no printable UTF-8, and says how long the name is without.
fn essid(field: &[u8], length: Option<f64>) -> Cow<'_, [u8]> {
    let field = field.strip_prefix(b" ").unwrap_or(field);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a name has at most some hundred octets"
    )]
    let is_raw = length.is_none_or(|length| (field.len() as f64 - length).abs() < 0.5);
    if is_raw {
        return Cow::Borrowed(field);
    }
    // Quotes stand around a name that begins or ends with a blank.
    let quoted = field
        .strip_prefix(b"\"")
        .and_then(|name| name.strip_suffix(b"\""));
    let mut octets = Vec::with_capacity(field.len());
    let mut rest = quoted.unwrap_or(field);
    loop {
        let (octet, after) = match rest {
            [] => break,
            [b'\\', b'x', high, low, after @ ..] => match crate::hex::byte(&[*high, *low]) {
                Some(octet) => (octet, after),
                None => (b'\\', rest.get(1..).unwrap_or_default()),
            },
            [b'\\', letter, after @ ..] => match letter {
                b'n' => (b'\n', after),
                b'r' => (b'\r', after),
                b't' => (b'\t', after),
                other => (*other, after),
            },
            [octet, after @ ..] => (*octet, after),
        };
        octets.push(octet);
        rest = after;
    }
    Cow::Owned(octets)
}

/// Reads a log, which has a row for each frame.
pub(crate) fn read_log(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let told = zone_of_log(&mut input.reader()?, context)?;
    read_log_in(&mut input.reader()?, context, told, rows)
}

#[cfg(test)]
pub(crate) fn read_log_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let told = zone_of_log(&mut &*bytes, context)?;
    read_log_in(&mut &*bytes, context, told, rows)
}

fn read_log_in(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    told: Option<Zone>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut reader = Log {
        context,
        zone: LocalZone::new(context, told),
        strongest: Strongest::default(),
    };
    let mut flow = read_lines(input, context, rows, &mut reader)?;
    if flow.is_continue() {
        flow = reader.strongest.finish(rows);
    }
    Ok(ending(flow, &reader.zone))
}

/// The zone that the log tells: it has the local time and that of the satellites.
fn zone_of_log(input: &mut dyn BufRead, context: &Context<'_>) -> Result<Option<Zone>, FileError> {
    /// Lines that are looked at.
    const LINES_MAX: u64 = 100_000;
    let mut offsets = Offsets::default();
    let mut lines = Lines::new(input, context.bounds.line_bytes_max);
    while let Some(line) = lines.next()? {
        if let Some(fields) = log_fields(&line.bytes)
            && let (Some(local), Some(gps)) = (written_time(fields.local), fields.gps_time())
        {
            offsets.add(local.civil, gps.seconds().into());
        }
        if LINES_MAX < line.number {
            break;
        }
        lines.reuse(line);
    }
    Ok(offsets.zone())
}

struct Log<'c> {
    context: &'c Context<'c>,
    zone: LocalZone<'c>,
    strongest: Strongest,
}

/// The fields of a row of the log.
struct LogFields<'l> {
    local: &'l [u8],
    gps: &'l [u8],
    name: &'l [u8],
    bssid: &'l [u8],
    power: &'l [u8],
    security: &'l [u8],
    lat: &'l [u8],
    lon: &'l [u8],
    kind: &'l [u8],
}

impl LogFields<'_> {
    /// Without a fix the year is 1900.
    fn gps_time(&self) -> Option<UnixTime> {
        written_time(self.gps)?.time(&Zone::UTC)
    }
}

/// The name is not quoted, so its row is split from both ends.
fn log_fields(line: &[u8]) -> Option<LogFields<'_>> {
    let mut left = line.splitn(3, |byte| *byte == b',');
    let (local, gps, rest) = (left.next()?, left.next()?, left.next()?);
    let mut right = rest.rsplitn(9, |byte| *byte == b',');
    let kind = right.next()?.trim_ascii();
    let (_lon_error, _lat_error) = (right.next()?, right.next()?);
    let (lon, lat, security) = (right.next()?, right.next()?, right.next()?);
    let (power, bssid, name) = (right.next()?, right.next()?, right.next()?);
    Some(LogFields {
        local,
        gps,
        name,
        bssid,
        power,
        security,
        lat,
        lon,
        kind,
    })
}

impl LineReader for Log<'_> {
    fn line(&mut self, line: &Line, rows: &mut dyn Rows) -> ControlFlow<()> {
        let bytes = line.bytes.trim_ascii();
        if bytes.is_empty() || bytes.starts_with(b"LocalTime,") {
            return ControlFlow::Continue(());
        }
        let refused = |reason: &str| Row::Refused(reason.to_owned());
        let Some(fields) = log_fields(bytes) else {
            return rows.row(line.number, refused("row: fewer than 11 fields"));
        };
        if fields.kind != b"AP" {
            return rows.row(line.number, Row::Other("station"));
        }
        let Some(address) = address(fields.bssid) else {
            return rows.row(line.number, refused("BSSID: not a hardware address"));
        };
        let mut crypt = Crypt::default();
        crypt.add(&text(fields.security));
        let mut draft = Draft::wifi(address);
        draft.time = fields.gps_time().or_else(|| self.zone.text(fields.local));
        draft.name = Cow::Borrowed(fields.name);
        draft.capabilities = crypt.capabilities().capabilities.into();
        draft.signal_dbm = power(fields.power);
        draft.place = Place {
            lat: number(fields.lat.trim_ascii()),
            lon: number(fields.lon.trim_ascii()),
            ..Place::default()
        };
        let row = draft.into_row(self.context);
        self.strongest.row(line.number, address, row, rows)
    }
}

/// Reads the CSV of Kismet before 2018.
pub(crate) fn read_kismet_csv(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_kismet_csv_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_kismet_csv_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut reader = KismetCsv {
        context,
        zone: LocalZone::new(context, None),
    };
    let flow = read_lines(input, context, rows, &mut reader)?;
    Ok(ending(flow, &reader.zone))
}

struct KismetCsv<'c> {
    context: &'c Context<'c>,
    zone: LocalZone<'c>,
}

impl LineReader for KismetCsv<'_> {
    fn line(&mut self, line: &Line, rows: &mut dyn Rows) -> ControlFlow<()> {
        let bytes = line.bytes.trim_ascii();
        if bytes.is_empty() || bytes.starts_with(b"Network;") {
            return ControlFlow::Continue(());
        }
        let mut given = self.network(bytes).into_iter();
        given.try_for_each(|row| rows.row(line.number, row))
    }
}

impl KismetCsv<'_> {
    /// The fields behind the name, which is not escaped.
    const BEHIND: usize = 35;

    fn network(&mut self, line: &[u8]) -> Vec<Row> {
        let line = line.strip_suffix(b";").unwrap_or(line);
        let mut left = line.splitn(3, |byte| *byte == b';');
        let (_, kind, rest) = (left.next(), left.next(), left.next().unwrap_or_default());
        let mut behind: Vec<_> = rest
            .rsplitn(Self::BEHIND + 1, |byte| *byte == b';')
            .collect();
        behind.reverse();
        // The rest of an older, longer table follows the table.
        if behind.len() <= Self::BEHIND {
            return vec![Row::Refused("row: fewer than 38 fields".to_owned())];
        }
        let field = |index: usize| behind.get(index).copied().unwrap_or_default();
        if !matches!(kind, Some(b"infrastructure" | b"ad-hoc")) {
            return vec![Row::Other("station")];
        }
        let Some(address) = address(field(1)) else {
            return vec![Row::Refused("BSSID: not a hardware address".to_owned())];
        };
        let mut crypt = Crypt::of_network(kind == Some(b"ad-hoc"));
        crypt.add(&text(field(5)));
        let guess = crypt.capabilities();
        let mut time = |index: usize| local(field(index)).and_then(|time| self.zone.time(time));
        let (first, last) = (time(17), time(18));
        let mut draft = Draft::wifi(address);
        draft.time = last;
        draft.name = Cow::Borrowed(field(0));
        draft.capabilities = guess.capabilities.into();
        draft.channel = text(field(3));
        // airodump-ng writes the signal where the quality belongs.
        draft.signal_dbm = power(field(20)).or_else(|| power(field(19)));
        draft.place = Place {
            lat: number(field(30)),
            lon: number(field(31)),
            ..Place::default()
        };
        draft.marks.is_guessed = guess.is_guessed;
        summary::rows(first, draft, self.context)
    }
}

fn local(field: &[u8]) -> Option<Civil> {
    ctime(field).or_else(|| written_time(field).map(|time| time.civil))
}
