//! An index of devices by place, for tiles of the map.
//!
//! Devices stand in chunks in Morton order, each with a sum, so a tile of millions adds up sums. A column by slot has
//! what the index knows of each device. So the index can find a device again that has moved since, or is gone.
//!
//! Merging does not touch the index. Once the index was built, a shard lists the slots that changed. Somebody has to call
//! [`Tracker::follow_places`] now and then, which applies these changes, a bounded piece at a time. If most devices have
//! changed, it builds the index again, because sorting is quicker than many insertions in random order.

mod answers;
mod build;
mod chunk;
mod entry;
mod grid;
mod search;
mod shown;
mod tile;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::RwLock;

use self::answers::Answers;
#[cfg(test)]
pub(super) use self::chunk::bytes_of_device;
use self::chunk::{Chunk, Key};
pub use self::entry::TraitSet;
use self::entry::{Entries, Entry, Member};
pub use self::grid::{MapPoint, TileId};
pub use self::search::{TileFilter, Wanted};
pub(super) use self::shown::Shown;
pub use self::tile::{TileCell, TileContent};
use super::shard::{Shard, Slot, Unread};
use super::{ChangeNumber, SHARDS, Tracker, read, write};

/// Devices that one step reads under a shard's lock: less than 100 µs.
const SLOTS_PER_STEP: usize = 256;
/// The index is built again if more than one in so many devices has changed.
const BUILD_SHARE: usize = 4;
/// So many changes are always applied one by one.
const CHANGES_MIN: usize = 10_000;

/// The devices by place, as of the last time that somebody brought it up to date.
#[derive(Debug)]
pub(super) struct PlaceIndex {
    entries: Entries,
    /// By the least key that a chunk may have. The first chunk has the least key of all.
    chunks: BTreeMap<Key, Chunk>,
    /// Changes that each shard has listed, and the index does not have yet.
    pending: [Pending; SHARDS],
    answers: Answers,
    devices: usize,
    /// The index has all changes up to this one. `None` before it was built.
    as_of: Option<ChangeNumber>,
    /// How often it was built.
    pub(super) builds: u64,
    /// Another index is being built, and replaces this one.
    is_being_replaced: bool,
}

#[derive(Debug)]
enum Pending {
    Slots(Vec<Slot>),
    /// Too many to list: the index has to be built.
    All,
}

impl Default for PlaceIndex {
    fn default() -> Self {
        Self {
            entries: Entries::default(),
            chunks: BTreeMap::from([(LEAST, Chunk::empty())]),
            pending: std::array::from_fn(|_| Pending::NONE),
            answers: Answers::default(),
            devices: 0,
            as_of: None,
            builds: 0,
            is_being_replaced: false,
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
    fn follow(
        &mut self,
        (number, shard): (usize, &RwLock<Shard>),
        shown: &Shown,
        is_taken: &mut bool,
    ) -> bool {
        if self.is_being_replaced {
            return false;
        }
        let Some(pending) = self.pending.get_mut(number) else {
            return false;
        };
        if pending.is_none() {
            if std::mem::replace(is_taken, true) {
                return false;
            }
            *pending = match write(shard).take_unread() {
                Unread::All => Pending::All,
                Unread::Listed { slots, .. } => Pending::Slots(slots),
            };
        }
        let Pending::Slots(listed) = pending else {
            return false;
        };
        let rest = listed.len().saturating_sub(SLOTS_PER_STEP);
        let slots = listed.split_off(rest);
        let shard = read(shard);
        let entry = |&slot: &Slot| {
            let device = usize::try_from(slot).ok().and_then(|slot| shard.at(slot));
            (
                Member::new(number, slot),
                device.map_or(Entry::NONE, |device| shown.entry_of(device)),
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
        self.answers.forget(member);
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

    fn has_given_up(&self) -> bool {
        let mut pending = self.pending.iter();
        self.is_being_replaced || pending.any(|pending| matches!(pending, Pending::All))
    }
}

impl Tracker {
    /// Brings the index by place up to date with all changes of before the call. Calls `pause` often, without a lock,
    /// and ends with its error. One thread at a time calls it.
    pub fn follow_places<E>(&self, mut pause: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        if self.places_need_build() {
            self.build_places(&mut pause)?;
        }
        self.apply_changes_of_places(&mut pause)
    }

    /// Applies the changes that the index by place misses, unless they are too many.
    pub fn follow_few_places(&self, changes_max: usize) {
        if self.places_behind() <= changes_max {
            let mut never = || Ok::<_, Infallible>(());
            let Ok(()) = self.apply_changes_of_places(&mut never);
        }
    }

    /// Tiles have all changes up to this one. `None` until the index by place was built.
    pub fn places_as_of(&self) -> Option<ChangeNumber> {
        read(&self.places).as_of
    }

    fn apply_changes_of_places<E>(
        &self,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let builds = read(&self.places).builds;
        let change = self.latest_change();
        if self.places_as_of() == Some(change) {
            return Ok(());
        }
        for (number, shard) in self.shards.iter().enumerate() {
            if read(&self.places).has_all_of(number) && read(shard).count_unread() == 0 {
                continue;
            }
            let mut is_taken = false;
            while write(&self.places).follow((number, shard), &self.shown, &mut is_taken) {
                pause()?;
            }
        }
        let mut index = write(&self.places);
        if index.builds == builds && !index.has_given_up() {
            index.as_of = index.as_of.max(Some(change));
        }
        Ok(())
    }

    fn places_need_build(&self) -> bool {
        let devices = read(&self.places).devices;
        let changes_max = CHANGES_MIN.max(devices / BUILD_SHARE);
        self.places_as_of().is_none() || changes_max < self.places_behind()
    }

    /// Number of changes that the index does not have yet. Very large if it has to be built.
    pub(super) fn places_behind(&self) -> usize {
        let index = read(&self.places);
        if index.as_of.is_none() || index.has_given_up() {
            return usize::MAX;
        }
        let shards = self.shards.iter().zip(&index.pending);
        let behind = shards.map(|(shard, pending)| {
            let pending = match pending {
                Pending::Slots(slots) => slots.len(),
                Pending::All => usize::MAX,
            };
            read(shard).count_unread().saturating_add(pending)
        });
        behind.fold(0, usize::saturating_add)
    }
}
