//! Defects of Kismet that do not exist here. Each test is named after the behaviour, and names its row in the list.

mod reading;

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, SOURCE, TestServer, WIFI, batch, now_s};

const AP: &str = "00:00:00:00:00:01";

fn location(device: &Value, corner: &str) -> Value {
    let corner = &device["kismet.device.base.location"][format!("kismet.common.location.{corner}")];
    corner["kismet.common.location.geopoint"].clone()
}

fn ssids(device: &Value) -> Vec<Value> {
    device["dot11.device"]["dot11.device.advertised_ssid_map"]
        .as_array()
        .unwrap()
        .clone()
}

/// Row 1.
#[tokio::test]
async fn an_answer_of_200_means_that_every_report_was_looked_at() {
    let server = TestServer::start().await;
    let reports = json!([{ "bssid": "not-a-mac", "signal": -1 }, { "bssid": AP, "signal": -1 }]);
    let answer = server.taken(&batch(reports)).await;
    assert_eq!(answer["accepted"], 1);
    assert_eq!(answer["rejected"][0]["index"], 0);
    assert!(
        answer["rejected"][0]["reason"]
            .as_str()
            .unwrap()
            .starts_with("bssid: ")
    );
    // The server answers after the merge, so the test does not wait.
    assert_eq!(server.reports_of(AP).await, 1);
}

/// Row 2.
#[tokio::test]
async fn a_wrong_type_costs_only_itself() {
    let server = TestServer::start().await;
    let reports = json!([
        { "bssid": "00:00:00:00:00:01" },
        { "bssid": "00:00:00:00:00:02", "signal": [] },
        { "bssid": "00:00:00:00:00:03" },
    ]);
    let answer = server.taken(&batch(reports)).await;
    assert_eq!(answer["rejected"], json!([]));
    assert_eq!(
        answer["ignored"],
        json!([{ "index": 1, "field": "signal", "reason": "expected a number, found an array" }])
    );
    assert_eq!(server.device_count().await, 3);
}

/// Row 3.
#[tokio::test]
async fn a_fault_of_the_client_is_a_4xx() {
    let server = TestServer::start().await;
    server
        .post(WIFI, Some("application/json"), "not json")
        .await
        .expect_error(400, "not a scan report");
    server
        .post_json(WIFI, &json!({}))
        .await
        .expect_error(400, "source_uuid: missing");
    let no_array = json!({ "source_uuid": SOURCE, "source_name": "x" });
    server
        .post_json(WIFI, &no_array)
        .await
        .expect_error(400, "reports: expected an array, found nothing");
    let none_valid = server
        .post_json(WIFI, &batch(json!([{ "ssid": "x" }])))
        .await;
    let error = none_valid.expect_error(422, "no valid report");
    assert_eq!(
        error["rejected"],
        json!([{ "index": 0, "reason": "bssid: missing" }])
    );
    assert_eq!(server.read("/datasource/all_sources.json").await, json!([]));
}

/// Row 4.
#[tokio::test]
async fn an_error_is_one_valid_document_whatever_was_sent() {
    let server = TestServer::start().await;
    for reports in [json!("\"quoted\" \\ \u{7}"), json!({ "a": "\"" }), json!(5)] {
        let answer = server.post_json(WIFI, &batch(reports)).await;
        answer.expect_error(400, "reports: expected an array");
    }
    let answer = server
        .post(WIFI, Some("application/json"), "\"a \\\"string\\\"\"")
        .await;
    answer.expect_error(400, "not a scan report");
}

/// Row 5.
#[tokio::test]
async fn a_form_is_read_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let form = Some("application/x-www-form-urlencoded");
    let document =
        batch(json!([{ "bssid": AP, "ssid": "AT&T=1" }, { "bssid": "00:00:00:00:00:02" }]))
            .to_string();
    let encoded =
        percent_encoding::utf8_percent_encode(&document, percent_encoding::NON_ALPHANUMERIC)
            .to_string();
    server
        .post(WIFI, form, format!("json={encoded}"))
        .await
        .expect_status(200);
    assert_eq!(server.device(AP).await["kismet.device.base.name"], "AT&T=1");
    let broken_off = document.len() - 40;
    let broken = server
        .post(
            WIFI,
            form,
            format!("json={}", document.get(..broken_off).unwrap()),
        )
        .await;
    broken.expect_error(400, "not a scan report");
    assert_eq!(server.reports_of(AP).await, 1);
}

/// Row 6.
#[tokio::test]
async fn content_types_are_read_as_they_are_meant() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": AP }])).to_string();
    for content_type in [
        None,
        Some("application/json;charset=utf-8"),
        Some("application/json; charset=\"utf-8\""),
    ] {
        server
            .post(WIFI, content_type, body.clone())
            .await
            .expect_status(200);
    }
}

/// Row 7.
#[tokio::test]
async fn a_body_over_the_bound_gets_an_answer() {
    let server = TestServer::start_with(|config| config.limits.body_bytes_max = 200_000).await;
    let reports: Vec<Value> = (0..2000)
        .map(|_| json!({ "bssid": AP, "ssid": "x".repeat(30) }))
        .collect();
    let large = batch(Value::from(reports[..1900].to_vec())).to_string();
    assert!(
        100_000 < large.len() && large.len() < 200_000,
        "{}",
        large.len()
    );
    server
        .post(WIFI, Some("application/json"), large)
        .await
        .expect_status(200);
    let too_large = format!("{}{}", batch(json!([])), " ".repeat(200_000));
    let answer = server.post(WIFI, Some("application/json"), too_large).await;
    answer.expect_error(413, "at most 200000 bytes");
}

/// Row 8.
#[tokio::test]
async fn a_network_without_capabilities_has_its_name() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": AP, "ssid": "Net", "channel": "6" }]))
        .await;
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.name"], "Net");
    // An unknown encryption is not shown as open.
    assert_eq!(device["kismet.device.base.crypt"], "");
    assert_eq!(ssids(&device)[0]["dot11.advertisedssid.channel"], "6");
}

/// Row 9.
#[tokio::test]
async fn a_report_without_signal_frequency_and_channel_is_a_report() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    assert_eq!(server.reports_of(AP).await, 1);
}

/// Row 10.
#[tokio::test]
async fn a_channel_may_be_a_number_and_a_coordinate_null() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP, "channel": 6, "lat": null, "lon": null, "alt": null, "timestamp": null }])).await;
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.channel"], "6");
    assert_eq!(device.get("kismet.device.base.location"), None);
}

/// Row 11.
#[tokio::test]
async fn the_equator_and_greenwich_are_places() {
    let server = TestServer::start().await;
    let at = |lat: f64, lon: f64| json!({ "bssid": AP, "lat": lat, "lon": lon });
    server
        .report(json!([at(0.0, 9.5), at(51.5, 0.0), at(-1.0, 4.0)]))
        .await;
    let device = server.device(AP).await;
    assert_eq!(location(&device, "min_loc"), json!([0, -1]));
    assert_eq!(location(&device, "max_loc"), json!([9.5, 51.5]));
    // Receivers send 0, 0 before they have a fix.
    server
        .report(json!([{ "bssid": "00:00:00:00:00:02", "lat": 0, "lon": 0 }]))
        .await;
    assert_eq!(
        server
            .device("00:00:00:00:00:02")
            .await
            .get("kismet.device.base.location"),
        None
    );
}

/// Row 12.
#[tokio::test]
async fn an_older_report_does_not_overwrite_a_newer_one() {
    let server = TestServer::start().await;
    let new = json!({
        "timestamp": 1_700_000_100, "bssid": AP, "ssid": "New", "capabilities": "[WPA2-PSK-CCMP][ESS]", "channel": "11",
        "signal": -50, "lat": 2, "lon": 2,
    });
    let old = json!({
        "timestamp": 1_700_000_000, "bssid": AP, "ssid": "Old", "capabilities": "[ESS]", "channel": "1", "signal": -80,
        "lat": 1, "lon": 1,
    });
    server.report(json!([new, old])).await;
    server.report(json!([old])).await;
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.name"], "New");
    assert_eq!(device["kismet.device.base.channel"], "11");
    assert_eq!(device["kismet.device.base.crypt"], "WPA2 WPA2-PSK AES-CCMP");
    assert_eq!(
        device["kismet.device.base.signal"]["kismet.common.signal.last_signal"],
        -50
    );
    assert_eq!(location(&device, "last"), json!([2, 2]));
    assert_eq!(device["kismet.device.base.last_time"], 1_700_000_100);
}

/// Row 13.
#[tokio::test]
async fn a_late_report_lowers_the_first_time() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "timestamp": 1_700_000_100, "bssid": AP }]))
        .await;
    server
        .report(json!([{ "timestamp": 1_700_000_000, "bssid": AP }]))
        .await;
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.first_time"], 1_700_000_000);
    assert_eq!(
        ssids(&device)[0]["dot11.advertisedssid.first_time"],
        1_700_000_000
    );
}

/// Row 14.
#[tokio::test]
async fn every_position_counts_in_the_mean() {
    let server = TestServer::start().await;
    let at = |lat: f64| json!({ "bssid": AP, "lat": lat, "lon": 10, "timestamp": 1_700_000_000 });
    server.report(json!([at(1.0), at(2.0), at(6.0)])).await;
    assert_eq!(
        location(&server.device(AP).await, "avg_loc"),
        json!([10, 3])
    );
}

/// Row 15.
#[tokio::test]
async fn a_timestamp_out_of_range_does_not_wrap() {
    let server = TestServer::start().await;
    let mut addresses = (1..).map(|number| format!("02:00:5E:10:00:{number:02X}"));
    let mut time_of = async |timestamp: Value| {
        let address = addresses.next().unwrap();
        server
            .report(json!([{ "bssid": address, "timestamp": timestamp }]))
            .await;
        server.device(&address).await["kismet.device.base.first_time"]
            .as_u64()
            .unwrap()
    };
    let start = time_of(json!(0)).await;
    for no_time in [json!(-5), json!(4_294_967_296_u64), json!(1e300)] {
        let received = time_of(no_time).await;
        assert!((start..=start + 600).contains(&received), "{received}");
    }
    for timestamp in [
        json!(1_700_000_000.9),
        json!(1_700_000_000_999_u64),
        json!("1700000000"),
    ] {
        assert_eq!(time_of(timestamp).await, 1_700_000_000);
    }
    server
        .report(json!([{ "bssid": "00:00:00:00:00:02", "timestamp": -5 }]))
        .await;
    let stamped = server.device("00:00:00:00:00:02").await["kismet.device.base.first_time"]
        .as_u64()
        .unwrap();
    assert!(
        (1_700_000_000..4_000_000_000).contains(&stamped),
        "{stamped}"
    );
}

/// Row 16.
#[tokio::test]
async fn every_kind_of_protection_is_read() {
    let server = TestServer::start().await;
    let ccmp = (1_u64 << 10) | (1 << 26);
    let (wpa, wpa2, wpa3) = (1_u64 << 1, 1 << 3, 1 << 4);
    let tkip = (1 << 9) | (1 << 25);
    let gcmp_256 = (1 << 13) | (1 << 29);
    let (psk, sae, owe) = (1 << 38, 1 << 44, 1 << 54);
    let cases = [
        // `RSN-` is not WPA1.
        (
            "[RSN-PSK-CCMP][ESS]",
            "WPA2 WPA2-PSK AES-CCMP",
            wpa | wpa2 | psk | ccmp,
        ),
        (
            "[WPA-PSK-TKIP][ESS]",
            "WPA1 WPA1-PSK TKIP",
            wpa | (1 << 2) | psk | tkip,
        ),
        (
            "[RSN-SAE-CCMP][ESS][MFPR]",
            "WPA3 WPA3-SAE AES-CCMP",
            wpa | wpa2 | wpa3 | sae | ccmp,
        ),
        (
            "[RSN-OWE-CCMP][ESS]",
            "WPA3 WPA3-OWE AES-CCMP",
            wpa | wpa2 | wpa3 | owe | ccmp,
        ),
        (
            "[RSN-EAP_SUITE_B_192-GCMP-256][MFPR]",
            "WPA3 WPA3-EAP-SUITEB-SHA384 AES-GCMP256",
            wpa | wpa2 | wpa3 | (1 << 48) | gcmp_256,
        ),
        (
            "[RSN-EAP-FILS-SHA256-CCMP]",
            "WPA3 WPA3-FILS AES-CCMP",
            wpa | wpa2 | wpa3 | (1 << 50) | ccmp,
        ),
        (
            "[RSN-FT/PSK-CCMP]",
            "WPA2 WPA2-PSK AES-CCMP",
            wpa | wpa2 | (1 << 40) | ccmp,
        ),
        ("[WPA3-SAE]", "WPA3 WPA3-SAE", wpa | wpa2 | wpa3 | sae),
        ("[WPS][ESS]", "Open", 1 << 57),
    ];
    for (number, (capabilities, text, bits)) in cases.into_iter().enumerate() {
        let bssid = format!("02:00:00:00:00:{number:02}");
        server
            .report(json!([{ "bssid": bssid, "ssid": "x", "capabilities": capabilities }]))
            .await;
        let device = server.device(&bssid).await;
        assert_eq!(device["kismet.device.base.crypt"], text, "{capabilities}");
        let ssid = &ssids(&device)[0];
        let field = |name: &str| &ssid[format!("dot11.advertisedssid.{name}")];
        assert_eq!(field("crypt_string"), text, "{capabilities}");
        assert_eq!(*field("crypt_bitfield"), json!(bits), "{capabilities}");
        let mfp = u8::from(capabilities.contains("MFPR"));
        assert_eq!(*field("wpa_mfp_required"), json!(mfp), "{capabilities}");
    }
}

/// Row 17.
#[tokio::test]
async fn what_is_said_of_a_networks_protection_follows_the_latest_report() {
    let server = TestServer::start().await;
    let report = |timestamp: u64, capabilities: &str| json!([{ "bssid": AP, "ssid": "Home", "timestamp": timestamp, "capabilities": capabilities }]);
    let seen = async |text: &str, bits: u64| {
        let device = server.device(AP).await;
        let ssid = &ssids(&device)[0];
        assert_eq!(ssid["dot11.advertisedssid.crypt_string"], text);
        assert_eq!(ssid["dot11.advertisedssid.crypt_bitfield"], bits);
        assert_eq!(device["kismet.device.base.crypt"], text);
        let groups = server.read("/phy/phy80211/ssids/views/ssids.json").await;
        assert_eq!(groups[0]["dot11.ssidgroup.crypt_string"], text);
        assert_eq!(
            groups[0]["dot11.ssidgroup.crypt_set"],
            ssid["dot11.advertisedssid.crypt_set"]
        );
    };
    server.report(report(1_700_000_000, "[ESS]")).await;
    seen("Open", 0).await;
    // Key management is in the upper half of the 64 bits.
    let bits = 274_945_016_842;
    server
        .report(report(1_700_000_100, "[WPA2-PSK-CCMP][ESS]"))
        .await;
    seen("WPA2 WPA2-PSK AES-CCMP", bits).await;
    // A late report does not change the current state.
    server.report(report(1_700_000_050, "[WEP][ESS]")).await;
    seen("WPA2 WPA2-PSK AES-CCMP", bits).await;
}

/// Row 18.
#[tokio::test]
async fn what_is_said_of_a_networks_channel_and_frames_is_shown() {
    let server = TestServer::start().await;
    let report = |bssid: &str, fields: Value| {
        let mut report =
            json!({ "bssid": bssid, "ssid": "x", "capabilities": "[RSN-SAE-CCMP][ESS]" });
        let fields = fields.as_object().unwrap().clone();
        report.as_object_mut().unwrap().extend(fields);
        report
    };
    let second = "00:00:00:00:00:02";
    let third = "00:00:00:00:00:03";
    server
        .report(json!([
            report(
                AP,
                json!({
                    "channel": "36", "chanwidth": "80+80", "centerfreq0": 5210, "centerfreq1": 5690,
                    "capabilities": "[RSN-SAE-CCMP][ESS][MFPR][MFPC]",
                })
            ),
            report(
                second,
                json!({
                    "freqkhz": 2_437_000, "chanwidth": 40, "centerfreq0": "2427",
                    "capabilities": "[RSN-SAE+PSK-CCMP][ESS][MFPC]",
                })
            ),
            report(third, json!({})),
        ]))
        .await;
    let expected = [
        (AP, json!(["36", "HT80+80", 5210, 5690, 1, 1])),
        (second, json!(["6", "HT40", 2427, 0, 0, 1])),
        (third, json!(["", "", 0, 0, 0, 0])),
    ];
    for (bssid, expected) in expected {
        let ssid = &ssids(&server.device(bssid).await)[0];
        let names = [
            "channel",
            "ht_mode",
            "ht_center_1",
            "ht_center_2",
            "wpa_mfp_required",
            "wpa_mfp_supported",
        ];
        let shown: Value = names
            .iter()
            .map(|name| ssid[format!("dot11.advertisedssid.{name}")].clone())
            .collect();
        assert_eq!(shown, expected, "{bssid}");
    }
}

/// Row 19.
#[tokio::test]
async fn quotes_and_backslashes_in_a_name_are_escaped_once() {
    let server = TestServer::start().await;
    let name = "a\"b\\c\td";
    server
        .report(json!([{ "bssid": AP, "ssid": name, "capabilities": "[ESS]" }]))
        .await;
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.name"], name);
    assert_eq!(ssids(&device)[0]["dot11.advertisedssid.ssid"], name);
    assert_eq!(
        ssids(&device)[0]["dot11.advertisedssid.ssidlen"],
        name.len()
    );
}

/// Row 20.
#[tokio::test]
async fn tags_are_an_object() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": AP, "tags": { "notes": "on the roof" } }]))
        .await;
    server
        .report(json!([{ "bssid": AP, "tags": ["a", "b"] }, { "bssid": AP, "tags": "c" }]))
        .await;
    let device = server.device(AP).await;
    assert_eq!(
        device["kismet.device.base.tags"],
        json!({ "notes": "on the roof" })
    );
}

/// Row 21.
#[tokio::test]
async fn what_a_bluetooth_device_advertises_is_kept_and_read() {
    let server = TestServer::start().await;
    // Low energy only; the service 0x180d.
    let report = json!({
        "btaddr": AP, "scan_data": "02010603030d18", "service_data": { "180d": "01" },
    });
    let answer = server.post_json(BLUETOOTH, &batch(json!([report]))).await;
    answer.expect_status(200);
    let device = &server.device(AP).await["bluetooth.device"];
    assert_eq!(
        device["bluetooth.device.scan_data_bytes"],
        report["scan_data"]
    );
    assert_eq!(
        device["bluetooth.device.service_data_bytes"],
        report["service_data"]
    );
    assert_eq!(
        device["bluetooth.device.service_uuid_vec"],
        json!(["0000180D-0000-1000-8000-00805F9B34FB"])
    );
    assert_eq!(device["bluetooth.device.type"], 1);
}

/// Row 22.
#[tokio::test]
async fn addresses_and_uuids_are_whole() {
    let server = TestServer::start().await;
    for bssid in [
        "",
        "00:11",
        "00:11:22:33:44",
        "00:11:22:33:44:55:66",
        "0:1:2:3:4:5:6",
    ] {
        let answer = server
            .post_json(WIFI, &batch(json!([{ "bssid": bssid }])))
            .await;
        let error = answer.expect_error(422, "no valid report");
        assert!(
            error["rejected"][0]["reason"]
                .as_str()
                .unwrap()
                .starts_with("bssid: not a hardware address"),
            "{error}"
        );
    }
    for uuid in [
        "1-2-3-4-5",
        "",
        "44444444-0000-0000-0000-000000000001 and more",
    ] {
        let body = json!({ "source_uuid": uuid, "source_name": "x", "reports": [] });
        server
            .post_json(WIFI, &body)
            .await
            .expect_error(400, "source_uuid: not a UUID");
    }
}

/// Row 24.
#[tokio::test]
async fn activity_counts_every_report_across_gaps() {
    let server = TestServer::start().await;
    let at = |timestamp: u64| json!({ "bssid": AP, "timestamp": timestamp });
    // A gap of over a minute, and one of over an hour.
    let base = now_s() / 3600 * 3600 - 7200;
    let times = [base, base + 1, base + 300, base + 7200, base + 7200];
    server.report(json!(times.map(at))).await;
    let device = server.device(AP).await;
    let rrd = &device["kismet.device.base.packets.rrd"];
    let slots = |name: &str| {
        rrd[format!("kismet.common.rrd.{name}")]
            .as_array()
            .unwrap()
            .clone()
    };
    let sum = |name: &str| {
        slots(name)
            .iter()
            .map(|value| value.as_f64().unwrap())
            .sum::<f64>()
    };
    let now = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    let is_within = |unit_s: u64, slots: u64| {
        let within = times
            .iter()
            .filter(|&time| now / unit_s - time / unit_s < slots);
        f64::from(u32::try_from(within.count()).unwrap())
    };
    assert!((sum("minute_vec") - is_within(1, 60)).abs() < 1e-3);
    assert!((sum("hour_vec") - is_within(60, 60) / 60.0).abs() < 1e-3);
    assert!((sum("day_vec") - 5.0 / 3600.0).abs() < 1e-4);
    let hour = usize::try_from(base / 3600 % 24).unwrap();
    assert_eq!(slots("day_vec")[hour], json!(0.000_833));
}

/// Row 27.
#[tokio::test]
async fn past_the_bound_the_longest_unchanged_device_goes_from_every_view() {
    let server = TestServer::start_with(|config| config.limits.devices_max = 2).await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_300 }]))
        .await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:02", "timestamp": 1_700_000_200 }]))
        .await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:03", "timestamp": 1_700_000_100 }]))
        .await;
    assert_eq!(
        server
            .read("/devices/by-mac/00:00:00:00:00:01/devices.json")
            .await,
        json!([])
    );
    for path in [
        "/devices/views/all/devices.json",
        "/devices/views/phydot11_accesspoints/devices.json",
        "/devices/last-time/0/devices.json",
    ] {
        let devices = server.read(path).await;
        let mut macs: Vec<_> = devices
            .as_array()
            .unwrap()
            .iter()
            .map(|device| {
                device["kismet.device.base.macaddr"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        macs.sort();
        assert_eq!(macs, ["00:00:00:00:00:02", "00:00:00:00:00:03"], "{path}");
    }
    assert_eq!(
        server.read("/phy/all_phys.json").await[0]["kismet.phy.device_count"],
        2
    );
}
