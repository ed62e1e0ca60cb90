//! Related networks: those of the same radio.

use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_device_shows_the_other_networks_of_its_radio() {
    let server = TestServer::start().await;
    let report = |bssid, ssid, freqkhz, signal| {
        json!({
            "bssid": bssid, "ssid": ssid, "freqkhz": freqkhz, "signal": signal, "timestamp": 1_700_000_000,
        })
    };
    let reports = json!([
        report("b8:27:eb:00:00:10", "Home", 2_437_000, -50),
        report("ba:27:eb:00:00:10", "Guests", 2_437_000, -53),
        report("b8:27:eb:00:00:11", "", 2_437_000, -47),
        // The other radio of the access point, and another device of the same manufacturer.
        report("b8:27:eb:00:00:12", "Home 5", 5_180_000, -50),
        report("b8:27:eb:00:00:18", "Home", 2_462_000, -52),
    ]);
    server.report(reports).await;

    let native = server.read("/api/v1/devices/b8:27:eb:00:00:10").await;
    assert_eq!(
        native["related"],
        json!([
            { "address": "B8:27:EB:00:00:11", "key": "4202770D00000000_110000EB27B8" },
            { "address": "BA:27:EB:00:00:10", "key": "4202770D00000000_100000EB27BA", "name": "Guests" },
        ])
    );
    let alone = server.read("/api/v1/devices/b8:27:eb:00:00:12").await;
    assert_eq!(alone["related"], json!([]));

    let path = "/phy/phy80211/related-to/4202770D00000000_100000EB27BA/devices.json";
    let devices = server.read(path).await;
    let addresses = devices.as_array().unwrap().iter();
    let addresses: Vec<_> = addresses
        .map(|device| device["kismet.device.base.macaddr"].as_str().unwrap())
        .collect();
    // The requested device comes first.
    assert_eq!(
        addresses,
        [
            "BA:27:EB:00:00:10",
            "B8:27:EB:00:00:10",
            "B8:27:EB:00:00:11",
        ]
    );
}
