//! Which devices were sent, and in which order.

use std::collections::{HashMap, VecDeque};

use crate::report::DeviceId;

/// How many events are remembered. A device that is in none of them counts as never sent.
const EVENTS_MAX: usize = 65_536;

/// The devices of the last events to one target.
#[derive(Debug, Default)]
pub(super) struct History {
    /// In the order in which they were sent, each event with its number.
    events: VecDeque<(u64, DeviceId)>,
    /// The number of the last event of each device.
    last: HashMap<DeviceId, u64>,
    count: u64,
}

impl History {
    /// A device was sent.
    pub(super) fn note(&mut self, id: DeviceId) {
        self.count += 1;
        self.last.insert(id, self.count);
        self.events.push_back((self.count, id));
        if self.events.len() <= EVENTS_MAX {
            return;
        }
        if let Some((number, oldest)) = self.events.pop_front()
            && self.last.get(&oldest) == Some(&number)
        {
            self.last.remove(&oldest);
        }
    }

    /// The number of the last event of a device. The smaller it is, the longer ago the device was sent.
    pub(super) fn last(&self, id: DeviceId) -> Option<u64> {
        self.last.get(&id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{MacAddr, Phy};

    fn device(number: usize) -> DeviceId {
        let [.., a, b, c] = number.to_be_bytes();
        DeviceId {
            phy: Phy::Wifi,
            addr: MacAddr::new([2, 0, 0, a, b, c]),
        }
    }

    #[test]
    fn past_the_bound_the_oldest_events_are_forgotten() {
        let mut history = History::default();
        for number in 0..EVENTS_MAX {
            history.note(device(number));
        }
        assert_eq!(history.last(device(0)), Some(1));
        assert_eq!(history.last(device(EVENTS_MAX)), None);
        history.note(device(1));
        assert_eq!(history.last(device(0)), None);
        // Its first event is forgotten, and its last one is not.
        history.note(device(0));
        assert!(history.last(device(1)) < history.last(device(0)));
        assert_eq!(history.last.len(), EVENTS_MAX);
        assert_eq!(history.events.len(), EVENTS_MAX);
    }
}
