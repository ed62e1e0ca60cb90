//! Where Kismet was: its snapshots of the GPS, and its messages, which have the place too.

use super::{scale, time_of};
use crate::import::database::{Database, Fields, Table};
use crate::import::rows::{Ending, FileError, Point, Rows};
use crate::import::values::Place;

/// The kind of a snapshot stands last.
const SNAPSHOTS: [&str; 4] = ["ts_sec", "lat", "lon", "snaptype"];
const MESSAGES: [&str; 3] = ["ts_sec", "lat", "lon"];

/// Gives the points, and no rows.
pub(super) fn read(
    database: &Database,
    version: &Table,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let snapshots = database.table("snapshots")?;
    let messages = database.table("messages")?;
    database.seal([version].into_iter().chain(&snapshots).chain(&messages))?;
    let scale = scale(database, version)?;
    let mut give = |fields: &Fields<'_, '_>| {
        let point = point(fields, scale);
        point.is_none_or(|point| rows.point(point).is_continue())
    };
    let mut is_wanted = true;
    if let Some(snapshots) = snapshots {
        is_wanted = database.rows(&snapshots, &SNAPSHOTS, |_, fields| {
            Ok(fields.text(3) != "GPS" || give(fields))
        })?;
    }
    if let (true, Some(messages)) = (is_wanted, messages) {
        database.rows(&messages, &MESSAGES, |_, fields| Ok(give(fields)))?;
    }
    Ok(database.ending())
}

/// From the first three columns of [`SNAPSHOTS`] or [`MESSAGES`].
fn point(fields: &Fields<'_, '_>, scale: f64) -> Option<Point> {
    let degrees = |index| fields.number(index).map(|number| number / scale);
    let place = Place {
        lat: degrees(1),
        lon: degrees(2),
        ..Place::default()
    };
    Some(Point {
        time: time_of(fields.integer(0))?,
        position: place.position()?,
    })
}
