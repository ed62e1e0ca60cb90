//! A grid over the earth, whose cells are about square.

use crate::report::Position;
use crate::report::sphere::EARTH_RADIUS_M;

/// A grid, by the side of its cells.
///
/// Its rows are as high as the side. A row has as many cells as fit with this width, and they are all equally wide, so a
/// cell is wider than the side where few fit. The grid is the same on every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    side_m: u32,
}

impl Grid {
    pub(crate) const CELL_MIN_M: u32 = 1;
    pub(crate) const CELL_MAX_M: u32 = 100_000;
    /// Hides the house, and keeps the street.
    pub(crate) const DEFAULT: Self = Self { side_m: 250 };

    /// `None` if the side is out of range.
    pub(crate) fn new(side_m: u32) -> Option<Self> {
        (Self::CELL_MIN_M..=Self::CELL_MAX_M)
            .contains(&side_m)
            .then_some(Self { side_m })
    }

    /// The middle of the cell. Altitude and speed are not kept: they could tell where in the cell a place is.
    pub(super) fn middle_of(self, position: Position) -> Position {
        let (lat_e7, lon_e7) = self.middle_of_e7(position.lat_e7(), position.lon_e7());
        // The middle of a cell is on the earth.
        Position::from_fixed(lat_e7, lon_e7, None, 0).unwrap_or(position)
    }

    pub(super) fn middle_of_e7(self, lat_e7: i32, lon_e7: i32) -> (i32, i32) {
        let (lat, lon) = (f64::from(lat_e7) / 1e7, f64::from(lon_e7) / 1e7);
        let height = (f64::from(self.side_m) / EARTH_RADIUS_M).to_degrees();
        let row = (lat / height).floor();
        let middle_lat = ((row + 0.5) * height).clamp(-90.0, 90.0);
        let wanted_width = height / middle_lat.to_radians().cos();
        let cells = (360.0 / wanted_width).floor().max(1.0);
        let width = 360.0 / cells;
        let column = ((lon + 180.0) / width).floor().min(cells - 1.0);
        (
            fixed(middle_lat, 90),
            fixed((column + 0.5) * width - 180.0, 180),
        )
    }
}

/// Degrees in units of 10⁻⁷.
#[expect(clippy::cast_possible_truncation, reason = "clamped to 32 bits")]
fn fixed(degrees: f64, most: i32) -> i32 {
    let most = f64::from(most) * 1e7;
    (degrees * 1e7).round().clamp(-most, most) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sphere::distance_m;

    fn degrees((lat_e7, lon_e7): (i32, i32)) -> (f64, f64) {
        (f64::from(lat_e7) / 1e7, f64::from(lon_e7) / 1e7)
    }

    #[test]
    fn a_side_has_bounds() {
        assert!(Grid::new(1).is_some() && Grid::new(100_000).is_some());
        assert!(Grid::new(0).is_none() && Grid::new(100_001).is_none());
    }

    #[test]
    fn neighbours_share_a_cell_and_the_poles_have_one() {
        let grid = Grid::new(1000).unwrap();
        let one = grid.middle_of_e7(525_200_000, 134_050_000);
        assert_eq!(grid.middle_of_e7(525_200_100, 134_050_100), one);
        assert_ne!(grid.middle_of_e7(525_300_000, 134_050_000), one);
        for lat in [900_000_000, -900_000_000] {
            let (middle, _) = grid.middle_of_e7(lat, 1_800_000_000);
            assert!((lat - middle).abs() < 100_000, "{middle}");
        }
    }

    proptest! {
        #[test]
        fn a_place_moves_by_half_a_diagonal_at_most_and_to_a_place_that_stays(
            lat in -850_000_000..850_000_000i32, lon in -1_800_000_000..=1_800_000_000i32, side in 1..10_000u32
        ) {
            let grid = Grid::new(side).unwrap();
            let middle = grid.middle_of_e7(lat, lon);
            let moved = distance_m(degrees((lat, lon)), degrees(middle));
            // A cell is a little wider than the side, and wider at its edge that is nearer to the equator.
            prop_assert!(moved <= f64::from(side) * 0.75 + 0.02, "{}", moved);
            prop_assert_eq!(grid.middle_of_e7(middle.0, middle.1), middle);
        }
    }
}
