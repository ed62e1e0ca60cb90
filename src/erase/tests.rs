//! Erasure from logs whose oldest reports have expired, so that only the snapshots have them.

use std::path::Path;

use tempfile::TempDir;

use super::{EraseArea, EraseError, EraseOrder, check, erase};
use crate::ingest::kismet;
use crate::log::{Expiry, Log, LogPosition, Record, SourceForget, What};
use crate::report::{Annotation, DeviceId, Phy, ReceivedAt, Remark, SourceId, UnixTime};
use crate::snapshot::{LogRange, Snapshots};
use crate::tracker::{Bounds, Tracker};

const TARGET: &str = "A4:1B:22:33:44:55";
const OTHER: &str = "02:00:00:00:00:02";
/// Seen once, in what expires.
const ONCE: &str = "02:00:00:00:00:03";
const SOURCE: &str = "44444444-0000-0000-0000-00000000000a";
const NAME: &str = "my name for it";
/// The batches. The first half expires.
const BATCHES: u64 = 10;

fn tracker() -> Tracker {
    Tracker::new(Bounds::FOR_TESTS)
}

/// A data directory with a batch of both devices each second, of which the first half is in snapshots only.
fn data() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(data.path()).unwrap();
    log.skip_syncs();
    let tracker = tracker();
    let mut snapshots = open_snapshots(data.path(), &log);
    for number in 1..=BATCHES {
        let seen = |address: &str| {
            format!(
                r#"{{"timestamp": {}, "bssid": "{address}", "ssid": "net", "lat": 48.2, "lon": 16.4}}"#,
                1_600_000_000 + number
            )
        };
        let mut reports = vec![seen(TARGET), seen(OTHER)];
        reports.extend((number == 1).then(|| seen(ONCE)));
        let json = format!(
            r#"{{"source_uuid": "{SOURCE}", "reports": [{}]}}"#,
            reports.join(",")
        );
        let at = ReceivedAt::from_micros(number);
        let batch = kismet::batch(
            Phy::Wifi,
            &json,
            ReceivedAt::from_micros(1_700_000_000_000_000),
        );
        let mut records = vec![Record::new(log.node(), at, What::Reports(batch))];
        if number == 1 {
            let named = Annotation {
                device: id_of(TARGET),
                remark: Remark::Name(NAME.into()),
            };
            records.push(Record::new(log.node(), at, What::Annotation(named)));
        }
        for entry in log.append(records).unwrap() {
            tracker.apply(&entry);
        }
        if number == BATCHES / 2 || number == BATCHES / 2 + 1 {
            snapshots.take(&tracker, true, |_| true).unwrap();
        }
    }
    let expiry = Expiry {
        received_before: ReceivedAt::from_micros(BATCHES / 2 + 1),
        by_source: Vec::new(),
        size_max_bytes: u64::MAX,
        observations_min: 0,
        up_to: snapshots.safe_position(),
        remembered_from: LogPosition::new(u64::MAX),
        is_trial: false,
    };
    while !log.expire(&expiry).unwrap().is_done {}
    // The name counts too.
    assert_eq!(log.expired_to().unwrap().get(), BATCHES / 2 + 1);
    data
}

fn open_snapshots(data: &Path, log: &Log) -> Snapshots {
    let range = LogRange {
        deleted_to: log.deleted_to().unwrap(),
        end: log.last(),
    };
    Snapshots::open(data, log.server_uuid(), range).unwrap()
}

fn id_of(address: &str) -> DeviceId {
    DeviceId {
        phy: Phy::Wifi,
        addr: address.parse().unwrap(),
    }
}

/// The numbers of reports of both devices after a start, of the target and of the other one.
fn counts(data: &Path) -> (Option<u64>, Option<u64>) {
    let tracker = restarted(data);
    let of = |address: &str| Some(tracker.device(id_of(address))?.reports);
    (of(TARGET), of(OTHER))
}

/// What a start has.
fn restarted(data: &Path) -> Tracker {
    let log = Log::in_directory(data).unwrap();
    let tracker = tracker();
    let mut snapshots = open_snapshots(data, &log);
    let from = snapshots.restore(&tracker, || true).unwrap().unwrap();
    log.replay(from, |entry| {
        tracker.apply(&entry);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    tracker
}

fn seen_once(data: &Path) -> bool {
    restarted(data).device(id_of(ONCE)).is_some()
}

#[test]
fn a_device_goes_from_the_snapshots_and_the_others_keep_what_has_expired() {
    let data = data();
    assert_eq!(counts(data.path()), (Some(BATCHES), Some(BATCHES)));
    let order = EraseOrder {
        address: Some(TARGET.parse().unwrap()),
        ..EraseOrder::default()
    };
    let erased = erase(data.path(), &order, tracker).unwrap();
    assert_eq!((erased.observations, erased.devices), (BATCHES / 2, 1));
    assert_eq!(counts(data.path()), (None, Some(BATCHES)));
    let octets = [0xa4, 0x1b, 0x22, 0x33, 0x44, 0x55];
    for file in std::fs::read_dir(data.path().join("snapshots")).unwrap() {
        let path = file.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        assert!(
            !content.windows(6).any(|window| window == octets),
            "{path:?}"
        );
    }
    // Once more changes nothing.
    let again = erase(data.path(), &order, tracker).unwrap();
    assert_eq!(again.observations, 0);
    assert_eq!(counts(data.path()), (None, Some(BATCHES)));
}

#[test]
fn a_device_that_loses_a_part_is_made_again_of_what_the_log_has() {
    let data = data();
    let order = EraseOrder {
        address: Some(TARGET.parse().unwrap()),
        since: Some(UnixTime::new(
            1_600_000_000 + u32::try_from(BATCHES).unwrap(),
        )),
        ..EraseOrder::default()
    };
    erase(data.path(), &order, tracker).unwrap();
    assert_eq!(counts(data.path()), (Some(BATCHES / 2 - 1), Some(BATCHES)));
    // What a person said of it stays, although the log does not have it any more.
    let device = restarted(data.path()).device(id_of(TARGET)).unwrap();
    assert_eq!(device.given_name.as_deref(), Some(NAME));
}

fn place_of_source(data: &Path) -> Option<(i32, i32)> {
    let source = restarted(data).source(SOURCE.parse().unwrap()).unwrap();
    let place = source.place?.value;
    Some((place.lat_e7(), place.lon_e7()))
}

#[test]
fn the_last_place_of_a_scanner_goes_with_the_area() {
    let data = data();
    let area = |lon| EraseOrder {
        area: Some(EraseArea::new(48.2, lon, 1000.0)),
        ..EraseOrder::default()
    };
    erase(data.path(), &area(17.0), tracker).unwrap();
    assert!(place_of_source(data.path()).is_some() && seen_once(data.path()));
    erase(data.path(), &area(16.4), tracker).unwrap();
    assert_eq!(place_of_source(data.path()), None);
    assert_eq!(counts(data.path()), (None, None));
    assert!(!seen_once(data.path()));
}

#[test]
fn a_source_that_was_forgotten_before_takes_its_devices_with_it() {
    let data = data();
    let source: SourceId = SOURCE.parse().unwrap();
    {
        let tracker = restarted(data.path());
        let mut log = Log::in_directory(data.path()).unwrap();
        let what = What::SourceForget(SourceForget { source });
        let at = ReceivedAt::from_micros(BATCHES + 1);
        let record = Record::new(log.node(), at, what);
        for entry in log.append(vec![record]).unwrap() {
            tracker.apply(&entry);
        }
        let mut snapshots = open_snapshots(data.path(), &log);
        for _ in 0..2 {
            snapshots.take(&tracker, true, |_| true).unwrap();
        }
    }
    assert!(seen_once(data.path()));
    let order = EraseOrder {
        source: Some(source),
        ..EraseOrder::default()
    };
    erase(data.path(), &order, tracker).unwrap();
    assert_eq!(counts(data.path()), (None, None));
    assert!(!seen_once(data.path()));
}

#[test]
fn a_source_goes_with_what_it_alone_has_seen() {
    let data = data();
    let order = EraseOrder {
        source: Some("44444444-0000-0000-0000-00000000000a".parse().unwrap()),
        ..EraseOrder::default()
    };
    let erased = erase(data.path(), &order, tracker).unwrap();
    assert_eq!((erased.observations, erased.devices), (BATCHES, 2));
    assert_eq!(counts(data.path()), (None, None));
    assert!(!seen_once(data.path()));
    let log = Log::in_directory(data.path()).unwrap();
    let source = order.source.unwrap();
    assert!(!log.knows_source(source).unwrap());
    // The next record gets the next position all the same.
    assert_eq!(log.last().get(), BATCHES + 1);
}

#[test]
fn an_order_names_what_can_be_there() {
    let of = |address: &str| EraseOrder {
        address: Some(address.parse().unwrap()),
        ..EraseOrder::default()
    };
    for nobody in ["FF:FF:FF:FF:FF:FF", "00:00:00:00:00:00"] {
        assert!(matches!(check(&of(nobody)), Err(EraseError::NoDevice(_))));
    }
    let time = |since: u32, until: u32| EraseOrder {
        since: Some(UnixTime::new(since)),
        until: Some(UnixTime::new(until)),
        ..of(TARGET)
    };
    assert!(matches!(check(&time(6, 5)), Err(EraseError::NoTime)));
    assert!(check(&time(5, 5)).is_ok() && check(&of(TARGET)).is_ok());
}
