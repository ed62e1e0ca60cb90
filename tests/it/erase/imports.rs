//! Erasure of what imports keep.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{
    ERASE, OTHER, TARGET, ap, expect_erased, files_in, forms, found_in, send, wait_until_gone,
};
use crate::server::{Answer, TestServer, WIFI};

/// A file of the `WiGLE` app with one row of the target, and one of another device.
fn drive() -> String {
    let row = |address: &str| {
        format!(
            "{address},net,[ESS],2026-01-01 10:00:00,6,2437,-61,52.5123456,13.4987654,34.2,3.79,,,WIFI\n"
        )
    };
    format!(
        "WigleWifi-1.6,appRelease=2.91\n\
         MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,RCOIs,MfgrId,Type\n\
         {}{}",
        row(TARGET),
        row(OTHER)
    )
}

#[tokio::test]
async fn accounts_of_imports_lose_places_times_and_the_name_of_the_source() {
    let server = TestServer::start().await;
    let path = "/api/v1/imports?source=phone%20of%20Alice";
    let request = server.request(Method::POST, path).body(drive());
    let request = request.header("content-type", "application/octet-stream");
    let account = Answer::of(request).await.expect_status(200).json();
    assert_eq!(account["files"][0]["bbox"][0], 13.498_765_4, "{account}");
    let sources = server.read("/api/v1/sources").await;
    let source = sources["sources"][0]["source"].as_str().unwrap().to_owned();
    let (data, config) = server.stop().await;
    let of_place = [b"52.5123456".to_vec(), b"\"first_seen\":".to_vec()];
    assert_eq!(found_in(data.path(), &of_place).len(), 2);
    // An area elsewhere has nothing of it, but nobody knows that of the account.
    expect_erased(data.path(), &["--area", "52.5123456,13.4987654,10"]);
    assert_eq!(found_in(data.path(), &of_place), [""; 0]);
    let name = [b"phone of alice".to_vec()];
    assert!(!found_in(data.path(), &name).is_empty());
    expect_erased(data.path(), &["--source", &source]);
    assert_eq!(found_in(data.path(), &name), [""; 0]);
    let server = TestServer::start_on(data, config).await;
    let account = server.read("/api/v1/imports/1").await;
    assert_eq!(account["files"][0]["taken"], 2, "{account}");
    assert_eq!(account["files"][0]["bbox"], Value::Null, "{account}");
}

#[tokio::test]
async fn what_a_crash_left_of_an_export_and_of_an_upload_goes() {
    let server = TestServer::start().await;
    let (data, _) = server.stop().await;
    for name in [
        "exports/unfinished",
        "imports/spool/7-0",
        "erasures.json.new",
    ] {
        let path = data.path().join(name);
        fs::write(path, format!("a file with {TARGET}")).unwrap();
    }
    expect_erased(data.path(), &["--address", TARGET]);
    assert_eq!(found_in(data.path(), &forms()), [""; 0]);
}

#[tokio::test]
async fn an_upload_on_its_way_stops_no_erasure() {
    let server = TestServer::start().await;
    send(&server, WIFI, json!([ap(TARGET, 1)]), "a").await;
    let mut upload = TcpStream::connect(server.addr).await.unwrap();
    let head = "POST /api/v1/imports HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n\
                content-length: 1000000\r\n\r\nWigleWifi-1.6,appRelease=1\n";
    upload.write_all(head.as_bytes()).await.unwrap();
    let spool = server.data().join("imports/spool");
    while files_in(&spool).is_empty() {
        tokio::task::yield_now().await;
    }
    let order = json!({ "address": TARGET, "dry_run": false });
    server.post_json(ERASE, &order).await.expect_status(202);
    drop(upload);
    wait_until_gone(&server, TARGET).await;
    assert!(files_in(&spool).is_empty());
}
