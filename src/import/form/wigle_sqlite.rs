//! The database of the `WiGLE` app, `wiglewifi.sqlite`, and its backups.
//!
//! A row of `location` is a sighting. Names and security stand in `network`, which has the latest ones only.

use std::collections::HashSet;

use crate::bounded::BoundedMap;
use crate::import::clock::unix_time;
use crate::import::database::{Database, Fields, Table};
use crate::import::rows::{Context, Ending, FileError, Origin, Point, Row, Rows};
use crate::import::values::{Draft, Place};
use crate::report::{MacAddr, Phy};

/// Networks that are kept in memory. Others are looked up again.
const NETWORKS_MAX: usize = 50_000;
/// A point of a route that is worse than this places no row, in metres.
const ROUTE_ACCURACY_MAX_M: f64 = 25.0;

const NETWORK: [&str; 5] = ["ssid", "capabilities", "frequency", "type", "bssid"];
const LAST: [&str; 4] = ["lasttime", "lastlat", "lastlon", "bestlevel"];
const LOCATION: [&str; 8] = [
    "bssid", "level", "lat", "lon", "altitude", "accuracy", "time", "external",
];
const ROUTE: [&str; 5] = ["lat", "lon", "altitude", "accuracy", "time"];

/// What a network is.
#[derive(Clone, Copy)]
enum Kind {
    Seen(Phy),
    Other(&'static str),
}

/// What the app knows of a network.
struct Network {
    kind: Kind,
    ssid: Box<[u8]>,
    capabilities: Box<str>,
    frequency_mhz: Option<f64>,
}

impl Network {
    /// From the columns of [`NETWORK`].
    fn of(fields: &Fields<'_, '_>) -> Self {
        let kind = match fields.text(3).trim() {
            // The first versions of the app had no other.
            "W" | "" => Kind::Seen(Phy::Wifi),
            "B" | "E" => Kind::Seen(Phy::Bluetooth),
            "G" | "C" | "L" | "D" | "N" => Kind::Other("cell"),
            "F" => Kind::Other("nfc"),
            _ => Kind::Other("other"),
        };
        Self {
            kind,
            ssid: fields.octets(0).into(),
            capabilities: fields.text(1).into(),
            frequency_mhz: fields.number(2),
        }
    }

    /// A sighting of which only the device is known.
    fn draft(&self, address: &str) -> Result<Draft<'_>, Row> {
        let phy = match self.kind {
            Kind::Seen(phy) => phy,
            Kind::Other(kind) => return Err(Row::Other(kind)),
        };
        let address: MacAddr = address
            .trim()
            .parse()
            .map_err(|wrong| Row::Refused(format!("bssid: {wrong}")))?;
        let mut draft = Draft::new(phy, address);
        draft.name = (&*self.ssid).into();
        if phy == Phy::Wifi {
            draft.capabilities = (&*self.capabilities).into();
            // For Bluetooth this column is the class of the device.
            draft.frequency = self.frequency_mhz;
        }
        Ok(draft)
    }
}

pub(super) fn read(
    database: &Database,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let route = database.table("route")?;
    if context.points_only {
        database.seal(&route)?;
        give_route(database, route.as_ref(), rows)?;
        return Ok(database.ending());
    }
    let network = database.needed_table("network")?;
    let location = database.needed_table("location")?;
    if !network.is_found_by("bssid") {
        return Err(FileError::refused("network: bssid is not the primary key"));
    }
    database.seal([&network, &location].into_iter().chain(&route))?;
    rows.origin(&Origin::Program {
        name: "WiGLE".into(),
    });
    let mut reading = Reading {
        database,
        network: &network,
        context,
        rows,
        known: BoundedMap::new(NETWORKS_MAX),
        seen: Numbers::default(),
    };
    let is_wanted = database.rows(&location, &LOCATION, |number, fields| {
        let row = reading.location(fields)?;
        Ok(reading.give(number, row))
    })?;
    let is_wanted = is_wanted && reading.unseen_networks()?;
    if is_wanted {
        give_route(database, route.as_ref(), reading.rows)?;
    }
    Ok(database.ending())
}

/// Gives the way that the phone went.
fn give_route(
    database: &Database,
    route: Option<&Table>,
    rows: &mut dyn Rows,
) -> Result<(), FileError> {
    if let Some(route) = route {
        database.rows(route, &ROUTE, |_, fields| {
            let point = route_point(fields);
            Ok(point.is_none_or(|point| rows.point(point).is_continue()))
        })?;
    }
    Ok(())
}

/// From the columns of [`ROUTE`].
fn route_point(fields: &Fields<'_, '_>) -> Option<Point> {
    fields
        .number(3)
        .filter(|metres| *metres < ROUTE_ACCURACY_MAX_M)?;
    let place = Place {
        lat: fields.number(0),
        lon: fields.number(1),
        altitude_m: fields.number(2).filter(|metres| *metres != 0.0),
        ..Place::default()
    };
    Some(Point {
        time: fields.number(4).and_then(unix_time)?,
        position: place.position()?,
    })
}

struct Reading<'r> {
    database: &'r Database,
    network: &'r Table,
    context: &'r Context<'r>,
    rows: &'r mut dyn Rows,
    known: BoundedMap<Box<str>, Option<Network>>,
    /// Numbers of the networks that have a sighting.
    seen: Numbers,
}

impl Reading<'_> {
    /// From the columns of [`LOCATION`].
    fn location(&mut self, fields: &Fields<'_, '_>) -> Result<Row, FileError> {
        if fields.integer(7).unwrap_or_default() != 0 {
            // Finds of the same user that the app fetched from the site. They have neither time nor place.
            return Ok(Row::Other("external"));
        }
        let address = fields.text(0);
        let context = self.context;
        let Some(network) = self.network(address)? else {
            return Ok(Row::Refused("bssid: not in the table network".to_owned()));
        };
        let mut draft = match network.draft(address) {
            Ok(draft) => draft,
            Err(row) => return Ok(row),
        };
        let time = fields.number(6).unwrap_or_default();
        if time == 0.0 {
            let reason = "time: 0, the app made this row up between two others";
            return Ok(Row::Refused(reason.to_owned()));
        }
        draft.time = unix_time(time);
        draft.signal_dbm = fields.number(1);
        draft.place = Place {
            lat: fields.number(2),
            lon: fields.number(3),
            // The app writes 0 for "not known".
            altitude_m: fields.number(4).filter(|metres| *metres != 0.0),
            accuracy_m: fields.number(5),
            speed_km_h: None,
        };
        Ok(draft.into_row(context))
    }

    fn network(&mut self, address: &str) -> Result<Option<&Network>, FileError> {
        if !self.known.contains(address) {
            let found = self
                .database
                .find(self.network, &NETWORK, address, Network::of)?;
            let network = found.map(|(number, network)| {
                self.seen.insert(number);
                network
            });
            self.known.insert(address.into(), network);
        }
        Ok(self.known.get(address).and_then(|known| known.as_ref()))
    }

    /// Networks without a sighting: what the app remembers of their last one.
    fn unseen_networks(&mut self) -> Result<bool, FileError> {
        let columns = [NETWORK.as_slice(), &LAST].concat();
        let (database, table) = (self.database, self.network);
        database.rows(table, &columns, |number, fields| {
            if self.seen.has(number) {
                return Ok(true);
            }
            let network = Network::of(fields);
            let row = match network.draft(fields.text(4)) {
                Ok(draft) => self.last(draft, fields),
                Err(row) => row,
            };
            Ok(self.give(number, row))
        })
    }

    /// From the columns of [`LAST`], behind those of [`NETWORK`].
    fn last(&self, mut draft: Draft<'_>, fields: &Fields<'_, '_>) -> Row {
        draft.time = fields.number(5).and_then(unix_time);
        if draft.time.is_none() {
            let reason = "lasttime: not a time, and the network has no sighting";
            return Row::Refused(reason.to_owned());
        }
        draft.signal_dbm = fields.number(8);
        draft.place = Place {
            lat: fields.number(6),
            lon: fields.number(7),
            ..Place::default()
        };
        draft.marks.is_summary = true;
        draft.into_row(self.context)
    }

    fn give(&mut self, number: i64, row: Row) -> bool {
        let number = u64::try_from(number).unwrap_or_default();
        self.rows.row(number, row).is_continue()
    }
}

/// A set of row numbers. Those that the app gives are small and close together, and take a bit each.
#[derive(Default)]
struct Numbers {
    bits: Vec<u64>,
    large: HashSet<i64>,
}

impl Numbers {
    /// Numbers from here on take more than a bit.
    const SMALL_MAX: usize = 1 << 26;

    /// The word and the bit of a small number.
    fn place(number: i64) -> Option<(usize, u64)> {
        let number = usize::try_from(number).ok()?;
        (number < Self::SMALL_MAX).then(|| (number / 64, 1 << (number % 64)))
    }

    fn insert(&mut self, number: i64) {
        let Some((at, bit)) = Self::place(number) else {
            self.large.insert(number);
            return;
        };
        if self.bits.len() <= at {
            self.bits.resize(at + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(at) {
            *word |= bit;
        }
    }

    fn has(&self, number: i64) -> bool {
        match Self::place(number) {
            Some((at, bit)) => self.bits.get(at).is_some_and(|word| word & bit != 0),
            None => self.large.contains(&number),
        }
    }
}
