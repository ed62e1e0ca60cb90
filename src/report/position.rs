//! Positions of scanners.

use serde::{Deserialize, Serialize};

/// A position in fixed-point numbers, so that sums are exact and do not depend on the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Position {
    lat_e7: i32,
    lon_e7: i32,
    alt_mm: Option<i32>,
    speed_m_h: u32,
}

/// A deserialised position before its range check.
#[derive(Deserialize)]
#[serde(rename = "Position")]
struct Unchecked {
    lat_e7: i32,
    lon_e7: i32,
    alt_mm: Option<i32>,
    speed_m_h: u32,
}

impl TryFrom<Unchecked> for Position {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        Self::from_fixed(read.lat_e7, read.lon_e7, read.alt_mm, read.speed_m_h)
            .ok_or("a position is out of range")
    }
}

/// The part of a position that is not valid, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPosition {
    /// The latitude is outside ±90°.
    #[error("out of range, expected -90 to 90 degrees")]
    Latitude,
    /// The longitude is outside ±180°.
    #[error("out of range, expected -180 to 180 degrees")]
    Longitude,
    /// There is a latitude, but no longitude.
    #[error("missing, but there is a lat; send both or neither")]
    NoLongitude,
    /// There is a longitude, but no latitude.
    #[error("missing, but there is a lon; send both or neither")]
    NoLatitude,
    /// The altitude is below the deepest trench or above the atmosphere.
    #[error("out of range, expected -11000 to 100000 m")]
    Altitude,
    /// The speed is higher than any scanner's.
    #[error("out of range, expected at most 100000 km/h")]
    Speed,
}

impl BadPosition {
    /// The part that is wrong.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Latitude | Self::NoLatitude => "lat",
            Self::Longitude | Self::NoLongitude => "lon",
            Self::Altitude => "alt",
            Self::Speed => "speed",
        }
    }
}

impl Position {
    /// Converts degrees, metres and km/h.
    ///
    /// Without coordinates, or at exactly 0/0, there is no fix. An altitude of 0 counts as none, because scanners
    /// without an altitude send it. A negative speed counts as unknown, because phones send it for that.
    pub fn from_wire(
        lat: Option<f64>,
        lon: Option<f64>,
        alt_m: Option<f64>,
        speed_km_h: Option<f64>,
    ) -> Result<Option<Self>, BadPosition> {
        let (lat, lon) = match (lat, lon) {
            (None | Some(0.0), None | Some(0.0)) => return Ok(None),
            (Some(_), None) => return Err(BadPosition::NoLongitude),
            (None, Some(_)) => return Err(BadPosition::NoLatitude),
            (Some(lat), Some(lon)) => (lat, lon),
        };
        let lat_e7 = fixed(lat, 90.0, 1e7).ok_or(BadPosition::Latitude)?;
        let lon_e7 = fixed(lon, 180.0, 1e7).ok_or(BadPosition::Longitude)?;
        let alt_mm = match alt_m {
            None | Some(0.0) => None,
            Some(alt) if alt < -11_000.0 => return Err(BadPosition::Altitude),
            Some(alt) => Some(fixed(alt, 100_000.0, 1e3).ok_or(BadPosition::Altitude)?),
        };
        let speed_m_h = match speed_km_h {
            None => 0,
            Some(speed) if speed < 0.0 => 0,
            Some(speed) => fixed(speed, 100_000.0, 1e3)
                .and_then(|speed| u32::try_from(speed).ok())
                .ok_or(BadPosition::Speed)?,
        };
        Ok(Some(Self {
            lat_e7,
            lon_e7,
            alt_mm,
            speed_m_h,
        }))
    }

    /// Restores a position from the values of its accessors. `None` if one is out of range.
    pub fn from_fixed(
        lat_e7: i32,
        lon_e7: i32,
        alt_mm: Option<i32>,
        speed_m_h: u32,
    ) -> Option<Self> {
        let degrees =
            lat_e7.unsigned_abs() <= 900_000_000 && lon_e7.unsigned_abs() <= 1_800_000_000;
        let rest = alt_mm.is_none_or(|alt| (-11_000_000..=100_000_000).contains(&alt))
            && speed_m_h <= 100_000_000;
        (degrees && rest).then_some(Self {
            lat_e7,
            lon_e7,
            alt_mm,
            speed_m_h,
        })
    }

    /// Latitude in 10⁻⁷ degrees, north positive.
    pub const fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in 10⁻⁷ degrees, east positive.
    pub const fn lon_e7(self) -> i32 {
        self.lon_e7
    }

    /// Altitude in mm. `None` without a 3D fix.
    pub const fn alt_mm(self) -> Option<i32> {
        self.alt_mm
    }

    /// Speed in m/h. 0 if unknown.
    pub const fn speed_m_h(self) -> u32 {
        self.speed_m_h
    }
}

/// Radius around a position within which the scanner most likely is, in fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Accuracy {
    mm: u32,
}

impl Accuracy {
    /// 1000 km. Larger radii carry no information.
    const MM_MAX: u32 = 1_000_000_000;

    /// Converts metres. `None` for negative and too large values: the report stays valid.
    pub fn from_wire(metres: f64) -> Option<Self> {
        let mm = fixed(metres, 1e6, 1e3)?;
        Some(Self {
            mm: u32::try_from(mm).ok()?,
        })
    }

    /// Creates an accuracy from millimetres. `None` if it is too large.
    pub const fn from_mm(mm: u32) -> Option<Self> {
        if Self::MM_MAX < mm {
            return None;
        }
        Some(Self { mm })
    }

    /// The radius in millimetres.
    pub const fn mm(self) -> u32 {
        self.mm
    }
}

impl TryFrom<u32> for Accuracy {
    type Error = &'static str;

    fn try_from(mm: u32) -> Result<Self, Self::Error> {
        Self::from_mm(mm).ok_or("an accuracy is out of range")
    }
}

impl From<Accuracy> for u32 {
    fn from(accuracy: Accuracy) -> Self {
        accuracy.mm
    }
}

/// Converts `value` to units of 1/`scale`. `None` outside ±`max`.
fn fixed(value: f64, max: f64, scale: f64) -> Option<i32> {
    if !(-max..=max).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "every max times its scale fits in 31 bits"
    )]
    Some((value * scale).round() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Result<Option<(i32, i32)>, BadPosition> {
        let position = Position::from_wire(Some(lat), Some(lon), None, None);
        position.map(|position| position.map(|position| (position.lat_e7(), position.lon_e7())))
    }

    #[test]
    fn the_equator_and_greenwich_are_places_and_null_island_is_not() {
        assert_eq!(at(0.0, 12.5), Ok(Some((0, 125_000_000))));
        assert_eq!(at(51.5, 0.0), Ok(Some((515_000_000, 0))));
        assert_eq!(at(0.0, 0.0), Ok(None));
        assert_eq!(Position::from_wire(None, None, Some(5.0), None), Ok(None));
    }

    #[test]
    fn the_poles_and_the_date_line_are_the_last_places() {
        assert_eq!(at(90.0, 180.0), Ok(Some((900_000_000, 1_800_000_000))));
        assert_eq!(at(-90.0, -180.0), Ok(Some((-900_000_000, -1_800_000_000))));
        assert_eq!(at(90.000_000_1, 1.0), Err(BadPosition::Latitude));
        assert_eq!(at(1.0, -180.000_000_1), Err(BadPosition::Longitude));
        assert_eq!(at(f64::NAN, 1.0), Err(BadPosition::Latitude));
    }

    #[test]
    fn half_a_position_is_a_mistake() {
        assert_eq!(
            Position::from_wire(Some(5.0), None, None, None),
            Err(BadPosition::NoLongitude)
        );
        assert_eq!(
            Position::from_wire(None, Some(5.0), None, None),
            Err(BadPosition::NoLatitude)
        );
        assert_eq!(Position::from_wire(Some(0.0), None, None, None), Ok(None));
    }

    #[test]
    fn altitude_zero_is_none_and_has_bounds() {
        let alt = |alt| {
            Position::from_wire(Some(1.0), Some(1.0), Some(alt), None)
                .map(|at| at.unwrap().alt_mm())
        };
        assert_eq!(alt(0.0), Ok(None));
        assert_eq!(alt(-3.5), Ok(Some(-3500)));
        assert_eq!(alt(100_000.0), Ok(Some(100_000_000)));
        assert_eq!(alt(100_001.0), Err(BadPosition::Altitude));
        assert_eq!(alt(-11_000.0), Ok(Some(-11_000_000)));
        assert_eq!(alt(-11_001.0), Err(BadPosition::Altitude));
    }

    #[test]
    fn an_accuracy_that_makes_no_sense_is_none() {
        let mm = |metres| Accuracy::from_wire(metres).map(Accuracy::mm);
        assert_eq!(
            (mm(0.0), mm(4.2345), mm(1e6)),
            (Some(0), Some(4235), Some(1_000_000_000))
        );
        for metres in [-1.0, -0.001, 1e6 + 0.001, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(mm(metres), None, "{metres}");
        }
        assert_eq!(Accuracy::from_mm(1_000_000_001), None);
    }

    #[test]
    fn a_negative_speed_is_unknown() {
        let speed = |speed| {
            Position::from_wire(Some(1.0), Some(1.0), None, Some(speed))
                .map(|at| at.unwrap().speed_m_h())
        };
        assert_eq!(speed(-1.0), Ok(0));
        assert_eq!(speed(1.5), Ok(1500));
        assert_eq!(speed(100_001.0), Err(BadPosition::Speed));
    }
}
