//! Views of the reports.

use serde_json::{Value, json};

use crate::server::{Answer, TestServer};

fn macs(devices: &Value) -> Vec<&str> {
    let mut macs: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["kismet.device.base.macaddr"].as_str().unwrap())
        .collect();
    macs.sort_unstable();
    macs
}

#[tokio::test]
async fn a_view_of_many_devices_lists_each_once() {
    let server = TestServer::start().await;
    for part in 0..5 {
        let reports: Vec<Value> = (0..1000).map(|number| json!({ "bssid": format!("0200{:08x}", part * 1000 + number), "ssid": "x" })).collect();
        server.report(Value::from(reports)).await;
    }
    let devices = server.read("/devices/views/all/devices.json").await;
    let mut found = macs(&devices);
    found.dedup();
    assert_eq!(found.len(), 5000);
    assert_eq!(
        server.read("/system/status.json").await["kismet.system.devices.count"],
        5000
    );
}

#[tokio::test]
async fn reads_answer_to_post_too() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_000 }]))
        .await;
    for path in [
        "/devices/views/all/devices.json",
        "/devices/by-mac/00:00:00:00:00:01/devices.json",
        "/devices/by-key/4202770D00000000_10000000000/device.json",
        "/devices/last-time/0/devices.json",
        "/datasource/all_sources.json",
        "/datasource/by-uuid/44444444-0000-0000-0000-000000000001/source.json",
        "/phy/all_phys.json",
        "/system/status.json",
        "/system/timestamp.json",
    ] {
        let posted = server
            .post(path, Some("application/x-www-form-urlencoded"), "json={}")
            .await
            .expect_status(200);
        assert_eq!(posted.headers["content-type"], "application/json", "{path}");
        assert_eq!(
            without_clock(posted.json()),
            without_clock(server.read(path).await),
            "{path}"
        );
    }
}

/// Removes the fields that depend on the current time.
fn without_clock(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !name.contains("rrd") && !name.starts_with("kismet.system"))
            .map(|(name, value)| (name, without_clock(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_clock).collect(),
        other => other,
    }
}

#[tokio::test]
async fn late_reports_reach_pollers() {
    let server = TestServer::start().await;
    let now = server.read("/system/timestamp.json").await["kismet.system.timestamp.sec"]
        .as_u64()
        .unwrap();
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_500_000_000 }]))
        .await;
    for since in [now.to_string(), "-60".to_owned(), "0".to_owned()] {
        let devices = server
            .read(&format!("/devices/last-time/{since}/devices.json"))
            .await;
        assert_eq!(macs(&devices), ["00:00:00:00:00:01"], "{since}");
    }
    let later = now + 1000;
    assert_eq!(
        server
            .read(&format!("/devices/last-time/{later}/devices.json"))
            .await,
        json!([])
    );
}

#[tokio::test]
async fn an_address_is_found_in_any_spelling() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "0a-1b-2c-3d-4e-5f" }]))
        .await;
    for spelling in [
        "0A:1B:2C:3D:4E:5F",
        "0a1b2c3d4e5f",
        "0a1b.2c3d.4e5f",
        "0A%3A1B%3A2C%3A3D%3A4E%3A5F",
    ] {
        assert_eq!(
            macs(
                &server
                    .read(&format!("/devices/by-mac/{spelling}/devices.json"))
                    .await
            ),
            ["0A:1B:2C:3D:4E:5F"]
        );
    }
}

#[tokio::test]
async fn the_clock_is_that_of_the_server() {
    let server = TestServer::start().await;
    let before = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let timestamp = server.read("/system/timestamp.json").await;
    assert!(before <= timestamp["kismet.system.timestamp.sec"].as_u64().unwrap());
    assert!(timestamp["kismet.system.timestamp.usec"].as_u64().unwrap() < 1_000_000);
    let status = server.read("/system/status.json").await;
    assert!(
        status["kismet.system.version"]
            .as_str()
            .unwrap()
            .starts_with("2025.09.0-scanpost-")
    );
    assert_eq!(status["kismet.system.num_http_connections"], 1);
    assert!(0 < status["kismet.system.memory.rss"].as_u64().unwrap());
}

#[tokio::test]
async fn an_empty_server_answers_with_empty_lists() {
    let server = TestServer::start().await;
    for path in [
        "/devices/views/all/devices.json",
        "/devices/by-mac/00:00:00:00:00:01/devices.json",
        "/datasource/all_sources.json",
        "/devices/last-time/0/devices.json",
    ] {
        let answer: Answer = server.get(path).await.expect_status(200);
        assert_eq!(answer.text, "[]", "{path}");
    }
}
