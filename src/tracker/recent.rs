//! The devices that were seen last, without looking at the others.
//!
//! An index by the time of the last report costs a report nothing: it is brought up to date from the order of change,
//! in the background, and only where somebody asks for it. Until it is, a look at every device answers.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};

use super::shard::{ChangeNumber, Shard, Slot};
use super::{Device, SLOTS_PER_LOOK, Tracker, Walk, lock, read};
use crate::report::{DeviceId, UnixTime};

/// When a device was seen last, and which it is: an order without ties.
pub type Seen = (UnixTime, DeviceId);

/// How many changes a reader makes up for itself; with more of them a look at every device is quicker.
const CATCH_UP_MAX: usize = 5_000;
/// How many devices a reader looks at in the order of the index for each that it wants, before a look at every device
/// in the order in which they lie in memory is quicker.
const LOOKS_PER_DEVICE_MAX: usize = 50;

/// The devices of one shard in the order in which they were seen last.
#[derive(Debug, Default)]
pub(super) struct SeenIndex {
    /// The latest change that it has.
    upto: ChangeNumber,
    order: BTreeSet<Seen>,
    /// What `order` has of the device in a slot, to find it again when it changed. An entry of a device that went
    /// stays until its slot is used again, and is passed over.
    by_slot: Vec<Option<Seen>>,
}

impl SeenIndex {
    fn put(&mut self, shard: &Shard, slot: Slot, seen: Seen) {
        let Ok(place) = usize::try_from(slot) else {
            return;
        };
        if self.by_slot.len() <= place {
            self.by_slot.resize(place + 1, None);
        }
        let Some(entry) = self.by_slot.get_mut(place) else {
            return;
        };
        let before = entry.replace(seen);
        if before == Some(seen) {
            return;
        }
        if let Some(before) = before {
            let (time, id) = before;
            // A device that went and came again has the entry of its old slot, if nothing about it is different.
            let is_in_use = || shard.get(id).is_some_and(|device| device.last_time == time);
            if id == seen.1 || !is_in_use() {
                self.order.remove(&before);
            }
        }
        self.order.insert(seen);
    }
}

/// The first in some order, of those that were offered.
struct Best {
    count: usize,
    before: Option<Seen>,
    seen: BTreeSet<Seen>,
}

impl Best {
    /// Whether what was seen at this time by this device has a place, now.
    fn has_room_for(&self, seen: Seen) -> bool {
        let worst = self.seen.first().filter(|_| self.count <= self.seen.len());
        worst.is_none_or(|worst| *worst < seen) && self.before.is_none_or(|before| seen < before)
    }

    fn offer(&mut self, seen: Seen) {
        self.seen.insert(seen);
        if self.count < self.seen.len() {
            self.seen.pop_first();
        }
    }
}

impl Tracker {
    /// The `count` devices that were seen last, the latest first, of those that `wanted` wants and that come
    /// behind `before` in that order.
    pub fn seen_last(
        &self,
        count: usize,
        before: Option<Seen>,
        mut wanted: impl FnMut(&Device) -> bool,
    ) -> Vec<Device> {
        let mut best = Best {
            count,
            before,
            seen: BTreeSet::new(),
        };
        self.seen_is_wanted.store(true, Ordering::Relaxed);
        if !self.find_in_index(&mut best, &mut wanted) {
            best.seen.clear();
            let mut look = |device: &Device| {
                let seen = (device.last_time, device.id);
                if best.has_room_for(seen) && wanted(device) {
                    best.offer(seen);
                }
            };
            let mut walk = Walk::over_all();
            while self.look_at_next(&mut walk, &mut look) {}
        }
        let order = best.seen.into_iter().rev();
        order.filter_map(|(_, id)| self.device(id)).collect()
    }

    /// Brings the order of the devices that were seen last up to date, if it was asked for since this was last called.
    ///
    /// To be called now and then, so that those who ask have little to make up for.
    pub fn index_seen(&self) {
        if !self.seen_is_wanted.swap(false, Ordering::Relaxed) {
            return;
        }
        for (number, index) in self.seen.iter().enumerate() {
            self.catch_up(number, &mut lock(index));
        }
    }

    /// Finds the best by the index. `false` when that would take longer than a look at every device.
    fn find_in_index(&self, best: &mut Best, wanted: &mut impl FnMut(&Device) -> bool) -> bool {
        let mut indexes = Vec::with_capacity(self.seen.len());
        let mut missing = 0;
        for (number, index) in self.seen.iter().enumerate() {
            let index: MutexGuard<'_, SeenIndex> = match index.try_lock() {
                Ok(index) => index,
                Err(TryLockError::Poisoned(index)) => PoisonError::into_inner(index),
                // It is being made.
                Err(TryLockError::WouldBlock) => return false,
            };
            let rest = CATCH_UP_MAX - missing;
            let shard = self.shards.get(number).map(read);
            missing += shard.map_or(0, |shard| shard.count_after(index.upto, rest));
            if CATCH_UP_MAX <= missing {
                return false;
            }
            indexes.push(index);
        }
        let mut looks_left = (best.count + 1) * LOOKS_PER_DEVICE_MAX;
        for (number, index) in indexes.iter_mut().enumerate() {
            self.catch_up(number, index);
            if !self.find_in_shard(number, index, best, wanted, &mut looks_left) {
                return false;
            }
        }
        true
    }

    fn find_in_shard(
        &self,
        number: usize,
        index: &SeenIndex,
        best: &mut Best,
        wanted: &mut impl FnMut(&Device) -> bool,
        looks_left: &mut usize,
    ) -> bool {
        let Some(shard) = self.shards.get(number) else {
            return true;
        };
        let shard = read(shard);
        let entries = match best.before {
            None => index.order.range(..),
            Some(before) => index.order.range(..before),
        };
        for &entry in entries.rev() {
            if !best.has_room_for(entry) {
                break;
            }
            if *looks_left == 0 {
                return false;
            }
            *looks_left -= 1;
            let (_, id) = entry;
            let Some(device) = shard.get(id) else {
                continue;
            };
            // Of a device that went and came again there may be another entry: what it says itself counts.
            let seen = (device.last_time, id);
            if best.has_room_for(seen) && wanted(device) {
                best.offer(seen);
            }
        }
        true
    }

    /// Puts into the index of a shard what changed there, without keeping the writer out for long.
    fn catch_up(&self, number: usize, index: &mut SeenIndex) {
        let Some(shard) = self.shards.get(number) else {
            return;
        };
        let (mut mark, mut newest) = (None, None);
        loop {
            let shard = read(shard);
            for _ in 0..SLOTS_PER_LOOK {
                let next = shard.changed_before(mark, UnixTime::new(0));
                let Some((device, at)) = next.filter(|(_, at)| index.upto < at.changed()) else {
                    index.upto = newest.unwrap_or(index.upto);
                    return;
                };
                newest = newest.or(Some(at.changed()));
                mark = Some(at);
                index.put(&shard, at.slot(), (device.last_time, device.id));
            }
        }
    }
}
