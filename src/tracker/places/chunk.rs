//! Devices near each other, and their sum.

use std::ops::AddAssign;

use super::entry::{CLASSES, Entries, Entry, Level, Member, TraitSet};

/// Most devices of a chunk. A device that leaves is searched for in its chunk.
const DEVICES_MAX: usize = 512;
/// Chunks with fewer devices are joined with a neighbour if both have few.
const DEVICES_MIN: usize = 128;
/// Most devices of two chunks that are joined, so that the next ones do not split them again.
const JOINED_MAX: usize = 384;
/// Room that a chunk gets at a time: little is unused.
const ROOM: usize = 64;
/// Devices of each chunk of a new index: it has room for more before it is split, and can lose some before it is joined.
pub(super) const DEVICES_AT_FIRST: usize = 384;

/// Order of devices in the index. No two devices have the same key, so any number of them may be at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) code: u64,
    pub(super) member: Member,
}

/// How many devices there are of each class, and the strongest signal of each class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum<N> {
    pub(super) classes: [N; CLASSES],
    strongest: [Level; CLASSES],
}

/// The devices between its key and that of the next chunk, in no order.
#[derive(Debug)]
pub(super) struct Chunk {
    members: Vec<Member>,
    sum: Sum<u16>,
}

impl<N: Copy + Default> Default for Sum<N> {
    fn default() -> Self {
        Self {
            classes: [N::default(); CLASSES],
            strongest: [Level::NONE; CLASSES],
        }
    }
}

impl<N: Copy + Default + AddAssign + From<u8>> Sum<N> {
    pub(super) fn add(&mut self, entry: Entry) {
        if let Some(count) = self.classes.get_mut(entry.class()) {
            *count += N::from(1);
        }
        if let Some(strongest) = self.strongest.get_mut(entry.class()) {
            *strongest = entry.level.max(*strongest);
        }
    }
}

impl<N: Copy + Default + AddAssign> Sum<N> {
    /// Adds those of another sum that are of wanted classes.
    pub(super) fn add_all<M: Copy + Into<N>>(&mut self, other: &Sum<M>, wanted: TraitSet) {
        for class in (0..CLASSES).filter(|&class| wanted.has_class(class)) {
            if let (Some(count), Some(&other)) =
                (self.classes.get_mut(class), other.classes.get(class))
            {
                *count += other.into();
            }
            if let (Some(strongest), Some(&other)) =
                (self.strongest.get_mut(class), other.strongest.get(class))
            {
                *strongest = other.max(*strongest);
            }
        }
    }
}

impl<N: Copy + Into<u32>> Sum<N> {
    pub(super) fn count(&self) -> u32 {
        self.classes.iter().map(|&count| count.into()).sum()
    }

    /// Number of devices of wanted classes.
    pub(super) fn count_of(&self, wanted: TraitSet) -> u32 {
        let counts = self.classes.iter().enumerate();
        let counts = counts.filter(|&(class, _)| wanted.has_class(class));
        counts.map(|(_, &count)| count.into()).sum()
    }

    pub(super) fn strongest(&self) -> Level {
        self.strongest.iter().copied().max().unwrap_or_default()
    }
}

impl Chunk {
    pub(super) const fn empty() -> Self {
        Self {
            members: Vec::new(),
            sum: Sum {
                classes: [0; CLASSES],
                strongest: [Level::NONE; CLASSES],
            },
        }
    }

    fn of(members: Vec<Member>, entries: &Entries) -> Self {
        let mut chunk = Self {
            members: Vec::new(),
            ..Self::empty()
        };
        for &member in &members {
            chunk.sum.add(entries.get(member));
        }
        chunk.members = members;
        chunk
    }

    /// Adds a device of a new index. `false` if the next chunk has to take it.
    pub(super) fn fill(&mut self, member: Member, entry: Entry) -> bool {
        if DEVICES_AT_FIRST <= self.members.len() {
            return false;
        }
        if self.members.is_empty() {
            self.members.reserve_exact(DEVICES_AT_FIRST);
        }
        self.members.push(member);
        self.sum.add(entry);
        true
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn sum(&self) -> &Sum<u16> {
        &self.sum
    }

    pub(super) fn is_small(&self) -> bool {
        self.members.len() < DEVICES_MIN
    }

    /// An empty chunk joins any other.
    pub(super) fn can_join(&self, other: &Self) -> bool {
        let (one, other) = (self.members.len(), other.members.len());
        one == 0 || one + other <= JOINED_MAX
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.members.reserve_exact(other.members.len());
        self.members.extend_from_slice(&other.members);
        self.sum.add_all(&other.sum, TraitSet::ALL);
    }

    /// Adds a device. A full chunk returns the upper half of its devices, with the least key of them.
    pub(super) fn insert(
        &mut self,
        member: Member,
        entry: Entry,
        entries: &Entries,
    ) -> Option<(Key, Self)> {
        if self.members.len() == self.members.capacity() {
            self.members.reserve_exact(ROOM);
        }
        self.members.push(member);
        self.sum.add(entry);
        if self.members.len() <= DEVICES_MAX {
            return None;
        }
        let key = |member: &Member| Key {
            code: entries.get(*member).code().unwrap_or_default(),
            member: *member,
        };
        let mut members = std::mem::take(&mut self.members);
        members.sort_unstable_by_key(key);
        let upper = members.split_off(members.len() / 2);
        members.shrink_to_fit();
        let least = upper.first().map(key)?;
        *self = Self::of(members, entries);
        Some((least, Self::of(upper, entries)))
    }

    pub(super) fn remove(&mut self, member: Member, entry: Entry, entries: &Entries) {
        let place = self.members.iter().position(|&other| other == member);
        if let Some(place) = place {
            self.members.swap_remove(place);
            self.uncount(entry, entries);
        }
    }

    /// The entry of a device in it is another one now.
    pub(super) fn change(&mut self, before: Entry, entry: Entry, entries: &Entries) {
        self.sum.add(entry);
        self.uncount(before, entries);
    }

    fn uncount(&mut self, entry: Entry, entries: &Entries) {
        let class = entry.class();
        if let Some(count) = self.sum.classes.get_mut(class) {
            *count -= 1;
        }
        let Some(strongest) = self.sum.strongest.get_mut(class) else {
            return;
        };
        if *strongest == Level::NONE || entry.level < *strongest {
            return;
        }
        let mut rest = Level::NONE;
        for &member in &self.members {
            let other = entries.get(member);
            if other.class() == class {
                rest = rest.max(other.level);
            }
            // Another one is as strong.
            if rest == *strongest {
                break;
            }
        }
        *strongest = rest;
    }
}

/// Octets that the index holds for a device, with chunks as full as they are on average.
#[cfg(test)]
pub(in crate::tracker) const fn bytes_of_device() -> usize {
    const AVERAGE: usize = DEVICES_MAX * 2 / 3;
    // A map's node is three quarters full, and a vector has half of its room unused.
    let of_chunk = (size_of::<Key>() + size_of::<Chunk>()) * 4 / 3 + ROOM / 2 * size_of::<Member>();
    size_of::<Entry>() + size_of::<Member>() + of_chunk.div_ceil(AVERAGE)
}
