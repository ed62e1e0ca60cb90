//! The map as a quadtree: Web Mercator, its tiles, and their codes in Morton order.
//!
//! A code has the bits of both coordinates in turn, so the codes of a tile are one range, and so are those of its cells.

use std::f64::consts::TAU;
use std::ops::Range;

/// Levels between a tile and its cells: 32 × 32 of them.
const CELL_LEVELS: u8 = 5;
/// Cells of a tile.
pub(super) const CELLS: usize = 1 << (2 * CELL_LEVELS);
/// Levels of codes. The last one has the cells of the deepest tiles.
const CODE_LEVELS: u8 = TileId::ZOOM_MAX + CELL_LEVELS;
/// Bits of a coordinate, more than pixels of the deepest tiles need.
const POINT_BITS: u8 = 40;
/// Where Web Mercator's map ends.
const LAT_MAX: f64 = 85.051_128_779_806_59;

/// A point of the map, counted from the north-west in 2⁻⁴⁰ of the map's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapPoint {
    x: u64,
    y: u64,
}

impl MapPoint {
    /// The point of a latitude and a longitude in degrees. Latitudes beyond the map's edge are at its edge.
    pub fn of((lat, lon): (f64, f64)) -> Self {
        let lat = lat.clamp(-LAT_MAX, LAT_MAX).to_radians();
        Self {
            x: units(lon / 360.0 + 0.5),
            y: units(0.5 - lat.tan().asinh() / TAU),
        }
    }

    pub(super) fn code(self) -> u64 {
        let level = |units: u64| units >> (POINT_BITS - CODE_LEVELS);
        interleaved(level(self.x), level(self.y))
    }
}

/// A share of the map's width in units. The eastern edge belongs to the last unit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 40 bits"
)]
fn units(share: f64) -> u64 {
    /// 2 to the power of `POINT_BITS`.
    const UNITS: f64 = 1_099_511_627_776.0;
    (share * UNITS).clamp(0.0, UNITS - 1.0) as u64
}

/// A tile of the map, counted from the north-west.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileId {
    zoom: u8,
    x: u32,
    y: u32,
}

impl TileId {
    /// The deepest zoom.
    pub const ZOOM_MAX: u8 = 22;
    /// Pixels along a side of a tile.
    pub const EXTENT: u32 = 1 << Self::EXTENT_BITS;
    const EXTENT_BITS: u8 = 12;

    /// `None` if there is no such tile.
    pub fn new(zoom: u8, x: u32, y: u32) -> Option<Self> {
        let is_in = zoom <= Self::ZOOM_MAX && x >> zoom == 0 && y >> zoom == 0;
        is_in.then_some(Self { zoom, x, y })
    }

    /// Its zoom.
    pub fn zoom(self) -> u8 {
        self.zoom
    }

    /// The pixel of a point, counted from the tile's north-west. That of a point outside is the nearest one.
    pub fn pixel(self, point: MapPoint) -> (u32, u32) {
        let within = |units: u64, tile: u32| {
            let pixel = units >> (POINT_BITS - self.zoom - Self::EXTENT_BITS);
            let pixel = pixel.saturating_sub(u64::from(tile) << Self::EXTENT_BITS);
            u32::try_from(pixel).map_or(Self::EXTENT - 1, |pixel| pixel.min(Self::EXTENT - 1))
        };
        (within(point.x, self.x), within(point.y, self.y))
    }

    /// The codes in the tile.
    pub(super) fn codes(self) -> Range<u64> {
        let first = interleaved(self.x.into(), self.y.into());
        let shift = 2 * (CODE_LEVELS - self.zoom);
        first << shift..(first + 1) << shift
    }

    /// Number of the cell that has a code. `None` if the code is not in the tile.
    pub(super) fn cell(self, code: u64) -> Option<usize> {
        let codes = self.codes();
        let cell = (code & (codes.end - codes.start - 1)) >> (2 * (Self::ZOOM_MAX - self.zoom));
        usize::try_from(cell).ok().filter(|_| codes.contains(&code))
    }
}

/// Column and row of a cell.
pub(super) fn cell_place(cell: usize) -> (u32, u32) {
    let bits = u64::try_from(cell).unwrap_or_default();
    let of = |bits| u32::try_from(every_second_bit(bits)).unwrap_or_default();
    (of(bits), of(bits >> 1))
}

/// The pixel in the middle of a cell.
pub(super) fn cell_middle(cell: usize) -> (u32, u32) {
    const SIDE: u32 = TileId::EXTENT >> CELL_LEVELS;
    let (column, row) = cell_place(cell);
    (column * SIDE + SIDE / 2, row * SIDE + SIDE / 2)
}

fn interleaved(x: u64, y: u64) -> u64 {
    spaced(x) | spaced(y) << 1
}

/// The lower 32 bits with a zero in front of each.
fn spaced(bits: u64) -> u64 {
    let bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    let bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    let bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & 0x5555_5555_5555_5555
}

/// The reverse of [`spaced`].
fn every_second_bit(bits: u64) -> u64 {
    let bits = bits & 0x5555_5555_5555_5555;
    let bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    let bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    let bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    let bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) & 0x0000_0000_ffff_ffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tile_of(zoom: u8, lat: f64, lon: f64) -> TileId {
        let point = MapPoint::of((lat, lon));
        let at = |units: u64| u32::try_from(units >> (POINT_BITS - zoom)).unwrap();
        TileId::new(zoom, at(point.x), at(point.y)).unwrap()
    }

    #[test]
    fn tiles_are_those_of_the_web() {
        // Known from OpenStreetMap.
        assert_eq!(
            tile_of(10, 52.5163, 13.3777),
            TileId {
                zoom: 10,
                x: 550,
                y: 335
            }
        );
        assert_eq!(
            tile_of(1, -33.9, 151.2),
            TileId {
                zoom: 1,
                x: 1,
                y: 1
            }
        );
        assert_eq!(
            tile_of(1, 40.7, -74.0),
            TileId {
                zoom: 1,
                x: 0,
                y: 0
            }
        );
    }

    #[test]
    fn the_edges_of_the_world_are_in_the_outermost_tiles() {
        let last = (1 << 22) - 1;
        for (lat, lon, x, y) in [
            (90.0, -180.0, 0, 0),
            (86.0, 180.0, last, 0),
            (-90.0, 180.0, last, last),
            (-85.06, -180.0, 0, last),
        ] {
            assert_eq!(tile_of(22, lat, lon), TileId { zoom: 22, x, y });
        }
        assert_eq!(TileId::new(23, 0, 0), None);
        assert_eq!(TileId::new(3, 8, 0), None);
        assert_eq!(TileId::new(3, 0, 8), None);
        assert_eq!(TileId::new(0, 1, 0), None);
    }

    proptest! {
        #[test]
        fn a_point_is_in_its_tile_its_cell_and_its_pixel(lat in -90.0..=90.0f64, lon in -180.0..=180.0f64, zoom in 0..=22u8) {
            let (point, tile) = (MapPoint::of((lat, lon)), tile_of(zoom, lat, lon));
            prop_assert!(tile.codes().contains(&point.code()));
            let cell = tile.cell(point.code()).unwrap();
            let (column, row) = cell_place(cell);
            let (x, y) = tile.pixel(point);
            prop_assert_eq!((x / 128, y / 128), (column, row));
            prop_assert_eq!(cell_middle(cell), (column * 128 + 64, row * 128 + 64));
        }

        #[test]
        fn every_bit_has_a_place(x: u32, y: u32) {
            let code = interleaved(x.into(), y.into());
            prop_assert_eq!((every_second_bit(code), every_second_bit(code >> 1)), (x.into(), y.into()));
        }
    }
}
