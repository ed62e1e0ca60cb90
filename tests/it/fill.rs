//! What a scanner can fill: tags, advertising data, memory and the rate of bytes.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, BLUETOOTH, TestServer, WIFI, batch, gzip};

const AP: &str = "00:00:00:00:00:01";
const MIB: u64 = 1 << 20;

fn bssid(number: usize) -> String {
    let [.., high, low] = number.to_be_bytes();
    format!("02:00:00:00:{high:02X}:{low:02X}")
}

/// The addresses of all devices, sorted.
async fn addresses(server: &TestServer) -> Vec<String> {
    let fields = json!({ "fields": ["kismet.device.base.macaddr"] });
    let path = "/devices/views/all/devices.json";
    let devices = server.post_json(path, &fields).await.json();
    let address = |device: &Value| {
        let address = device["kismet.device.base.macaddr"].as_str();
        address.map(String::from)
    };
    let mut addresses: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .filter_map(address)
        .collect();
    addresses.sort_unstable();
    addresses
}

#[tokio::test]
async fn tags_of_a_device_have_a_bound_in_all_and_the_sender_is_told() {
    let server =
        TestServer::start_with(|config| config.limits.tags_bytes_per_device_max = 10).await;
    let report = |tags: Value| batch(json!([{ "bssid": AP, "tags": tags }]));
    let at_the_bound = server
        .taken(&report(json!({ "a": "12345678", "b": "" })))
        .await;
    assert_eq!(at_the_bound["ignored"], json!([]));
    let past = server
        .taken(&report(json!({ "c": "1", "d": "123456789" })))
        .await;
    assert_eq!(past["ignored"][0]["field"], "tags");
    assert_eq!(
        past["ignored"][0]["reason"],
        "more than 10 bytes in all: this tag is left out"
    );
    let device = server.device(AP).await;
    let kept = json!({ "a": "12345678", "b": "" });
    assert_eq!(device["kismet.device.base.tags"], kept);

    let key = device["kismet.device.base.key"].as_str().unwrap();
    let path = format!("/devices/by-key/{key}/set_tag.cmd");
    let set = async |name: &str, value: &str| {
        let command = json!({ "tagname": name, "tagvalue": value });
        server.post_json(&path, &command).await
    };
    set("c", "1")
        .await
        .expect_error(400, "would have 12 bytes, at most 10 are allowed");
    set("a", "1").await.expect_status(200);
    set("c", "123456").await.expect_status(200);
    let kept = json!({ "a": "1", "b": "", "c": "123456" });
    let server = server.restart().await;
    assert_eq!(server.device(AP).await["kismet.device.base.tags"], kept);
    let server = server.restart_without_snapshots().await;
    assert_eq!(server.device(AP).await["kismet.device.base.tags"], kept);
}

#[tokio::test]
async fn advertising_data_has_a_bound() {
    let server =
        TestServer::start_with(|config| config.limits.advertising_bytes_per_device_max = 10).await;
    let report = async |scan_data: usize, service_data: usize| {
        let body = batch(json!([{
            "btaddr": "C0:FF:EE:00:00:01", "scan_data": "00".repeat(scan_data),
            "service_data": { "180f": "00".repeat(service_data) },
        }]));
        let answer = server.post_json(BLUETOOTH, &body).await;
        let answer = answer.expect_status(200).json();
        let ignored = answer["ignored"].as_array().unwrap().iter();
        let ignored: Vec<_> = ignored.map(|value| value["field"].clone()).collect();
        ignored
    };
    assert_eq!(report(10, 6).await, [""; 0]);
    assert_eq!(report(11, 7).await, ["scan_data", "service_data"]);
}

#[tokio::test]
async fn bytes_count_as_they_are_after_decompression() {
    let server = TestServer::start_with(|config| config.limits.bytes_per_second_max = 1000).await;
    let send = async |body: Vec<u8>| {
        let request = server.request(Method::POST, WIFI);
        Answer::of(request.header("content-encoding", "gzip").body(body)).await
    };
    let text = batch(json!([{ "bssid": AP }])).to_string();
    let small = gzip(text.as_bytes());
    send(small.clone()).await.expect_status(200);
    let large = gzip(format!("{text}{}", " ".repeat(1_000_000)).as_bytes());
    assert!(large.len() < 2000);
    send(large).await.expect_status(200);
    let refused = send(small).await;
    let retry_after = refused.headers["retry-after"].to_str().unwrap().to_owned();
    let retry_after: u64 = retry_after.parse().unwrap();
    assert!((900..=1000).contains(&retry_after), "{retry_after}");
    refused.expect_error(429, "more than 1000 bytes a second after decompression");
    // Reads are not limited.
    assert_eq!(server.device_count().await, 1);
}

#[tokio::test]
async fn a_body_that_cannot_be_decompressed_counts_too() {
    let server = TestServer::start_with(|config| config.limits.bytes_per_second_max = 1000).await;
    let mut body = gzip(&vec![b' '; 1_000_000]);
    let checksum = body.len() - 8;
    body[checksum] ^= 1;
    for (status, reason) in [(400, "not gzip"), (429, "bytes a second")] {
        let request = server.request(Method::POST, WIFI);
        let request = request
            .header("content-encoding", "gzip")
            .body(body.clone());
        Answer::of(request).await.expect_error(status, reason);
    }
}

#[tokio::test]
async fn past_the_bound_of_memory_the_least_recently_seen_devices_go_also_at_a_start() {
    const BATCH: usize = 25;
    let tags = |number: usize| {
        let tag = |tag: usize| (tag.to_string(), format!("{number:250}"));
        (0..14).map(tag).collect::<BTreeMap<_, _>>()
    };
    let server = TestServer::start().await;
    for batch in 0..16 {
        let reports = (batch * BATCH..).take(BATCH);
        let reports = reports.map(|number| json!({ "bssid": bssid(number), "tags": tags(number) }));
        server.report(reports.collect()).await;
    }
    assert_eq!(server.device_count().await, 16 * BATCH);

    // From a snapshot of more than the bound, then from the log.
    let server = server
        .restart_with(|config| config.limits.memory_bytes_max = MIB)
        .await;
    let kept = addresses(&server).await;
    assert!((150..300).contains(&kept.len()), "{}", kept.len());
    // The newest batches are there, one in part, and none before.
    let newest = kept.len() / BATCH * BATCH;
    let is_kept = |number: usize| kept.binary_search(&bssid(number)).is_ok();
    assert!((16 * BATCH - newest..16 * BATCH).all(is_kept));
    assert!(!(0..16 * BATCH - newest - BATCH).any(is_kept));

    server.report(json!([{ "bssid": AP }])).await;
    let kept = addresses(&server).await;
    assert!(kept.contains(&AP.to_owned()));
    let server = server.restart_without_snapshots().await;
    assert!(addresses(&server).await == kept);
    let server = server.restart().await;
    assert!(addresses(&server).await == kept);
}

#[tokio::test]
async fn reports_are_refused_with_507_only_if_sources_alone_fill_the_memory() {
    let server = TestServer::start_with(|config| config.limits.memory_bytes_max = MIB).await;
    let send = async |source: usize| {
        let body = json!({
            "source_uuid": format!("44444444-0000-0000-0000-{source:012}"), "source_name": "x".repeat(200), "reports": []
        });
        server.post_json(WIFI, &body).await
    };
    let mut sources = 0;
    let refused = loop {
        let answer = send(sources).await;
        if answer.status != 200 {
            break answer;
        }
        sources += 1;
        assert!(sources < 2000, "1 MiB is never full");
    };
    assert!(500 < sources, "{sources}");
    refused.expect_error(507, "limits.memory_bytes_max = 1048576");
    assert_eq!(server.source_count().await, sources);
}
