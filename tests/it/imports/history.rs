//! Imports are history: they say nothing about now.

use scanpost::config::alerts::Network;
use serde_json::json;

use super::{account, check_counts, wigle};
use crate::server::{TestServer, now_s};

#[tokio::test]
async fn imports_raise_no_alerts_and_reports_still_do() {
    let server = TestServer::start_with(|config| {
        "1000000/day,1000000/sec".clone_into(&mut config.alerts.ssidcanary);
        config.alerts.ssidcanary_networks = vec![Network {
            name: "net".to_owned(),
            ssid: "^net ".to_owned(),
        }];
    })
    .await;
    check_counts(&account(&server, wigle(0..100)).await, [100, 0, 0, 0]);
    let server = server.restart_without_snapshots().await;
    let alerts = server.read("/api/v1/alerts").await;
    assert_eq!(alerts["alerts"], json!([]));
    server
        .report(json!([{ "bssid": "02:00:00:00:ff:01", "ssid": "net live" }]))
        .await;
    let alerts = server.read("/api/v1/alerts").await;
    assert_eq!(alerts["alerts"].as_array().unwrap().len(), 1, "{alerts}");
}

#[tokio::test]
async fn an_import_has_one_message() {
    let server = TestServer::start().await;
    account(&server, wigle(0..20)).await;
    let messages = server.read("/messagebus/all_messages.json").await;
    let texts: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|message| message["kismet.messagebus.message_string"].as_str())
        .filter(|text| text.contains("802.11") || text.contains("mported"))
        .collect();
    assert_eq!(
        texts,
        ["Imported 20 reports of the file 'drive.csv' (wigle-csv)"]
    );
}

#[tokio::test]
async fn an_import_is_no_contact_of_a_source_that_reports() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "02:00:00:00:ff:01", "timestamp": now_s() }]))
        .await;
    let before = server.read("/api/v1/sources").await;
    let name = before["sources"][0]["name"].as_str().unwrap().to_owned();
    account(&server, wigle(0..20)).await;
    let after = server.read("/api/v1/sources").await;
    let sources = after["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "{after}");
    let same = sources
        .iter()
        .find(|source| source["name"] == *name)
        .unwrap();
    assert_eq!(same["last_contact"], before["sources"][0]["last_contact"]);
    // Retention counts from the arrival: the rows are there, however old they are.
    let page = server
        .read(&format!("/api/v1/devices/{}/observations", super::mac(3)))
        .await;
    assert_eq!(page["observations"].as_array().unwrap().len(), 1, "{page}");
}
