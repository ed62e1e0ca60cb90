//! Histories of values that the server itself has, such as its memory.
//!
//! A sample a second, for the last minute, hour and day. They take the same memory however long the server runs, and
//! start anew with it.

use serde::ser::{Serialize, Serializer};

use super::activity::{Slots, SlotsRrd};
use crate::report::UnixTime;

/// Seconds per minute and minutes per hour.
const SLOTS: usize = 60;
/// Hours per day.
const HOURS: usize = 24;
/// Longest time without a sample that the next one stands for, in seconds. A longer one is a pause of the machine.
const GAP_MAX_S: u32 = 10;

/// Samples of one value. Each stands at the index of its time modulo the length.
#[derive(Clone, Debug)]
pub struct History {
    newest: Option<UnixTime>,
    seconds: [u64; SLOTS],
    minutes: [Slot; SLOTS],
    hours: [Slot; HOURS],
}

/// The samples of a minute or an hour.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    sum: u64,
    samples: u32,
    max: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            newest: None,
            seconds: [0; SLOTS],
            minutes: [Slot::default(); SLOTS],
            hours: [Slot::default(); HOURS],
        }
    }
}

impl History {
    /// Seconds since the newest sample, or `None` if there is none that this one could follow.
    pub fn gap_s(&self, now: UnixTime) -> Option<u32> {
        let gap_s = now.seconds().checked_sub(self.newest?.seconds())?;
        (gap_s <= GAP_MAX_S).then_some(gap_s)
    }

    /// Adds the value of this second. It also stands for seconds without a sample before it.
    pub fn add(&mut self, now: UnixTime, value: u64) {
        if self.newest.is_some_and(|newest| now < newest) {
            // The clock was set back.
            *self = Self::default();
        }
        let missed = self.gap_s(now).unwrap_or(1);
        self.move_to(now);
        for back in (0..missed.max(1)).rev() {
            let tick = now.seconds().saturating_sub(back);
            if let Some(second) = at(&mut self.seconds, tick) {
                *second = value;
            }
            for slot in [
                at(&mut self.minutes, tick / 60),
                at(&mut self.hours, tick / 3600),
            ] {
                let Some(slot) = slot else { continue };
                slot.sum = slot.sum.saturating_add(value);
                slot.samples = slot.samples.saturating_add(1);
                slot.max = slot.max.max(value);
            }
        }
    }

    /// The same samples in windows that end now.
    #[must_use]
    pub fn as_of(mut self, now: UnixTime) -> Self {
        self.move_to(now);
        self
    }

    /// Clears the slots that enter the windows.
    fn move_to(&mut self, now: UnixTime) {
        let new = now.seconds();
        let Some(old) = self.newest.replace(now).map(UnixTime::seconds) else {
            return;
        };
        clear(&mut self.seconds, old, new);
        clear(&mut self.minutes, old / 60, new / 60);
        clear(&mut self.hours, old / 3600, new / 3600);
    }

    /// The greatest sample of each minute.
    pub(super) fn maxima_by_minute(&self) -> [u64; SLOTS] {
        self.minutes.map(|slot| slot.max)
    }

    /// The greatest sample of each hour.
    pub(super) fn maxima_by_hour(&self) -> [u64; HOURS] {
        self.hours.map(|slot| slot.max)
    }
}

impl Slot {
    fn mean(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the sum of an hour's kilobytes is far below 2^53"
        )]
        let sum = self.sum as f64;
        if self.samples == 0 {
            return 0.0;
        }
        sum / f64::from(self.samples)
    }
}

fn at<T>(ring: &mut [T], tick: u32) -> Option<&mut T> {
    let index = usize::try_from(tick).ok()? % ring.len();
    ring.get_mut(index)
}

fn clear<T: Default>(ring: &mut [T], old: u32, new: u32) {
    let length = u32::try_from(ring.len()).unwrap_or(u32::MAX);
    for back in 0..new.saturating_sub(old).min(length) {
        if let Some(slot) = at(ring, new - back) {
            *slot = T::default();
        }
    }
}

/// As `kismet.common.rrd.*`, with means by minute and hour. The history must be as of now.
impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slots = Slots {
            seconds: self.seconds,
            minutes: self.minutes.map(Slot::mean),
            hours: self.hours.map(Slot::mean),
        };
        let rrd = SlotsRrd {
            slots: &slots,
            now: self.newest.unwrap_or(UnixTime::new(0)),
        };
        rrd.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full hour and minute.
    const START: u32 = 1_700_006_400;

    fn sampled(samples: &[(u32, u64)]) -> History {
        let mut history = History::default();
        for &(after_s, value) in samples {
            history.add(UnixTime::new(START + after_s), value);
        }
        history
    }

    #[test]
    fn minutes_and_hours_are_means_of_their_samples() {
        let history = sampled(&[(0, 10), (1, 20), (2, 30), (60, 5)]);
        let shown = serde_json::to_value(&history).unwrap();
        assert_eq!(
            shown["kismet.common.rrd.minute_vec"][0], 5,
            "not a minute ago"
        );
        assert_eq!(shown["kismet.common.rrd.last_value"], 5);
        let near = |shown: f64, expected: f64| assert!((shown - expected).abs() < 1e-9, "{shown}");
        near(history.minutes.map(Slot::mean)[0], 20.0);
        near(history.minutes.map(Slot::mean)[1], 5.0);
        near(history.hours.map(Slot::mean).iter().sum(), 65.0 / 4.0);
        assert_eq!(history.maxima_by_minute()[..2], [30, 5]);
        assert_eq!(history.maxima_by_hour().iter().sum::<u64>(), 30);
    }

    #[test]
    fn a_sample_stands_for_a_few_seconds_before_it_and_not_for_more() {
        let late = sampled(&[(0, 7), (3, 9)]);
        assert_eq!(late.seconds[..5], [7, 9, 9, 9, 0]);
        let later = sampled(&[(0, 7), (30, 9)]);
        assert_eq!(later.seconds.iter().sum::<u64>(), 16);
    }

    #[test]
    fn what_is_older_than_the_window_is_gone() {
        let history = sampled(&[(0, 7), (1, 8)]);
        let later = |after_s| history.clone().as_of(UnixTime::new(START + after_s));
        assert_eq!(later(60).seconds.iter().sum::<u64>(), 8);
        assert_eq!(later(61).seconds.iter().sum::<u64>(), 0);
        assert_eq!(later(3599).maxima_by_minute().iter().sum::<u64>(), 8);
        assert_eq!(later(3600).maxima_by_minute().iter().sum::<u64>(), 0);
        assert_eq!(later(23 * 3600).maxima_by_hour().iter().sum::<u64>(), 8);
        assert_eq!(later(24 * 3600).maxima_by_hour().iter().sum::<u64>(), 0);
    }

    #[test]
    fn a_second_sample_of_a_second_and_a_clock_that_was_set_back_do_no_harm() {
        let twice = sampled(&[(0, 7), (0, 9)]);
        assert_eq!(twice.seconds[0], 9);
        assert_eq!(twice.maxima_by_minute()[0], 9);
        let back = sampled(&[(100, 7), (0, 9)]);
        assert_eq!(back.seconds.iter().sum::<u64>(), 9);
    }
}
