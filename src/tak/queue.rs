//! The devices that wait to be sent to one target, and those that were sent a moment ago.
//!
//! It has names of devices only: the state of a device is read when its turn comes, so the newest one is sent.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::report::DeviceId;

/// Devices in the order in which they are sent. Each is in it once.
#[derive(Debug)]
pub(super) struct Queue {
    waiting_max: usize,
    every: Duration,
    waiting: VecDeque<DeviceId>,
    /// Those that were sent, with the time from which they may be sent again. The time only grows. A device rests at most
    /// for `every`, so there are no more of them than events in this time.
    resting: VecDeque<(Instant, DeviceId)>,
    known: HashMap<DeviceId, Turn>,
    /// How many resting devices were reported meanwhile.
    changed: usize,
    taken: Option<DeviceId>,
    left_out: u64,
}

/// How it is with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Waiting,
    /// It is being sent.
    Taken {
        has_changed: bool,
    },
    /// It was sent, and may not be sent again yet.
    Resting {
        has_changed: bool,
    },
}

impl Queue {
    pub(super) fn new(waiting_max: usize, every: Duration) -> Self {
        Self {
            waiting_max,
            every,
            waiting: VecDeque::new(),
            resting: VecDeque::new(),
            known: HashMap::new(),
            changed: 0,
            taken: None,
            left_out: 0,
        }
    }

    /// How many devices wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many times a device had no room.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Counts devices that had no room before they came here.
    pub(super) const fn leave_out(&mut self, count: u64) {
        self.left_out += count;
    }

    /// A device was reported.
    pub(super) fn add(&mut self, id: DeviceId) {
        match self.known.get_mut(&id) {
            None => self.push(id),
            Some(Turn::Waiting) => {}
            Some(Turn::Taken { has_changed }) => *has_changed = true,
            Some(Turn::Resting { has_changed }) => {
                self.changed += usize::from(!*has_changed);
                *has_changed = true;
            }
        }
    }

    /// Takes the device that waits longest. It has to be followed by [`sent`](Self::sent), [`skip`](Self::skip) or
    /// [`put_back`](Self::put_back).
    pub(super) fn take(&mut self, now: Instant) -> Option<DeviceId> {
        self.wake(now);
        let id = self.waiting.pop_front()?;
        self.known.insert(id, Turn::Taken { has_changed: false });
        self.taken = Some(id);
        Some(id)
    }

    /// When a device that rests may be sent again, if one was reported meanwhile.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let next = self.resting.front().filter(|_| 0 < self.changed);
        next.map(|(at, _)| *at)
    }

    /// The device that was taken is sent.
    pub(super) fn sent(&mut self, now: Instant) {
        if self.every.is_zero() {
            return self.skip();
        }
        if let Some((id, has_changed)) = self.release() {
            self.known.insert(id, Turn::Resting { has_changed });
            self.changed += usize::from(has_changed);
            self.resting.push_back((now + self.every, id));
        }
    }

    /// The device that was taken is not wanted as it is. If it was reported meanwhile, it waits again.
    pub(super) fn skip(&mut self) {
        if let Some((id, has_changed)) = self.release() {
            self.known.remove(&id);
            if has_changed {
                self.push(id);
            }
        }
    }

    /// The device that was taken, if there is one, is the next again.
    pub(super) fn put_back(&mut self) {
        if let Some((id, _)) = self.release() {
            self.known.insert(id, Turn::Waiting);
            self.waiting.push_front(id);
        }
    }

    /// Forgets what was sent: the receiver may not have it any more.
    pub(super) fn forget_sent(&mut self) {
        while let Some((_, id)) = self.resting.pop_front() {
            self.end_rest(id);
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.resting.front()
            && at <= now
        {
            self.resting.pop_front();
            self.end_rest(id);
        }
    }

    fn end_rest(&mut self, id: DeviceId) {
        if let Some(Turn::Resting { has_changed: true }) = self.known.remove(&id) {
            self.changed -= 1;
            self.push(id);
        }
    }

    /// Whoever comes last has no room, because those that wait are sent with their newest state in any case.
    fn push(&mut self, id: DeviceId) {
        if self.waiting_max <= self.waiting.len() {
            self.left_out += 1;
        } else {
            self.known.insert(id, Turn::Waiting);
            self.waiting.push_back(id);
        }
    }

    fn release(&mut self) -> Option<(DeviceId, bool)> {
        let id = self.taken.take()?;
        let has_changed = matches!(self.known.get(&id), Some(Turn::Taken { has_changed: true }));
        Some((id, has_changed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::{MacAddr, Phy};

    const EVERY: Duration = Duration::from_secs(60);

    fn device(number: u8) -> DeviceId {
        DeviceId {
            phy: Phy::Wifi,
            addr: MacAddr::new([2, 0, 0, 0, 0, number]),
        }
    }

    fn add(queue: &mut Queue, numbers: impl IntoIterator<Item = u8>) {
        for number in numbers {
            queue.add(device(number));
        }
    }

    /// Sends all that may be sent.
    fn send_all(queue: &mut Queue, now: Instant) -> Vec<u8> {
        let mut sent = Vec::new();
        while let Some(id) = queue.take(now) {
            let [.., number] = id.addr.octets();
            sent.push(number);
            queue.sent(now);
        }
        sent
    }

    #[test]
    fn the_oldest_is_first_and_each_is_there_once() {
        let (mut queue, now) = (Queue::new(10, EVERY), Instant::now());
        add(&mut queue, [1, 2, 1, 3, 2]);
        assert_eq!(queue.waiting(), 3);
        assert_eq!(send_all(&mut queue, now), [1, 2, 3]);
    }

    #[test]
    fn past_the_bound_the_newest_is_left_out() {
        let (mut queue, now) = (Queue::new(2, EVERY), Instant::now());
        add(&mut queue, [1, 2, 3, 4, 1]);
        assert_eq!((queue.waiting(), queue.left_out()), (2, 2));
        assert_eq!(send_all(&mut queue, now), [1, 2]);
        add(&mut queue, [3]);
        assert_eq!(send_all(&mut queue, now), [3]);
    }

    #[test]
    fn a_device_rests_after_it_was_sent_and_comes_again_only_if_it_was_reported() {
        let (mut queue, start) = (Queue::new(10, EVERY), Instant::now());
        add(&mut queue, [1, 2]);
        assert_eq!(send_all(&mut queue, start), [1, 2]);
        assert_eq!(queue.wakes_at(), None);
        add(&mut queue, [2, 2]);
        assert_eq!(queue.wakes_at(), Some(start + EVERY));
        let just_before = start + EVERY - Duration::from_millis(1);
        assert_eq!(send_all(&mut queue, just_before), [0; 0]);
        assert_eq!(send_all(&mut queue, start + EVERY), [2]);
        assert_eq!(queue.wakes_at(), None);
        assert_eq!(send_all(&mut queue, start + EVERY * 3), [0; 0]);
        assert!(queue.known.is_empty() && queue.resting.is_empty());
    }

    #[test]
    fn without_a_pause_each_change_is_sent() {
        let (mut queue, now) = (Queue::new(10, Duration::ZERO), Instant::now());
        add(&mut queue, [1]);
        queue.take(now);
        add(&mut queue, [1]);
        queue.sent(now);
        assert_eq!(send_all(&mut queue, now), [1]);
        assert!(queue.known.is_empty());
    }

    #[test]
    fn what_could_not_be_sent_is_the_next_again() {
        let (mut queue, now) = (Queue::new(2, EVERY), Instant::now());
        add(&mut queue, [1, 2]);
        queue.take(now);
        add(&mut queue, [1]);
        queue.put_back();
        queue.put_back();
        assert_eq!(send_all(&mut queue, now), [1, 2]);
    }

    #[test]
    fn what_changed_while_it_was_sent_is_sent_again_later() {
        let (mut queue, now) = (Queue::new(2, EVERY), Instant::now());
        add(&mut queue, [1]);
        queue.take(now);
        add(&mut queue, [1]);
        queue.sent(now);
        assert_eq!(send_all(&mut queue, now), [0; 0]);
        assert_eq!(send_all(&mut queue, now + EVERY), [1]);
        add(&mut queue, [2]);
        queue.take(now + EVERY);
        queue.skip();
        assert_eq!(send_all(&mut queue, now + EVERY), [0; 0]);
    }

    #[test]
    fn a_receiver_that_begins_anew_gets_what_changed_since() {
        let (mut queue, now) = (Queue::new(10, EVERY), Instant::now());
        add(&mut queue, [1, 2, 3]);
        send_all(&mut queue, now);
        add(&mut queue, [2]);
        queue.forget_sent();
        add(&mut queue, [3]);
        assert_eq!(send_all(&mut queue, now), [2, 3]);
    }

    proptest! {
        #[test]
        fn it_stays_small_and_true_to_itself(steps in proptest::collection::vec((0_u8..6, 0_u8..8), 0..200)) {
            let mut queue = Queue::new(3, EVERY);
            let mut now = Instant::now();
            for (step, number) in steps {
                match step {
                    0 | 1 => queue.add(device(number)),
                    2 => {
                        queue.put_back();
                        queue.take(now);
                    }
                    3 => queue.sent(now),
                    4 => queue.skip(),
                    _ if number == 0 => queue.forget_sent(),
                    _ => now += EVERY / 3,
                }
                let resting = queue.resting.len();
                let taken = usize::from(queue.taken.is_some());
                prop_assert_eq!(queue.known.len(), queue.waiting() + resting + taken);
                // One that is put back may be one too many.
                prop_assert!(queue.waiting() <= 4);
                let changed = queue.known.values().filter(|turn| **turn == Turn::Resting { has_changed: true });
                prop_assert_eq!(queue.changed, changed.count());
            }
        }
    }
}
