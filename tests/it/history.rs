//! Observations of single devices, read from the log.

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, TestServer, batch};

const AP: &str = "/api/v1/devices/00:00:00:00:00:01/observations";

/// Reports with these times and signals, in this order.
async fn server_with(reports: &[(u32, i32)]) -> TestServer {
    let server = TestServer::start().await;
    for &(time, signal) in reports {
        let other = json!({ "bssid": "00:00:00:00:00:02", "timestamp": time, "signal": -99 });
        let wanted = json!({ "bssid": "00:00:00:00:00:01", "timestamp": time, "signal": signal });
        server.report(json!([other, wanted])).await;
    }
    server
}

fn signals(page: &Value) -> Vec<i64> {
    let observations = page["observations"].as_array().unwrap();
    let signal = |observation: &Value| observation["signal_dbm"].as_i64().unwrap();
    observations.iter().map(signal).collect()
}

#[tokio::test]
async fn the_newest_come_first_by_their_own_time() {
    // The second report is late, and two reports have the same second.
    let server = server_with(&[
        (1_700_000_200, -51),
        (1_700_000_100, -52),
        (1_700_000_300, -53),
        (1_700_000_300, -54),
    ])
    .await;
    let page = server.read(AP).await;
    assert_eq!(signals(&page), [-54, -53, -51, -52]);
    assert_eq!(page["next_cursor"], Value::Null);
    let newest = &page["observations"][0];
    assert_eq!(newest["time"], 1_700_000_300);
    assert_eq!(newest["time_utc"], "2023-11-14T22:18:20Z");
    assert_eq!(newest["address"], "00:00:00:00:00:01");
    assert_eq!(newest["source_name"], "phone");
    assert_eq!(newest["position"], 4);

    let between = async |since: &str, until: &str| {
        signals(
            &server
                .read(&format!("{AP}?since={since}&until={until}"))
                .await,
        )
    };
    assert_eq!(between("1700000200", "1700000200").await, [-51]);
    assert_eq!(between("2023-11-14T22:16:40Z", "").await, [-54, -53, -51]);
    assert_eq!(between("", "1700000199").await, [-52]);
    assert!(between("1700000301", "").await.is_empty());

    let server = server.restart().await;
    assert_eq!(server.read(AP).await, page);
}

#[tokio::test]
async fn pages_join_without_a_gap_and_without_a_repeat() {
    let reports: Vec<_> = (0u32..9)
        .map(|n| (1_700_000_000 + n % 4, -51 - n.cast_signed()))
        .collect();
    let server = server_with(&reports).await;
    let all = signals(&server.read(AP).await);
    assert_eq!(all.len(), 9);
    for limit in [1, 2, 3, 8, 9, 1000] {
        let mut joined = Vec::new();
        let mut cursor = String::new();
        loop {
            let until = "until=1700000003";
            let page = server
                .read(&format!("{AP}?{until}&limit={limit}&cursor={cursor}"))
                .await;
            joined.extend(signals(&page));
            // New reports between two pages do not shift the pages, even reports of the newest second.
            if cursor.is_empty() {
                server.report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_900 + limit }])).await;
            }
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(joined, all, "{limit}");
    }
}

#[tokio::test]
async fn an_address_stands_for_all_radio_technologies() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_000 }]))
        .await;
    let mut body = batch(json!([]));
    body["reports"] =
        json!([{ "btaddr": "00:00:00:00:00:01", "timestamp": 1_700_000_001, "name": "Headset" }]);
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    let page = server.read(AP).await;
    assert_eq!(page["observations"][0]["phy"], "Bluetooth");
    assert_eq!(page["observations"][0]["name"], "Headset");
    assert_eq!(page["observations"][1]["phy"], "IEEE802.11");
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let server = server_with(&[(1_700_000_000, -51)]).await;
    let refused = async |query: &str, status: u16, reason: &str| {
        server
            .get(&format!("{AP}{query}"))
            .await
            .expect_error(status, reason);
    };
    refused("?since=yesterday", 400, "since: expected seconds").await;
    refused("?until=-5", 400, "until: expected seconds").await;
    refused("?cursor=zz", 400, "cursor: not one").await;
    refused("?limit=0", 400, "limit: expected a number from 1 to 1000").await;
    refused(
        "?limit=1001",
        400,
        "limit: expected a number from 1 to 1000",
    )
    .await;
    refused("?limit=1&limit=2", 400, "limit: given more than once").await;
    refused("?sinse=1", 400, "sinse: there is no such parameter").await;
    server
        .get("/api/v1/devices/zz/observations")
        .await
        .expect_error(400, "mac: not a hardware address");
    server
        .get("/api/v1/devices/00:00:00:00:00:09/observations")
        .await
        .expect_error(404, "00:00:00:00:00:09");
}
