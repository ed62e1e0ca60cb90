//! Apps that report to location services, pointed here unchanged.

use reqwest::Method;
use scanpost::config::AuthMode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::auth::{guarded, key};
use crate::server::{Answer, TestServer, gzip, now_s};

const PATH: &str = "/v2/geosubmit";
const NEOSTUMBLER: &str = include_str!("../fixtures/geosubmit/neostumbler.json");
const TOWER_COLLECTOR: &str = include_str!("../fixtures/geosubmit/tower_collector.json");
const GEOCLUE: &str = include_str!("../fixtures/geosubmit/geoclue.json");
const ICHNAEA_V1: &str = include_str!("../fixtures/geosubmit/ichnaea_v1.json");
const WRONG_TYPES: &str = include_str!("../fixtures/geosubmit/wrong_types.json");

/// A document with a record for each address, seen now.
fn document(addresses: &[&str]) -> Value {
    let records: Vec<_> = addresses
        .iter()
        .map(|address| json!({ "macAddress": address, "signalStrength": -60 }))
        .collect();
    let item = json!({
        "timestamp": now_s() * 1000,
        "position": { "latitude": 52.5, "longitude": 13.25, "accuracy": 4.5 },
        "wifiAccessPoints": records,
    });
    json!({ "items": [item] })
}

/// The only source.
async fn source(server: &TestServer) -> Value {
    let sources = server.read("/api/v1/sources").await;
    assert_eq!(sources["sources"].as_array().unwrap().len(), 1, "{sources}");
    sources["sources"][0].clone()
}

/// Sends a body in pieces and gzip, as Android's HTTP client does.
async fn send_as_phone(server: &TestServer, target: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST {target} HTTP/1.1\r\nUser-Agent: NeoStumbler/42\r\nContent-Encoding: gzip\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nHost: {}\r\nConnection: close\r\n\
         Accept-Encoding: gzip\r\n\r\n",
        server.addr
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in gzip(body.as_bytes()).chunks(100) {
        let size = format!("{:x}\r\n", piece.len());
        stream.write_all(size.as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, body.to_owned())
}

#[tokio::test]
async fn neostumbler_reports_with_its_key_in_the_address() {
    let (server, credentials) = guarded().await;
    let key = key(&credentials, "scanreport");
    let target = format!("//v2/geosubmit?key={key}");
    let (status, body) = send_as_phone(&server, &target, NEOSTUMBLER).await;
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", "{}"));
    // Sent again by hand, it counts once.
    let (status, _) = send_as_phone(&server, &target, NEOSTUMBLER).await;
    assert_eq!(status, "HTTP/1.1 200 OK");

    let read = async |path: &str| {
        let request = server.request(Method::GET, path);
        let request = request.basic_auth("admin", Some("right horse"));
        Answer::of(request).await.expect_status(200).json()
    };
    let device = read("/api/v1/devices/02:00:5E:10:00:01").await;
    assert_eq!(device["reports"], 2, "{device}");
    assert_eq!(device["name"], "CoffeeShop", "{device}");
    let observations = read("/api/v1/devices/02:00:5E:10:00:01/observations").await;
    let times: Vec<_> = observations["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|observation| {
            (
                observation["time"].clone(),
                observation["accuracy_m"].clone(),
            )
        })
        .collect();
    assert!(
        times.contains(&(json!(1_754_039_995), json!(4.5))),
        "{observations}"
    );
    let name = read("/api/v1/devices/02:00:5E:10:00:02").await["name"].clone();
    assert_eq!(name, "Bü/ro 📶");
    let beacon = read("/api/v1/devices/02:00:5E:10:00:03").await;
    assert_eq!(beacon["phy"], "Bluetooth", "{beacon}");
    let sources = read("/api/v1/sources").await;
    let [source] = &sources["sources"].as_array().unwrap()[..] else {
        panic!("{sources}");
    };
    assert_eq!(source["name"], "scanreport", "{source}");
    let path = format!("/api/v1/sources/{}", source["source"].as_str().unwrap());
    let source = read(&path).await;
    assert_eq!(
        source["values_ignored_by_field"]["cell_towers"], 1,
        "{source}"
    );
}

#[tokio::test]
async fn every_version_is_taken_at_every_path() {
    for path in [PATH, "/v1/geosubmit", "/v1/submit"] {
        for body in [
            NEOSTUMBLER,
            TOWER_COLLECTOR,
            GEOCLUE,
            ICHNAEA_V1,
            WRONG_TYPES,
        ] {
            let server = TestServer::start().await;
            let answer = server.post(path, None, body).await;
            if path == "/v1/submit" {
                assert_eq!(answer.expect_status(204).text, "");
            } else {
                assert_eq!(answer.expect_status(200).text, "{}");
            }
            let expected = match body {
                NEOSTUMBLER => 3,
                TOWER_COLLECTOR => 0,
                GEOCLUE | ICHNAEA_V1 => 2,
                _ => 1,
            };
            assert_eq!(server.device_count().await, expected, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn values_are_in_the_units_of_the_oldest_form_too() {
    let server = TestServer::start().await;
    let request = server
        .request(Method::POST, "/v1/submit")
        .header("x-nickname", "desk")
        .header("content-type", "application/json; charset=utf-8")
        .body(GEOCLUE);
    Answer::of(request).await.expect_status(204);
    let device = server.read("/api/v1/devices/02:00:5E:10:00:02").await;
    assert_eq!(device["frequency_khz"], 5_180_000, "{device}");
    assert_eq!(device["last_seen"], 1_754_040_000, "{device}");
    assert_eq!(source(&server).await["name"], "desk");
}

#[tokio::test]
async fn names_of_sources_have_no_control_characters() {
    let body = document(&["02:00:5e:10:00:01"]).to_string();
    for path in [PATH.to_owned(), format!("{PATH}?source=de%09%00sk")] {
        let server = TestServer::start().await;
        let request = server.request(Method::POST, &path);
        let request = request.header("x-nickname", "de\tsk").body(body.clone());
        Answer::of(request).await.expect_status(200);
        assert_eq!(source(&server).await["name"], "desk", "{path}");
    }
    let server = TestServer::start().await;
    let report = json!([{ "bssid": "02:00:5e:10:00:01" }]);
    let mut report = crate::server::batch(report);
    report["source_name"] = json!("de\tsk\n");
    server.taken(&report).await;
    assert_eq!(source(&server).await["name"], "desk");
}

#[tokio::test]
async fn bodies_of_any_type_are_taken() {
    let server = TestServer::start().await;
    let body = document(&["02:00:5e:10:00:01"]).to_string();
    for content_type in [
        None,
        Some("application/json; charset=utf-8"),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/octet-stream"),
    ] {
        let answer = server.post(PATH, content_type, body.clone()).await;
        assert_eq!(answer.expect_status(200).text, "{}");
    }
    let marked = format!("\u{feff}{body}");
    server.post(PATH, None, marked).await.expect_status(200);
    assert_eq!(server.reports_of("02:00:5E:10:00:01").await, 1);
}

#[tokio::test]
async fn errors_have_the_keys_of_ichnaea_besides_our_own() {
    let server = TestServer::start().await;
    for path in [PATH, "/v1/geosubmit", "/v1/submit"] {
        let nothing_valid = json!({ "items": [{ "wifiAccessPoints": [{ "macAddress": 7 }] }] });
        for body in [
            "nonsense".to_owned(),
            "{}".to_owned(),
            json!({ "items": 7 }).to_string(),
            nothing_valid.to_string(),
        ] {
            let error = server.post(path, None, body.clone()).await;
            let error = error.expect_error(400, "");
            assert_eq!(error["error"]["code"], 400, "{body}: {error}");
            assert_eq!(
                error["error"]["errors"][0]["reason"], "parseError",
                "{error}"
            );
            assert_eq!(error["error"]["message"], error["status"], "{error}");
        }
        let request = server
            .request(Method::POST, path)
            .header("content-encoding", "gzip")
            .body("not gzip");
        Answer::of(request).await.expect_error(400, "not gzip");
    }
    assert_eq!(server.device_count().await, 0);
}

#[tokio::test]
async fn bodies_and_uploads_are_bounded() {
    let server = TestServer::start_with(|config| {
        config.limits.body_bytes_max = 4096;
        config.limits.reports_per_batch_max = 1;
    })
    .await;
    let bomb = gzip(&[b' '; 5000]);
    let request = server
        .request(Method::POST, PATH)
        .header("content-encoding", "gzip")
        .body(bomb);
    let error = Answer::of(request).await.expect_error(413, "4096 bytes");
    assert_eq!(error["error"]["code"], 413, "{error}");
    let addresses: Vec<_> = (1..=17)
        .map(|number| format!("02000000{number:04x}"))
        .collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    let many = document(&addresses);
    let error = server.post_json(PATH, &many).await;
    error.expect_error(413, "17 reports, at most 16");
    // Each of the others becomes a batch of its own.
    let fewer = document(&addresses[1..]);
    server.post_json(PATH, &fewer).await.expect_status(200);
    assert_eq!(server.device_count().await, 16);
}

#[tokio::test]
async fn a_key_in_the_address_opens_these_paths_and_no_others() {
    let (server, credentials) = guarded().await;
    let body = document(&["02:00:5e:10:00:01"]);
    let post = async |path: &str| server.post_json(path, &body).await;
    let (scanreport, readonly) = (
        key(&credentials, "scanreport"),
        key(&credentials, "readonly"),
    );
    for path in [PATH, "/v1/geosubmit", "/v1/submit"] {
        post(path).await.expect_error(401, "scanreport");
        post(&format!("{path}?key="))
            .await
            .expect_error(401, "scanreport");
        post(&format!("{path}?key=wrong"))
            .await
            .expect_error(401, "scanreport");
        post(&format!("{path}?key={readonly}"))
            .await
            .expect_error(403, "no right");
        let taken = post(&format!("{path}?key={scanreport}")).await;
        assert!(taken.status.is_success(), "{}", taken.text);
    }
    let elsewhere = format!("/phy/phy80211/scan/scan_report.cmd?key={scanreport}");
    post(&elsewhere).await.expect_error(401, "scanreport");
    let read = server
        .get(&format!("/api/v1/devices?key={scanreport}"))
        .await;
    read.expect_error(401, "readonly");
}

#[tokio::test]
async fn a_key_is_ignored_where_none_is_required() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Off).await;
    let body = document(&["02:00:5e:10:00:01"]);
    let path = format!("{PATH}?key=whatever&source=walk");
    server.post_json(&path, &body).await.expect_status(200);
    assert_eq!(source(&server).await["name"], "walk");
}

#[tokio::test]
async fn a_phone_is_one_source_on_every_day() {
    let server = TestServer::start().await;
    let post = async |agent: &str, query: &str, address: &str| {
        let path = format!("{PATH}{query}");
        let request = server.request(Method::POST, &path);
        let request = request
            .header("user-agent", agent)
            .json(&document(&[address]));
        Answer::of(request).await.expect_status(200);
    };
    post("NeoStumbler/41", "", "02:00:5e:10:00:01").await;
    post("NeoStumbler/42", "", "02:00:5e:10:00:02").await;
    assert_eq!(source(&server).await["name"], "NeoStumbler/42");
    post("NeoStumbler/42", "?source=bike", "02:00:5e:10:00:03").await;
    assert_eq!(server.source_count().await, 2);
    let sources = server
        .read("/api/v1/sources")
        .await
        .to_string()
        .to_uppercase();
    // Python: uuid.uuid5(uuid.UUID("b638f06e-25b1-4249-a6b8-fa40f3e2e4ab"), "source:bike")
    assert!(
        sources.contains("9DDBE874-A052-5961-A646-ACC07605F866"),
        "{sources}"
    );
}

#[tokio::test]
async fn a_sender_that_is_too_fast_comes_back_later() {
    let server = TestServer::start_with(|config| config.limits.reports_per_second_max = 1).await;
    let addresses: Vec<_> = (1..=30)
        .map(|number| format!("02000000{number:04x}"))
        .collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    server
        .post_json(PATH, &document(&addresses))
        .await
        .expect_status(200);
    let refused = server.post_json(PATH, &document(&addresses)).await;
    assert!(refused.headers.contains_key("retry-after"));
    let error = refused.expect_error(429, "reports_per_second_max");
    assert_eq!(error["error"]["code"], 429, "{error}");
}

#[tokio::test]
async fn networks_without_security_information_are_not_open() {
    let server = TestServer::start().await;
    server
        .post(PATH, None, NEOSTUMBLER)
        .await
        .expect_status(200);
    let device = server.read("/api/v1/devices/02:00:5E:10:00:01").await;
    assert_eq!(
        device["ssids"][0]["security"]["class"], "unknown",
        "{device}"
    );
}

/// What was seen of a network with these values.
async fn seen(server: &TestServer, number: usize, mut record: Value, position: &Value) -> Value {
    let address = format!("02:00:5E:30:00:{number:02X}");
    record["macAddress"] = json!(address);
    let item = json!({
        "timestamp": 1_754_040_000_000_u64,
        "position": position,
        "wifiAccessPoints": [record],
    });
    let document = json!({ "items": [item] });
    server.post_json(PATH, &document).await.expect_status(200);
    let path = format!("/api/v1/devices/{address}/observations");
    server.read(&path).await["observations"][0].clone()
}

#[tokio::test]
async fn values_of_records_are_kept_up_to_their_edges() {
    let server = TestServer::start().await;
    for (number, (key, value, field, expected)) in [
        ("frequency", json!(2412), "frequency_khz", json!(2_412_000)),
        // Ichnaea refuses it.
        ("frequency", json!(7115), "frequency_khz", json!(7_115_000)),
        ("frequency", json!(null), "frequency_khz", json!(null)),
        ("channel", json!(14), "channel", json!("14")),
        ("channel", json!(0), "channel", json!(null)),
        ("signalStrength", json!(-127), "signal_dbm", json!(-127)),
        ("signalStrength", json!(0), "signal_dbm", json!(null)),
        ("signalStrength", json!(null), "signal_dbm", json!(null)),
        ("age", json!(-5000), "time", json!(1_754_040_005)),
        ("age", json!(1), "time", json!(1_754_039_999)),
        ("age", json!(3_600_000), "time", json!(1_754_036_400)),
        ("age", json!(3_600_001), "time", json!(1_754_040_000)),
        ("ssid", json!(null), "ssid", json!("")),
        ("signalToNoiseRatio", json!(20), "ssid", json!("")),
    ]
    .into_iter()
    .enumerate()
    {
        let record = json!({ key: value });
        let seen = seen(&server, number, record, &json!(null)).await;
        assert_eq!(seen[field], expected, "{key} = {value}: {seen}");
    }
}

#[tokio::test]
async fn values_of_positions_are_kept_up_to_their_edges() {
    let server = TestServer::start().await;
    for (number, (key, value, field, expected)) in [
        ("latitude", json!(-90), "lat", json!(-90.0)),
        ("latitude", json!(90.1), "lat", json!(null)),
        ("longitude", json!(180), "lon", json!(180.0)),
        ("longitude", json!(-180.1), "lon", json!(null)),
        ("accuracy", json!(0), "accuracy_m", json!(0.0)),
        ("accuracy", json!(-1), "accuracy_m", json!(null)),
        ("accuracy", json!(250.5), "accuracy_m", json!(250.5)),
        ("speed", json!(10), "speed_km_h", json!(36.0)),
        ("altitude", json!(-400), "alt_m", json!(-400.0)),
        ("altitude", json!(null), "alt_m", json!(null)),
        ("source", json!("nonsense"), "lat", json!(52.5)),
        ("heading", json!(999), "lat", json!(52.5)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut position = json!({ "latitude": 52.5, "longitude": 13.25 });
        position[key] = value.clone();
        let seen = seen(&server, number, json!({}), &position).await;
        assert_eq!(seen[field], expected, "{key} = {value}: {seen}");
    }
}

#[tokio::test]
async fn an_item_of_nothing_spoils_no_other() {
    let server = TestServer::start().await;
    let mut document = document(&["02:00:5e:10:00:01"]);
    let items = document["items"].as_array_mut().unwrap();
    items.insert(0, json!({ "timestamp": now_s() * 1000 }));
    items.push(json!({ "position": { "latitude": 1, "longitude": 1 }, "wifiAccessPoints": [] }));
    let answer = server.post_json(PATH, &document).await;
    assert_eq!(answer.expect_status(200).text, "{}");
    assert_eq!(server.reports_of("02:00:5E:10:00:01").await, 1);
    // Alone it is no error either.
    let alone = json!({ "items": [{ "timestamp": now_s() * 1000 }] });
    server.post_json(PATH, &alone).await.expect_status(200);
    assert_eq!(server.device_count().await, 1);
}
