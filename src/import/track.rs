//! Places for rows that have a time and no place, out of a track in the same upload.

use super::rows::Point;
use crate::report::{Position, UnixTime};

/// Longest time between two points of which the place between them is computed.
const GAP_S: u32 = 30;
/// How far from a single point in time its place still counts.
const NEAR_S: u32 = 5;
/// How many points a track takes: 1 Hz for 11 days. Later points are left out.
const POINTS_MAX: usize = 1_000_000;
/// Nobody who scans is faster, in metres a second.
const SPEED_MAX_M_S: f64 = 100.0;

/// Points in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Track {
    points: Vec<Point>,
    /// Seconds to add to the time of a row, for a clock that was wrong.
    offset_s: i64,
}

impl Track {
    pub(super) fn new(mut points: Vec<Point>, offset_s: i64) -> Self {
        points.sort_by_key(|point| point.time);
        points.dedup_by_key(|point| point.time);
        let mut kept: Vec<Point> = Vec::with_capacity(points.len());
        for point in points {
            if kept.last().is_none_or(|last| is_possible(last, &point)) {
                kept.push(point);
            }
        }
        Self {
            points: kept,
            offset_s,
        }
    }

    /// How many points a track takes.
    pub(super) const POINTS_MAX: usize = POINTS_MAX;

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Where somebody was at a time.
    pub(super) fn place_at(&self, time: UnixTime) -> Option<Position> {
        let time = i64::from(time.seconds()) + self.offset_s;
        let time = u32::try_from(time).ok()?;
        let after = self
            .points
            .partition_point(|point| point.time.seconds() <= time);
        let before = after
            .checked_sub(1)
            .and_then(|place| self.points.get(place));
        let after = self.points.get(after);
        if let (Some(before), Some(after)) = (before, after) {
            let span_s = after.time.seconds() - before.time.seconds();
            if span_s <= GAP_S {
                let done_s = time - before.time.seconds();
                return between(before.position, after.position, done_s, span_s);
            }
        }
        let near = [before, after].into_iter().flatten();
        let away_s = |point: &&Point| point.time.seconds().abs_diff(time);
        let nearest = near.min_by_key(away_s)?;
        (away_s(&nearest) <= NEAR_S).then_some(nearest.position)
    }
}

fn is_possible(last: &Point, next: &Point) -> bool {
    let span_s = f64::from(next.time.seconds() - last.time.seconds());
    metres(last.position, next.position) <= SPEED_MAX_M_S * span_s
}

/// About how far two places are apart.
fn metres(one: Position, other: Position) -> f64 {
    const METRES_PER_DEGREE: f64 = 111_195.0;
    let degrees = |e7: i64| f64::from(i32::try_from(e7).unwrap_or(i32::MAX)) / 1e7;
    let north = degrees(i64::from(other.lat_e7()) - i64::from(one.lat_e7()));
    let east = degrees(shorter(one.lon_e7(), other.lon_e7()));
    let lat = (f64::from(one.lat_e7()) / 1e7).to_radians();
    (east * lat.cos()).hypot(north) * METRES_PER_DEGREE
}

/// From one longitude to another on the shorter way around.
fn shorter(from_e7: i32, to_e7: i32) -> i64 {
    const ROUND_E7: i64 = 3_600_000_000;
    let way = i64::from(to_e7) - i64::from(from_e7);
    match way {
        1_800_000_001.. => way - ROUND_E7,
        ..=-1_800_000_001 => way + ROUND_E7,
        way => way,
    }
}

fn between(one: Position, other: Position, done_s: u32, span_s: u32) -> Option<Position> {
    const HALF_E7: i64 = 1_800_000_000;
    let (done, span) = (i64::from(done_s), i64::from(span_s).max(1));
    let part = |from: i32, way: i64| i64::from(from) + way * done / span;
    let lat_way = i64::from(other.lat_e7()) - i64::from(one.lat_e7());
    let lat = part(one.lat_e7(), lat_way);
    let lon = part(one.lon_e7(), shorter(one.lon_e7(), other.lon_e7()));
    let lon = match lon {
        lon if HALF_E7 < lon => lon - 2 * HALF_E7,
        lon if lon < -HALF_E7 => lon + 2 * HALF_E7,
        lon => lon,
    };
    let alt = match (one.alt_mm(), other.alt_mm()) {
        (Some(one), Some(other)) => {
            i32::try_from(part(one, i64::from(other) - i64::from(one))).ok()
        }
        _ => None,
    };
    let (lat, lon) = (i32::try_from(lat).ok()?, i32::try_from(lon).ok()?);
    Position::from_fixed(lat, lon, alt, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seconds: u32, lat_e7: i32, lon_e7: i32) -> Point {
        Point {
            time: UnixTime::new(seconds),
            position: Position::from_fixed(lat_e7, lon_e7, Some(1000), 0).unwrap(),
        }
    }

    #[track_caller]
    fn check(track: &Track, seconds: u32, place: Option<(i32, i32)>) {
        let found = track.place_at(UnixTime::new(seconds));
        let found = found.map(|found| (found.lat_e7(), found.lon_e7()));
        assert_eq!(found, place, "at {seconds}");
    }

    #[test]
    fn places_are_between_two_points_or_near_one() {
        let track = Track::new(
            vec![
                point(1060, 20_000, 0),
                point(1000, 0, 0),
                point(1010, 1000, 2000),
                point(1010, 5, 5),
            ],
            0,
        );
        check(&track, 1000, Some((0, 0)));
        check(&track, 1005, Some((500, 1000)));
        check(&track, 1015, Some((1000, 2000)));
        check(&track, 1016, None);
        check(&track, 1055, Some((20_000, 0)));
        check(&track, 1066, None);
        check(&track, 994, None);
        check(&Track::new(vec![point(1000, 7, 7)], 100), 900, Some((7, 7)));
        check(&Track::default(), 1000, None);
    }

    #[test]
    fn the_way_leads_over_the_date_line_and_jumps_do_not_count() {
        let across = vec![
            point(1000, 0, 1_799_999_000),
            point(1010, 0, -1_799_999_000),
        ];
        check(&Track::new(across, 0), 1005, Some((0, 1_800_000_000)));
        let jump = vec![
            point(1000, 0, 0),
            point(1001, 100_000_000, 0),
            point(1002, 10, 0),
        ];
        check(&Track::new(jump, 0), 1001, Some((5, 0)));
    }
}
