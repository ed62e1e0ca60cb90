use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::Value as Json;
use uuid::Uuid;

use super::*;
use crate::log::{Log, Record};
use crate::report::{
    Bssid, Capabilities, Channel, Dbm, Frequency, Position, Sighting, Ssid, Tag, WifiSighting,
};
use crate::views::kismet::{Context, DeviceRecord, Sources as SourceRecords};
use crate::views::to_json;

mod bluetooth;
mod follow;
mod look;
mod places;
mod recent;
mod related;
mod summary;

const RECEIVED_AT: ReceivedAt = ReceivedAt::from_micros(1_700_100_000_000_000);

fn source(number: u128) -> SourceId {
    SourceId::new(Uuid::from_u128(number))
}

fn addr(last: u8) -> MacAddr {
    MacAddr::new([0x02, 0, 0, 0, 0, last])
}

fn device_id(last: u8) -> DeviceId {
    DeviceId {
        phy: Phy::Wifi,
        addr: addr(last),
    }
}

fn report(last: u8, seconds: u32) -> Report {
    Report {
        time: UnixTime::new(seconds),
        signal: None,
        frequency: None,
        channel: None,
        position: None,
        accuracy: None,
        tags: Vec::new(),
        sighting: Sighting::Wifi(WifiSighting {
            bssid: Bssid::try_from(addr(last)).unwrap(),
            ssid: Ssid::hidden(),
            capabilities: None,
            width: None,
            center0_mhz: None,
            center1_mhz: None,
            ie_tags: None,
        }),
    }
}

fn named(last: u8, seconds: u32, ssid: &str, capabilities: &str) -> Report {
    let mut report = report(last, seconds);
    if let Sighting::Wifi(wifi) = &mut report.sighting {
        wifi.ssid = Ssid::try_from(ssid.as_bytes()).unwrap();
        wifi.capabilities = (!capabilities.is_empty()).then(|| capabilities.into());
    }
    report
}

/// A report with a tag.
fn tagged(last: u8, seconds: u32, value: u8) -> Report {
    let mut report = report(last, seconds);
    report.tags = vec![Tag {
        name: "tag".into(),
        value: value.to_string().into(),
    }];
    report
}

/// A tracker and the log in front of it.
struct Folded {
    tracker: Arc<Tracker>,
    log: Log,
}

impl Folded {
    fn new(bounds: Bounds) -> Self {
        Self {
            tracker: Arc::new(Tracker::new(bounds)),
            log: Log::in_memory(usize::MAX),
        }
    }

    fn apply(&mut self, from: u128, received_at: ReceivedAt, reports: Vec<Report>) -> Applied {
        let batch = Batch {
            source: source(from),
            source_name: None,
            technology: None,
            identity: None,
            reports,
            rejected: Vec::new(),
        };
        let record = Record::new(self.log.node(), received_at, What::Reports(batch));
        let entries = self.log.append(vec![record]).unwrap();
        self.tracker.apply(&entries[0])
    }

    fn add(&mut self, reports: Vec<Report>) {
        self.apply(1, RECEIVED_AT, reports);
    }

    fn held_bytes(&self) -> u64 {
        self.tracker.held_bytes(&lock(&self.tracker.clock))
    }

    fn device(&self, last: u8) -> Device {
        self.tracker.device(device_id(last)).unwrap()
    }

    /// Every device as the views show it.
    fn shown(&self) -> BTreeMap<String, Json> {
        let context = Context {
            server: Uuid::nil(),
            now: RECEIVED_AT.time(),
        };
        let mut sources = SourceRecords::default();
        let mut shown = BTreeMap::new();
        for device in walk(&self.tracker, Walk::over_all()) {
            sources.add(std::slice::from_ref(&device), &self.tracker, context);
            let mut json = Vec::new();
            to_json(
                &mut json,
                &DeviceRecord {
                    device: &device,
                    sources: &sources,
                    context,
                },
            );
            shown.insert(
                device.id.addr.to_string(),
                serde_json::from_slice(&json).unwrap(),
            );
        }
        shown
    }
}

fn walk(tracker: &Tracker, mut walk: Walk) -> Vec<Device> {
    let pieces = std::iter::from_fn(|| tracker.next_devices(&mut walk, 3, |_| true));
    pieces.flatten().collect()
}

fn changed(tracker: &Tracker, since: u32) -> Vec<u8> {
    let devices = walk(tracker, Walk::over_changed(UnixTime::new(since)));
    let mut found: Vec<u8> = devices
        .iter()
        .map(|device| device.id.addr.octets()[5])
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn of_two_reports_of_one_second_the_later_in_the_log_counts() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    let on = |channel: &str| Report {
        channel: Channel::from_wire(channel).unwrap(),
        ..report(1, 100)
    };
    folded.add(vec![on("1"), on("6")]);
    folded.add(vec![on("11")]);
    assert_eq!(folded.device(1).channel.unwrap().value.as_str(), "11");
    folded.add(vec![
        named(1, 200, "A", ""),
        named(1, 201, "B", ""),
        named(1, 210, "B", ""),
        named(1, 210, "A", ""),
    ]);
    assert_eq!(folded.device(1).main_ssid().unwrap().ssid.to_string(), "A");
}

#[test]
fn a_report_without_a_name_does_not_hide_a_network() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    folded.add(vec![named(1, 100, "Home", "[ESS]"), report(1, 200)]);
    let device = folded.device(1);
    assert_eq!(device.main_ssid().unwrap().ssid.to_string(), "Home");
    let Radio::Wifi(wifi) = &device.radio else {
        panic!("not Wi-Fi")
    };
    assert_eq!(wifi.ssids.len(), 2);
}

#[test]
fn the_mean_of_positions_at_the_date_line_is_at_the_date_line() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    let at = |lon| Report {
        position: Position::from_wire(Some(-17.0), Some(lon), None, None).unwrap(),
        ..report(1, 100)
    };
    folded.add(vec![at(179.9), at(-179.7)]);
    let (lat, lon) = folded.device(1).place.unwrap().mean_degrees();
    assert!(
        (lat - -17.0).abs() < 1e-9 && (lon - -179.9).abs() < 1e-9,
        "{lat} {lon}"
    );
    folded.add(vec![at(179.9), at(179.9)]);
    let (_, lon) = folded.device(1).place.unwrap().mean_degrees();
    assert!((lon - 180.0).abs() < 1e-9, "{lon}");
}

#[test]
fn past_the_bound_the_least_recently_changed_devices_go() {
    let mut folded = Folded::new(Bounds {
        devices_max: 3,
        ..Bounds::FOR_TESTS
    });
    folded.add(vec![report(1, 500), report(2, 400), report(3, 300)]);
    assert_eq!(folded.tracker.device_count(), 3);
    // Seen again with an old timestamp: what counts is when it changed.
    folded.add(vec![report(1, 100)]);
    let applied = folded.apply(1, RECEIVED_AT, vec![report(4, 50)]);
    assert_eq!(
        applied,
        Applied {
            created: 1,
            evicted: 1
        }
    );
    assert_eq!(folded.tracker.device_count(), 3);
    assert_eq!(folded.tracker.evicted(), 1);
    assert!(folded.tracker.device(device_id(1)).is_some());
    assert!(folded.tracker.device(device_id(4)).is_some());
    assert_eq!(walk(&folded.tracker, Walk::over_all()).len(), 3);
    assert_eq!(changed(&folded.tracker, 0).len(), 3);
}

#[test]
fn past_the_bound_of_memory_the_least_recently_changed_devices_go() {
    let memory_bytes_max = 1 << 40;
    let mut unbounded = Folded::new(Bounds {
        memory_bytes_max,
        ..Bounds::FOR_TESTS
    });
    unbounded.add((1..=5).map(|last| report(last, 100)).collect());
    let held_bytes = unbounded.held_bytes();

    let bounded = |memory_bytes_max| {
        let mut folded = Folded::new(Bounds {
            memory_bytes_max,
            ..Bounds::FOR_TESTS
        });
        folded.add((1..=5).map(|last| report(last, 100)).collect());
        folded
    };
    let mut at_the_bound = bounded(held_bytes);
    assert_eq!(at_the_bound.tracker.device_count(), 5);
    at_the_bound.add(vec![report(1, 50)]);
    at_the_bound.add(vec![report(6, 100)]);
    assert!(at_the_bound.held_bytes() <= held_bytes);
    assert_eq!(
        at_the_bound.tracker.device_count(),
        4,
        "a second sample takes some too"
    );
    assert!(at_the_bound.tracker.device(device_id(1)).is_some());
    assert!(at_the_bound.tracker.device(device_id(6)).is_some());
    assert_eq!(bounded(held_bytes - 1).tracker.device_count(), 4);
    // Devices without room do not harm the next.
    let mut full = bounded(1);
    assert_eq!(full.tracker.device_count(), 0);
    assert!(full.tracker.is_full());
    full.add(vec![report(1, 100)]);
    assert_eq!(full.tracker.device_count(), 0);
}

#[test]
fn devices_with_the_same_tags_take_the_memory_of_one_set() {
    let mut folded = Folded::new(Bounds {
        memory_bytes_max: 1 << 40,
        ..Bounds::FOR_TESTS
    });
    let fat = |last: u8, value: &str| {
        let mut report = tagged(last, 100, 0);
        report.tags[0].value = value.into();
        report
    };
    let text = "x".repeat(2000);
    folded.add((0..100).map(|last| fat(last, &text)).collect());
    let shared_bytes = folded.held_bytes();
    let different = |last: u8| fat(last, &format!("{last}{text}"));
    folded.add((0..100).map(different).collect());
    let sets_bytes = folded.held_bytes() - shared_bytes;
    assert!((198_000..250_000).contains(&sets_bytes), "{sets_bytes}");
    folded.add((0..100).map(|last| fat(last, &text)).collect());
    assert!(folded.held_bytes() < shared_bytes + 100 * 200);
}

#[test]
fn an_image_of_more_than_the_limits_allow_is_restored_as_far_as_they_do() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    for last in 0..200u8 {
        folded.add(vec![report(last, 100)]);
    }
    let mut image = folded.tracker.image(true).unwrap();
    let mut devices: Vec<_> = std::iter::from_fn(|| image.next_devices()).collect();
    assert!(20 < devices.len());
    let bounds = [
        Bounds {
            devices_max: 10,
            ..Bounds::FOR_TESTS
        },
        Bounds {
            memory_bytes_max: 6000,
            ..Bounds::FOR_TESTS
        },
    ];
    for bounds in bounds {
        devices.reverse();
        let tracker = Tracker::new(bounds);
        tracker.restore_head(image.head().clone());
        for some in &devices {
            tracker.restore_devices(some.clone());
            let shards = tracker.shards.iter();
            let held: usize = shards.map(|shard| read(shard).len()).sum();
            assert!(held < 50, "{held} devices are held on the way");
        }
        tracker.restored();
        let last = changed(&tracker, 0);
        let newest = 200 - u8::try_from(last.len()).unwrap()..200;
        assert_eq!(last, newest.collect::<Vec<_>>());
        assert!((5..=11).contains(&last.len()), "{last:?}");
    }
}

#[test]
fn evicted_places_are_used_again() {
    let mut folded = Folded::new(Bounds {
        devices_max: 2,
        ..Bounds::FOR_TESTS
    });
    for round in 0..200u8 {
        folded.add(vec![report(round, 100)]);
    }
    assert_eq!(changed(&folded.tracker, 0), [198, 199]);
    assert_eq!(
        folded.tracker.totals(Phy::Wifi),
        PhyTotals {
            devices: 2,
            reports: 200
        }
    );
}

#[test]
fn bounds_of_a_device_keep_the_latest() {
    let mut folded = Folded::new(Bounds {
        ssids_per_device_max: 2,
        sources_per_device_max: 2,
        ..Bounds::FOR_TESTS
    });
    folded.add(vec![
        named(1, 10, "a", ""),
        named(1, 20, "b", ""),
        named(1, 30, "c", ""),
        named(1, 5, "d", ""),
    ]);
    let Radio::Wifi(wifi) = folded.device(1).radio else {
        panic!("not Wi-Fi")
    };
    assert_eq!(
        wifi.ssids
            .iter()
            .map(|record| record.ssid.to_string())
            .collect::<Vec<_>>(),
        ["b", "c"]
    );
    for (from, seconds) in [(2, 100), (3, 110), (4, 1)] {
        folded.apply(from, RECEIVED_AT, vec![report(1, seconds)]);
    }
    let seen: Vec<u32> = folded
        .device(1)
        .seen_by
        .iter()
        .map(|seen| seen.source.get())
        .collect();
    assert_eq!(seen, [2, 3]);
    assert_eq!(folded.device(1).reports, 7);
}

/// Exports ask for a name with which the owner opted out. More than one of them would keep the other networks out.
#[test]
fn of_the_names_that_opt_out_the_newest_stays_in_a_full_list() {
    let reports = [
        named(1, 10, "a_nomap", ""),
        named(1, 20, "b_nomap", ""),
        named(1, 30, "c", ""),
        named(1, 40, "d", ""),
        named(1, 50, "e", ""),
    ];
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]];
    for order in orders {
        let mut folded = Folded::new(Bounds {
            ssids_per_device_max: 3,
            ..Bounds::FOR_TESTS
        });
        for at in order {
            folded.add(vec![reports[at].clone()]);
        }
        let Radio::Wifi(wifi) = folded.device(1).radio else {
            panic!("not Wi-Fi")
        };
        let names: BTreeSet<_> = wifi.ssids.iter().map(|one| one.ssid.to_string()).collect();
        let expected = ["b_nomap", "d", "e"].map(str::to_owned);
        assert_eq!(names, BTreeSet::from(expected), "{order:?}");
    }
}

#[test]
fn a_poll_finds_what_changed_and_nothing_else() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    let at = |seconds: u64| ReceivedAt::from_micros(seconds * 1_000_000);
    for last in 0..100u8 {
        folded.apply(1, at(1000 + u64::from(last)), vec![report(last, 5)]);
    }
    assert_eq!(changed(&folded.tracker, 1098), [98, 99]);
    assert_eq!(changed(&folded.tracker, 1100), [0u8; 0]);
    folded.apply(1, at(1200), vec![report(7, 1)]);
    assert_eq!(changed(&folded.tracker, 1100), [7]);
    assert_eq!(changed(&folded.tracker, 0).len(), 100);
}

#[test]
fn a_poll_goes_on_after_the_device_it_stood_at_changed() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    for last in 0..200u8 {
        folded.add(vec![report(last, 5)]);
    }
    let mut walk = Walk::over_changed(UnixTime::new(0));
    let mut found = std::collections::BTreeSet::new();
    while let Some(devices) = folded.tracker.next_devices(&mut walk, 1, |_| true) {
        for device in devices {
            found.insert(device.id);
            folded.add(vec![report(device.id.addr.octets()[5], 6)]);
        }
    }
    assert_eq!(found.len(), 200);
}

#[test]
fn a_clock_set_back_does_not_hide_changes() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    folded.apply(
        1,
        ReceivedAt::from_micros(5_000_000_000),
        vec![report(1, 5)],
    );
    folded.apply(
        1,
        ReceivedAt::from_micros(1_000_000_000),
        vec![report(2, 5)],
    );
    assert_eq!(changed(&folded.tracker, 5000), [1, 2]);
}

fn any_report() -> impl Strategy<Value = (u128, Report)> {
    let names = prop::sample::select(vec!["", "Home", "Café", "x"]);
    let capabilities = prop::sample::select(vec![
        "",
        "[ESS]",
        "[WPA2-PSK-CCMP][ESS]",
        "[RSN-SAE-CCMP][ESS]",
        "[IBSS]",
        "[WEP]",
    ]);
    let channels = prop::sample::select(vec!["", "1", "6", "36"]);
    let mhz = prop::sample::select(vec![0.0, 2412.0, 2437.0, 5180.0, 5955.0]);
    let place = prop_oneof![
        Just(None),
        (
            -90.0..90.0,
            -180.0..180.0,
            prop::sample::select(vec![0.0, 12.5, -3.0])
        )
            .prop_map(Some)
    ];
    let tag = prop::option::of((prop::sample::select(vec!["a", "b"]), "[a-z]{1,3}"));
    let what = (names, capabilities, channels, mhz, place, tag);
    (1u128..4, 1u8..5, -151i16..0, what).prop_map(
        |(from, last, dbm, (name, text, channel, mhz, place, tag))| {
            let mut report = named(last, 0, name, "");
            if let (Sighting::Wifi(wifi), false) = (&mut report.sighting, text.is_empty()) {
                wifi.capabilities = Some(Capabilities::from(text));
            }
            report.signal = Dbm::from_wire(f64::from(dbm));
            report.channel = Channel::from_wire(channel).unwrap();
            report.frequency = Frequency::from_wire(mhz * 1000.0).unwrap();
            report.position = place.and_then(|(lat, lon, alt)| {
                Position::from_wire(Some(lat), Some(lon), Some(alt), Some(5.0)).unwrap()
            });
            report.tags = tag
                .into_iter()
                .map(|(name, value)| Tag {
                    name: name.into(),
                    value: value.into(),
                })
                .collect();
            (from, report)
        },
    )
}

/// Reports at times of their own: ties go by the order in the log, which is what changes here.
fn reports_of_different_times() -> impl Strategy<Value = Vec<(u128, Report)>> {
    let times = prop::collection::btree_set(1_700_000_000u32..1_700_100_000, 1..60);
    let times = times.prop_map(|times| times.into_iter().collect::<Vec<_>>());
    times.prop_flat_map(|times| {
        prop::collection::vec(any_report(), times.len()).prop_map(move |reports| {
            reports
                .into_iter()
                .zip(&times)
                .map(|((from, report), &seconds)| {
                    (
                        from,
                        Report {
                            time: UnixTime::new(seconds),
                            ..report
                        },
                    )
                })
                .collect()
        })
    })
}

/// The state after `reports` in batches of at most `cut`.
fn folded(reports: &[(u128, Report)], cut: usize) -> BTreeMap<String, Json> {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    // Sources are numbered by first contact, so they meet in the same order.
    for from in 1..4 {
        folded.apply(from, RECEIVED_AT, Vec::new());
    }
    for run in reports.chunk_by(|(one, _), (other, _)| one == other) {
        for batch in run.chunks(cut) {
            folded.apply(
                batch[0].0,
                RECEIVED_AT,
                batch.iter().map(|(_, report)| report.clone()).collect(),
            );
        }
    }
    folded.shown()
}

#[test]
fn a_scanner_older_than_wpa3_hides_nothing_of_it() {
    let newer = named(
        1,
        100,
        "Home",
        "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]",
    );
    let older = named(1, 200, "Home", "[WPA2-PSK-CCMP][ESS]");
    let changed = named(1, 300, "Home", "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]");
    let class = |reports: &[&Report]| {
        let mut folded = Folded::new(Bounds::FOR_TESTS);
        for report in reports {
            folded.add(vec![(*report).clone()]);
        }
        folded.device(1).security().unwrap().class().as_str()
    };
    assert_eq!(class(&[&newer, &older]), "wpa2-wpa3-personal");
    assert_eq!(class(&[&older, &newer]), "wpa2-wpa3-personal");
    assert_eq!(class(&[&newer, &older, &changed]), "wpa2-personal");
}

proptest! {
    #[test]
    fn any_order_and_any_cut_into_batches_give_the_same_devices(
        (sorted, shuffled) in reports_of_different_times().prop_flat_map(|reports| (Just(reports.clone()), Just(reports).prop_shuffle())),
        cut in 1usize..20,
    ) {
        prop_assert_eq!(folded(&sorted, 1), folded(&shuffled, cut));
    }
}

/// An image as it would be kept.
type Kept = (ImageHead, Vec<(ChangeNumber, Device)>);

/// All that can be seen of a tracker, with the devices of each shard in the order of change, and what counts as memory.
fn seen(tracker: &Tracker) -> String {
    format!(
        "{:#?}\n{:#?}\n{:?}\n{}",
        walk(tracker, Walk::over_changed(UnixTime::new(0))),
        tracker.sources(),
        Phy::ALL.map(|phy| tracker.totals(phy)),
        tracker.held_bytes(&lock(&tracker.clock)),
    )
}

/// A tracker made from images, as a start makes it.
fn restored(images: &[Kept], bounds: Bounds) -> Tracker {
    let tracker = Tracker::new(bounds);
    for (head, devices) in images {
        tracker.restore_head(head.clone());
        tracker.restore_devices(devices.clone());
    }
    tracker.restored();
    tracker
}

/// A tracker that applied the log up to a position.
fn folded_up_to(log: &Log, position: LogPosition, bounds: Bounds) -> Tracker {
    let tracker = Tracker::new(bounds);
    log.replay(LogPosition::START, |entry| {
        if entry.position <= position {
            tracker.apply(&entry);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    tracker
}

#[derive(Clone, Debug)]
enum Step {
    Apply {
        from: u8,
        devices: Vec<u8>,
        after_s: u64,
    },
    Begin {
        of_everything: bool,
    },
    CopySome,
    Keep,
    GiveUp,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..4, prop::collection::vec(0u8..40, 0..6), 0u64..4)
            .prop_map(|(from, devices, after_s)| Step::Apply { from, devices, after_s }),
        2 => prop::bool::weighted(0.2).prop_map(|of_everything| Step::Begin { of_everything }),
        2 => Just(Step::CopySome),
        2 => Just(Step::Keep),
        1 => Just(Step::GiveUp),
    ]
}

proptest! {
    #[test]
    fn images_taken_while_reports_come_in_are_exact(steps in prop::collection::vec(any_step(), 1..60)) {
        let bounds = Bounds {
            devices_max: 20,
            memory_bytes_max: 12_000,
            device_timeout: Duration::from_secs(12),
            ..Bounds::FOR_TESTS
        };
        let mut log = Log::in_memory(usize::MAX);
        let tracker = Tracker::new(bounds);
        let mut now = RECEIVED_AT;
        let mut image = None;
        let mut copied = Vec::new();
        let mut kept: Vec<Kept> = Vec::new();
        for step in steps {
            match step {
                Step::Apply { from, devices, after_s } => {
                    now = ReceivedAt::from_micros(now.micros() + after_s * 1_000_000);
                    let batch = Batch {
                        source: source(u128::from(from)),
                        source_name: None,
                        technology: None,
                        identity: None,
                        reports: devices.into_iter().map(|last| tagged(last, 1_700_000_000 + u32::from(last), from)).collect(),
                        rejected: Vec::new(),
                    };
                    let record = Record::new(log.node(), now, What::Reports(batch));
                    tracker.apply(&log.append(vec![record]).unwrap()[0]);
                }
                Step::Begin { of_everything } if image.is_none() => {
                    image = tracker.image(of_everything);
                    copied = Vec::new();
                }
                Step::CopySome => copied.extend(image.as_mut().and_then(Image::next_devices).unwrap_or_default()),
                Step::Keep => {
                    let Some(mut image) = image.take() else { continue };
                    copied.extend(std::iter::from_fn(|| image.next_devices()).flatten());
                    if image.head().is_whole {
                        kept.clear();
                    }
                    kept.push((image.head().clone(), std::mem::take(&mut copied)));
                    image.keep();
                }
                Step::GiveUp => image = None,
                Step::Begin { .. } => {}
            }
        }
        drop(image);
        let Some((head, _)) = kept.last() else { return Ok(()) };
        let position = head.position;
        let again = restored(&kept, bounds);
        prop_assert_eq!(seen(&again), seen(&folded_up_to(&log, position, bounds)));
        // And it goes on from there as if nothing had happened.
        log.replay(position, |entry| {
            again.apply(&entry);
            ControlFlow::Continue(())
        })
        .unwrap();
        prop_assert_eq!(seen(&again), seen(&tracker));
    }
}

#[test]
fn an_image_has_what_changed_and_nothing_else() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    folded.add((0..50).map(|last| report(last, 100)).collect());
    let whole = folded.tracker.image(false).unwrap();
    assert!(whole.head().is_whole);
    whole.keep();
    folded.add(vec![report(7, 101)]);
    let mut changed = folded.tracker.image(false).unwrap();
    assert!(!changed.head().is_whole);
    let devices: Vec<_> = std::iter::from_fn(|| changed.next_devices())
        .flatten()
        .collect();
    assert_eq!(devices.len(), 1);
    assert!(folded.tracker.image(false).is_none(), "one at a time");
    changed.keep();
    assert!(!folded.tracker.changed_since_image());
}

#[test]
fn a_device_that_nobody_reports_goes_by_the_time_of_the_log() {
    let timeout = Duration::from_secs(60);
    let mut folded = Folded::new(Bounds {
        device_timeout: timeout,
        ..Bounds::FOR_TESTS
    });
    let at = |seconds: u64| ReceivedAt::from_micros(RECEIVED_AT.micros() + seconds * 1_000_000);
    folded.apply(1, at(0), vec![report(1, 100), report(2, 100)]);
    folded.apply(1, at(60), vec![report(2, 100)]);
    assert_eq!(folded.tracker.device_count(), 2);
    // A report that came late counts as one; only its arrival matters.
    folded.apply(1, at(61), vec![report(3, 1)]);
    assert_eq!(folded.tracker.device_count(), 2);
    assert!(folded.tracker.device(device_id(1)).is_none());
    // A clock that was set back lets nothing go and nothing come back.
    folded.apply(1, at(10), vec![report(4, 100)]);
    assert_eq!(folded.tracker.device_count(), 3);
}
