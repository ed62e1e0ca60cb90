//! Merges runs whose ranges follow each other.
//!
//! A run is of a tier by its number of rows: those of tier 0 have at most one part of the memory, and those of each next
//! tier [`FAN`] times as many. [`FAN`] runs of one tier become one of the next. Each row is therefore written
//! [`TIER_MAX`] + 1 times, and a log has few runs.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::codec::{Address, Entries};
use super::rows::RowRange;
use super::run::{DAMAGED_BLOCK, Durability, Run, RunError, RunWriter};
use crate::log::ObservationKey;

/// How many runs of a tier become one.
const FAN: u64 = 8;
/// Runs of this tier are not merged any more: a larger run would gain little, and take long to write.
const TIER_MAX: u32 = 3;
/// From this tier on, runs are synced.
const SYNCED_TIER: u32 = 2;
/// How many entries one step merges, which takes some 100 µs.
const ENTRIES_PER_STEP: usize = 1024;
/// How many postings are collected before they are written.
const POSTINGS_TOGETHER: usize = 256;

/// Why a merge failed.
#[derive(Debug)]
pub(super) enum MergeError {
    /// An input is damaged, or cannot be read.
    Input(Arc<Run>, RunError),
    /// The output cannot be written.
    Output(io::Error),
}

/// The tier of a run.
fn tier(range: RowRange, part_rows: u64) -> u32 {
    let mut rows_max = part_rows;
    for tier in 0..TIER_MAX {
        if range.rows() <= rows_max {
            return tier;
        }
        rows_max = rows_max.saturating_mul(FAN);
    }
    TIER_MAX
}

/// Which of the runs to merge next. `ranges` are in the order of the log.
pub(super) fn due(ranges: &[RowRange], part_rows: u64) -> Option<Range<usize>> {
    (0..TIER_MAX).find_map(|wanted| {
        let (mut start, mut count) = (0, 0);
        let mut end = None;
        for (place, range) in ranges.iter().enumerate() {
            let tier = tier(*range, part_rows);
            let is_next = end.is_some_and(|end: i64| end.checked_add(1) == Some(range.first));
            end = Some(range.last);
            if !is_next || wanted < tier {
                count = 0;
            }
            // Smaller runs between runs of the tier go with them.
            if tier == wanted {
                if count == 0 {
                    start = place;
                }
                count += 1;
                if count == FAN {
                    return Some(start..place + 1);
                }
            }
        }
        None
    })
}

/// A merge that goes on step by step.
pub(super) struct Merge {
    cursors: Vec<Cursor>,
    writer: RunWriter,
    /// Postings of rows before this one have expired.
    kept_from: i64,
    durability: Durability,
    postings: Vec<ObservationKey>,
}

impl Merge {
    /// Starts to merge `inputs`, at least one, whose ranges follow each other.
    pub(super) fn start(
        (folder, node): (&Path, Uuid),
        inputs: &[Arc<Run>],
        kept_from: i64,
        part_rows: u64,
    ) -> Result<Self, MergeError> {
        let (Some(first), Some(last)) = (inputs.first(), inputs.last()) else {
            return Err(MergeError::Output(io::ErrorKind::InvalidInput.into()));
        };
        let range = RowRange {
            first: first.range.first,
            last: last.range.last,
        };
        let mut cursors = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut cursor = Cursor::new(Arc::clone(input));
            cursor.advance()?;
            cursors.push(cursor);
        }
        let writer = RunWriter::create(folder, node, range, first.base.time);
        Ok(Self {
            cursors,
            writer: writer.map_err(MergeError::Output)?,
            kept_from,
            durability: if tier(range, part_rows) < SYNCED_TIER {
                Durability::PageCache
            } else {
                Durability::Synced
            },
            postings: Vec::with_capacity(2 * POSTINGS_TOGETHER),
        })
    }

    /// Merges some entries, and returns whether there are more.
    pub(super) fn step(&mut self) -> Result<bool, MergeError> {
        for _ in 0..ENTRIES_PER_STEP {
            let heads = self.cursors.iter().filter_map(|cursor| cursor.address);
            let Some(address) = heads.min() else {
                return Ok(false);
            };
            // The ranges follow each other, so the postings of each address stay in the order of the rows.
            for cursor in &mut self.cursors {
                while cursor.address == Some(address) {
                    let kept = cursor
                        .postings
                        .iter()
                        .filter(|key| self.kept_from <= key.id);
                    self.postings.extend(kept);
                    cursor.advance()?;
                    if POSTINGS_TOGETHER <= self.postings.len() {
                        let added = self.writer.add(address, &self.postings);
                        added.map_err(MergeError::Output)?;
                        self.postings.clear();
                    }
                }
            }
            let added = self.writer.add(address, &self.postings);
            added.map_err(MergeError::Output)?;
            self.postings.clear();
        }
        Ok(true)
    }

    /// Completes the new run.
    pub(super) fn finish(self) -> Result<Run, MergeError> {
        let last = self.cursors.last();
        let anchor = last.map(|cursor| cursor.run.anchor);
        let anchor =
            anchor.ok_or_else(|| MergeError::Output(io::ErrorKind::InvalidInput.into()))?;
        let run = self.writer.finish(anchor, self.durability);
        run.map_err(MergeError::Output)
    }
}

/// Reads the entries of a run in order.
struct Cursor {
    run: Arc<Run>,
    next_block: usize,
    block: Vec<u8>,
    first: Address,
    /// Where the next entry begins in the block.
    at: usize,
    /// The address of the current entry. `None` at the end.
    address: Option<Address>,
    postings: Vec<ObservationKey>,
}

impl Cursor {
    fn new(run: Arc<Run>) -> Self {
        Self {
            run,
            next_block: 0,
            block: Vec::new(),
            first: 0,
            at: 0,
            address: None,
            postings: Vec::new(),
        }
    }

    fn advance(&mut self) -> Result<(), MergeError> {
        let read = self.read_next();
        read.map_err(|error| MergeError::Input(Arc::clone(&self.run), error))
    }

    fn read_next(&mut self) -> Result<(), RunError> {
        self.postings.clear();
        if self.block.len() <= self.at {
            if self.run.block_count() <= self.next_block {
                self.address = None;
                return Ok(());
            }
            self.first = self.run.read_block(self.next_block, &mut self.block)?;
            (self.next_block, self.at) = (self.next_block + 1, 0);
        }
        let before = if self.at == 0 {
            Some(self.first)
        } else {
            self.address
        };
        let rest = self.block.get(self.at..).unwrap_or_default();
        let mut entries = Entries::new(rest, before.unwrap_or(self.first));
        let entry = entries.next_entry().ok_or(DAMAGED_BLOCK)?;
        self.at = self.block.len() - entries.bytes_left();
        self.address = Some(entry.address);
        let postings = &mut self.postings;
        entry
            .each(self.run.base, |key| postings.push(key))
            .ok_or(DAMAGED_BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with so many rows each, one after the other.
    fn ranges(rows: &[i64]) -> Vec<RowRange> {
        let mut next = 1;
        let range = |rows: &i64| {
            let first = next;
            next += rows;
            RowRange {
                first,
                last: next - 1,
            }
        };
        rows.iter().map(range).collect()
    }

    #[test]
    fn eight_runs_of_a_tier_are_merged_with_the_smaller_ones_between_them() {
        #[track_caller]
        fn check(rows: &[i64], expected: Option<(usize, usize)>) {
            let expected = expected.map(|(start, end)| start..end);
            assert_eq!(due(&ranges(rows), 10), expected);
        }
        check(&[10; 7], None);
        check(&[10; 8], Some((0, 8)));
        check(&[80, 10, 10, 10, 10, 10, 10, 10, 3], Some((1, 9)));
        check(&[80, 80, 80, 80, 10, 80, 80, 80, 80, 10], Some((0, 9)));
        check(&[80, 80, 80, 80, 640, 80, 80, 80, 80], None);
        check(&[641; 9], None);
        check(&[640; 8], Some((0, 8)));
    }

    #[test]
    fn runs_with_a_gap_between_them_are_not_merged() {
        let mut runs = ranges(&[10; 8]);
        runs[7] = RowRange {
            first: 72,
            last: 81,
        };
        assert_eq!(due(&runs, 10), None);
    }
}
