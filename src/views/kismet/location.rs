//! `kismet.common.location.*`: positions of the scanners that saw a device (`trackedlocation.cc`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::report::{Position, ReceivedAt};
use crate::tracker::{Peak, PositionStats};

const GEOPOINT: &str = "kismet.common.location.geopoint";
const ALT: &str = "kismet.common.location.alt";
const FIX: &str = "kismet.common.location.fix";
const TIME_SEC: &str = "kismet.common.location.time_sec";
const TIME_USEC: &str = "kismet.common.location.time_usec";

/// Kismet's record without a position.
pub(super) const EMPTY_GEOPOINT: (&str, [u8; 2]) = (GEOPOINT, [0, 0]);

/// Kismet's geopoints have the longitude first.
fn geopoint(lat_e7: i32, lon_e7: i32) -> [f64; 2] {
    [f64::from(lon_e7) / 1e7, f64::from(lat_e7) / 1e7]
}

fn metres(alt_mm: i32) -> f64 {
    f64::from(alt_mm) / 1e3
}

/// Kismet's number for a 2D or 3D fix.
fn fix(position: Position) -> u8 {
    if position.alt_mm().is_some() { 3 } else { 2 }
}

pub(super) struct Location<'d> {
    pub(super) place: &'d PositionStats,
    pub(super) modified_at: ReceivedAt,
}

impl Serialize for Location<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.place;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry(
            "kismet.common.location.loc_fix",
            &if place.is_3d() { 3 } else { 2 },
        )?;
        let (alt_min, alt_max) = place.alt_range_mm.unzip();
        let min = Corner {
            geopoint: geopoint(place.lat_min_e7, place.lon_min_e7),
            alt_mm: alt_min,
        };
        let max = Corner {
            geopoint: geopoint(place.lat_max_e7, place.lon_max_e7),
            alt_mm: alt_max,
        };
        record.serialize_entry("kismet.common.location.min_loc", &min)?;
        record.serialize_entry("kismet.common.location.max_loc", &max)?;
        record.serialize_entry("kismet.common.location.last", &Last(place.last.value))?;
        record.serialize_entry("kismet.common.location.avg_loc", &Mean(self))?;
        record.end()
    }
}

/// One corner of the bounding box.
struct Corner {
    geopoint: [f64; 2],
    alt_mm: Option<i32>,
}

impl Serialize for Corner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry(GEOPOINT, &self.geopoint)?;
        if let Some(alt_mm) = self.alt_mm {
            record.serialize_entry(ALT, &metres(alt_mm))?;
        }
        record.end()
    }
}

pub(super) struct Last(pub(super) Position);

impl Serialize for Last {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(position) = *self;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry(GEOPOINT, &geopoint(position.lat_e7(), position.lon_e7()))?;
        record.serialize_entry(ALT, &position.alt_mm().map_or(0.0, metres))?;
        record.serialize_entry(FIX, &fix(position))?;
        record.serialize_entry(
            "kismet.common.location.speed",
            &(f64::from(position.speed_m_h()) / 1e3),
        )?;
        record.serialize_entry("kismet.common.location.heading", &0)?;
        record.end()
    }
}

struct Mean<'l>(&'l Location<'l>);

impl Serialize for Mean<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Location { place, modified_at } = self.0;
        let (lat, lon) = place.mean_degrees();
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry(GEOPOINT, &[lon, lat])?;
        record.serialize_entry(ALT, &place.mean_alt_m().unwrap_or_default())?;
        record.serialize_entry(FIX, &if place.is_3d() { 3 } else { 2 })?;
        record.serialize_entry(TIME_SEC, &modified_at.time().seconds())?;
        record.serialize_entry(TIME_USEC, &modified_at.subsec_micros())?;
        record.end()
    }
}

/// Position and time of the strongest report.
pub(super) struct PeakLocation(pub(super) Peak);

impl Serialize for PeakLocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Peak { time, position, .. } = self.0;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry(GEOPOINT, &geopoint(position.lat_e7(), position.lon_e7()))?;
        record.serialize_entry(ALT, &position.alt_mm().map_or(0.0, metres))?;
        record.serialize_entry(FIX, &fix(position))?;
        record.serialize_entry(TIME_SEC, &time.seconds())?;
        record.serialize_entry(TIME_USEC, &0)?;
        record.end()
    }
}
