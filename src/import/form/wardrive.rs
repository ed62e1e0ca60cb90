//! The databases of Wardrive for Android: `networks` of its first versions, and `wifi` with `wifispot` of version 4.

use crate::bounded::BoundedMap;
use crate::import::clock::unix_time;
use crate::import::database::{Database, Fields};
use crate::import::rows::{Context, Ending, FileError, Origin, Row, Rows};
use crate::import::values::{Draft, Place};
use crate::report::{MacAddr, Phy};

/// Networks that are kept in memory. Others are looked up again.
const NETWORKS_MAX: usize = 50_000;

const NETWORK: [&str; 4] = ["bssid", "ssid", "capabilities", "frequency"];
const SIGHTING: [&str; 5] = ["level", "lat", "lon", "alt", "timestamp"];

pub(super) fn read(
    database: &Database,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let origin = Origin::Program {
        name: "Wardrive".into(),
    };
    match database.table("networks")? {
        Some(networks) => {
            if !networks.has("bssid") || !networks.has("timestamp") {
                let reason = "networks: not the table of Wardrive, it lacks bssid or timestamp";
                return Err(FileError::refused(reason));
            }
            database.seal([&networks])?;
            rows.origin(&origin);
            let columns = [NETWORK.as_slice(), &SIGHTING].concat();
            database.rows(&networks, &columns, |number, fields| {
                let network = Network::of(fields);
                let row = network.row(fields, NETWORK.len(), context);
                Ok(rows.row(line(number), row).is_continue())
            })?;
        }
        None => read_spots(database, context, rows, &origin)?,
    }
    Ok(database.ending())
}

fn read_spots(
    database: &Database,
    context: &Context<'_>,
    rows: &mut dyn Rows,
    origin: &Origin,
) -> Result<(), FileError> {
    let wifi = database.needed_table("wifi")?;
    let spots = database.needed_table("wifispot")?;
    if !wifi.is_found_by("_id") {
        return Err(FileError::refused("wifi: _id is not the primary key"));
    }
    database.seal([&wifi, &spots])?;
    rows.origin(origin);
    let mut known = BoundedMap::<i64, Option<Network>>::new(NETWORKS_MAX);
    let columns = [SIGHTING.as_slice(), &["fk_wifi"]].concat();
    database.rows(&spots, &columns, |number, fields| {
        let key = fields.integer(SIGHTING.len()).unwrap_or_default();
        if !known.contains(&key) {
            let found = database.find(&wifi, &NETWORK, key, Network::of)?;
            known.insert(key, found.map(|(_, network)| network));
        }
        let row = match known.get(&key) {
            Some(Some(network)) => network.row(fields, 0, context),
            _ => Row::Refused("fk_wifi: not in the table wifi".to_owned()),
        };
        Ok(rows.row(line(number), row).is_continue())
    })?;
    Ok(())
}

struct Network {
    address: Option<MacAddr>,
    ssid: Box<[u8]>,
    capabilities: Box<str>,
    frequency_mhz: Option<f64>,
}

impl Network {
    /// From the columns of [`NETWORK`].
    fn of(fields: &Fields<'_, '_>) -> Self {
        Self {
            address: fields.text(0).trim().parse().ok(),
            ssid: fields.octets(1).into(),
            capabilities: fields.text(2).into(),
            frequency_mhz: fields.number(3),
        }
    }

    /// `first` is the index of the first column of [`SIGHTING`].
    fn row(&self, fields: &Fields<'_, '_>, first: usize, context: &Context<'_>) -> Row {
        let Some(address) = self.address else {
            return Row::Refused("bssid: not a hardware address".to_owned());
        };
        let mut draft = Draft::new(Phy::Wifi, address);
        draft.name = (&*self.ssid).into();
        draft.capabilities = (&*self.capabilities).into();
        draft.frequency = self.frequency_mhz;
        draft.signal_dbm = fields.number(first);
        draft.place = Place {
            lat: fields.number(first + 1),
            lon: fields.number(first + 2),
            altitude_m: fields.number(first + 3).filter(|metres| *metres != 0.0),
            ..Place::default()
        };
        draft.time = fields.number(first + 4).and_then(unix_time);
        draft.marks.is_summary = true;
        draft.into_row(context)
    }
}

fn line(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
