//! A scanner posts a report, the access point appears in the views.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::live::{EVENTBUS, Subscriber};
use crate::server::{BLUETOOTH, SOURCE, TestServer, WIFI, batch, gzip, timeless};
use crate::snapshot::expect_snapshot;

#[tokio::test]
async fn a_report_appears_in_the_views() {
    let server = TestServer::start().await;
    let answer = server
        .report(json!([{
            "timestamp": 1_700_000_000, "ssid": "CoffeeShop", "bssid": "aa:bb:cc:11:22:33",
            "capabilities": "[WPA2-PSK-CCMP][ESS]", "channel": "6", "freqkhz": 2_437_000, "signal": -61,
            "lat": 40.7128, "lon": -74.006, "alt": 12.5, "speed": 1.5,
        }]))
        .await;
    expect_snapshot("report_taken", answer);
    let device = server.device("AA:BB:CC:11:22:33").await;
    expect_snapshot("kismet_device", timeless(device.clone()));
    let native = server.read("/api/v1/devices/AA:BB:CC:11:22:33").await;
    expect_snapshot("native_device", native);
    assert_eq!(device["kismet.device.base.name"], "CoffeeShop");
    assert_eq!(device["kismet.device.base.channel"], "6");
    assert_eq!(device["kismet.device.base.crypt"], "WPA2 WPA2-PSK AES-CCMP");
    let last = &device["kismet.device.base.location"]["kismet.common.location.last"];
    assert_eq!(
        last["kismet.common.location.geopoint"],
        json!([-74.006, 40.7128])
    );
    let view = server
        .read("/devices/views/phydot11_accesspoints/devices.json")
        .await;
    assert_eq!(timeless(view), timeless(json!([device])));
}

#[tokio::test]
async fn every_spelling_of_a_body_is_understood() {
    let server = TestServer::start().await;
    let body = |last: u8| {
        batch(json!([{ "bssid": format!("00:00:00:00:00:{last:02x}"), "ssid": "AT&T + 100%" }]))
            .to_string()
    };
    let form = |last: u8| {
        let encoded =
            percent_encoding::utf8_percent_encode(&body(last), percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        format!("page=0&json={encoded}")
    };
    let form_type = "application/x-www-form-urlencoded";
    let utf8_form = "application/x-www-form-urlencoded; charset=UTF-8";
    let bodies: [(Option<&str>, String); 9] = [
        (Some("application/json"), body(1)),
        (Some("application/json; charset=UTF-8"), body(2)),
        (Some("Application/JSON;charset=utf-8;x=y"), body(3)),
        (None, body(4)),
        (Some(form_type), form(5)),
        (Some(utf8_form), form(6)),
        (None, form(7)),
        (Some(form_type), body(8)),
        (Some("application/json"), format!("\u{feff}{}", body(9))),
    ];
    for (content_type, body) in bodies {
        let answer = server.post(WIFI, content_type, body.clone()).await;
        assert_eq!(
            answer.status, 200,
            "{content_type:?} {body}: {}",
            answer.text
        );
    }
    for last in 1..=9 {
        let device = server.device(&format!("00:00:00:00:00:{last:02X}")).await;
        assert_eq!(device["kismet.device.base.name"], "AT&T + 100%", "{last}");
    }
}

#[tokio::test]
async fn gzip_is_inflated() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }])).to_string();
    for (encoding, body) in [
        ("gzip", gzip(body.as_bytes())),
        ("x-gzip", gzip(body.as_bytes())),
        ("identity", body.into_bytes()),
    ] {
        let request = server
            .request(reqwest::Method::POST, WIFI)
            .header("content-encoding", encoding)
            .body(body);
        assert_eq!(request.send().await.unwrap().status(), 200, "{encoding}");
    }
    assert_eq!(server.reports_of("00:00:00:00:00:01").await, 3);
}

#[tokio::test]
async fn any_extension_of_letters_and_digits_is_taken() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    for extension in ["cmd", "json", "jcmd", "x9"] {
        server
            .post_json(
                &format!("/phy/phy80211/scan/scan_report.{extension}"),
                &body,
            )
            .await
            .expect_status(200);
    }
    for file in [
        "scan_report",
        "scan_report.",
        "scan_report.a-b",
        "other.cmd",
    ] {
        server
            .post_json(&format!("/phy/phy80211/scan/{file}"), &body)
            .await
            .expect_error(404, "nothing at this path");
    }
    server
        .post_json("//phy//phy80211/scan///scan_report.cmd", &body)
        .await
        .expect_status(200);
}

#[tokio::test]
async fn each_refused_report_is_named_and_the_others_are_taken() {
    let server = TestServer::start().await;
    let reports = json!([
        { "bssid": "00:00:00:00:00:01" },
        { "bssid": "ff:ff:ff:ff:ff:ff" },
        { "bssid": "00:00:00:00:00:02", "lat": 91, "lon": 1 },
        { "bssid": "00:00:00:00:00:03" },
    ]);
    let answer = server.taken(&batch(reports)).await;
    assert_eq!(answer["accepted"], 3);
    let expected = json!([
        { "index": 1, "reason": "bssid: the broadcast address cannot identify a station" },
    ]);
    assert_eq!(answer["rejected"], expected);
    let expected = json!([
        { "index": 2, "field": "lat", "reason": "out of range, expected -90 to 90 degrees" },
    ]);
    assert_eq!(answer["ignored"], expected);
    assert_eq!(server.device_count().await, 3);
}

#[tokio::test]
async fn an_impossible_signal_is_ignored() {
    let server = TestServer::start().await;
    let reports =
        [31, 127, -151, 0].map(|dbm| json!({ "bssid": "00:00:00:00:00:01", "signal": dbm }));
    server.report(json!(reports)).await;
    let device = server.read("/api/v1/devices/00:00:00:00:00:01").await;
    assert_eq!(
        (&device["reports"], &device["signal_dbm"]),
        (&json!(4), &Value::Null)
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_after_sending_has_reported() {
    let server = TestServer::start().await;
    let report = |number: usize| {
        let body = batch(json!([{ "bssid": format!("0200000000{number:02x}") }])).to_string();
        format!(
            "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for number in 0..20 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(report(number).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    subscriber.say(json!({ "SUBSCRIBE": "NEW_DEVICE" })).await;
    subscriber.settle().await;
    for number in 20..40 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(report(number).as_bytes()).await.unwrap();
    }
    for _ in 20..40 {
        let told = subscriber.hear().await;
        assert!(told["NEW_DEVICE"].is_object(), "{told}");
    }
    assert_eq!(server.device_count().await, 40);
}

#[tokio::test]
async fn a_source_is_made_by_its_first_report_and_renamed_by_a_later_one() {
    let server = TestServer::start().await;
    let mut body =
        batch(json!([{ "bssid": "00:00:00:00:00:01" }, { "bssid": "00:00:00:00:00:02" }]));
    server.post_json(WIFI, &body).await.expect_status(200);
    let path = format!("/datasource/by-uuid/{}/source.json", SOURCE.to_lowercase());
    assert_eq!(server.read(&path).await["kismet.datasource.name"], "phone");
    body["source_name"] = json!("phone of Ann");
    body["reports"] = json!([]);
    assert_eq!(server.taken(&body).await["accepted"], 0);
    let source = server.read(&path).await;
    assert_eq!(source["kismet.datasource.name"], "phone of Ann");
    assert_eq!(source["kismet.datasource.num_packets"], 2);
    assert_eq!(source["kismet.datasource.source_number"], 1);
    // A batch without a source name keeps the known one.
    body["source_name"] = Value::Null;
    server.post_json(WIFI, &body).await.expect_status(200);
    assert_eq!(
        server.read(&path).await["kismet.datasource.name"],
        "phone of Ann"
    );
    assert_eq!(server.source_count().await, 1);
}

#[tokio::test]
async fn bluetooth_devices_are_tracked_apart() {
    let server = TestServer::start().await;
    let reports = json!([{ "btaddr": "C0:FF:EE:00:00:01", "name": "Headset", "devicetype": "BR/EDR", "signal": -56 }]);
    server
        .post_json(BLUETOOTH, &batch(reports))
        .await
        .expect_status(200);
    server
        .report(json!([{ "bssid": "C0:FF:EE:00:00:01", "ssid": "Net" }]))
        .await;
    let both = server
        .read("/devices/by-mac/c0ffee000001/devices.json")
        .await;
    let names: Vec<_> = both
        .as_array()
        .unwrap()
        .iter()
        .map(|device| &device["kismet.device.base.name"])
        .collect();
    assert_eq!(names, ["Net", "Headset"]);
    for (view, count) in [
        ("all", 2),
        ("phy-Bluetooth", 1),
        ("phy-IEEE802.11", 1),
        ("phydot11_accesspoints", 1),
        ("phy-BTLE", 0),
    ] {
        let devices = server
            .read(&format!("/devices/views/{view}/devices.json"))
            .await;
        assert_eq!(devices.as_array().unwrap().len(), count, "{view}");
    }
    let device = server
        .read("/devices/by-key/B603E01100000000_10000EEFFC0/device.json")
        .await;
    assert_eq!(device["kismet.device.base.type"], "BR/EDR");
    assert_eq!(device["kismet.device.base.channel"], "FHSS");
}

#[tokio::test]
async fn a_scanner_without_a_clock_is_stamped_by_ours() {
    let server = TestServer::start().await;
    let before = server.read("/system/timestamp.json").await["kismet.system.timestamp.sec"]
        .as_u64()
        .unwrap();
    server
        .report(json!([
            { "bssid": "00:00:00:00:00:01" },
            { "bssid": "00:00:00:00:00:02", "timestamp": 0 },
            { "bssid": "00:00:00:00:00:03", "timestamp": 946_684_799 },
        ]))
        .await;
    for last in 1..=3 {
        let device = server.device(&format!("00:00:00:00:00:0{last}")).await;
        assert!(
            before <= device["kismet.device.base.last_time"].as_u64().unwrap(),
            "{device}"
        );
    }
}
