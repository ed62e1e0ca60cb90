//! The newest rows, which are in no run yet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::codec::Address;
use super::rows::{IndexedRow, RowRange};
use crate::log::ObservationKey;
use crate::report::UnixTime;

/// How many full parts wait to be written. If the disk is slower than that, the oldest part is dropped, and the builder
/// reads its rows from the log later.
const PARTS_MAX: usize = 16;

/// A full part. It is written to a run as a whole.
pub(super) type Part = Arc<Vec<IndexedRow>>;

/// The newest rows, in the order of the log and without a gap.
#[derive(Debug)]
pub(super) struct Memory {
    parts: VecDeque<Part>,
    /// The rows of the part that is being filled.
    open: Vec<IndexedRow>,
    /// How many rows a part has.
    part_rows: usize,
    /// The row number that the next observation gets.
    next: i64,
}

impl Memory {
    /// `rows` are the newest rows, and `next` is the number of the row after them.
    pub(super) fn new(rows: &[IndexedRow], next: i64, part_rows: usize) -> Self {
        let mut memory = Self {
            parts: VecDeque::new(),
            open: Vec::new(),
            part_rows,
            next: rows.first().map_or(next, |row| row.id),
        };
        memory.add(rows);
        memory.next = next;
        memory
    }

    /// Whether rows follow those that are known.
    pub(super) fn is_continued_by(&self, rows: &[IndexedRow]) -> bool {
        rows.first().is_none_or(|row| row.id == self.next)
    }

    pub(super) fn add(&mut self, mut rows: &[IndexedRow]) {
        if let Some(last) = rows.last() {
            self.next = last.id.saturating_add(1);
        }
        while !rows.is_empty() {
            let room = self.part_rows.saturating_sub(self.open.len()).max(1);
            let (fitting, rest) = rows.split_at(room.min(rows.len()));
            if self.open.capacity() == 0 {
                self.open.reserve_exact(self.part_rows);
            }
            self.open.extend_from_slice(fitting);
            rows = rest;
            if self.part_rows <= self.open.len() {
                self.parts
                    .push_back(Arc::new(std::mem::take(&mut self.open)));
                if PARTS_MAX < self.parts.len() {
                    self.parts.pop_front();
                }
            }
        }
    }

    /// Forgets all rows. The next one that is added has number `next`.
    pub(super) fn clear(&mut self, next: i64) {
        self.parts.clear();
        self.open.clear();
        self.next = next;
    }

    /// The rows that are in memory. The range is empty if there are none, and begins at the next row then.
    pub(super) fn range(&self) -> RowRange {
        let first = self.parts.front().and_then(|part| part.first());
        let first = first.or(self.open.first());
        RowRange {
            first: first.map_or(self.next, |row| row.id),
            last: self.next.saturating_sub(1),
        }
    }

    /// The full parts, the oldest first.
    pub(super) fn parts(&self) -> Vec<Part> {
        self.parts.iter().cloned().collect()
    }

    pub(super) fn oldest_part(&self) -> Option<Part> {
        self.parts.front().cloned()
    }

    pub(super) fn has_full_part(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Drops the parts that are in a run that ends at this row.
    pub(super) fn drop_parts_to(&mut self, last: i64) {
        let is_written = |part: &Part| part.last().is_none_or(|row| row.id <= last);
        while self.parts.front().is_some_and(is_written) {
            self.parts.pop_front();
        }
    }

    /// The rows of an address in the part that is being filled.
    pub(super) fn of_open_part(&self, address: Address) -> Vec<ObservationKey> {
        keys_of(&self.open, address).collect()
    }
}

/// The keys of the rows of an address.
pub(super) fn keys_of(
    rows: &[IndexedRow],
    address: Address,
) -> impl Iterator<Item = ObservationKey> {
    let of_address = rows.iter().filter(move |row| row.address == address);
    of_address.map(key)
}

/// The key of a row.
pub(super) fn key(row: &IndexedRow) -> ObservationKey {
    ObservationKey {
        time: UnixTime::new(row.time),
        id: row.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(range: std::ops::Range<i64>) -> Vec<IndexedRow> {
        let row = |id| IndexedRow {
            id,
            address: id.cast_unsigned() % 3,
            time: 7,
        };
        range.map(row).collect()
    }

    #[test]
    fn rows_are_cut_into_parts_of_one_size_and_the_oldest_part_goes_first() {
        let mut memory = Memory::new(&[], 1, 10);
        assert!(memory.range().is_empty());
        memory.add(&rows(1..10));
        assert!(!memory.has_full_part());
        memory.add(&rows(10..26));
        let lengths: Vec<_> = memory.parts().iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [10, 10]);
        assert_eq!(memory.range(), RowRange { first: 1, last: 25 });
        assert_eq!(memory.of_open_part(0).len(), 2);
        memory.drop_parts_to(19);
        assert_eq!(memory.range().first, 11);

        assert!(memory.is_continued_by(&rows(26..27)));
        assert!(!memory.is_continued_by(&rows(27..28)));
        memory.add(&rows(26..26 + 10 * i64::try_from(PARTS_MAX).unwrap()));
        assert_eq!(memory.parts().len(), PARTS_MAX);
        assert_eq!(memory.range().first, 21);
        memory.clear(7);
        assert_eq!(memory.range(), RowRange { first: 7, last: 6 });
    }
}
