//! Where a scanner was, as GeoJSON (RFC 7946).

mod simplify;

use serde::Serialize;
use utoipa::ToSchema;

use self::simplify::simplify;
use crate::log::{LoggedTrack, TrackPoint};
use crate::report::Position;
use crate::tracker::Source;
use crate::views::native::{Utc, degrees};

/// The media type of GeoJSON.
pub const GEO_JSON: &str = "application/geo+json";

/// Where a scanner was: a Feature of GeoJSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Track)]
pub struct TrackFeature {
    /// Always `Feature`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// A line through the places, a point if there is one place only, or `null` without any.
    geometry: Option<Geometry>,
    properties: TrackProperties,
}

/// Places as longitude and latitude in degrees, and altitude in metres where it is known.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TrackGeometry)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point(Vec<f64>),
    LineString(Vec<Vec<f64>>),
}

/// What is known of a track besides its places.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct TrackProperties {
    /// The UUID of the scanner.
    source: String,
    /// What it calls itself.
    name: String,
    /// How many reports with a place there are in the time that was asked for.
    reports: u64,
    /// Whether places were left out.
    simplified: bool,
    /// Whether earlier reports were left out, because the request has no `since` and the log is long.
    earlier_left_out: bool,
    /// The time of each place, in seconds since 1970. A scanner that stays has the time of its arrival.
    times: Vec<u64>,
    /// The same, in ISO 8601.
    #[schema(value_type = Vec<String>)]
    times_utc: Vec<Utc>,
    /// The time of the latest report with a place, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last: Option<u64>,
    /// The same, in ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    last_utc: Option<Utc>,
}

impl TrackFeature {
    /// The track of a source, with at most `points_max` places.
    pub fn of(source: &Source, track: &LoggedTrack, points_max: usize) -> Self {
        let mut places = track.points.clone();
        places.dedup_by(|next, before| is_same_place(next.position, before.position));
        let flat: Vec<_> = places.iter().map(|place| flat(place.position)).collect();
        let kept = simplify(&flat, points_max);
        let kept: Vec<TrackPoint> = kept
            .into_iter()
            .filter_map(|at| places.get(at).copied())
            .collect();
        let mut coordinates: Vec<_> = kept.iter().map(|place| full(place.position)).collect();
        let geometry = match coordinates.len() {
            0 => None,
            1 => coordinates.pop().map(Geometry::Point),
            _ => Some(Geometry::LineString(coordinates)),
        };
        let last = track.points.last().map(|last| last.time);
        Self {
            kind: "Feature",
            geometry,
            properties: TrackProperties {
                source: source.id.to_string(),
                name: source.name.to_string(),
                reports: track.reports,
                simplified: kept.len() < places.len(),
                earlier_left_out: track.is_cut,
                times: kept
                    .iter()
                    .map(|place| place.time.seconds().into())
                    .collect(),
                times_utc: kept.iter().map(|place| Utc(place.time)).collect(),
                last: last.map(|last| last.seconds().into()),
                last_utc: last.map(Utc),
            },
        }
    }
}

fn is_same_place(one: Position, other: Position) -> bool {
    (one.lat_e7(), one.lon_e7()) == (other.lat_e7(), other.lon_e7())
}

fn flat(position: Position) -> (f64, f64) {
    (degrees(position.lon_e7()), degrees(position.lat_e7()))
}

fn full(position: Position) -> Vec<f64> {
    let (lon, lat) = flat(position);
    let alt_m = position.alt_mm().map(|alt| f64::from(alt) / 1e3);
    [lon, lat].into_iter().chain(alt_m).collect()
}
