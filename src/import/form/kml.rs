//! KML: placemarks of devices, and tracks.
//!
//! A placemark names its device in a description for people, differently for each writer. It is a summary, so its place
//! need not be that of its time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::ControlFlow;

use super::summary::{self, LocalZone, capabilities_of_word, is_hidden};
use super::wiglecsv::kind_of_word;
use crate::import::clock::unix_time;
use crate::import::rows::{Context, Ending, FileError, Input, Marks, Point, Row, Rows};
use crate::import::values::{Draft, Place, address, find_address, number};
use crate::import::xml::{Element, Step, Xml};
use crate::report::{Phy, UnixTime};

/// Most fields of a placemark that are kept.
const FIELDS_MAX: usize = 100;

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
    let mut xml = Xml::new(input);
    let mut zone = LocalZone::new(context, None);
    let mut placemark = Placemark::default();
    let mut track = Track::default();
    loop {
        let flow = match xml.step()? {
            Step::Open => {
                if let Some(element) = xml.innermost() {
                    match &*element.name {
                        "Placemark" => placemark = Placemark::default(),
                        "Track" => track = Track::default(),
                        _ => {}
                    }
                }
                ControlFlow::Continue(())
            }
            Step::Close(element) => match &*element.name {
                "Placemark" => {
                    let placemark = std::mem::take(&mut placemark);
                    let given = placemark.rows(&mut zone, context);
                    let mut given = given.into_iter();
                    given.try_for_each(|row| rows.row(element.line, row))
                }
                "when" | "coord" if xml.parent() == "Track" => match track.point(&element) {
                    Some(point) => rows.point(point),
                    None => ControlFlow::Continue(()),
                },
                _ => {
                    placemark.take(&element, &mut xml);
                    ControlFlow::Continue(())
                }
            },
            Step::End { is_cut } => {
                return Ok(Ending {
                    is_cut,
                    notes: zone.notes(),
                    ..Ending::default()
                });
            }
        };
        if flow == ControlFlow::Break(()) {
            return Ok(Ending::default());
        }
    }
}

/// A `gx:Track`. Times and coordinates alternate, or all times come first.
#[derive(Debug, Default)]
struct Track {
    times: std::collections::VecDeque<UnixTime>,
}

impl Track {
    /// Times that wait for their coordinates. A device that records for a week each second has as many.
    const TIMES_MAX: usize = 1_000_000;

    fn point(&mut self, element: &Element) -> Option<Point> {
        if element.name == "when" {
            let time = crate::import::clock::written_time(element.octets());
            let time = time.and_then(|time| time.time(&crate::import::zone::Zone::UTC));
            // A time that cannot be read still belongs to one of the coordinates.
            if self.times.len() < Self::TIMES_MAX {
                self.times.push_back(time.unwrap_or(UnixTime::new(0)));
            }
            return None;
        }
        let time = self.times.pop_front()?;
        let position = place(&element.text(), char::is_whitespace).position()?;
        (UnixTime::CLOCK_MIN <= time).then_some(Point { time, position })
    }
}

/// Longitude, latitude and altitude, in this order.
fn place(text: &str, mark: impl Fn(char) -> bool) -> Place {
    let mut parts = text
        .trim()
        .split(mark)
        .map(|part| number(part.trim().as_bytes()));
    let (lon, lat) = (parts.next().flatten(), parts.next().flatten());
    Place {
        lat,
        lon,
        altitude_m: parts.next().flatten(),
        ..Place::default()
    }
}

/// What a placemark says.
#[derive(Debug, Default)]
struct Placemark {
    name: String,
    place: Place,
    /// The fields of the description and of the extended data, by their names in small letters.
    fields: BTreeMap<String, String>,
    /// All of the description, for an address somewhere in it.
    description: String,
    /// The value of the `Data` element that is open.
    value: String,
    is_a_point: bool,
}

impl Placemark {
    /// Takes an element in the placemark.
    fn take(&mut self, element: &Element, xml: &mut Xml<'_>) {
        let text = element.text();
        match &*element.name {
            "name" if xml.parent() == "Placemark" => self.name = text.into_owned(),
            "description" if xml.parent() == "Placemark" => self.describe(&text),
            "coordinates" if xml.parent() == "Point" => {
                self.place = place(&text, |mark| mark == ',');
                self.is_a_point = true;
            }
            "value" => self.value = text.into_owned(),
            "Data" | "SimpleData" => {
                let value = std::mem::take(&mut self.value);
                let value = if element.name == "Data" {
                    value
                } else {
                    text.into_owned()
                };
                if let Some(name) = element.attribute("name") {
                    self.set(&name, value);
                }
            }
            "begin" | "end" | "when" => self.set(&element.name, text.into_owned()),
            // Tags for people in a description that somebody did not escape.
            "b" | "i" | "td" | "th" | "p" | "a" | "font" | "span" | "br" | "tr" => {
                if let Some(parent) = xml.innermost() {
                    parent.append(text.as_bytes());
                    if matches!(&*element.name, "br" | "tr" | "p") {
                        parent.append(b"\n");
                    }
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, name: &str, value: String) {
        if self.fields.len() < FIELDS_MAX {
            let name = name.trim().to_ascii_lowercase();
            self.fields.entry(name).or_insert(value);
        }
    }

    /// Reads `Name: value` of each line.
    fn describe(&mut self, html: &str) {
        let text = lines_of_html(html);
        for line in text.lines() {
            if let Some((name, value)) = line.split_once(':') {
                self.set(name, value.trim().to_owned());
            }
        }
        self.description = text;
    }

    /// The first of these fields that is not empty.
    fn field(&self, names: &[&str]) -> &str {
        let mut values = names.iter().filter_map(|name| self.fields.get(*name));
        values
            .find(|value| !value.trim().is_empty())
            .map_or("", |value| value.trim())
    }

    fn number(&self, names: &[&str]) -> Option<f64> {
        number(self.field(names).as_bytes())
    }

    fn rows(self, zone: &mut LocalZone<'_>, context: &Context<'_>) -> Vec<Row> {
        let id = self.field(&["network id", "bssid", "mac", "mac address", "address"]);
        let phy = match kind_of_word(self.field(&["type"]), self.field(&["phy"])) {
            Ok(phy) => phy,
            Err(other) => return vec![Row::Other(other)],
        };
        let address = match address(id.as_bytes()) {
            Some(address) => address,
            // Numbers of a cell: network, area, cell.
            None if id.contains('_') => return vec![Row::Other("cell")],
            None => match self.any_address() {
                Some(address) => address,
                None if self.is_a_point => {
                    let reason = "address: the placemark names none".to_owned();
                    return vec![Row::Refused(reason)];
                }
                // A line, or a place without a device.
                None => return Vec::new(),
            },
        };
        let (first, last) = self.times(zone);
        let capabilities = match self.field(&["capabilities"]) {
            "" => Cow::Owned(capabilities_of_word(self.field(&[
                "encryption",
                "security",
                "auth",
                "authentication",
            ]))),
            stated => Cow::Borrowed(stated),
        };
        let mut marks = Marks::default();
        marks.add_tag("rcois", self.field(&["roamingcois"]));
        marks.add_tag("mfgrid", self.field(&["manufacturerid"]));
        marks.add_tag("service", self.field(&["service"]));
        let draft = Draft {
            phy,
            address,
            time: last.or(first),
            name: self.octets_of_name(phy),
            capabilities,
            device_type: Cow::default(),
            channel: Cow::Borrowed(self.field(&["channel"])),
            frequency: self.number(&["frequency", "frequency_khz"]),
            width: None,
            signal_dbm: self.number(&["signal", "maxrssi", "signal_strongest_dbm", "rssi"]),
            place: Place {
                accuracy_m: self.number(&["accuracy"]),
                ..self.place
            },
            marks,
        };
        summary::rows(first, draft, context)
    }

    fn any_address(&self) -> Option<crate::report::MacAddr> {
        let in_name = || find_address(self.name.as_bytes());
        find_address(self.description.as_bytes())
            .or_else(in_name)
            .map(|(_, address)| address)
    }

    /// The first and the last time.
    fn times(&self, zone: &mut LocalZone<'_>) -> (Option<UnixTime>, Option<UnixTime>) {
        if let Some(time) = self.number(&["timestamp"]).and_then(unix_time) {
            return (None, Some(time));
        }
        let first = [
            "firstseen",
            "first seen",
            "first_seen",
            "first active",
            "begin",
        ];
        let last = [
            "lastseen",
            "last seen",
            "last_seen",
            "last active",
            "end",
            "time",
            "date",
            "when",
        ];
        let mut time = |names: &[&str]| zone.text(self.field(names).as_bytes());
        (time(&first), time(&last))
    }

    fn octets_of_name(&self, phy: Phy) -> Cow<'_, [u8]> {
        let octets = crate::hex::bytes::<Vec<u8>>(self.field(&["ssid_hex"]));
        if let Some(octets) = octets.filter(|octets| !octets.is_empty()) {
            return Cow::Owned(octets);
        }
        let stated = self.field(&["ssid"]);
        let name = if stated.is_empty() {
            self.name.as_str()
        } else {
            stated
        };
        // Some write the address where the name is not known.
        let is_address = address(name.as_bytes()).is_some();
        if is_hidden(name) || is_address {
            return Cow::default();
        }
        match phy {
            Phy::Wifi => Cow::Borrowed(name.as_bytes()),
            Phy::Bluetooth => Cow::Borrowed(name.trim().as_bytes()),
        }
    }
}

/// The text of HTML, with a line for each that it shows.
fn lines_of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, from)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, after)) = from.split_once('>') else {
            rest = from;
            continue;
        };
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        match &*name.to_ascii_lowercase() {
            "br" | "p" | "tr" | "div" | "li" | "table" => text.push('\n'),
            // The first cell of a row names the second.
            "td" | "th" if tag.starts_with('/') => {
                let line = text.rsplit('\n').next().unwrap_or_default();
                text.push_str(if line.contains(':') { "" } else { ":" });
            }
            _ => {}
        }
        rest = after;
    }
    text.push_str(rest);
    text
}
