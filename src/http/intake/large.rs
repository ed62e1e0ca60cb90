//! Large bodies give way to small ones: one sender of large bodies would otherwise take the time of many scanners.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::response::pace::{Pace, YieldToIngest};

/// A body that is decoded in this time is small, whatever its length.
const SMALL_MAX: Duration = Duration::from_millis(2);
/// So much of one body is counted: after an upload that waited for the log, others do not wait for seconds.
const COUNTED_MAX: Duration = Duration::from_millis(250);

/// The log and the merger work on a body besides the thread that decodes it.
const THREADS: u32 = 2;

/// Bounds how many bodies that may be large are decoded at one time, and how much of the time large ones take while small
/// ones come in. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::http) struct LargeBodies {
    /// How many small bodies were taken.
    small: Arc<AtomicU64>,
    pace: Pace,
}

/// A body that may be large, until its answer.
#[derive(Debug)]
pub(super) struct LargeBody {
    turn: YieldToIngest,
    started: Instant,
    is_large: bool,
}

impl LargeBodies {
    /// More than `at_once_max` would take no less time, and evict each other's reports from the caches of the processors.
    pub(in crate::http) fn new(at_once_max: usize) -> Self {
        let small = Arc::<AtomicU64>::default();
        Self {
            pace: Pace::new(Arc::clone(&small), at_once_max),
            small,
        }
    }

    /// Waits until a body may be decoded.
    pub(super) async fn turn(&self) -> LargeBody {
        let mut turn = self.pace.of_one_answer();
        turn.wait().await;
        LargeBody {
            turn,
            started: Instant::now(),
            is_large: false,
        }
    }

    /// A body was taken.
    pub(super) fn taken(&self, large: Option<&LargeBody>) {
        if large.is_none_or(|body| !body.is_large) {
            self.small.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl LargeBody {
    /// It was decoded, and others may be now.
    pub(super) fn decoded(&mut self) {
        self.is_large = SMALL_MAX < self.started.elapsed();
        self.turn.count(Duration::ZERO);
    }
}

impl Drop for LargeBody {
    fn drop(&mut self) {
        if self.is_large {
            let worked = self.started.elapsed() * THREADS;
            self.turn.count(worked.min(COUNTED_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// A body that took a second to decode.
    async fn long(bodies: &LargeBodies) -> LargeBody {
        let mut body = bodies.turn().await;
        body.started -= Duration::from_secs(1);
        body.decoded();
        body
    }

    fn next_waits(bodies: &LargeBodies) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(bodies.turn()).poll(&mut context).is_pending()
    }

    #[tokio::test]
    async fn large_bodies_rest_while_small_ones_come_in() {
        let bodies = LargeBodies::new(1);
        drop(long(&bodies).await);
        assert!(!next_waits(&bodies), "no small body came");
        let body = long(&bodies).await;
        bodies.taken(Some(&body));
        drop(body);
        assert!(!next_waits(&bodies), "only a large body came");
        let body = long(&bodies).await;
        bodies.taken(None);
        assert!(!next_waits(&bodies), "it is not over yet");
        drop(body);
        assert!(next_waits(&bodies));
    }

    #[tokio::test]
    async fn others_are_decoded_while_a_body_waits_for_the_log() {
        let bodies = LargeBodies::new(1);
        let decoding = bodies.turn().await;
        assert!(next_waits(&bodies));
        let mut decoded = decoding;
        decoded.decoded();
        assert!(!next_waits(&bodies));
        drop(decoded);
    }
}
