//! Counts of devices.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, SOURCE, TestServer, batch, now_s};

const SUMMARY: &str = "/api/v1/summary";
const FREQUENCIES_KHZ: [u32; 3] = [2_437_000, 5_180_000, 5_955_000];
const CAPABILITIES: [&str; 3] = ["[WPA2-PSK-CCMP][ESS]", "[ESS]", ""];

/// Forty access points and a headset. A tenth is new; the others were first seen on one day long ago.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let now = now_s();
    let report = |n: u32| {
        let third = n as usize % 3;
        let block = ["b8:27:eb:00", "02:00:00:00"][n as usize % 2];
        let is_new = n.is_multiple_of(10);
        let mut report = json!({
            "bssid": format!("{block}:{third:02x}:{n:02x}"),
            "ssid": format!("Net {}", n % 7),
            "timestamp": if is_new { now } else { 1_700_000_000 + u64::from(n % 5) },
            "freqkhz": FREQUENCIES_KHZ[third],
            "capabilities": CAPABILITIES[third],
        });
        if n.is_multiple_of(4) {
            report["lat"] = json!(40.0 + f64::from(n) / 100.0);
            report["lon"] = json!(10.0);
            report["chanwidth"] = json!("80");
        }
        report
    };
    server.report((0..40).map(report).collect()).await;
    let mut body = batch(
        json!([{ "btaddr": "02:00:00:00:00:00", "name": "Headset", "timestamp": 1_700_000_050 }]),
    );
    body["source_uuid"] = json!(SOURCE.replace('4', "5"));
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    server
}

async fn summary(server: &TestServer, query: &str) -> Value {
    server.read(&format!("{SUMMARY}?{query}")).await
}

/// The sum of the numbers of an object.
fn sum(object: &Value) -> u64 {
    let numbers = object.as_object().unwrap().values();
    numbers.map(|number| number.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn each_number_is_that_of_the_list_under_the_same_filter() {
    let server = server().await;
    let whole = server.read(SUMMARY).await;
    assert_eq!(whole["devices"], 41);
    assert_eq!(whole["with_position"], 10);
    assert_eq!(whole.get("new_since"), None);
    for name in [
        "security",
        "band",
        "channel",
        "width",
        "manufacturer",
        "days",
    ] {
        assert_eq!(sum(&whole[name]), 41, "{name}");
    }
    for (name, filter) in [
        ("security", "security"),
        ("band", "band"),
        ("channel", "channel"),
        ("sources", "source"),
        ("manufacturer", "manufacturer"),
    ] {
        for (key, count) in whole[name].as_object().unwrap() {
            let is_no_value = key == "FHSS" || key == "unknown" && name != "security";
            if is_no_value {
                continue;
            }
            let key = key.split(' ').next().unwrap();
            let path = format!("/api/v1/devices?limit=1000&{filter}={key}");
            let listed = server.read(&path).await["devices"]
                .as_array()
                .unwrap()
                .len();
            assert_eq!(*count, json!(listed), "{name} {key}");
            let filtered = summary(&server, &format!("{filter}={key}")).await;
            assert_eq!(filtered["devices"], *count, "{name} {key}");
            assert_eq!(sum(&filtered["days"]), *count, "{name} {key}");
        }
    }
    for query in ["with_position=true", "with_position=false", "name_not=x"] {
        let path = format!("/api/v1/devices?limit=1000&{query}");
        let listed = server.read(&path).await["devices"]
            .as_array()
            .unwrap()
            .len();
        let filtered = summary(&server, query).await;
        assert_eq!(filtered["devices"], json!(listed), "{query}");
    }
    assert_eq!(summary(&server, "with_position=true").await["devices"], 10);
    assert_eq!(whole["days"]["2023-11-14"], 37);
    assert_eq!(sum(&whole["hours"]), 4, "{}", whole["hours"]);
    assert_eq!(whole["manufacturer"]["Raspberry Pi Foundation"], 20);
}

#[tokio::test]
async fn a_filter_that_all_pass_gives_the_same_counts_as_none() {
    let server = server().await;
    let since = format!("new_since={}", now_s() - 3600);
    let kept = summary(&server, &since).await;
    assert_eq!(kept["new_since"], 4);
    let walked = summary(&server, &format!("{since}&until=4000000000")).await;
    assert_eq!(kept, walked);
    assert_eq!(summary(&server, "new_since=0").await["new_since"], 41);

    let server = server.restart().await;
    assert_eq!(summary(&server, &since).await, kept);
    let server = server.restart_without_snapshots().await;
    assert_eq!(summary(&server, &since).await, kept);
}

#[tokio::test]
async fn a_late_report_moves_a_device_to_an_earlier_day() {
    let server = TestServer::start().await;
    let report = |seconds: u64| json!([{ "bssid": "02:00:00:00:00:01", "timestamp": seconds }]);
    server.report(report(1_700_000_000)).await;
    server.report(report(1_600_000_000)).await;
    let days: BTreeMap<String, u64> =
        serde_json::from_value(server.read(SUMMARY).await["days"].clone()).unwrap();
    assert_eq!(days, BTreeMap::from([("2020-09-13".to_owned(), 1)]));
}

#[tokio::test]
async fn an_unknown_parameter_is_refused() {
    let server = TestServer::start().await;
    for query in ["limit=1", "new_since=soon", "band=7", "changed_since=0"] {
        let answer = server.get(&format!("{SUMMARY}?{query}")).await;
        answer.expect_status(400);
    }
}
