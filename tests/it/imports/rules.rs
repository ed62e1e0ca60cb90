//! Rules for single values of rows, at their edges.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{account, check_counts, mac, send, wigle};
use crate::server::TestServer;

/// Imports rows of the `WiGLE` app, each with one column changed, and returns what was seen in each row. `None` if nothing
/// was.
async fn seen(server: &TestServer, column: &str, values: &[&str]) -> Vec<Option<Value>> {
    const COLUMNS: [&str; 14] = [
        "mac",
        "ssid",
        "auth",
        "time",
        "channel",
        "frequency",
        "rssi",
        "lat",
        "lon",
        "alt",
        "accuracy",
        "rcois",
        "mfgrid",
        "type",
    ];
    let mut text = wigle(0..0);
    for (number, value) in values.iter().enumerate() {
        let address = mac(number);
        let mut row = [
            &*address,
            "n",
            "[ESS]",
            "2026-01-01 10:00:00",
            "6",
            "2437",
            "-61",
            "52.5",
            "13.4",
            "34",
            "4",
            "",
            "",
            "WIFI",
        ];
        let place = COLUMNS.iter().position(|known| *known == column).unwrap();
        row[place] = value;
        writeln!(text, "{}", row.join(",")).unwrap();
    }
    account(server, text).await;
    let mut all = Vec::new();
    for number in 0..values.len() {
        let path = format!("/api/v1/devices/{}/observations", mac(number));
        let answer = server.get(&path).await;
        all.push(match answer.status.as_u16() {
            404 => None,
            _ => Some(answer.expect_status(200).json()["observations"][0].clone()),
        });
    }
    all
}

/// Checks what a field of the observation is for each value of a column.
async fn check(column: &str, field: &str, expected: &[(&str, Value)]) {
    let server = TestServer::start().await;
    let values: Vec<_> = expected.iter().map(|(value, _)| *value).collect();
    let seen = seen(&server, column, &values).await;
    for ((value, expected), seen) in expected.iter().zip(seen) {
        let seen = seen.unwrap_or_else(|| panic!("{column} = {value:?} is refused"));
        assert_eq!(seen[field], *expected, "{column} = {value:?}: {seen}");
    }
}

#[tokio::test]
async fn signals_are_from_120_below_to_1_below() {
    check(
        "rssi",
        "signal_dbm",
        &[
            ("-120", json!(-120)),
            ("-121", json!(null)),
            ("-1", json!(-1)),
            ("0", json!(null)),
            ("5", json!(null)),
            ("", json!(null)),
            ("-61.4", json!(-61)),
        ],
    )
    .await;
}

#[tokio::test]
async fn frequencies_are_in_mhz_or_khz_and_in_a_band_of_wifi() {
    check(
        "frequency",
        "frequency_khz",
        &[
            ("2437", json!(2_437_000)),
            ("2437000", json!(2_437_000)),
            ("5955", json!(5_955_000)),
            ("58320", json!(58_320_000)),
            ("7936", json!(null)),
            ("123", json!(null)),
            ("0", json!(null)),
            ("", json!(null)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_channel_that_is_not_on_the_frequency_is_left_out() {
    check(
        "channel",
        "channel",
        &[
            ("6", json!("6")),
            ("7", json!(null)),
            ("0", json!(null)),
            ("", json!(null)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_position_is_on_earth_and_not_at_0_0() {
    check(
        "lat",
        "lat",
        &[
            ("90", json!(90.0)),
            ("90.0000001", json!(null)),
            ("-90", json!(-90.0)),
            ("NaN", json!(null)),
            ("?", json!(null)),
            ("", json!(null)),
            ("0", json!(0.0)),
        ],
    )
    .await;
    check(
        "lon",
        "lon",
        &[
            ("180", json!(180.0)),
            ("180.1", json!(null)),
            ("-180", json!(-180.0)),
        ],
    )
    .await;
    let server = TestServer::start().await;
    let nowhere = wigle(0..1).replace("52.5200066,13.4049540", "0.000000,0.0");
    let file = account(&server, nowhere).await;
    check_counts(&file, [1, 0, 0, 0]);
    assert_eq!(file["without_place"], 1, "{file}");
}

#[tokio::test]
async fn names_are_as_long_as_they_can_be_on_the_air() {
    let (just, long) = ("x".repeat(32), "x".repeat(33));
    check(
        "ssid",
        "ssid",
        &[
            (&just, json!(just)),
            (&long, json!(just)),
            ("home_nomap", json!("home_nomap")),
            ("", json!("")),
        ],
    )
    .await;
}

#[tokio::test]
async fn types_are_words_in_any_case() {
    for (word, phy) in [
        ("WIFI", "IEEE802.11"),
        ("WiFi", "IEEE802.11"),
        ("w", "IEEE802.11"),
        ("", "IEEE802.11"),
        ("BT", "Bluetooth"),
        ("BLE", "Bluetooth"),
        ("btle", "Bluetooth"),
    ] {
        check("type", "phy", &[(word, json!(phy))]).await;
    }
    let server = TestServer::start().await;
    let text = ["LTE", "NFC", "ZIGBEE", "NR_5G", "CELL"]
        .iter()
        .fold(wigle(0..0), |text, word| {
            let row = wigle(0..1).lines().last().unwrap().replace("WIFI", word);
            format!("{text}{row}\n")
        });
    check_counts(&account(&server, text).await, [0, 0, 5, 0]);
}

/// A row that has no time takes that of the row before it, and never the time of the upload.
#[tokio::test]
async fn a_row_without_a_time_takes_that_of_the_row_before() {
    let server = TestServer::start().await;
    let timeless = |text: String, number: usize| {
        text.replace(
            &format!("2026-01-01 10:00:0{number}"),
            "0000-00-00 00:00:00",
        )
    };
    let text = timeless(timeless(wigle(0..4), 0), 2);
    let file = account(&server, text).await;
    check_counts(&file, [3, 0, 0, 1]);
    assert_eq!(
        file["refusals"],
        json!([{ "line": 3, "reason": "time: the row has none, and no earlier row of the file has one" }])
    );
    let path = format!("/api/v1/devices/{}/observations", mac(2));
    let seen = server.read(&path).await;
    assert_eq!(seen["observations"][0]["time"], 1_767_261_601, "{seen}");
}

/// Other words for the columns, in any order, with columns that nobody knows.
#[tokio::test]
async fn columns_go_by_their_names() {
    let server = TestServer::start().await;
    let text = "foo,trilong,trilat,netid,ssid,Encryption,Capabilities,Timestamp,channel,level,Altitude,Accuracy,Type\n\
                x,13.4,52.5,02:00:00:00:00:00,n,[WEP],[WPA2-PSK-CCMP][ESS],2026-01-01 10:00:00,6,-61,34,4,WIFI\n";
    check_counts(&account(&server, text).await, [1, 0, 0, 0]);
    let path = format!("/api/v1/devices/{}/observations", mac(0));
    let seen = server.read(&path).await["observations"][0].clone();
    for (field, value) in [
        ("capabilities", json!("[WPA2-PSK-CCMP][ESS]")),
        ("lat", json!(52.5)),
        ("lon", json!(13.4)),
        ("signal_dbm", json!(-61)),
        ("alt_m", json!(34.0)),
        ("accuracy_m", json!(4.0)),
        ("time", json!(1_767_261_600)),
    ] {
        assert_eq!(seen[field], value, "{field}: {seen}");
    }
}

/// Two exports of one phone differ in the names and the security of old sightings.
#[tokio::test]
async fn a_sighting_with_another_name_or_security_is_the_same() {
    let server = TestServer::start().await;
    let before = wigle(0..3);
    check_counts(&account(&server, before.clone()).await, [3, 0, 0, 0]);
    let after = before
        .replace("net 1", "renamed")
        .replace("[WPA2-PSK-CCMP]", "[RSN-SAE-CCMP]");
    check_counts(&account(&server, after).await, [0, 3, 0, 0]);
    // What else identifies a sighting makes another one of it.
    for (what, other) in [
        ("-61", "-62"),
        ("52.5200066", "52.5200067"),
        ("13.4049540", "13.4049541"),
        ("10:00:00", "11:00:00"),
        ("02:00:00:00:00:00", "02:00:00:00:00:99"),
    ] {
        let changed = wigle(0..1).replace(what, other);
        check_counts(&account(&server, changed).await, [1, 0, 0, 0]);
    }
}

#[tokio::test]
async fn texts_in_utf16_are_read_through_uploads_too() {
    let server = TestServer::start().await;
    let text = format!("\u{feff}{}", wigle(0..3));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check_counts(&account(&server, little).await, [3, 0, 0, 0]);
    // Another file, with the same rows.
    check_counts(&account(&server, big).await, [0, 3, 0, 0]);
}

#[tokio::test]
async fn networks_of_termux_have_the_width_of_their_channels() {
    let server = TestServer::start().await;
    for (number, (text, width)) in [
        ("\"80\"", json!("80")),
        ("\"80+80\"", json!("80+80")),
        ("\"???\"", json!(null)),
        ("null", json!(null)),
        ("80", json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let address = mac(number);
        let scan = format!(
            r#"[{{"bssid": "{address}", "ssid": "n", "frequency_mhz": 5180, "rssi": -61, "channel_bandwidth_mhz": {text}}}]"#
        );
        let answer = send(
            &server,
            "?time=2026-01-01T10:00:00Z",
            &[("scan.json", scan.as_bytes())],
        )
        .await;
        check_counts(&answer.expect_status(200).json()["files"][0], [1, 0, 0, 0]);
        let path = format!("/api/v1/devices/{address}/observations");
        let seen = server.read(&path).await["observations"][0].clone();
        assert_eq!(seen["channel_width_mhz"], width, "{text}: {seen}");
    }
}

/// A place lies between two points that are at most 30 s apart, or is that of a point at most 5 s away.
#[tokio::test]
async fn a_track_gives_places_near_its_points_only() {
    let server = TestServer::start().await;
    let points = [(0, "10:00:00"), (1, "10:00:30"), (2, "10:01:01")].map(|(step, time)| {
        format!(r#"<trkpt lat="10.00{step}" lon="20"><time>2026-01-01T{time}Z</time></trkpt>"#)
    });
    let track = format!(
        "<?xml version=\"1.0\"?><gpx><trk><trkseg>{}</trkseg></trk></gpx>",
        points.concat()
    );
    let times = [
        ("09:59:54", json!(null)),
        ("09:59:55", json!(10.0)),
        ("10:00:15", json!(10.0005)),
        ("10:00:35", json!(10.001)),
        ("10:00:36", json!(null)),
        ("10:01:06", json!(10.002)),
        ("10:01:07", json!(null)),
    ];
    let mut log = wigle(0..0);
    for (number, (time, _)) in times.iter().enumerate() {
        writeln!(
            log,
            "{},n,[ESS],2026-01-01 {time},6,2437,-61,,,,,,,WIFI",
            mac(number)
        )
        .unwrap();
    }
    let files = [("log.csv", log.as_bytes()), ("track", track.as_bytes())];
    let answer = send(&server, "", &files).await.expect_status(200).json();
    check_counts(&answer["files"][0], [7, 0, 0, 0]);
    assert_eq!(answer["files"][0]["without_place"], 3, "{answer}");
    for (number, (time, lat)) in times.iter().enumerate() {
        let path = format!("/api/v1/devices/{}/observations", mac(number));
        let seen = server.read(&path).await["observations"][0].clone();
        assert_eq!(seen["lat"], *lat, "{time}: {seen}");
        let mark = if lat.is_null() {
            json!(null)
        } else {
            json!("track")
        };
        assert_eq!(seen["tags"]["import"], mark, "{time}: {seen}");
    }
    // A track alone has nothing to give places to.
    let alone = send(&server, "?source=x", &[("track.gpx", track.as_bytes())]).await;
    let error = alone.expect_status(200).json()["files"][0]["error"].clone();
    assert!(error.as_str().unwrap().contains("a track alone"), "{error}");
}
