//! One part of the devices, with access by identity, by slot, and by order of change.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::device::Device;
use super::recent::{Seen, SeenKey};
use crate::report::{DeviceId, ReceivedAt, UnixTime};

/// Number of a change. Changes of all devices are numbered in one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ChangeNumber(pub(super) u64);

impl ChangeNumber {
    /// Takes a number that was counted.
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A device and its latest change.
pub(super) type Changed = (ChangeNumber, Device);

/// Identifies the image being taken, and the change after which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) number: u64,
    pub(super) after: ChangeNumber,
}

/// Index of a device in its shard. 32 bits suffice: four billion devices per shard fit no machine.
pub(super) type Slot = u32;

/// End of the linked list.
const NONE: Slot = Slot::MAX;

#[derive(Debug, Default)]
pub(super) struct Shard {
    nodes: Column<Node>,
    /// Time of the latest report of the device in each slot.
    seen: Column<SeenKey>,
    free: Vec<Slot>,
    by_id: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    /// Ends of the linked list: the least and the most recently changed device.
    chain: Option<(Slot, Slot)>,
    copying: Option<Copying>,
    unread: Unread,
}

/// Smallest number of slots to list for the index by place.
const UNREAD_MIN: usize = 1024;
/// One in so many slots is listed at most. Reading all of them takes little longer than reading those.
const UNREAD_SHARE: usize = 4;

/// Slots that changed since the index by place read them.
#[derive(Debug, Default)]
pub(super) enum Unread {
    /// All of them, or too many to list.
    #[default]
    All,
    Listed {
        /// The latest change that the index has. Slots that changed later are in the list already.
        since: ChangeNumber,
        slots: Vec<Slot>,
    },
}

/// Progress of copying an image out of the shard.
#[derive(Debug)]
struct Copying {
    round: Round,
    /// Newest device still to be copied. All before it in the list are still to be copied too.
    next: Slot,
    /// Copies of devices that changed or left before they were copied, as they were when the image began.
    set_aside: Vec<Changed>,
}

/// Values by slot, in chunks of one size. Growth copies no value and reserves at most one chunk.
#[derive(Debug)]
pub(super) struct Column<T>(Vec<Vec<T>>);

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Column<T> {
    /// Values per chunk: as many as fit into an allocation without waste.
    const PIECE: usize = (1 << 15) / size_of::<T>();

    pub(super) fn get(&self, slot: usize) -> Option<&T> {
        self.0.get(slot / Self::PIECE)?.get(slot % Self::PIECE)
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.0
            .get_mut(slot / Self::PIECE)?
            .get_mut(slot % Self::PIECE)
    }

    pub(super) fn push(&mut self, value: T) {
        if self.0.last().is_none_or(|piece| piece.len() == Self::PIECE) {
            self.0.push(Vec::with_capacity(Self::PIECE));
        }
        if let Some(piece) = self.0.last_mut() {
            piece.push(value);
        }
    }

    pub(super) fn len(&self) -> usize {
        let last = self.0.last().map_or(0, Vec::len);
        self.0.len().saturating_sub(1) * Self::PIECE + last
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// Values from a slot to the end of its chunk. `None` past the last slot.
    pub(super) fn piece_from(&self, start: usize) -> Option<&[T]> {
        let piece = self
            .0
            .get(start / Self::PIECE)?
            .get(start % Self::PIECE..)?;
        (!piece.is_empty()).then_some(piece)
    }

    /// Values from a slot to the end. `None` past the last slot.
    fn iter_from(&self, start: usize) -> Option<impl Iterator<Item = &T>> {
        let pieces = self.0.get(start / Self::PIECE..).unwrap_or_default();
        (start < self.len()).then(|| pieces.iter().flatten().skip(start % Self::PIECE))
    }
}

/// A device and its neighbours in the list ordered by change.
#[derive(Debug)]
struct Node {
    device: Option<Device>,
    changed: ChangeNumber,
    before: Slot,
    after: Slot,
}

/// Memory that a slot takes, without the index by identity.
#[cfg(test)]
pub(super) const fn bytes_of_slot() -> usize {
    size_of::<Node>() + size_of::<SeenKey>()
}

/// Progress of a walk in order of change.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeMark {
    slot: Slot,
    pub(super) changed: ChangeNumber,
}

impl Shard {
    pub(super) fn get(&self, id: DeviceId) -> Option<&Device> {
        self.device(self.find(id)?)
    }

    /// Many devices, in the order of their ids.
    ///
    /// A search waits for memory again and again: for the table, then for the device. So all read the table first, and
    /// the processor waits for many of them at once.
    pub(super) fn get_each(&self, ids: impl Iterator<Item = DeviceId>) -> Vec<Option<&Device>> {
        let likely: Vec<_> = ids
            .map(|id| {
                let hash = self.hasher.hash_one(id);
                (id, self.by_id.iter_hash(hash).next().copied())
            })
            .collect();
        let found = likely.into_iter().map(|(id, slot)| {
            let device = self.device(slot?)?;
            // The table has few bits of each hash, so the first one may be another device.
            if device.id == id {
                Some(device)
            } else {
                self.get(id)
            }
        });
        found.collect()
    }

    /// Changes a device and makes it the most recently changed one. `fresh` creates it if it is new. `change` is told
    /// whether it is new.
    pub(super) fn change<T>(
        &mut self,
        id: DeviceId,
        changed: ChangeNumber,
        fresh: impl FnOnce() -> Device,
        change: impl FnOnce(&mut Device, bool) -> T,
    ) -> Option<T> {
        let (slot, new) = match self.find(id) {
            Some(slot) => {
                self.set_aside(slot);
                self.unlink(slot);
                (slot, false)
            }
            None => (self.insert(fresh()), true),
        };
        self.link_last(slot, changed);
        let device = self.node_mut(slot)?.device.as_mut()?;
        let result = change(device, new);
        let seen = Seen::of(device).key();
        self.set_seen(slot, seen);
        Some(result)
    }

    /// Makes an existing device the most recently changed one, and returns it.
    pub(super) fn retouch(&mut self, id: DeviceId, changed: ChangeNumber) -> Option<&mut Device> {
        let slot = self.find(id)?;
        self.set_aside(slot);
        self.unlink(slot);
        self.link_last(slot, changed);
        self.node_mut(slot)?.device.as_mut()
    }

    /// The device and its latest change.
    pub(super) fn get_changed(&self, id: DeviceId) -> Option<(ChangeNumber, &Device)> {
        let node = self.node(self.find(id)?)?;
        Some((node.changed, node.device.as_ref()?))
    }

    /// Devices that changed after `mark`, newest change first.
    pub(super) fn changed_after(
        &self,
        mark: ChangeNumber,
    ) -> impl Iterator<Item = (ChangeNumber, &Device)> {
        let newest = self.chain.and_then(|(_, newest)| self.node(newest));
        std::iter::successors(newest, |node| self.node(node.before))
            .take_while(move |node| mark < node.changed)
            .filter_map(|node| Some((node.changed, node.device.as_ref()?)))
    }

    /// Change number of the least recently changed device.
    pub(super) fn oldest_change(&self) -> Option<ChangeNumber> {
        let (oldest, _) = self.chain?;
        Some(self.node(oldest)?.changed)
    }

    /// Time of receipt of the latest report of the least recently changed device.
    pub(super) fn oldest_modified_at(&self) -> Option<ReceivedAt> {
        let (oldest, _) = self.chain?;
        Some(self.device(oldest)?.modified_at)
    }

    /// Removes the least recently changed device.
    pub(super) fn evict_oldest(&mut self) -> Option<Device> {
        let (oldest, _) = self.chain?;
        self.set_aside(oldest);
        self.take_out(oldest)
    }

    /// Joins the image of this round, or leaves it. Must be called before each change.
    pub(super) fn join(&mut self, round: Option<Round>) {
        if self.copying.as_ref().map(|copying| copying.round) != round {
            let next = self.chain.map_or(NONE, |(_, newest)| newest);
            self.copying = round.map(|round| Copying {
                round,
                next,
                set_aside: Vec::new(),
            });
        }
    }

    /// Copies out the next devices of the image, at most `count` besides those set aside. The flag marks the last.
    pub(super) fn copy_next(&mut self, round: Round, count: usize) -> (Vec<Changed>, bool) {
        self.join(Some(round));
        let Some(copying) = &mut self.copying else {
            return (Vec::new(), true);
        };
        let mut copied = std::mem::take(&mut copying.set_aside);
        let mut next = copying.next;
        for _ in 0..count {
            match self.node(next) {
                Some(node) if round.after < node.changed => {
                    copied.extend(node.device.clone().map(|device| (node.changed, device)));
                    next = node.before;
                }
                _ => next = NONE,
            }
        }
        if let Some(copying) = &mut self.copying {
            copying.next = next;
        }
        (copied, next == NONE)
    }

    /// Copies a device for the image before it changes, unless it was copied already.
    fn set_aside(&mut self, slot: Slot) {
        let Some(copying) = &self.copying else { return };
        let (Some(next), Some(node)) = (self.node(copying.next), self.node(slot)) else {
            return;
        };
        if node.changed <= copying.round.after || next.changed < node.changed {
            return;
        }
        let as_it_is = node.device.clone().map(|device| (node.changed, device));
        if let Some(copying) = &mut self.copying {
            copying.set_aside.extend(as_it_is);
        }
    }

    /// Restores a device from an image, and returns its earlier state. Call [`Shard::restored`] after the last one.
    pub(super) fn restore(&mut self, changed: ChangeNumber, device: Device) -> Option<Device> {
        let seen = Seen::of(&device).key();
        let (slot, before) = match self.find(device.id) {
            Some(slot) => {
                let node = self.node_mut(slot);
                (slot, node.and_then(|node| node.device.replace(device)))
            }
            None => (self.insert(device), None),
        };
        if let Some(node) = self.node_mut(slot) {
            node.changed = changed;
        }
        self.set_seen(slot, seen);
        before
    }

    /// Removes a device that a later image lists as gone, and returns it.
    pub(super) fn restore_gone(&mut self, id: DeviceId) -> Option<Device> {
        self.take_out(self.find(id)?)
    }

    /// Rebuilds the list ordered by change after a restore.
    pub(super) fn restored(&mut self) {
        let mut order: Vec<(ChangeNumber, Slot)> = self
            .nodes
            .iter()
            .zip(0..)
            .filter(|(node, _)| node.device.is_some())
            .map(|(node, slot)| (node.changed, slot))
            .collect();
        order.sort_unstable();
        self.chain = None;
        self.unread = Unread::All;
        for (changed, slot) in order {
            self.link_last(slot, changed);
        }
    }

    /// Number of devices.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All devices, in slot order.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.nodes.iter().filter_map(|node| node.device.as_ref())
    }

    fn take_out(&mut self, slot: Slot) -> Option<Device> {
        self.list_unread(slot);
        self.unlink(slot);
        let id = self.device(slot)?.id;
        let hash = self.hasher.hash_one(id);
        if let Ok(entry) = self.by_id.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        self.set_seen(slot, SeenKey::NOBODY);
        self.node_mut(slot)?.device.take()
    }

    /// Slots from `start` on, in order, with the latest change of each; a slot may be free. `None` past the last slot.
    pub(super) fn slots_from(
        &self,
        start: usize,
    ) -> Option<impl Iterator<Item = (Option<&Device>, ChangeNumber)>> {
        let nodes = self.nodes.iter_from(start)?;
        Some(nodes.map(|node| (node.device.as_ref(), node.changed)))
    }

    /// Last-seen times from slot `start` to the end of its chunk. `None` past the last slot.
    pub(super) fn seen_from(&self, start: usize) -> Option<&[SeenKey]> {
        self.seen.piece_from(start)
    }

    /// When the device in a slot was seen last. 1970 for a free slot.
    pub(super) fn seen_at(&self, slot: usize) -> Option<UnixTime> {
        self.seen.get(slot).map(|seen| seen.time())
    }

    /// The device in a slot.
    pub(super) fn at(&self, slot: usize) -> Option<&Device> {
        self.nodes.get(slot)?.device.as_ref()
    }

    /// Next device before `mark`, newest change first, if it changed at or after `since`.
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
                // The device at the mark changed again or left. Search from the newest end for the first older one.
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
            self.seen.push(SeenKey::NOBODY);
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
        if let Some(copying) = self.copying.as_mut().filter(|copying| copying.next == slot) {
            copying.next = before;
        }
        self.chain = match self.chain {
            Some((oldest, newest)) if oldest == slot && newest == slot => None,
            Some((oldest, newest)) if oldest == slot => Some((after, newest)),
            Some((oldest, newest)) if newest == slot => Some((oldest, before)),
            elsewhere => elsewhere,
        };
    }

    fn link_last(&mut self, slot: Slot, changed: ChangeNumber) {
        self.list_unread(slot);
        let before = self.chain.map_or(NONE, |(_, newest)| newest);
        if let Some(node) = self.node_mut(slot) {
            (node.before, node.after, node.changed) = (before, NONE, changed);
        }
        if let Some(node) = self.node_mut(before) {
            node.after = slot;
        }
        self.chain = Some((self.chain.map_or(slot, |(oldest, _)| oldest), slot));
    }

    /// Lists a slot that is about to change for the index by place, unless it is listed.
    fn list_unread(&mut self, slot: Slot) {
        let Unread::Listed { since, slots } = &mut self.unread else {
            return;
        };
        let node = index(slot).and_then(|slot| self.nodes.get(slot));
        if node.is_some_and(|node| *since < node.changed) {
            return;
        }
        let max = (self.nodes.len() / UNREAD_SHARE).max(UNREAD_MIN);
        if slots.len() < max {
            slots.push(slot);
        } else {
            self.unread = Unread::All;
        }
    }

    /// Number of slots that the index by place has to read.
    pub(super) fn count_unread(&self) -> usize {
        match &self.unread {
            Unread::All => usize::MAX,
            Unread::Listed { slots, .. } => slots.len(),
        }
    }

    /// The slots that the index by place has to read, and begins a new list.
    pub(super) fn take_unread(&mut self) -> Unread {
        let newest = self.chain.and_then(|(_, newest)| self.node(newest));
        let listed = Unread::Listed {
            since: newest.map_or(ChangeNumber::default(), |node| node.changed),
            slots: Vec::new(),
        };
        std::mem::replace(&mut self.unread, listed)
    }

    fn set_seen(&mut self, slot: Slot, seen: SeenKey) {
        if let Some(entry) = index(slot).and_then(|slot| self.seen.get_mut(slot)) {
            *entry = seen;
        }
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
