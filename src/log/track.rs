//! The places where a source reported from, thinned while they are read: a long log needs no more memory than a short one.

use std::collections::BTreeMap;

use crate::report::{Position, SourceId, UnixTime};

/// Largest number of places that are kept while the log is read.
const PLACES_MAX: usize = 1 << 16;

/// A query for the places of one source.
#[derive(Clone, Copy, Debug)]
pub struct TrackQuery {
    /// The source.
    pub source: SourceId,
    /// The earliest time that a report may have.
    pub since: UnixTime,
    /// The latest time that a report may have.
    pub until: UnixTime,
    /// Only so many of the newest observations in the log are looked at, counted from the last one of the source. `None`
    /// looks at all since `since`.
    pub observations_max: Option<usize>,
    /// How far a report's time may be after its receipt, in seconds. Records that were received earlier than that before
    /// `since` are not read.
    pub ahead_max_s: u32,
}

/// Where a source was, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackPoint {
    /// The time of the report.
    pub time: UnixTime,
    /// The place.
    pub position: Position,
}

/// The places of one source, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedTrack {
    /// The places. Of a long track, some are left out, but neither the first nor the last one.
    pub points: Vec<TrackPoint>,
    /// How many reports with a place there are.
    pub reports: u64,
    /// Whether earlier observations were not looked at, because of [`TrackQuery::observations_max`].
    pub is_cut: bool,
}

/// Collects places in any order.
///
/// Time is divided into steps, and the earliest place of each step is kept. When there are too many, the steps become
/// twice as long. So the result does not depend on the order of the reports, and late ones have their places.
#[derive(Debug)]
pub(super) struct TrackCollector {
    /// By the number of the step.
    places: BTreeMap<u32, TrackPoint>,
    /// The length of a step is this power of two, in seconds.
    step_exponent: u32,
    places_max: usize,
    last: Option<TrackPoint>,
    reports: u64,
}

impl Default for TrackCollector {
    fn default() -> Self {
        Self::new(PLACES_MAX)
    }
}

impl TrackCollector {
    fn new(places_max: usize) -> Self {
        Self {
            places: BTreeMap::new(),
            step_exponent: 0,
            places_max,
            last: None,
            reports: 0,
        }
    }

    pub(super) fn add(&mut self, point: TrackPoint) {
        self.reports += 1;
        if self.last.is_none_or(|last| last.time < point.time) {
            self.last = Some(point);
        }
        let step = point.time.seconds() >> self.step_exponent;
        let kept = self.places.entry(step).or_insert(point);
        if point.time < kept.time {
            *kept = point;
        }
        while self.places_max < self.places.len() {
            self.step_exponent += 1;
            for (step, point) in std::mem::take(&mut self.places) {
                // The earlier of the two steps comes first.
                self.places.entry(step >> 1).or_insert(point);
            }
        }
    }

    pub(super) fn finish(self) -> LoggedTrack {
        let mut points: Vec<_> = self.places.into_values().collect();
        let last = self.last.filter(|last| {
            let kept = points.last();
            kept.is_some_and(|kept| kept.time < last.time)
        });
        points.extend(last);
        LoggedTrack {
            points,
            reports: self.reports,
            is_cut: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(time: u32) -> TrackPoint {
        let lat_e7 = i32::try_from(time % 1000).unwrap();
        TrackPoint {
            time: UnixTime::new(time),
            position: Position::from_fixed(lat_e7, 1, None, 0).unwrap(),
        }
    }

    fn collect(times: impl IntoIterator<Item = u32>, places_max: usize) -> LoggedTrack {
        let mut collector = TrackCollector::new(places_max);
        times
            .into_iter()
            .for_each(|time| collector.add(point(time)));
        collector.finish()
    }

    #[test]
    fn a_short_track_is_whole() {
        let track = collect([5, 1, 3, 3], 10);
        assert_eq!(track.points, [point(1), point(3), point(5)]);
        assert_eq!(track.reports, 4);
        assert_eq!(collect([], 10), LoggedTrack::default());
    }

    proptest! {
        #[test]
        fn a_long_track_keeps_its_ends_in_any_order_and_is_bounded(
            times in prop::collection::vec(0..100_000_u32, 1..300),
            places_max in 2..20_usize,
        ) {
            let track = collect(times.iter().copied(), places_max);
            let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            prop_assert_eq!(track.points.first(), Some(&point(*first)));
            prop_assert_eq!(track.points.last(), Some(&point(*last)));
            prop_assert!(track.points.len() <= places_max + 1);
            prop_assert!(track.points.is_sorted_by(|one, other| one.time < other.time));
            let backwards = collect(times.iter().rev().copied(), places_max);
            prop_assert_eq!(backwards, track);
        }
    }
}
