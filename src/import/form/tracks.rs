//! Files of positions only: GPX, JSON of gpsd, NMEA.

use std::io::BufRead;
use std::ops::ControlFlow;

use serde::Deserialize;

use crate::import::clock::{civil, digits, unix_time, written_time};
use crate::import::lines::Lines;
use crate::import::rows::{Context, Ending, FileError, Input, Point, Rows};
use crate::import::values::{Place, number};
use crate::import::xml::{Step, Xml};
use crate::import::zone::Zone;
use crate::report::UnixTime;

/// Reads GPX.
pub(crate) fn read_gpx(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_gpx_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_gpx_from(
    input: &mut dyn BufRead,
    _context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut xml = Xml::new(input);
    let (mut time, mut altitude_m, mut speed_m_s) = (None, None, None);
    loop {
        match xml.step()? {
            Step::Open => {}
            Step::Close(element) => {
                let is_of_point = matches!(xml.parent(), "trkpt" | "rtept" | "wpt");
                match &*element.name {
                    "time" if is_of_point => {
                        time = written_time(element.octets())
                            .and_then(|written| written.time(&Zone::UTC));
                    }
                    "ele" if is_of_point => altitude_m = number(element.octets()),
                    "speed" => speed_m_s = number(element.octets()),
                    "trkpt" | "rtept" | "wpt" => {
                        let degrees = |name| number(element.attribute_octets(name)?);
                        let place = Place {
                            lat: degrees("lat"),
                            lon: degrees("lon"),
                            altitude_m: altitude_m.take(),
                            speed_km_h: speed_m_s.take().map(|speed: f64| speed * 3.6),
                            accuracy_m: None,
                        };
                        if give(time.take(), place, rows).is_break() {
                            return Ok(Ending::default());
                        }
                    }
                    _ => {}
                }
            }
            Step::End { is_cut } => {
                return Ok(Ending {
                    is_cut,
                    ..Ending::default()
                });
            }
        }
    }
}

/// Passes on a point that has a time and a place.
fn give(time: Option<UnixTime>, place: Place, rows: &mut dyn Rows) -> ControlFlow<()> {
    match (time, place.position()) {
        (Some(time), Some(position)) => rows.point(Point { time, position }),
        _ => ControlFlow::Continue(()),
    }
}

/// Reads the JSON of gpsd, an object on each line.
pub(crate) fn read_gpsd(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_gpsd_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_gpsd_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    /// A fix has at least two dimensions from here on.
    const MODE_2D: i64 = 2;
    const MODE_3D: i64 = 3;

    each_line(input, context, &mut |line| {
        let Ok(fix) = serde_json::from_slice::<Fix>(line) else {
            return ControlFlow::Continue(());
        };
        if fix.class != "TPV" || fix.mode < MODE_2D {
            return ControlFlow::Continue(());
        }
        let time = match &fix.time {
            Some(Time::Text(text)) => {
                written_time(text.as_bytes()).and_then(|written| written.time(&Zone::UTC))
            }
            Some(Time::Number(number)) => unix_time(*number),
            None => None,
        };
        let place = Place {
            lat: fix.lat,
            lon: fix.lon,
            altitude_m: fix.alt_msl.or(fix.alt).filter(|_| MODE_3D <= fix.mode),
            speed_km_h: fix.speed.map(|speed| speed * 3.6),
            accuracy_m: None,
        };
        give(time, place, rows)
    })
}

/// A fix of gpsd, with the parts that are read.
#[derive(Debug, Deserialize)]
struct Fix {
    class: String,
    #[serde(default)]
    mode: i64,
    #[serde(default)]
    time: Option<Time>,
    #[serde(default)]
    lat: Option<f64>,
    #[serde(default)]
    lon: Option<f64>,
    #[serde(default)]
    alt: Option<f64>,
    #[serde(default, rename = "altMSL")]
    alt_msl: Option<f64>,
    /// In m/s.
    #[serde(default)]
    speed: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Time {
    Text(String),
    Number(f64),
}

/// Passes each line that is not too long.
fn each_line(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Ending, FileError> {
    let mut lines = Lines::new(input, context.bounds.line_bytes_max);
    while let Some(line) = lines.next()? {
        if !line.is_too_long && take(line.bytes.trim_ascii()).is_break() {
            return Ok(Ending::default());
        }
        lines.reuse(line);
    }
    Ok(Ending::default())
}

/// Reads NMEA 0183: RMC for time and place, GGA for the altitude of the same second.
pub(crate) fn read_nmea(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_nmea_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_nmea_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut pair = Pair::default();
    let ending = each_line(input, context, &mut |line| match sentence(line) {
        Some(fields) => pair.take(&fields, rows),
        None => ControlFlow::Continue(()),
    })?;
    // The last one is given as well, if the reading was not ended: then nothing more is taken anyway.
    let _flow = pair.finish(rows);
    Ok(ending)
}

/// The two sentences of a second, in either order.
#[derive(Default)]
struct Pair {
    /// Time of day and altitude of the last GGA.
    altitude: Option<(Vec<u8>, f64)>,
    /// Time of day, time and place of an RMC that waits for its GGA.
    waiting: Option<(Vec<u8>, UnixTime, Place)>,
}

impl Pair {
    fn take(&mut self, fields: &[&[u8]], rows: &mut dyn Rows) -> ControlFlow<()> {
        let kind = fields.first().and_then(|talker| talker.get(2..));
        match (kind, fields) {
            (Some(b"RMC"), [_, clock, b"A", lat, north, lon, east, knots, _, date, ..]) => {
                self.finish(rows)?;
                let place = Place {
                    lat: degrees(lat, north, b"S"),
                    lon: degrees(lon, east, b"W"),
                    speed_km_h: number(knots).map(|knots| knots * 1.852),
                    ..Place::default()
                };
                if let Some(time) = nmea_time(date, clock) {
                    self.waiting = Some((clock.to_vec(), time, place));
                    self.put_together();
                }
                ControlFlow::Continue(())
            }
            (Some(b"GGA"), [_, clock, _, _, _, _, quality, _, _, altitude, ..]) => {
                self.altitude = number(altitude)
                    .filter(|_| !matches!(*quality, b"" | b"0"))
                    .map(|altitude| (clock.to_vec(), altitude));
                self.put_together();
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn put_together(&mut self) {
        if let (Some((clock, altitude)), Some((waiting, _, place))) =
            (&self.altitude, &mut self.waiting)
            && clock == waiting
        {
            place.altitude_m = Some(*altitude);
        }
    }

    fn finish(&mut self, rows: &mut dyn Rows) -> ControlFlow<()> {
        match self.waiting.take() {
            Some((_, time, place)) => give(Some(time), place, rows),
            None => ControlFlow::Continue(()),
        }
    }
}

/// The fields of a sentence whose checksum is right, or that has none.
fn sentence(line: &[u8]) -> Option<Vec<&[u8]>> {
    let body = line.strip_prefix(b"$")?;
    let body = match memchr::memrchr(b'*', body) {
        None => body,
        Some(star) => {
            let (body, sum) = body.split_at_checked(star)?;
            let sum = crate::hex::byte(sum.get(1..3)?)?;
            let is_right = body.iter().fold(0, |sum, byte| sum ^ byte) == sum;
            is_right.then_some(body)?
        }
    };
    Some(body.split(|byte| *byte == b',').collect())
}

/// `5230.1234` with `N` is 52 degrees and 30.1234 minutes.
fn degrees(field: &[u8], side: &[u8], negative: &[u8]) -> Option<f64> {
    let number = number(field)?;
    let whole = (number / 100.0).trunc();
    let degrees = whole + (number - whole * 100.0) / 60.0;
    (!side.is_empty()).then_some(if side == negative { -degrees } else { degrees })
}

/// `150826` and `101112.00`. A receiver whose count of weeks overflowed shows a time about 20 years ago.
fn nmea_time(date: &[u8], clock: &[u8]) -> Option<UnixTime> {
    let pairs = |text: &[u8]| -> Option<[u16; 3]> {
        let pair = |from: usize| Some(digits(text.get(from..from + 2)?, 2)?.0);
        Some([pair(0)?, pair(2)?, pair(4)?])
    };
    let [day, month, year] = pairs(date)?;
    // GPS began in 1980. The years of two digits go on to 2079.
    let century = if 80 <= year { 1900 } else { 2000 };
    let civil = civil([century + year, month, day], pairs(clock)?)?;
    Zone::UTC.time_of(civil)
}
