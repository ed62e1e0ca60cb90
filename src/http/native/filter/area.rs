//! Areas on the map.

use std::ops::RangeInclusive;

use crate::report::sphere::{EARTH_RADIUS_M, distance_m};

const LATITUDES: RangeInclusive<f64> = -90.0..=90.0;
const LONGITUDES: RangeInclusive<f64> = -180.0..=180.0;
/// A little more than half the way around the earth, so that the largest circle is everywhere.
const RADIUS_MAX_M: f64 = 20_100_000.0;

/// A rectangle. It goes over the date line where its west is east of its east.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    lat_min: f64,
    lon_min: f64,
    lat_max: f64,
    lon_max: f64,
}

impl Bounds {
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected lat_min,lon_min,lat_max,lon_max in degrees";
        let [lat_min, lon_min, lat_max, lon_max] = numbers(text).ok_or(EXPECTED)?;
        let are_lats = LATITUDES.contains(&lat_min) && LATITUDES.contains(&lat_max);
        let are_lons = LONGITUDES.contains(&lon_min) && LONGITUDES.contains(&lon_max);
        if !(are_lats && are_lons) {
            return Err(EXPECTED);
        }
        if lat_max < lat_min {
            return Err("lat_min is greater than lat_max");
        }
        Ok(Self {
            lat_min,
            lon_min,
            lat_max,
            lon_max,
        })
    }

    pub(super) fn contains(self, (lat, lon): (f64, f64)) -> bool {
        let is_between = if self.lon_min <= self.lon_max {
            self.lon_min <= lon && lon <= self.lon_max
        } else {
            self.lon_min <= lon || lon <= self.lon_max
        };
        self.lat_min <= lat && lat <= self.lat_max && is_between
    }
}

/// A circle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::http::native) struct Circle {
    lat: f64,
    lon: f64,
    radius_m: f64,
    /// Points whose latitude differs by more are outside.
    lat_reach: f64,
}

impl Circle {
    pub(in crate::http::native) fn read(text: &str) -> Result<Self, String> {
        let [lat, lon, radius_m] = numbers(text)
            .ok_or("expected lat,lon,radius_m in degrees and metres, such as 52.52,13.4,500")?;
        if !LATITUDES.contains(&lat) {
            return Err("lat is out of range; expected -90 to 90 degrees".to_owned());
        }
        if !LONGITUDES.contains(&lon) {
            return Err("lon is out of range; expected -180 to 180 degrees".to_owned());
        }
        if !(0.0..=RADIUS_MAX_M).contains(&radius_m) {
            return Err(format!(
                "radius_m is out of range; expected 0 to {RADIUS_MAX_M} metres"
            ));
        }
        // The margin is larger than the errors of rounding.
        let lat_reach = (radius_m / EARTH_RADIUS_M).to_degrees() + 1e-6;
        Ok(Self {
            lat,
            lon,
            radius_m,
            lat_reach,
        })
    }

    pub(in crate::http::native) fn contains(self, point: (f64, f64)) -> bool {
        // Settles most points without trigonometry.
        (point.0 - self.lat).abs() <= self.lat_reach
            && distance_m((self.lat, self.lon), point) <= self.radius_m
    }
}

/// Exactly so many numbers, separated by commas.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    numbers.ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(near: &str, point: (f64, f64)) -> bool {
        Circle::read(near).unwrap().contains(point)
    }

    #[test]
    fn a_circle_is_measured_on_the_sphere() {
        // A degree of a great circle has 111 195 m.
        assert!(is_near("10,20,111196", (11.0, 20.0)));
        assert!(!is_near("10,20,111194", (11.0, 20.0)));
        assert!(is_near("60,10,55598", (60.0, 11.0)));
        assert!(!is_near("60,10,55596", (60.0, 11.0)));
        assert!(is_near("0,179.5,111196", (0.0, -179.5)));
        // Over the pole.
        assert!(is_near("89.5,0,111196", (89.5, 180.0)));
        assert!(!is_near("89.5,0,111194", (89.5, 180.0)));
        assert!(is_near("1.5,2.5,0", (1.5, 2.5)));
        assert!(!is_near("1.5,2.5,0", (1.5, 2.500_000_1)));
    }

    #[test]
    fn the_largest_circle_is_everywhere() {
        for point in [(0.0, 0.0), (90.0, 0.0), (-52.5, -46.6), (-90.0, 180.0)] {
            assert!(is_near("52.5,13.4,20100000", point), "{point:?}");
        }
    }
}
