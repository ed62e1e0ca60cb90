//! Manufacturers of radios, and addresses that were made up.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, BLUETOOTH, TestServer, batch};

const LIST: &str = "/api/v1/devices";

/// Addresses from blocks of 24, 28 and 36 bits, one from no block, and two local ones.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let report = |bssid| json!({ "bssid": bssid, "timestamp": 1_700_000_000 });
    let addresses = [
        "b8:27:eb:00:00:01",
        "c8:5c:e2:70:00:01",
        "8c:1f:64:af:a0:01",
        "04:ff:ff:00:00:01",
        "ba:27:eb:00:00:01",
    ];
    server.report(addresses.map(report).into()).await;
    let bluetooth = ["b8:27:eb:00:00:02", "f9:00:00:00:00:03"]
        .map(|btaddr| json!({ "btaddr": btaddr, "timestamp": 1_700_000_000 }));
    let body = batch(bluetooth.into());
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    server
}

#[tokio::test]
async fn every_view_shows_the_manufacturer() {
    let server = server().await;
    for (address, made_by, is_randomised) in [
        ("B8:27:EB:00:00:01", Some("Raspberry Pi Foundation"), false),
        (
            "C8:5C:E2:70:00:01",
            Some("SYNERGY SYSTEMS AND SOLUTIONS"),
            false,
        ),
        (
            "8C:1F:64:AF:A0:01",
            Some("DATA ELECTRONIC DEVICES, INC"),
            false,
        ),
        ("04:FF:FF:00:00:01", None, false),
        ("BA:27:EB:00:00:01", None, true),
        ("B8:27:EB:00:00:02", Some("Raspberry Pi Foundation"), false),
        // In Wi-Fi this bit marks group addresses. In Bluetooth only random addresses have it.
        ("F9:00:00:00:00:03", None, true),
    ] {
        let kismet = server.device(address).await;
        assert_eq!(
            kismet["kismet.device.base.manuf"],
            made_by.unwrap_or("Unknown"),
            "{address}"
        );
        let native = server.read(&format!("{LIST}/{address}")).await;
        assert_eq!(native["manufacturer"], json!(made_by), "{address}");
        let randomised = is_randomised.then_some(true);
        assert_eq!(native["randomised"], json!(randomised), "{address}");
    }
    let request = server
        .request(Method::GET, &format!("{LIST}?address_prefix=8c:1f:64"))
        .header("accept", "text/csv");
    let table = Answer::of(request).await.expect_status(200).text;
    let (head, row) = table.split_once("\r\n").unwrap();
    assert!(head.ends_with(",manufacturer,randomised"), "{head}");
    assert!(
        row.ends_with(",\"DATA ELECTRONIC DEVICES, INC\",\r\n"),
        "{row}"
    );
}

#[tokio::test]
async fn devices_are_filtered_by_manufacturer() {
    let server = server().await;
    let chosen = async |query: &str| {
        let page = server
            .read(&format!("{LIST}?sort=name&order=asc&{query}"))
            .await;
        let devices = page["devices"].as_array().unwrap().iter();
        let mut addresses: Vec<_> = devices
            .map(|device: &Value| device["address"].as_str().unwrap().to_owned())
            .collect();
        addresses.sort_unstable();
        addresses
    };
    assert_eq!(
        chosen("manufacturer=raspberry+PI").await,
        ["B8:27:EB:00:00:01", "B8:27:EB:00:00:02"]
    );
    assert_eq!(
        chosen("manufacturer=raspberry+PI&phy=wifi").await,
        ["B8:27:EB:00:00:01"]
    );
    assert_eq!(
        chosen("manufacturer=electronic%20devices").await,
        ["8C:1F:64:AF:A0:01"]
    );
    assert!(
        chosen("manufacturer=nobody+is+called+this")
            .await
            .is_empty()
    );
}
