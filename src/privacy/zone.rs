//! Areas that no place leaves, such as the one around a home.
//!
//! A circle around the middle of a zone would give the middle away: whoever has many places around the hole finds the
//! middle of the hole. So the hole has twice the radius of the zone, and its middle is moved by up to the radius of the
//! zone, in a direction and by a distance that the server's key decides. All places of the zone are still in the hole.
//! The hole is the same in every file, so many files tell no more than one.
//!
//! What others can learn is the hole. Of the middle of the zone they then know that it is at most one radius away from the
//! middle of the hole, and each such place is equally likely. Whatever they compute, it is within `e` metres of the truth
//! with a probability of at most (`e` / radius)².

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::key::PrivacyKey;
use crate::report::sphere::{EARTH_RADIUS_M, distance_m, point_at};

/// A circle that no place leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    lat_e7: i32,
    lon_e7: i32,
    radius_m: u32,
}

/// The text is not a zone. The reason is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadZone {
    /// There are not three numbers.
    #[error("must be zones of latitude, longitude and metres, such as \"52.52 13.4 200\"")]
    Form,
    /// The latitude is not on the earth.
    #[error("must have latitudes from -90 to 90 degrees")]
    Latitude,
    /// The longitude is not on the earth.
    #[error("must have longitudes from -180 to 180 degrees")]
    Longitude,
    /// The radius is too small to hide anything, or hides a whole country.
    #[error("must have radii from {least} to {most} whole metres", least = Zone::RADIUS_MIN_M, most = Zone::RADIUS_MAX_M)]
    Radius,
}

impl Zone {
    /// The smallest radius.
    pub const RADIUS_MIN_M: u32 = 10;
    /// The largest radius.
    pub const RADIUS_MAX_M: u32 = 100_000;

    /// The hole that the zone makes on the map of this server.
    pub(super) fn hole(self, key: &PrivacyKey) -> Hole {
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        let middle = (degrees(self.lat_e7), degrees(self.lon_e7));
        let radius_m = f64::from(self.radius_m);
        let text = [
            self.lat_e7.to_be_bytes(),
            self.lon_e7.to_be_bytes(),
            self.radius_m.to_be_bytes(),
        ];
        let digest = key.digest("zone", text.as_flattened());
        let (direction, distance) = (share(&digest, 0), share(&digest, 8));
        // The root makes all places of the circle equally likely: there are more of them far from its middle.
        Hole::new(
            point_at(middle, direction * TAU, radius_m * distance.sqrt()),
            2.0 * radius_m,
        )
    }
}

/// A number from 0 to less than 1, from 4 octets of a digest.
fn share(digest: &[u8], from: usize) -> f64 {
    let octets = digest.iter().skip(from).take(4);
    let number = octets.fold(0, |number: u32, octet| number << 8 | u32::from(*octet));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

impl FromStr for Zone {
    type Err = BadZone;

    /// Reads numbers that are separated by blanks or commas. In environment variables, commas separate the zones of a
    /// list, so only blanks are left.
    fn from_str(text: &str) -> Result<Self, BadZone> {
        let parts = text.split(|mark: char| mark == ',' || mark.is_whitespace());
        let mut parts = parts.filter(|part| !part.is_empty());
        let mut next = || parts.next().ok_or(BadZone::Form);
        let (lat, lon, radius) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(BadZone::Form);
        }
        let number = |text: &str| text.parse::<f64>().map_err(|_| BadZone::Form);
        let radius_m = number(radius)?;
        let is_whole = radius_m.fract() == 0.0;
        let allowed = f64::from(Self::RADIUS_MIN_M)..=f64::from(Self::RADIUS_MAX_M);
        if !(is_whole && allowed.contains(&radius_m)) {
            return Err(BadZone::Radius);
        }
        Ok(Self {
            lat_e7: fixed(number(lat)?, 90.0).ok_or(BadZone::Latitude)?,
            lon_e7: fixed(number(lon)?, 180.0).ok_or(BadZone::Longitude)?,
            radius_m: whole(radius_m),
        })
    }
}

/// Degrees in units of 10⁻⁷, if they are at most so many.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
fn fixed(degrees: f64, most: f64) -> Option<i32> {
    (degrees.abs() <= most).then(|| (degrees * 1e7).round() as i32)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range was checked"
)]
fn whole(radius_m: f64) -> u32 {
    radius_m as u32
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        let (lat, lon) = (degrees(self.lat_e7), degrees(self.lon_e7));
        write!(f, "{lat} {lon} {}", self.radius_m)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A circle on the map in which nothing is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    middle: (f64, f64),
    radius_m: f64,
    /// Points whose latitude differs by more are outside.
    lat_reach: f64,
}

impl Hole {
    fn new(middle: (f64, f64), radius_m: f64) -> Self {
        // The margin is larger than the errors of rounding.
        let lat_reach = (radius_m / EARTH_RADIUS_M).to_degrees() + 1e-6;
        Self {
            middle,
            radius_m,
            lat_reach,
        }
    }

    pub(super) fn contains(self, point: (f64, f64)) -> bool {
        // Settles most points without trigonometry.
        (point.0 - self.middle.0).abs() <= self.lat_reach
            && distance_m(self.middle, point) <= self.radius_m
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u64) -> PrivacyKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        PrivacyKey::new(&bytes)
    }

    fn zone(text: &str) -> Zone {
        text.parse().unwrap()
    }

    #[test]
    fn a_zone_is_read_with_blanks_or_commas_and_written_with_blanks() {
        for text in ["52.52 13.4 200", "52.52,13.4,200", " 52.52 , 13.4 , 200.0 "] {
            assert_eq!(zone(text).to_string(), "52.52 13.4 200", "{text}");
        }
        assert_eq!(zone("-90 180 10").to_string(), "-90 180 10");
        for (text, error) in [
            ("", BadZone::Form),
            ("52.52 13.4", BadZone::Form),
            ("52.52 13.4 200 1", BadZone::Form),
            ("52.52 east 200", BadZone::Form),
            ("90.1 13.4 200", BadZone::Latitude),
            ("NaN 13.4 200", BadZone::Latitude),
            ("52.52 -180.1 200", BadZone::Longitude),
            ("52.52 13.4 9", BadZone::Radius),
            ("52.52 13.4 100001", BadZone::Radius),
            ("52.52 13.4 100.5", BadZone::Radius),
        ] {
            assert_eq!(text.parse::<Zone>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_place_of_the_zone_leaves(
            lat in -89.0..89.0f64, lon in -180.0..180.0f64, radius in 10..2_000u32, server: u64,
            direction in 0.0..TAU, share in 0.0..0.99f64
        ) {
            let zone = zone(&format!("{lat} {lon} {radius}"));
            let place = point_at((lat, lon), direction, f64::from(radius) * share);
            prop_assert!(zone.hole(&key(server)).contains(place));
        }

        /// Whoever has the places that left may as well have the hole: they tell nothing else.
        #[test]
        fn everything_past_the_hole_leaves(
            lat in -89.0..89.0f64, lon in -180.0..180.0f64, radius in 10..2_000u32, server: u64,
            direction in 0.0..TAU, share in 1.01..2.0f64
        ) {
            let hole = zone(&format!("{lat} {lon} {radius}")).hole(&key(server));
            let place = point_at(hole.middle, direction, hole.radius_m * share);
            prop_assert!(!hole.contains(place));
            prop_assert!((hole.radius_m - 2.0 * f64::from(radius)).abs() < 1e-9);
        }
    }

    /// An attacker with all places around the zone, a few metres apart, takes the middle of what is missing. No computation
    /// does better, as the middle of the zone is equally likely everywhere within a radius from there.
    #[test]
    fn the_middle_cannot_be_had_from_the_border() {
        const SERVERS: u64 = 400;
        const RADIUS_M: f64 = 100.0;
        let middle = (48.2, 16.4);
        let zone = zone("48.2 16.4 100");
        let errors: Vec<f64> = (0..SERVERS)
            .map(|server| {
                distance_m(
                    middle,
                    middle_of_what_is_missing(zone.hole(&key(server)), middle),
                )
            })
            .collect();
        let within = |metres: f64| {
            let count = errors.iter().filter(|error| **error <= metres).count();
            f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(SERVERS).unwrap())
        };
        for share in [0.1, 0.25, 0.5, 0.75, 0.9] {
            let (found, bound) = (within(share * RADIUS_M), share * share);
            // 400 servers show a probability to some hundredths.
            assert!((found - bound).abs() < 0.08, "{share}: {found} {bound}");
        }
        assert!((within(RADIUS_M * 1.05) - 1.0).abs() < 1e-9);
    }

    /// The mean of the places of a grid around a zone that do not leave.
    fn middle_of_what_is_missing(hole: Hole, around: (f64, f64)) -> (f64, f64) {
        const STEP_M: i32 = 20;
        const REACH: i32 = 16;
        let (mut sum, mut count) = ((0.0, 0.0), 0.0);
        for north in -REACH..=REACH {
            for east in -REACH..=REACH {
                let up = point_at(around, 0.0, f64::from(north * STEP_M));
                let place = point_at(up, TAU / 4.0, f64::from(east * STEP_M));
                if hole.contains(place) {
                    sum = (sum.0 + place.0, sum.1 + place.1);
                    count += 1.0;
                }
            }
        }
        (sum.0 / count, sum.1 / count)
    }

    #[test]
    fn a_hole_is_the_same_at_each_start_and_another_on_each_server() {
        let zone = zone("48.2 16.4 100");
        assert_eq!(zone.hole(&key(1)).middle, zone.hole(&key(1)).middle);
        assert_ne!(zone.hole(&key(1)).middle, zone.hole(&key(2)).middle);
    }
}
