//! The table of fields matches the fields in answers.

use std::collections::{BTreeMap, BTreeSet};

use scanpost::auth::Credentials;
use serde_json::{Value, json};

use crate::auth_matrix::{Expected, expected};
use crate::server::{BLUETOOTH, TestServer, batch};

/// A server with data for every field.
/// With a key for the administrator, who alone may list keys.
async fn server() -> (TestServer, String) {
    let server = TestServer::start().await;
    server
        .report(json!([
            {
                "bssid": "00:00:00:00:00:01", "ssid": "Alpha", "capabilities": "[RSN-SAE-CCMP][MFPR][ESS]",
                "signal": -60, "freqkhz": 5_180_000, "chanwidth": "80+80", "centerfreq0": 5210, "centerfreq1": 5690,
                "lat": 1.5, "lon": 2.5, "alt": 3.5, "speed": 4.5, "tags": { "kismet.device.base.key": "mine" },
            },
            { "bssid": "00:00:00:00:00:02", "lat": 1.25, "lon": 2, "channel": "6" },
        ]))
        .await;
    let bluetooth = json!([{
        "btaddr": "00:00:00:00:00:03", "name": "a", "devicetype": "BLE", "txpowerlevel": 4, "pathloss": -60,
        "scan_data": "0201", "service_data": { "180f": "64" },
    }]);
    let answer = server.post_json(BLUETOOTH, &batch(bluetooth)).await;
    answer.expect_status(200);
    let alert = json!({ "name": "door", "description": "x", "text": "x" });
    for command in ["definitions/define_alert", "raise_alerts"] {
        let path = format!("/alerts/{command}.cmd");
        server.post_json(&path, &alert).await.expect_status(200);
    }
    let key = "4202770D00000000_10000000000";
    let path = format!("/devices/by-key/{key}/set_name.cmd");
    let named = server
        .post_json(&path, &json!({ "username": "mine" }))
        .await;
    named.expect_status(200);
    let key = json!({ "name": "k", "role": "readonly", "duration": 0 });
    let admin = crate::auth::key(&Credentials::open(server.data()).unwrap(), "admin");
    let path = format!("/auth/apikey/generate.cmd?KISMET={admin}");
    let made = server.post_json(&path, &key).await;
    made.expect_status(200);
    (server, admin)
}

/// Type and description of each field by name, from the HTML page.
async fn table(server: &TestServer) -> BTreeMap<String, (String, String)> {
    let page = server.get("/system/tracked_fields.html").await;
    let page = page.expect_status(200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let rows = page.text.lines().filter_map(|line| {
        let row = line.strip_prefix("<tr><td>")?.strip_suffix("</td></tr>")?;
        let mut cells = row.split("</td><td>").map(str::to_owned);
        Some((cells.next()?, (cells.next()?, cells.next()?)))
    });
    rows.collect()
}

/// Whether a value has the type.
fn is_of(kind: &str, value: &Value) -> bool {
    let below = |bits: u32| {
        value
            .as_u64()
            .is_some_and(|value| value.checked_shr(bits).unwrap_or(0) == 0)
    };
    let is_hex = |text: &str| {
        text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let every = |is: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(is));
    match kind {
        "string" => value.is_string(),
        "uint8_t" => below(8),
        "uint32_t" => below(32),
        "uint64_t" => below(64),
        "int16_t" => value
            .as_i64()
            .is_some_and(|value| i16::try_from(value).is_ok()),
        "int32_t" => value
            .as_i64()
            .is_some_and(|value| i32::try_from(value).is_ok()),
        "double" => value.is_number(),
        "mac_addr" => value
            .as_str()
            .is_some_and(|text| text.len() == 17 && text.contains(':')),
        "uuid" => value
            .as_str()
            .is_some_and(|text| text.len() == 36 && text.contains('-')),
        "devicekey" => value.as_str().is_some_and(|text| text.contains('_')),
        "bytearray" => value.as_str().is_some_and(is_hex),
        "pair[double, double]" => every(Value::is_number) && value.as_array().unwrap().len() == 2,
        "vector[x]" => every(Value::is_object),
        "vector[double]" => every(Value::is_number),
        "vector[string]" => every(Value::is_string),
        "map[field, x]" | "map[string, x]" => value.is_object(),
        "map[double,double]" => value
            .as_object()
            .is_some_and(|fields| fields.values().all(Value::is_number)),
        _ => panic!("an unknown type: {kind}"),
    }
}

/// Calls `look` for every field in `value`. Names within maps are data, not fields.
fn walk<'v>(value: &'v Value, is_free: bool, look: &mut dyn FnMut(&'v str, &'v Value) -> bool) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, false, look)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let holds_data = !is_free && look(name, value);
                walk(value, holds_data, look);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_table_has_the_fields_that_reads_send_and_no_others() {
    let (server, admin) = server().await;
    let table = table(&server).await;
    let (mut sent, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    // The list of scripts is no record.
    let reads = expected().map(Expected::asked);
    let reads = reads.filter(|path| path != "/dynamic.json");
    for path in reads.filter(|path| path.contains(".json") && !path.starts_with("/api/")) {
        let answer = server.get(&format!("{path}?KISMET={admin}")).await;
        if answer.status != 200 {
            continue;
        }
        walk(&answer.json(), false, &mut |name, value| {
            let Some((kind, _)) = table.get(name) else {
                unknown.insert(format!("{name} in {path}: {value}"));
                return false;
            };
            assert!(
                is_of(kind, value),
                "{path}: {name} is not of type {kind}: {value}"
            );
            sent.insert(name.to_owned());
            matches!(kind.as_str(), "map[string, x]" | "map[double,double]")
        });
    }
    assert!(
        unknown.is_empty(),
        "not in src/views/kismet/fields.tsv: {unknown:#?}"
    );
    let known: BTreeSet<String> = table.keys().cloned().collect();
    let never_sent: Vec<_> = known.difference(&sent).collect();
    assert!(never_sent.is_empty(), "{never_sent:#?}");
    let status = server.read("/system/status.json").await;
    assert_eq!(status["kismet.system.num_fields"], table.len());
}

#[tokio::test]
async fn prettyjson_describes_each_field() {
    let (server, _) = server().await;
    let table = table(&server).await;
    let path = "/devices/by-key/4202770D00000000_10000000000/device.prettyjson";
    let device = server.read(path).await;
    let (kind, meaning) = &table["kismet.device.base.macaddr"];
    assert_eq!(
        device["description.kismet.device.base.macaddr"],
        format!("{kind}, {meaning}")
    );
    // Names of tags are not fields.
    let tags = json!({ "kismet.device.base.key": "mine" });
    assert_eq!(device["kismet.device.base.tags"], tags);
    let mut described = BTreeSet::new();
    let mut fields = BTreeSet::new();
    walk(&device, false, &mut |name, _| {
        match name.strip_prefix("description.") {
            Some(name) => described.insert(name.to_owned()),
            None => fields.insert(name.to_owned()),
        };
        matches!(table.get(name), Some((kind, _)) if kind == "map[string, x]" || kind == "map[double,double]")
    });
    assert_eq!(described, fields);
    let plain = server.read(&path.replace("prettyjson", "json")).await;
    walk(&plain, false, &mut |name, _| {
        assert!(!name.starts_with("description."), "{name}");
        false
    });
}
