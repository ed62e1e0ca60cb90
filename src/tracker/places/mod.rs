//! An index of devices by place, for tiles of the map.
//!
//! Devices stand in chunks in Morton order, each with a sum, so a tile of millions adds up sums. A column by slot has
//! what the index knows of each device. So the index can find a device again that has moved since, or is gone.
//!
//! Merging does not touch the index. A shard only lists the slots that changed, and whoever reads a tile applies these
//! changes first, a bounded piece at a time. A shard whose list became too long is read as a whole. So the index costs
//! nothing before somebody reads a tile.

mod chunk;
mod entry;
mod grid;
mod tile;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::RwLock;

#[cfg(test)]
pub(super) use self::chunk::bytes_of_device;
use self::chunk::{Chunk, Key};
use self::entry::{Entries, Entry, Member};
pub use self::grid::{MapPoint, TileId};
pub use self::tile::{TileCell, TileContent};
use super::shard::{Shard, Slot, Unread};
use super::{Tracker, read, write};

/// Devices that one step reads under a shard's lock: less than 100 µs.
const SLOTS_PER_STEP: usize = 256;

/// The devices by place, as of the last time that somebody brought it up to date.
#[derive(Debug)]
pub(super) struct PlaceIndex {
    entries: Entries,
    /// By the least key that a chunk may have. The first chunk has the least key of all.
    chunks: BTreeMap<Key, Chunk>,
    /// Changes that each shard has listed, and the index does not have yet.
    pending: Vec<Pending>,
    devices: usize,
}

#[derive(Clone, Debug)]
enum Pending {
    Slots(Vec<Slot>),
    /// All slots from this one on.
    From(Slot),
}

impl Default for PlaceIndex {
    fn default() -> Self {
        Self {
            entries: Entries::default(),
            chunks: BTreeMap::from([(LEAST, Chunk::empty())]),
            pending: Vec::new(),
            devices: 0,
        }
    }
}

const LEAST: Key = Key {
    code: 0,
    member: Member::LEAST,
};

impl Pending {
    const NONE: Self = Self::Slots(Vec::new());

    fn is_none(&self) -> bool {
        matches!(self, Self::Slots(slots) if slots.is_empty())
    }
}

impl PlaceIndex {
    /// Whether the index has all that a shard has listed.
    fn has_all_of(&self, number: usize) -> bool {
        self.pending.get(number).is_none_or(Pending::is_none)
    }

    /// Applies a piece of the changes of a shard. The first call of a caller also takes what the shard has listed since.
    /// Returns whether there may be more.
    fn follow(&mut self, number: usize, shard: &RwLock<Shard>, is_taken: &mut bool) -> bool {
        if self.pending.len() <= number {
            self.pending.resize(number + 1, Pending::NONE);
        }
        let Some(pending) = self.pending.get_mut(number) else {
            return false;
        };
        if pending.is_none() {
            if std::mem::replace(is_taken, true) {
                return false;
            }
            *pending = match write(shard).take_unread() {
                Unread::All => Pending::From(0),
                Unread::Listed { slots, .. } => Pending::Slots(slots),
            };
        }
        let shard = read(shard);
        let slots = match pending {
            Pending::Slots(slots) => {
                let rest = slots.len().saturating_sub(SLOTS_PER_STEP);
                slots.split_off(rest)
            }
            Pending::From(next) => {
                let end = shard.slots().max(self.entries.slots(number));
                let slots = (*next..).take(SLOTS_PER_STEP);
                let slots =
                    slots.take_while(|&slot| usize::try_from(slot).is_ok_and(|slot| slot < end));
                let slots: Vec<_> = slots.collect();
                *pending = match slots.last() {
                    Some(&last) => Pending::From(last + 1),
                    None => Pending::NONE,
                };
                slots
            }
        };
        let entry = |&slot: &Slot| {
            let device = usize::try_from(slot).ok().and_then(|slot| shard.at(slot));
            (
                Member::new(number, slot),
                device.map_or(Entry::NONE, Entry::of),
            )
        };
        let changes: Vec<_> = slots.iter().map(entry).collect();
        drop(shard);
        for (member, entry) in changes {
            if let Some(member) = member {
                self.update(member, entry);
            }
        }
        true
    }

    fn update(&mut self, member: Member, entry: Entry) {
        let before = self.entries.replace(member, entry);
        if before == entry {
            return;
        }
        let key = |entry: Entry| {
            let code = entry.code()?;
            Some(Key { code, member })
        };
        let from = key(before).map(|key| self.chunk_of(key));
        let to = key(entry).map(|key| self.chunk_of(key));
        if let (Some(from), Some(to)) = (from, to)
            && from == to
        {
            if let Some(chunk) = self.chunks.get_mut(&to) {
                chunk.change(before, entry, &self.entries);
            }
            return;
        }
        if let Some(from) = from {
            self.devices -= 1;
            if let Some(chunk) = self.chunks.get_mut(&from) {
                chunk.remove(member, before, &self.entries);
            }
        }
        if let Some(chunk) = to.and_then(|to| self.chunks.get_mut(&to)) {
            self.devices += 1;
            if let Some((key, upper)) = chunk.insert(member, entry, &self.entries) {
                self.chunks.insert(key, upper);
            }
        }
        if let Some(from) = from {
            self.join_if_small(from);
        }
    }

    /// Where the chunk begins that may have a key.
    fn chunk_of(&self, key: Key) -> Key {
        let before = self.chunks.range(..=key).next_back();
        before.map_or(LEAST, |(&first, _)| first)
    }

    /// Joins a chunk that has few devices with its neighbour, so that the room of devices that moved on is used again.
    fn join_if_small(&mut self, first: Key) {
        let Some(chunk) = self.chunks.get(&first).filter(|chunk| chunk.is_small()) else {
            return;
        };
        let before = self.chunks.range(..first).next_back();
        let after = self.chunks.range(first..).nth(1);
        let (lower, upper) = match (before, after) {
            (_, Some((&after, other))) if chunk.can_join(other) => (first, after),
            (Some((&before, other)), _) if chunk.can_join(other) => (before, first),
            _ => return,
        };
        if let Some(upper) = self.chunks.remove(&upper)
            && let Some(lower) = self.chunks.get_mut(&lower)
        {
            lower.join(&upper);
        }
    }

    /// The chunks that may have devices with these codes, each with the codes that it may have, ends included.
    fn chunks_of(&self, codes: &Range<u64>) -> impl Iterator<Item = ((u64, u64), &Chunk)> {
        let first = self.chunk_of(Key {
            code: codes.start,
            member: Member::LEAST,
        });
        let end = codes.end;
        let mut chunks = self.chunks.range(first..).peekable();
        std::iter::from_fn(move || {
            let (key, chunk) = chunks.next().filter(|(key, _)| key.code < end)?;
            let last = chunks.peek().map_or(u64::MAX, |(next, _)| next.code);
            Some(((key.code, last), chunk))
        })
    }

    fn code_of(&self, member: Member) -> Option<u64> {
        self.entries.get(member).code()
    }
}

impl Tracker {
    /// Brings the index up to date with all changes of before the call. Calls `pause` often, without a lock, and ends
    /// with its error.
    fn follow_places<E>(&self, pause: &mut impl FnMut() -> Result<(), E>) -> Result<(), E> {
        for (number, shard) in self.shards.iter().enumerate() {
            if read(&self.places).has_all_of(number) && read(shard).count_unread() == 0 {
                continue;
            }
            let mut is_taken = false;
            while write(&self.places).follow(number, shard, &mut is_taken) {
                pause()?;
            }
        }
        Ok(())
    }

    /// Number of changes that the index does not have yet. Very large if shards have to be read as a whole.
    fn places_behind(&self) -> usize {
        let index = read(&self.places);
        let shards = self.shards.iter().enumerate();
        let behind = shards.map(|(number, shard)| {
            let pending = match index.pending.get(number) {
                Some(Pending::From(_)) => usize::MAX,
                Some(Pending::Slots(slots)) => slots.len(),
                None => 0,
            };
            read(shard).count_unread().saturating_add(pending)
        });
        behind.fold(0, usize::saturating_add)
    }
}
