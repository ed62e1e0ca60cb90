//! When the progress of a file is written.
//!
//! A checkpoint says that rows are imported, so all of them have to be in the log before. While the log takes them, and while
//! the checkpoint itself is written, later rows are read and handed over.

use crate::log::LogPosition;

/// After how many new rows there is a checkpoint. After a crash so many are read again, and those of the batches that were
/// on their way. The log recognises their batches.
pub(super) const UNSAVED_MAX: usize = 100_000;

/// Counts of batches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OnTheWay {
    pub(super) handed_over: u64,
    /// How many of them are known to be in the log, counted from the first one.
    pub(super) in_log: u64,
    /// The position of the last of these.
    pub(super) position: Option<LogPosition>,
}

/// What of a file was read and handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// How many rows of it the index has not saved.
    pub(super) unsaved: usize,
    pub(super) sightings: u64,
    pub(super) taken: u64,
    pub(super) duplicates: u64,
    /// Up to here, the rows of all batches in the log are among those that the index saves.
    pub(super) position: Option<LogPosition>,
}

/// The checkpoints of a file.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// The next one, with the number of batches that have to be in the log before.
    next: Option<(u64, Reached)>,
    /// The one that is being written.
    present: Option<Reached>,
}

impl Checkpoints {
    /// The checkpoint that can be written now, if there is one. [`Self::end`] has to be called once it is written.
    pub(super) fn begin(&mut self, on_the_way: OnTheWay, reached: Reached) -> Option<Reached> {
        let is_due = |(batches, _): &mut (u64, Reached)| {
            self.present.is_none() && *batches <= on_the_way.in_log
        };
        let due = self.next.take_if(is_due).map(|(_, reached)| reached);
        if due.is_none() && self.next.is_none() && UNSAVED_MAX <= reached.unsaved {
            self.next = Some((on_the_way.handed_over, reached));
        }
        self.present = self.present.or(due);
        due
    }

    /// The checkpoint that was being written is.
    pub(super) fn end(&mut self) -> Option<Reached> {
        self.present.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(unsaved: usize) -> Reached {
        Reached {
            unsaved,
            sightings: 7,
            taken: 5,
            duplicates: 2,
            position: None,
        }
    }

    #[test]
    fn a_checkpoint_waits_for_the_batches_up_to_it_and_not_for_later_ones() {
        let mut checkpoints = Checkpoints::default();
        let mut begin = |handed_over, in_log, unsaved| {
            let on_the_way = OnTheWay {
                handed_over,
                in_log,
                position: None,
            };
            checkpoints.begin(on_the_way, after(unsaved))
        };
        assert_eq!(begin(50, 50, UNSAVED_MAX - 1), None);
        assert_eq!(begin(51, 47, UNSAVED_MAX), None);
        assert_eq!(begin(54, 50, UNSAVED_MAX + 6000), None);
        assert_eq!(begin(55, 51, UNSAVED_MAX + 8000), Some(after(UNSAVED_MAX)));
        // Those of the rows that came meanwhile are too few for another one.
        assert_eq!(begin(56, 56, 10_000), None);
    }

    #[test]
    fn a_checkpoint_waits_for_the_one_before() {
        let mut checkpoints = Checkpoints::default();
        let all = OnTheWay::default();
        assert_eq!(checkpoints.begin(all, after(UNSAVED_MAX)), None);
        let first = Some(after(UNSAVED_MAX));
        assert_eq!(checkpoints.begin(all, after(UNSAVED_MAX + 1)), first);
        let second = after(UNSAVED_MAX + 2);
        for _ in 0..3 {
            assert_eq!(checkpoints.begin(all, second), None);
        }
        assert_eq!(checkpoints.end(), first);
        assert_eq!(checkpoints.begin(all, after(UNSAVED_MAX + 3)), Some(second));
    }
}
