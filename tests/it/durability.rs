//! Acknowledged reports survive restarts, and count once.

use reqwest::Method;
use serde_json::{Value, json};

use scanpost::config::Config;

use crate::server::{Answer, SOURCE, TestServer, WIFI, batch, copy_of_fixture};

const AP: &str = "00:00:00:00:00:01";

/// A device without the fields that depend on the current time.
async fn shown(server: &TestServer) -> Value {
    let mut device = server.device(AP).await;
    strip(&mut device);
    device
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // Their windows end at the time of the request.
            fields.retain(|name, _| !name.ends_with("rrd"));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

async fn post_with_key(server: &TestServer, key: &str, body: &Value) -> Answer {
    let request = server
        .request(Method::POST, WIFI)
        .header("idempotency-key", key);
    Answer::of(request.body(body.to_string())).await
}

#[tokio::test]
async fn an_accepted_report_survives_a_restart() {
    let server = TestServer::start().await;
    server
        .report(json!([{
            "timestamp": 1_700_000_000, "bssid": AP, "ssid": "Caf\u{e9}", "capabilities": "[WPA2-PSK-CCMP][ESS]",
            "channel": "6", "freqkhz": 2_437_000, "signal": -61, "lat": 40.7, "lon": -74.0, "alt": 12.5,
            "tags": { "notes": "roof" }, "chanwidth": "40", "centerfreq0": 2447,
        }]))
        .await;
    server
        .report(json!([{ "bssid": AP, "timestamp": 1_700_000_100, "signal": -50 }]))
        .await;
    let uuid = server.read("/system/status.json").await["kismet.server.uuid"].clone();
    let before = shown(&server).await;

    let server = server.restart().await;

    assert_eq!(shown(&server).await, before);
    assert_eq!(
        server.read("/system/status.json").await["kismet.server.uuid"],
        uuid
    );
}

#[tokio::test]
async fn a_batch_sent_again_is_acknowledged_again_and_not_counted_again() {
    let server = TestServer::start().await;
    let reports = json!([
        { "bssid": AP, "timestamp": 1_700_000_000, "tags": { "a": "1", "b": "2" } },
        { "bssid": "zz", "timestamp": 1_700_000_000 },
    ]);
    let mut body = batch(reports);
    let first = server.taken(&body).await;
    assert_eq!(first["duplicate"], false);
    // Whitespace, the order of keys and the name of the source do not make another batch.
    body["source_name"] = json!("renamed");
    let again = server
        .post(WIFI, None, serde_json::to_string_pretty(&body).unwrap())
        .await
        .expect_status(200)
        .json();
    let mut expected = first;
    expected["duplicate"] = json!(true);
    assert_eq!(again, expected);

    let server = server.restart().await;

    assert_eq!(server.taken(&body).await, expected);
    assert_eq!(server.reports_of(AP).await, 1);
    // The same reports from another source are another batch.
    body["source_uuid"] = json!(SOURCE.replace('4', "5"));
    assert_eq!(server.taken(&body).await["duplicate"], false);
    assert_eq!(server.reports_of(AP).await, 2);
}

#[tokio::test]
async fn without_times_of_their_own_equal_batches_are_two_sightings() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": AP, "timestamp": 1_700_000_000 }, { "bssid": AP }]));
    for _ in 0..2 {
        assert_eq!(server.taken(&body).await["duplicate"], false);
    }
    assert_eq!(server.reports_of(AP).await, 4);
}

#[tokio::test]
async fn a_key_makes_any_batch_recognisable() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": AP }]));
    for (key, duplicate) in [("one", false), ("one", true), ("two", false)] {
        let answer = post_with_key(&server, key, &body)
            .await
            .expect_status(200)
            .json();
        assert_eq!(answer["duplicate"], duplicate, "{key}");
    }
    assert_eq!(server.reports_of(AP).await, 2);
    post_with_key(&server, &"k".repeat(255), &body)
        .await
        .expect_status(200);
    post_with_key(&server, &"k".repeat(256), &body)
        .await
        .expect_error(400, "Idempotency-Key: longer than 255");
    let request = server.request(Method::POST, WIFI);
    let twice = request
        .header("idempotency-key", "one")
        .header("idempotency-key", "two");
    Answer::of(twice.body(body.to_string()))
        .await
        .expect_error(400, "Idempotency-Key: sent more than once");
}

#[tokio::test]
async fn the_memory_of_batches_is_bounded() {
    let server = TestServer::start_with(|config| config.ingest.resend_batches_max = 2).await;
    let body = batch(json!([{ "bssid": AP }]));
    for (key, duplicate) in [
        ("1", false),
        ("2", false),
        ("3", false),
        ("3", true),
        ("2", true),
        ("1", false),
    ] {
        let answer = post_with_key(&server, key, &body)
            .await
            .expect_status(200)
            .json();
        assert_eq!(answer["duplicate"], duplicate, "{key}");
    }
}

#[tokio::test]
async fn liveness_and_readiness_can_be_checked() {
    let server = TestServer::start().await;
    assert_eq!(server.read("/healthz").await["status"], "alive");
    assert_eq!(server.read("/readyz").await["status"], "ready");
}

/// Written by the first version that kept a log, from the reports of `tests/fixtures/captures`.
#[tokio::test]
async fn a_log_of_version_1_is_read() {
    let server = TestServer::start_on_fixture("v1").await;
    check_fixture(&server, "7D730934-846F-4BE2-8276-06D6EF0E517A").await;
}

#[tokio::test]
async fn a_log_of_version_2_is_read() {
    let server = TestServer::start_on_fixture("v2").await;
    check_fixture(&server, "B7E62EAB-CA7A-4A9C-9522-CFD688E79114").await;
}

/// The first version with snapshots.
#[tokio::test]
async fn a_log_of_version_3_and_its_snapshot_are_read() {
    const UUID: &str = "9D031B29-C4D3-4E6B-A09A-517E72710403";
    let server = TestServer::start_on_fixture("v3").await;
    check_fixture(&server, UUID).await;

    let data = copy_of_fixture("v3");
    // With the reports deleted, the log cannot replace the snapshot.
    let db = rusqlite::Connection::open(data.path().join("scanpost.db")).unwrap();
    db.execute_batch("UPDATE batches SET accepted = 0; DELETE FROM observations")
        .unwrap();
    drop(db);
    let server = TestServer::start_on(data, Config::default()).await;
    check_fixture(&server, UUID).await;
}

/// Has one record of each kind.
#[tokio::test]
async fn a_log_of_version_4_is_read() {
    let server = TestServer::start_on_fixture("v4").await;
    check_fixture(&server, "42F2ACFE-2725-477B-A9AC-C09E9CB63E97").await;
    let device = server.device("02:00:5E:10:00:01").await;
    assert_eq!(device["kismet.device.base.tags"]["place"], "roof");
    let observations = server
        .read("/api/v1/devices/02:00:5E:10:00:01/observations")
        .await;
    let observations = observations["observations"].as_array().unwrap();
    let accuracies = observations.iter().map(|seen| seen["accuracy_m"].as_f64());
    assert_eq!(accuracies.flatten().collect::<Vec<_>>(), [4.25, 4.25]);
}

async fn check_fixture(server: &TestServer, uuid: &str) {
    let devices = server.read("/devices/views/all/devices.json").await;
    let total = |device: &Value| device["kismet.device.base.packets.total"].as_u64().unwrap();
    let devices = devices.as_array().unwrap();
    assert_eq!(
        (devices.len(), devices.iter().map(total).sum::<u64>()),
        (37, 42)
    );
    let device = server.device("02:00:5E:10:00:01").await;
    assert_eq!(device["kismet.device.base.name"], "Home");
    assert_eq!(device["kismet.device.base.channel"], "11");
    let headset = server.device("C0:FF:EE:00:00:01").await;
    assert_eq!(
        headset["bluetooth.device"]["bluetooth.device.scan_data_bytes"],
        "0201060aff4c001005"
    );
    let status = server.read("/system/status.json").await;
    assert_eq!(status["kismet.server.uuid"], uuid);
}
