//! Requests as scanners send them.

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::access_point::{AccessPoint, low_octets};
use super::random::{Random, Zipf};

pub(crate) const SCAN_REPORT: &str = "/phy/phy80211/scan/scan_report.cmd";
/// Number of different requests. They are sent repeatedly, and renewed each time.
const POOL_REQUESTS: usize = 2000;
/// Reports of known access points, in percent. The others are first sightings even if their request is repeated, so
/// the log and the tracker grow as in a new town.
const RESIGHTINGS_PERCENT: u32 = 80;
const SCANNERS: u32 = 20;

/// Makes each request different from all others that a server received.
///
/// The server answers a known request as a duplicate, so without this the pool would be accepted only once.
#[derive(Default)]
pub(crate) struct Serials {
    requests: AtomicU32,
    fresh: AtomicU32,
}

impl Serials {
    /// Number of requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed).into()
    }
}

/// Start of the answer when this many reports are accepted as new.
pub(crate) fn taken(reports: usize) -> String {
    format!(r#"{{"accepted": {reports},"duplicate": false"#)
}

/// A request as raw bytes.
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// Start of the answer if all reports are accepted.
    pub(crate) taken: String,
    /// Offsets of the reports' positions and times.
    sightings: Vec<usize>,
    /// Offsets of the addresses and names of access points that are seen for the first time.
    fresh: Vec<(usize, usize)>,
}

impl Request {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds whole header lines.
    pub(crate) fn add_headers(&mut self, lines: &str) {
        const LINE_END: &[u8] = b"\r\n";
        let first = self
            .bytes
            .windows(LINE_END.len())
            .position(|bytes| bytes == LINE_END);
        let place = first.unwrap_or_default() + LINE_END.len();
        self.bytes.splice(place..place, lines.bytes());
        for sighting in &mut self.sightings {
            *sighting += lines.len();
        }
        for (address, name) in &mut self.fresh {
            *address += lines.len();
            *name += lines.len();
        }
    }

    /// Sets the time to now, changes the position, and gives new numbers to access points that are seen for the first
    /// time.
    pub(crate) fn renew(&mut self, serials: &Serials) {
        let now = since_1970(SystemTime::now());
        let sighting = sighting(serials.requests.fetch_add(1, Ordering::Relaxed), now);
        for &place in &self.sightings {
            put(&mut self.bytes, place, sighting.as_bytes());
        }
        for &(address, name) in &self.fresh {
            let octets = low_octets(serials.fresh.fetch_add(1, Ordering::Relaxed));
            for (nth, octet) in octets.iter().enumerate() {
                put(&mut self.bytes, address + 3 * nth, octet.as_bytes());
                put(&mut self.bytes, name + 2 * nth, octet.as_bytes());
            }
        }
    }
}

fn put(bytes: &mut [u8], place: usize, new: &[u8]) {
    if let Some(old) = bytes.get_mut(place..place + new.len()) {
        old.copy_from_slice(new);
    }
}

pub(crate) fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Position and time of a report as its last fields. Their length is constant.
fn sighting(serial: u32, time: Duration) -> String {
    let (north, east) = (serial / 10_000 % 10_000, serial % 10_000);
    let seconds = time.as_secs();
    format!(r#""lat":48.137{north:04},"lon":11.575{east:04},"timestamp":{seconds}}}"#)
}

/// Scanners that walk through the same town.
pub(crate) struct Traffic {
    known: u32,
    popularity: Zipf,
    resightings_percent: u32,
}

impl Traffic {
    pub(crate) fn new(known: u32) -> Self {
        Self {
            known,
            popularity: Zipf::new(known),
            resightings_percent: RESIGHTINGS_PERCENT,
        }
    }

    /// As above, without access points that are seen for the first time.
    pub(crate) fn of_known(known: u32) -> Self {
        Self {
            resightings_percent: 100,
            ..Self::new(known)
        }
    }

    /// Requests that report each known access point once.
    pub(crate) fn introduction(&self) -> impl Iterator<Item = Request> {
        introduction(0..self.known)
    }

    /// Requests of `reports` reports each, distributed over the connections.
    pub(crate) fn pools(&self, reports: usize, connections: usize, seed: u64) -> Vec<Vec<Request>> {
        let (mut random, now) = (Random::new(seed), since_1970(SystemTime::now()));
        let mut pools: Vec<_> = (0..connections).map(|_| Vec::new()).collect();
        for _ in 0..POOL_REQUESTS.div_ceil(connections) {
            for pool in &mut pools {
                pool.push(self.request(reports, now, &mut random));
            }
        }
        pools
    }

    fn request(&self, reports: usize, now: Duration, random: &mut Random) -> Request {
        let mut body = Body::new(random.below(SCANNERS), 0, now);
        let mut seen = HashSet::new();
        for _ in 0..reports {
            if !random.is_one_of_100(self.resightings_percent) {
                body.first_sighting(random);
                continue;
            }
            // A scan lists an access point once.
            let mut number = self.popularity.draw(random);
            while !seen.insert(number) {
                number = self.popularity.draw(random);
            }
            body.report(&AccessPoint::known(number), random);
        }
        body.into_request()
    }
}

/// Requests that report each of these access points once, generated on demand.
pub(crate) fn introduction(known: Range<u32>) -> impl Iterator<Item = Request> {
    const REPORTS: usize = 1000;
    let (mut random, now) = (Random::new(0), since_1970(SystemTime::now()));
    known.clone().step_by(REPORTS).map(move |first| {
        let mut body = Body::new(0, 0, now);
        for number in (first..known.end).take(REPORTS) {
            body.report(&AccessPoint::known(number), &mut random);
        }
        body.into_request()
    })
}

/// The JSON of a request while it is built.
pub(crate) struct Body {
    json: String,
    sighting: String,
    sightings: Vec<usize>,
    fresh: Vec<(usize, usize)>,
}

impl Body {
    /// A scan by one scanner. All reports have the same position and time.
    pub(crate) fn new(scanner: u32, serial: u32, time: Duration) -> Self {
        let json = format!(
            r#"{{"source_uuid":"6e6d010f-5ca9-4000-8000-{scanner:012x}","source_name":"scanner {scanner}","reports":["#
        );
        Self {
            json,
            sighting: sighting(serial, time),
            sightings: Vec::new(),
            fresh: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, seen: &AccessPoint, random: &mut Random) {
        let comma = if self.sightings.is_empty() { "" } else { "," };
        let signal = 40 + random.below(53);
        write!(
            self.json,
            r#"{comma}{{"bssid":"{}","ssid":"{}","capabilities":"{}","freqkhz":{},"signal":-{signal},"#,
            seen.bssid, seen.ssid, seen.capabilities, seen.frequency_khz
        )
        .ok(); // A string takes everything.
        self.sightings.push(self.json.len());
        self.json += &self.sighting;
    }

    fn first_sighting(&mut self, random: &mut Random) {
        let seen = AccessPoint::fresh(random);
        let start = self.json.len();
        self.report(&seen, random);
        let end_of = |text: &str| {
            let written = self.json.get(start..).unwrap_or_default();
            start + written.find(text).unwrap_or_default() + text.len()
        };
        let places = (
            end_of(&seen.bssid) - "00:00:00".len(),
            end_of(&seen.ssid) - "000000".len(),
        );
        self.fresh.push(places);
    }

    pub(crate) fn into_json(mut self) -> String {
        self.json += "]}";
        self.json
    }

    fn into_request(self) -> Request {
        let (mut sightings, mut fresh) = (self.sightings.clone(), self.fresh.clone());
        let json = self.into_json();
        let head = format!(
            "POST {SCAN_REPORT} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            json.len()
        );
        for place in &mut sightings {
            *place += head.len();
        }
        for (address, name) in &mut fresh {
            *address += head.len();
            *name += head.len();
        }
        Request {
            bytes: (head + &json).into_bytes(),
            taken: taken(sightings.len()),
            sightings,
            fresh,
        }
    }
}
