//! How regularly each source reports.
//!
//! It follows from the log, but only from its latest contacts, and it is not a part of snapshots: a start reads these
//! contacts from the log again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::report::{ReceivedAt, SourceId};

/// Number of pauses that are needed to know a source's pace, and number that are remembered.
const PAUSES_MIN: usize = 3;
const PAUSES_MAX: usize = 8;

/// The recent contacts of all sources.
#[derive(Debug, Default)]
pub(super) struct Contacts(Mutex<HashMap<SourceId, Habit>>);

#[derive(Debug)]
struct Habit {
    last: ReceivedAt,
    pauses_us: VecDeque<u64>,
}

/// How regularly a source reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Mean of the middle half of the recent pauses, in seconds: single long or short ones do not count.
    pub interval_s: u64,
    /// The longest of the recent pauses, in seconds.
    pub longest_pause_s: u64,
}

/// When a source counts as silent. The rule SOURCESILENT has the same settings.
#[derive(Clone, Copy, Debug)]
pub struct SilenceRule {
    /// Shortest silence, in seconds.
    pub least_s: u64,
    /// Silence as a multiple of the longest recent pause.
    pub factor: u32,
}

impl Pace {
    /// Whether a source with this pace is silent at `now`. Time before `counts_from` does not count.
    pub fn is_silent(self, rule: SilenceRule, counts_from: ReceivedAt, now: ReceivedAt) -> bool {
        let usual_s = self.longest_pause_s.saturating_mul(rule.factor.into());
        let limit_us = usual_s.max(rule.least_s).saturating_mul(1_000_000);
        limit_us < now.micros().saturating_sub(counts_from.micros())
    }
}

impl Contacts {
    pub(super) fn add(&self, source: SourceId, at: ReceivedAt) {
        let mut habits = self.habits();
        let habit = habits.entry(source).or_insert_with(|| Habit {
            last: at,
            pauses_us: VecDeque::with_capacity(PAUSES_MAX),
        });
        let pause_us = at.micros().saturating_sub(habit.last.micros());
        habit.last = at;
        // A scanner may split one report over several requests, so shorter pauses do not count.
        if 1_000_000 <= pause_us {
            if PAUSES_MAX <= habit.pauses_us.len() {
                habit.pauses_us.pop_front();
            }
            habit.pauses_us.push_back(pause_us);
        }
    }

    pub(super) fn forget(&self, source: SourceId) {
        self.habits().remove(&source);
    }

    /// `None` while there are too few contacts.
    pub(super) fn pace(&self, source: SourceId) -> Option<Pace> {
        let mut pauses_us: Vec<u64> = {
            let habits = self.habits();
            habits.get(&source)?.pauses_us.iter().copied().collect()
        };
        if pauses_us.len() < PAUSES_MIN {
            return None;
        }
        pauses_us.sort_unstable();
        let longest_us = pauses_us.last().copied().unwrap_or_default();
        let outer = pauses_us.len() / 4;
        let middle = pauses_us.get(outer..pauses_us.len() - outer)?;
        let count = u64::try_from(middle.len()).unwrap_or(u64::MAX);
        let mean_us = middle.iter().sum::<u64>() / count;
        Some(Pace {
            interval_s: (mean_us + 500_000) / 1_000_000,
            longest_pause_s: longest_us.div_ceil(1_000_000),
        })
    }

    fn habits(&self) -> MutexGuard<'_, HashMap<SourceId, Habit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::log::{Entry, LogPosition, Record, SourceForget, What};
    use crate::report::Batch;
    use crate::tracker::{Bounds, Tracker};

    fn pace_after(contacts_s: &[u64]) -> Option<Pace> {
        let (contacts, source) = (Contacts::default(), SourceId::new(Uuid::nil()));
        for at in contacts_s {
            contacts.add(source, ReceivedAt::from_micros(at * 1_000_000));
        }
        contacts.pace(source)
    }

    #[test]
    fn single_long_pauses_do_not_change_the_expected_interval() {
        assert_eq!(pace_after(&[0, 60, 120]), None, "two pauses are too few");
        // Requests within a second are one contact.
        let pace = pace_after(&[0, 0, 60, 60, 120, 180, 4000, 4060]).unwrap();
        assert_eq!((pace.interval_s, pace.longest_pause_s), (60, 3820));
        let pace = pace_after(&[0, 100, 110, 120, 130, 140, 150, 160, 170, 180]).unwrap();
        assert_eq!((pace.interval_s, pace.longest_pause_s), (10, 10));
    }

    #[test]
    fn the_tracker_knows_the_pace_from_the_log_again() {
        let source = SourceId::new(Uuid::nil());
        let contact = |position: u64| {
            let batch = Batch {
                source,
                source_name: None,
                technology: None,
                identity: None,
                reports: Vec::new(),
                rejected: Vec::new(),
            };
            let at = ReceivedAt::from_micros(position * 60_000_000);
            Entry {
                position: LogPosition::new(position),
                record: Record::new(Uuid::nil(), at, What::Reports(batch)),
            }
        };
        let (whole, restored) = (
            Tracker::new(Bounds::FOR_TESTS),
            Tracker::new(Bounds::FOR_TESTS),
        );
        for position in 1..=5 {
            whole.apply(&contact(position));
        }
        // A snapshot has the source, and the log its contacts.
        restored.apply(&contact(1));
        let contacts: Vec<_> = (2..=4)
            .map(|position| (source, contact(position).record.at))
            .collect();
        restored.recall_contacts(&contacts);
        restored.apply(&contact(5));
        assert_eq!(whole.pace(source).unwrap().interval_s, 60);
        assert_eq!(restored.pace(source), whole.pace(source));
        let rule = SilenceRule {
            least_s: 10,
            factor: 3,
        };
        let at = |minutes: u64| ReceivedAt::from_micros(minutes * 60_000_000);
        let silent = |started: u64, now| whole.silent_sources(rule, at(started), at(now));
        assert_eq!(silent(0, 8), (Vec::new(), 1));
        assert_eq!(silent(0, 9), (vec![source], 0));
        assert_eq!(silent(7, 9), (Vec::new(), 1), "the server was off");
        let forget = What::SourceForget(SourceForget { source });
        let record = Record::new(Uuid::nil(), at(9), forget);
        let position = LogPosition::new(6);
        whole.apply(&Entry { position, record });
        assert_eq!(whole.pace(source), None);
        assert_eq!(silent(0, 99), (Vec::new(), 0));
    }

    #[test]
    fn a_source_is_silent_after_a_multiple_of_its_longest_pause() {
        let pace = pace_after(&[0, 60, 120, 180]).unwrap();
        let rule = |least_s| SilenceRule { least_s, factor: 3 };
        let at = |seconds: u64| ReceivedAt::from_micros(seconds * 1_000_000);
        assert!(!pace.is_silent(rule(10), at(180), at(360)));
        assert!(pace.is_silent(rule(10), at(180), at(361)));
        assert!(!pace.is_silent(rule(600), at(180), at(361)));
        assert!(
            !pace.is_silent(rule(10), at(300), at(361)),
            "the server was off"
        );
        assert!(
            !pace.is_silent(rule(10), at(180), at(0)),
            "the clock was set back"
        );
    }
}
