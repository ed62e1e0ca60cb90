//! Finds the observations of one device: in the index, and by a scan of the rows that are not in it.

use rusqlite::{Connection, params};

use super::index::{Index, RowRange, View, bounds};
use super::signed;
use super::thin::is_thinned;
use crate::log::{LogError, ObservationKey};

/// How many keys one search finds at least and at most if rows of some sources were deleted.
const THINNED_KEYS_MIN: usize = 256;
const THINNED_KEYS_MAX: usize = 1 << 16;

/// A search for the first keys of a device in some order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// The first key that may be found.
    pub(super) from: ObservationKey,
    /// The first key that may not be found any more.
    pub(super) before: ObservationKey,
    pub(super) order: Order,
    /// How many keys to find.
    pub(super) count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

/// The keys that a search finds, in its order.
pub(super) fn keys(
    db: &Connection,
    (index, mut view): (&Index, View),
    search: Search,
    is_unwanted: &dyn Fn() -> bool,
) -> Result<Vec<ObservationKey>, LogError> {
    if !is_thinned(db)? {
        return first_keys(db, (index, &mut view), search, is_unwanted);
    }
    let mut row = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM observations WHERE id = ?1)")?;
    let mut found = Vec::new();
    // The index still has rows that are deleted. If there are many, few searches of many keys find the others.
    let mut next = Search {
        count: search.count.max(THINNED_KEYS_MIN),
        ..search
    };
    loop {
        let keys = first_keys(db, (index, &mut view), next, is_unwanted)?;
        let is_last = keys.len() < next.count;
        let last = keys.last().copied();
        for key in keys {
            if row.query_row([key.id], |row| row.get(0))? {
                found.push(key);
            }
            if search.count <= found.len() {
                return Ok(found);
            }
        }
        let Some(last) = last.filter(|_| !is_last) else {
            return Ok(found);
        };
        match search.order {
            Order::NewestFirst => next.before = last,
            Order::OldestFirst => {
                next.from = ObservationKey {
                    id: last.id.saturating_add(1),
                    ..last
                }
            }
        }
        next.count = next.count.saturating_mul(4).min(THINNED_KEYS_MAX);
    }
}

/// The first keys, also of rows that a rule for their source has deleted.
fn first_keys(
    db: &Connection,
    (index, view): (&Index, &mut View),
    search: Search,
    is_unwanted: &dyn Fn() -> bool,
) -> Result<Vec<ObservationKey>, LogError> {
    let in_log = bounds(db)?;
    let (mut best, gaps) = loop {
        let mut best = Best::new(search);
        let mut visit = |key: ObservationKey| {
            // The index may have rows that have expired, and rows that were added after the transaction began.
            if in_log.first <= key.id && key.id <= in_log.last {
                best.offer(key);
            }
        };
        if let Some(gaps) = index.search(view, in_log, is_unwanted, &mut visit)? {
            break (best, gaps);
        }
    };
    for gap in gaps {
        scan(db, gap, view.address(), search, &mut best)?;
    }
    Ok(best.into_keys())
}

/// Scans rows of the log, which takes some 70 ms per million.
fn scan(
    db: &Connection,
    range: RowRange,
    address: u64,
    search: Search,
    best: &mut Best,
) -> Result<(), LogError> {
    let mut query = db.prepare_cached(
        "SELECT o.time, o.id FROM observations o
         WHERE o.id BETWEEN ?1 AND ?2 AND o.address = ?3 AND o.time BETWEEN ?4 AND ?5",
    )?;
    let mut rows = query.query(params![
        range.first,
        range.last,
        signed(address),
        search.from.time.seconds(),
        search.before.time.seconds(),
    ])?;
    while let Some(row) = rows.next()? {
        best.offer(ObservationKey {
            time: crate::report::UnixTime::new(row.get(0)?),
            id: row.get(1)?,
        });
    }
    Ok(())
}

/// The first keys of those that were offered. Keeps at most about twice as many as are wanted.
struct Best {
    search: Search,
    keys: Vec<ObservationKey>,
    /// How many keys are kept before all but the first are dropped.
    keys_max: usize,
    /// Once enough keys are known, the last of them.
    last: Option<ObservationKey>,
}

impl Best {
    fn new(search: Search) -> Self {
        /// So that few keys are not sorted again and again.
        const KEYS_MIN: usize = 1024;
        Self {
            search,
            keys: Vec::new(),
            keys_max: search.count.saturating_mul(2).max(KEYS_MIN),
            last: None,
        }
    }

    fn offer(&mut self, key: ObservationKey) {
        let is_in_range = self.search.from <= key && key < self.search.before;
        let is_late = self.last.is_some_and(|last| match self.search.order {
            Order::NewestFirst => key < last,
            Order::OldestFirst => last < key,
        });
        if !is_in_range || is_late {
            return;
        }
        self.keys.push(key);
        if self.keys_max <= self.keys.len() {
            self.cut();
            self.last = self.keys.last().copied();
        }
    }

    fn cut(&mut self) {
        match self.search.order {
            Order::NewestFirst => self.keys.sort_unstable_by(|a, b| b.cmp(a)),
            Order::OldestFirst => self.keys.sort_unstable(),
        }
        self.keys.truncate(self.search.count);
    }

    fn into_keys(mut self) -> Vec<ObservationKey> {
        self.cut();
        self.keys
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::UnixTime;

    fn key(time: u32, id: i64) -> ObservationKey {
        ObservationKey {
            time: UnixTime::new(time),
            id,
        }
    }

    proptest! {
        #[test]
        fn the_first_of_many_keys_are_those_that_a_sort_gives(
            times in proptest::collection::vec(0..100_u32, 0..5000),
            count in 1..40_usize,
            (from, before) in (0..100_u32, 0..100_u32),
        ) {
            let offered: Vec<_> = (1..).zip(times).map(|(id, time)| key(time, id)).collect();
            for order in [Order::NewestFirst, Order::OldestFirst] {
                let (from, before) = (key(from, 0), key(before, 9));
                let mut best = Best::new(Search { from, before, order, count });
                for key in &offered {
                    best.offer(*key);
                }
                let mut expected: Vec<_> = offered
                    .iter()
                    .copied()
                    .filter(|key| from <= *key && *key < before)
                    .collect();
                expected.sort_unstable();
                if order == Order::NewestFirst {
                    expected.reverse();
                }
                expected.truncate(count);
                prop_assert_eq!(best.into_keys(), expected);
            }
        }
    }
}
