//! APMOVED: an access point was seen far from where it was seen before.

use super::raised_alerts::RaisedAlerts;
use super::rule::Rule;
use crate::alerts::rules::Rules;
use crate::report::{Position, Report, sphere};
use crate::tracker::Device;

/// Units of 10⁻⁷ degrees of latitude in a metre, rounded down. The mean radius of the earth is 6 371 km.
const E7_PER_M: i64 = 89;
const HALF_TURN_E7: i64 = 1_800_000_000;

pub(super) fn check(
    rules: &Rules,
    alerts: &mut RaisedAlerts,
    before: Option<&Device>,
    report: &Report,
) {
    let last = before
        .and_then(|device| device.place.as_ref())
        .map(|place| place.last);
    let (Some(last), Some(position)) = (last, report.position) else {
        return;
    };
    if report.time < last.time {
        return;
    }
    let bound_m = rules.moved_distance_m;
    if are_near(last.value, position, bound_m) {
        return;
    }
    let distance_m = distance_m(last.value, position);
    if distance_m <= f64::from(bound_m) {
        return;
    }
    let addr = report.device().addr;
    alerts.of_report(Rule::ApMoved, report, || {
        format!("{addr} was seen {distance_m:.0} m from where it was seen before")
    });
}

/// A cheap test without trigonometry that settles almost all reports.
fn are_near(one: Position, other: Position, bound_m: u32) -> bool {
    let lat_e7 = (i64::from(one.lat_e7()) - i64::from(other.lat_e7())).abs();
    let lon_e7 = (i64::from(one.lon_e7()) - i64::from(other.lon_e7())).abs();
    let around_e7 = lon_e7.min(2 * HALF_TURN_E7 - lon_e7);
    lat_e7 + around_e7 <= i64::from(bound_m) * E7_PER_M
}

fn distance_m(one: Position, other: Position) -> f64 {
    let degrees = |position: Position| {
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        (degrees(position.lat_e7()), degrees(position.lon_e7()))
    };
    sphere::distance_m(degrees(one), degrees(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::from_wire(Some(lat), Some(lon), None, None)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn distances_are_those_of_the_earth() {
        let check = |one, other, metres: f64| {
            assert!((distance_m(one, other) - metres).abs() < 1.0, "{metres}");
        };
        check(at(0.0, 1.0), at(1.0, 1.0), 111_195.0);
        check(at(60.0, 10.0), at(60.0, 11.0), 55_597.0);
        check(at(0.0, 179.5), at(0.0, -179.5), 111_195.0);
    }

    proptest! {
        #[test]
        fn what_is_taken_for_near_is_near(
            lat in -89.0..89.0f64, lon in -180.0..180.0f64, north in -0.2..0.2f64, east in -0.2..0.2f64, bound_m in 1..50_000u32
        ) {
            let (one, other) = (at(lat, lon), at(lat + north, lon + east - if 180.0 < lon + east { 360.0 } else if lon + east < -180.0 { -360.0 } else { 0.0 }));
            if are_near(one, other, bound_m) {
                prop_assert!(distance_m(one, other) <= f64::from(bound_m));
            }
        }
    }
}
