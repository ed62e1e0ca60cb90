//! The devices that were seen last, without looking at the others.
//!
//! Devices stand in the order in which they changed. One that changed long ago can have been seen later than it
//! changed only by as much as scanners' clocks go ahead of ours. The greatest lead so far is known, so a look from
//! the newest change on may end where nothing behind it can be new enough.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;

use super::shard::ChangeMark;
use super::{Device, SLOTS_PER_LOOK, Tracker, read};
use crate::report::{DeviceId, UnixTime};

/// When a device was seen last, and which it is: an order without ties.
pub type Seen = (UnixTime, DeviceId);

impl Tracker {
    /// The `count` devices that were seen last, the latest first, of those that `wanted` wants and that come
    /// behind `before` in that order.
    pub fn seen_last(
        &self,
        count: usize,
        before: Option<Seen>,
        mut wanted: impl FnMut(&Device) -> bool,
    ) -> Vec<Device> {
        let lead_s = self.lead_s.load(Ordering::Relaxed);
        let mut best: BinaryHeap<Reverse<Seen>> = BinaryHeap::with_capacity(count + 1);
        for shard in &self.shards {
            let mut mark: Option<ChangeMark> = None;
            'shard: loop {
                let shard = read(shard);
                for _ in 0..SLOTS_PER_LOOK {
                    let Some((device, at)) = shard.changed_before(mark, UnixTime::new(0)) else {
                        break 'shard;
                    };
                    mark = Some(at);
                    let worst = best.peek().filter(|_| count <= best.len());
                    let latest_s = device.modified_at.time().seconds().saturating_add(lead_s);
                    if worst.is_some_and(|Reverse((time, _))| latest_s < time.seconds()) {
                        break 'shard;
                    }
                    let seen = (device.last_time, device.id);
                    let is_worse = worst.is_some_and(|Reverse(worst)| seen <= *worst);
                    let is_before = before.is_none_or(|before| seen < before);
                    if is_worse || !is_before || !wanted(device) {
                        continue;
                    }
                    best.push(Reverse(seen));
                    if count < best.len() {
                        best.pop();
                    }
                }
            }
        }
        let order = best.into_sorted_vec();
        order
            .into_iter()
            .filter_map(|Reverse((_, id))| self.device(id))
            .collect()
    }
}
