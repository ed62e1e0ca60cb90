//! The devices that wait to be sent to one target, and those that were sent a moment ago.
//!
//! It has names of devices only: the state of a device is read when its turn comes, so the newest one is sent.
//!
//! Two kinds of devices wait: those that were never sent, and those that were sent before. The kinds take turns, and each
//! has half of the room for sure. So many new devices do not keep the known ones from being sent again, and the known
//! ones do not keep a new one from being sent at all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::history::History;
use crate::report::DeviceId;

/// Devices in the order in which they are sent. Each waits once.
#[derive(Debug)]
pub(super) struct Queue {
    waiting_max: usize,
    every: Duration,
    /// Those that were never sent. The one that was reported first is the first.
    fresh: VecDeque<DeviceId>,
    /// Those that were sent before, by the number of their last event. The one that was sent longest ago is the first.
    known: BTreeMap<u64, DeviceId>,
    /// Whether the next one is of those that were sent before, if one of them waits.
    is_turn_of_known: bool,
    history: History,
    /// Those that were sent, with the time from which they may be sent again. The time only grows. A device rests at most
    /// for `every`, so there are no more of them than events in this time.
    resting: VecDeque<(Instant, DeviceId)>,
    turns: HashMap<DeviceId, Turn>,
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
            fresh: VecDeque::new(),
            known: BTreeMap::new(),
            is_turn_of_known: false,
            history: History::default(),
            resting: VecDeque::new(),
            turns: HashMap::new(),
            changed: 0,
            taken: None,
            left_out: 0,
        }
    }

    /// How many devices wait.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.known.len()
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
        match self.turns.get_mut(&id) {
            None => self.push(id),
            Some(Turn::Waiting) => {}
            Some(Turn::Taken { has_changed }) => *has_changed = true,
            Some(Turn::Resting { has_changed }) => {
                self.changed += usize::from(!*has_changed);
                *has_changed = true;
            }
        }
    }

    /// Takes the device whose turn it is. It has to be followed by [`sent`](Self::sent), [`skip`](Self::skip) or
    /// [`put_back`](Self::put_back).
    pub(super) fn take(&mut self, now: Instant) -> Option<DeviceId> {
        self.wake(now);
        let known = if self.is_turn_of_known || self.fresh.is_empty() {
            self.known.pop_first()
        } else {
            None
        };
        let id = match known {
            Some((_, id)) => id,
            None => self.fresh.pop_front()?,
        };
        self.turns.insert(id, Turn::Taken { has_changed: false });
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
        if let Some(id) = self.taken {
            self.is_turn_of_known = self.history.last(id).is_none();
            self.history.note(id);
        }
        if self.every.is_zero() {
            return self.skip();
        }
        if let Some((id, has_changed)) = self.release() {
            self.turns.insert(id, Turn::Resting { has_changed });
            self.changed += usize::from(has_changed);
            self.resting.push_back((now + self.every, id));
        }
    }

    /// The device that was taken is not wanted as it is. If it was reported meanwhile, it waits again.
    pub(super) fn skip(&mut self) {
        if let Some((id, has_changed)) = self.release() {
            self.turns.remove(&id);
            if has_changed {
                self.push(id);
            }
        }
    }

    /// The device that was taken, if there is one, is the next again.
    pub(super) fn put_back(&mut self) {
        if let Some((id, _)) = self.release() {
            self.turns.insert(id, Turn::Waiting);
            match self.history.last(id) {
                Some(number) => {
                    self.known.insert(number, id);
                }
                None => self.fresh.push_front(id),
            }
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
        if let Some(Turn::Resting { has_changed: true }) = self.turns.remove(&id) {
            self.changed -= 1;
            self.push(id);
        }
    }

    fn push(&mut self, id: DeviceId) {
        let last = self.history.last(id);
        if self.waiting_max <= self.waiting() {
            self.left_out += 1;
            let Some(gone) = self.make_room(last) else {
                return;
            };
            self.turns.remove(&gone);
        }
        self.turns.insert(id, Turn::Waiting);
        match last {
            Some(number) => {
                self.known.insert(number, id);
            }
            None => self.fresh.push_back(id),
        }
    }

    /// Takes out the device that has to give way to another one, whose last event has this number. `None` if the other
    /// one has no more right to the place than those that wait.
    fn make_room(&mut self, last: Option<u64>) -> Option<DeviceId> {
        let known_min = self.waiting_max / 2;
        let fresh_min = self.waiting_max - known_min;
        match last {
            None if self.fresh.len() < fresh_min => self.known.pop_last().map(|(_, id)| id),
            Some(_) if self.known.len() < known_min => self.fresh.pop_back(),
            None => None,
            Some(last) => {
                let latest = self.known.last_entry()?;
                (last < *latest.key()).then(|| latest.remove())
            }
        }
    }

    fn release(&mut self) -> Option<(DeviceId, bool)> {
        let id = self.taken.take()?;
        let has_changed = matches!(self.turns.get(&id), Some(Turn::Taken { has_changed: true }));
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
    fn the_first_report_is_first_and_each_device_is_there_once() {
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
        assert!(queue.turns.is_empty() && queue.resting.is_empty());
    }

    #[test]
    fn without_a_pause_each_change_is_sent() {
        let (mut queue, now) = (Queue::new(10, Duration::ZERO), Instant::now());
        add(&mut queue, [1]);
        queue.take(now);
        add(&mut queue, [1]);
        queue.sent(now);
        assert_eq!(send_all(&mut queue, now), [1]);
        assert!(queue.turns.is_empty());
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

    /// Reports the same devices in the same order again and again, and sends one device after each report.
    fn rounds(queue: &mut Queue, devices: u8, count: usize) -> Vec<u8> {
        let now = Instant::now();
        let sent = (0..count).map(|_| {
            add(queue, 0..devices);
            let id = queue.take(now).unwrap();
            queue.sent(now);
            let [.., number] = id.addr.octets();
            number
        });
        sent.collect()
    }

    #[test]
    fn with_too_little_room_each_device_has_its_turn() {
        for waiting_max in 1..=5 {
            let mut queue = Queue::new(waiting_max, Duration::ZERO);
            // Each second turn is of a device that was never sent.
            let mut first = rounds(&mut queue, 10, 20);
            first.sort_unstable();
            first.dedup();
            assert_eq!(first.len(), 10, "{waiting_max}: {first:?}");
            let mut again = rounds(&mut queue, 10, 10);
            again.sort_unstable();
            assert!(again.into_iter().eq(0..10), "{waiting_max}");
        }
    }

    #[test]
    fn new_devices_and_known_ones_take_turns() {
        let (mut queue, now) = (Queue::new(4, Duration::ZERO), Instant::now());
        add(&mut queue, [1, 2]);
        assert_eq!(send_all(&mut queue, now), [1, 2]);
        // Neither kind takes more than its half.
        add(&mut queue, [2, 1, 3, 4, 5]);
        assert_eq!((queue.waiting(), queue.left_out()), (4, 1));
        assert_eq!(send_all(&mut queue, now), [1, 3, 2, 4]);
        add(&mut queue, [10, 11, 12, 13, 1, 2, 3]);
        assert_eq!((queue.waiting(), queue.left_out()), (4, 4));
        assert_eq!(send_all(&mut queue, now), [1, 10, 3, 11]);
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
                prop_assert_eq!(queue.turns.len(), queue.waiting() + resting + taken);
                // One that is put back may be one too many.
                prop_assert!(queue.waiting() <= 4);
                let changed = queue.turns.values().filter(|turn| **turn == Turn::Resting { has_changed: true });
                prop_assert_eq!(queue.changed, changed.count());
            }
        }
    }
}
