//! What a tile shows: each device by itself, or counts by cell.

use super::chunk::Sum;
use super::entry::{Entry, TraitSet};
use super::grid::{CELLS, TileId, cell_middle};
use crate::report::capabilities::SecurityClass;
use crate::tracker::Device;

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
        self.sum.strongest().dbm()
    }

    /// The classes of its devices, with the number of devices of each.
    pub fn classes(&self) -> impl Iterator<Item = (SecurityClass, u32)> {
        let counts = SecurityClass::ALL.into_iter().zip(self.sum.classes);
        counts.filter(|&(_, count)| 0 < count)
    }
}

/// Sums by cell.
pub(super) struct Cells {
    tile: TileId,
    sums: Vec<Sum<u32>>,
}

impl Cells {
    pub(super) fn new(tile: TileId) -> Self {
        Self {
            tile,
            sums: vec![Sum::default(); CELLS],
        }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        let cell = entry.code().and_then(|code| self.tile.cell(code));
        if let Some(sum) = cell.and_then(|cell| self.sums.get_mut(cell)) {
            sum.add(entry);
        }
    }

    /// Adds the devices of a chunk with these codes, ends included. `false` if they are not all in one cell.
    pub(super) fn add_chunk(
        &mut self,
        (least, greatest): (u64, u64),
        chunk: &Sum<u16>,
        wanted: TraitSet,
    ) -> bool {
        let cell = self.tile.cell(least);
        if cell != self.tile.cell(greatest) {
            return false;
        }
        let Some(sum) = cell.and_then(|cell| self.sums.get_mut(cell)) else {
            return false;
        };
        sum.add_all(chunk, wanted);
        true
    }

    /// Adds those of another part of the devices.
    pub(super) fn add_all(&mut self, others: &Self) {
        for (sum, other) in self.sums.iter_mut().zip(&others.sums) {
            sum.add_all(other, TraitSet::ALL);
        }
    }

    pub(super) fn content(self) -> TileContent {
        let cells = self.sums.into_iter().enumerate();
        let cells = cells.map(|(cell, sum)| TileCell { cell, sum });
        TileContent::Cells(cells.filter(|cell| 0 < cell.count()).collect())
    }
}
