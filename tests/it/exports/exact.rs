//! Observations in GeoJSON are exact: they have all that the log has.

use serde_json::{Value, json};

use super::hostile::with_hostile_names;
use super::{SEEN, octets_of, send, with_devices};
use crate::imports::{account, wigle};
use crate::server::{BLUETOOTH, TestServer, WIFI};

const QUERY: &str = "geojson?per=observation&include=nomap";
/// The same without a collection, and with separators.
const SEQUENCES: [&str; 2] = [
    "geojsonseq?per=observation&include=nomap",
    "geojsonseq?per=observation&include=nomap&rs=true",
];

/// The server with some of everything, and reports that fill each field.
async fn with_all_fields() -> TestServer {
    let server = with_devices().await;
    let wifi = json!([
        {"timestamp": SEEN + 9, "bssid": "02:00:00:00:02:01", "ssid": "  <hidden>  ", "capabilities": "[WPA2-PSK-CCMP][ESS]",
         "channel": "36", "freqkhz": 5_180_000, "signal": 5, "lat": -40.712_800_1, "lon": -179.9, "alt": -12.5,
         "speed": 1.5, "accuracy": "4.25", "tags": {"b": "2", "a:b": "1 \" }"}, "chanwidth": "80+80",
         "centerfreq0": 5210, "centerfreq1": 5690, "ietags": "0000"},
        {"timestamp": SEEN + 10, "bssid": "02:00:00:00:02:02", "ssid": "   ", "signal": -140, "channel": "6", "freqkhz": 5_180_000},
        {"timestamp": SEEN + 11, "bssid": "02:00:00:00:02:03", "ssid": "@FF\\xFF", "channel": "42HT40P"},
    ]);
    send(&server, WIFI, wifi).await;
    let bluetooth = json!([
        {"timestamp": SEEN + 9, "btaddr": "02:00:00:00:03:01", "name": " a\\x41 ", "devicetype": "BR/EDR", "txpowerlevel": 4,
         "pathloss": 60, "scan_data": "0201060AFF", "service_data": {"180f": "64", "fe9f": "00ff"}, "signal": -60,
         "tags": {"x": "y"}},
    ]);
    send(&server, BLUETOOTH, bluetooth).await;
    server
}

/// The features, without what a log gives each record itself.
async fn features(server: &TestServer) -> Vec<Value> {
    let octets = octets_of(server, QUERY).await;
    let mut collection: Value = serde_json::from_slice(&octets).unwrap();
    let features = collection["features"].as_array_mut().unwrap();
    for feature in features.iter_mut() {
        feature.as_object_mut().unwrap().remove("id");
        let properties = feature["properties"].as_object_mut().unwrap();
        for own in ["position", "received_at"] {
            properties.remove(own).unwrap();
        }
    }
    features.sort_by_key(ToString::to_string);
    features.clone()
}

async fn expect_unchanged(server: &TestServer) {
    let (before, devices) = (features(server).await, server.device_count().await);
    for query in [&[QUERY], &SEQUENCES[..]].concat() {
        let told = account(server, octets_of(server, query).await).await;
        assert_eq!(
            (&told["taken"], &told["refused"]),
            (&json!(0), &json!(0)),
            "{query}: {told}"
        );
        assert_eq!(told["duplicates"], before.len(), "{query}: {told}");
        assert_eq!(features(server).await, before, "{query}");
        assert_eq!(server.device_count().await, devices, "{query}");
    }
}

#[tokio::test]
async fn an_import_where_it_came_from_changes_nothing() {
    let server = with_all_fields().await;
    expect_unchanged(&server).await;
    expect_unchanged(&with_hostile_names().await).await;
}

#[tokio::test]
async fn so_it_is_with_what_was_imported() {
    let server = TestServer::start().await;
    let told = account(&server, wigle(0..50)).await;
    assert_eq!(told["taken"], 50, "{told}");
    expect_unchanged(&server).await;
    // Names are no part of what tells rows of this form apart.
    let from = with_devices().await;
    let told = account(&server, octets_of(&from, "netxml").await).await;
    assert_ne!(told["taken"], 0, "{told}");
    expect_unchanged(&server).await;
}

#[tokio::test]
async fn another_server_has_the_same_observations() {
    for (from, query) in [
        (with_all_fields().await, QUERY),
        (with_hostile_names().await, QUERY),
        (with_all_fields().await, SEQUENCES[0]),
        (with_hostile_names().await, SEQUENCES[1]),
    ] {
        let into = TestServer::start().await;
        let told = account(&into, octets_of(&from, query).await).await;
        assert_eq!(
            (&told["duplicates"], &told["refused"]),
            (&json!(0), &json!(0)),
            "{told}"
        );
        assert_eq!(features(&into).await, features(&from).await);
    }
}
