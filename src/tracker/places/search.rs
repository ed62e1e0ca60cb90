//! Finds the devices of a tile.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::PlaceIndex;
use super::answers::{FilterAnswers, ShardAnswers};
use super::entry::{Entry, Member, TraitSet};
use super::grid::TileId;
use super::tile::{Cells, TileContent};
use crate::report::UnixTime;
use crate::tracker::shard::Shard;
use crate::tracker::{Device, SLOTS_PER_LOOK, Tracker, read};

/// Most devices that a tile has by themselves.
const DEVICES_MAX: usize = 1000;
/// A search that has to look at more than this share of all devices reads them in the order of memory.
const ALL_FROM: usize = 8;
/// From so many devices on, a second thread searches one half of them.
const SECOND_THREAD_FROM: usize = if cfg!(test) { 100 } else { 1_000_000 };
/// Slots that such a thread looks at between two pauses. They take some ten times as long as starting it.
const SLOTS_PER_ROUND: usize = if cfg!(test) { 100 } else { 16 * SLOTS_PER_LOOK };
/// So many entries take as long to read as one device.
const ENTRIES_PER_DEVICE: usize = 32;

/// Which devices a tile shows. All of it has to hold.
#[derive(Clone)]
pub struct TileFilter<'f> {
    /// What the index knows.
    pub traits: TraitSet,
    /// When a device was seen last. The index does not know that, but a column of its own has it.
    pub seen: Option<RangeInclusive<UnixTime>>,
    /// Whatever only the device itself tells.
    pub wanted: Option<Wanted<'f>>,
}

/// A choice of devices by themselves. What it says of a device is remembered until the device changes, so it must not
/// depend on anything else.
#[derive(Clone, Copy)]
pub struct Wanted<'f> {
    /// Choices with the same name say the same.
    pub name: &'f str,
    /// Whether a device is wanted.
    pub test: &'f (dyn Fn(&Device) -> bool + Sync),
}

impl TileFilter<'_> {
    /// All devices.
    pub const NONE: Self = TileFilter {
        traits: TraitSet::ALL,
        seen: None,
        wanted: None,
    };

    /// Whether sums of chunks answer it.
    fn is_by_class(&self) -> bool {
        self.seen.is_none() && self.wanted.is_none() && self.traits.is_by_class()
    }

    /// Whether it accepts a device as it is now, besides what the index knows.
    fn accepts(&self, shard: &Shard, slot: usize) -> bool {
        self.is_seen(shard, slot) && self.is_wanted(shard, slot)
    }

    /// Whether it accepted a device when somebody last asked, or else now.
    fn accepts_as_before(
        &self,
        shard: &Shard,
        slot: usize,
        answers: Option<&ShardAnswers>,
    ) -> bool {
        self.is_seen(shard, slot)
            && match answers {
                Some(answers) => answers.get(slot, || self.is_wanted(shard, slot)),
                None => self.is_wanted(shard, slot),
            }
    }

    fn is_seen(&self, shard: &Shard, slot: usize) -> bool {
        self.seen.as_ref().is_none_or(|seen| {
            let time = shard.seen_at(slot);
            time.is_some_and(|time| seen.contains(&time))
        })
    }

    fn is_wanted(&self, shard: &Shard, slot: usize) -> bool {
        self.wanted
            .is_none_or(|wanted| shard.at(slot).is_some_and(wanted.test))
    }

    fn needs_shards(&self) -> bool {
        self.seen.is_some() || self.wanted.is_some()
    }
}

impl std::fmt::Debug for TileFilter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TileFilter")
            .field("traits", &self.traits)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// What was found of a tile so far: its devices until they are too many, and sums.
struct Found {
    cells: Cells,
    members: Vec<Member>,
    count: usize,
}

impl Found {
    fn nothing(tile: TileId) -> Self {
        Self {
            cells: Cells::new(tile),
            members: Vec::new(),
            count: 0,
        }
    }

    fn add(&mut self, entry: Entry, member: Member) {
        self.cells.add(entry);
        self.count += 1;
        if self.count <= DEVICES_MAX {
            self.members.push(member);
        } else {
            self.members = Vec::new();
        }
    }

    /// Adds what was found behind it, in the order of memory.
    fn append(&mut self, mut behind: Self) {
        self.cells.add_all(&behind.cells);
        self.count += behind.count;
        if self.count <= DEVICES_MAX {
            self.members.append(&mut behind.members);
        } else {
            self.members = Vec::new();
        }
    }
}

/// Slots that are still to be searched.
struct Rest {
    shards: Range<usize>,
    /// The first of them in the first shard.
    slot: usize,
}

impl Rest {
    fn of_shards(shards: Range<usize>) -> Self {
        Self { shards, slot: 0 }
    }

    fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }
}

impl PlaceIndex {
    /// What the filter said of devices, if it asks them at all.
    fn answers(&self, filter: &TileFilter<'_>) -> Option<Arc<FilterAnswers>> {
        let name = filter.wanted?.name;
        Some(self.answers.of(name, self.entries.lengths()))
    }

    /// Number of devices with these codes, of these classes.
    fn count(&self, codes: &Range<u64>, wanted: TraitSet) -> usize {
        let chunks = self.chunks_of(codes);
        let counts = chunks.map(|((least, greatest), chunk)| {
            if codes.contains(&least) && codes.contains(&greatest) {
                return usize::try_from(chunk.sum().count_of(wanted)).unwrap_or(usize::MAX);
            }
            let entries = chunk
                .members()
                .iter()
                .map(|&member| self.entries.get(member));
            entries
                .filter(|entry| entry.is_in(codes) && wanted.has_class(entry.class()))
                .count()
        });
        counts.sum()
    }

    /// The devices with these codes and traits, in the order of memory.
    fn members(&self, codes: &Range<u64>, wanted: TraitSet) -> Vec<Member> {
        let mut members = Vec::new();
        for (_, chunk) in self.chunks_of(codes) {
            if chunk.sum().count_of(wanted) == 0 {
                continue;
            }
            let all = chunk.members().iter().copied();
            members.extend(all.filter(|&member| {
                let entry = self.entries.get(member);
                entry.is_in(codes) && wanted.has(entry)
            }));
        }
        members.sort_unstable();
        members
    }

    /// Adds up the devices of a tile that are of these classes. Chunks within one cell are not looked into.
    fn cells(&self, tile: TileId, wanted: TraitSet) -> Cells {
        let mut cells = Cells::new(tile);
        for ((least, greatest), chunk) in self.chunks_of(&tile.codes()) {
            if cells.add_chunk((least, greatest), chunk.sum(), wanted) {
                continue;
            }
            let entries = chunk
                .members()
                .iter()
                .map(|&member| self.entries.get(member));
            entries
                .filter(|entry| wanted.has_class(entry.class()))
                .for_each(|entry| cells.add(entry));
        }
        cells
    }
}

impl Tracker {
    /// Number of devices that reading the tile has to look at, as far as this is known. Tiles that are unfiltered, or
    /// filtered by class, add up sums.
    pub fn tile_effort(&self, tile: TileId, filter: &TileFilter<'_>) -> usize {
        if filter.is_by_class() {
            return 0;
        }
        let index = read(&self.places);
        let count = index.count(&tile.codes(), filter.traits);
        if filter.needs_shards() {
            count
        } else {
            count / ENTRIES_PER_DEVICE
        }
    }

    /// The devices in a tile that a filter accepts, as of the time to which the index by place was brought. Calls
    /// `pause` often, without a lock, and ends with its error.
    pub fn tile<E>(
        &self,
        tile: TileId,
        filter: &TileFilter<'_>,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<TileContent, E> {
        let codes = tile.codes();
        let index = read(&self.places);
        let members = if filter.is_by_class() {
            if DEVICES_MAX < index.count(&codes, filter.traits) {
                return Ok(index.cells(tile, filter.traits).content());
            }
            let members = index.members(&codes, filter.traits);
            drop(index);
            members
        } else {
            drop(index);
            let found = self.search(tile, filter, &mut pause)?;
            if DEVICES_MAX < found.count {
                return Ok(found.cells.content());
            }
            found.members
        };
        let mut devices = Vec::new();
        for of_shard in members.chunk_by(|one, other| one.shard() == other.shard()) {
            pause()?;
            let Some(shard) = self.shard_of_members(of_shard) else {
                continue;
            };
            // A device may have changed since the index has read it, or its slot has another one.
            let found = of_shard.iter().filter_map(|member| {
                let device = shard.at(member.slot())?;
                let entry = self.shown.entry_of(device);
                let is_wanted = entry.is_in(&codes)
                    && filter.traits.has(entry)
                    && filter.accepts(&shard, member.slot());
                is_wanted.then(|| device.clone())
            });
            devices.extend(found);
        }
        Ok(TileContent::Devices(devices))
    }

    fn search<E>(
        &self,
        tile: TileId,
        filter: &TileFilter<'_>,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<Found, E> {
        let codes = tile.codes();
        let index = read(&self.places);
        let of_class = index.count(&codes, filter.traits);
        let is_most = index.devices < of_class.saturating_mul(ALL_FROM);
        let has_many = SECOND_THREAD_FROM <= of_class && filter.wanted.is_some();
        let members = (!is_most).then(|| index.members(&codes, filter.traits));
        drop(index);
        let mut found = Found::nothing(tile);
        match members {
            Some(members) => self.search_members(&members, filter, &mut found, pause)?,
            None if has_many => self.search_halves(tile, filter, &mut found, pause)?,
            None => {
                let mut rest = Rest::of_shards(0..self.shards.len());
                while !rest.is_empty() {
                    pause()?;
                    self.search_some(&mut rest, SLOTS_PER_LOOK, &codes, filter, &mut found);
                }
            }
        }
        Ok(found)
    }

    fn search_members<E>(
        &self,
        members: &[Member],
        filter: &TileFilter<'_>,
        found: &mut Found,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let of_shards = members.chunk_by(|one, other| one.shard() == other.shard());
        for piece in of_shards.flat_map(|members| members.chunks(SLOTS_PER_LOOK)) {
            pause()?;
            let index = read(&self.places);
            let answers = index.answers(filter);
            let Some(shard) = self.shard_of_members(piece) else {
                continue;
            };
            let number = piece.first().map_or(0, |member| member.shard());
            let answers = answers
                .as_ref()
                .and_then(|answers| answers.of_shard(number));
            for &member in piece {
                if filter.accepts_as_before(&shard, member.slot(), answers) {
                    found.add(index.entries.get(member), member);
                }
            }
        }
        Ok(())
    }

    /// Searches all devices with two threads: waiting for the memory of devices takes most of the time.
    fn search_halves<E>(
        &self,
        tile: TileId,
        filter: &TileFilter<'_>,
        found: &mut Found,
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let codes = tile.codes();
        let (half, all) = (self.shards.len() / 2, self.shards.len());
        let (mut lower, mut upper) = (Rest::of_shards(0..half), Rest::of_shards(half..all));
        let mut found_behind = Found::nothing(tile);
        let search = |rest: &mut Rest, found: &mut Found| {
            let mut left = SLOTS_PER_ROUND;
            while 0 < left && !rest.is_empty() {
                let slots = left.min(SLOTS_PER_LOOK);
                self.search_some(rest, slots, &codes, filter, found);
                left -= slots;
            }
        };
        while !(lower.is_empty() && upper.is_empty()) {
            pause()?;
            let is_spawned = std::thread::scope(|scope| {
                let second = std::thread::Builder::new().name("tile-search".to_owned());
                let second = second.spawn_scoped(scope, || search(&mut upper, &mut found_behind));
                search(&mut lower, found);
                second.is_ok()
            });
            if !is_spawned {
                search(&mut upper, &mut found_behind);
            }
        }
        found.append(found_behind);
        Ok(())
    }

    /// Goes through some entries in the order of memory, which is quick, and looks only at devices with these codes.
    fn search_some(
        &self,
        rest: &mut Rest,
        slots_max: usize,
        codes: &Range<u64>,
        filter: &TileFilter<'_>,
        found: &mut Found,
    ) {
        let number = rest.shards.start;
        let index = read(&self.places);
        let (Some(piece), Some(shard)) = (
            index.entries.piece_from(number, rest.slot),
            self.shards.get(number),
        ) else {
            *rest = Rest::of_shards(number + 1..rest.shards.end);
            return;
        };
        let answers = index.answers(filter);
        let answers = answers
            .as_ref()
            .and_then(|answers| answers.of_shard(number));
        let shard = filter.needs_shards().then(|| read(shard));
        for entry in piece.iter().take(slots_max) {
            let slot = rest.slot;
            rest.slot += 1;
            let is_wanted = entry.is_in(codes)
                && filter.traits.has(*entry)
                && shard
                    .as_ref()
                    .is_none_or(|shard| filter.accepts_as_before(shard, slot, answers));
            if is_wanted && let Some(member) = Member::at(number, slot) {
                found.add(*entry, member);
            }
        }
    }

    /// The shard of members, which all have the same one.
    fn shard_of_members(
        &self,
        members: &[Member],
    ) -> Option<std::sync::RwLockReadGuard<'_, Shard>> {
        let shard = members.first()?.shard();
        self.shards.get(shard).map(read)
    }
}
