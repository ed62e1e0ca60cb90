//! Deletes old observations of single sources between others that stay, in small steps.
//!
//! A rule may keep the reports of a source for a shorter or a longer time than those of the others. Those of a source that
//! are due earlier are deleted out of the middle of the log. If a source keeps its reports longer, the beginning of the log
//! stays with them, and those of the other sources are deleted out of the middle as well.
//!
//! The record stays, without its reports, and its number of reports becomes negative: so the log still shows what is
//! missing by intention. Row numbers are not given again, because the newest observation stays. The history's index keeps
//! the numbers of deleted rows until it drops the whole part; whoever reads it leaves them out.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::expire::{BATCHES_PER_STEP, OBSERVATIONS_PER_STEP, expired_to, record_of_newest};
use super::read::first_observation_after;
use super::{number, position, signed, unsigned};
use crate::log::{Expiry, LogError, LogPosition};
use crate::report::{ReceivedAt, SourceId};

/// How many observations of all sources one step looks at, which takes some 10 ms.
const OBSERVATIONS_SEEN_PER_STEP: u64 = 4 * OBSERVATIONS_PER_STEP;
/// The key in `meta` of a log in which observations are missing between others.
const KEY: &str = "thinned";

/// Whether observations are missing between others because a rule for their source has removed them.
pub(super) fn is_thinned(db: &Connection) -> Result<bool, LogError> {
    let mut query = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM meta WHERE key = ?1)")?;
    Ok(query.query_row([KEY], |row| row.get(0))?)
}

/// The last position from which observations are missing, alone or with all before it.
pub(super) fn deleted_to(db: &Connection) -> Result<LogPosition, LogError> {
    Ok(expired_to(db)?.max(thinned_to(db)?))
}

/// The last position from which observations are missing between others. Logs of before this was kept say 1.
fn thinned_to(db: &Connection) -> Result<LogPosition, LogError> {
    let mut query = db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let text: Option<String> = query.query_row([KEY], |row| row.get(0)).optional()?;
    match text {
        None => Ok(LogPosition::START),
        Some(text) => {
            position(text.parse().map_err(|_| {
                LogError::Damaged("meta: the value of thinned is not a number".into())
            })?)
        }
    }
}

/// For each source, the time before which its reports may be deleted, in microseconds.
pub(super) struct Cutoffs {
    of_others: i64,
    /// By the row number of the source: the class, and the time.
    by_source: HashMap<i64, (usize, i64)>,
}

impl Cutoffs {
    pub(super) fn of(db: &Connection, expiry: &Expiry) -> Result<Self, LogError> {
        let mut by_source = HashMap::new();
        if !expiry.by_source.is_empty() {
            let mut query = db.prepare_cached("SELECT id FROM sources WHERE uuid = ?1")?;
            for (class, rule) in expiry.by_source.iter().enumerate() {
                let before = signed(rule.received_before.micros());
                for source in &rule.sources {
                    let found = query.query_row([source.to_string()], |row| row.get(0));
                    if let Some(id) = found.optional()? {
                        by_source.entry(id).or_insert((class, before));
                    }
                }
            }
        }
        Ok(Self {
            of_others: signed(expiry.received_before.micros()),
            by_source,
        })
    }

    /// Of the source with this row number. Records that are no reports have none.
    pub(super) fn of_source(&self, source: Option<i64>) -> i64 {
        let found = source.and_then(|source| self.by_source.get(&source));
        found.map_or(self.of_others, |(_, before)| *before)
    }

    /// The class of a source: the place of its rule, or `None` without one.
    fn class_of(&self, source: Option<i64>) -> Option<usize> {
        let found = source.and_then(|source| self.by_source.get(&source));
        found.map(|(class, _)| *class)
    }
}

/// The result of one step.
#[derive(Debug, Default)]
pub(super) struct Thinned {
    pub(super) observations: u64,
    pub(super) is_done: bool,
    pub(super) is_undecided: bool,
    pub(super) is_blocked: bool,
}

/// Finds what is due. It remembers how far it has looked, so that each step costs little. After a start it looks at the
/// records again from the beginning.
#[derive(Debug, Default)]
pub(super) struct Thinner {
    classes: Vec<Class>,
}

/// Sources of one rule, or all sources without a rule.
#[derive(Clone, Debug, Default)]
struct Class {
    /// The sources of the rule, or of all rules.
    sources: BTreeSet<SourceId>,
    /// Nothing of these sources is left up to this position.
    at: LogPosition,
    /// Where a trial has come to, and how many observations it has found.
    trial: (LogPosition, u64),
}

/// What is due in a part of the log.
struct Found {
    records: Vec<i64>,
    observations: u64,
    /// The last record that was looked at.
    to: LogPosition,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The part is as long as one step may look at.
    OfStep,
    /// What comes next is not due.
    NotDue,
    /// What comes next is due, but in no snapshot yet.
    Blocked,
}

impl Thinner {
    /// Deletes what is due, as much as one step may.
    pub(super) fn step(
        &mut self,
        db: &mut Connection,
        expiry: &Expiry,
    ) -> Result<Thinned, LogError> {
        let mut thinned = Thinned {
            is_done: true,
            ..Thinned::default()
        };
        if expiry.by_source.is_empty() {
            return Ok(thinned);
        }
        self.prepare(db, expiry)?;
        let cutoffs = Cutoffs::of(db, expiry)?;
        for (place, class) in self.classes.iter_mut().enumerate() {
            let of = (place < expiry.by_source.len()).then_some(place);
            let Some(before) = due_before(expiry, of) else {
                continue;
            };
            let from = if expiry.is_trial {
                class.trial.0.max(class.at)
            } else {
                class.at
            };
            let found = find(db, (of, before), from, &cutoffs, expiry)?;
            thinned.is_blocked |= found.end == End::Blocked;
            if expiry.is_trial {
                class.trial = (found.to, class.trial.1 + found.observations);
                thinned.observations += class.trial.1;
                if OBSERVATIONS_PER_STEP <= class.trial.1 {
                    thinned.is_done = false;
                    return Ok(thinned);
                }
                if found.end == End::OfStep {
                    (thinned.is_done, thinned.is_undecided) = (false, true);
                    return Ok(thinned);
                }
                continue;
            }
            thinned.observations = delete(db, &found.records)?;
            class.at = found.to;
            class.trial = (LogPosition::START, 0);
            if found.end == End::OfStep || !found.records.is_empty() {
                thinned.is_done = false;
                return Ok(thinned);
            }
        }
        Ok(thinned)
    }

    /// Begins anew with the classes whose sources are others than before.
    fn prepare(&mut self, db: &Connection, expiry: &Expiry) -> Result<(), LogError> {
        let rules = expiry.by_source.iter().map(|rule| rule.sources.clone());
        let mut wanted: Vec<BTreeSet<SourceId>> = rules.collect();
        wanted.push(wanted.iter().flatten().copied().collect());
        self.classes.resize_with(wanted.len(), Class::default);
        let expired_to = expired_to(db)?;
        for (class, sources) in self.classes.iter_mut().zip(wanted) {
            if class.sources != sources {
                *class = Class {
                    sources,
                    ..Class::default()
                };
            }
            class.at = class.at.max(expired_to);
        }
        Ok(())
    }
}

/// The time before which the reports of a class are deleted out of the middle. `None` if none are.
fn due_before(expiry: &Expiry, class: Option<usize>) -> Option<i64> {
    let of_others = expiry.received_before;
    let before = if let Some(class) = class {
        expiry.by_source.get(class)?.received_before
    } else {
        // Without a rule that keeps reports longer, nothing is left for this class.
        let mut rules = expiry.by_source.iter();
        rules
            .any(|rule| rule.received_before < of_others)
            .then_some(of_others)?
    };
    (ReceivedAt::default() < before).then(|| signed(before.micros()))
}

/// Looks at the records after `from` for those of a class that were received before a time.
fn find(
    db: &Connection,
    (class, before): (Option<usize>, i64),
    from: LogPosition,
    cutoffs: &Cutoffs,
    expiry: &Expiry,
) -> Result<Found, LogError> {
    let mut found = Found {
        records: Vec::new(),
        observations: 0,
        to: from,
        end: End::NotDue,
    };
    // The newest observation stays. Without a rule for their sources, many of them do.
    let newest = match class {
        Some(_) => 1,
        None => expiry.observations_min.max(1),
    };
    let Some(kept_from) = record_of_newest(db, newest)? else {
        return Ok(found);
    };
    let mut query = db.prepare_cached(
        "SELECT position, accepted, received_at_us, source FROM records
         WHERE ?1 < position AND position < ?2 ORDER BY position LIMIT ?3",
    )?;
    let mut rows = query.query([number(from), kept_from, BATCHES_PER_STEP])?;
    let (mut looked_at, mut seen) = (0, 0);
    while let Some(row) = rows.next()? {
        let here = position(row.get(0)?)?;
        if before <= row.get::<_, i64>(2)? {
            return Ok(found);
        }
        let accepted = unsigned(row.get::<_, i64>(1)?.max(0))?;
        if 0 < accepted && cutoffs.class_of(row.get(3)?) == class {
            if expiry.up_to < here {
                found.end = End::Blocked;
                return Ok(found);
            }
            found.records.push(number(here));
            found.observations += accepted;
        }
        found.to = here;
        looked_at += 1;
        seen += accepted;
        if OBSERVATIONS_SEEN_PER_STEP <= seen || OBSERVATIONS_PER_STEP <= found.observations {
            break;
        }
    }
    if BATCHES_PER_STEP <= looked_at
        || OBSERVATIONS_SEEN_PER_STEP <= seen
        || OBSERVATIONS_PER_STEP <= found.observations
    {
        found.end = End::OfStep;
    }
    Ok(found)
}

/// Deletes the observations of these records, which are in the order of the log. Returns how many they were.
fn delete(db: &mut Connection, records: &[i64]) -> Result<u64, LogError> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(0);
    };
    let from = first_observation_after(db, position(first.saturating_sub(1))?)?;
    let to = first_observation_after(db, position(*last)?)?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut mark =
            step.prepare_cached("UPDATE records SET accepted = -accepted WHERE position = ?1")?;
        for record in records {
            mark.execute([record])?;
        }
    }
    let deleted = step.execute(
        "DELETE FROM observations WHERE ?1 <= id AND id < ?2
             AND (SELECT accepted FROM records WHERE position = record) < 0",
        [from, to],
    )?;
    step.execute(
        "INSERT INTO meta (key, value) VALUES (?1, CAST(?2 AS TEXT)) ON CONFLICT (key) DO UPDATE
             SET value = CAST(max(CAST(value AS INTEGER), ?2) AS TEXT)",
        params![KEY, last],
    )?;
    step.commit()?;
    unsigned(signed(deleted))
}
