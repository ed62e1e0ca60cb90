//! Files for other programs.

mod cut;
mod exact;
mod forms;
pub(crate) mod hostile;
mod kismetdb;
mod packages;
mod parquet;
mod privacy;
mod program;
mod redact;
mod rights;
mod rows;
mod tracks;
mod trips;
pub(crate) mod xml;

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, TestServer, WIFI, batch};

/// All forms, and whether they may have observations.
pub(crate) const FORMS: [(&str, bool); 12] = [
    ("csv", true),
    ("geojson", true),
    ("geojsonseq", true),
    ("wiglecsv", true),
    ("kml", false),
    ("kmz", false),
    ("gpx", false),
    ("kismetdb", true),
    ("parquet", true),
    ("netxml", false),
    ("cot", false),
    ("cotzip", false),
];

/// 2020-09-13, so that the times of reports differ from those of the server.
pub(crate) const SEEN: u64 = 1_600_000_000;

/// Sends reports that have to be accepted. `@XX` in a body stands for an octet that JSON cannot hold.
pub(crate) async fn send(server: &TestServer, path: &str, reports: Value) {
    let count = reports.as_array().unwrap().len();
    let answer = server
        .post(
            path,
            Some("application/json"),
            octets(&batch(reports).to_string()),
        )
        .await;
    let answer = answer.expect_status(200).json();
    assert_eq!(answer["accepted"], count, "{answer}");
}

fn octets(text: &str) -> Vec<u8> {
    let mut parts = text.split('@');
    let mut octets = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (octet, rest) = part.split_at(2);
        octets.push(u8::from_str_radix(octet, 16).unwrap());
        octets.extend_from_slice(rest.as_bytes());
    }
    octets
}

/// A server with some of everything.
pub(crate) async fn with_devices() -> TestServer {
    let server = TestServer::start().await;
    let wifi = json!([
        {"timestamp": SEEN, "bssid": "00:11:22:00:00:01", "ssid": "CoffeeShop", "capabilities": "[WPA2-PSK-CCMP][ESS]",
         "channel": "6", "freqkhz": 2_437_000, "signal": -61, "lat": 52.520_006_6, "lon": 13.404_954, "alt": 34.2, "accuracy": 3.79},
        {"timestamp": SEEN + 60, "bssid": "00:11:22:00:00:01", "ssid": "CoffeeShop", "capabilities": "[WPA2-PSK-CCMP][ESS]",
         "channel": "6", "freqkhz": 2_437_000, "signal": -70, "lat": 52.520_106_6, "lon": 13.405_154},
        {"timestamp": SEEN + 1, "bssid": "02:00:00:00:00:02", "ssid": "Open & <free>", "capabilities": "[ESS]",
         "channel": "36", "signal": -80, "lat": 52.5, "lon": 13.4, "alt": -400},
        {"timestamp": SEEN + 2, "bssid": "02:00:00:00:00:03", "ssid": "", "capabilities": "[RSN-SAE-CCMP][ESS][MFPR][MFPC]",
         "freqkhz": 5_955_000, "signal": -50, "lat": -90.0, "lon": 180.0},
        {"timestamp": SEEN + 3, "bssid": "02:00:00:00:00:04", "ssid": "placeless", "capabilities": "[WEP][ESS]"},
        {"timestamp": SEEN + 4, "bssid": "02:00:00:00:00:05", "ssid": "unstated", "lat": 90.0, "lon": -180.0},
        {"timestamp": SEEN + 5, "bssid": "02:00:00:00:00:06", "ssid": "private_nomap", "capabilities": "[ESS]", "lat": 52.5, "lon": 13.4},
    ]);
    send(&server, WIFI, wifi).await;
    let bluetooth = json!([
        {"timestamp": SEEN, "btaddr": "02:00:00:00:01:01", "name": "Watch", "devicetype": "BTLE", "signal": -77,
         "scan_data": "03FF4C00", "lat": 52.5, "lon": 13.4},
        {"timestamp": SEEN, "btaddr": "02:00:00:00:01:02", "lat": 52.5, "lon": 13.4},
    ]);
    send(&server, BLUETOOTH, bluetooth).await;
    server
}

/// A file, as a text.
pub(crate) async fn file(server: &TestServer, path: &str) -> String {
    let answer = server.get(&format!("/api/v1/export/{path}")).await;
    answer.expect_status(200).text
}

/// A file as a text that has all of it. The pages of Parquet are unpacked.
pub(crate) async fn readable(server: &TestServer, path: &str) -> String {
    let mut octets = octets_of(server, path).await;
    if path.starts_with("parquet") {
        let pages = parquet::unpacked(&octets);
        octets.extend(pages);
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// A file, octet by octet.
pub(crate) async fn octets_of(server: &TestServer, path: &str) -> Vec<u8> {
    let path = format!("/api/v1/export/{path}");
    let answer = server.request(reqwest::Method::GET, &path).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}
