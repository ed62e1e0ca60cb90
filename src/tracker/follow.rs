//! Followers of changes. Nothing is queued for them, so a slow one sees only the latest state.

use std::sync::RwLock;

use super::device::Device;
use super::shard::{ChangeNumber, Shard};
use super::{Tracker, read};
use crate::report::DeviceId;

/// A reader's progress through the changes of all devices.
#[derive(Clone, Debug)]
pub struct Follow {
    marks: Vec<ChangeNumber>,
    shard: usize,
}

/// The next changed devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The devices, latest change last.
    pub devices: Vec<DeviceId>,
    /// Whether there were more changes than the limit, so that the oldest were skipped.
    pub skipped: bool,
}

impl Tracker {
    /// Starts to follow from the next change on.
    pub fn follow(&self) -> Follow {
        let newest = |shard: &RwLock<Shard>| {
            read(shard)
                .changed_after(ChangeNumber::default())
                .next()
                .map_or(ChangeNumber::default(), |(changed, _)| changed)
        };
        Follow {
            marks: self.shards.iter().map(newest).collect(),
            shard: 0,
        }
    }

    /// Devices of the next shard that changed since the last visit to it and that `wanted` accepts.
    ///
    /// Visits at most `looks_max` changes. Returns `None` after the last shard, and starts again.
    pub fn next_changed(
        &self,
        follow: &mut Follow,
        looks_max: usize,
        wanted: impl Fn(&Device) -> bool,
    ) -> Option<Changed> {
        let place = follow.shard;
        let (Some(shard), Some(mark)) = (self.shards.get(place), follow.marks.get_mut(place))
        else {
            follow.shard = 0;
            return None;
        };
        follow.shard += 1;
        let mut changed = Changed::default();
        let since = *mark;
        for (looks, (at, device)) in read(shard).changed_after(since).enumerate() {
            *mark = at.max(*mark);
            if looks_max <= looks {
                changed.skipped = true;
                break;
            }
            changed.devices.extend(wanted(device).then_some(device.id));
        }
        changed.devices.reverse();
        Some(changed)
    }

    /// The device if it changed after `mark`, and the mark of that change.
    pub fn device_changed_after(
        &self,
        id: DeviceId,
        mark: ChangeNumber,
    ) -> Option<(Device, ChangeNumber)> {
        let shard = read(self.shard_of(id));
        let (at, device) = shard.get_changed(id)?;
        (mark < at).then(|| (device.clone(), at))
    }
}
