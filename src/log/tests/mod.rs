//! The contract that every backend keeps, then the features of the file.

mod encoding;
#[cfg(unix)]
mod history;
mod reader;
mod retention;

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use rusqlite::config::DbConfig;

use super::*;
use crate::ingest::kismet;
use crate::report::{Accuracy, Annotation, Batch, DeviceId, Phy, Remark, SourceId, Tag};

const BEGIN: u64 = 1_700_000_000_000_000;

/// A time of receipt, in microseconds after that of the first batch.
fn record(number: u64, batch: Batch) -> Record {
    let at = ReceivedAt::from_micros(BEGIN + number);
    Record::new(Uuid::nil(), at, What::Reports(batch))
}

fn wifi(number: u64) -> Record {
    record(number, wifi_batch(number))
}

fn bluetooth() -> Record {
    record(0, bluetooth_batch())
}

/// A Wi-Fi batch with every field that a report can have, and with refused reports.
fn wifi_batch(number: u64) -> Batch {
    let json = format!(
        r#"{{"source_uuid": "44444444-0000-0000-0000-00000000000{}", "source_name": "phone {number}", "reports": [
            {{"timestamp": {}, "bssid": "00:11:22:33:44:55", "ssid": "Café", "capabilities": "[WPA2-PSK-CCMP][ESS]",
              "channel": "6", "freqkhz": 2437000, "signal": -61, "lat": -40.7128, "lon": -179.9, "alt": -12.5,
              "speed": 1.5, "tags": {{"b": "2", "a": "1"}}, "chanwidth": "80+80", "centerfreq0": 5210,
              "centerfreq1": 5690, "ietags": "00"}},
            {{"timestamp": 1700000001, "bssid": "zz"}},
            {{"timestamp": 1700000001, "bssid": "fe:ff:ff:ff:ff:ff", "ssid": "a\xffb"}}
        ]}}"#,
        number % 3,
        1_700_000_000 + number,
    );
    kismet::batch(Phy::Wifi, &json, ReceivedAt::from_micros(BEGIN + number))
}

fn bluetooth_batch() -> Batch {
    let json = r#"{"source_uuid": "44444444-0000-0000-0000-000000000001", "source_name": null, "reports": [
        {"timestamp": 1700000000, "btaddr": "01:FF:EE:00:00:01", "name": "Headset", "devicetype": "BR/EDR",
         "txpowerlevel": 4, "pathloss": -60, "scan_data": "0201060aff4c001005", "service_data": {"180f": "64"}}]}"#;
    kismet::batch(Phy::Bluetooth, json, ReceivedAt::from_micros(BEGIN))
}

/// One of each kind of record, besides those that other tests have.
fn of_every_kind() -> Vec<Record> {
    let addr: MacAddr = "00:11:22:33:44:55".parse().unwrap();
    let source = SourceId::new(Uuid::from_u128(7));
    let device = DeviceId {
        phy: Phy::Bluetooth,
        addr,
    };
    let tag = Tag {
        name: "a".into(),
        value: "\"é\"".into(),
    };
    let rate = AlertRate {
        count: 10,
        seconds: 60,
    };
    let kinds = [
        What::Annotation(Annotation {
            device,
            remark: Remark::Tag(tag),
        }),
        What::AlertOrder(AlertOrder::Define(AlertKind {
            header: "MINE".into(),
            class: "OTHER".into(),
            severity: "high".into(),
            description: "what I look for".into(),
            phy: Some(Phy::Wifi),
            rate,
            burst: rate,
        })),
        What::AlertOrder(AlertOrder::Watch(WatchOrder {
            found: true,
            lost: false,
            masks: vec![
                addr.into(),
                "02:00:00:00:00:00/FF:00:00:00:00:00".parse().unwrap(),
            ],
            is_watched: true,
        })),
        What::AlertOrder(AlertOrder::Raise(Box::new(HandRaised {
            id: "1".into(),
            header: "MINE".into(),
            text: "here".into(),
            seen: Some(UnixTime::new(1_700_000_000)),
            device: Some(device),
            scanner: None,
            addresses: [addr; 4],
            channel: None,
        }))),
        What::AlertOrder(AlertOrder::Note(Box::new(AlertNote {
            alert: "1".into(),
            by: Some("admin".into()),
            acknowledged: Some(true),
            comment: Some("\"é\"".into()),
        }))),
        What::SourcePause(SourcePause {
            source,
            state: SourceState::Paused,
        }),
        What::Import(Import {
            file: "drive.csv".into(),
            format: "wigle".into(),
            reports: 5,
        }),
        What::Settings(Settings(BTreeMap::from([("a".into(), "1".into())]))),
        What::Tick,
        What::Erasure(Erasure::Source(source)),
        What::ImportedReports(ImportedReports {
            file: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            batch: Batch {
                identity: None,
                ..bluetooth_batch()
            },
        }),
        What::SourceForget(SourceForget { source }),
        What::SourceName(SourceName {
            source,
            name: "\"é\"".into(),
        }),
    ];
    let at = ReceivedAt::from_micros(BEGIN);
    let mut records = kinds.map(|what| Record::new(Uuid::nil(), at, what));
    records[0].origin = Some(Origin {
        node: Uuid::from_u128(8),
        position: LogPosition(9),
    });
    records.into()
}

/// A batch as an upload makes it: of both radio technologies, and with accuracies of positions.
fn mixed() -> Record {
    let mut batch = wifi_batch(1);
    batch.reports.extend(bluetooth_batch().reports);
    batch.reports[0].accuracy = Accuracy::from_mm(4250);
    record(1, batch)
}

#[test]
fn identities_are_given_once() {
    let many: HashSet<_> = (0..1000).map(|_| RecordId::random()).collect();
    assert_eq!(many.len(), 1000);
}

fn replayed(log: &Log, after: LogPosition) -> Vec<Entry> {
    let mut entries = Vec::new();
    log.replay(after, |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    entries
}

/// Checks the contract of every backend.
fn contract(log: &mut Log) {
    assert_eq!(log.last(), LogPosition::START);
    assert!(log.append(Vec::new()).unwrap().is_empty());

    let first = log.append(vec![wifi(1), bluetooth(), wifi(2)]).unwrap();
    let empty = Batch {
        reports: Vec::new(),
        identity: None,
        ..wifi_batch(3)
    };
    let second = log.append(vec![record(3, empty), wifi(4)]).unwrap();
    let all = [first, second].concat();
    let positions: Vec<_> = all.iter().map(|entry| entry.position.get()).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    assert_eq!(log.last().get(), 5);

    // Replay returns what was appended, from the start and from any position.
    assert_eq!(replayed(log, LogPosition::START), all);
    for entry in &all {
        let place = usize::try_from(entry.position.get()).unwrap();
        let behind = replayed(log, entry.position);
        assert_eq!(behind, all[place..]);
    }

    let other = log.append(of_every_kind()).unwrap();
    assert_eq!(replayed(log, all[4].position), other);
    let mixed = log.append(vec![mixed()]).unwrap();
    let last = other.last().unwrap().position;
    assert_eq!(replayed(log, last), mixed);
    let contacts = log.contacts(last, 2).unwrap();
    assert_eq!(contacts.len(), 2, "only reports are contacts");
    let receipt = log.receipt(last).unwrap().unwrap();
    assert_eq!((receipt.accepted, receipt.rejected.len()), (0, 0));

    let Resendable { clock, batches } = log.resendable(4).unwrap();
    let positions: Vec<_> = batches.iter().map(|seen| seen.position.get()).collect();
    assert_eq!(positions, [2, 3, 5, 19]);
    assert_eq!(Some(batches[2].identity), wifi_batch(4).identity);
    let clocks = all.iter().map(|entry| entry.record.at);
    assert_eq!(clock, clocks.max().unwrap());

    let receipt = log.receipt(all[0].position).unwrap().unwrap();
    assert_eq!(receipt.accepted, 2);
    assert_eq!(receipt.rejected, wifi_batch(1).rejected);
    assert_eq!(receipt.rejected.len(), 1);
    assert_eq!(log.receipt(mixed[0].position.next()).unwrap(), None);
}

#[test]
fn the_log_in_memory_keeps_the_contract() {
    contract(&mut Log::in_memory(usize::MAX));
}

#[test]
fn the_log_on_disk_keeps_the_contract_and_is_the_same_when_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    contract(&mut log);
    let (before, server) = (replayed(&log, LogPosition::START), log.server_uuid());
    drop(log);

    let mut log = Log::in_directory(directory.path()).unwrap();
    assert_eq!(replayed(&log, LogPosition::START), before);
    assert_eq!(log.server_uuid(), server);
    assert_eq!(log.append(vec![wifi(9)]).unwrap()[0].position.get(), 20);
}

/// Expires until there is nothing left to do.
fn expire(log: &mut Log, received_before: u64, up_to: u64, remembered_from: u64) -> Expired {
    let expiry = Expiry {
        received_before: ReceivedAt::from_micros(1_700_000_000_000_000 + received_before),
        by_source: Vec::new(),
        size_max_bytes: u64::MAX,
        observations_min: 0,
        up_to: LogPosition(up_to),
        remembered_from: LogPosition(remembered_from),
        is_trial: false,
    };
    loop {
        let expired = log.expire(&expiry).unwrap();
        if expired.is_done {
            return expired;
        }
    }
}

/// Checks the contract of every backend when reports expire.
fn expiry(log: &mut Log) {
    let all = log.append((1..=6).map(wifi).collect()).unwrap();
    assert_eq!(log.expired_to().unwrap(), LogPosition::START);
    let expired = expire(log, 1, 6, 1);
    assert_eq!((expired.to.get(), expired.is_blocked), (0, false));
    // The third and later ones are in no finished snapshot.
    let expired = expire(log, 5, 2, 1);
    assert_eq!((expired.to.get(), expired.is_blocked), (2, true));
    assert_eq!(replayed(log, LogPosition::START), all[2..]);
    let expired = expire(log, 5, 6, 1);
    assert_eq!((expired.to.get(), expired.is_blocked), (4, false));
    assert_eq!(log.expired_to().unwrap().get(), 4);
    assert_eq!(replayed(log, LogPosition::START), all[4..]);
    assert_eq!(replayed(log, all[4].position), all[5..]);
    // Each batch has two reports. A trial deletes nothing, and the newest reports stay however old they are.
    let newest_stay = |observations_min, is_trial| Expiry {
        received_before: ReceivedAt::from_micros(BEGIN + 100),
        by_source: Vec::new(),
        size_max_bytes: u64::MAX,
        observations_min,
        up_to: LogPosition(100),
        remembered_from: LogPosition(1),
        is_trial,
    };
    for (observations_min, to) in [(4, 4), (3, 4), (2, 5)] {
        let expired = log.expire(&newest_stay(observations_min, true)).unwrap();
        assert_eq!(expired.to.get(), to, "{observations_min}");
    }
    assert_eq!(replayed(log, LogPosition::START), all[4..]);
    while !log.expire(&newest_stay(2, false)).unwrap().is_done {}
    assert_eq!(replayed(log, LogPosition::START), all[5..]);
    // All of them may be deleted, and no position is used twice.
    expire(log, 100, 100, 100);
    assert_eq!(replayed(log, LogPosition::START), []);
    assert_eq!(log.append(vec![wifi(7)]).unwrap()[0].position.get(), 7);
}

#[test]
fn old_reports_expire_from_the_log_in_memory() {
    expiry(&mut Log::in_memory(usize::MAX));
}

#[test]
fn names_go_with_the_last_observation_of_them() {
    let batch = |number: u64| {
        let json = format!(
            r#"{{"source_uuid": "44444444-0000-0000-0000-000000000001", "source_name": "x", "reports": [
                {{"bssid": "001122334455", "ssid": "common", "capabilities": "[ESS]", "channel": "6"}},
                {{"bssid": "001122334455", "ssid": "net {number}", "capabilities": "[x{number}]", "channel": "{number}W6e"}}
            ]}}"#
        );
        let received_at = ReceivedAt::from_micros(BEGIN + number);
        let batch = kismet::batch(Phy::Wifi, &json, received_at);
        record(number, batch)
    };
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    for number in 1..=9 {
        log.append(vec![batch(number)]).unwrap();
    }
    let file = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    let names = || {
        ["ssids", "capabilities", "channels"].map(|table| -> i64 {
            let query = format!("SELECT count(*) FROM {table}");
            file.query_row(&query, [], |row| row.get(0)).unwrap()
        })
    };
    assert_eq!(names(), [10; 3]);
    let last = |log: &Log| replayed(log, LogPosition::START).pop().unwrap().record.what;

    let expiry = Expiry {
        received_before: ReceivedAt::from_micros(1_700_000_000_000_008),
        by_source: Vec::new(),
        size_max_bytes: u64::MAX,
        observations_min: 0,
        up_to: LogPosition(100),
        remembered_from: LogPosition(100),
        is_trial: false,
    };
    // During the sweep, a deleted name is used again, and a new one is added.
    let mut number = 20;
    loop {
        let expired = log.expire(&expiry).unwrap();
        for batch in [batch(1), batch(number)] {
            log.append(vec![batch.clone()]).unwrap();
            assert_eq!(last(&log), batch.what);
        }
        number += 1;
        if expired.is_done {
            break;
        }
    }
    // The common one, those of batches 8 and 9, the one that came back, and the new ones.
    let [ssids, capabilities, channels] = names();
    let kept = 4 + i64::try_from(number).unwrap() - 20;
    assert_eq!((capabilities, channels), (kept, kept));
    assert_eq!(ssids, kept);
    drop(log);
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append(vec![batch(1), batch(2)]).unwrap();
    assert_eq!(last(&log), batch(2).what);
}

#[test]
fn old_reports_expire_from_the_log_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    expiry(&mut log);
    expire(&mut log, 100, 100, 100);
    let known = |log: &Log| log.resendable(10).unwrap().batches.len();
    assert_eq!(known(&log), 1, "the last one stays");
    drop(log);
    let mut log = Log::in_directory(directory.path()).unwrap();
    assert_eq!(log.append(vec![wifi(8)]).unwrap()[0].position.get(), 8);
    assert_eq!(replayed(&log, LogPosition::START).len(), 1);
    // A remembered batch has a receipt, even if its reports are deleted.
    expire(&mut log, 100, 100, 1);
    assert_eq!(known(&log), 2);
    let receipt = log.receipt(LogPosition(8)).unwrap().unwrap();
    assert_eq!(receipt.accepted, 2);
}

#[test]
fn a_log_that_is_too_large_lets_its_oldest_reports_go_and_uses_the_room_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    let large = |number: u64| {
        let batch = wifi_batch(number);
        let reports = (0..2000).flat_map(|_| batch.reports.clone()).collect();
        record(number, Batch { reports, ..batch })
    };
    let file = directory.path().join("scanpost.db");
    let mut most = 0;
    for number in 1..=30 {
        log.append(vec![large(number)]).unwrap();
        let expiry = Expiry {
            received_before: ReceivedAt::from_micros(0),
            by_source: Vec::new(),
            size_max_bytes: 1 << 20,
            observations_min: 10_000,
            up_to: LogPosition(number),
            remembered_from: LogPosition(number),
            is_trial: false,
        };
        while !log.expire(&expiry).unwrap().is_done {}
        most = most.max(std::fs::metadata(&file).unwrap().len());
        assert!(log.expired_to().unwrap().get() < number || number == 1);
    }
    assert!(most < 3 << 20, "{most}");
    assert!(20 < log.expired_to().unwrap().get());
}

#[test]
fn two_servers_cannot_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let _log = Log::in_directory(directory.path()).unwrap();
    let second = Log::in_directory(directory.path()).unwrap_err().to_string();
    assert!(second.contains("in use by another scanpost"), "{second}");
}

#[test]
fn a_log_of_a_later_version_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append(vec![wifi(1)]).unwrap();
    drop(log);
    let file = directory.path().join("scanpost.db");
    let db = rusqlite::Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = std::fs::read(&file).unwrap();
    let refused = Log::in_directory(directory.path()).unwrap_err();
    assert!(
        matches!(refused, LogError::TooNew { found: 99, .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), before);

    // If the version is in a write-ahead log, as after a crash, that is left unchanged too.
    let db = rusqlite::Connection::open(&file).unwrap();
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .unwrap();
    db.pragma_update(None, "user_version", 98).unwrap();
    drop(db);
    let files = ["scanpost.db", "scanpost.db-wal"];
    let contents = || files.map(|name| std::fs::read(directory.path().join(name)).unwrap());
    let before = contents();
    let refused = Log::in_directory(directory.path()).unwrap_err();
    assert!(
        matches!(refused, LogError::TooNew { found: 98, .. }),
        "{refused}"
    );
    assert!(contents() == before);
}

/// The version of the file that added a kind of record. If you add a kind, raise the version of the file: earlier programs
/// take a log with an unknown kind for damaged, unless its version tells them that it is too new.
const fn version_of(what: &What) -> i64 {
    match what {
        What::Reports(_) => 1,
        What::Annotation(_) => 3,
        What::AlertOrder(_)
        | What::SourcePause(_)
        | What::Import(_)
        | What::Settings(_)
        | What::Tick
        | What::Erasure(_)
        | What::SourceForget(_) => 4,
        What::ImportedReports(_) => 5,
        What::SourceName(_) => 6,
    }
}

#[test]
fn the_version_of_the_file_has_all_kinds_of_records() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append(of_every_kind()).unwrap();
    drop(log);
    let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    let version: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    let versions = of_every_kind();
    let needed = versions.iter().map(|record| version_of(&record.what)).max();
    assert!(needed <= Some(version), "{needed:?} {version}");
}

#[test]
#[cfg(unix)]
fn the_directory_is_made_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("a/b");
    drop(Log::in_directory(&directory).unwrap());
    assert_eq!(
        std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn the_views_for_people_answer_their_questions() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    log.append(vec![wifi(1), bluetooth(), wifi(2)]).unwrap();
    log.append(of_every_kind()).unwrap();
    drop(log);
    let db = rusqlite::Connection::open(directory.path().join("scanpost.db")).unwrap();
    let row = db.query_row(
        "SELECT bssid, ssid, capabilities, reports, strongest_dbm, first_seen FROM access_points ORDER BY bssid",
        [],
        |row| {
            let texts: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((texts, row.get::<_, i64>(3)?, row.get::<_, i64>(4)?, row.get::<_, String>(5)?))
        },
    );
    let texts = (
        "00:11:22:33:44:55".to_owned(),
        "Café".to_owned(),
        "[WPA2-PSK-CCMP][ESS]".to_owned(),
    );
    assert_eq!(
        row.unwrap(),
        (texts, 2, -61, "2023-11-14 22:13:21".to_owned())
    );
    let count: i64 = db
        .query_row("SELECT count(*) FROM observations_readable", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(count, 6);
    let kinds: i64 = db
        .query_row(
            "SELECT count(DISTINCT kind) FROM records WHERE json_valid(content)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kinds, 10);
}

/// A table's columns: name, type, whether it may be NULL, what it refers to.
fn columns(db: &rusqlite::Connection) -> Vec<String> {
    let mut query = db
        .prepare(
            "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk, f.\"table\"
             FROM pragma_table_list t JOIN pragma_table_info(t.name) c
                  LEFT JOIN pragma_foreign_key_list(t.name) f ON f.\"from\" = c.name
             WHERE t.schema = 'main' AND t.name <> 'sqlite_schema' ORDER BY t.name, c.cid",
        )
        .unwrap();
    let column = |row: &rusqlite::Row<'_>| {
        let texts: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let rest: (bool, i64, Option<String>) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok(format!("{texts:?} {rest:?}"))
    };
    let columns = query.query_map([], column).unwrap();
    columns.map(Result::unwrap).collect()
}

#[test]
fn a_log_that_was_migrated_has_the_tables_of_a_new_one() {
    let new = tempfile::tempdir().unwrap();
    drop(Log::in_directory(new.path()).unwrap());
    let open = |data: &Path| rusqlite::Connection::open(data.join("scanpost.db")).unwrap();
    let expected = columns(&open(new.path()));
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data");
    for version in ["v1", "v2", "v3", "v4", "v5", "v6"] {
        let data = tempfile::tempdir().unwrap();
        let file = Path::new(version).join("scanpost.db");
        std::fs::copy(fixtures.join(file), data.path().join("scanpost.db")).unwrap();
        let before = LogReader::open(data.path()).unwrap();
        let mut read = Vec::new();
        let result = before.replay(LogPosition::START, |entry| {
            read.push(entry);
            Ok::<_, LogError>(())
        });
        result.unwrap();
        drop(before);

        let mut log = Log::in_directory(data.path()).unwrap();
        let node = log.node();
        // No server had opened it, so there was no identity of a server alone.
        for entry in &mut read {
            entry.record.node = node;
        }
        assert_eq!(replayed(&log, LogPosition::START), read, "{version}");
        log.append(vec![wifi(1), mixed()]).unwrap();
        log.append(of_every_kind()).unwrap();
        drop(log);
        assert_eq!(columns(&open(data.path())), expected, "{version}");
        let checked = LogReader::open(data.path()).unwrap().verify().unwrap();
        assert!(checked.findings.is_empty(), "{version}: {checked:?}");
    }
}

#[test]
fn a_full_disk_takes_nothing_and_the_log_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let Log::Sqlite(mut log) = Log::in_directory(directory.path()).unwrap() else {
        panic!("not SQLite")
    };
    log.append(vec![wifi(1)]).unwrap();
    // SQLite's page limit fails in the same way as a full disk.
    log.limit_pages(Some(30)).unwrap();
    let large = |key: u32| {
        let batch = Batch {
            reports: (0..500).flat_map(|_| wifi_batch(1).reports).collect(),
            identity: Some(BatchIdentity::of_key(
                SourceId::new(Uuid::nil()),
                &key.to_be_bytes(),
            )),
            ..wifi_batch(1)
        };
        record(1, batch)
    };
    let full = log.append(vec![wifi(2), large(1)]).unwrap_err();
    assert!(matches!(full, LogError::DiskFull), "{full}");
    log.limit_pages(None).unwrap();
    assert_eq!(
        log.append(vec![wifi(3), large(1)]).unwrap()[0]
            .position
            .get(),
        2
    );
    let log = Log::Sqlite(log);
    let positions: Vec<_> = replayed(&log, LogPosition::START)
        .iter()
        .map(|entry| entry.position.get())
        .collect();
    assert_eq!(positions, [1, 2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_cut_into_groups_gives_the_same_log(cuts in prop::collection::vec(1usize..5, 1..8)) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::in_directory(directory.path()).unwrap();
        let mut sent = Vec::new();
        for group in cuts {
            let batches: Vec<_> = (0..group).map(|place| wifi((sent.len() + place) as u64)).collect();
            sent.extend_from_slice(&batches);
            log.append(batches).unwrap();
        }
        let kept: Vec<_> = replayed(&log, LogPosition::START).into_iter().map(|entry| entry.record).collect();
        prop_assert_eq!(kept, sent);
    }
}
