//! Where the next query of a table begins.
//!
//! A table is read in the order of its row numbers, some thousand rows at a time. In a damaged file a row may have any number,
//! and `SQLite` does not check the order. So a number counts as the place of the reading only within a run of growing
//! numbers, and when the next row confirms it.

use std::collections::HashSet;

/// So many rows with growing numbers are a run. Numbers in a damaged place have no order.
const RUN_MIN: usize = 8;
/// A number that is not confirmed counts all the same behind a place that cannot be read, if it is so near.
const NEAR: i64 = 10_000;
/// Most rows that are remembered so that they are not given twice. Past it they may be, which costs duplicates.
const GIVEN_MAX: usize = 100_000;

/// The place of a reading.
#[derive(Debug)]
pub(super) struct Order {
    /// The present query gives the rows behind this one.
    start: i64,
    /// The next query gives the rows behind this one, all before which were read.
    reached: i64,
    previous: Option<i64>,
    run: usize,
    /// The last row of the query before.
    last: Option<i64>,
    /// How many numbers were left out last.
    step: i64,
    /// Rows that were given and may come again: those behind `reached`, and all once the order is broken.
    given: HashSet<i64>,
    is_broken: bool,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            start: i64::MIN,
            reached: i64::MIN,
            previous: None,
            run: 0,
            last: None,
            step: 1,
            given: HashSet::new(),
            is_broken: false,
        }
    }

    /// The number behind which the next query begins.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// Whether a row came that did not stand where its number says.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// A row has come. Returns whether it did not come in an earlier query.
    pub(super) fn is_new(&mut self, number: i64) -> bool {
        match self.previous.replace(number) {
            Some(previous) if previous < number => {
                self.run += 1;
                if RUN_MIN <= self.run && self.start < previous {
                    self.reached = previous;
                }
            }
            Some(_) => (self.run, self.is_broken) = (1, true),
            None => self.run = 1,
        }
        !self.given.contains(&number)
    }

    /// The query is over, with these rows. Returns whether the reading got on.
    pub(super) fn end_query(&mut self, numbers: &[i64]) -> bool {
        let got_on = self.start < self.reached;
        let (reached, keeps_all) = (self.reached, self.is_broken);
        let may_come = |number: &i64| keeps_all || reached < *number;
        self.given.retain(may_come);
        self.given
            .extend(numbers.iter().filter(|number| may_come(number)));
        if GIVEN_MAX < self.given.len() {
            self.given.clear();
        }
        self.last = self.previous.take();
        (self.start, self.run) = (reached, 0);
        if got_on {
            self.step = 1;
        }
        got_on
    }

    /// Goes on behind a place that cannot be read, or from which the same rows would come again. Nobody knows how long such a
    /// place is, so each time in a row twice as many numbers are left out. `None` at the end of all numbers.
    pub(super) fn skip(&mut self) -> Option<()> {
        let start = self.start.max(0);
        let is_near = |last: &i64| start < *last && last.saturating_sub(start) <= NEAR;
        let from = if let Some(last) = self.last.take().filter(is_near) {
            self.step = 1;
            last
        } else {
            self.step = self.step.saturating_mul(2);
            start
        };
        self.start = from.checked_add(self.step)?;
        self.reached = self.start;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_ROWS: usize = 10;

    /// Reads rows that lie in this order, so many at a time. `keys` has the numbers that they had before the damage. Returns
    /// what is given.
    fn read(rows: &[i64], keys: &[i64], at_once: usize) -> Vec<i64> {
        let (mut order, mut given) = (Order::new(), Vec::new());
        loop {
            // As SQLite does: it finds the page by the keys, which are elsewhere, searches the page as if it were in order,
            // and goes on from there.
            let place = keys.partition_point(|key| *key <= order.start());
            let page = place / PAGE_ROWS * PAGE_ROWS;
            let in_page = rows
                .chunks(PAGE_ROWS)
                .nth(page / PAGE_ROWS)
                .unwrap_or_default();
            let first = page + in_page.partition_point(|row| *row <= order.start());
            let numbers: Vec<i64> = rows.iter().skip(first).take(at_once).copied().collect();
            given.extend(numbers.iter().filter(|number| order.is_new(**number)));
            if numbers.len() < at_once || (!order.end_query(&numbers) && order.skip().is_none()) {
                return given;
            }
        }
    }

    #[test]
    fn rows_in_order_are_given_once() {
        let rows: Vec<i64> = (-50..50).chain([1000, 70_000, i64::MAX]).collect();
        for at_once in [10, 50, 102, 103, 104, 500] {
            assert_eq!(read(&rows, &rows, at_once), rows, "{at_once}");
        }
    }

    #[test]
    fn a_wrong_number_costs_no_more_than_its_page() {
        let keys: Vec<i64> = (1..=100).collect();
        for wrong in [i64::MAX, 2_089_384, 50, 1, -7] {
            for place in 0..100 {
                let mut rows = keys.clone();
                rows[place] = wrong;
                for at_once in [20, 30] {
                    let given = read(&rows, &keys, at_once);
                    let lost = rows.iter().filter(|row| !given.contains(row)).count();
                    assert!(lost <= PAGE_ROWS, "{wrong} at {place}, {at_once}: {lost}");
                }
            }
        }
    }

    #[test]
    fn numbers_without_order_come_to_an_end() {
        let mut order = Order::new();
        for number in [5, 3, 9, 2, 9, 1] {
            order.is_new(number);
        }
        assert!(order.is_broken());
        assert!(!order.end_query(&[5, 3, 9, 2, 9, 1]));
        assert!(!order.is_new(9), "it was given");
        assert!(!order.end_query(&[9]));
        // 9, and one number that cannot be read.
        assert_eq!((order.skip(), order.start()), (Some(()), 10));
        let far = i64::MAX - 1;
        order.is_new(far);
        assert!(!order.end_query(&[far]));
        for start in [12, 16, 24, 40] {
            assert_eq!((order.skip(), order.start()), (Some(()), start));
        }
        assert!((0..100).any(|_| order.skip().is_none()), "there is an end");
    }
}
