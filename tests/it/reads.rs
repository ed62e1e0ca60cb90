//! Kismet's read routes: formats, fields, patterns, tables, and lists that are always empty.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, BLUETOOTH, SOURCE, TestServer, batch, timeless};
use crate::snapshot::expect_snapshot;

const ALL: &str = "/devices/views/all/devices";
const MAC: &str = "kismet.device.base.macaddr";
const NAME: &str = "kismet.device.base.name";
const SIGNAL: &str = "kismet.device.base.signal/kismet.common.signal.last_signal";

/// Three access points: `Alpha` at -60, `beta` at -40, and a hidden one at -50 dBm.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    server
        .report(json!([
            { "bssid": "00:00:00:00:00:01", "ssid": "Alpha", "capabilities": "[WPA2-PSK-CCMP][ESS]", "signal": -60, "timestamp": 1_700_000_001 },
            { "bssid": "00:00:00:00:00:02", "ssid": "beta", "capabilities": "[ESS]", "signal": -40, "timestamp": 1_700_000_002 },
            { "bssid": "00:00:00:00:01:03", "signal": -50, "freqkhz": 5_180_000, "timestamp": 1_700_000_003 },
        ]))
        .await;
    server
}

async fn ask(server: &TestServer, path: &str, command: Value) -> Value {
    server
        .post_json(path, &command)
        .await
        .expect_status(200)
        .json()
}

/// Values of one field of a list.
fn texts<'v>(list: &'v Value, field: &str) -> Vec<&'v str> {
    let records = list.as_array().unwrap().iter();
    records
        .map(|record| record[field].as_str().unwrap())
        .collect()
}

/// Replaces `.` by `_` in all names.
fn underscored(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.replace('.', "_"), underscored(value)))
            .collect(),
        Value::Array(items) => items.iter().map(underscored).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn the_extension_chooses_the_form() {
    let server = server().await;
    let read = async |path: &str| timeless(server.read(path).await);
    let plain = read(&format!("{ALL}.json")).await;
    for same in ["cmd", "jcmd", "prettyjson"] {
        assert_eq!(read(&format!("{ALL}.{same}")).await, plain, "{same}");
    }
    assert_eq!(read(&format!("{ALL}.tjson")).await, underscored(&plain));
    let lines = |answer: Answer| -> Value {
        assert!(answer.text.ends_with('\n'));
        let lines = answer.text.lines();
        timeless(
            lines
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .collect(),
        )
    };
    assert_eq!(lines(server.get(&format!("{ALL}.itjson")).await), plain);
    assert_eq!(
        lines(server.get(&format!("{ALL}.ekjson")).await),
        underscored(&plain)
    );
    assert_eq!(
        lines(server.get("/devices/all_devices.itjson").await),
        plain
    );
    assert_eq!(
        lines(server.get("/devices/all_devices.ekjson").await),
        underscored(&plain)
    );
    assert_eq!(read("/devices/all_devices.json").await, plain);
    for unknown in ["", ".", ".xml", ".json.", "/.json"] {
        server
            .get(&format!("{ALL}{unknown}"))
            .await
            .expect_error(404, "nothing at this path");
    }
    let pretty = server.get(&format!("{ALL}.prettyjson")).await.text;
    assert!(
        pretty.starts_with("\r\n[\r\n  {\r\n    \"description.kismet.device.base.key\": "),
        "{pretty}"
    );
    assert_eq!(
        server
            .get("/devices/views/phy-UAV/devices.ekjson")
            .await
            .text,
        ""
    );
    assert_eq!(read("//devices///views/all/devices.json").await, plain);
}

#[tokio::test]
async fn fields_are_chosen_and_renamed() {
    let server = server().await;
    let fields = json!({ "fields": [MAC, [SIGNAL, "dBm"], SIGNAL, "no.such.field", "", "kismet.device.base.location",
        "dot11.device/dot11.device.last_beaconed_ssid_record/dot11.advertisedssid.ssid"] });
    let sort = format!("sort={MAC}&sort_dir=desc");
    let list = ask(&server, &format!("{ALL}.json?{sort}"), fields.clone()).await;
    expect_snapshot("fields_of_devices", list);
    let key = "4202770D00000000_10000000000";
    let one = ask(
        &server,
        &format!("/devices/by-key/{key}/device.json"),
        fields.clone(),
    )
    .await;
    expect_snapshot("fields_of_a_device", one);
    let by_key = ask(
        &server,
        "/devices/multikey/as-object/devices.tjson",
        json!({ "devices": [key, "nonsense", "4202770D00000000_90000000000"], "fields": fields["fields"] }),
    )
    .await;
    expect_snapshot("fields_of_devices_by_key", by_key);
    // Kismet's own page sends the command as a form.
    let form = format!(
        "json={}&page=0&length=1&{sort}",
        r#"{"fields":["kismet.device.base.macaddr"]}"#
    );
    let request = server
        .request(Method::POST, &format!("{ALL}.json"))
        .body(form);
    let request = request.header(
        "content-type",
        "application/x-www-form-urlencoded; charset=UTF-8",
    );
    let page = Answer::of(request).await.expect_status(200).json();
    expect_snapshot("page_of_devices", page);
}

#[tokio::test]
async fn invalid_commands_are_named() {
    let server = TestServer::start_with(|config| config.limits.command_items_max = 2).await;
    let refused = async |command: Value, reason: &str| {
        let path = format!("{ALL}.json");
        server
            .post_json(&path, &command)
            .await
            .expect_error(400, reason);
    };
    refused(json!({ "fields": "x" }), "fields: expected a list").await;
    refused(
        json!({ "fields": ["a", 1] }),
        "fields[1]: expected a path, or [path, new name]",
    )
    .await;
    refused(json!({ "fields": [["a"]] }), "fields[0]: expected a path").await;
    refused(
        json!({ "fields": ["a", "b", "c"] }),
        "fields: more than 2 items",
    )
    .await;
    refused(json!({ "regex": [["a", "("]] }), "regex[0]:").await;
    refused(json!({ "regex": [["a", "(?=x)"]] }), "regex[0]:").await;
    refused(
        json!({ "regex": [["a", "(((a{50}){50}){50}){50}"]] }),
        "regex[0]:",
    )
    .await;
    refused(
        json!({ "regex": ["a"] }),
        "regex[0]: expected [path, pattern]",
    )
    .await;
    refused(json!({ "last_time": "x" }), "last_time: expected a number").await;
    server
        .post_json("/devices/multimac/devices.json", &json!({}))
        .await
        .expect_error(400, "devices: missing");
    let command = json!({ "devices": ["00:00:00:00:00:01", "zz"] });
    server
        .post_json("/devices/multimac/devices.json", &command)
        .await
        .expect_error(400, "devices[1]: mac: not a hardware");
    let path = format!("{ALL}.json?page=-1");
    server
        .get(&path)
        .await
        .expect_error(400, "page: expected a number");
    let broken = server
        .post(
            &format!("{ALL}.json"),
            Some("application/json"),
            "{\"fields\": [",
        )
        .await;
    broken.expect_error(400, "json: expected an object");
    ask(
        &server,
        &format!("{ALL}.json"),
        json!({ "fields": ["a", "b"] }),
    )
    .await;
}

#[tokio::test]
async fn patterns_choose_records() {
    let server = server().await;
    let matched = async |regex: Value| -> Vec<String> {
        let list = ask(
            &server,
            &format!("{ALL}.json"),
            json!({ "regex": regex, "fields": [NAME] }),
        )
        .await;
        let mut names: Vec<_> = texts(&list, NAME).into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(matched(json!([[NAME, "^A"]])).await, ["Alpha"]);
    assert_eq!(
        matched(json!([[NAME, "^A"], [NAME, "(?i)BETA"]])).await,
        ["Alpha", "beta"]
    );
    assert!(matched(json!([[NAME, "^$x"]])).await.is_empty());
    let in_list = "dot11.device/dot11.device.advertised_ssid_map/dot11.advertisedssid.ssid";
    assert_eq!(matched(json!([[in_list, "eta"]])).await, ["beta"]);
    assert_eq!(
        matched(json!([[
            "kismet.device.base.seenby/kismet.common.seenby.uuid",
            "^4444"
        ]]))
        .await
        .len(),
        3
    );
}

#[tokio::test]
async fn the_cost_of_patterns_and_fields_is_limited() {
    let server = server().await;
    let refused = async |path: &str, command: Value, reason: &str| {
        server
            .post_json(path, &command)
            .await
            .expect_error(400, reason);
    };
    // Each pattern alone is within the limit.
    let patterns = vec![json!([MAC, r"\w{20}"]); 300];
    for path in [format!("{ALL}.json"), "/system/user_status.json".to_owned()] {
        refused(&path, json!({ "regex": patterns }), "regex[0]: ").await;
    }
    let plain = vec![json!([MAC, "00:01$"]); 300];
    let found = ask(
        &server,
        &format!("{ALL}.json"),
        json!({ "regex": plain, "fields": [MAC, MAC] }),
    )
    .await;
    assert_eq!(found, json!([{ MAC: "00:00:00:00:00:01" }]));
    let named = |count: usize| {
        let names = (0..count).map(|number| json!([MAC, format!("{number}")]));
        json!({ "fields": names.collect::<Vec<_>>() })
    };
    ask(&server, &format!("{ALL}.json"), named(4)).await;
    refused(
        &format!("{ALL}.json"),
        named(5),
        "fields[4]: more than 4 names",
    )
    .await;
}

#[tokio::test]
async fn a_page_of_lines_is_one_object() {
    let server = server().await;
    for form in ["ekjson", "itjson"] {
        let path = format!("{ALL}.{form}?page=0&length=2");
        let page = ask(&server, &path, json!({ "fields": [MAC] })).await;
        assert_eq!(page["data"].as_array().unwrap().len(), 2, "{page}");
        let path = format!("{ALL}.{form}?page=0&length=0");
        let page = ask(&server, &path, json!({ "fields": [MAC] })).await;
        assert_eq!(page["data"].as_array().unwrap().len(), 3, "{page}");
    }
}

#[tokio::test]
async fn line_separators_in_names_are_escaped() {
    let server = TestServer::start().await;
    let report = json!([{ "bssid": "00:00:00:00:00:01", "tags": { "\u{2028}x\u{85}": "v" } }]);
    server.report(report).await;
    let text = server.get(&format!("{ALL}.ekjson")).await.text;
    assert!(
        !text.contains(['\u{2028}', '\u{85}']) && text.contains(r"\u2028x\u0085"),
        "{text}"
    );
}

#[tokio::test]
async fn a_device_requested_twice_is_returned_once() {
    let server = server().await;
    let key = server.device("00:00:00:00:00:01").await["kismet.device.base.key"].clone();
    for (path, name) in [
        ("multikey", &key),
        ("multimac", &json!("00:00:00:00:00:01")),
    ] {
        let list = ask(
            &server,
            &format!("/devices/{path}/devices.json"),
            json!({ "devices": [name, name] }),
        )
        .await;
        assert_eq!(list.as_array().unwrap().len(), 1, "{path}");
    }
    let object = server
        .post_json(
            "/devices/multikey/as-object/devices.json",
            &json!({ "devices": [key, key] }),
        )
        .await
        .text;
    assert_eq!(object.matches(&format!("{key}: {{")).count(), 1);
}

#[tokio::test]
async fn a_late_report_of_a_network_reaches_pollers() {
    let server = server().await;
    let path = "/phy/phy80211/ssids/views/ssids.json";
    let networks = ask(&server, path, json!({ "last_time": -60 })).await;
    assert_eq!(networks.as_array().unwrap().len(), 2);
    assert_eq!(
        ask(&server, path, json!({ "last_time": 4_000_000_000_u32 })).await,
        json!([])
    );
}

#[tokio::test]
async fn texts_are_searched_and_numbers_are_not() {
    let server = server().await;
    let found = async |search: &str, fields: Value| {
        let path = format!("{ALL}.json?page=0&length=10&search={search}");
        ask(&server, &path, json!({ "fields": fields })).await["last_row"].clone()
    };
    let fields = json!([
        MAC,
        "kismet.device.base.last_time",
        "kismet.device.base.seenby",
        NAME
    ]);
    assert_eq!(found("alph", fields.clone()).await, 1);
    assert_eq!(found("17000", fields.clone()).await, 0);
    assert_eq!(found("virtual", fields).await, 0);
}

#[tokio::test]
async fn tables_are_sorted_searched_and_paged() {
    let server = server().await;
    let fields = json!({ "fields": [NAME, MAC] });
    let page =
        async |query: &str| ask(&server, &format!("{ALL}.json?{query}"), fields.clone()).await;
    // Kismet's page expects `asc` and `desc` to be swapped.
    let sorted = page(&format!("sort={SIGNAL}&sort_dir=desc")).await;
    assert_eq!(
        texts(&sorted, MAC),
        [
            "00:00:00:00:00:01",
            "00:00:00:00:01:03",
            "00:00:00:00:00:02"
        ]
    );
    let sorted = page(&format!("sort={SIGNAL}&sort_dir=asc&page=0&length=2")).await;
    assert_eq!(
        texts(&sorted["data"], MAC),
        ["00:00:00:00:00:02", "00:00:00:00:01:03"]
    );
    assert_eq!(
        (&sorted["last_page"], &sorted["last_row"]),
        (&json!(2), &json!(3))
    );
    let second = page(&format!("sort={SIGNAL}&sort_dir=asc&page=1&size=2")).await;
    assert_eq!(texts(&second["data"], MAC), ["00:00:00:00:00:01"]);
    let past = page(&format!("sort={SIGNAL}&sort_dir=asc&page=9&length=2")).await;
    assert_eq!(past["data"], sorted["data"]);
    let found = page("search=ALPH&page=0&length=5").await;
    assert_eq!(
        (&found["last_row"], &found["total_row"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(
        texts(&page("search=01:03").await, MAC),
        ["00:00:00:00:01:03"]
    );
    let by_name = page(&format!("sort={NAME}")).await;
    assert_eq!(
        texts(&by_name, NAME),
        ["00:00:00:00:01:03", "Alpha", "beta"]
    );

    let table = async |query: &str| {
        let command = json!({ "datatable": true, "fields": [NAME], "colmap": { "0": NAME, "1": ["kismet.device.base.signal", "kismet.common.signal.last_signal"] } });
        ask(&server, &format!("{ALL}.json?{query}"), command).await
    };
    let answer =
        table("draw=7&start=1&length=1&order[0][column]=0&order[0][dir]=desc&search[value]=a")
            .await;
    expect_snapshot("datatable", answer);
}

#[tokio::test]
async fn views_are_listed_counted_and_kept() {
    let server = server().await;
    let other = SOURCE.replace('4', "5");
    let mut body = batch(json!([{ "btaddr": "00:00:00:00:00:09" }]));
    body["source_uuid"] = json!(other);
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    let sizes = async |server: &TestServer| -> Vec<(String, u64)> {
        let views = server.read("/devices/views/all_views.json").await;
        let views = views.as_array().unwrap().iter();
        let sizes = views.map(|view| {
            let id = view["kismet.devices.view.id"].as_str().unwrap();
            (
                id.to_owned(),
                view["kismet.devices.view.size"].as_u64().unwrap(),
            )
        });
        sizes.filter(|(_, size)| 0 < *size).collect()
    };
    let expected = [
        ("phydot11_accesspoints".to_owned(), 3),
        ("phy-IEEE802.11".to_owned(), 3),
        ("phy-Bluetooth".to_owned(), 1),
        ("all".to_owned(), 4),
        (format!("seenby-{SOURCE}"), 3),
        (format!("seenby-{other}"), 1),
    ];
    assert_eq!(sizes(&server).await, expected);
    for (view, size) in &expected {
        let devices = server
            .read(&format!("/devices/views/{view}/devices.json"))
            .await;
        assert_eq!(
            u64::try_from(devices.as_array().unwrap().len()).unwrap(),
            *size,
            "{view}"
        );
    }
    let since = server
        .read("/devices/views/phy-Bluetooth/last-time/-60/devices.json")
        .await;
    assert_eq!(since.as_array().unwrap().len(), 1);
    let command = json!({ "last_time": -60, "fields": [MAC] });
    assert_eq!(
        ask(&server, &format!("{ALL}.json"), command)
            .await
            .as_array()
            .unwrap()
            .len(),
        4
    );
    server
        .get("/devices/views/seenby-nobody/devices.json")
        .await
        .expect_error(404, "no view");
    let server = server.restart().await;
    assert_eq!(sizes(&server).await, expected);
}

#[tokio::test]
async fn addresses_may_be_masked() {
    let server = server().await;
    let found = async |mac: &str| {
        let list = server
            .read(&format!("/devices/by-mac/{mac}/devices.json"))
            .await;
        list.as_array().unwrap().len()
    };
    assert_eq!(found("00:00:00:00:00:00*FF:FF:FF:FF:FF:00").await, 2);
    assert_eq!(found("00:00:00:00:00:00%2FFF:FF:FF:FF:00:00").await, 3);
    assert_eq!(found("00:00:00:00:00:00*FF:FF:FF:FF:FF:FF").await, 0);
    assert_eq!(found("00:00:00:00:01:03").await, 1);
    server
        .get("/devices/by-mac/00:00:00:00:00:01*zz/devices.json")
        .await
        .expect_error(400, "mac:");
    let command = json!({ "devices": ["00:00:00:00:01:03", "00:00:00:00:00:00/FF:FF:FF:FF:FF:00", "00:00:00:00:00:01"], "fields": [MAC] });
    let list = ask(&server, "/devices/multimac/devices.json", command).await;
    assert_eq!(list.as_array().unwrap().len(), 3, "{list}");
}

#[tokio::test]
async fn networks_are_listed_by_name() {
    let server = server().await;
    server.report(json!([{ "bssid": "00:00:00:00:00:04", "ssid": "Alpha", "capabilities": "[RSN-SAE-CCMP][ESS]", "timestamp": 1_700_000_009 }])).await;
    let list = server.read("/phy/phy80211/ssids/views/ssids.json").await;
    assert_eq!(texts(&list, "dot11.ssidgroup.ssid"), ["Alpha", "beta"]);
    let alpha = &list[0];
    assert_eq!(alpha["dot11.ssidgroup.advertising_devices_len"], 2);
    assert_eq!(
        (
            &alpha["dot11.ssidgroup.first_time"],
            &alpha["dot11.ssidgroup.last_time"]
        ),
        (&json!(1_700_000_001), &json!(1_700_000_009))
    );
    assert_eq!(
        alpha["dot11.ssidgroup.crypt_string"],
        "WPA3 WPA3-SAE AES-CCMP"
    );
    let path = format!(
        "/phy/phy80211/ssids/by-hash/{}/ssid.json",
        alpha["dot11.ssidgroup.hash"]
    );
    assert_eq!(server.read(&path).await, *alpha);
    server
        .get("/phy/phy80211/ssids/by-hash/1/ssid.json")
        .await
        .expect_error(404, "no network has the hash 1");
    server
        .get("/phy/phy80211/ssids/by-hash/x/ssid.json")
        .await
        .expect_error(400, "hash:");
    let page = server.read("/phy/phy80211/ssids/views/ssids.json?page=0&length=1&sort=dot11.ssidgroup.last_time&sort_dir=asc").await;
    assert_eq!(texts(&page["data"], "dot11.ssidgroup.ssid"), ["Alpha"]);
    assert_eq!(page["last_row"], 2);
}

#[tokio::test]
async fn lists_without_data_are_empty() {
    let server = server().await;
    for path in [
        "/datasource/types",
        "/datasource/list_interfaces",
        "/alerts/all_alerts",
        "/alerts/alerts_view",
        "/alerts/last-time/0/alerts",
        "/devices/alerts/mac/found/macs",
        "/gps/all_gps",
        "/gps/drivers",
        "/plugins/all_plugins",
        "/poi/list_poi",
        "/logging/active",
        "/logging/drivers",
        "/phy/phy80211/clients-of/4202770D00000000_10000000000/clients",
    ] {
        assert_eq!(
            server.read(&format!("{path}.json")).await,
            json!([]),
            "{path}"
        );
    }
    for path in [
        "/gps/all_locations",
        "/streams/all_streams",
        "/antennas/antennas",
        "/radiation/sensors/all_sensors",
    ] {
        assert_eq!(
            server.read(&format!("{path}.json")).await,
            json!({}),
            "{path}"
        );
    }
    assert_eq!(
        server.read("/alerts/wrapped/last-time/0/alerts.json").await["kismet.alert.list"],
        json!([])
    );
    assert_eq!(
        server.read("/gps/location.json").await,
        json!({ "kismet.common.location.geopoint": [0, 0] })
    );
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "lat": 40.5, "lon": -74.25, "alt": 3 }]))
        .await;
    let location = server.read("/gps/location.json").await;
    assert_eq!(
        location["kismet.common.location.geopoint"],
        json!([-74.25, 40.5])
    );
    let packets = async || {
        let mut stats = server.read("/packetchain/packet_stats.json").await;
        stats["kismet.packetchain.packets_rrd"].take()
    };
    // The history depends on the current second, so this reads again until both reads fall into the same one.
    let mut before = packets().await;
    loop {
        let rate = server.read("/packetchain/packet_rate.json").await;
        let after = packets().await;
        if before == after {
            assert_eq!(rate, before);
            break;
        }
        before = after;
    }
    let seconds = before["kismet.common.rrd.minute_vec"].as_array().unwrap();
    let count: f64 = seconds.iter().filter_map(Value::as_f64).sum();
    assert!((count - 1.0).abs() < 0.01, "{count}");
    // Two devices use the channel. One of them was seen lately.
    for active in 0..2 {
        let channels = server.read("/channels/channels.json").await;
        let channel = &channels["kismet.channeltracker.frequency_map"]["5180000"];
        assert_eq!(channel["kismet.channelrec.channel"], "36");
        assert_eq!(
            channel["kismet.channelrec.device_rrd"]["kismet.common.rrd.last_value"],
            active
        );
        server
            .report(json!([{ "bssid": "00:00:00:00:00:04", "freqkhz": 5_180_000 }]))
            .await;
    }
}
