//! Imports are history: they say nothing about now.

use scanpost::config::alerts::Network;
use serde_json::json;

use super::{account, check_counts, send, wigle};
use crate::live::page::Stream;
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

/// A page that shows how far imports are needs to ask only when one has ended.
#[tokio::test]
async fn an_import_is_one_live_event_however_many_devices_it_has() {
    let server = TestServer::start().await;
    let mut stream = Stream::open(&server).await;
    stream.until("counters").await;
    let files: Vec<_> = [wigle(0..20), wigle(20..30)].into();
    let files: Vec<_> = files
        .iter()
        .map(|file| ("a.csv", file.as_bytes()))
        .collect();
    send(&server, "", &files).await.expect_status(200);
    send(&server, "?dry_run=true", &files[..1])
        .await
        .expect_status(200);
    let mut told = Vec::new();
    while told.len() < 2 {
        let (event, data) = stream.next().await.unwrap();
        assert!(
            !["device", "devices", "source"].contains(&&*event),
            "{event}: {data}"
        );
        if event == "import" {
            told.push(data);
        }
    }
    assert_eq!(
        told,
        [
            json!({ "id": "1", "state": "done", "dry_run": false, "files": 2, "taken": 30 }),
            json!({ "id": "2", "state": "done", "dry_run": true, "files": 1, "taken": 0 }),
        ]
    );
}

#[tokio::test]
async fn imports_are_counted_for_metrics() {
    let server = TestServer::start().await;
    let bad = format!("{}no address,x\n", wigle(0..20));
    for (query, content) in [
        ("", &*bad),
        ("", &*bad),
        ("", &*wigle(0..30)),
        ("?dry_run=true", &*wigle(100..110)),
    ] {
        let files = [("a.csv", content.as_bytes())];
        send(&server, query, &files).await.expect_status(200);
    }
    let unknown = [("a.csv", b"nothing".as_slice())];
    send(&server, "", &unknown).await.expect_status(415);
    let text = server.get("/metrics").await.expect_status(200).text;
    for line in [
        r#"scanpost_imports_total{state="done"} 3"#,
        r#"scanpost_imports_total{state="failed"} 1"#,
        "scanpost_imports_waiting 0",
        r#"scanpost_import_files_total{form="wigle-csv"} 2"#,
        r#"scanpost_import_files_total{form="unknown"} 1"#,
        r#"scanpost_import_rows_total{outcome="taken"} 30"#,
        r#"scanpost_import_rows_total{outcome="duplicate"} 20"#,
        r#"scanpost_import_rows_total{outcome="refused"} 1"#,
        "scanpost_import_index_bytes 480",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
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
