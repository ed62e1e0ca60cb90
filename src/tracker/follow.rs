//! For readers that want each change: nothing is queued for them, so one that is slow sees the latest only.

use std::sync::RwLock;

use super::device::Device;
use super::shard::{ChangeNumber, Shard};
use super::{Tracker, read};
use crate::report::DeviceId;

/// How far a reader has followed the changes of all devices.
#[derive(Clone, Debug)]
pub struct Follow {
    marks: Vec<ChangeNumber>,
    shard: usize,
}

/// The next devices that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Who they are; the one that changed last comes last.
    pub devices: Vec<DeviceId>,
    /// There were more changes than may be looked at: the oldest of them are left out.
    pub skipped: bool,
}

impl Tracker {
    /// Follows what changes from now on.
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

    /// The devices that `wanted` wants of a part of those that changed since this part was last looked at.
    ///
    /// Looks at `looks_max` changes of the part at most. `None` when all parts have been looked at; then it
    /// begins again.
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

    /// A device, if it changed after `mark`, and the mark of that change.
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
