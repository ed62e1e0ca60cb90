//! Snapshots of every format, with logs from which the reports were deleted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use scanpost::config::Config;
use serde_json::{Value, json};

use crate::server::{TestServer, copy_of_fixture};

/// Devices by address, without the fields that depend on the time of the request.
async fn devices(server: &TestServer) -> BTreeMap<String, Value> {
    let mut list = server.read("/devices/views/all/devices.json").await;
    drop_clocks(&mut list);
    let devices = list.as_array().unwrap().iter();
    devices
        .map(|device| {
            let mac = device["kismet.device.base.macaddr"].as_str().unwrap();
            (mac.to_owned(), device.clone())
        })
        .collect()
}

fn drop_clocks(json: &mut Value) {
    match json {
        Value::Array(list) => list.iter_mut().for_each(drop_clocks),
        Value::Object(fields) => {
            // Their windows end at the time of the request.
            fields.retain(|name, _| !name.ends_with("rrd"));
            fields.values_mut().for_each(drop_clocks);
        }
        _ => {}
    }
}

/// Compares field by field, so that the message of a failure stays short.
#[track_caller]
fn assert_same(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (mac, expected) in expected {
        for (field, expected) in expected.as_object().unwrap() {
            assert_eq!(&found[mac][field], expected, "{mac} {field}");
        }
    }
}

fn packets(devices: &BTreeMap<String, Value>) -> u64 {
    let total = |device: &Value| device["kismet.device.base.packets.total"].as_u64().unwrap();
    devices.values().map(total).sum()
}

fn with_retention(config: &mut Config) {
    config.retention.days = 1;
}

/// Deletes the reports from the log, so that it cannot replace the snapshot.
fn expire_all(data: &Path) {
    let db = rusqlite::Connection::open(data.join("scanpost.db")).unwrap();
    db.execute_batch("UPDATE batches SET accepted = 0; DELETE FROM observations")
        .unwrap();
}

/// Format of each snapshot, oldest first.
fn formats(server: &TestServer) -> Vec<String> {
    let folder = fs::read_dir(server.data().join("snapshots")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let magic = |path| String::from_utf8(fs::read(path).unwrap()[..15].to_vec()).unwrap();
    files.iter().map(magic).collect()
}

/// Written by the last program of format 1, with retention. All reports but the last one are expired in its log.
#[tokio::test]
async fn devices_whose_reports_are_expired_come_back_from_a_snapshot_of_format_1() {
    let mut config = Config::default();
    with_retention(&mut config);
    let server = TestServer::start_on(copy_of_fixture("snapshot-1"), config).await;
    assert_eq!(formats(&server)[0], "scanpost snap 1");
    let before = devices(&server).await;
    assert_eq!((before.len(), packets(&before)), (36, 60));
    check_expired_devices(&server).await;

    // The next change writes a new file in the current format: the program never appends to a file of another format.
    server
        .report(json!([{ "bssid": "02:00:5E:77:00:04" }]))
        .await;
    let before = devices(&server).await;
    let server = server.restart().await;
    assert_eq!(formats(&server), ["scanpost snap 1", "scanpost snap 2"]);
    assert_same(&devices(&server).await, &before);
    check_expired_devices(&server).await;
}

/// Written by a program of format 2 in the same way, with alerts.
#[tokio::test]
async fn devices_whose_reports_are_expired_come_back_from_a_snapshot_of_format_2() {
    let mut config = Config::default();
    with_retention(&mut config);
    let server = TestServer::start_on(copy_of_fixture("kept-1"), config).await;
    let before = devices(&server).await;
    assert_eq!((before.len(), packets(&before)), (39, 63));
    check_expired_devices(&server).await;
    let server = server.restart().await;
    assert_same(&devices(&server).await, &before);
}

async fn check_expired_devices(server: &TestServer) {
    let full = server.device("02:00:5E:77:00:01").await;
    assert_eq!(full["kismet.device.base.packets.total"], 20);
    assert_eq!(full["kismet.device.base.name"], "Café");
    assert_eq!(full["kismet.device.base.channel"], "36");
    assert_eq!(
        full["kismet.device.base.tags"],
        json!({ "note": "one", "other": "19" })
    );
    let signal = &full["kismet.device.base.signal"];
    assert_eq!(signal["kismet.common.signal.last_signal"], -59);
    assert_eq!(signal["kismet.common.signal.max_signal"], -40);
    let location = &full["kismet.device.base.location"]["kismet.common.location.avg_loc"];
    assert_eq!(
        location["kismet.common.location.geopoint"],
        json!([-179.9, -40.7128])
    );
    let named = server.device("02:00:5E:10:00:01").await;
    assert_eq!(named["kismet.device.base.username"], "attic");
    assert_eq!(named["kismet.device.base.tags"]["notes"], "yes");
    assert_eq!(named["kismet.device.base.name"], "Home");
    let headset = server.device("C0:FF:EE:00:00:01").await;
    assert_eq!(headset["kismet.device.base.username"], "my headset");
    assert_eq!(
        headset["bluetooth.device"]["bluetooth.device.scan_data_bytes"],
        "0201060aff4c001005"
    );
    let lamp = server.device("C0:FF:EE:77:00:01").await;
    assert_eq!(lamp["kismet.device.base.name"], "Lamp");
    let peer = server.device("02:00:5E:77:00:02").await;
    assert_eq!(peer["kismet.device.base.type"], "Wi-Fi Ad-Hoc");
    let after = server.device("02:00:5E:77:00:03").await;
    assert_eq!(after["kismet.device.base.name"], "after");
}

/// Format 1 had other layouts before. Programs from the history of this repository wrote these files.
#[tokio::test]
async fn all_shapes_of_format_1_say_the_same_as_their_logs() {
    for shape in [
        "snapshot-1-shape-1",
        "snapshot-1-shape-2",
        "snapshot-1-shape-3",
    ] {
        let data = copy_of_fixture(shape);
        fs::remove_dir_all(data.path().join("snapshots")).unwrap();
        let by_log = TestServer::start_on(data, Config::default()).await;
        let data = copy_of_fixture(shape);
        expire_all(data.path());
        let by_snapshot = TestServer::start_on(data, Config::default()).await;
        let expected = devices(&by_log).await;
        assert_eq!((expected.len(), packets(&expected)), (37, 42), "{shape}");
        assert_same(&devices(&by_snapshot).await, &expected);
        let sources = async |server: &TestServer| {
            let page = server.read("/api/v1/sources").await;
            let sources = page["sources"].as_array().unwrap().clone();
            let counts = |source: &Value| {
                [
                    &source["uuid"],
                    &source["name"],
                    &source["reports"],
                    &source["devices"],
                ]
                .map(Value::clone)
            };
            sources.iter().map(counts).collect::<Vec<_>>()
        };
        assert_eq!(
            sources(&by_snapshot).await,
            sources(&by_log).await,
            "{shape}"
        );
    }
}

/// A program wrote the file in two runs. It had forgotten one source before the first image, and two before the second.
#[tokio::test]
async fn sources_that_a_snapshot_lists_as_gone_stay_gone() {
    const SOURCES: &str = "/datasource/all_sources.json";
    let known = async |server: &TestServer| {
        let sources = server.read(SOURCES).await;
        let sources = sources.as_array().unwrap().iter();
        let known = sources.map(|source| {
            let number = source["kismet.datasource.source_number"].as_u64().unwrap();
            (number, source["kismet.datasource.name"].clone())
        });
        known.collect::<Vec<_>>()
    };
    // What the snapshot has is not read from the log.
    let by_snapshot = copy_of_fixture("gone-sources");
    let by_log = copy_of_fixture("gone-sources");
    fs::remove_dir_all(by_log.path().join("snapshots")).unwrap();
    for data in [by_snapshot, by_log] {
        let server = TestServer::start_on(data, Config::default()).await;
        assert_eq!(known(&server).await, [(1, json!("attic"))]);
        let before = devices(&server).await;
        assert_eq!(before.len(), 4);
        let seen_by = |device: &Value| {
            device["kismet.device.base.seenby"]
                .as_array()
                .unwrap()
                .len()
        };
        assert_eq!(seen_by(&before["02:00:5E:79:00:01"]), 1);
        assert_eq!(seen_by(&before["02:00:5E:79:00:02"]), 0);
        // Devices still have the numbers that are gone, so a new source gets another one.
        server
            .report(json!([{ "bssid": "02:00:5E:79:00:05" }]))
            .await;
        let expected = [(1, json!("attic")), (5, json!("phone"))];
        assert_eq!(known(&server).await, expected);
        let server = server.restart().await;
        assert_eq!(known(&server).await, expected);
        let after = devices(&server).await;
        assert_eq!(seen_by(&after["02:00:5E:79:00:04"]), 0);
    }
}
