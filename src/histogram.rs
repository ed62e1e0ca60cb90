//! Histograms of durations, for metrics.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets in microseconds. A last bucket holds what is longer.
pub(crate) const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];
const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Counts durations by their length. One observation takes two relaxed additions.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Number of durations by bucket. The last bucket has those that are longer than the largest bound.
    pub(crate) buckets: [u64; BUCKETS],
    pub(crate) sum_us: u64,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counted {
        let mut buckets = self.buckets.iter();
        Counted {
            buckets: array::from_fn(|_| {
                buckets
                    .next()
                    .map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            }),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_has_room_for_it() {
        let histogram = Histogram::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(us));
        }
        let Counted { buckets, sum_us } = histogram.read();
        assert_eq!(buckets.map(usize::try_from).map(Result::unwrap), {
            let mut expected = [0; BUCKETS];
            (expected[0], expected[1]) = (2, 1);
            (expected[BUCKETS - 2], expected[BUCKETS - 1]) = (1, 1);
            expected
        });
        assert_eq!(sum_us, 20_000_202);
    }
}
