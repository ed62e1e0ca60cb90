use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::report::{Accuracy, ChannelWidth, Sighting, WifiSighting};

const NOW: ReceivedAt = ReceivedAt::from_micros(1_700_000_000_000_000);

const LIMITS: Limits = Limits {
    reports_per_batch_max: 10,
    json_depth_max: 8,
    ignored_max: 4,
    clock_skew_max: Duration::from_secs(86_400),
    source_name_bytes_max: 16,
    capabilities_bytes_max: 64,
    tags_max: 3,
    tag_bytes_max: 8,
    tags_bytes_max: 20,
    advertising_bytes_max: 40,
};

const IDENTITY: u128 = 270_045_391_554_088_851_745_821_056_728_229_556_838;

fn body(reports: &Json) -> String {
    json!({ "source_uuid": "44444444-0000-0000-0000-000000000001", "source_name": "x", "reports": reports }).to_string()
}

fn wifi(json: &str) -> Result<Batch, DecodeError> {
    decode(Phy::Wifi, json.as_bytes(), NOW, &LIMITS).map(|(batch, _)| batch)
}

/// What is said of the values of one report that were left out.
#[track_caller]
fn ignored(fields: &Json) -> Vec<String> {
    let mut fields = fields.clone();
    fields["bssid"] = json!("00:11:22:33:44:55");
    let body = body(&json!([fields]));
    let (batch, notes) = decode(Phy::Wifi, body.as_bytes(), NOW, &LIMITS).unwrap();
    assert_eq!(batch.reports.len(), 1, "{fields}");
    let ignored = notes.ignored.iter();
    ignored
        .map(|ignored| format!("{}: {}", ignored.field, ignored.reason))
        .collect()
}

/// Decodes `fields` as one report.
#[track_caller]
fn one(fields: &Json) -> Report {
    let mut fields = fields.clone();
    fields["bssid"] = json!("00:11:22:33:44:55");
    let mut decoded = wifi(&body(&json!([fields]))).unwrap();
    decoded.reports.remove(0)
}

/// Returns the reason why `fields` are refused.
#[track_caller]
fn refused(fields: &Json) -> String {
    let mut fields = fields.clone();
    if fields.get("bssid").is_none() {
        fields["bssid"] = json!("00:11:22:33:44:55");
    }
    match wifi(&body(&json!([fields]))) {
        Err(DecodeError::NothingValid(rejected)) => rejected[0].reason.to_string(),
        other => panic!("{fields} gave {other:?}"),
    }
}

fn sighting(report: &Report) -> &WifiSighting {
    match &report.sighting {
        Sighting::Wifi(wifi) => wifi,
        Sighting::Bluetooth(_) => panic!("not Wi-Fi"),
    }
}

#[test]
fn numbers_may_stand_in_strings() {
    let report = one(
        &json!({ "signal": "-60", "freqkhz": " 2437000.0 ", "lat": "52.5", "lon": "13.4", "timestamp": "1699999999" }),
    );
    assert_eq!(report.signal.unwrap().get(), -60);
    assert_eq!(report.frequency.unwrap().khz(), 2_437_000);
    assert_eq!(report.position.unwrap().lat_e7(), 525_000_000);
    assert_eq!(report.time.seconds(), 1_699_999_999);
}

#[test]
fn null_and_empty_are_absent() {
    let all_null = json!({
        "timestamp": null, "lat": null, "lon": null, "alt": null, "speed": null, "signal": null, "freqkhz": null,
        "channel": null, "ssid": null, "capabilities": null, "tags": null, "chanwidth": null,
    });
    let all_empty = json!({
        "timestamp": "", "lat": "", "lon": "", "alt": "", "signal": "", "freqkhz": "", "channel": "", "ssid": "",
        "capabilities": "", "ietags": "",
    });
    assert_eq!(one(&all_null), one(&json!({})));
    assert_eq!(one(&all_empty), one(&json!({})));
}

#[test]
fn a_channel_may_be_a_number() {
    assert_eq!(one(&json!({ "channel": 6 })).channel.unwrap().as_str(), "6");
    assert_eq!(
        one(&json!({ "channel": 6.0 })).channel.unwrap().as_str(),
        "6"
    );
    assert_eq!(one(&json!({ "channel": 0 })).channel, None);
}

#[test]
fn speed_goes_by_two_names() {
    let speed = |fields: Json| one(&fields).position.unwrap().speed_m_h();
    assert_eq!(
        speed(json!({ "lat": 1, "lon": 1, "speed": 1.5, "spd": 9 })),
        1500
    );
    assert_eq!(speed(json!({ "lat": 1, "lon": 1, "spd": 9 })), 9000);
}

#[test]
fn an_accuracy_goes_with_its_position_and_spoils_nothing() {
    let mm = |fields: Json| one(&fields).accuracy.map(Accuracy::mm);
    let at = |accuracy: Json| json!({ "lat": 1, "lon": 1, "accuracy": accuracy });
    assert_eq!(mm(at(json!(4.25))), Some(4250));
    assert_eq!(mm(at(json!(" 12 "))), Some(12_000));
    assert_eq!(mm(at(json!(0))), Some(0));
    for nonsense in [
        json!(-1),
        json!("far"),
        json!(1e300),
        json!(""),
        json!(null),
        json!([5]),
        json!(true),
    ] {
        assert_eq!(mm(at(nonsense.clone())), None, "{nonsense}");
    }
    assert_eq!(mm(json!({ "accuracy": 5 })), None, "of no position");
}

#[test]
fn a_batch_from_before_accuracy_was_read_is_recognised() {
    let identity = |fields: &Json| {
        let mut fields = fields.clone();
        fields["bssid"] = json!("00:11:22:33:44:55");
        fields["timestamp"] = json!(1_699_999_999);
        let identity = wifi(&body(&json!([fields]))).unwrap().identity.unwrap();
        u128::from_be_bytes(identity.to_bytes())
    };
    // Written by a version that did not read the accuracy.
    assert_eq!(identity(&json!({})), IDENTITY);
    assert_eq!(identity(&json!({ "accuracy": 5 })), IDENTITY);
}

#[test]
fn a_scanner_that_reports_nothing_tells_its_technology() {
    let technology = |phy, reports: Json| {
        let (batch, _) = decode(phy, body(&reports).as_bytes(), NOW, &LIMITS).unwrap();
        (batch.technology, batch.phy())
    };
    for phy in Phy::ALL {
        assert_eq!(technology(phy, json!([])), (Some(phy), Some(phy)));
    }
    let bssid = json!([{ "bssid": "00:11:22:33:44:55" }]);
    assert_eq!(technology(Phy::Wifi, bssid), (None, Some(Phy::Wifi)));
}

#[test]
fn undocumented_keys_are_understood() {
    let report = one(&json!({
        "tags": { "notes": "roof", "n": 5, "skipped": [] }, "chanwidth": "80+80", "centerfreq0": 5210, "centerfreq1": "5690",
        "ietags": "0000", "never heard of": { "a": [{}] },
    }));
    assert_eq!(
        report
            .tags
            .iter()
            .map(|tag| (&*tag.name, &*tag.value))
            .collect::<Vec<_>>(),
        [("n", "5"), ("notes", "roof")]
    );
    let wifi = sighting(&report);
    assert_eq!(wifi.width, Some(ChannelWidth::Mhz80Plus80));
    assert_eq!(
        (wifi.center0_mhz, wifi.center1_mhz),
        (Some(5210), Some(5690))
    );
    assert_eq!(wifi.ie_tags.as_deref(), Some("0000"));
    assert_eq!(
        sighting(&one(&json!({ "chanwidth": 40 }))).width,
        Some(ChannelWidth::Mhz40)
    );
    assert_eq!(sighting(&one(&json!({ "chanwidth": "???" }))).width, None);
    assert_eq!(one(&json!({ "tags": ["a", "b"] })).tags, []);
}

#[test]
fn of_a_key_that_occurs_twice_the_last_counts() {
    let json = r#"{"source_uuid":"x","source_uuid":"44444444-0000-0000-0000-000000000001","source_name":"x","reports":1,
        "reports":[{"bssid":5,"bssid":"00:11:22:33:44:55","signal":-1,"signal":-2}]}"#;
    assert_eq!(wifi(json).unwrap().reports[0].signal.unwrap().get(), -2);
}

#[test]
fn one_bad_report_spoils_only_itself() {
    let decoded = wifi(&body(&json!([
        { "bssid": "00:11:22:33:44:55", "signal": -1 },
        { "bssid": true },
        5,
        { "ssid": "x" },
        { "bssid": "00:11:22:33:44:56" },
    ])))
    .unwrap();
    assert_eq!(decoded.reports.len(), 2);
    let reasons: Vec<_> = decoded
        .rejected
        .iter()
        .map(|one| (one.index, one.reason.to_string()))
        .collect();
    assert_eq!(
        reasons,
        [
            (1, "bssid: expected a string, found a boolean".to_owned()),
            (2, "report: expected an object, found a number".to_owned()),
            (3, "bssid: missing".to_owned()),
        ]
    );
}

#[test]
fn the_reason_names_the_field() {
    for (fields, reason) in [
        (json!({ "bssid": "zz" }), "bssid: not a hardware address"),
        (
            json!({ "bssid": "00:00:00:00:00:00" }),
            "bssid: the zero address",
        ),
        (
            json!({ "bssid": "FF-FF-FF-FF-FF-FF" }),
            "bssid: the broadcast address",
        ),
        (
            json!({ "bssid": "01005e901000" }),
            "bssid: a multicast address",
        ),
        (
            json!({ "bssid": 5 }),
            "bssid: expected a string, found a number",
        ),
    ] {
        let found = refused(&fields);
        assert!(found.starts_with(reason), "{fields}: {found}");
    }
}

#[test]
fn a_value_that_cannot_be_used_costs_itself_and_is_named() {
    for (fields, expected) in [
        (
            json!({ "signal": "x" }),
            "signal: expected a number, found other text",
        ),
        (
            json!({ "signal": true }),
            "signal: expected a number, found a boolean",
        ),
        (json!({ "signal": "61 %" }), "signal: the unit"),
        (json!({ "lat": 91, "lon": 1 }), "lat: out of range"),
        (json!({ "lat": 1, "lon": -181 }), "lon: out of range"),
        (json!({ "lat": 1 }), "lon: missing"),
        (json!({ "lon": 1 }), "lat: missing"),
        (
            json!({ "lat": 1, "lon": 1, "alt": 1e9 }),
            "alt: out of range",
        ),
        (
            json!({ "lat": 1, "lon": 1, "speed": 1e9 }),
            "speed: out of range",
        ),
        (
            json!({ "lat": 1, "lon": 1, "accuracy": -1 }),
            "accuracy: out of range",
        ),
        (json!({ "freqkhz": 1000 }), "freqkhz: out of range"),
        (
            json!({ "freqkhz": [] }),
            "freqkhz: expected a number, found an array",
        ),
        (
            json!({ "channel": {} }),
            "channel: expected a channel, found an object",
        ),
        (
            json!({ "ssid": "123456789012345678901234567890123" }),
            "ssid: 33 bytes long",
        ),
        (
            json!({ "ssid": [] }),
            "ssid: expected a string, found an array",
        ),
        (json!({ "ssid": 1e17 }), "ssid: a number of so many digits"),
        (
            json!({ "capabilities": "x".repeat(65) }),
            "capabilities: 65 bytes long, at most 64",
        ),
        (
            json!({ "timestamp": {} }),
            "timestamp: expected seconds since 1970",
        ),
        (
            json!({ "timestamp": 57 }),
            "timestamp: the scanner's clock is 1699999943 s behind",
        ),
        (
            json!({ "tags": { "a": "123456789" } }),
            "tags: 9 bytes long",
        ),
        (json!({ "tags": { "a": [] } }), "tags: expected a string"),
        (
            json!({ "tags": { "a": "12345678", "b": "12345678", "c": "12" } }),
            "tags: more than 20 bytes in all",
        ),
        (
            json!({ "tags": { "a": 1, "b": 2, "c": 3, "d": 4 } }),
            "tags: more than 3",
        ),
        (json!({ "tags": "a" }), "tags: expected an object"),
        (
            json!({ "ietags": "0".repeat(4609) }),
            "ietags: 4609 bytes long",
        ),
        (json!({ "chanwidth": "???" }), "chanwidth: expected 20"),
        (json!({ "centerfreq0": 7 }), "centerfreq0: out of range"),
    ] {
        let found = ignored(&fields);
        assert_eq!(found.len(), 1, "{fields}: {found:?}");
        assert!(found[0].starts_with(expected), "{fields}: {found:?}");
    }
}

#[test]
fn a_value_that_says_nothing_is_not_named() {
    for fields in [
        json!({ "signal": "N/A", "freqkhz": 0, "channel": "", "centerfreq0": 0, "tags": [], "chanwidth": "" }),
        json!({ "lat": 0, "lon": 0, "alt": "-", "speed": -1, "accuracy": 5 }),
        json!({ "signal": 0, "ssid": "<unknown ssid>", "timestamp": 0 }),
        json!({ "signal": -1, "capabilities": " " }),
    ] {
        assert_eq!(ignored(&fields), Vec::<String>::new(), "{fields}");
    }
}

#[test]
fn no_more_values_are_named_than_may_be_and_all_are_counted() {
    let notes = |count: usize| {
        let report = json!({ "bssid": "00:11:22:33:44:55", "signal": "x" });
        let body = body(&Json::from(vec![report; count]));
        decode(Phy::Wifi, body.as_bytes(), NOW, &LIMITS).unwrap().1
    };
    assert_eq!(notes(4).ignored.len(), 4);
    assert_eq!(notes(5).ignored.len(), 4);
    assert_eq!(notes(5).ignored_by_field["signal"], 5);
    let indexes: Vec<_> = notes(5).ignored.iter().map(|one| one.index).collect();
    assert_eq!(indexes, [Some(0), Some(1), Some(2), Some(3)]);
}

#[test]
fn only_a_batch_whose_clock_can_be_right_is_recognised() {
    let identity = |timestamp: Json| {
        let report = json!({ "bssid": "00:11:22:33:44:55", "timestamp": timestamp });
        wifi(&body(&json!([report]))).unwrap().identity
    };
    assert!(identity(json!(1_699_999_999)).is_some());
    assert!(identity(json!("2023-11-14T22:13:19Z")).is_some());
    for wrong in [
        json!(0),
        json!(57),
        json!(946_684_857),
        json!(3_471_292_800_u32),
        json!("noon"),
    ] {
        assert_eq!(identity(wrong.clone()), None, "{wrong}");
    }
}

#[test]
fn values_at_the_bound_are_taken() {
    one(&json!({ "capabilities": "x".repeat(64), "ssid": "12345678901234567890123456789012" }));
    one(&json!({ "tags": { "a": "12345678", "b": 2, "12345678": 3 }, "ietags": "0".repeat(4608) }));
    one(
        &json!({ "timestamp": 1_700_086_400, "signal": -150, "lat": 90, "lon": 180, "channel": "149VHT80+80" }),
    );
}

#[test]
fn a_request_that_cannot_be_understood_is_refused_whole() {
    #[track_caller]
    fn check(json: &str, reason: &str) {
        let error = wifi(json).unwrap_err().to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
    let uuid = r#""source_uuid":"44444444-0000-0000-0000-000000000001""#;
    check(
        "not json",
        "not a scan report: expected ident at line 1 column 2",
    );
    check("", "not a scan report");
    check("[]", "not a scan report");
    check("{}", "source_uuid: missing");
    check(
        r#"{"source_uuid":null,"source_name":"x","reports":[]}"#,
        "source_uuid: missing",
    );
    check(
        r#"{"source_uuid":5,"source_name":"x","reports":[]}"#,
        "source_uuid: expected a string",
    );
    check(
        r#"{"source_uuid":"1-2-3-4-5","source_name":"x","reports":[]}"#,
        "source_uuid: not a UUID",
    );
    check(
        &format!(r#"{{{uuid},"source_name":"x"}}"#),
        "reports: expected an array, found nothing",
    );
    check(
        &format!(r#"{{{uuid},"source_name":"x","reports":"nope"}}"#),
        "reports: expected an array, found a string",
    );
    check(
        &format!(r#"{{{uuid},"source_name":"x","reports":{{}}}}"#),
        "reports: expected an array, found an object",
    );
    check(
        &format!(r#"{{{uuid},"source_name":"x","reports":[]}} more"#),
        "trailing characters",
    );
    check(
        &format!(r#"{{{uuid},"source_name":"x","reports":[{{"bssid":"00:11:22:33:44:55"}}"#),
        "EOF",
    );
}

#[test]
fn the_name_of_a_source_costs_only_itself() {
    let name = |name: &str| {
        let json = format!(
            r#"{{"source_uuid":"44444444-0000-0000-0000-000000000001"{name},"reports":[]}}"#
        );
        let (batch, notes) = decode(Phy::Wifi, json.as_bytes(), NOW, &LIMITS).unwrap();
        let ignored = notes.ignored.first();
        (
            batch.source_name.map(String::from),
            ignored.map(|ignored| (ignored.index, ignored.reason.to_string())),
        )
    };
    assert_eq!(name(""), (None, None));
    assert_eq!(name(r#","source_name":null"#), (None, None));
    assert_eq!(name(r#","source_name":5"#), (Some("5".to_owned()), None));
    let (none, ignored) = name(r#","source_name":"12345678901234567""#);
    assert_eq!(none, None);
    assert_eq!(
        ignored.unwrap(),
        (None, "17 bytes long, at most 16 are allowed".to_owned())
    );
    assert!(name(r#","source_name":[1]"#).1.is_some());
}

#[test]
fn a_batch_at_the_bound_is_taken_and_one_report_more_is_not() {
    let reports = |count: usize| {
        body(&Json::from(vec![
            json!({ "bssid": "00:11:22:33:44:55" });
            count
        ]))
    };
    assert_eq!(wifi(&reports(10)).unwrap().reports.len(), 10);
    assert!(matches!(
        wifi(&reports(11)),
        Err(DecodeError::TooManyReports { count: 11, max: 10 })
    ));
    assert!(wifi(&body(&json!([]))).unwrap().reports.is_empty());
}

#[test]
fn depth_at_the_bound_is_taken_and_one_more_is_not() {
    // The document, the list and the report are three levels. The others are in an unknown key.
    let nested = |arrays: usize| {
        let value = format!("{}{}", "[".repeat(arrays), "]".repeat(arrays));
        body(&json!([])).replace(
            "[]",
            &format!(r#"[{{"bssid":"00:11:22:33:44:55","unknown":{value}}}]"#),
        )
    };
    assert!(wifi(&nested(5)).is_ok());
    assert!(
        wifi(&nested(6))
            .unwrap_err()
            .to_string()
            .contains("nested too deep")
    );
    assert!(
        wifi(&nested(100_000))
            .unwrap_err()
            .to_string()
            .contains("nested too deep")
    );
}

#[test]
fn escapes_of_iw_in_an_ssid_are_mended() {
    let json = body(&json!([{ "bssid": "00:11:22:33:44:55", "ssid": "MARK" }]));
    let ssid = |text: &str| {
        let decoded = wifi(&json.replace("MARK", text)).unwrap();
        sighting(&decoded.reports[0]).ssid.as_bytes().to_vec()
    };
    assert_eq!(ssid(r"Caf\xc3\xa9"), "Café".as_bytes());
    assert_eq!(ssid(r"a\xffb"), b"a\xffb");
    assert_eq!(ssid(r"a\udcffb"), b"a\xffb");
    assert_eq!(ssid(r"back\\x41"), br"back\x41");
    assert_eq!(ssid(r"\q"), br"\q");
}

#[test]
fn a_value_that_json_or_floats_cannot_hold_costs_itself() {
    let json =
        body(&json!([{ "bssid": "020000000001", "signal": "MARK" }, { "bssid": "020000000002" }]));
    let decoded = wifi(&json.replace("\"MARK\"", "1e999")).unwrap();
    assert_eq!(decoded.reports.len(), 2);
    assert_eq!(decoded.reports[0].signal, None);
    let json = body(&json!([{ "bssid": "020000000001", "ssid": "MARK" }]));
    let decoded = wifi(&json.replace("MARK", r"cut \ud83d")).unwrap();
    let ssid = sighting(&decoded.reports[0]).ssid;
    assert_eq!(ssid.as_bytes(), "cut \u{fffd}".as_bytes());
}

#[test]
fn bytes_that_are_no_utf8_are_shown_in_every_text() {
    let json = body(&json!([{
        "bssid": "020000000001", "ssid": "MARK", "capabilities": "MARK", "tags": { "MARK": "MARK" },
    }]));
    let json = json
        .replace("MARK", r"a\xffb")
        .replace(r#""x""#, r#""a\xffb""#);
    let decoded = wifi(&json).unwrap();
    let report = &decoded.reports[0];
    let shown = r"a\xFFb";
    assert_eq!(decoded.source_name.as_deref(), Some(shown));
    assert_eq!(sighting(report).ssid.as_bytes(), b"a\xffb");
    assert_eq!(sighting(report).capabilities.as_ref().unwrap().raw(), shown);
    assert_eq!(
        (&*report.tags[0].name, &*report.tags[0].value),
        (shown, shown)
    );
}

#[test]
fn a_batch_that_is_ahead_of_our_clock_is_not_recognised() {
    let json = body(&json!([{ "bssid": "020000000001", "timestamp": 1_700_000_000 }]));
    let long_before = ReceivedAt::from_micros(1_600_000_000_000_000);
    let (early, notes) = decode(Phy::Wifi, json.as_bytes(), long_before, &LIMITS).unwrap();
    assert!(wifi(&json).unwrap().identity.is_some());
    assert_eq!(early.identity, None);
    assert_eq!(early.reports[0].time, long_before.time());
    assert_eq!(notes.clock_offset_s, Some(100_000_000));
}

#[test]
fn a_bluetooth_report_keeps_its_data() {
    let reports = json!([{
        "btaddr": "C0:FF:EE:00:00:01", "name": "Headset", "devicetype": "BR/EDR", "txpowerlevel": 4, "pathloss": "60",
        "scan_data": "0201060aff4c001005", "service_data": { "0000180f-0000-1000-8000-00805f9b34fb": "64" }, "signal": -56,
    }]);
    let decode = |reports: &Json| decode(Phy::Bluetooth, body(reports).as_bytes(), NOW, &LIMITS);
    let (decoded, _) = decode(&reports).unwrap();
    let report = &decoded.reports[0];
    let Sighting::Bluetooth(bluetooth) = &report.sighting else {
        panic!("not Bluetooth")
    };
    assert_eq!(bluetooth.name.as_deref(), Some("Headset"));
    assert_eq!(
        (bluetooth.tx_power_dbm, bluetooth.path_loss_db),
        (Some(4), Some(60))
    );
    assert_eq!(&*bluetooth.scan_data, [2, 1, 6, 10, 0xff, 0x4c, 0, 0x10, 5]);
    assert_eq!(&*bluetooth.service_data[0].bytes, [0x64]);
    assert_eq!(report.channel.unwrap().as_str(), "FHSS");
    for (key, value) in [
        ("scan_data", json!("0")),
        ("scan_data", json!("zz")),
        ("txpowerlevel", json!(40_000)),
        ("service_data", json!(5)),
        ("service_data", json!("0102")),
        ("service_data", json!([1])),
        ("service_data", json!({ "180f": 5 })),
        ("service_data", json!({ "x".repeat(65): "00" })),
        (
            "service_data",
            json!({ "1": "", "2": "", "3": "", "4": "" }),
        ),
    ] {
        let mut reports = reports.clone();
        reports[0][key] = value;
        let (batch, notes) = decode(&reports).unwrap();
        assert_eq!(batch.reports.len(), 1, "{key}");
        let fields: Vec<_> = notes.ignored.iter().map(|ignored| ignored.field).collect();
        assert_eq!(fields, [key]);
    }
    let mut reports = reports.clone();
    reports[0]["btaddr"] = json!("");
    let error = decode(&reports).unwrap_err();
    assert!(matches!(error, DecodeError::NothingValid(_)));
}

#[test]
fn what_android_and_controllers_have_for_not_set_is_none() {
    let power = |fields: Json| {
        let mut fields = fields;
        fields["btaddr"] = json!("C0:FF:EE:00:00:01");
        let body = body(&json!([fields]));
        let (batch, notes) = decode(Phy::Bluetooth, body.as_bytes(), NOW, &LIMITS).unwrap();
        assert_eq!(notes.ignored, [], "{fields}");
        match &batch.reports[0].sighting {
            Sighting::Bluetooth(bluetooth) => (bluetooth.tx_power_dbm, bluetooth.path_loss_db),
            Sighting::Wifi(_) => panic!("not Bluetooth"),
        }
    };
    for not_set in [
        json!(127),
        json!(i32::MIN),
        json!(i32::MAX),
        json!("127"),
        json!(null),
    ] {
        assert_eq!(power(json!({ "txpowerlevel": not_set })), (None, None));
    }
    assert_eq!(power(json!({ "pathloss": i32::MIN })), (None, None));
    assert_eq!(
        power(json!({ "txpowerlevel": 126, "pathloss": 127 })),
        (Some(126), Some(127))
    );
    assert_eq!(
        power(json!({ "txpowerlevel": "4 dBm", "service_data": [] })),
        (Some(4), None)
    );
}

/// JSON of any shape, with the keys that scan reports have.
fn any_json() -> impl Strategy<Value = Json> {
    let key = prop::sample::select(vec![
        "source_uuid",
        "source_name",
        "reports",
        "bssid",
        "btaddr",
        "ssid",
        "signal",
        "lat",
        "lon",
        "alt",
        "speed",
        "timestamp",
        "channel",
        "freqkhz",
        "tags",
        "capabilities",
        "service_data",
        "scan_data",
        "other",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
        Just(json!("00:11:22:33:44:55")),
        Just(json!("44444444-0000-0000-0000-000000000001")),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics_the_decoder(text in ".*") {
        let _result = wifi(&text);
    }

    #[test]
    fn no_json_panics_the_decoder(json in any_json()) {
        for phy in Phy::ALL {
            let _result = decode(phy, json.to_string().as_bytes(), NOW, &LIMITS);
        }
    }

    #[test]
    fn no_report_panics_the_decoder(report in any_json(), cut in 0usize..200) {
        let body = body(&json!([report]));
        let cut = cut.min(body.len());
        for phy in Phy::ALL {
            let _result = decode(phy, body.as_bytes(), NOW, &LIMITS);
            let _result = decode(phy, &body.as_bytes()[..cut], NOW, &LIMITS);
        }
    }
}
