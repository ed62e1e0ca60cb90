//! The devices that were seen last, without looking at the others.
//!
//! When each device was seen last stands in a column of its own beside the devices: going through the column of a
//! million devices takes about a millisecond, and keeping it costs a report one store.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Device, Tracker, Walk, read};
use crate::report::{DeviceId, Phy, UnixTime};

/// How many candidates there are for each device that is wanted. When none of them is wanted, nor many others are: then
/// a look at every device is quicker than the next candidates.
const CANDIDATES_PER_DEVICE: usize = 50;

/// When a device was seen last, and which it is: an order without ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub time: UnixTime,
    /// Which device.
    pub id: DeviceId,
}

/// The first 64 bits of that order: the time, and of devices that were seen at one time some bits of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenKey(u64);

impl Seen {
    pub(super) fn of(device: &Device) -> Self {
        Self {
            time: device.last_time,
            id: device.id,
        }
    }

    pub(super) fn key(self) -> SeenKey {
        let time = u64::from(self.time.seconds());
        SeenKey(time << 32 | (self.spread() >> 32))
    }

    /// The bits that choose the shard come last: in a shard they are the same.
    fn spread(self) -> u64 {
        spread(self.id).rotate_left(32)
    }
}

impl Ord for Seen {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.spread()).cmp(&(other.time, other.spread()))
    }
}

impl PartialOrd for Seen {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl SeenKey {
    /// Less than that of any device.
    pub(super) const NOBODY: Self = Self(0);
}

/// A number for each device, no two the same, in which devices whose addresses differ in any octet differ in the top
/// bits. The same on every machine.
pub(super) fn spread(id: DeviceId) -> u64 {
    let [a, b, c, d, e, f] = id.addr.octets();
    let number = u64::from_be_bytes([0, u8::from(id.phy == Phy::Bluetooth), a, b, c, d, e, f]);
    // 2^64 over the golden ratio; odd, so that nothing is lost.
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A place in the column that may have one of the devices that are looked for.
#[derive(Clone, Copy)]
struct Candidate {
    key: SeenKey,
    shard: usize,
    slot: usize,
}

/// Those with the greatest keys, of those that were offered.
struct Candidates {
    max: usize,
    /// The greatest key that may be among them.
    ceiling: SeenKey,
    /// What has no greater key than this is not among them.
    floor: SeenKey,
    /// Up to twice as many as may be left.
    kept: Vec<Candidate>,
}

impl Candidates {
    fn offer(&mut self, candidate: Candidate) {
        if candidate.key <= self.floor || self.ceiling < candidate.key {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() == 2 * self.max {
            self.drop_least();
        }
    }

    fn drop_least(&mut self) {
        if self.kept.len() <= self.max {
            return;
        }
        let by_key = |candidate: &Candidate| Reverse(candidate.key);
        self.kept.select_nth_unstable_by_key(self.max - 1, by_key);
        self.kept.truncate(self.max);
        let least = self.kept.last().map(|candidate| candidate.key);
        self.floor = least.unwrap_or(self.floor);
    }
}

/// The first in the order, of those that were offered.
struct Best {
    count: usize,
    before: Option<Seen>,
    seen: BTreeSet<Seen>,
}

impl Best {
    /// Whether what was seen at this time by this device has a place, now.
    fn has_room_for(&self, seen: Seen) -> bool {
        let worst = self.seen.first().filter(|_| self.is_full());
        worst.is_none_or(|worst| *worst < seen) && self.before.is_none_or(|before| seen < before)
    }

    fn is_full(&self) -> bool {
        self.count <= self.seen.len()
    }

    /// Whether nothing with this key, or a lesser one, has a place any more.
    fn is_above(&self, key: SeenKey) -> bool {
        self.is_full() && self.seen.first().is_none_or(|worst| key < worst.key())
    }

    fn offer(&mut self, seen: Seen) {
        self.seen.insert(seen);
        if self.count < self.seen.len() {
            self.seen.pop_first();
        }
    }
}

impl Tracker {
    /// Which `count` devices were seen last, the latest first, of those that `wanted` wants and that come behind
    /// `before` in that order.
    pub fn seen_last(
        &self,
        count: usize,
        before: Option<Seen>,
        mut wanted: impl FnMut(&Device) -> bool,
    ) -> Vec<Seen> {
        let mut best = Best {
            count,
            before,
            seen: BTreeSet::new(),
        };
        if !self.find_by_column(&mut best, &mut wanted) {
            best.seen.clear();
            let mut look = |device: &Device| {
                let seen = Seen::of(device);
                if best.has_room_for(seen) && wanted(device) {
                    best.offer(seen);
                }
            };
            let mut walk = Walk::over_all();
            while self.look_at_next(&mut walk, &mut look) {}
        }
        best.seen.into_iter().rev().collect()
    }

    /// Finds the best among those who come first in the column. `false` when there may be better ones.
    fn find_by_column(&self, best: &mut Best, wanted: &mut impl FnMut(&Device) -> bool) -> bool {
        let mut candidates = Candidates {
            max: (best.count + 1).saturating_mul(CANDIDATES_PER_DEVICE),
            ceiling: best.before.map_or(SeenKey(u64::MAX), Seen::key),
            floor: SeenKey::NOBODY,
            kept: Vec::new(),
        };
        for (number, shard) in self.shards.iter().enumerate() {
            let mut next = 0;
            // The lock is given back after each piece.
            while let Some(keys) = read(shard).seen_from(next) {
                for &key in keys {
                    candidates.offer(Candidate {
                        key,
                        shard: number,
                        slot: next,
                    });
                    next += 1;
                }
            }
        }
        candidates.drop_least();
        let mut kept = candidates.kept;
        kept.sort_unstable_by_key(|candidate| Reverse(candidate.key));
        for candidate in kept {
            if best.is_above(candidate.key) {
                return true;
            }
            let Some(shard) = self.shards.get(candidate.shard) else {
                continue;
            };
            // It may have been seen again since, or be another: what it says itself counts.
            let shard = read(shard);
            let Some(device) = shard.at(candidate.slot) else {
                continue;
            };
            let seen = Seen::of(device);
            if best.has_room_for(seen) && wanted(device) {
                best.offer(seen);
            }
        }
        candidates.floor == SeenKey::NOBODY || best.is_above(candidates.floor)
    }
}
