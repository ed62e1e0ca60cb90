//! Vistumbler: its own text files (VS1), and its two kinds of CSV.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;
use std::ops::ControlFlow;

use super::summary;
use super::wiglecsv::Fields;
use crate::import::clock::{civil, digits, time_of_day, written_time};
use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Marks, Origin, Point, Row, Rows};
use crate::import::values::{Draft, Place, address, number, text};
use crate::import::zone::Zone;
use crate::report::{Position, UnixTime};

/// Most points of one file that are remembered. A drive of ten days has as many.
const POINTS_MAX: usize = 1_000_000;

/// Longest name of a program, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Reads VS1.
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
    let mut file = Vs1 {
        context,
        points: HashMap::new(),
        is_detailed: true,
    };
    let bytes_max = context.bounds.line_bytes_max;
    let mut lines = Lines::new(input, bytes_max);
    while let Some(line) = lines.next()? {
        let flow = if line.is_too_long {
            let reason = format!("line: longer than {bytes_max} bytes");
            rows.row(line.number, Row::Refused(reason))
        } else {
            file.line(line.number, &line.bytes, rows)
        };
        if flow.is_break() {
            return Ok(Ending::default());
        }
        lines.reuse(line);
    }
    Ok(Ending::default())
}

struct Vs1<'c> {
    context: &'c Context<'c>,
    points: HashMap<u64, Seen>,
    /// Version 4: signals in dBm too.
    is_detailed: bool,
}

/// When and where something was seen.
#[derive(Clone, Copy)]
struct Seen {
    time: Option<UnixTime>,
    position: Option<Position>,
}

impl Vs1<'_> {
    /// The fields behind the name.
    const BEHIND_DETAILED: usize = 14;
    const BEHIND: usize = 12;

    fn line(&mut self, number: u64, line: &[u8], rows: &mut dyn Rows) -> ControlFlow<()> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return ControlFlow::Continue(());
        }
        if let Some(comment) = line.strip_prefix(b"#") {
            self.comment(&text(comment), rows);
            return ControlFlow::Continue(());
        }
        let bars = memchr::memchr_iter(b'|', line).count();
        if matches!(bars, 5 | 11) {
            return self.point(number, line, rows);
        }
        let behind = if self.is_detailed {
            Self::BEHIND_DETAILED
        } else {
            Self::BEHIND
        };
        let mut fields: Vec<_> = line.rsplitn(behind + 1, |byte| *byte == b'|').collect();
        fields.reverse();
        if fields.len() <= behind {
            let reason = format!("row: {} fields, expected {}", fields.len(), behind + 1);
            return rows.row(number, Row::Refused(reason));
        }
        self.access_point(number, &fields, rows)
    }

    fn comment(&mut self, comment: &str, rows: &mut dyn Rows) {
        if let Some((_, version)) = comment.split_once("Export Version") {
            self.is_detailed = version.trim().starts_with('4');
        }
        if let Some((_, program)) = comment.split_once("Created By:") {
            let name: String = program.trim().chars().take(NAME_CHARS_MAX).collect();
            rows.origin(&Origin::Program { name: name.into() });
        }
    }

    fn point(&mut self, line_number: u64, line: &[u8], rows: &mut dyn Rows) -> ControlFlow<()> {
        let fields: Vec<_> = line.split(|byte| *byte == b'|').collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or_default().trim_ascii();
        let Some(id) = std::str::from_utf8(field(0))
            .ok()
            .and_then(|id| id.parse().ok())
        else {
            let reason = "GpsID: not a number".to_owned();
            return rows.row(line_number, Row::Refused(reason));
        };
        let is_long = fields.len() == 12;
        let place = Place {
            lat: degrees(field(1)),
            lon: degrees(field(2)),
            altitude_m: number(field(5)).filter(|_| is_long),
            speed_km_h: number(field(7)).filter(|_| is_long),
            accuracy_m: None,
        };
        let (date, time) = if is_long {
            (field(10), field(11))
        } else {
            (field(4), field(5))
        };
        let seen = Seen {
            time: utc(date, time).filter(|time| *time <= self.context.latest),
            position: place.position(),
        };
        if self.points.len() < POINTS_MAX {
            self.points.insert(id, seen);
        }
        match seen {
            Seen {
                time: Some(time),
                position: Some(position),
            } => rows.point(Point { time, position }),
            _ => ControlFlow::Continue(()),
        }
    }

    fn access_point(&self, line: u64, fields: &[&[u8]], rows: &mut dyn Rows) -> ControlFlow<()> {
        let field = |index: usize| fields.get(index).copied().unwrap_or_default().trim_ascii();
        let Some(address) = address(field(1)) else {
            let reason = "BSSID: not a hardware address".to_owned();
            return rows.row(line, Row::Refused(reason));
        };
        let (network_type, list) = if self.is_detailed {
            (field(12), field(14))
        } else {
            (field(10), field(12))
        };
        let mut base = Draft::wifi(address);
        base.name = Cow::Borrowed(fields.first().copied().unwrap_or_default());
        base.capabilities = security(&text(field(3)), &text(field(4)), &text(network_type)).into();
        base.channel = text(field(7));
        let mut given = BTreeSet::new();
        let mark = if self.is_detailed { b'\\' } else { b'-' };
        for entry in list.split(|byte| *byte == mark) {
            let mut parts = entry.split(|byte| *byte == b',').map(number);
            let (id, percent, dbm) = (parts.next(), parts.next(), parts.next());
            let Some(id) = id.flatten().and_then(whole) else {
                continue;
            };
            // Files in the field have each entry twice.
            if !given.insert(id) {
                continue;
            }
            let Some(seen) = self.points.get(&id) else {
                let reason = format!("GID {id}: the file has no such point");
                rows.row(line, Row::Refused(reason))?;
                continue;
            };
            let mut draft = base.clone();
            draft.time = seen.time;
            (draft.signal_dbm, draft.marks) = signal(dbm.flatten(), percent.flatten());
            let row = with_position(draft.into_row(self.context), seen.position);
            rows.row(line, row)?;
        }
        if given.is_empty() {
            let reason = "signals: the row has none, and so no time".to_owned();
            return rows.row(line, Row::Refused(reason));
        }
        ControlFlow::Continue(())
    }
}

fn with_position(row: Row, position: Option<Position>) -> Row {
    match row {
        Row::Sighting(mut sighting) => {
            sighting.position = position;
            Row::Sighting(sighting)
        }
        other => other,
    }
}

fn whole(number: f64) -> Option<u64> {
    let is_whole = (0.0..1e15).contains(&number) && number.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above"
    )]
    is_whole.then_some(number as u64)
}

/// The signal in dBm, or as the program converts it from percent.
fn signal(dbm: Option<f64>, percent: Option<f64>) -> (Option<f64>, Marks) {
    /// What the program takes for 100 % and for the end of the connection, in dBm.
    const STRONGEST_DBM: f64 = -30.0;
    const WEAKEST_DBM: f64 = -100.0;
    if let Some(dbm) = dbm {
        return (Some(dbm), Marks::default());
    }
    let converted = percent.filter(|percent| 0.0 < *percent).map(|percent| {
        let span = (STRONGEST_DBM - WEAKEST_DBM) * percent;
        ((span - 20.0 * STRONGEST_DBM + 100.0 * WEAKEST_DBM) / 80.0).round()
    });
    let marks = Marks {
        is_percent: converted.is_some(),
        ..Marks::default()
    };
    (converted, marks)
}

/// `N 4012.3456` is 40 degrees and 12.3456 minutes, `N 40.2057600` and `-40.2` are degrees.
pub(super) fn degrees(field: &[u8]) -> Option<f64> {
    let field = field.trim_ascii();
    let (sign, value) = match field.split_first()? {
        (b'N' | b'E', rest) => (1.0, rest),
        (b'S' | b'W', rest) => (-1.0, rest),
        _ => (1.0, field),
    };
    let value = value.trim_ascii();
    let value = number(value)?;
    // No angle of the earth has four digits.
    if 360.0 < value.abs() {
        let whole = (value / 100.0).trunc();
        return Some(sign * (whole + (value - whole * 100.0) / 60.0));
    }
    // With leading zeros, minutes alone.
    let is_minutes = field
        .iter()
        .skip_while(|byte| !byte.is_ascii_digit())
        .take_while(|byte| byte.is_ascii_digit())
        .count()
        >= 4;
    Some(
        sign * if is_minutes {
            (value / 100.0).trunc() + value % 100.0 / 60.0
        } else {
            value
        },
    )
}

/// `2014-3-2` or `3-2-2014`, and `10:00:00.000`.
fn utc(date: &[u8], time: &[u8]) -> Option<UnixTime> {
    let mut parts = date.split(|byte| matches!(byte, b'-' | b'/'));
    let mut part = || digits(parts.next()?, 4).map(|(number, _)| number);
    let (first, second, third) = (part()?, part()?, part()?);
    let date = if 31 < first {
        [first, second, third]
    } else {
        [third, first, second]
    };
    let (time, _) = time_of_day(time)?;
    Zone::UTC.time_of(civil(date, time)?)
}

/// The words of the program as capabilities.
fn security(authentication: &str, encryption: &str, network_type: &str) -> String {
    let (authentication, encryption) = (authentication.trim(), encryption.trim());
    let end = if network_type.trim().eq_ignore_ascii_case("ad hoc") {
        "[IBSS]"
    } else {
        "[ESS]"
    };
    let (protocol, kind) = match authentication.split_once('-') {
        Some((protocol, kind)) if protocol.starts_with("WPA") => (protocol, kind),
        _ if authentication.eq_ignore_ascii_case("owe") => ("RSN", "OWE"),
        _ if encryption.eq_ignore_ascii_case("wep") => return format!("[WEP]{end}"),
        _ if authentication.eq_ignore_ascii_case("open") => return end.to_owned(),
        _ => return String::new(),
    };
    let akm = match (protocol, kind) {
        ("RSN", _) => "OWE",
        ("WPA3", "Personal") => "SAE",
        (_, "Personal") => "PSK",
        (_, "Enterprise") => "EAP",
        _ => "?",
    };
    let mut cipher = String::new();
    if let "TKIP" | "CCMP" | "GCMP" = encryption {
        cipher = format!("-{encryption}");
    }
    format!("[{protocol}-{akm}{cipher}]{end}")
}

/// Reads the detailed CSV, with a row for each sighting, or the one with a row for each network.
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
    let bytes_max = context.bounds.line_bytes_max;
    let mut lines = Lines::new(input, bytes_max);
    let mut fields = Fields::default();
    while let Some(line) = lines.next()? {
        let is_header = line.bytes.starts_with(b"SSID,BSSID,");
        if !is_header && !line.bytes.trim_ascii().is_empty() {
            fields.split(&line.bytes);
            let mut given = csv_rows(&fields, context).into_iter();
            if given
                .try_for_each(|row| rows.row(line.number, row))
                .is_break()
            {
                return Ok(Ending::default());
            }
        }
        lines.reuse(line);
    }
    Ok(Ending::default())
}

fn csv_rows(fields: &Fields, context: &Context<'_>) -> Vec<Row> {
    const DETAILED: usize = 26;
    const SUMMARY: usize = 18;
    if !matches!(fields.len(), DETAILED | SUMMARY) {
        let reason = format!("row: {} fields, expected 26 or 18", fields.len());
        return vec![Row::Refused(reason)];
    }
    let Some(address) = address(fields.get(1)) else {
        return vec![Row::Refused("BSSID: not a hardware address".to_owned())];
    };
    let words = |[authentication, encryption, network_type]: [usize; 3]| {
        let word = |index| text(fields.get(index));
        security(
            &word(authentication),
            &word(encryption),
            &word(network_type),
        )
        .into()
    };
    let mut draft = Draft::wifi(address);
    draft.name = Cow::Borrowed(fields.get(0));
    if fields.len() == DETAILED {
        draft.capabilities = words([7, 8, 13]);
        draft.channel = text(fields.get(10));
        draft.time = utc(fields.get(24), fields.get(25));
        (draft.signal_dbm, draft.marks) = signal(number(fields.get(5)), number(fields.get(3)));
        draft.place = Place {
            lat: degrees(fields.get(15)),
            lon: degrees(fields.get(16)),
            altitude_m: number(fields.get(19)),
            accuracy_m: None,
            speed_km_h: number(fields.get(21)),
        };
        return vec![draft.into_row(context)];
    }
    let time = |index| written_time(fields.get(index)).and_then(|time| time.time(&Zone::UTC));
    draft.capabilities = words([4, 5, 14]);
    draft.channel = text(fields.get(7));
    draft.time = time(13);
    (draft.signal_dbm, draft.marks) = signal(number(fields.get(17)), number(fields.get(3)));
    draft.place = Place {
        lat: degrees(fields.get(8)),
        lon: degrees(fields.get(9)),
        ..Place::default()
    };
    summary::rows(time(12), draft, context)
}
