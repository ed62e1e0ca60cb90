//! `NetStumbler`: its binary files, `.ns1`, and the text form of it and of other programs, wi-scan.

use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::ControlFlow;

use super::summary;
use super::vistumbler::degrees;
use crate::import::clock::{civil, digits, time_of_day, unix_time};
use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Origin, Row, Rows};
use crate::import::values::{Draft, Place, address, number, text};
use crate::import::zone::Zone;
use crate::report::{MacAddr, UnixTime};

/// Most points of one access point that are taken.
const POINTS_MAX: u32 = 1_000_000;
/// Longest information elements that are read, in bytes. A beacon has no more.
const ELEMENTS_BYTES_MAX: u32 = 4096;
/// Longest name of a program, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Flags of an access point.
const IBSS: u32 = 0x2;
const PRIVACY: u32 = 0x10;

/// Reads `.ns1`.
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
    let mut binary = Binary { input };
    match read_binary(&mut binary, context, rows) {
        Ok(()) => Ok(Ending::default()),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Ending {
            is_cut: true,
            ..Ending::default()
        }),
        Err(error) => Err(error.into()),
    }
}

fn read_binary(
    binary: &mut Binary<'_>,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> io::Result<()> {
    rows.origin(&Origin::Program {
        name: "NetStumbler".into(),
    });
    let _magic: [u8; 4] = binary.octets()?;
    let (version, count) = (binary.u32()?, binary.u32()?);
    let mut line = 0;
    for _ in 0..count {
        let (access_point, ended) = AccessPoint::read(binary, version);
        let flow = access_point.map_or(ControlFlow::Continue(()), |read| {
            read.give(&mut line, context, rows)
        });
        ended?;
        if flow.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Numbers in little endian.
struct Binary<'i> {
    input: &'i mut dyn BufRead,
}

impl Binary<'_> {
    fn octets<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut octets = [0; N];
        self.input.read_exact(&mut octets)?;
        Ok(octets)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.octets().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> io::Result<i32> {
        self.octets().map(i32::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.octets().map(u64::from_le_bytes)
    }

    fn f64(&mut self) -> io::Result<f64> {
        self.octets().map(f64::from_le_bytes)
    }

    /// A text with its length in front.
    fn text(&mut self) -> io::Result<Vec<u8>> {
        let [length] = self.octets()?;
        let mut text = vec![0; usize::from(length)];
        self.input.read_exact(&mut text)?;
        Ok(text)
    }

    /// A time, in units of 100 ns since 1601.
    fn time(&mut self) -> io::Result<Option<UnixTime>> {
        const UNITS_PER_S: u64 = 10_000_000;
        const SECONDS_TO_1970: u64 = 11_644_473_600;
        let units = self.u64()?;
        let seconds = (units / UNITS_PER_S).checked_sub(SECONDS_TO_1970);
        let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok());
        Ok(seconds.and_then(|seconds| unix_time(seconds.into())))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut *self.input).take(bytes), &mut io::sink())?;
        if skipped < bytes {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// One sighting of an access point.
struct Seen {
    time: Option<UnixTime>,
    dbm: i32,
    place: Place,
}

#[derive(Default)]
struct AccessPoint {
    name: Vec<u8>,
    address: [u8; 6],
    best: Best,
    flags: u32,
    /// A bit for each channel.
    channels: u64,
    points: Vec<Seen>,
    /// How many points were left out because there are too many.
    left_out: u32,
    /// Security as Vistumbler writes it.
    security: u32,
    elements: Vec<u8>,
}

/// The summary of an access point.
#[derive(Default)]
struct Best {
    dbm: i32,
    first: Option<UnixTime>,
    last: Option<UnixTime>,
    place: Place,
}

impl AccessPoint {
    /// Gives what could be read also if the file breaks off behind the first points.
    fn read(binary: &mut Binary<'_>, version: u32) -> (Option<Self>, io::Result<()>) {
        let mut read = Self::default();
        let (head, points) = match read.read_head(binary, version) {
            Ok(points) => (Ok(()), points),
            Err(error) => (Err(error), 0),
        };
        if head.is_err() {
            return (None, head);
        }
        let ended = read
            .read_points(binary, points)
            .and_then(|()| read.read_end(binary, version));
        (Some(read), ended)
    }

    /// Reads up to the number of points.
    fn read_head(&mut self, binary: &mut Binary<'_>, version: u32) -> io::Result<u32> {
        self.name = binary.text()?;
        self.address = binary.octets()?;
        self.best.dbm = binary.i32()?;
        let (_noise_min, _snr_max) = (binary.i32()?, binary.i32()?);
        if version < 8 {
            self.channels = binary.u32()?.into();
        }
        self.flags = binary.u32()?;
        let _beacon_interval = binary.u32()?;
        (self.best.first, self.best.last) = (binary.time()?, binary.time()?);
        self.best.place = Place {
            lat: Some(binary.f64()?),
            lon: Some(binary.f64()?),
            ..Place::default()
        };
        binary.u32()
    }

    fn read_points(&mut self, binary: &mut Binary<'_>, count: u32) -> io::Result<()> {
        const WITH_PLACE: i32 = 1;
        for _ in 0..count {
            let time = binary.time()?;
            let (dbm, _noise, source) = (binary.i32()?, binary.i32()?, binary.i32()?);
            let mut place = Place::default();
            if source == WITH_PLACE {
                place.lat = Some(binary.f64()?);
                place.lon = Some(binary.f64()?);
                place.altitude_m = Some(binary.f64()?).filter(|metres| *metres != 0.0);
                let _satellites = binary.u32()?;
                // Speed, track, magnetic variation, dilution of precision.
                binary.skip(4 * 8)?;
            }
            let seen = Seen { time, dbm, place };
            if self.left_out == 0 && self.points.len() < usize::try_from(POINTS_MAX).unwrap_or(0) {
                self.points.push(seen);
            } else {
                self.left_out += 1;
            }
        }
        Ok(())
    }

    /// Reads what stands behind the points.
    fn read_end(&mut self, binary: &mut Binary<'_>, version: u32) -> io::Result<()> {
        let _name = binary.text()?;
        if 8 <= version {
            self.channels = binary.u64()?;
            let channel = binary.u32()?;
            // The last channel is the one of the flags.
            if (1..64).contains(&channel) {
                self.channels = 1 << channel;
            }
            let _address = binary.u32()?;
        }
        if 11 <= version {
            // Least signal, largest noise, rate, subnet, mask.
            binary.skip(5 * 4)?;
        }
        if 12 <= version {
            self.security = binary.u32()?;
            let length = binary.u32()?;
            let kept = length.min(ELEMENTS_BYTES_MAX);
            self.elements.resize(usize::try_from(kept).unwrap_or(0), 0);
            binary.input.read_exact(&mut self.elements)?;
            binary.skip((length - kept).into())?;
        }
        Ok(())
    }

    fn give(self, line: &mut u64, context: &Context<'_>, rows: &mut dyn Rows) -> ControlFlow<()> {
        let mut base = Draft::wifi(MacAddr::new(self.address));
        base.name = Cow::Borrowed(&self.name);
        base.capabilities = self.capabilities().into();
        base.channel = channel_of(self.channels).into();
        let mut give = |row: Row| {
            *line += 1;
            rows.row(*line, row)
        };
        if self.points.is_empty() {
            let Best {
                dbm,
                first,
                last,
                place,
            } = self.best;
            base.time = last;
            base.signal_dbm = Some(dbm.into());
            base.place = place;
            let mut given = summary::rows(first, base, context).into_iter();
            return given.try_for_each(give);
        }
        for seen in self.points {
            let mut draft = base.clone();
            draft.time = seen.time;
            draft.signal_dbm = Some(seen.dbm.into());
            draft.place = seen.place;
            give(draft.into_row(context))?;
        }
        for _ in 0..self.left_out {
            let reason = format!("point: the access point has more than {POINTS_MAX}");
            give(Row::Refused(reason))?;
        }
        ControlFlow::Continue(())
    }

    fn capabilities(&self) -> String {
        let mut capabilities = of_elements(&self.elements);
        if self.flags & PRIVACY != 0 && capabilities.is_empty() {
            capabilities = of_vistumbler(self.security);
        }
        with_topology(
            capabilities,
            self.flags & PRIVACY != 0,
            self.flags & IBSS != 0,
        )
    }
}

/// Privacy without a block for WPA is taken as WEP.
fn with_topology(mut capabilities: String, is_private: bool, is_ad_hoc: bool) -> String {
    if capabilities.is_empty() && is_private {
        capabilities.push_str("[WEP]");
    }
    capabilities.push_str(if is_ad_hoc { "[IBSS]" } else { "[ESS]" });
    capabilities
}

/// The channel, if there is just one.
fn channel_of(bits: u64) -> String {
    if bits.count_ones() != 1 {
        return String::new();
    }
    bits.trailing_zeros().to_string()
}

/// The bits that Vistumbler writes for the security.
fn of_vistumbler(bits: u32) -> String {
    const BLOCKS: [(u32, &str); 6] = [
        (0x1, "WPA-PSK"),
        (0x2, "WPA-EAP"),
        (0x4, "WPA2-PSK"),
        (0x8, "WPA2-EAP"),
        (0x10, "RSN-SAE"),
        (0x20, "RSN-OWE"),
    ];
    const CIPHERS: [(u32, &str); 3] = [(0x40, "TKIP"), (0x80, "CCMP"), (0x100, "GCMP")];
    let named = |names: &[(u32, &'static str)]| -> Vec<&'static str> {
        let set = names.iter().filter(|(bit, _)| bits & bit != 0);
        set.map(|(_, name)| *name).collect()
    };
    let ciphers = named(&CIPHERS).join("+");
    let mut capabilities = String::new();
    for block in named(&BLOCKS) {
        let end = if ciphers.is_empty() { "" } else { "-" };
        capabilities.extend(["[", block, end, &ciphers, "]"]);
    }
    capabilities
}

/// The elements RSN and WPA of a beacon.
fn of_elements(mut elements: &[u8]) -> String {
    const RSN: u8 = 48;
    const VENDOR: u8 = 221;
    const WPA: &[u8] = &[0x00, 0x50, 0xf2, 1];
    let mut capabilities = String::new();
    while let [id, length, rest @ ..] = elements {
        let Some((element, after)) = rest.split_at_checked(usize::from(*length)) else {
            break;
        };
        elements = after;
        let block = match (*id, element.strip_prefix(WPA)) {
            (RSN, _) => of_suites("RSN", element),
            (VENDOR, Some(element)) => of_suites("WPA", element),
            _ => continue,
        };
        capabilities.push_str(&block);
    }
    capabilities
}

/// Version, cipher of groups, ciphers of pairs, and key managements. An element may end behind each of them.
fn of_suites(protocol: &str, element: &[u8]) -> String {
    let mut rest = element.get(2 + 4..).unwrap_or_default();
    let mut kinds = || -> Vec<u8> {
        let Some((count, suites)) = rest.split_at_checked(2) else {
            return Vec::new();
        };
        let count = count
            .iter()
            .rev()
            .fold(0, |count, octet| count << 8 | usize::from(*octet));
        let (suites, after) = suites
            .split_at_checked(count.saturating_mul(4))
            .unwrap_or((suites, &[]));
        rest = after;
        let suites = suites.chunks_exact(4).filter_map(<[u8]>::last);
        suites.copied().collect()
    };
    let (ciphers, akms) = (kinds(), kinds());
    let named = |kinds: &[u8], names: &[(u8, &'static str)]| -> String {
        let mut found: Vec<&str> = Vec::new();
        for (_, name) in names.iter().filter(|(kind, _)| kinds.contains(kind)) {
            if !found.contains(name) {
                found.push(name);
            }
        }
        found.join("+")
    };
    let akms = named(
        &akms,
        &[
            (1, "EAP"),
            (3, "EAP"),
            (5, "EAP"),
            (11, "EAP"),
            (12, "EAP"),
            (2, "PSK"),
            (4, "PSK"),
            (6, "PSK"),
            (8, "SAE"),
            (9, "SAE"),
            (18, "OWE"),
        ],
    );
    let ciphers = named(
        &ciphers,
        &[
            (2, "TKIP"),
            (4, "CCMP"),
            (8, "GCMP"),
            (9, "GCMP"),
            (10, "CCMP"),
        ],
    );
    let parts = [protocol, &akms, &ciphers];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("[{}]", parts.join("-"))
}

/// Reads wi-scan.
pub(crate) fn read_text(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_text_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_text_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let bytes_max = context.bounds.line_bytes_max;
    let mut lines = Lines::new(input, bytes_max);
    let mut file = WiScan {
        context,
        date: None,
        is_summary: false,
        days: 0,
        second_of_day: 0,
    };
    while let Some(line) = lines.next()? {
        let flow = if line.is_too_long {
            let reason = format!("line: longer than {bytes_max} bytes");
            rows.row(line.number, Row::Refused(reason))
        } else if let Some(comment) = line.bytes.strip_prefix(b"#") {
            file.comment(&text(comment), rows);
            ControlFlow::Continue(())
        } else if line.bytes.trim_ascii().is_empty() {
            ControlFlow::Continue(())
        } else {
            let row = file.row(&line.bytes);
            rows.row(
                line.number,
                row.unwrap_or_else(|reason| Row::Refused(reason.to_owned())),
            )
        };
        if flow.is_break() {
            break;
        }
        lines.reuse(line);
    }
    Ok(Ending::default())
}

struct WiScan<'c> {
    context: &'c Context<'c>,
    /// The start of the last date, in seconds since 1970.
    date: Option<UnixTime>,
    /// One row for each device, not in the order of times.
    is_summary: bool,
    /// Days since the last date.
    days: u32,
    /// The time of the last row.
    second_of_day: u32,
}

impl WiScan<'_> {
    fn comment(&mut self, comment: &str, rows: &mut dyn Rows) {
        let comment = comment.trim();
        if let Some(program) = comment.strip_prefix("$Creator:") {
            // The comment may end in the `$` that version control puts there.
            let name = program.trim().trim_end_matches('$').trim();
            let name: String = name.chars().take(NAME_CHARS_MAX).collect();
            rows.origin(&Origin::Program { name: name.into() });
        } else if let Some(format) = comment.strip_prefix("$Format:") {
            self.is_summary = format.contains("summary");
        } else if let Some(date) = comment.strip_prefix("$DateGMT:") {
            (self.days, self.second_of_day) = (0, 0);
            self.date = date_of(date.trim().as_bytes());
        }
    }

    fn row(&mut self, line: &[u8]) -> Result<Row, &'static str> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or_default().trim_ascii();
        if fields.len() < 7 {
            return Err("row: fewer than 7 fields");
        }
        let bssid = in_brackets(field(4)).and_then(address);
        let address: MacAddr = bssid.ok_or("BSSID: not a hardware address")?;
        let mut draft = Draft::wifi(address);
        draft.name = Cow::Borrowed(in_brackets(field(2)).unwrap_or_default());
        draft.time = self.time(field(5));
        draft.signal_dbm = signal(field(6));
        draft.place = Place {
            lat: degrees(field(0)),
            lon: degrees(field(1)),
            ..Place::default()
        };
        draft.marks.is_summary = self.is_summary;
        let bits = |field: &[u8]| {
            let digits = std::str::from_utf8(field).ok()?;
            u64::from_str_radix(digits, 16).ok()
        };
        let kind = text(field(3)).to_ascii_lowercase();
        let is_ad_hoc = matches!(&*kind, "ibss" | "ad-hoc");
        if let Some(flags) = bits(field(8)) {
            let is_private = flags & u64::from(PRIVACY) != 0;
            draft.capabilities = with_topology(String::new(), is_private, is_ad_hoc).into();
        }
        draft.channel = bits(field(9)).map(channel_of).unwrap_or_default().into();
        Ok(draft.into_row(self.context))
    }

    /// `02:59:43 (GMT)`. A time of day that is earlier than the one before belongs to the next day.
    fn time(&mut self, field: &[u8]) -> Option<UnixTime> {
        const DAY_S: u32 = 24 * 60 * 60;
        let clock = field.split(|byte| *byte == b' ').next()?;
        let ([hour, minute, second], _) = time_of_day(clock)?;
        let second_of_day = u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second);
        if DAY_S <= second_of_day {
            return None;
        }
        if !self.is_summary && second_of_day < self.second_of_day {
            self.days += 1;
        }
        self.second_of_day = second_of_day;
        let since = self.days.checked_mul(DAY_S)?.checked_add(second_of_day)?;
        let seconds = self.date?.seconds().checked_add(since)?;
        unix_time(seconds.into())
    }
}

/// The start of the day `2009-06-28`. Programs write 1970 if they have no date.
fn date_of(text: &[u8]) -> Option<UnixTime> {
    let mut parts = text.split(|byte| *byte == b'-');
    let mut part = || digits(parts.next()?, 4).map(|(number, _)| number);
    let date = [part()?, part()?, part()?];
    Zone::UTC.time_of(civil(date, [0, 0, 0])?)
}

/// What stands between `( ` and the last ` )`.
fn in_brackets(field: &[u8]) -> Option<&[u8]> {
    let inner = field.strip_prefix(b"(")?.strip_suffix(b")")?;
    let inner = inner.strip_prefix(b" ").unwrap_or(inner);
    Some(inner.strip_suffix(b" ").unwrap_or(inner))
}

/// `[ SNR Sig Noise ]`. The numbers are dBm and 149. Programs that have no dBm write a noise of 0.
fn signal(field: &[u8]) -> Option<f64> {
    const OFFSET: f64 = 149.0;
    let inner = field.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let mut numbers = inner
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(number);
    let (_snr, signal, noise) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (noise != 0.0).then_some(signal - OFFSET)
}
