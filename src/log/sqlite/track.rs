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
    let begin = match wanted.observations_max {
        None => first_record(db, wanted, source)?,
        Some(max) => first_of_newest(db, source, max)?,
    };
    let Some(Begin { from, is_cut }) = begin else {
        return Ok(collector.finish());
    };
    let mut places = db.prepare(
        "SELECT record, time, lat_e7, lon_e7, alt_mm, ifnull(speed_m_h, 0) FROM observations
         WHERE ?1 <= id AND lat_e7 IS NOT NULL AND lon_e7 IS NOT NULL AND time BETWEEN ?2 AND ?3 ORDER BY id",
    )?;
    let mut rows = places.query(params![
        from,
        wanted.since.seconds(),
        wanted.until.seconds()
    ])?;
    // Both are in the order of the log, and are walked side by side.
    let mut records = db.prepare(
        "SELECT position FROM records WHERE source = ?1
             AND (SELECT record FROM observations WHERE ?2 <= id ORDER BY id LIMIT 1) <= position ORDER BY position",
    )?;
    let mut records = records.query([source, from])?;
    let mut next = |at_least: i64| -> Result<Option<i64>, LogError> {
        while let Some(row) = records.next()? {
            let record = row.get(0)?;
            if at_least <= record {
                return Ok(Some(record));
            }
        }
        Ok(None)
    };
    let mut own = next(i64::MIN)?;
    while let Some(row) = rows.next()? {
        let record: i64 = row.get(0)?;
        if own.is_some_and(|own| own < record) {
            own = next(record)?;
        }
        let Some(own) = own else { break };
        if own != record {
            continue;
        }
        let place = Position::from_fixed(row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        let place = place.ok_or_else(|| super::damaged("a position is out of range"))?;
        collector.add(TrackPoint {
            time: UnixTime::new(row.get(1)?),
            position: place,
        });
    }
    Ok(LoggedTrack {
        is_cut,
        ..collector.finish()
    })
}

/// The first observation to look at.
struct Begin {
    from: i64,
    /// Whether earlier ones could be wanted too.
    is_cut: bool,
}

/// From the first record on that may have an observation of the time that is wanted.
fn first_record(
    db: &Connection,
    wanted: &TrackQuery,
    source: i64,
) -> Result<Option<Begin>, LogError> {
    let received_s = wanted.since.seconds().saturating_sub(wanted.ahead_max_s);
    let first: Option<i64> = db.query_row(
        "SELECT min(position) FROM records WHERE source = ?1 AND ?2 <= received_at_us",
        params![source, signed(u64::from(received_s) * 1_000_000)],
        |row| row.get(0),
    )?;
    let Some(first) = first else {
        return Ok(None);
    };
    let before = position(first)?.get().saturating_sub(1);
    let from = read::first_observation_after(db, LogPosition::new(before))?;
    Ok(Some(Begin {
        from,
        is_cut: false,
    }))
}

/// So many observations before the end of the last record of the source. It is found from the end of the log, and the
/// records of a scanner that reports are there.
fn first_of_newest(db: &Connection, source: i64, max: usize) -> Result<Option<Begin>, LogError> {
    let last = "SELECT position FROM records WHERE source = ?1 ORDER BY position DESC LIMIT 1";
    let last: Option<i64> = db.query_row(last, [source], |row| row.get(0)).optional()?;
    let Some(last) = last else {
        return Ok(None);
    };
    let end = read::first_observation_after(db, position(last)?)?;
    let first: Option<i64> =
        db.query_row("SELECT min(id) FROM observations", [], |row| row.get(0))?;
    let from = end.saturating_sub(i64::try_from(max).unwrap_or(i64::MAX));
    Ok(first.map(|first| Begin {
        from: from.max(first),
        is_cut: first < from,
    }))
}
