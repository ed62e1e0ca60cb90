//! What the index reads from the log's tables.

use rusqlite::{Connection, OptionalExtension};

use super::codec::Address;
use crate::log::LogError;

/// What the index keeps of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log::sqlite) struct IndexedRow {
    /// The row number.
    pub(in crate::log::sqlite) id: i64,
    pub(in crate::log::sqlite) address: Address,
    /// The time of the report, in seconds since 1970.
    pub(in crate::log::sqlite) time: u32,
}

/// A range of row numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log::sqlite) struct RowRange {
    pub(in crate::log::sqlite) first: i64,
    pub(in crate::log::sqlite) last: i64,
}

impl RowRange {
    pub(super) fn rows(self) -> u64 {
        match self.last.checked_sub(self.first) {
            Some(0..) => self.last.abs_diff(self.first).saturating_add(1),
            _ => 0,
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.last < self.first
    }
}

/// A row of a run, with the record that it belongs to. If the log has another record there, the run is not of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) row: i64,
    pub(super) position: i64,
    /// The identity of the record; zeros if it has none.
    pub(super) record: [u8; 16],
}

/// The row numbers of the observations. The range is empty if there are none.
pub(in crate::log::sqlite) fn bounds(db: &Connection) -> Result<RowRange, LogError> {
    let query = "SELECT (SELECT min(id) FROM observations), (SELECT max(id) FROM observations)";
    let (first, last): (Option<i64>, Option<i64>) = db
        .prepare_cached(query)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(RowRange {
        first: first.unwrap_or(1),
        last: last.unwrap_or(0),
    })
}

/// The anchor at a row. `None` if there is no such row.
fn anchor(db: &Connection, row: i64) -> Result<Option<Anchor>, LogError> {
    let mut query = db.prepare_cached(
        "SELECT r.position, r.id FROM observations o JOIN records r ON r.position = o.record WHERE o.id = ?1",
    )?;
    let anchor = query
        .query_row([row], |found| {
            Ok(Anchor {
                row,
                position: found.get(0)?,
                record: found.get::<_, Option<[u8; 16]>>(1)?.unwrap_or_default(),
            })
        })
        .optional()?;
    Ok(anchor)
}

/// Whether an anchor is of this log. Its row may be gone because a rule for its source has deleted it; then its record is
/// there without any reports.
pub(super) fn is_of_log(db: &Connection, wanted: Anchor) -> Result<bool, LogError> {
    if let Some(found) = anchor(db, wanted.row)? {
        return Ok(found == wanted);
    }
    let mut query =
        db.prepare_cached("SELECT id FROM records WHERE position = ?1 AND accepted < 0")?;
    let id = query.query_row([wanted.position], |found| {
        found.get::<_, Option<[u8; 16]>>(0)
    });
    Ok(id
        .optional()?
        .is_some_and(|id| id.unwrap_or_default() == wanted.record))
}

/// The anchor at the last of some rows that is in the log. Those after it may have expired meanwhile.
pub(super) fn last_anchor(
    db: &Connection,
    rows: &[IndexedRow],
) -> Result<Option<Anchor>, LogError> {
    for row in rows.iter().rev() {
        if let Some(found) = anchor(db, row.id)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first `count` rows of a range.
pub(super) fn read(
    db: &Connection,
    range: RowRange,
    count: usize,
) -> Result<Vec<IndexedRow>, LogError> {
    let mut query = db.prepare_cached(
        "SELECT id, address, time FROM observations WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
    )?;
    let bounds = [
        range.first,
        range.last,
        i64::try_from(count).unwrap_or(i64::MAX),
    ];
    let mut rows = query.query(bounds)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        // A negative number is damage, which the read of the row itself reports. No device has such an address.
        let address: i64 = row.get(1)?;
        read.push(IndexedRow {
            id: row.get(0)?,
            address: u64::try_from(address).unwrap_or(u64::MAX),
            time: row.get(2)?,
        });
    }
    Ok(read)
}
