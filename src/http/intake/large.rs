//! Large bodies give way to small ones, and those of one sender to those of others: one sender of large bodies would
//! otherwise take the time of many scanners.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::request::sender::Sender;
use crate::http::response::pace::{Pace, YieldToIngest};

/// A body that is decoded in this processor time is small, whatever its length.
const SMALL_MAX: Duration = Duration::from_millis(2);
/// The log and the merger work on a body too, and so does the kernel that writes it: together some three times as long as
/// the thread that decodes it.
const WORK_PER_DECODING: u32 = 4;
/// So much of one body is counted, so that nobody waits for seconds after it.
const COUNTED_MAX: Duration = Duration::from_millis(200);

/// Bounds how many bodies that may be large are decoded at one time, and how much of the time large ones take while small
/// ones come in. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::http) struct LargeBodies {
    /// How many small bodies were taken.
    small: Arc<AtomicU64>,
    pace: Pace,
    lanes: Arc<Mutex<HashMap<Sender, Lane>>>,
}

/// The bodies of one sender, which are decoded one after the other.
#[derive(Debug)]
struct Lane {
    next: Arc<Semaphore>,
    /// Bodies that are decoded or wait for it.
    bodies: usize,
}

/// A body that is being decoded, or waits for it. Dropping it lets the next one of its sender in.
#[derive(Debug)]
pub(super) struct LargeBody {
    turn: YieldToIngest,
    _lane: Option<OwnedSemaphorePermit>,
    _place: LanePlace,
}

/// A place in a lane. The lane ends with its last place.
#[derive(Debug)]
struct LanePlace {
    lanes: Arc<Mutex<HashMap<Sender, Lane>>>,
    sender: Sender,
}

/// Processor time that this thread has used.
pub(super) struct ThreadTime(Duration);

impl ThreadTime {
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Self(Duration::try_from(time).unwrap_or_default())
    }

    fn elapsed(&self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

impl LargeBodies {
    /// More than `at_once_max` would take no less time, and evict each other's reports from the caches of the processors.
    pub(in crate::http) fn new(at_once_max: usize) -> Self {
        let small = Arc::<AtomicU64>::default();
        Self {
            pace: Pace::new(Arc::clone(&small), at_once_max),
            small,
            lanes: Arc::default(),
        }
    }

    /// Waits until a body of this sender may be decoded. Its bodies wait for each other, so another sender waits for one
    /// of them only.
    pub(super) async fn turn(&self, sender: &Sender) -> LargeBody {
        let (next, place) = self.enter(sender);
        // The semaphore is never closed.
        let lane = next.acquire_owned().await.ok();
        let mut turn = self.pace.of_one_answer();
        turn.wait().await;
        LargeBody {
            turn,
            _lane: lane,
            _place: place,
        }
    }

    fn enter(&self, sender: &Sender) -> (Arc<Semaphore>, LanePlace) {
        let mut lanes = lock(&self.lanes);
        let lane = lanes.entry(sender.clone()).or_insert_with(|| Lane {
            next: Arc::new(Semaphore::new(1)),
            bodies: 0,
        });
        lane.bodies += 1;
        let place = LanePlace {
            lanes: Arc::clone(&self.lanes),
            sender: sender.clone(),
        };
        (Arc::clone(&lane.next), place)
    }

    /// A small body was taken.
    pub(super) fn small_taken(&self) {
        self.small.fetch_add(1, Ordering::Relaxed);
    }
}

impl LargeBody {
    /// Lets others be decoded, after a rest if it was large. Returns whether it was.
    pub(super) fn decoded(self, since: &ThreadTime) -> bool {
        self.took(since.elapsed())
    }

    fn took(mut self, decoding: Duration) -> bool {
        let is_large = SMALL_MAX < decoding;
        let work = if is_large {
            (decoding * WORK_PER_DECODING).min(COUNTED_MAX)
        } else {
            Duration::ZERO
        };
        self.turn.count(work);
        is_large
    }
}

impl Drop for LanePlace {
    fn drop(&mut self) {
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.get_mut(&self.sender) {
            lane.bodies -= 1;
            if lane.bodies == 0 {
                lanes.remove(&self.sender);
            }
        }
    }
}

fn lock(lanes: &Mutex<HashMap<Sender, Lane>>) -> MutexGuard<'_, HashMap<Sender, Lane>> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::auth::ClientNetwork;

    const LONG: Duration = Duration::from_secs(1);

    fn sender(last: u8) -> Sender {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        Sender::Unknown(ClientNetwork::of(address))
    }

    fn waits(bodies: &LargeBodies, sender: &Sender) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(bodies.turn(sender)).poll(&mut context).is_pending()
    }

    #[tokio::test]
    async fn large_bodies_rest_while_small_ones_come_in() {
        let (bodies, one) = (LargeBodies::new(1), sender(1));
        assert!(bodies.turn(&one).await.took(LONG));
        assert!(!waits(&bodies, &one), "no small body came");
        bodies.small_taken();
        assert!(!bodies.turn(&one).await.took(SMALL_MAX));
        assert!(!waits(&bodies, &one), "it was small itself");
        assert!(bodies.turn(&one).await.took(LONG));
        assert!(waits(&bodies, &one));
    }

    #[tokio::test]
    async fn another_sender_waits_for_one_body_of_a_sender_only() {
        let (bodies, one, other) = (LargeBodies::new(1), sender(1), sender(2));
        let first = bodies.turn(&one).await;
        let mut context = Context::from_waker(Waker::noop());
        let mut second = pin!(bodies.turn(&one));
        let mut third = pin!(bodies.turn(&one));
        let mut of_other = pin!(bodies.turn(&other));
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(third.as_mut().poll(&mut context).is_pending());
        assert!(of_other.as_mut().poll(&mut context).is_pending());
        first.took(Duration::ZERO);
        assert!(second.as_mut().poll(&mut context).is_pending());
        of_other.await.took(Duration::ZERO);
        second.await.took(Duration::ZERO);
        third.await.took(Duration::ZERO);
        assert!(lock(&bodies.lanes).is_empty());
    }

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_the_lane() {
        let (bodies, one) = (LargeBodies::new(1), sender(1));
        let first = bodies.turn(&one).await;
        assert!(waits(&bodies, &one));
        drop(first);
        assert!(lock(&bodies.lanes).is_empty());
        assert!(!waits(&bodies, &one));
    }
}
