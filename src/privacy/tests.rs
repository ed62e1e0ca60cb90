//! What the policy lets out.

use super::key::PrivacyKey;
use super::{OptedOut, Policy, Rules};
use crate::ingest::kismet;
use crate::log::{Entry, LogPosition, Record, What};
use crate::report::{Batch, DeviceId, Phy, ReceivedAt};
use crate::tracker::{Bounds, Device, Tracker};

const NOW: ReceivedAt = ReceivedAt::from_micros(1_700_000_000_000_000);
const ADDRESS: &str = "02:00:00:00:00:01";
/// In the zone of these tests, and far from it.
const HOME: &str = r#""lat": 48.2, "lon": 16.4"#;
const AWAY: &str = r#""lat": 48.25, "lon": 16.4"#;

fn batch(phy: Phy, reports: &[String]) -> Batch {
    let reports = reports.join(",");
    let json = format!(
        r#"{{"source_uuid": "44444444-0000-0000-0000-00000000000a", "reports": [{reports}]}}"#
    );
    kismet::batch(phy, &json, NOW)
}

/// A report of the access point of these tests.
fn seen(time: u32, ssid: &str, rest: &str) -> String {
    format!(
        r#"{{"timestamp": {}, "bssid": "{ADDRESS}", "ssid": "{ssid}", {rest}}}"#,
        1_600_000_000 + time
    )
}

fn device(batch: &Batch) -> Device {
    let tracker = Tracker::new(Bounds::FOR_TESTS);
    let entry = Entry {
        position: LogPosition::new(1),
        record: Record::new(uuid::Uuid::nil(), NOW, What::Reports(batch.clone())),
    };
    tracker.apply(&entry);
    let id = batch.reports.first().unwrap().device();
    tracker.device(id).unwrap()
}

fn policy(rules: Rules<'_>) -> Policy {
    Policy::new(rules, &PrivacyKey::new(&[7; 32]))
}

fn home() -> Policy {
    policy(Rules {
        zones: &["48.2 16.4 100".parse().unwrap()],
        ..Rules::default()
    })
}

/// Whether the device leaves, and each of its reports.
fn leaves(policy: &Policy, batch: &Batch) -> (bool, Vec<bool>) {
    let device = device(batch);
    let of_report = |report| policy.lets_out_report(report, Some(&device), OptedOut::LeftOut);
    (
        policy.lets_out(&device, OptedOut::LeftOut),
        batch.reports.iter().map(of_report).collect(),
    )
}

#[test]
fn what_no_rule_names_leaves() {
    let reports = batch(Phy::Wifi, &[seen(1, "a", HOME), seen(2, "", AWAY)]);
    assert_eq!(
        leaves(&policy(Rules::default()), &reports),
        (true, vec![true; 2])
    );
    assert_eq!(
        leaves(&home(), &batch(Phy::Wifi, &[seen(1, "a", AWAY)])),
        (true, vec![true])
    );
    assert_eq!(
        leaves(
            &home(),
            &batch(Phy::Wifi, &[seen(1, "a", r#""signal": -50"#)])
        ),
        (true, vec![true])
    );
}

#[test]
fn a_device_with_any_place_in_a_zone_stays_with_all_its_observations() {
    let strong = |place: &str| format!(r#""signal": -30, {place}"#);
    let weak = |place: &str| format!(r#""signal": -90, {place}"#);
    for (what, reports) in [
        (
            "strongest",
            [seen(1, "a", &strong(HOME)), seen(2, "a", &weak(AWAY))],
        ),
        (
            "last",
            [seen(1, "a", &strong(AWAY)), seen(2, "a", &weak(HOME))],
        ),
        (
            "mean",
            [
                seen(1, "a", r#""signal": -30, "lat": 48.25, "lon": 16.4"#),
                seen(2, "a", r#""signal": -90, "lat": 48.15, "lon": 16.4"#),
            ],
        ),
    ] {
        assert_eq!(
            leaves(&home(), &batch(Phy::Wifi, &reports)),
            (false, vec![false; 2]),
            "{what}"
        );
    }
}

#[test]
fn an_observation_from_a_zone_stays_although_its_device_leaves() {
    let mut reports = vec![seen(1, "a", &format!(r#""signal": -90, {HOME}"#))];
    reports.extend((2..30).map(|time| seen(time, "a", &format!(r#""signal": -30, {AWAY}"#))));
    let (device, reports) = leaves(&home(), &batch(Phy::Wifi, &reports));
    assert!(device);
    assert_eq!(reports.iter().position(|leaves| !leaves), Some(0));
    assert_eq!(reports.iter().filter(|leaves| !**leaves).count(), 1);
}

#[test]
fn lists_keep_devices_by_address_name_and_pattern() {
    let reports = batch(
        Phy::Wifi,
        &[seen(1, "guest", AWAY), seen(2, "My Home", AWAY)],
    );
    let (names, other) = (["My Home".to_owned()], ["My".to_owned()]);
    let pattern = ["*Home".parse().unwrap()];
    let range = |text: &str| [text.parse().unwrap()];
    let (single, prefix, elsewhere) = (range(ADDRESS), range("02:00:0"), range("02:00:1"));
    let none = Rules::default();
    for (rules, leaves_it) in [
        (
            Rules {
                ssids: &names,
                ..none
            },
            false,
        ),
        (
            Rules {
                ssids: &other,
                ..none
            },
            true,
        ),
        (
            Rules {
                ssid_patterns: &pattern,
                ..none
            },
            false,
        ),
        (
            Rules {
                addresses: &single,
                ..none
            },
            false,
        ),
        (
            Rules {
                addresses: &prefix,
                ..none
            },
            false,
        ),
        (
            Rules {
                addresses: &elsewhere,
                ..none
            },
            true,
        ),
    ] {
        // Both reports stay: the other network is one of the same access point.
        assert_eq!(
            leaves(&policy(rules), &reports),
            (leaves_it, vec![leaves_it; 2]),
            "{rules:?}"
        );
    }
}

#[test]
fn bluetooth_devices_are_named_too() {
    let watch =
        format!(r#"{{"timestamp": 1600000000, "btaddr": "{ADDRESS}", "name": "My Watch"}}"#);
    let reports = batch(Phy::Bluetooth, &[watch]);
    let names = ["My Watch".to_owned()];
    let rules = Rules {
        ssids: &names,
        ..Rules::default()
    };
    assert_eq!(leaves(&policy(rules), &reports), (false, vec![false]));
    // "My Watch" in advertised data, and another name from the scanner.
    let advertised = format!(
        r#"{{"timestamp": 1600000000, "btaddr": "{ADDRESS}", "name": "x", "scan_data": "09094D79205761746368"}}"#
    );
    let reports = batch(Phy::Bluetooth, &[advertised]);
    assert_eq!(leaves(&policy(rules), &reports), (false, vec![false]));
    // The report itself counts, whatever is known of its device.
    let nameless = format!(r#"{{"timestamp": 1600000000, "btaddr": "{ADDRESS}"}}"#);
    let nameless = device(&batch(Phy::Bluetooth, &[nameless]));
    let policy = policy(rules);
    assert!(policy.lets_out(&nameless, OptedOut::LeftOut));
    let report = &reports.reports[0];
    assert!(!policy.lets_out_report(report, Some(&nameless), OptedOut::LeftOut));
}

#[test]
fn owners_who_opted_out_are_included_only_if_somebody_asks() {
    let reports = batch(Phy::Wifi, &[seen(1, "a_nomap", AWAY), seen(2, "b", AWAY)]);
    let policy = self::policy(Rules::default());
    assert_eq!(leaves(&policy, &reports), (false, vec![false; 2]));
    let device = device(&reports);
    assert!(policy.lets_out(&device, OptedOut::Included));
    for report in &reports.reports {
        assert!(policy.lets_out_report(report, Some(&device), OptedOut::Included));
    }
    // A zone counts all the same.
    let at_home = batch(Phy::Wifi, &[seen(1, "a_nomap", HOME)]);
    let device = self::device(&at_home);
    assert!(!home().lets_out(&device, OptedOut::Included));
}

#[test]
fn of_an_evicted_device_the_observation_itself_decides_if_nothing_else_could() {
    let reports = batch(
        Phy::Wifi,
        &[
            seen(1, "a_nomap", AWAY),
            seen(2, "b", HOME),
            seen(3, "b", AWAY),
        ],
    );
    let leave = |rules: Rules<'_>| {
        let policy = policy(rules);
        let of_report = |report| policy.lets_out_report(report, None, OptedOut::LeftOut);
        let reports = reports.reports.iter();
        reports.map(of_report).collect::<Vec<_>>()
    };
    let none = Rules::default();
    assert_eq!(leave(none), [false, true, true]);
    let elsewhere = Rules {
        addresses: &["02:00:00:00:00:02".parse().unwrap()],
        ..none
    };
    assert_eq!(leave(elsewhere), [false, true, true]);
    // The device may have been in the zone, or had the name.
    let in_zone = Rules {
        zones: &["48.2 16.4 100".parse().unwrap()],
        ..none
    };
    assert_eq!(leave(in_zone), [false; 3]);
    let named = Rules {
        ssids: &["c".to_owned()],
        ..none
    };
    assert_eq!(leave(named), [false; 3]);
    assert_eq!(
        reports.reports[0].device(),
        DeviceId {
            phy: Phy::Wifi,
            addr: ADDRESS.parse().unwrap()
        }
    );
}
