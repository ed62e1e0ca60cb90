//! Distances on the earth, which is taken for a sphere.

/// Mean radius of the earth.
pub(crate) const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Great-circle distance between two points in degrees, by the haversine formula.
pub(crate) fn distance_m((lat, lon): (f64, f64), (other_lat, other_lon): (f64, f64)) -> f64 {
    let lat_half = (other_lat - lat).to_radians() / 2.0;
    let lon_half = (other_lon - lon).to_radians() / 2.0;
    let cosines = lat.to_radians().cos() * other_lat.to_radians().cos();
    let chord = lat_half.sin().powi(2) + cosines * lon_half.sin().powi(2);
    2.0 * EARTH_RADIUS_M * chord.sqrt().min(1.0).asin()
}

/// The point that is so far from another one, in a direction: 0 is north, and a quarter of the circle is east.
pub(crate) fn point_at((lat, lon): (f64, f64), direction: f64, distance_m: f64) -> (f64, f64) {
    let (lat, angle) = (lat.to_radians(), distance_m / EARTH_RADIUS_M);
    let reached_sin = lat.sin() * angle.cos() + lat.cos() * angle.sin() * direction.cos();
    let reached_lat = reached_sin.clamp(-1.0, 1.0).asin();
    let east = direction.sin() * angle.sin() * lat.cos();
    let ahead = angle.cos() - lat.sin() * reached_lat.sin();
    let reached_lon = lon + east.atan2(ahead).to_degrees();
    let turned = (reached_lon + 180.0).rem_euclid(360.0) - 180.0;
    (reached_lat.to_degrees(), turned)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_point_is_as_far_away_as_it_was_asked_for(
            lat in -89.9..89.9f64, lon in -180.0..180.0f64, direction in 0.0..TAU, distance in 0.0..300_000.0f64
        ) {
            let reached = point_at((lat, lon), direction, distance);
            prop_assert!((-90.0..=90.0).contains(&reached.0) && (-180.0..=180.0).contains(&reached.1));
            // Near a pole, the arcsine is right to some 0.2 m.
            prop_assert!((distance_m((lat, lon), reached) - distance).abs() < 1.0);
        }
    }

    #[test]
    fn directions_begin_in_the_north_and_turn_east() {
        let (lat, lon) = point_at((10.0, 20.0), 0.0, 111_195.0);
        assert!((lat - 11.0).abs() < 1e-4 && (lon - 20.0).abs() < 1e-9);
        let (lat, lon) = point_at((0.0, 179.5), TAU / 4.0, 111_195.0);
        assert!(lat.abs() < 1e-9 && (lon + 179.5).abs() < 1e-4);
    }
}
