//! Batches that may be sent again, and where they stand in the log.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::log::{Known, LogPosition};
use crate::report::{BatchIdentity, ReceivedAt};

/// How many batches are remembered, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct WindowBounds {
    /// How many; past it the oldest are forgotten.
    pub batches_max: usize,
    /// How long.
    pub age_max: Duration,
}

/// The batches of the window, in the order of the log.
#[derive(Debug)]
pub(super) struct Window {
    bounds: WindowBounds,
    positions: HashMap<BatchIdentity, LogPosition>,
    order: VecDeque<Known>,
}

impl Window {
    pub(super) fn new(bounds: WindowBounds) -> Self {
        Self {
            bounds,
            positions: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// When a batch must have come to be remembered at `now`.
    pub(super) fn since(&self, now: ReceivedAt) -> ReceivedAt {
        now.before(self.bounds.age_max)
    }

    pub(super) fn add(&mut self, known: Known) {
        self.positions.insert(known.identity, known.position);
        self.order.push_back(known);
        let since = self.since(known.received_at);
        while let Some(oldest) = self.order.front() {
            if self.order.len() <= self.bounds.batches_max && since <= oldest.received_at {
                break;
            }
            // The same identity may have been added again since: then it stays.
            if self.positions.get(&oldest.identity) == Some(&oldest.position) {
                self.positions.remove(&oldest.identity);
            }
            self.order.pop_front();
        }
    }

    /// Where the oldest batch stands that is remembered.
    pub(super) fn oldest(&self) -> Option<LogPosition> {
        self.order.front().map(|oldest| oldest.position)
    }

    /// Where the batch stands of which one that came `now` is the same.
    pub(super) fn find(&self, identity: BatchIdentity, now: ReceivedAt) -> Option<LogPosition> {
        let position = *self.positions.get(&identity)?;
        let place = self
            .order
            .binary_search_by_key(&position, |known| known.position)
            .ok()?;
        let known = self.order.get(place)?;
        (self.since(now) <= known.received_at).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Log, Record, What};
    use crate::report::{Batch, Phy, SourceId};

    /// Known batches, made by a real log.
    fn known(count: u8) -> Vec<Known> {
        let source = SourceId::new(uuid::Uuid::nil());
        let batch = |number: u8| Batch {
            source,
            source_name: None,
            phy: Phy::Wifi,
            identity: Some(BatchIdentity::of_key(source, &[number])),
            reports: Vec::new(),
            rejected: Vec::new(),
        };
        let mut log = Log::in_memory(usize::MAX);
        let record = |number| {
            let at = ReceivedAt::from_micros(u64::from(number) * 1_000_000);
            Record::new(log.node(), at, What::Reports(batch(number)))
        };
        let records = (0..count).map(record).collect();
        log.append(records).unwrap();
        log.known(ReceivedAt::from_micros(0), usize::MAX).unwrap()
    }

    #[track_caller]
    fn check(bounds: WindowBounds, remembered: usize) {
        let all = known(10);
        let mut window = Window::new(bounds);
        for known in &all {
            window.add(*known);
        }
        for (place, known) in all.iter().enumerate() {
            let now = ReceivedAt::from_micros(9_000_000);
            let found = window.find(known.identity, now) == Some(known.position);
            assert_eq!(found, 10 - remembered <= place, "{place}");
        }
    }

    #[test]
    fn what_is_too_old_is_not_found_although_nothing_came_since() {
        let mut window = Window::new(WindowBounds {
            batches_max: 10,
            age_max: Duration::from_secs(4),
        });
        let known = known(1)[0];
        window.add(known);
        let found = |seconds: u64| {
            let now = ReceivedAt::from_micros(seconds * 1_000_000);
            window.find(known.identity, now).is_some()
        };
        assert_eq!((found(0), found(4), found(5)), (true, true, false));
    }

    #[test]
    fn the_window_is_bounded_by_count_and_by_age() {
        check(
            WindowBounds {
                batches_max: 10,
                age_max: Duration::from_secs(100),
            },
            10,
        );
        check(
            WindowBounds {
                batches_max: 3,
                age_max: Duration::from_secs(100),
            },
            3,
        );
        check(
            WindowBounds {
                batches_max: 10,
                age_max: Duration::from_secs(4),
            },
            5,
        );
        check(
            WindowBounds {
                batches_max: 10,
                age_max: Duration::from_secs(0),
            },
            1,
        );
        check(
            WindowBounds {
                batches_max: 0,
                age_max: Duration::from_secs(4),
            },
            0,
        );
    }
}
