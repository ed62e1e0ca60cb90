//! The database of `NeoStumbler`, as its backups have it.

use std::collections::HashMap;

use crate::import::clock::unix_time;
use crate::import::database::{Database, Fields, Table};
use crate::import::rows::{Context, Ending, FileError, Origin, Point, Row, Rows};
use crate::import::values::{Draft, Place};
use crate::report::{MacAddr, Phy};

const REPORT: [&str; 2] = ["id", "timestamp"];
const POSITION: [&str; 7] = [
    "reportid",
    "latitude",
    "longitude",
    "altitude",
    "speed",
    "accuracy",
    "age",
];
const WIFI: [&str; 7] = [
    "reportid",
    "age",
    "macaddress",
    "signalstrength",
    "ssid",
    "frequency",
    "channel",
];
const BLUETOOTH: [&str; 5] = ["reportid", "age", "macaddress", "signalstrength", "name"];

/// When and where something was seen. There are as many as rows, and all are in memory, so they are small: metres and
/// speeds need no more digits, and a number that is missing is not a number.
#[derive(Clone, Copy)]
struct Report {
    time_ms: f64,
    lat: f64,
    lon: f64,
    altitude_m: f32,
    speed_m_s: f32,
    accuracy_m: f32,
}

impl Report {
    const KM_H_PER_M_S: f64 = 3.6;

    fn at(time_ms: f64) -> Self {
        Self {
            time_ms,
            lat: f64::NAN,
            lon: f64::NAN,
            altitude_m: f32::NAN,
            speed_m_s: f32::NAN,
            accuracy_m: f32::NAN,
        }
    }

    /// From the columns of [`POSITION`].
    fn set_place(&mut self, fields: &Fields<'_, '_>) {
        let number = |index| fields.number(index).unwrap_or(f64::NAN);
        #[expect(clippy::cast_possible_truncation, reason = "digits may be lost")]
        let small = |index| number(index) as f32;
        (self.lat, self.lon) = (number(1), number(2));
        (self.altitude_m, self.speed_m_s, self.accuracy_m) = (small(3), small(4), small(5));
    }

    fn place(&self) -> Place {
        let known = |number: f64| Some(number).filter(|number| number.is_finite());
        let metres = |number: f32| known(number.into());
        Place {
            lat: known(self.lat),
            lon: known(self.lon),
            altitude_m: metres(self.altitude_m),
            accuracy_m: metres(self.accuracy_m),
            speed_km_h: metres(self.speed_m_s).map(|speed| speed * Self::KM_H_PER_M_S),
        }
    }
}

pub(super) fn read(
    database: &Database,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    // The first versions of the app had shorter names.
    let either = |new, old| match database.table(new)? {
        Some(table) => Ok(Some(table)),
        None => database.table(old),
    };
    let report = database.needed_table("Report")?;
    let position = either("PositionEntity", "Position")?;
    if context.points_only {
        database.seal([&report].into_iter().chain(&position))?;
        give_points(database, (&report, position.as_ref()), rows)?;
        return Ok(database.ending());
    }
    let wifi = either("WifiAccessPointEntity", "WifiAccessPoint")?;
    let bluetooth = either("BluetoothBeaconEntity", "BluetoothBeacon")?;
    let cell = either("CellTowerEntity", "CellTower")?;
    let optional = [&position, &wifi, &bluetooth, &cell];
    database.seal([&report].into_iter().chain(optional.into_iter().flatten()))?;
    rows.origin(&Origin::Program {
        name: "NeoStumbler".into(),
    });
    let mut reading = Reading {
        context,
        rows,
        reports: reports(database, &report, position.as_ref())?,
    };
    let mut is_wanted = true;
    if let Some(wifi) = wifi {
        is_wanted = database.rows(&wifi, &WIFI, |number, fields| {
            Ok(reading.give(number, fields, Phy::Wifi))
        })?;
    }
    if let (true, Some(bluetooth)) = (is_wanted, bluetooth) {
        is_wanted = database.rows(&bluetooth, &BLUETOOTH, |number, fields| {
            Ok(reading.give(number, fields, Phy::Bluetooth))
        })?;
    }
    if let (true, Some(cell)) = (is_wanted, cell) {
        database.rows(&cell, &["reportid"], |number, _| {
            let row = Row::Other("cell");
            Ok(reading.rows.row(line(number), row).is_continue())
        })?;
    }
    Ok(database.ending())
}

fn reports(
    database: &Database,
    report: &Table,
    position: Option<&Table>,
) -> Result<HashMap<i64, Report>, FileError> {
    let mut reports = HashMap::new();
    database.rows(report, &REPORT, |number, fields| {
        let time_ms = fields.number(1).unwrap_or_default();
        reports.insert(fields.integer(0).unwrap_or(number), Report::at(time_ms));
        Ok(true)
    })?;
    if let Some(position) = position {
        database.rows(position, &POSITION, |_, fields| {
            let number = fields.integer(0).unwrap_or_default();
            if let Some(report) = reports.get_mut(&number) {
                report.set_place(fields);
            }
            Ok(true)
        })?;
    }
    Ok(reports)
}

/// Gives the places of the reports, in the order of their table.
fn give_points(
    database: &Database,
    (report, position): (&Table, Option<&Table>),
    rows: &mut dyn Rows,
) -> Result<(), FileError> {
    let Some(position) = position else {
        return Ok(());
    };
    let mut times_ms = HashMap::new();
    database.rows(report, &REPORT, |number, fields| {
        let time_ms = fields.number(1).unwrap_or_default();
        times_ms.insert(fields.integer(0).unwrap_or(number), time_ms);
        Ok(true)
    })?;
    database.rows(position, &POSITION, |_, fields| {
        let number = fields.integer(0).unwrap_or_default();
        let Some(time_ms) = times_ms.get(&number) else {
            return Ok(true);
        };
        let mut report = Report::at(*time_ms);
        report.set_place(fields);
        let age_ms = fields.number(6).unwrap_or_default();
        Ok(
            match (unix_time(time_ms - age_ms), report.place().position()) {
                (Some(time), Some(position)) => rows.point(Point { time, position }).is_continue(),
                _ => true,
            },
        )
    })?;
    Ok(())
}

struct Reading<'r> {
    context: &'r Context<'r>,
    rows: &'r mut dyn Rows,
    reports: HashMap<i64, Report>,
}

impl Reading<'_> {
    fn give(&mut self, number: i64, fields: &Fields<'_, '_>, phy: Phy) -> bool {
        let row = self.row(fields, phy);
        let row = row.unwrap_or_else(|reason| Row::Refused(reason.to_owned()));
        self.rows.row(line(number), row).is_continue()
    }

    /// From the columns of [`WIFI`] or [`BLUETOOTH`].
    fn row(&self, fields: &Fields<'_, '_>, phy: Phy) -> Result<Row, &'static str> {
        let address = fields.text(2).trim().parse();
        let address: MacAddr = address.map_err(|_| "macAddress: not a hardware address")?;
        let number = fields.integer(0).ok_or("reportId: not a number")?;
        let report = self.reports.get(&number);
        let report = report.ok_or("reportId: there is no such report")?;
        let mut draft = Draft::new(phy, address);
        draft.name = fields.octets(4).into();
        draft.signal_dbm = fields.number(3);
        draft.place = report.place();
        // The age counts backwards from the time of the report.
        let age_ms = fields.number(1).unwrap_or_default();
        draft.time = unix_time(report.time_ms - age_ms);
        if phy == Phy::Wifi {
            draft.frequency = fields.number(5);
            let channel = fields.integer(6).map(|channel| channel.to_string());
            draft.channel = channel.unwrap_or_default().into();
        }
        Ok(draft.into_row(self.context))
    }
}

fn line(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
