//! Counts of requests, by route and status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::histogram::{Counted, Histogram};

/// The statuses that have a count of their own. All others share one.
const STATUSES: [u16; 25] = [
    101, 200, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 426, 429,
    431, 500, 501, 503, 507, 0,
];

/// Counts by route. Routes are added when the router is made, so their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct RequestCounts(Mutex<Vec<Arc<RouteCounts>>>);

/// Counts of one route. A request takes three relaxed additions.
#[derive(Debug)]
pub(crate) struct RouteCounts {
    /// The template of the path, and not a path: those have no bound, and may hold credentials.
    route: String,
    statuses: [AtomicU64; STATUSES.len()],
    durations: Histogram,
}

impl RequestCounts {
    /// Adds a route.
    pub(crate) fn of_route(&self, route: String) -> Arc<RouteCounts> {
        let counts = Arc::new(RouteCounts {
            route,
            statuses: Default::default(),
            durations: Histogram::default(),
        });
        self.lock().push(Arc::clone(&counts));
        counts
    }

    /// Route, status and count of those that are not 0.
    pub(super) fn by_status(&self) -> Vec<(Vec<String>, u64)> {
        let mut counted = Vec::new();
        for route in self.lock().iter() {
            for (status, count) in STATUSES.iter().zip(&route.statuses) {
                let count = count.load(Ordering::Relaxed);
                if count != 0 {
                    let status = match status {
                        0 => "other".to_owned(),
                        status => status.to_string(),
                    };
                    counted.push((vec![route.route.clone(), status], count));
                }
            }
        }
        counted
    }

    /// The durations of each route that was requested.
    pub(super) fn durations(&self) -> Vec<(Vec<String>, Counted)> {
        let routes = self.lock();
        let counted = routes
            .iter()
            .map(|route| (&route.route, route.durations.read()));
        counted
            .filter(|(_, counted)| *counted != Counted::default())
            .map(|(route, counted)| (vec![route.clone()], counted))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<RouteCounts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RouteCounts {
    pub(crate) fn count(&self, status: u16, duration: Duration) {
        let place = STATUSES.iter().position(|known| *known == status);
        if let Some(count) = self.statuses.get(place.unwrap_or(STATUSES.len() - 1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.durations.observe(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_are_not_listed_count_as_other() {
        let counts = RequestCounts::default();
        let route = counts.of_route("/a/{b}".to_owned());
        for status in [200, 200, 418, 599] {
            route.count(status, Duration::from_millis(1));
        }
        let expected = [("200", 2), ("other", 2)]
            .map(|(status, count)| (vec!["/a/{b}".to_owned(), status.to_owned()], count));
        assert_eq!(counts.by_status(), expected);
        let [(_, durations)] = &counts.durations()[..] else {
            panic!("one route was requested");
        };
        assert_eq!(durations.sum_us, 4000);
    }
}
