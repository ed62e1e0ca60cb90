//! Counts of devices: kept current, by a walk, and by hand.

use super::*;
use crate::log::SourceForget;
use crate::report::capabilities::Security;
use crate::report::{Annotation, ChannelWidth, Manufacturer, Remark};

/// What happens to a tracker.
#[derive(Clone, Debug)]
enum Happening {
    Reports {
        from: u128,
        after_s: u64,
        reports: Vec<Report>,
    },
    Tag(u8),
    Forget(u128),
    Restart,
}

/// Addresses of one block, of a divided block, and of nobody.
fn some_addr(number: u8) -> MacAddr {
    let [a, b, c, d] = match number % 4 {
        0 => [0xb8, 0x27, 0xeb, number],
        1 => [0x8c, 0x1f, 0x64, 0xaf],
        2 => [0xc0, 0xff, 0xee, 0],
        _ => [0x02, 0, 0, 0],
    };
    MacAddr::new([a, b, c, d, 0xa0, number])
}

fn report_of(number: u8, seconds: u32, width: Option<ChannelWidth>, report: Report) -> Report {
    let mut report = Report {
        time: UnixTime::new(seconds),
        ..report
    };
    if let Sighting::Wifi(wifi) = &mut report.sighting {
        wifi.bssid = Bssid::try_from(some_addr(number)).unwrap();
        wifi.width = width;
    }
    report
}

fn any_happening() -> impl Strategy<Value = Happening> {
    // Many are late: earlier than what is known of their device.
    let width = prop::sample::select(vec![
        None,
        Some(ChannelWidth::Mhz20),
        Some(ChannelWidth::Mhz80),
    ]);
    let report = (
        0u8..12,
        1_700_000_000u32..1_700_200_000,
        width,
        any_report(),
    )
        .prop_map(|(number, seconds, width, (_, report))| {
            report_of(number, seconds, width, report)
        });
    prop_oneof![
        6 => (1u128..4, 0u64..30, prop::collection::vec(report, 0..6))
            .prop_map(|(from, after_s, reports)| Happening::Reports { from, after_s, reports }),
        1 => (0u8..12).prop_map(Happening::Tag),
        1 => (1u128..4).prop_map(Happening::Forget),
        1 => Just(Happening::Restart),
    ]
}

/// The counts by hand, as texts.
fn by_hand(tracker: &Tracker, times: SummaryTimes) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for device in walk(tracker, Walk::over_all()) {
        let tuning = device.tuning();
        let class = device.security().map(Security::class);
        let first = device.first_time.seconds();
        let mut keys = vec![
            "devices".to_owned(),
            format!("security {class:?}"),
            format!("band {:?}", tuning.band()),
            format!("channel {:?}", tuning.channel),
            format!("width {:?}", device.width()),
            format!("manufacturer {:?}", Manufacturer::of(device.id.addr)),
            format!("day {}", first / 86_400 * 86_400),
        ];
        if device.place.is_some() {
            keys.push("with_position".to_owned());
        }
        if times.hours_since.seconds() <= first {
            keys.push(format!("hour {}", first / 3600 * 3600));
        }
        let since = times.new_since.unwrap().seconds() / 60 * 60;
        if since <= first {
            keys.push("new".to_owned());
        }
        for seen in &device.seen_by {
            if let Some(source) = tracker.source_by_number(seen.source) {
                keys.push(format!("source {}", source.id));
            }
        }
        for key in keys {
            *counts.entry(key).or_default() += 1;
        }
    }
    counts
}

/// A summary as the same texts.
fn told(summary: Summary) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut put = |key: String, count: u64| {
        if 0 < count {
            counts.insert(key, count);
        }
    };
    put("devices".to_owned(), summary.devices);
    put("with_position".to_owned(), summary.with_position);
    put("new".to_owned(), summary.new_since.unwrap());
    for (key, count) in summary.security {
        put(format!("security {key:?}"), count);
    }
    for (key, count) in summary.bands {
        put(format!("band {key:?}"), count);
    }
    for (key, count) in summary.channels {
        put(format!("channel {key:?}"), count);
    }
    for (key, count) in summary.widths {
        put(format!("width {key:?}"), count);
    }
    for (key, count) in summary.manufacturers {
        put(format!("manufacturer {key:?}"), count);
    }
    for (start, count) in summary.days {
        put(format!("day {}", start.seconds()), count);
    }
    for (start, count) in summary.hours {
        put(format!("hour {}", start.seconds()), count);
    }
    for (id, count) in summary.sources {
        put(format!("source {id}"), count);
    }
    counts
}

fn by_walk(tracker: &Tracker) -> Sums {
    let mut sums = Sums::default();
    for device in walk(tracker, Walk::over_all()) {
        sums.add(&device);
    }
    sums
}

proptest! {
    #[test]
    fn counts_that_are_kept_are_those_of_a_walk(
        happenings in prop::collection::vec(any_happening(), 1..40),
        hour in 472_222u32..472_280,
        new_since in 1_700_000_000u32..1_700_200_000,
    ) {
        let bounds = Bounds {
            devices_max: 8,
            ssids_per_device_max: 2,
            device_timeout: Duration::from_secs(60),
            ..Bounds::FOR_TESTS
        };
        let times = SummaryTimes {
            hours_since: UnixTime::new(hour * 3600),
            new_since: Some(UnixTime::new(new_since)),
        };
        let mut log = Log::in_memory(usize::MAX);
        let mut tracker = Tracker::new(bounds);
        let mut now = RECEIVED_AT;
        for happening in happenings {
            let what = match happening {
                Happening::Reports { from, after_s, reports } => {
                    now = now.after(Duration::from_secs(after_s));
                    What::Reports(Batch {
                        source: source(from),
                        source_name: None,
                        technology: None,
                        identity: None,
                        reports,
                        rejected: Vec::new(),
                    })
                }
                Happening::Tag(number) => What::Annotation(Annotation {
                    device: DeviceId { phy: Phy::Wifi, addr: some_addr(number) },
                    remark: Remark::Name("mine".into()),
                }),
                Happening::Forget(from) => What::SourceForget(SourceForget { source: source(from) }),
                Happening::Restart => {
                    let mut image = tracker.image(true).unwrap();
                    let devices = std::iter::from_fn(|| image.next_devices()).flatten().collect();
                    let kept = (image.head().clone(), devices);
                    drop(image);
                    tracker = restored(&[kept], bounds);
                    continue;
                }
            };
            let record = Record::new(log.node(), now, what);
            tracker.apply(&log.append(vec![record]).unwrap()[0]);
            let expected = by_hand(&tracker, times);
            prop_assert_eq!(&told(tracker.summary(times)), &expected);
            prop_assert_eq!(&told(by_walk(&tracker).summary(&tracker, times)), &expected);
            prop_assert_eq!(by_walk(&tracker).counts(), lock(&tracker.counts).clone());
        }
        tracker.clear();
        prop_assert_eq!(tracker.summary(times).devices, 0);
    }
}
