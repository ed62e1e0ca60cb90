//! Alerts that stay to be read, and one that Kismet raises of its own accord.

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, TestServer, batch};

/// An alert that is open in a window stays there while newer ones come.
#[tokio::test]
async fn every_alert_that_is_kept_is_found_by_its_hash() {
    let server = TestServer::start_with(|config| {
        config.alerts.backlog = 2;
        config.alerts.kept_max = 700;
        config.alerts.devicefound = "1000000/day,1000000/sec".to_owned();
        config.alerts.devicefound_addresses =
            vec!["02:00:00:00:00:00/FF:FF:00:00:00:00".to_owned()];
    })
    .await;
    let reports = |numbers: std::ops::Range<u32>| -> Value {
        numbers
            .map(|number| json!({ "bssid": format!("0200{number:08x}") }))
            .collect()
    };
    server.report(reports(0..1)).await;
    let alerts = server.read("/alerts/all_alerts.json").await;
    let first = alerts[0]["kismet.alert.hash"].as_u64().unwrap();
    let open = format!("/alerts/by-id/{first}/alert.json");
    for (more, status) in [
        (1..3, 200),
        (3..600, 200),
        (600..699, 200),
        (699..700, 200),
        (700..701, 404),
    ] {
        server.report(reports(more.clone())).await;
        let answer = server.get(&open).await.expect_status(status);
        if status == 200 {
            assert_eq!(answer.json()["kismet.alert.hash"], first, "{more:?}");
        }
    }
    let all = server.read("/alerts/all_alerts.json").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    server
        .get("/alerts/by-id/x/alert.json")
        .await
        .expect_error(404, "no alert has the hash");
}

/// Kismet's warning of a device that many tools for attacks run on.
#[tokio::test]
async fn a_flipper_zero_is_told_of_when_it_is_new() {
    let server = TestServer::start_with(|config| {
        config.alerts.flipperzero = "1000000/day,1000000/sec".to_owned();
    })
    .await;
    let bluetooth = async |addresses: &[&str]| {
        let reports: Value = addresses
            .iter()
            .map(|addr| json!({ "btaddr": addr }))
            .collect();
        server
            .post_json(BLUETOOTH, &batch(reports))
            .await
            .expect_status(200);
    };
    bluetooth(&[
        "80:E1:26:00:00:01",
        "80:E1:27:00:00:02",
        "80:E1:26:FF:FF:FF",
        // Others are none: neighbours of the two, and their bits in another order.
        "80:E1:25:00:00:01",
        "80:E1:28:00:00:01",
        "26:E1:80:00:00:01",
        "82:E1:26:00:00:01",
    ])
    .await;
    // One that is known already is not new, and an access point is no Flipper Zero.
    bluetooth(&["80:E1:26:00:00:01"]).await;
    server
        .report(json!([{ "bssid": "80:E1:26:00:00:09" }]))
        .await;
    let server = server.restart().await;
    let body = batch(json!([{ "btaddr": "80:E1:27:00:00:02" }, { "btaddr": "80:E1:27:00:00:03" }]));
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    let alerts = server.read("/alerts/all_alerts.json").await;
    let mut alerts: Vec<_> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let field = |name: &str| alert[format!("kismet.alert.{name}")].clone();
            [
                field("header"),
                field("class"),
                field("severity"),
                field("source_mac"),
            ]
        })
        .collect();
    // Those of one request come in no order.
    alerts.sort_by_key(|alert| alert[3].to_string());
    let expected = |addr: &str| [json!("FLIPPERZERO"), json!("PROBE"), json!(15), json!(addr)];
    let expected = [
        "80:E1:26:00:00:01",
        "80:E1:26:FF:FF:FF",
        "80:E1:27:00:00:02",
        "80:E1:27:00:00:03",
    ]
    .map(expected);
    assert_eq!(alerts, expected);
}

#[tokio::test]
async fn a_flipper_zero_may_be_no_matter() {
    let server =
        TestServer::start_with(|config| config.alerts.flipperzero = "off".to_owned()).await;
    let body = batch(json!([{ "btaddr": "80:E1:26:00:00:01" }]));
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    assert_eq!(server.read("/alerts/all_alerts.json").await, json!([]));
    let kinds = server.get("/alerts/definitions.json").await;
    assert!(!kinds.text.contains("FLIPPERZERO"), "{}", kinds.text);
}
