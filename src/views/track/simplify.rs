//! Leaves out the points of a line that change its shape least (Visvalingam and Whyatt, 1993).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Finds the points to keep: at most `points_max`, but always the first and the last one. `points` are longitudes and
/// latitudes in degrees. Returns their indexes, in ascending order.
///
/// The importance of a point is the area of the triangle with its neighbours. The point with the smallest area goes,
/// its neighbours get new areas, and so on.
pub(super) fn simplify(points: &[(f64, f64)], points_max: usize) -> Vec<usize> {
    let mut neighbours: Vec<(usize, usize)> = (0..points.len())
        .map(|at| (at.saturating_sub(1), at + 1))
        .collect();
    let area = |(before, after): (usize, usize), at: usize| {
        let corners = [before, at, after].map(|at| points.get(at).copied());
        match corners {
            [Some(before), Some(at), Some(after)] => triangle(before, at, after),
            _ => 0.0,
        }
    };
    let mut areas: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut current = vec![u64::MAX; points.len()];
    let weigh = |areas: &mut BinaryHeap<_>, current: &mut [u64], sides, at: usize| {
        // Positive floats have the order of their bits.
        let bits = area(sides, at).to_bits();
        if let Some(current) = current.get_mut(at) {
            *current = bits;
            areas.push(Reverse((bits, at)));
        }
    };
    let inner = 1..points.len().saturating_sub(1);
    for at in inner.clone() {
        if let Some(&sides) = neighbours.get(at) {
            weigh(&mut areas, &mut current, sides, at);
        }
    }
    let mut is_kept = vec![true; points.len()];
    let mut left = points.len();
    while points_max.max(2) < left
        && let Some(Reverse((bits, at))) = areas.pop()
    {
        // Entries from before a neighbour went are out of date.
        if !is_kept.get(at).copied().unwrap_or(false) || current.get(at) != Some(&bits) {
            continue;
        }
        let Some(&(before, after)) = neighbours.get(at) else {
            continue;
        };
        if let Some(kept) = is_kept.get_mut(at) {
            *kept = false;
        }
        left -= 1;
        if let Some(sides) = neighbours.get_mut(before) {
            sides.1 = after;
        }
        if let Some(sides) = neighbours.get_mut(after) {
            sides.0 = before;
        }
        for at in [before, after] {
            if inner.contains(&at)
                && let Some(&sides) = neighbours.get(at)
            {
                weigh(&mut areas, &mut current, sides, at);
            }
        }
    }
    (0..points.len())
        .filter(|at| is_kept.get(*at) == Some(&true))
        .collect()
}

/// The area of a small triangle, in square degrees of latitude.
fn triangle(before: (f64, f64), at: (f64, f64), after: (f64, f64)) -> f64 {
    // A degree of longitude is shorter away from the equator, and 180° is next to -180°.
    let shrink = at.1.to_radians().cos();
    let side = |to: (f64, f64)| {
        let east = (to.0 - at.0 + 540.0).rem_euclid(360.0) - 180.0;
        (east * shrink, to.1 - at.1)
    };
    let (one, other) = (side(before), side(after));
    (one.0 * other.1 - one.1 * other.0).abs() / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn corners_stay_and_points_on_a_line_go() {
        let line = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (2.0, 2.0)];
        assert_eq!(simplify(&line, 3), [0, 2, 4]);
        assert_eq!(simplify(&line, 5), [0, 1, 2, 3, 4]);
        assert_eq!(simplify(&line, 2), [0, 4]);
        assert_eq!(simplify(&line, 0), [0, 4], "the ends always stay");
        assert_eq!(simplify(&[(1.0, 1.0)], 2), [0]);
        assert_eq!(simplify(&[], 2), [0; 0]);
    }

    #[test]
    fn the_date_line_is_no_detour() {
        let across = [(179.9, 0.0), (-179.9, 0.01), (-179.8, 0.0), (-179.7, 0.3)];
        assert_eq!(simplify(&across, 3), [0, 2, 3]);
    }

    proptest! {
        #[test]
        fn so_many_points_are_kept_as_may_be_and_both_ends(
            points in prop::collection::vec((-180.0..180.0_f64, -90.0..90.0_f64), 0..200),
            points_max in 2..50_usize,
        ) {
            let kept = simplify(&points, points_max);
            prop_assert_eq!(kept.len(), points.len().min(points_max));
            prop_assert!(kept.is_sorted_by(|one, other| one < other));
            prop_assert_eq!(kept.first().copied(), (!points.is_empty()).then_some(0));
            prop_assert_eq!(kept.last().copied(), points.len().checked_sub(1));
        }
    }
}
