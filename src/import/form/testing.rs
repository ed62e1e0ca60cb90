//! Readers of forms in tests: what they give, as text.

use std::fmt::Write;
use std::io::BufRead;
use std::ops::ControlFlow;

use crate::import::rows::{
    Bounds, Companion, Context, Ending, FileError, Marks, Origin, Point, Row, Rows, Sighting,
};
use crate::import::zone::Zone;
use crate::report::{self, UnixTime};

/// A reader of what a buffer gives.
pub(crate) type ReadFrom =
    fn(&mut dyn BufRead, &Context<'_>, &mut dyn Rows) -> Result<Ending, FileError>;

/// The end of 2026.
const LATEST: UnixTime = UnixTime::new(1_798_761_600);

/// All that a reader gave.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Collected {
    pub(crate) rows: Vec<(u64, Row)>,
    pub(crate) points: Vec<Point>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) ending: Ending,
}

impl Rows for Collected {
    fn row(&mut self, line: u64, row: Row) -> ControlFlow<()> {
        self.rows.push((line, row));
        ControlFlow::Continue(())
    }

    fn point(&mut self, point: Point) -> ControlFlow<()> {
        self.points.push(point);
        ControlFlow::Continue(())
    }

    fn origin(&mut self, origin: &Origin) {
        if self.origins.last() != Some(origin) {
            self.origins.push(origin.clone());
        }
    }
}

/// The context of an upload of one file.
pub(crate) fn context<'a>(zone: Option<&'a Zone>, companions: &'a [Companion]) -> Context<'a> {
    Context {
        zone,
        time: None,
        latest: LATEST,
        companions,
        bounds: Bounds::default(),
        points_only: false,
    }
}

pub(crate) fn read(reader: ReadFrom, bytes: &[u8]) -> Collected {
    read_with(reader, bytes, &context(None, &[]))
}

pub(crate) fn read_with(reader: ReadFrom, bytes: &[u8], context: &Context<'_>) -> Collected {
    let mut collected = Collected::default();
    let mut input = bytes;
    collected.ending = reader(&mut input, context, &mut collected).unwrap();
    collected
}

impl Collected {
    /// One line for each row: its number, and what it says.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (line, row) in &self.rows {
            writeln!(text, "{line}: {}", row_text(row)).unwrap();
        }
        for point in &self.points {
            let (lat, lon) = (point.position.lat_e7(), point.position.lon_e7());
            let altitude = point.position.alt_mm();
            writeln!(text, "{} at {lat} {lon} {altitude:?}", point.time.seconds()).unwrap();
        }
        if self.ending != Ending::default() {
            writeln!(text, "{:?}", self.ending).unwrap();
        }
        text
    }
}

fn row_text(row: &Row) -> String {
    match row {
        Row::Sighting(sighting) => sighting_text(sighting),
        Row::Other(kind) => format!("other: {kind}"),
        Row::Refused(reason) => format!("refused: {reason}"),
    }
}

fn sighting_text(sighting: &Sighting) -> String {
    let mut text = match &sighting.seen {
        report::Sighting::Wifi(wifi) => {
            let security = wifi.capabilities.as_ref();
            let security = security.map_or("-", |capabilities| capabilities.raw());
            format!(
                "{} {:?} {security}",
                wifi.bssid.addr(),
                wifi.ssid.to_string()
            )
        }
        report::Sighting::Bluetooth(device) => {
            let name = device.name.as_deref().unwrap_or_default();
            let kind = device.device_type.as_deref().unwrap_or("-");
            format!("BT {} {name:?} {kind}", device.addr.addr())
        }
    };
    match sighting.time {
        Some(time) => write!(text, " @{}", time.seconds()).unwrap(),
        None => text.push_str(" @-"),
    }
    if let Some(channel) = sighting.channel
        && channel.as_str() != "FHSS"
    {
        write!(text, " ch{}", channel.as_str()).unwrap();
    }
    if let Some(frequency) = sighting.frequency
        && frequency.khz() != 2_400_000
    {
        write!(text, " {}kHz", frequency.khz()).unwrap();
    }
    if let Some(signal) = sighting.signal {
        write!(text, " {}dBm", signal.get()).unwrap();
    }
    if let Some(position) = sighting.position {
        write!(text, " {},{}", position.lat_e7(), position.lon_e7()).unwrap();
        if let Some(alt_mm) = position.alt_mm() {
            write!(text, ",{alt_mm}mm").unwrap();
        }
        if position.speed_m_h() != 0 {
            write!(text, " {}m/h", position.speed_m_h()).unwrap();
        }
    }
    if let Some(accuracy) = sighting.accuracy {
        write!(text, " ±{}mm", accuracy.mm()).unwrap();
    }
    if sighting.marks != Marks::default() {
        let marks = &sighting.marks;
        for (is_set, mark) in [
            (marks.is_summary, "summary"),
            (marks.is_guessed, "guessed"),
            (marks.is_percent, "percent"),
            (marks.is_on_track, "track"),
        ] {
            text.push_str(if is_set { " #" } else { "" });
            text.push_str(if is_set { mark } else { "" });
        }
    }
    text
}
