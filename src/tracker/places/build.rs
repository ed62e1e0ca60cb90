//! Builds the index by place at once: sorts the devices of each shard, and merges the shards.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::chunk::{Chunk, Key};
use super::entry::{Entries, Entry, Member};
use super::{LEAST, Pending, PlaceIndex, SLOTS_PER_STEP, Shown};
use crate::tracker::shard::{Column, Shard};
use crate::tracker::{ChangeNumber, Tracker, read, write};

/// Devices that are merged between two pauses: less than a millisecond.
const DEVICES_PER_STEP: usize = 4096;

/// A device and its entry, in 16 octets.
#[derive(Clone, Copy)]
struct Placed {
    entry: Entry,
    member: Member,
}

impl Placed {
    fn key(&self) -> Key {
        Key {
            code: self.entry.code().unwrap_or_default(),
            member: self.member,
        }
    }
}

impl Tracker {
    /// Replaces the index by a new one. The present one stays in use meanwhile, without later changes.
    pub(in crate::tracker) fn build_places<E>(
        &self,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(as_of) = self.begin_to_build_places() else {
            return Ok(());
        };
        let built = self.places_as_they_are(pause);
        let mut index = write(&self.places);
        let replaced = match built {
            Ok(built) => {
                let (as_of, builds) = (Some(as_of), index.builds + 1);
                let built = PlaceIndex {
                    as_of,
                    builds,
                    ..built
                };
                std::mem::replace(&mut *index, built)
            }
            Err(error) => {
                // The shards list the changes since their devices were read for an index that does not come.
                index.pending.fill_with(|| Pending::All);
                index.is_being_replaced = false;
                return Err(error);
            }
        };
        drop(index);
        // Freeing so much takes long, and readers do not wait for it.
        drop(replaced);
        Ok(())
    }

    /// `None` if somebody builds it already.
    fn begin_to_build_places(&self) -> Option<ChangeNumber> {
        let mut index = write(&self.places);
        if std::mem::replace(&mut index.is_being_replaced, true) {
            return None;
        }
        drop(index);
        Some(self.latest_change())
    }

    fn places_as_they_are<E>(
        &self,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<PlaceIndex, E> {
        let mut entries = Entries::default();
        let mut runs = Vec::with_capacity(self.shards.len());
        for (number, shard) in self.shards.iter().enumerate() {
            // Later changes are listed again.
            drop(write(shard).take_unread());
            // Growing would take twice the memory for a moment.
            let devices = read(shard).len();
            let (mut column, mut run) = (Column::default(), Vec::with_capacity(devices));
            pause()?;
            while read_piece((number, &read(shard)), &self.shown, &mut column, &mut run) {
                pause()?;
            }
            run.sort_unstable_by_key(Placed::key);
            entries.push(column);
            runs.push(run);
        }
        let devices = runs.iter().map(Vec::len).sum();
        Ok(PlaceIndex {
            entries,
            chunks: merge(&runs, pause)?.into_iter().collect(),
            devices,
            ..PlaceIndex::default()
        })
    }
}

/// Reads some slots after those that the column has. Returns whether there were any.
fn read_piece(
    (number, shard): (usize, &Shard),
    shown: &Shown,
    column: &mut Column<Entry>,
    run: &mut Vec<Placed>,
) -> bool {
    let Some(slots) = shard.slots_from(column.len()) else {
        return false;
    };
    for (device, _) in slots.take(SLOTS_PER_STEP) {
        let entry = device.map_or(Entry::NONE, |device| shown.entry_of(device));
        let member = Member::at(number, column.len());
        column.push(entry);
        if entry.code().is_some() {
            run.extend(member.map(|member| Placed { entry, member }));
        }
    }
    true
}

/// Merges sorted lists to chunks.
fn merge<E>(
    runs: &[Vec<Placed>],
    pause: &mut impl FnMut() -> Result<(), E>,
) -> Result<Vec<(Key, Chunk)>, E> {
    let mut chunks = Vec::new();
    let (mut first, mut chunk) = (LEAST, Chunk::empty());
    let mut rests: Vec<_> = runs.iter().map(|run| run.iter()).collect();
    let heads = rests.iter_mut().enumerate();
    let heads = heads.filter_map(|(number, rest)| Some((rest.next()?, number)));
    // The least key is the greatest of the heap.
    let mut heap: BinaryHeap<_> = heads
        .map(|(placed, number)| Head {
            key: Reverse(placed.key()),
            number,
            entry: placed.entry,
        })
        .collect();
    let mut merged = 0;
    while let Some(mut head) = heap.peek_mut() {
        let Reverse(key) = head.key;
        if !chunk.fill(key.member, head.entry) {
            let full = std::mem::replace(&mut chunk, Chunk::empty());
            chunks.push((std::mem::replace(&mut first, key), full));
            chunk.fill(key.member, head.entry);
        }
        if let Some(next) = rests.get_mut(head.number).and_then(Iterator::next) {
            (head.key, head.entry) = (Reverse(next.key()), next.entry);
            drop(head);
        } else {
            PeekMut::pop(head);
        }
        merged += 1;
        if merged % DEVICES_PER_STEP == 0 {
            pause()?;
        }
    }
    chunks.push((first, chunk));
    Ok(chunks)
}

/// The next device of a list. No two have the same key.
struct Head {
    key: Reverse<Key>,
    number: usize,
    entry: Entry,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}
