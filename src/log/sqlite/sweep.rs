//! Deletes names that no observation refers to any more, in small steps.
//!
//! A sweep scans the remaining observations once, and marks the names that they refer to. Then it deletes the other
//! names. Its steps run between transactions of the writer, which goes on meanwhile: new observations are scanned
//! before the marking ends, and names that are used again after that are marked too.

use rusqlite::{Connection, TransactionBehavior, params};

use super::unsigned;
use crate::log::LogError;

/// The tables of names, in the order of the columns that [`mark`] reads.
const TABLES: [&str; 3] = ["ssids", "capabilities", "channels"];
/// How many observations one step scans, which takes some 10 ms.
const OBSERVATIONS_PER_STEP: i64 = 10_000;
/// How many names one step checks.
const NAMES_PER_STEP: i64 = 4096;
/// A sweep scans all observations, so it waits until one of so many has been deleted since the last sweep.
const WORTH_ONE_OF: u64 = 10;

/// The progress of the sweep.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// How many observations were deleted since the last sweep.
    expired: u64,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// No sweep is under way.
    #[default]
    Idle,
    /// Marks the names that the observations from `next` on refer to.
    Mark { next: i64, used: [Numbers; 3] },
    /// Deletes the names of the table at `place` that are not marked, from number `next` to `last`.
    Delete {
        place: usize,
        next: i64,
        last: [i64; 3],
        used: [Numbers; 3],
    },
}

impl Sweep {
    /// Counts the observations that were deleted before the start, because they may not have been swept.
    pub(super) fn of(db: &Connection) -> Result<Self, LogError> {
        let first: Option<i64> =
            db.query_row("SELECT min(id) FROM observations", [], |row| row.get(0))?;
        Ok(Self {
            expired: unsigned(first.unwrap_or(1).saturating_sub(1))?,
            stage: Stage::Idle,
        })
    }

    /// Counts deleted observations.
    pub(super) fn count(&mut self, expired: u64) {
        self.expired += expired;
    }

    /// Marks a name that is used again.
    pub(super) fn keep(&mut self, table: &str, number: i64) {
        if let Stage::Delete { used, .. } = &mut self.stage {
            let tables = TABLES.iter().zip(used);
            for (_, used) in tables.filter(|(known, _)| **known == table) {
                used.insert(number);
            }
        }
    }

    /// Runs one step if there is something to do, and returns whether there is more. Calls `forget` with the numbers in
    /// use in each table before it deletes the others.
    pub(super) fn step(
        &mut self,
        db: &mut Connection,
        remaining: u64,
        forget: impl FnOnce(&[Numbers; 3]),
    ) -> Result<bool, LogError> {
        match &mut self.stage {
            Stage::Idle => {
                if self.expired == 0 || self.expired < remaining / WORTH_ONE_OF {
                    return Ok(false);
                }
                self.expired = 0;
                self.stage = Stage::Mark {
                    next: 0,
                    used: Default::default(),
                };
            }
            Stage::Mark { next, used } => {
                if mark(db, next, used)? < OBSERVATIONS_PER_STEP {
                    forget(used);
                    self.stage = Stage::Delete {
                        place: 0,
                        next: 0,
                        last: last_numbers(db)?,
                        used: std::mem::take(used),
                    };
                }
            }
            Stage::Delete {
                place,
                next,
                last,
                used,
            } => {
                let (Some(table), Some(used), Some(last)) =
                    (TABLES.get(*place), used.get(*place), last.get(*place))
                else {
                    self.stage = Stage::Idle;
                    return Ok(false);
                };
                let from = delete_unmarked(db, table, *next, *last, used)?;
                (*place, *next) = from.map_or((*place + 1, 0), |from| (*place, from));
            }
        }
        Ok(true)
    }
}

/// Marks the names that the next observations refer to, and returns how many observations it scanned.
fn mark(db: &Connection, next: &mut i64, used: &mut [Numbers; 3]) -> Result<i64, LogError> {
    let mut query = db.prepare_cached(
        "SELECT id, ssid, capabilities, channel FROM observations WHERE id >= ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = query.query([*next, OBSERVATIONS_PER_STEP])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        *next = row.get::<_, i64>(0)? + 1;
        for (column, used) in (1..).zip(used.iter_mut()) {
            if let Some(number) = row.get(column)? {
                used.insert(number);
            }
        }
        count += 1;
    }
    Ok(count)
}

fn last_numbers(db: &Connection) -> Result<[i64; 3], LogError> {
    let mut last = [0; 3];
    for (table, last) in TABLES.iter().zip(&mut last) {
        let query = format!("SELECT ifnull(max(id), 0) FROM {table}");
        *last = db.query_row(&query, [], |row| row.get(0))?;
    }
    Ok(last)
}

/// Deletes those of the next names that are not used. Returns the number to continue at, or `None` after `last`.
fn delete_unmarked(
    db: &mut Connection,
    table: &str,
    next: i64,
    last: i64,
    used: &Numbers,
) -> Result<Option<i64>, LogError> {
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut from = None;
    {
        let mut find = step.prepare_cached(&format!(
            "SELECT id FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3"
        ))?;
        let mut delete = step.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
        let found = find.query_map(params![next, last, NAMES_PER_STEP], |row| row.get(0))?;
        for number in found.collect::<Result<Vec<i64>, _>>()? {
            if !used.contains(number) {
                delete.execute([number])?;
            }
            from = Some(number + 1);
        }
    }
    step.commit()?;
    Ok(from)
}

/// A set of row numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers(Vec<u64>);

impl Numbers {
    fn place(number: i64) -> Option<(usize, u32)> {
        let number = usize::try_from(number).ok()?;
        Some((number / 64, u32::try_from(number % 64).ok()?))
    }

    fn insert(&mut self, number: i64) {
        let Some((word, bit)) = Self::place(number) else {
            return;
        };
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        Self::place(number)
            .and_then(|(word, bit)| Some(self.0.get(word)? >> bit & 1 == 1))
            .unwrap_or(false)
    }
}
