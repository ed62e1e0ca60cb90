//! Readers that follow changes, and what is told as new.

use super::*;
use crate::log::Record;

/// The devices of one whole round.
fn round(tracker: &Tracker, follow: &mut Follow, looks_max: usize) -> (Vec<DeviceId>, bool) {
    let (mut devices, mut skipped) = (Vec::new(), false);
    while let Some(changed) = tracker.next_changed(follow, looks_max, |_| true) {
        devices.extend(changed.devices);
        skipped |= changed.skipped;
    }
    devices.sort_unstable();
    (devices, skipped)
}

#[test]
fn a_round_has_each_device_that_changed_since_the_last_one_once() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    folded.add(vec![report(1, 10), report(2, 10)]);
    let mut follow = folded.tracker.follow();
    assert_eq!(round(&folded.tracker, &mut follow, 10), (vec![], false));
    // All in one instant of our clock: what tells changes apart is their order.
    folded.add(vec![report(2, 11), report(3, 10), report(2, 12)]);
    let changed = vec![device_id(2), device_id(3)];
    assert_eq!(round(&folded.tracker, &mut follow, 10), (changed, false));
    assert_eq!(round(&folded.tracker, &mut follow, 10), (vec![], false));
    folded.add(vec![report(1, 1)]);
    let late = vec![device_id(1)];
    assert_eq!(round(&folded.tracker, &mut follow, 10), (late, false));
}

#[test]
fn past_the_bound_of_a_part_the_newest_changes_are_shown_and_the_rest_is_said_to_be_skipped() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    let mut follow = folded.tracker.follow();
    let of_one_part: Vec<u8> = (0..=255)
        .filter(|&last| shard_index(device_id(last)) == shard_index(device_id(0)))
        .collect();
    let [first, second, ..] = of_one_part[..] else {
        panic!("no two devices are in one part")
    };
    let both = vec![report(first, 1), report(second, 1)];
    folded.add(both.clone());
    let all = vec![device_id(first), device_id(second)];
    assert_eq!(round(&folded.tracker, &mut follow, 2), (all, false));
    folded.add(both);
    let newest = vec![device_id(second)];
    assert_eq!(round(&folded.tracker, &mut follow, 1), (newest, true));
    assert_eq!(round(&folded.tracker, &mut follow, 1), (vec![], false));
}

#[test]
fn one_device_is_followed_by_its_mark() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    let changed = |folded: &Folded, mark| folded.tracker.device_changed_after(device_id(1), mark);
    assert!(changed(&folded, ChangeNumber::default()).is_none());
    folded.add(vec![report(1, 10)]);
    let (device, mark) = changed(&folded, ChangeNumber::default()).unwrap();
    assert_eq!(device.id, device_id(1));
    folded.add(vec![report(2, 10)]);
    assert!(changed(&folded, mark).is_none());
    folded.add(vec![report(1, 5)]);
    assert!(changed(&folded, mark).is_some());
}

/// What changed, in order.
#[derive(Default)]
struct Told(Vec<String>);

impl<'b> Observer<'b> for Told {
    fn changed(&mut self, change: Change<'b>) {
        self.0.push(match change {
            Change::NewSource(id) => id.to_string(),
            Change::NewDevice(id) => id.addr.to_string(),
            Change::NewSsid(id, ssid) => format!("{} {ssid}", id.addr),
            Change::SourceForgotten { id, .. } => format!("forgotten {id}"),
            Change::SourcePaused { id, .. } => format!("paused {id}"),
            Change::SourceRenamed { id, .. } => format!("renamed {id}"),
        });
    }
}

#[test]
fn what_is_new_is_told_once() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    let mut told = |reports: Vec<Report>| {
        let batch = Batch {
            source: source(1),
            source_name: None,
            technology: None,
            identity: None,
            reports,
            rejected: Vec::new(),
        };
        let record = Record::new(folded.log.node(), RECEIVED_AT, What::Reports(batch));
        let entries = folded.log.append(vec![record]).unwrap();
        let mut told = Told::default();
        folded.tracker.apply_observed(&entries[0], &mut told);
        told.0
    };
    let addr = device_id(1).addr.to_string();
    assert_eq!(told(vec![]), [source(1).to_string()]);
    assert_eq!(
        told(vec![named(1, 10, "a", ""), named(1, 11, "a", "")]),
        [addr.clone(), format!("{addr} a")]
    );
    assert_eq!(told(vec![named(1, 5, "b", "")]), [format!("{addr} b")]);
    assert!(told(vec![named(1, 20, "a", "[WPA2-PSK-CCMP][ESS]")]).is_empty());
}
