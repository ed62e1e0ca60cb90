//! Reads where a source was, while the writer appends.

use rusqlite::{Connection, OptionalExtension, params};

use super::history::{History, INSTRUCTIONS_PER_QUESTION};
use super::{position, read, signed};
use crate::log::track::{LoggedTrack, TrackCollector, TrackPoint, TrackQuery};
use crate::log::{LogError, LogPosition};
use crate::report::{Position, UnixTime};

impl History {
    /// The places where a source reported from. Scans the observations since the first record that may have one of them.
    /// It fails soon after `is_unwanted` returns true, which it is asked often.
    pub fn track(
        &self,
        wanted: &TrackQuery,
        is_unwanted: impl FnMut() -> bool + Send + 'static,
    ) -> Result<LoggedTrack, LogError> {
        let mut db = self.connect()?;
        db.progress_handler(INSTRUCTIONS_PER_QUESTION, Some(is_unwanted))?;
        // One transaction, so that the result is consistent even if observations expire meanwhile.
        let transaction = db.unchecked_transaction()?;
        track(&transaction, wanted)
    }
}

fn track(db: &Connection, wanted: &TrackQuery) -> Result<LoggedTrack, LogError> {
    let mut collector = TrackCollector::default();
    let by_uuid = "SELECT id FROM sources WHERE uuid = ?1";
    let uuid = wanted.source.to_string();
    let source: Option<i64> = db.query_row(by_uuid, [uuid], |row| row.get(0)).optional()?;
    let Some(source) = source else {
        return Ok(collector.finish());
    };
    let received_s = wanted.since.seconds().saturating_sub(wanted.ahead_max_s);
    let first: Option<i64> = db.query_row(
        "SELECT min(position) FROM records WHERE source = ?1 AND ?2 <= received_at_us",
        params![source, signed(u64::from(received_s) * 1_000_000)],
        |row| row.get(0),
    )?;
    let Some(first) = first else {
        return Ok(collector.finish());
    };
    let before = position(first)?.get().saturating_sub(1);
    let from = read::first_observation_after(db, LogPosition::new(before))?;
    let mut of_record = db.prepare("SELECT source FROM records WHERE position = ?1")?;
    let mut places = db.prepare(
        "SELECT record, time, lat_e7, lon_e7, alt_mm FROM observations
         WHERE ?1 <= id AND lat_e7 IS NOT NULL AND lon_e7 IS NOT NULL AND time BETWEEN ?2 AND ?3 ORDER BY id",
    )?;
    let mut rows = places.query(params![
        from,
        wanted.since.seconds(),
        wanted.until.seconds()
    ])?;
    // The observations of a record follow each other.
    let mut last: Option<(i64, bool)> = None;
    while let Some(row) = rows.next()? {
        let record: i64 = row.get(0)?;
        let is_wanted = match last {
            Some((last, is_wanted)) if last == record => is_wanted,
            _ => {
                let found: Option<Option<i64>> =
                    of_record.query_row([record], |row| row.get(0)).optional()?;
                found.flatten() == Some(source)
            }
        };
        last = Some((record, is_wanted));
        if !is_wanted {
            continue;
        }
        let place = Position::from_fixed(row.get(2)?, row.get(3)?, row.get(4)?, 0);
        let place = place.ok_or_else(|| super::damaged("a position is out of range"))?;
        collector.add(TrackPoint {
            time: UnixTime::new(row.get(1)?),
            position: place,
        });
    }
    Ok(collector.finish())
}
