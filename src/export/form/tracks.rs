//! Tracks of scanners in GPX: a point for each second in which a scanner reported from somewhere.

use std::sync::Arc;

use super::gpx::longitude;
use crate::export::number::{Degrees, Metres};
use crate::export::text::{element, is_not_xml, put, shown};
use crate::export::{ExportError, Hidden, TracksWanted};
use crate::log::{History, TrackPoint, TrackQuery};
use crate::report::{Position, SourceId};
use crate::views::native::Utc;

/// A track breaks where nothing is known for so long, or where the scanner went so far meanwhile.
const GAP_S: u32 = 5 * 60;
const GAP_M: f64 = 1000.0;
/// Points of a piece.
const POINTS_PER_PIECE: usize = 2000;
const SECONDS_PER_HOUR: i64 = 3600;
/// A degree of latitude.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// Writes one track after the other.
pub(super) struct Tracks {
    history: Arc<History>,
    wanted: TracksWanted,
    hidden: Hidden,
    sources: std::vec::IntoIter<(SourceId, Box<str>)>,
    /// What is left of the present track.
    points: Option<std::vec::IntoIter<Kept>>,
    /// Whether a part of it has begun.
    has_part: bool,
}

/// A point of a track, and whether a part of the track begins with it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    point: TrackPoint,
    begins: bool,
}

impl Tracks {
    pub(super) fn new(history: Arc<History>, mut wanted: TracksWanted, hidden: Hidden) -> Self {
        Self {
            history,
            sources: std::mem::take(&mut wanted.sources).into_iter(),
            wanted,
            hidden,
            points: None,
            has_part: false,
        }
    }

    /// The next piece. `None` is the end.
    pub(super) fn piece(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let mut out = Vec::new();
        if let Some(points) = &mut self.points {
            for Kept { point, begins } in points.by_ref().take(POINTS_PER_PIECE) {
                if begins {
                    let is_first = !std::mem::replace(&mut self.has_part, true);
                    let end: &[u8] = if is_first { b"" } else { b"</trkseg>" };
                    out.extend_from_slice(end);
                    out.extend_from_slice(b"<trkseg>\n");
                }
                write_point(&mut out, point);
            }
            if points.as_slice().is_empty() {
                out.extend_from_slice(b"</trkseg></trk>\n");
                self.points = None;
            }
            return Ok(Some(out));
        }
        let Some((id, name)) = self.sources.next() else {
            return Ok(None);
        };
        let wanted = TrackQuery {
            source: id,
            since: self.wanted.since,
            until: self.wanted.until,
            observations_max: None,
            ahead_max_s: self.wanted.ahead_max_s,
        };
        let track = self.history.track(&wanted, || false)?;
        let kept = thinned(&track.points, |position| self.hidden.has_position(position));
        if !kept.is_empty() {
            out.extend_from_slice(b"<trk>");
            element(&mut out, "name", &shown(name.as_bytes(), is_not_xml).text);
            out.extend_from_slice(b"<type>scan</type>");
            self.points = Some(kept.into_iter());
            self.has_part = false;
        }
        Ok(Some(out))
    }
}

/// Leaves out the points of a stay but the first and the last one, and finds where the track breaks.
fn thinned(points: &[TrackPoint], is_hidden: impl Fn(Position) -> bool) -> Vec<Kept> {
    let mut kept = Vec::with_capacity(points.len());
    let mut before: Option<TrackPoint> = None;
    let mut points = points.iter().copied().peekable();
    while let Some(point) = points.next() {
        if is_hidden(point.position) {
            before = None;
            continue;
        }
        let begins = before.is_none_or(|before| is_gap(before, point));
        let stays = |other: Option<TrackPoint>| {
            other.is_some_and(|other| is_same(other, point) && !is_gap(other, point))
        };
        if !(stays(before) && stays(points.peek().copied())) {
            kept.push(Kept { point, begins });
        }
        before = Some(point);
    }
    kept
}

fn is_same(one: TrackPoint, other: TrackPoint) -> bool {
    let place = |point: TrackPoint| (point.position.lat_e7(), point.position.lon_e7());
    place(one) == place(other)
}

/// Whether there is a gap between two points that follow each other.
fn is_gap(one: TrackPoint, other: TrackPoint) -> bool {
    let seconds = one.time.seconds().abs_diff(other.time.seconds());
    let degrees = |e7: i32| f64::from(e7) / 1e7;
    let (lat, other_lat) = (
        degrees(one.position.lat_e7()),
        degrees(other.position.lat_e7()),
    );
    let turn = degrees(one.position.lon_e7()) - degrees(other.position.lon_e7());
    // Over the date line the short way.
    let lon = (turn.abs()).min(360.0 - turn.abs()) * lat.to_radians().cos();
    GAP_S < seconds || GAP_M < (lat - other_lat).hypot(lon) * METRES_PER_DEGREE
}

fn write_point(out: &mut Vec<u8>, point: TrackPoint) {
    let position = point.position;
    let (lat, lon) = (
        Degrees(position.lat_e7().into()),
        longitude(position.lon_e7().into()),
    );
    put(out, format_args!("<trkpt lat=\"{lat}\" lon=\"{lon}\">"));
    if let Some(alt_mm) = position.alt_mm() {
        put(out, format_args!("<ele>{}</ele>", Metres(alt_mm.into())));
    }
    put(out, format_args!("<time>{}</time>", Utc(point.time)));
    // Reports without a speed have 0.
    let speed_m_h = i64::from(position.speed_m_h());
    if 0 < speed_m_h {
        let metres_per_s = Metres(speed_m_h * 1000 / SECONDS_PER_HOUR);
        put(
            out,
            format_args!(
                "<extensions><gpxtpx:TrackPointExtension><gpxtpx:speed>{metres_per_s}</gpxtpx:speed>\
                 </gpxtpx:TrackPointExtension></extensions>"
            ),
        );
    }
    out.extend_from_slice(b"</trkpt>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::UnixTime;

    fn point(time: u32, lat_e7: i32) -> TrackPoint {
        TrackPoint {
            time: UnixTime::new(time),
            position: Position::from_fixed(lat_e7, 1, None, 0).unwrap(),
        }
    }

    #[track_caller]
    fn check(points: &[(u32, i32)], expected: &[(u32, bool)]) {
        let points: Vec<_> = points.iter().map(|&(time, lat)| point(time, lat)).collect();
        let kept = thinned(&points, |position| position.lat_e7() < 0);
        let kept: Vec<_> = kept
            .iter()
            .map(|kept| (kept.point.time.seconds(), kept.begins))
            .collect();
        assert_eq!(kept, expected, "{points:?}");
    }

    #[test]
    fn a_stay_has_two_points_and_gaps_break_a_track() {
        check(&[], &[]);
        check(&[(1, 5)], &[(1, true)]);
        let stay: Vec<_> = (0..1000).map(|time| (time, 5)).collect();
        check(&stay, &[(0, true), (999, false)]);
        // Of 5 minutes and one second.
        check(
            &[(0, 5), (300, 6), (601, 7)],
            &[(0, true), (300, false), (601, true)],
        );
        // Of 1 km and a little more: a degree has 111.195 km.
        let degree_e7 = 10_000_000;
        check(&[(0, 1), (1, degree_e7 / 112)], &[(0, true), (1, false)]);
        check(&[(0, 1), (1, degree_e7 / 111)], &[(0, true), (1, true)]);
    }

    #[test]
    fn what_is_hidden_breaks_a_track() {
        check(&[(0, 5), (1, -5), (2, 5)], &[(0, true), (2, true)]);
        check(&[(0, -5), (1, -5)], &[]);
    }
}
