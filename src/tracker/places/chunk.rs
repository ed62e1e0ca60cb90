//! Devices near each other, and their sum.

use super::entry::{CLASSES, Entries, Entry, Level, Member};

/// Most devices of a chunk. A device that leaves is searched for in its chunk.
const DEVICES_MAX: usize = 512;
/// Chunks with fewer devices are joined with a neighbour if both have few.
const DEVICES_MIN: usize = 128;
/// Most devices of two chunks that are joined, so that the next ones do not split them again.
const JOINED_MAX: usize = 384;
/// Room that a chunk gets at a time: little is unused.
const ROOM: usize = 64;

/// Order of devices in the index. No two devices have the same key, so any number of them may be at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) code: u64,
    pub(super) member: Member,
}

/// How many devices there are of each class, and the strongest signal of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum<N> {
    pub(super) classes: [N; CLASSES],
    pub(super) strongest: Level,
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
            strongest: Level::NONE,
        }
    }
}

impl Sum<u32> {
    pub(super) fn add(&mut self, entry: Entry) {
        if let Some(count) = self.classes.get_mut(entry.class()) {
            *count += 1;
        }
        self.strongest = self.strongest.max(entry.level);
    }

    pub(super) fn add_all(&mut self, other: &Sum<u16>) {
        for (count, other) in self.classes.iter_mut().zip(other.classes) {
            *count += u32::from(other);
        }
        self.strongest = self.strongest.max(other.strongest);
    }

    pub(super) fn count(&self) -> u32 {
        self.classes.iter().sum()
    }
}

impl Chunk {
    pub(super) const fn empty() -> Self {
        Self {
            members: Vec::new(),
            sum: Sum {
                classes: [0; CLASSES],
                strongest: Level::NONE,
            },
        }
    }

    fn of(members: Vec<Member>, entries: &Entries) -> Self {
        let mut chunk = Self {
            members: Vec::new(),
            ..Self::empty()
        };
        for &member in &members {
            chunk.count(entries.get(member));
        }
        chunk.members = members;
        chunk
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
        for (count, other) in self.sum.classes.iter_mut().zip(other.sum.classes) {
            *count += other;
        }
        self.sum.strongest = self.sum.strongest.max(other.sum.strongest);
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
        self.count(entry);
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
        self.count(entry);
        self.uncount(before, entries);
    }

    fn count(&mut self, entry: Entry) {
        if let Some(count) = self.sum.classes.get_mut(entry.class()) {
            *count += 1;
        }
        self.sum.strongest = self.sum.strongest.max(entry.level);
    }

    fn uncount(&mut self, entry: Entry, entries: &Entries) {
        if let Some(count) = self.sum.classes.get_mut(entry.class()) {
            *count -= 1;
        }
        let strongest = self.sum.strongest;
        if strongest == Level::NONE || entry.level < strongest {
            return;
        }
        let mut rest = Level::NONE;
        for &member in &self.members {
            rest = rest.max(entries.get(member).level);
            // Another one is as strong.
            if rest == strongest {
                break;
            }
        }
        self.sum.strongest = rest;
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
