//! One part of the devices: found by identity, walked in order of place, or in order of change.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::device::Device;
use crate::report::{DeviceId, UnixTime};

/// Counts the changes of all devices, so that one change is before or after any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct ChangeNumber(pub(super) u64);

/// Where a device stands in its shard. Kept in 32 bits: a shard of four billion devices fits no machine.
type Slot = u32;

/// Marks the end of a chain.
const NONE: Slot = Slot::MAX;

#[derive(Debug, Default)]
pub(super) struct Shard {
    nodes: Vec<Node>,
    free: Vec<Slot>,
    by_id: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    /// The least recently changed and the most recently changed device.
    chain: Option<(Slot, Slot)>,
}

/// A device, and its neighbours in the order of change.
#[derive(Debug)]
struct Node {
    device: Option<Device>,
    changed: ChangeNumber,
    before: Slot,
    after: Slot,
}

/// How far a walk in the order of change has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeMark {
    slot: Slot,
    changed: ChangeNumber,
}

impl Shard {
    pub(super) fn get(&self, id: DeviceId) -> Option<&Device> {
        self.device(self.find(id)?)
    }

    /// The device, made by `fresh` if it is new, as the most recently changed one. The flag says whether it is new.
    pub(super) fn touch(
        &mut self,
        id: DeviceId,
        changed: ChangeNumber,
        fresh: impl FnOnce() -> Device,
    ) -> Option<(&mut Device, bool)> {
        let (slot, new) = match self.find(id) {
            Some(slot) => {
                self.unlink(slot);
                (slot, false)
            }
            None => (self.insert(fresh()), true),
        };
        self.link_last(slot, changed);
        Some((self.node_mut(slot)?.device.as_mut()?, new))
    }

    /// When the least recently changed device changed.
    pub(super) fn oldest_change(&self) -> Option<ChangeNumber> {
        let (oldest, _) = self.chain?;
        Some(self.node(oldest)?.changed)
    }

    /// Takes the least recently changed device out.
    pub(super) fn evict_oldest(&mut self) -> Option<Device> {
        let (oldest, _) = self.chain?;
        self.unlink(oldest);
        let id = self.device(oldest)?.id;
        let hash = self.hasher.hash_one(id);
        if let Ok(entry) = self.by_id.find_entry(hash, |&slot| slot == oldest) {
            entry.remove();
        }
        self.free.push(oldest);
        self.node_mut(oldest)?.device.take()
    }

    /// The slots from `start` on, in order; a slot may be free. `None` past the last slot.
    pub(super) fn slots_from(&self, start: usize) -> Option<impl Iterator<Item = Option<&Device>>> {
        let nodes = self.nodes.get(start..).filter(|nodes| !nodes.is_empty())?;
        Some(nodes.iter().map(|node| node.device.as_ref()))
    }

    /// The next device before `mark` in the order of change, newest first, if it changed at or after `since`.
    pub(super) fn changed_before(
        &self,
        mark: Option<ChangeMark>,
        since: UnixTime,
    ) -> Option<(&Device, ChangeMark)> {
        let (_, newest) = self.chain?;
        let mut slot = match mark {
            None => newest,
            Some(mark) => match self
                .node(mark.slot)
                .filter(|node| node.changed == mark.changed)
            {
                Some(node) => node.before,
                // The device at the mark changed again or went: go on from the newest end, past what is newer.
                None => self.first_older(newest, mark.changed),
            },
        };
        if mark.is_some_and(|_| slot == NONE) {
            return None;
        }
        loop {
            let node = self.node(slot)?;
            match &node.device {
                Some(device) if device.modified_at.time() < since => return None,
                Some(device) => {
                    return Some((
                        device,
                        ChangeMark {
                            slot,
                            changed: node.changed,
                        },
                    ));
                }
                None => slot = node.before,
            }
        }
    }

    fn first_older(&self, newest: Slot, than: ChangeNumber) -> Slot {
        let mut slot = newest;
        while let Some(node) = self.node(slot) {
            if node.changed < than {
                return slot;
            }
            slot = node.before;
        }
        NONE
    }

    fn find(&self, id: DeviceId) -> Option<Slot> {
        let hash = self.hasher.hash_one(id);
        self.by_id
            .find(hash, |&slot| {
                self.device(slot).is_some_and(|device| device.id == id)
            })
            .copied()
    }

    fn insert(&mut self, device: Device) -> Slot {
        let hash = self.hasher.hash_one(device.id);
        let node = Node {
            device: Some(device),
            changed: ChangeNumber::default(),
            before: NONE,
            after: NONE,
        };
        let slot = if let Some(slot) = self.free.pop() {
            if let Some(free) = self.node_mut(slot) {
                *free = node;
            }
            slot
        } else {
            self.nodes.push(node);
            Slot::try_from(self.nodes.len() - 1).unwrap_or(NONE)
        };
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.by_id.insert_unique(hash, slot, |&slot| {
            let device = index(slot)
                .and_then(|at| nodes.get(at))
                .and_then(|node| node.device.as_ref());
            device.map_or(0, |device| hasher.hash_one(device.id))
        });
        slot
    }

    fn unlink(&mut self, slot: Slot) {
        let Some((before, after)) = self.node(slot).map(|node| (node.before, node.after)) else {
            return;
        };
        if let Some(node) = self.node_mut(before) {
            node.after = after;
        }
        if let Some(node) = self.node_mut(after) {
            node.before = before;
        }
        self.chain = match self.chain {
            Some((oldest, newest)) if oldest == slot && newest == slot => None,
            Some((oldest, newest)) if oldest == slot => Some((after, newest)),
            Some((oldest, newest)) if newest == slot => Some((oldest, before)),
            elsewhere => elsewhere,
        };
    }

    fn link_last(&mut self, slot: Slot, changed: ChangeNumber) {
        let before = self.chain.map_or(NONE, |(_, newest)| newest);
        if let Some(node) = self.node_mut(slot) {
            (node.before, node.after, node.changed) = (before, NONE, changed);
        }
        if let Some(node) = self.node_mut(before) {
            node.after = slot;
        }
        self.chain = Some((self.chain.map_or(slot, |(oldest, _)| oldest), slot));
    }

    fn device(&self, slot: Slot) -> Option<&Device> {
        self.node(slot)?.device.as_ref()
    }

    fn node(&self, slot: Slot) -> Option<&Node> {
        self.nodes.get(index(slot)?)
    }

    fn node_mut(&mut self, slot: Slot) -> Option<&mut Node> {
        self.nodes.get_mut(index(slot)?)
    }
}

fn index(slot: Slot) -> Option<usize> {
    if slot == NONE {
        None
    } else {
        usize::try_from(slot).ok()
    }
}
