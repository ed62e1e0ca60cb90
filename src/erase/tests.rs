//! Erasure from logs whose oldest reports have expired, so that only the snapshots have them.

use std::path::Path;

use tempfile::TempDir;

use super::{EraseOrder, erase};
use crate::ingest::kismet;
use crate::log::{Expiry, Log, LogPosition, Record, What};
use crate::report::{DeviceId, MacAddr, Phy, ReceivedAt, UnixTime};
use crate::snapshot::{LogRange, Snapshots};
use crate::tracker::{Bounds, Tracker};

const TARGET: &str = "A4:1B:22:33:44:55";
const OTHER: &str = "02:00:00:00:00:02";
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
        let reports = [TARGET, OTHER].map(|address| {
            format!(
                r#"{{"timestamp": {}, "bssid": "{address}", "ssid": "net", "lat": 48.2, "lon": 16.4}}"#,
                1_600_000_000 + number
            )
        });
        let json = format!(
            r#"{{"source_uuid": "44444444-0000-0000-0000-00000000000a", "reports": [{}]}}"#,
            reports.join(",")
        );
        let at = ReceivedAt::from_micros(number);
        let batch = kismet::batch(
            Phy::Wifi,
            &json,
            ReceivedAt::from_micros(1_700_000_000_000_000),
        );
        let record = Record::new(log.node(), at, What::Reports(batch));
        for entry in log.append(vec![record]).unwrap() {
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
    assert_eq!(log.expired_to().unwrap().get(), BATCHES / 2);
    data
}

fn open_snapshots(data: &Path, log: &Log) -> Snapshots {
    let range = LogRange {
        deleted_to: log.expired_to().unwrap(),
        end: log.last(),
    };
    Snapshots::open(data, log.server_uuid(), range).unwrap()
}

/// The numbers of reports of both devices after a start, of the target and of the other one.
fn counts(data: &Path) -> (Option<u64>, Option<u64>) {
    let log = Log::in_directory(data).unwrap();
    let tracker = tracker();
    let mut snapshots = open_snapshots(data, &log);
    let from = snapshots.restore(&tracker, || true).unwrap().unwrap();
    log.replay(from, |entry| {
        tracker.apply(&entry);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let of = |address: &str| {
        let addr: MacAddr = address.parse().unwrap();
        let device = tracker.device(DeviceId {
            phy: Phy::Wifi,
            addr,
        });
        device.map(|device| device.reports)
    };
    (of(TARGET), of(OTHER))
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
    let log = Log::in_directory(data.path()).unwrap();
    let source = order.source.unwrap();
    assert!(!log.knows_source(source).unwrap());
    // The next record gets the next position all the same.
    assert_eq!(log.last().get(), BATCHES);
}
