//! Finds the devices seen last without visiting all others.
//!
//! Last-seen times stand in a column of their own. Scanning the column of a million devices takes about a millisecond;
//! keeping it current costs a report one store.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Device, Tracker, Walk, read};
use crate::report::{DeviceId, Phy, UnixTime};

/// Candidates per requested device. If the filter rejects them all, matches are rare and a full scan is faster than
/// another round.
const CANDIDATES_PER_DEVICE: usize = 50;

/// Sort key without ties: the time a device was seen last, and its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Time of its latest report.
    pub time: UnixTime,
    /// The device.
    pub id: DeviceId,
}

/// First 64 bits of the sort key: the time, then some bits of the device's identity.
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

    /// The bits that choose the shard come last: they are equal within a shard.
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
    /// Smaller than the key of any device; for free slots.
    pub(super) const NOBODY: Self = Self(0);

    pub(super) fn time(self) -> UnixTime {
        UnixTime::new(u32::try_from(self.0 >> 32).unwrap_or_default())
    }
}

/// A unique number for each device, the same on every machine. Addresses that differ in an octet differ in the top bits.
pub(super) fn spread(id: DeviceId) -> u64 {
    let [a, b, c, d, e, f] = id.addr.octets();
    let number = u64::from_be_bytes([0, u8::from(id.phy == Phy::Bluetooth), a, b, c, d, e, f]);
    // 2^64 divided by the golden ratio. It is odd, so the multiplication is reversible.
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A slot that may hold one of the wanted devices.
#[derive(Clone, Copy)]
struct Candidate {
    key: SeenKey,
    shard: usize,
    slot: usize,
}

/// Collects the greatest keys.
struct Candidates {
    max: usize,
    /// Upper limit of keys to collect.
    ceiling: SeenKey,
    /// Keys up to this one are no longer among the greatest.
    floor: SeenKey,
    /// Holds up to twice the wanted number before it is cut.
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

/// Collects the first entries of the sort order.
struct Best {
    count: usize,
    before: Option<Seen>,
    seen: BTreeSet<Seen>,
}

impl Best {
    /// Whether this entry would be among the first now.
    fn has_room_for(&self, seen: Seen) -> bool {
        let worst = self.seen.first().filter(|_| self.is_full());
        worst.is_none_or(|worst| *worst < seen) && self.before.is_none_or(|before| seen < before)
    }

    fn is_full(&self) -> bool {
        self.count <= self.seen.len()
    }

    /// Whether no entry with this key or a smaller one can be among the first any more.
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
    /// Which `count` devices were seen last, latest first, of those that `wanted` accepts and that come after `before`
    /// in that order. Calls `pause` often, without a lock, and ends with its error.
    pub fn seen_last<E>(
        &self,
        count: usize,
        before: Option<Seen>,
        mut wanted: impl FnMut(&Device) -> bool,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<Seen>, E> {
        let mut best = Best {
            count,
            before,
            seen: BTreeSet::new(),
        };
        if !self.find_by_column(&mut best, &mut wanted, &mut pause)? {
            best.seen.clear();
            let mut look = |device: &Device| {
                let seen = Seen::of(device);
                if best.has_room_for(seen) && wanted(device) {
                    best.offer(seen);
                }
            };
            let mut walk = Walk::over_all();
            while self.look_at_next(&mut walk, &mut look) {
                pause()?;
            }
        }
        Ok(best.seen.into_iter().rev().collect())
    }

    /// Looks up the best candidates. `false` means that better ones may exist.
    fn find_by_column<E>(
        &self,
        best: &mut Best,
        wanted: &mut impl FnMut(&Device) -> bool,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut candidates = Candidates {
            max: (best.count + 1).saturating_mul(CANDIDATES_PER_DEVICE),
            ceiling: best.before.map_or(SeenKey(u64::MAX), Seen::key),
            floor: SeenKey::NOBODY,
            kept: Vec::new(),
        };
        for (number, shard) in self.shards.iter().enumerate() {
            pause()?;
            let mut next = 0;
            // Releases the lock after each chunk.
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
            pause()?;
            if best.is_above(candidate.key) {
                return Ok(true);
            }
            let Some(shard) = self.shards.get(candidate.shard) else {
                continue;
            };
            // The slot may have changed since. Only what the device itself says counts.
            let shard = read(shard);
            let Some(device) = shard.at(candidate.slot) else {
                continue;
            };
            let seen = Seen::of(device);
            if best.has_room_for(seen) && wanted(device) {
                best.offer(seen);
            }
        }
        Ok(candidates.floor == SeenKey::NOBODY || best.is_above(candidates.floor))
    }
}
