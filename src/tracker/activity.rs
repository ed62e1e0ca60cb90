//! Activity: reports by second, minute and hour, by their own time.
//!
//! The windows end at the newest report, so the same reports give the same counts in any order.

use smallvec::SmallVec;

use crate::report::{Dbm, UnixTime};

/// Seconds per minute and minutes per hour.
const SLOTS: usize = 60;
/// Hours per day.
const HOURS: usize = 24;
/// Up to this many reports are stored one by one, which takes less memory than counters.
const FEW_MAX: usize = 16;

/// Number of reports over the minute, hour and day before the newest one.
#[derive(Clone, Debug)]
pub struct Activity(pub(crate) Kept);

/// How the reports are kept.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Few(SmallVec<[Sample; 1]>),
    Many(Box<Counts>),
}

/// One report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) time: UnixTime,
    pub(crate) signal: Option<Dbm>,
}

/// Ring buffers: each counter stands at the index of its time modulo the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Time of the newest report.
    pub newest: UnixTime,
    /// Reports by second.
    pub seconds: [u32; SLOTS],
    /// Reports by minute.
    pub minutes: [u32; SLOTS],
    /// Reports by hour.
    pub hours: [u32; HOURS],
    /// Strongest signal by second.
    pub signals: [Option<Dbm>; SLOTS],
}

impl Default for Activity {
    fn default() -> Self {
        Self(Kept::Few(SmallVec::new()))
    }
}

impl Activity {
    /// Touches the heap block to pull it into cache.
    pub(super) fn read_ahead(&self) -> u64 {
        match &self.0 {
            Kept::Few(samples) => samples.last().map_or(0, |sample| sample.time.seconds()),
            Kept::Many(counts) => counts.newest.seconds(),
        }
        .into()
    }

    /// Counts one report.
    pub(super) fn add(&mut self, time: UnixTime, signal: Option<Dbm>) {
        self.add_many(time, signal, 1);
    }

    /// Counts several reports of one time.
    pub(super) fn add_many(&mut self, time: UnixTime, signal: Option<Dbm>, count: u32) {
        match &mut self.0 {
            Kept::Many(counts) => counts.add(time, signal, count),
            Kept::Few(samples) => {
                let few = usize::try_from(count).unwrap_or(usize::MAX);
                if samples.len().saturating_add(few) <= FEW_MAX {
                    samples.extend((0..count).map(|_| Sample { time, signal }));
                } else {
                    let mut counts = Counts::of(samples);
                    counts.add(time, signal, count);
                    self.0 = Kept::Many(Box::new(counts));
                }
            }
        }
    }

    /// Sums several activities, in windows that end at the newest report of all.
    pub fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Option<Counts> {
        let all: Vec<Counts> = all.filter_map(Self::counts).collect();
        let newest = all.iter().map(|counts| counts.newest).max()?;
        let mut sum = Counts::of(&[]);
        sum.newest = newest;
        for counts in &all {
            sum.add_all(counts);
        }
        Some(sum)
    }

    /// Counters for these reports, or `None` without any.
    pub fn counts(&self) -> Option<Counts> {
        match &self.0 {
            Kept::Few(samples) if samples.is_empty() => None,
            Kept::Few(samples) => Some(Counts::of(samples)),
            Kept::Many(counts) => Some(counts.as_ref().clone()),
        }
    }
}

impl Counts {
    fn of(samples: &[Sample]) -> Self {
        let mut counts = Self {
            newest: UnixTime::new(0),
            seconds: [0; SLOTS],
            minutes: [0; SLOTS],
            hours: [0; HOURS],
            signals: [None; SLOTS],
        };
        for sample in samples {
            counts.add(sample.time, sample.signal, 1);
        }
        counts
    }

    /// The same counts in windows that end now. Reports whose scanner's clock is ahead come when it is their time.
    #[must_use]
    pub fn as_of(mut self, now: UnixTime) -> Self {
        let (newest, now_s) = (self.newest.seconds(), now.seconds());
        // Between the two, there is no report yet, or none that counts yet.
        let (old, new) = (newest.min(now_s), newest.max(now_s));
        forget(&mut self.seconds, old, new);
        forget(&mut self.signals, old, new);
        forget(&mut self.minutes, old / 60, new / 60);
        forget(&mut self.hours, old / 3600, new / 3600);
        self.newest = now;
        self
    }

    /// Adds the counts of `other`, which must not be newer, as far as they fall into the windows.
    fn add_all(&mut self, other: &Self) {
        fn add(sum: &mut [u32], newest: u32, other: &[u32], others_newest: u32) {
            for back in 0..u32::try_from(other.len()).unwrap_or(u32::MAX) {
                let Some(tick) = others_newest.checked_sub(back) else {
                    return;
                };
                let at = usize::try_from(tick).unwrap_or_default() % other.len();
                if let (Some(sum), Some(count)) = (slot(sum, tick, newest), other.get(at)) {
                    *sum = sum.saturating_add(*count);
                }
            }
        }
        let (new, old) = (self.newest.seconds(), other.newest.seconds());
        add(&mut self.seconds, new, &other.seconds, old);
        add(&mut self.minutes, new / 60, &other.minutes, old / 60);
        add(&mut self.hours, new / 3600, &other.hours, old / 3600);
    }

    fn add(&mut self, time: UnixTime, signal: Option<Dbm>, reports: u32) {
        let (new, old) = (time.seconds(), self.newest.seconds());
        if old < new {
            forget(&mut self.seconds, old, new);
            forget(&mut self.signals, old, new);
            forget(&mut self.minutes, old / 60, new / 60);
            forget(&mut self.hours, old / 3600, new / 3600);
            self.newest = time;
        }
        let newest = self.newest.seconds();
        if let Some(count) = slot(&mut self.seconds, new, newest) {
            *count = count.saturating_add(reports);
        }
        if let Some(strongest) = slot(&mut self.signals, new, newest) {
            *strongest = (*strongest).max(signal);
        }
        if let Some(count) = slot(&mut self.minutes, new / 60, newest / 60) {
            *count = count.saturating_add(reports);
        }
        if let Some(count) = slot(&mut self.hours, new / 3600, newest / 3600) {
            *count = count.saturating_add(reports);
        }
    }
}

/// Index of `tick`, if it lies in the window that ends at `newest`.
fn slot<T>(ring: &mut [T], tick: u32, newest: u32) -> Option<&mut T> {
    let age = usize::try_from(newest.checked_sub(tick)?).ok()?;
    let index = usize::try_from(tick).ok()? % ring.len();
    if age < ring.len() {
        ring.get_mut(index)
    } else {
        None
    }
}

/// Clears the slots that enter the window when it moves from `old` to `new`.
fn forget<T: Default>(ring: &mut [T], old: u32, new: u32) {
    let gained = usize::try_from(new - old)
        .unwrap_or(usize::MAX)
        .min(ring.len());
    for back in 0..u32::try_from(gained).unwrap_or(u32::MAX) {
        if let Some(slot) = slot(ring, new - back, new) {
            *slot = T::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(times: &[u32]) -> Counts {
        let mut activity = Activity::default();
        for &time in times {
            activity.add(UnixTime::new(time), None);
        }
        activity.counts().unwrap()
    }

    /// A naive model of the counts, without moving windows.
    fn expected(times: &[u32]) -> Counts {
        let newest = times.iter().copied().max().unwrap();
        let mut counts = Counts::of(&[]);
        counts.newest = UnixTime::new(newest);
        for &time in times {
            if newest - time < 60 {
                counts.seconds[time as usize % 60] += 1;
            }
            if newest / 60 - time / 60 < 60 {
                counts.minutes[time as usize / 60 % 60] += 1;
            }
            if newest / 3600 - time / 3600 < 24 {
                counts.hours[time as usize / 3600 % 24] += 1;
            }
        }
        counts
    }

    #[test]
    fn a_gap_loses_no_sample_and_keeps_no_old_one() {
        let counts = counted(&[1_700_000_000, 1_700_000_000, 1_700_007_200]);
        assert_eq!(counts.seconds.iter().sum::<u32>(), 1);
        assert_eq!(counts.minutes.iter().sum::<u32>(), 1);
        assert_eq!(counts.hours.iter().sum::<u32>(), 3);
    }

    #[test]
    fn the_strongest_signal_of_a_second_is_shown() {
        let dbm = Dbm::from_wire;
        let mut activity = Activity::default();
        for signal in [dbm(-70.0), dbm(-50.0), None, dbm(-60.0)] {
            activity.add(UnixTime::new(120), signal);
        }
        assert_eq!(activity.counts().unwrap().signals[0], dbm(-50.0));
    }

    #[test]
    fn windows_end_at_the_moment_of_reading() {
        let counts = |now: u32| counted(&[1_700_000_000, 1_700_000_030]).as_of(UnixTime::new(now));
        let sums = |counts: Counts| {
            let sum = |ring: &[u32]| ring.iter().sum::<u32>();
            (
                sum(&counts.seconds),
                sum(&counts.minutes),
                sum(&counts.hours),
            )
        };
        assert_eq!(sums(counts(1_700_000_030)), (2, 2, 2));
        assert_eq!(sums(counts(1_700_000_060)), (1, 2, 2));
        assert_eq!(sums(counts(1_700_000_090)), (0, 2, 2));
        assert_eq!(sums(counts(1_700_003_630)), (0, 0, 2));
        assert_eq!(sums(counts(1_700_090_000)), (0, 0, 0));
        assert_eq!(sums(counts(1_800_000_000)), (0, 0, 0));
        // The second report is from a clock that is ahead.
        assert_eq!(sums(counts(1_700_000_010)), (1, 2, 2));
        assert_eq!(counts(1_700_000_090).newest, UnixTime::new(1_700_000_090));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_all_reports(
            times in proptest::collection::vec((0usize..3, 1_700_000_000u32..1_700_090_000), 1..60)
        ) {
            let mut parts = [const { Vec::new() }; 3];
            for &(part, time) in &times {
                parts[part].push(time);
            }
            let parts = parts.map(|times| {
                let mut activity = Activity::default();
                for &time in &times {
                    activity.add(UnixTime::new(time), None);
                }
                activity
            });
            let all: Vec<u32> = times.iter().map(|&(_, time)| time).collect();
            prop_assert_eq!(Activity::sum(parts.iter()).unwrap(), expected(&all));
        }

        #[test]
        fn counts_are_those_of_the_definition(times in proptest::collection::vec(1_700_000_000u32..1_700_200_000, 1..60)) {
            prop_assert_eq!(counted(&times), expected(&times));
        }

        #[test]
        fn dense_counts_are_those_of_the_definition(times in proptest::collection::vec(1_700_000_000u32..1_700_000_200, 1..200)) {
            prop_assert_eq!(counted(&times), expected(&times));
        }
    }
}
