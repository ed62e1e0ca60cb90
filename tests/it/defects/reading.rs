//! Defects of Kismet's read routes that do not exist here.

use std::time::Duration;

use reqwest::Method;
use scanpost::auth::Credentials;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::AP;
use crate::auth::key;
use crate::server::{Answer, SOURCE, TestServer, WIFI, batch};
use crate::snapshot::expect_snapshot;

const ALL: &str = "/devices/views/all/devices.json";
const MAC: &str = "kismet.device.base.macaddr";
const NAME: &str = "kismet.device.base.name";
const CRYPT: &str = "kismet.device.base.crypt";
const SIGNAL: &str = "kismet.device.base.signal/kismet.common.signal.last_signal";
/// A time long before the test.
const PAST: u64 = 1_700_000_000;

async fn ask(server: &TestServer, path: &str, command: &Value) -> Value {
    let answer = server.post_json(path, command).await;
    answer.expect_status(200).json()
}

/// Strings in one field of a list.
fn texts(list: &Value, field: &str) -> Vec<String> {
    let records = list.as_array().unwrap().iter();
    records
        .map(|record| record[field].as_str().unwrap().to_owned())
        .collect()
}

/// A server with three networks, whose order differs by address, name, signal and security.
async fn with_three() -> TestServer {
    let server = TestServer::start().await;
    let report = |number: u8, ssid: &str, signal: i32, capabilities: &str| {
        json!({
            "bssid": format!("00:00:00:00:00:0{number}"), "ssid": ssid, "signal": signal,
            "capabilities": capabilities, "timestamp": PAST,
        })
    };
    server
        .report(json!([
            report(1, "beta", -70, "[WPA2-PSK-CCMP][ESS]"),
            report(2, "Coffee Shop", -50, "[ESS]"),
            report(3, "Alpha", -60, "[RSN-SAE-CCMP][ESS]"),
        ]))
        .await;
    server
}

/// Row 28.
#[tokio::test]
async fn a_poll_shows_reports_that_came_late() {
    let server = TestServer::start().await;
    let now = server.read("/system/timestamp.json").await["kismet.system.timestamp.sec"].clone();
    server
        .report(json!([{ "bssid": AP, "timestamp": PAST }]))
        .await;
    for path in [
        format!("/devices/last-time/{now}/devices.json"),
        format!("/devices/views/all/last-time/{now}/devices.json"),
    ] {
        assert_eq!(texts(&server.read(&path).await, MAC), [AP], "{path}");
    }
    let command = json!({ "last_time": now });
    assert_eq!(texts(&ask(&server, ALL, &command).await, MAC), [AP]);
}

/// Row 29.
#[tokio::test]
async fn a_negative_time_is_before_now_everywhere() {
    // Reports from before the test.
    let server = TestServer::start_on_fixture("v1").await;
    let known = server.device_count().await;
    assert!(0 < known);
    server.report(json!([{ "bssid": AP, "ssid": "now" }])).await;
    for (path, name, expected) in [
        (ALL, MAC, AP),
        (
            "/phy/phy80211/ssids/views/ssids.json",
            "dot11.ssidgroup.ssid",
            "now",
        ),
    ] {
        let since = async |time: f64| {
            let command = json!({ "last_time": time, "fields": [name] });
            texts(&ask(&server, path, &command).await, name)
        };
        assert_eq!(since(-600.0).await, [expected], "{path}");
        assert_eq!(since(-4e9).await, since(0.0).await, "{path}");
        assert!(1 < since(-4e9).await.len(), "{path}");
    }
    for path in ["devices/last-time", "devices/views/all/last-time"] {
        let recent = server.read(&format!("/{path}/-600/devices.json")).await;
        assert_eq!(texts(&recent, MAC), [AP], "{path}");
    }
    let said = async |since: &str| -> usize {
        let path = format!("/messagebus/last-time/{since}/messages.json");
        let messages = server.read(&path).await["kismet.messagebus.list"].clone();
        messages.as_array().unwrap().len()
    };
    assert!(0 < said("-600").await);
    assert_eq!(said("-600").await, said("0").await);
    assert_eq!(said("4000000000").await, 0);
}

/// Row 30.
#[tokio::test]
async fn texts_are_sorted_as_texts_and_words_mean_themselves_in_the_native_interface() {
    let server = with_three().await;
    let kismet = async |sort: &str, direction: &str| {
        let path = format!("{ALL}?sort={sort}&sort_dir={direction}");
        texts(&server.read(&path).await, NAME)
    };
    // Kismet swaps `asc` and `desc`, and its page relies on that.
    let ascending = ["beta", "Alpha", "Coffee Shop"];
    let descending = ["Coffee Shop", "Alpha", "beta"];
    assert_eq!(kismet(SIGNAL, "asc").await, descending);
    assert_eq!(kismet(SIGNAL, "desc").await, ascending);
    assert_eq!(kismet(NAME, "desc").await, ["Alpha", "beta", "Coffee Shop"]);
    // "Open", "WPA2 …", "WPA3 …".
    let by_security = ["Coffee Shop", "beta", "Alpha"];
    assert_eq!(kismet(CRYPT, "desc").await, by_security);
    let native = async |order: &str| {
        let path = format!("/api/v1/devices?sort=signal&order={order}");
        texts(&server.read(&path).await["devices"], "name")
    };
    assert_eq!(native("asc").await, ascending);
    assert_eq!(native("desc").await, descending);
}

/// Row 31.
#[tokio::test]
async fn each_field_comes_under_its_own_name() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": AP, "ssid": "x", "tags": { "notes": "roof" } }]))
        .await;
    let command = json!({ "fields": [
        [NAME, "called"], NAME, "never.registered", ["never.registered", "renamed"],
        "kismet.device.base.tags/notes",
        "kismet.device.base.seenby/kismet.common.seenby.uuid",
        "kismet.device.base.macaddr/deeper",
    ] });
    expect_snapshot("chosen_fields", ask(&server, ALL, &command).await);
}

/// Row 32.
#[tokio::test]
async fn a_refused_command_is_answered_by_its_error_and_nothing_else() {
    let server = with_three().await;
    for command in [
        json!({ "fields": [1] }),
        json!({ "fields": "x" }),
        json!({ "regex": [["a", "("]] }),
        json!({ "regex": "x" }),
    ] {
        for path in [
            ALL,
            "/devices/views/all/last-time/0/devices.json",
            "/phy/phy80211/ssids/views/ssids.json",
        ] {
            let answer = server.post_json(path, &command).await;
            // The body is one JSON document, so nothing follows the error.
            let error = answer.expect_error(400, "");
            let named = command.as_object().unwrap().keys().next().unwrap();
            let reason = error["status"].as_str().unwrap();
            assert!(reason.starts_with(named.as_str()), "{path}: {error}");
        }
    }
}

/// Row 33.
#[tokio::test]
async fn an_extension_that_means_nothing_is_not_found() {
    let server = with_three().await;
    // Whoever may not list keys is told so first.
    let admin = key(&Credentials::open(server.data()).unwrap(), "admin");
    for path in [
        "/devices/views/all/devices",
        "/devices/by-key/4202770D00000000_10000000000/device",
        "/system/status",
        "/datasource/all_sources",
        "/auth/apikey/list",
    ] {
        for extension in [
            "", ".", ".xml", ".jso", ".jsonx", ".JSON", ".json.", "/.json",
        ] {
            let path = format!("{path}{extension}?KISMET={admin}");
            let answer = server.get(&path).await;
            answer.expect_error(404, "nothing at this path");
        }
    }
}

/// Row 34.
#[tokio::test]
async fn views_have_their_documented_paths_too() {
    let server = with_three().await;
    let other = SOURCE.replace('4', "5");
    let mut body = batch(json!([{ "bssid": "00:00:00:00:00:09" }]));
    body["source_uuid"] = json!(other);
    server.post_json(WIFI, &body).await.expect_status(200);
    let lower = "aaaaaaaa-0000-0000-0000-00000000000a";
    body["source_uuid"] = json!(lower);
    server.post_json(WIFI, &body).await.expect_status(200);
    for (long, short, count) in [
        ("phy/IEEE802.11".to_owned(), "phy-IEEE802.11".to_owned(), 4),
        ("phy/Bluetooth".to_owned(), "phy-Bluetooth".to_owned(), 0),
        (format!("seenby-uuid/{other}"), format!("seenby-{other}"), 1),
        (format!("seenby-uuid/{lower}"), format!("seenby-{lower}"), 1),
    ] {
        for rest in [
            "devices",
            "last-time/-600/devices",
            "last-time/4000000000/devices",
        ] {
            let ask = async |view: &str| {
                let path = format!("/devices/views/{view}/{rest}.json?sort={MAC}");
                texts(&ask(&server, &path, &json!({ "fields": [MAC] })).await, MAC)
            };
            let listed = ask(&long).await;
            assert_eq!(listed, ask(&short).await, "{long} {rest}");
            let expected = if rest.contains("4000000000") {
                0
            } else {
                count
            };
            assert_eq!(listed.len(), expected, "{long} {rest}");
        }
    }
    let nobody = SOURCE.replace('4', "6");
    for unknown in [
        "phy/nothing".to_owned(),
        format!("seenby-uuid/{nobody}"),
        "seenby-uuid/x".to_owned(),
    ] {
        let path = format!("/devices/views/{unknown}/devices.json");
        let answer = server.get(&path).await;
        answer.expect_error(404, "no view of that name");
    }
    let command = json!({ "fields": [MAC], "regex": [[NAME, "^beta$"]] });
    let summary = ask(&server, "/devices/summary/devices.json", &command).await;
    assert_eq!(summary, json!([{ MAC: "00:00:00:00:00:01" }]));
    let points = server.read("/poi/list_poi.json").await;
    assert_eq!(points, server.read("/poi/all_poi.json").await);
}

/// Row 35.
#[tokio::test]
async fn paths_and_queries_are_decoded() {
    let server = with_three().await;
    for path in [
        "/devices/by-mac/00:00:00:00:00:00%2FFF:FF:FF:FF:FF:00/devices.json",
        "/devices/by-mac/00%3A00%3a00:00:00:00*FF:FF:FF:FF:FF:00/devices.json",
        "/devices/views/phy%2DIEEE802%2E11/devices.json",
        "/devices/views/phy/IEEE802%2E11/devices.json",
        "/devices/%76iews/all/devices%2ejson",
    ] {
        let devices = server.read(path).await;
        assert_eq!(devices.as_array().unwrap().len(), 3, "{path}");
    }
    for search in ["Coffee+Shop", "coffee%20shop", "%43offee+"] {
        let path = format!("{ALL}?search={search}");
        let found = ask(&server, &path, &json!({ "fields": [NAME] })).await;
        assert_eq!(texts(&found, NAME), ["Coffee Shop"], "{search}");
    }
    let broken = server.get("/devices/by-mac/%FF/devices.json").await;
    broken.expect_error(400, "path: not UTF-8");
}

/// Sends text, and returns everything that the server sends until it closes.
async fn said(server: &TestServer, head: &str) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Row 36.
#[tokio::test]
async fn answers_come_as_the_client_can_take_them() {
    let server = with_three().await;
    let old = said(
        &server,
        &format!("GET {ALL} HTTP/1.0\r\nhost: localhost\r\n\r\n"),
    )
    .await;
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    let devices: Value = serde_json::from_str(body).unwrap();
    assert_eq!(devices.as_array().unwrap().len(), 3);

    let path = "/datasource/all_sources.json";
    let head = Answer::of(server.request(Method::HEAD, path)).await;
    let head = head.expect_status(200);
    assert_eq!(head.text, "");
    let request = server.request(Method::GET, path);
    let packed = Answer::of(request.header("accept-encoding", "gzip")).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");

    let path = "/devices/views/all_views.json";
    let tag = server.get(path).await.headers["etag"].clone();
    let request = server.request(Method::GET, path);
    let again = Answer::of(request.header("if-none-match", tag)).await;
    assert_eq!(again.expect_status(304).text, "");
}

/// Row 37.
#[tokio::test]
async fn the_sources_of_a_device_come_whole_only_to_who_asks_for_them() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    let source = "kismet.datasource.uuid";
    // Kismet's clients look for it there.
    let device = server.device(AP).await;
    let seen = &device["kismet.device.base.seenby"][0];
    assert_eq!(seen["kismet.common.seenby.uuid"], SOURCE);
    assert_eq!(seen["kismet.common.seenby.source"][source], SOURCE);
    let fields = json!({ "fields": [MAC] });
    let chosen = ask(&server, ALL, &fields).await;
    assert_eq!(chosen, json!([{ MAC: AP }]));
    let list = server.read("/api/v1/devices").await;
    assert!(!list.to_string().contains(SOURCE), "{list}");
    let whole = server.read(&format!("/api/v1/devices/{AP}")).await;
    // Only the name matters.
    assert_eq!(whole["seen_by"][0]["source"], SOURCE, "{whole}");
}

/// Row 38.
#[tokio::test]
async fn a_reader_that_stops_reading_stops_nobody_else() {
    const READERS: usize = 8;
    /// More than fits into the buffers at both ends of a connection.
    const ANSWER_BYTES_MIN: usize = 24 << 20;
    const PATIENCE: Duration = Duration::from_secs(60);
    let server = TestServer::start().await;
    for part in 0..8 {
        let reports = (0..1000).map(|number| {
            let bssid = format!("0200{:08x}", part * 1000 + number);
            json!({ "bssid": bssid, "ssid": "x", "signal": -50, "timestamp": PAST })
        });
        server.report(reports.collect()).await;
    }
    let mut stalled = Vec::new();
    for _ in 0..READERS {
        let mut reader = TcpStream::connect(server.addr).await.unwrap();
        let head = format!("GET {ALL} HTTP/1.0\r\nhost: localhost\r\n\r\n");
        reader.write_all(head.as_bytes()).await.unwrap();
        let mut begun = [0; 1024];
        reader.read_exact(&mut begun).await.unwrap();
        stalled.push(reader);
    }
    // All readers are stalled in the middle of their answers. Reports and other reads go on.
    for number in 1..=20 {
        let report = json!([{ "bssid": format!("0400{number:08x}"), "signal": -number }]);
        timeout(PATIENCE, server.report(report)).await.unwrap();
        let address = format!("04:00:00:00:00:{number:02X}");
        let device = timeout(PATIENCE, server.device(&address)).await.unwrap();
        assert_eq!(device[MAC], address);
    }
    // A stalled reader that goes on gets every device that existed when it began.
    let mut answer = Vec::new();
    let reader = stalled.first_mut().unwrap();
    let rest = timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
    rest.unwrap().unwrap();
    assert!(ANSWER_BYTES_MIN < answer.len(), "{}", answer.len());
    let text = String::from_utf8(answer).unwrap();
    assert!(text.ends_with("}]"));
    let count = text.matches("\"kismet.device.base.commonname\"").count();
    assert!((8000..=8020).contains(&count), "{count}");
}
