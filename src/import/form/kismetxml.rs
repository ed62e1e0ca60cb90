//! XML of Kismet before 2018, and of airodump-ng: networks, and the places of frames.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;

use uuid::Uuid;

use super::Form;
use super::crypt::Crypt;
use super::strongest::Strongest;
use super::summary::{self, LocalZone, Offsets};
use super::wiglecsv::without_octal;
use crate::import::clock::{ctime, unix_time};
use crate::import::rows::{Companion, Context, Ending, FileError, Input, Origin, Point, Row, Rows};
use crate::import::values::{Draft, Place, address, number};
use crate::import::xml::{Element, Step, Xml};
use crate::import::zone::{Civil, Zone};
use crate::report::{MacAddr, UnixTime};

/// Most names of one network that are kept.
const SSIDS_MAX: usize = 64;
/// Most networks that are remembered for the other file of an upload.
const NETWORKS_MAX: usize = 200_000;
/// Most cards of one file that are remembered.
const CARDS_MAX: usize = 64;

/// Reads a file of networks.
pub(crate) fn read_netxml(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let told = match companion(context, Form::Gpsxml) {
        Some(points) => zone_by(points, &mut input.reader()?)?,
        None => None,
    };
    read_netxml_in(&mut input.reader()?, context, told, rows)
}

#[cfg(test)]
pub(crate) fn read_netxml_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_netxml_in(input, context, None, rows)
}

fn read_netxml_in(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    told: Option<Zone>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut zone = LocalZone::new(context, told);
    let mut origins = Origins::default();
    let mut flow = ControlFlow::Continue(());
    let is_cut = networks(input, &mut |found| {
        flow = match found {
            Found::Card(id, name) => {
                origins.add(id, name);
                ControlFlow::Continue(())
            }
            Found::Network(network) => {
                if let Some(origin) = origins.of(network.card.as_deref()) {
                    rows.origin(origin);
                }
                let line = network.line;
                let mut given = network.rows(&mut zone, context).into_iter();
                given.try_for_each(|row| rows.row(line, row))
            }
        };
        flow
    })?;
    if flow.is_break() {
        return Ok(Ending::default());
    }
    Ok(Ending {
        is_cut,
        notes: zone.notes(),
        ..Ending::default()
    })
}

/// The cards of a file, by their UUIDs.
#[derive(Default)]
struct Origins {
    cards: BTreeMap<String, Origin>,
    first: Option<String>,
}

impl Origins {
    fn add(&mut self, id: &str, name: &str) {
        let name = Some(name.trim()).filter(|name| !name.is_empty());
        let uuid = id.trim().parse::<Uuid>().ok();
        if let Some(origin) = uuid.and_then(|uuid| Origin::of_uuid(uuid, name))
            && self.cards.len() < CARDS_MAX
        {
            self.first.get_or_insert_with(|| id.to_owned());
            self.cards.insert(id.to_owned(), origin);
        }
    }

    /// The card that saw a network, else the first of the file.
    fn of(&self, id: Option<&str>) -> Option<&Origin> {
        let seen = id.and_then(|id| self.cards.get(id));
        seen.or_else(|| self.cards.get(self.first.as_deref()?))
    }
}

/// What a file of networks holds.
enum Found<'f> {
    /// The UUID and the name of a card.
    Card(&'f str, &'f str),
    Network(Box<Network>),
}

/// One name of a network.
#[derive(Debug, Default)]
struct Named {
    first: Option<Civil>,
    last: Option<Civil>,
    name: Vec<u8>,
    crypt: Crypt,
}

#[derive(Debug, Default)]
struct Network {
    line: u64,
    kind: String,
    first: Option<Civil>,
    last: Option<Civil>,
    named: Vec<Named>,
    bssid: String,
    channel: String,
    /// The frequency in MHz that most packets came on, with their number.
    frequency: Option<(f64, f64)>,
    signal_dbm: Option<f64>,
    peak: Place,
    average: Place,
    /// UUID of the card that saw it.
    card: Option<String>,
}

/// Reads networks one by one, until `take` ends it. Gives whether the file is cut.
fn networks(
    input: &mut dyn BufRead,
    take: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
) -> Result<bool, FileError> {
    let mut xml = Xml::new(input);
    let mut network = Box::<Network>::default();
    let mut is_of_airodump = false;
    let mut card = (String::new(), String::new());
    loop {
        match xml.step()? {
            Step::Open => {
                let Some(element) = xml.innermost() else {
                    continue;
                };
                match &*element.name {
                    "detection-run" => {
                        let version = element.attribute("kismet-version").unwrap_or_default();
                        is_of_airodump = version.starts_with("airodump");
                        xml.has_octets = is_of_airodump;
                    }
                    "wireless-network" => *network = Network::begun_by(element),
                    "SSID" => network.begin_name(element),
                    "card-source" if element.has_attributes() => {
                        card.0 = element.attribute("uuid").unwrap_or_default().into_owned();
                        card.1.clear();
                    }
                    _ => {}
                }
            }
            Step::Close(element) if xml.is_in("wireless-client") => drop(element),
            Step::Close(element) => {
                let flow = match &*element.name {
                    "wireless-network" => take(Found::Network(std::mem::take(&mut network))),
                    "card-name" => {
                        card.1 = element.text().into_owned();
                        ControlFlow::Continue(())
                    }
                    "card-source" if element.has_attributes() => {
                        take(Found::Card(&card.0, &card.1))
                    }
                    _ => {
                        network.take(&element, xml.parent(), is_of_airodump);
                        ControlFlow::Continue(())
                    }
                };
                if flow.is_break() {
                    return Ok(false);
                }
            }
            Step::End { is_cut } => return Ok(is_cut),
        }
    }
}

fn local(element: &Element, name: &str) -> Option<Civil> {
    ctime(element.attribute(name)?.as_bytes())
}

fn value(element: &Element) -> Option<f64> {
    number(element.text().trim().as_bytes())
}

impl Network {
    fn begun_by(element: &Element) -> Self {
        Self {
            line: element.line,
            kind: element.attribute("type").unwrap_or_default().into_owned(),
            first: local(element, "first-time"),
            last: local(element, "last-time"),
            ..Self::default()
        }
    }

    fn begin_name(&mut self, element: &Element) {
        if self.named.len() < SSIDS_MAX {
            self.named.push(Named {
                first: local(element, "first-time"),
                last: local(element, "last-time"),
                ..Named::default()
            });
        }
    }

    /// Takes an element in the network.
    fn take(&mut self, element: &Element, parent: &str, is_of_airodump: bool) {
        match (parent, &*element.name) {
            ("SSID", name) => self.take_of_name(name, element, is_of_airodump),
            ("wireless-network", "BSSID") => element.text().trim().clone_into(&mut self.bssid),
            ("wireless-network", "channel") => element.text().trim().clone_into(&mut self.channel),
            ("wireless-network", "freqmhz") => self.take_frequency(&element.text()),
            ("snr-info", "max_signal_dbm") => self.signal_dbm = value(element),
            ("gps-info", "peak-lat") => self.peak.lat = value(element),
            ("gps-info", "peak-lon") => self.peak.lon = value(element),
            // airodump-ng writes the speed there.
            ("gps-info", "peak-alt") if !is_of_airodump => self.peak.altitude_m = value(element),
            ("gps-info", "avg-lat") => self.average.lat = value(element),
            ("gps-info", "avg-lon") => self.average.lon = value(element),
            ("gps-info", "avg-alt") if !is_of_airodump => self.average.altitude_m = value(element),
            ("seen-card", "seen-uuid") => self.card = Some(element.text().trim().to_owned()),
            _ => {}
        }
    }

    fn take_of_name(&mut self, name: &str, element: &Element, is_of_airodump: bool) {
        let Some(named) = self.named.last_mut() else {
            return;
        };
        match name {
            "essid" if is_of_airodump => named.name = element.octets().to_vec(),
            "essid" => named.name = without_octal(element.text().as_bytes()),
            "encryption" => named.crypt.add(&element.text()),
            "wpa-version" => named.crypt.version = Some(element.text().trim().to_owned()),
            "wps" => {
                let text = element.text();
                named.crypt.has_wps = !matches!(text.trim(), "" | "No");
            }
            _ => {}
        }
    }

    /// `2437 120`: MHz, and packets on them.
    fn take_frequency(&mut self, text: &str) {
        let mut words = text.split_whitespace().map(|word| number(word.as_bytes()));
        let (mhz, packets) = (words.next().flatten(), words.next().flatten());
        let packets = packets.unwrap_or_default();
        if let Some(mhz) = mhz
            && self.frequency.is_none_or(|(_, known)| known < packets)
        {
            self.frequency = Some((mhz, packets));
        }
    }

    fn rows(mut self, zone: &mut LocalZone<'_>, context: &Context<'_>) -> Vec<Row> {
        if !matches!(&*self.kind, "infrastructure" | "ad-hoc") {
            return vec![Row::Other("station")];
        }
        let Some(address) = address(self.bssid.as_bytes()) else {
            return vec![Row::Refused("BSSID: not a hardware address".to_owned())];
        };
        if self.named.is_empty() {
            self.named.push(Named {
                first: self.first,
                last: self.last,
                ..Named::default()
            });
        }
        let named = std::mem::take(&mut self.named);
        let rows = named.into_iter().flat_map(|mut named| {
            named.crypt.is_ad_hoc = self.kind == "ad-hoc";
            let guess = named.crypt.capabilities();
            let mut draft = Draft::wifi(address);
            draft.time = named.last.or(self.last).and_then(|time| zone.time(time));
            draft.name = Cow::Borrowed(&named.name);
            draft.capabilities = guess.capabilities.into();
            draft.channel = Cow::Borrowed(&self.channel);
            draft.frequency = self.frequency.map(|(mhz, _)| mhz);
            draft.signal_dbm = self.signal_dbm;
            draft.place = match self.peak.position() {
                Some(_) => self.peak,
                None => self.average,
            };
            draft.marks.is_guessed = guess.is_guessed;
            let first = named.first.or(self.first).and_then(|time| zone.time(time));
            summary::rows(first, draft, context)
        });
        rows.collect()
    }
}

fn companion<'c>(context: &Context<'c>, form: Form) -> Option<&'c Companion> {
    let mut companions = context.companions.iter();
    companions.find(|companion| companion.form == Some(form))
}

/// The zone of a file of networks, whose last times are those of the last points of the other file.
fn zone_by(points: &Companion, networks_of: &mut dyn BufRead) -> Result<Option<Zone>, FileError> {
    let mut last_times = HashMap::new();
    let mut input = BufReader::new(File::open(&points.path)?);
    each_point(&mut input, &mut |point| {
        if let Some(time) = point.time()
            && let Some(bssid) = point.attribute_address("bssid")
            && last_times.len() < NETWORKS_MAX
        {
            last_times.insert(bssid, time);
        }
        ControlFlow::Continue(())
    })?;
    let mut offsets = Offsets::default();
    networks(networks_of, &mut |found| {
        if let Found::Network(network) = found
            && let Some(last) = network.last
            && let Some(time) =
                address(network.bssid.as_bytes()).and_then(|address| last_times.get(&address))
        {
            offsets.add(last, time.seconds().into());
        }
        ControlFlow::Continue(())
    })?;
    Ok(offsets.zone())
}

/// Reads a file of places.
pub(crate) fn read_gpsxml(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let known = match companion(context, Form::Netxml) {
        Some(networks) => Known::read(&mut BufReader::new(File::open(&networks.path)?))?,
        None => Known::default(),
    };
    read_gpsxml_in(&mut input.reader()?, context, &known, rows)
}

#[cfg(test)]
pub(crate) fn read_gpsxml_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_gpsxml_in(input, context, &Known::default(), rows)
}

/// What the other file of an upload says of networks.
#[derive(Default)]
struct Known {
    /// Name and security of each access point, as last heard.
    networks: HashMap<MacAddr, (Vec<u8>, String)>,
    origins: Origins,
}

impl Known {
    fn read(input: &mut dyn BufRead) -> Result<Self, FileError> {
        let mut known = Self::default();
        networks(input, &mut |found| {
            match found {
                Found::Card(id, name) => known.origins.add(id, name),
                Found::Network(network) => known.add(*network),
            }
            ControlFlow::Continue(())
        })?;
        Ok(known)
    }

    fn add(&mut self, mut network: Network) {
        let Some(address) = address(network.bssid.as_bytes()) else {
            return;
        };
        if let Some(named) = network.named.pop()
            && self.networks.len() < NETWORKS_MAX
        {
            let capabilities = named.crypt.capabilities().capabilities;
            self.networks.insert(address, (named.name, capabilities));
        }
    }
}

fn read_gpsxml_in(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    known: &Known,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    if let Some(origin) = known.origins.of(None) {
        rows.origin(origin);
    }
    let mut strongest = Strongest::default();
    let mut flow = ControlFlow::Continue(());
    let is_cut = each_point(input, &mut |point| {
        flow = point.give(context, known, &mut strongest, rows);
        flow
    })?;
    if flow.is_continue() {
        flow = strongest.finish(rows);
    }
    if flow.is_break() {
        return Ok(Ending::default());
    }
    Ok(Ending {
        is_cut,
        ..Ending::default()
    })
}

/// A `gps-point`.
struct GpsPoint<'e>(&'e Element);

impl GpsPoint<'_> {
    /// The address in points that are the scanner's own place.
    const TRACK: &'static str = "GP:SD:TR:AC:KL:OG";

    fn number(&self, name: &str) -> Option<f64> {
        number(self.0.attribute(name)?.trim().as_bytes())
    }

    fn attribute_address(&self, name: &str) -> Option<MacAddr> {
        address(self.0.attribute(name)?.as_bytes())
    }

    fn time(&self) -> Option<UnixTime> {
        self.number("time-sec").and_then(unix_time)
    }

    fn place(&self) -> Place {
        Place {
            lat: self.number("lat"),
            lon: self.number("lon"),
            altitude_m: self.number("alt"),
            ..Place::default()
        }
    }

    /// Each point is a frame. Its signal is that of the station that sent it, so an access point was heard only where it
    /// is the sender.
    fn give(
        &self,
        context: &Context<'_>,
        known: &Known,
        strongest: &mut Strongest,
        rows: &mut dyn Rows,
    ) -> ControlFlow<()> {
        let line = self.0.line;
        let bssid = self.0.attribute("bssid").unwrap_or_default();
        if bssid == Self::TRACK {
            return match (self.time(), self.place().position()) {
                (Some(time), Some(position)) => rows.point(Point { time, position }),
                _ => ControlFlow::Continue(()),
            };
        }
        let Some(address) = address(bssid.as_bytes()) else {
            let reason = "bssid: not a hardware address".to_owned();
            return rows.row(line, Row::Refused(reason));
        };
        if address == MacAddr::ZERO || self.attribute_address("source") != Some(address) {
            return rows.row(line, Row::Other("frame"));
        }
        let mut draft = Draft::wifi(address);
        draft.time = self.time();
        draft.signal_dbm = self.number("signal_dbm");
        draft.place = self.place();
        if let Some((name, capabilities)) = known.networks.get(&address) {
            draft.name = Cow::Borrowed(name);
            draft.capabilities = Cow::Borrowed(capabilities);
        }
        let row = draft.into_row(context);
        strongest.row(line, address, row, rows)
    }
}

/// Reads points one by one, until `take` ends it. Gives whether the file is cut.
fn each_point(
    input: &mut dyn BufRead,
    take: &mut dyn FnMut(&GpsPoint<'_>) -> ControlFlow<()>,
) -> Result<bool, FileError> {
    let mut xml = Xml::new(input);
    loop {
        match xml.step()? {
            Step::Close(element) if element.name == "gps-point" => {
                if take(&GpsPoint(&element)).is_break() {
                    return Ok(false);
                }
            }
            Step::Open | Step::Close(_) => {}
            Step::End { is_cut } => return Ok(is_cut),
        }
    }
}
