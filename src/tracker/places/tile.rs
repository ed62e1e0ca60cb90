//! The devices of a tile: each by itself, or counts by cell.

use std::ops::Range;

use super::PlaceIndex;
use super::chunk::Sum;
use super::entry::{Entry, Member};
use super::grid::{CELLS, MapPoint, TileId, cell_middle};
use crate::report::capabilities::SecurityClass;
use crate::tracker::{Device, SLOTS_PER_LOOK, Tracker, read};

/// Most devices that a tile has by themselves.
const DEVICES_MAX: usize = 1000;
/// A filter that has to look at more than this share of all devices reads them in the order of memory.
const ALL_FROM: usize = 8;

/// What a tile shows.
#[derive(Clone, Debug)]
pub enum TileContent {
    /// At most 1000 devices.
    Devices(Vec<Device>),
    /// The cells that have devices.
    Cells(Vec<TileCell>),
}

/// The devices in one of 32 × 32 cells of a tile.
#[derive(Clone, Copy, Debug)]
pub struct TileCell {
    cell: usize,
    sum: Sum<u32>,
}

impl TileCell {
    /// The pixel in its middle.
    pub fn middle(&self) -> (u32, u32) {
        cell_middle(self.cell)
    }

    /// Number of devices.
    pub fn count(&self) -> u32 {
        self.sum.count()
    }

    /// The strongest signal of any device, in dBm.
    pub fn strongest_dbm(&self) -> Option<i16> {
        self.sum.strongest.dbm()
    }

    /// The classes of its devices, with the number of devices of each.
    pub fn classes(&self) -> impl Iterator<Item = (SecurityClass, u32)> {
        let counts = SecurityClass::ALL.into_iter().zip(self.sum.classes);
        counts.filter(|&(_, count)| 0 < count)
    }
}

/// Sums by cell.
struct Cells {
    tile: TileId,
    sums: Vec<Sum<u32>>,
}

impl Cells {
    fn new(tile: TileId) -> Self {
        Self {
            tile,
            sums: vec![Sum::default(); CELLS],
        }
    }

    fn at(&mut self, code: u64) -> Option<&mut Sum<u32>> {
        let cell = self.tile.cell(code)?;
        self.sums.get_mut(cell)
    }

    fn add(&mut self, entry: Entry) {
        if let Some(sum) = entry.code().and_then(|code| self.at(code)) {
            sum.add(entry);
        }
    }

    fn content(self) -> TileContent {
        let cells = self.sums.into_iter().enumerate();
        let cells = cells.map(|(cell, sum)| TileCell { cell, sum });
        TileContent::Cells(cells.filter(|cell| 0 < cell.count()).collect())
    }
}

/// What was found of a tile so far: its devices until they are too many, and sums.
struct Found {
    cells: Cells,
    devices: Vec<Device>,
    count: usize,
}

impl Found {
    fn add(&mut self, entry: Entry, device: &Device) {
        self.cells.add(entry);
        self.count += 1;
        if self.count <= DEVICES_MAX {
            self.devices.push(device.clone());
        } else {
            self.devices.clear();
        }
    }

    fn content(self) -> TileContent {
        if DEVICES_MAX < self.count {
            self.cells.content()
        } else {
            TileContent::Devices(self.devices)
        }
    }
}

impl PlaceIndex {
    /// Number of devices with these codes.
    fn count(&self, codes: &Range<u64>) -> usize {
        let chunks = self.chunks_of(codes);
        let counts = chunks.map(|((least, greatest), chunk)| {
            let members = chunk.members();
            if codes.contains(&least) && codes.contains(&greatest) {
                members.len()
            } else {
                members
                    .iter()
                    .filter(|&&member| self.is_in(codes, member))
                    .count()
            }
        });
        counts.sum()
    }

    /// The devices with these codes.
    fn members(&self, codes: &Range<u64>) -> Vec<Member> {
        let mut members = Vec::new();
        for ((least, greatest), chunk) in self.chunks_of(codes) {
            if codes.contains(&least) && codes.contains(&greatest) {
                members.extend_from_slice(chunk.members());
            } else {
                let all = chunk.members().iter().copied();
                members.extend(all.filter(|&member| self.is_in(codes, member)));
            }
        }
        members.sort_unstable();
        members
    }

    fn is_in(&self, codes: &Range<u64>, member: Member) -> bool {
        self.code_of(member)
            .is_some_and(|code| codes.contains(&code))
    }

    /// Adds up the devices of a tile. Chunks within one cell are not looked into.
    fn cells(&self, tile: TileId) -> Cells {
        let mut cells = Cells::new(tile);
        for ((least, greatest), chunk) in self.chunks_of(&tile.codes()) {
            match (tile.cell(least), tile.cell(greatest)) {
                (Some(one), Some(other)) if one == other => {
                    if let Some(sum) = cells.sums.get_mut(one) {
                        sum.add_all(chunk.sum());
                    }
                }
                _ => {
                    for &member in chunk.members() {
                        cells.add(self.entries.get(member));
                    }
                }
            }
        }
        cells
    }
}

impl Tracker {
    /// Number of devices that reading the tile has to look at, as far as this is known. Unfiltered tiles add up sums.
    pub fn tile_effort(&self, tile: TileId, is_filtered: bool) -> usize {
        let behind = self.places_behind();
        if is_filtered {
            behind.saturating_add(read(&self.places).count(&tile.codes()))
        } else {
            behind
        }
    }

    /// All devices with a position in a tile, as of the call or later. Calls `pause` often, without a lock, and ends
    /// with its error.
    pub fn tile<E>(
        &self,
        tile: TileId,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<TileContent, E> {
        self.follow_places(&mut pause)?;
        let index = read(&self.places);
        let codes = tile.codes();
        if DEVICES_MAX < index.count(&codes) {
            return Ok(index.cells(tile).content());
        }
        let members = index.members(&codes);
        drop(index);
        let mut devices = Vec::new();
        for of_shard in members.chunk_by(|one, other| one.shard() == other.shard()) {
            pause()?;
            let shard = of_shard
                .first()
                .and_then(|first| self.shards.get(first.shard()));
            let Some(shard) = shard.map(read) else {
                continue;
            };
            let found = of_shard.iter().filter_map(|member| shard.at(member.slot()));
            devices.extend(found.filter(|device| is_at(device, &codes)).cloned());
        }
        Ok(TileContent::Devices(devices))
    }

    /// The devices in a tile that `wanted` accepts.
    pub fn tile_of<E>(
        &self,
        tile: TileId,
        mut wanted: impl FnMut(&Device) -> bool,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<TileContent, E> {
        self.follow_places(&mut pause)?;
        let mut found = Found {
            cells: Cells::new(tile),
            devices: Vec::new(),
            count: 0,
        };
        let codes = tile.codes();
        let index = read(&self.places);
        let is_most = index.devices < index.count(&codes).saturating_mul(ALL_FROM);
        let members = (!is_most).then(|| index.members(&codes));
        drop(index);
        let mut look = |entry: Entry, device: &Device| {
            let is_in = entry.code().is_some_and(|code| codes.contains(&code));
            if is_in && wanted(device) {
                found.add(entry, device);
            }
        };
        match members {
            Some(members) => self.look_at_members(&members, &mut look, &mut pause)?,
            None => self.look_at_all(&codes, &mut look, &mut pause)?,
        }
        found.devices.retain(|device| is_at(device, &codes));
        Ok(found.content())
    }

    fn look_at_members<E>(
        &self,
        members: &[Member],
        look: &mut impl FnMut(Entry, &Device),
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let of_shards = members.chunk_by(|one, other| one.shard() == other.shard());
        for piece in of_shards.flat_map(|members| members.chunks(SLOTS_PER_LOOK)) {
            pause()?;
            let index = read(&self.places);
            let shard = piece
                .first()
                .and_then(|first| self.shards.get(first.shard()));
            let Some(shard) = shard.map(read) else {
                continue;
            };
            for &member in piece {
                if let Some(device) = shard.at(member.slot()) {
                    look(index.entries.get(member), device);
                }
            }
        }
        Ok(())
    }

    /// Goes through the entries in the order of memory, which is quick, and looks at the devices with these codes.
    fn look_at_all<E>(
        &self,
        codes: &Range<u64>,
        look: &mut impl FnMut(Entry, &Device),
        pause: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        for (number, shard) in self.shards.iter().enumerate() {
            let mut slot = 0;
            loop {
                pause()?;
                let index = read(&self.places);
                let Some(piece) = index.entries.piece_from(number, slot) else {
                    break;
                };
                let shard = read(shard);
                for entry in piece.iter().take(SLOTS_PER_LOOK) {
                    let is_in = entry.code().is_some_and(|code| codes.contains(&code));
                    if is_in && let Some(device) = shard.at(slot) {
                        look(*entry, device);
                    }
                    slot += 1;
                }
            }
        }
        Ok(())
    }
}

/// Whether the device is there now. It may have moved since the index has read it, or its slot has another one.
fn is_at(device: &Device, codes: &Range<u64>) -> bool {
    let place = device.place.as_ref();
    place.is_some_and(|place| codes.contains(&MapPoint::of(place.mean_degrees()).code()))
}
