//! Deletes old observations from the beginning of the log, the oldest first, in small steps. [`thin`](super::thin) deletes
//! those of single sources between others that stay.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::read::first_observation_after;
use super::thin::Cutoffs;
use super::{number, position, signed, unsigned};
use crate::log::{Expired, Expiry, LogError, LogPosition};
use crate::report::ReceivedAt;

/// How many observations one step deletes, which takes some 10 ms.
pub(super) const OBSERVATIONS_PER_STEP: u64 = 4096;
/// How many batches one step reads, and how many of their rows it deletes.
pub(super) const BATCHES_PER_STEP: i64 = 1024;
const KEY: &str = "expired_to";
const CLOCK_KEY: &str = "expired_clock_us";

/// The log's clock at the last record whose row is deleted.
pub(super) fn expired_clock(db: &Connection) -> Result<ReceivedAt, LogError> {
    let query = "SELECT value FROM meta WHERE key = ?1";
    let text: Option<String> = db
        .query_row(query, [CLOCK_KEY], |row| row.get(0))
        .optional()?;
    let micros = text.map_or(Ok(0), |text| text.parse());
    let damaged =
        |_| LogError::Damaged("meta: the value of expired_clock_us is not a number".into());
    Ok(ReceivedAt::from_micros(micros.map_err(damaged)?))
}

/// The last position whose observations are deleted.
pub(super) fn expired_to(db: &Connection) -> Result<LogPosition, LogError> {
    let mut value = db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let text: Option<String> = value.query_row([KEY], |row| row.get(0)).optional()?;
    match text {
        None => Ok(LogPosition::START),
        Some(text) => position(text.parse().map_err(|_| {
            LogError::Damaged("meta: the value of expired_to is not a number".into())
        })?),
    }
}

/// Deletes the oldest observations that are due, as many as one step may.
pub(super) fn expire(
    db: &mut Connection,
    last: LogPosition,
    expiry: &Expiry,
) -> Result<Expired, LogError> {
    let from = expired_to(db)?;
    let due = due(db, from, expiry)?;
    if expiry.is_trial {
        return Ok(due);
    }
    if from < due.to || has_expired_rows(db, due.to, last, expiry)? {
        let to = number(due.to);
        let first_kept = first_observation_after(db, due.to)?;
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute("DELETE FROM observations WHERE id < ?1", [first_kept])?;
        step.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
            params![KEY, to.to_string()],
        )?;
        // The last record stays, because the next position is derived from it.
        let first: Option<i64> =
            step.query_row("SELECT min(position) FROM records", [], |row| row.get(0))?;
        let end = first
            .unwrap_or_default()
            .saturating_add(BATCHES_PER_STEP)
            .min(to.saturating_add(1))
            .min(number(expiry.remembered_from))
            .min(number(last));
        let newest: Option<i64> = step.query_row(
            "SELECT max(received_at_us) FROM records WHERE position < ?1",
            [end],
            |row| row.get(0),
        )?;
        if let Some(newest) = newest {
            let clock = expired_clock(&step)?.max(ReceivedAt::from_micros(unsigned(newest)?));
            step.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
                params![CLOCK_KEY, clock.micros().to_string()],
            )?;
        }
        step.execute("DELETE FROM records WHERE position < ?1", [end])?;
        step.commit()?;
    }
    Ok(Expired {
        is_done: due.is_done && !has_expired_rows(db, due.to, last, expiry)?,
        ..due
    })
}

/// How many observations there are at most. Single ones may have been erased, and those of single sources may have
/// expired.
pub(super) fn remaining_max(db: &Connection) -> Result<u64, LogError> {
    let query =
        "SELECT (SELECT max(id) FROM observations) - (SELECT min(id) FROM observations) + 1";
    let count: Option<i64> = db.query_row(query, [], |row| row.get(0))?;
    unsigned(count.unwrap_or(0))
}

/// The record that has the oldest of the newest `count` observations. `None` if there are fewer.
pub(super) fn record_of_newest(db: &Connection, count: u64) -> Result<Option<i64>, LogError> {
    let query = "SELECT record FROM observations ORDER BY id DESC LIMIT 1 OFFSET ?1";
    let mut query = db.prepare_cached(query)?;
    let skipped = signed(count.saturating_sub(1));
    Ok(query.query_row([skipped], |row| row.get(0)).optional()?)
}

/// What one step may delete after `from`.
fn due(db: &Connection, from: LogPosition, expiry: &Expiry) -> Result<Expired, LogError> {
    let mut due = Expired {
        to: from,
        observations: 0,
        is_done: false,
        is_undecided: false,
        is_blocked: false,
        is_still_too_large: false,
    };
    let is_too_large = expiry.size_max_bytes < used_bytes(db)?;
    let cutoffs = Cutoffs::of(db, expiry)?;
    // The newest observations that stay begin in this record.
    let kept_from = match expiry.observations_min {
        0 => Some(i64::MAX),
        count => record_of_newest(db, count)?,
    };
    let mut query = db.prepare_cached(
        "SELECT position, accepted, received_at_us, source FROM records WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let mut rows = query.query([number(from), BATCHES_PER_STEP])?;
    while let Some(row) = rows.next()? {
        let here = position(row.get(0)?)?;
        let is_old = row.get::<_, i64>(2)? < cutoffs.of_source(row.get(3)?);
        // Below zero if they have expired already.
        let accepted = unsigned(row.get::<_, i64>(1)?.max(0))?;
        let is_spare = kept_from.is_some_and(|kept_from| accepted == 0 || number(here) < kept_from);
        if !(is_spare && (is_old || is_too_large)) {
            due.is_done = true;
            due.is_still_too_large = is_too_large;
            return Ok(due);
        }
        if expiry.up_to < here {
            (due.is_done, due.is_blocked) = (true, true);
            return Ok(due);
        }
        if OBSERVATIONS_PER_STEP <= due.observations {
            return Ok(due);
        }
        due.to = here;
        due.observations += accepted;
    }
    due.is_done = due.to == from;
    Ok(due)
}

/// Whether there are rows of batches that no client will resend.
fn has_expired_rows(
    db: &Connection,
    expired_to: LogPosition,
    last: LogPosition,
    expiry: &Expiry,
) -> Result<bool, LogError> {
    let oldest: Option<i64> =
        db.query_row("SELECT min(position) FROM records", [], |row| row.get(0))?;
    Ok(oldest.is_some_and(|oldest| {
        oldest <= number(expired_to)
            && oldest < number(expiry.remembered_from)
            && oldest < number(last)
    }))
}

/// The size of the used part of the file, in bytes.
fn used_bytes(db: &Connection) -> Result<u64, LogError> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    unsigned(pages * pragma("page_size")?)
}
