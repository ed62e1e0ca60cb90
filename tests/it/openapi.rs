//! The `OpenAPI` document matches the routes and the answers.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::auth::guarded;
use crate::auth_matrix::{Demand, expected};
use crate::schema::Checker;
use crate::server::{Answer, BLUETOOTH, SOURCE, TestServer, WIFI, batch};

const AP: &str = "02:00:5E:10:00:01";
const DOCUMENT: &str = "/api/openapi.json";

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap();
        operations
            .iter()
            .map(move |(method, operation)| (path, method, operation))
    })
}

/// Role that all security schemes of an operation ask for, or `any`.
fn demand(operation: &Value) -> Option<Vec<&str>> {
    let ways = operation["security"].as_array().unwrap();
    let mut roles: Vec<Vec<&str>> = Vec::new();
    for roles_of_one in ways
        .iter()
        .flat_map(|way| way.as_object().unwrap().values())
    {
        let names = roles_of_one.as_array().unwrap().iter();
        roles.push(names.map(|role| role.as_str().unwrap()).collect());
    }
    roles.dedup();
    assert!(roles.len() <= 1, "{operation}");
    roles.pop()
}

#[tokio::test]
async fn the_document_has_the_paths_and_the_roles_that_it_has_to_have() {
    let server = TestServer::start().await;
    let document = server.read(DOCUMENT).await;
    let documented: BTreeSet<_> = operations(&document)
        .map(|(path, method, operation)| (path.clone(), method.to_uppercase(), demand(operation)))
        .collect();
    let mut routes = BTreeSet::new();
    for route in expected() {
        let demand = match route.demand {
            Demand::Nothing => None,
            Demand::Login => Some(vec![]),
            Demand::Scanreport => Some(vec!["scanreport"]),
            Demand::Readonly => Some(vec!["readonly"]),
            Demand::Metrics => Some(vec!["metrics"]),
            Demand::Admin | Demand::Owner => Some(vec!["admin"]),
        };
        for method in route.methods.split(' ') {
            routes.insert((route.path.to_owned(), method.to_owned(), demand.clone()));
        }
    }
    let missing: Vec<_> = routes.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&routes).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "tests/it/roles.tsv and the formats have what the document lacks: {missing:#?}\nand lack what it has: {invented:#?}"
    );
}

fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let server = TestServer::start().await;
    let document = server.read(DOCUMENT).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));

    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let mut known = BTreeSet::new();
    for kind in ["schemas", "responses"] {
        let components = document["components"][kind].as_object().unwrap();
        known.extend(
            components
                .keys()
                .map(|name| format!("#/components/{kind}/{name}")),
        );
    }
    assert_eq!(used, known.iter().map(String::as_str).collect());

    let mut identifiers = BTreeSet::new();
    let mut schemes = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{what}");
        assert!(
            identifiers.insert(operation["operationId"].as_str().unwrap()),
            "{what}: another has its operationId"
        );
        let parameters = operation["parameters"].as_array().unwrap();
        let mut in_path = BTreeSet::new();
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            assert!(
                parameter["description"].is_string(),
                "{what}: src/http/openapi/parameters.rs does not know `{name}`"
            );
            if parameter["in"] == "path" {
                in_path.insert(name);
            }
        }
        let braces = path.split('{').skip(1);
        let braces: BTreeSet<_> = braces.map(|rest| rest.split('}').next().unwrap()).collect();
        assert_eq!(in_path, braces, "{what}");
        for way in operation["security"].as_array().unwrap() {
            schemes.extend(way.as_object().unwrap().keys().cloned());
        }
    }
    let known = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    assert_eq!(schemes, known.keys().cloned().collect());
}

/// Properties of a schema, and which of them are required.
pub(crate) fn properties(document: &Value, name: &str) -> BTreeMap<String, bool> {
    let schema = &document["components"]["schemas"][name];
    let required = schema["required"].as_array().unwrap();
    let names = schema["properties"].as_object().unwrap().keys();
    names
        .map(|name| (name.clone(), required.iter().any(|other| other == name)))
        .collect()
}

#[track_caller]
pub(crate) fn check_record(properties: &BTreeMap<String, bool>, record: &Value) {
    let record = record.as_object().unwrap();
    for name in record.keys() {
        assert!(properties.contains_key(name), "{name} is not described");
    }
    for (name, required) in properties {
        assert!(
            !required || record.contains_key(name),
            "{name} is not there"
        );
    }
}

/// Flags, services, a solicited service, a name, TX power, appearance, service data, manufacturer data, a URL, and a
/// truncated structure.
const ADVERTISED: &str =
    "02010603020d1803140f18050961626364020a040319c00304160f186405ff4c0010050324170009ff4c00";
const NATIVE: [&str; 8] = [
    "/api/v1/devices",
    "/api/v1/devices/{mac}",
    "/api/v1/devices/{mac}/observations",
    "/api/v1/session",
    "/api/v1/ssids",
    "/api/v1/sources",
    "/api/v1/sources/{uuid}",
    "/api/v1/status",
];

/// A path with a value for each of its parameters.
fn asked(path: &str) -> String {
    path.replace("{mac}", AP).replace("{uuid}", SOURCE)
}

/// A server with data for every schema.
async fn server_that_knows_all() -> TestServer {
    let server = TestServer::start().await;
    let full = json!({
        "bssid": AP, "ssid": "a", "capabilities": "[WPA2-PSK-CCMP][MFPC][WPS][P2P][ESS]", "freqkhz": 5_180_000,
        "signal": -60, "lat": 1.5, "lon": 2.5, "alt": 3.5, "speed": 4.5, "accuracy": 5.5, "chanwidth": "80+80", "centerfreq0": 5210,
        "centerfreq1": 5690, "ietags": "00", "tags": { "a": "b" }
    });
    let of_the_same_radio = json!({
        "bssid": "02:00:5E:10:00:02", "ssid": "c", "freqkhz": 5_180_000, "signal": -61, "chanwidth": "80+80",
        "centerfreq0": 5210, "centerfreq1": 5690
    });
    server
        .report(json!([full, { "bssid": AP, "ssid": "b" }, of_the_same_radio, { "bssid": "00:00:0C:00:00:01" }]))
        .await;
    let bluetooth = json!({
        "btaddr": AP, "name": "a", "devicetype": "BLE", "txpowerlevel": 4, "pathloss": -60,
        "scan_data": ADVERTISED, "service_data": { "180f": "64" }
    });
    // Of another scanner, so that there are two.
    let mut bluetooth = batch(json!([bluetooth]));
    bluetooth["source_uuid"] = json!("55555555-0000-0000-0000-000000000001");
    let taken = server.post_json(BLUETOOTH, &bluetooth).await;
    taken.expect_status(200);
    let refused = server.post_json(WIFI, &json!({})).await;
    refused.expect_status(400);
    let key = server.read(&format!("/api/v1/devices/{AP}")).await["key"].clone();
    let name = format!("/devices/by-key/{}/set_name.cmd", key.as_str().unwrap());
    let named = server
        .post_json(&name, &json!({ "username": "mine" }))
        .await;
    named.expect_status(200);
    server
}

#[tokio::test]
async fn native_answers_match_the_document() {
    let server = server_that_knows_all().await;
    let document = server.read(DOCUMENT).await;
    let mut checker = Checker::new(&document);
    for path in NATIVE {
        let asked = asked(path);
        checker.check("get", path, &server.get(&asked).await);
        let parameters = &document["paths"][path]["get"]["parameters"];
        let parameters = parameters.as_array().unwrap();
        // With more pages to come, a page has a cursor.
        if parameters.iter().any(|one| one["name"] == "cursor") {
            let first = server.get(&format!("{asked}?limit=1")).await;
            checker.check("get", path, &first);
        }
    }
    assert_eq!(checker.never_shown(&NATIVE), [""; 0]);
}

#[tokio::test]
async fn csv_tables_match_the_document() {
    let server = server_that_knows_all().await;
    let document = server.read(DOCUMENT).await;
    for path in NATIVE.into_iter().chain(["/api/v1/alerts"]) {
        let request = server.request(Method::GET, &asked(path));
        let answer = Answer::of(request.header("accept", "text/csv")).await;
        let answer = answer.expect_status(200);
        let described = &document["paths"][path]["get"]["responses"]["200"]["content"];
        let is_table = answer.headers["content-type"] == "text/csv; charset=utf-8";
        assert_eq!(described["text/csv"].is_object(), is_table, "{path}");
        if !is_table {
            continue;
        }
        let head = answer.text.lines().next().unwrap();
        let columns: BTreeSet<_> = head.split(',').map(str::to_owned).collect();
        let mut members = BTreeSet::new();
        let list = described["application/json"]["schema"]["$ref"]
            .as_str()
            .unwrap();
        let list = document.pointer(list.strip_prefix('#').unwrap()).unwrap();
        let lists = list["properties"].as_object().unwrap().iter();
        // It is beside the table, and not in it.
        let lists = lists.filter(|(name, _)| *name != "unattributed_refusals");
        let lists = lists.map(|(_, list)| list);
        let items = lists.filter_map(|list| list["items"].get("$ref"));
        items.for_each(|item| members_of(&document, item.as_str().unwrap(), &mut members));
        if path == "/api/v1/sources" {
            // A nested object has a column for each of its members.
            assert!(members.remove("position"));
            members_of(&document, "#/components/schemas/Fix", &mut members);
        }
        assert_eq!(columns, members, "{path}");
    }
}

/// Names of a schema's members, with those from `allOf`.
fn members_of(document: &Value, reference: &str, members: &mut BTreeSet<String>) {
    let schema = document
        .pointer(reference.strip_prefix('#').unwrap())
        .unwrap();
    let parts = schema["allOf"].as_array().into_iter().flatten();
    for part in parts.chain([schema]) {
        if let Some(reference) = part["$ref"].as_str() {
            members_of(document, reference, members);
        }
        let names = part["properties"].as_object().into_iter().flatten();
        members.extend(names.map(|(name, _)| name.clone()));
    }
}

#[tokio::test]
async fn answers_to_reports_match_the_document() {
    let server = TestServer::start_with(|config| config.limits.body_bytes_max = 1000).await;
    let document = server.read(DOCUMENT).await;
    let mut checker = Checker::new(&document);
    let good = json!([{ "bssid": AP }, { "bssid": "x" }]);
    let large = json!([{ "bssid": AP, "ssid": "x".repeat(1000) }]);
    for (body, content_type, status) in [
        (batch(good).to_string(), "application/json", 200),
        ("x".to_owned(), "application/json", 400),
        (
            batch(json!([{ "bssid": "x" }])).to_string(),
            "application/json",
            422,
        ),
        (batch(large).to_string(), "application/json", 413),
        ("x".to_owned(), "image/png", 415),
    ] {
        let answer = server.post(WIFI, Some(content_type), body).await;
        let answer = answer.expect_status(status);
        checker.check("post", WIFI, &answer);
    }
    for (path, asked, status) in [
        ("/api/v1/devices", "/api/v1/devices?x=1", 400),
        ("/api/v1/devices/{mac}", "/api/v1/devices/x", 400),
        (
            "/api/v1/devices/{mac}",
            "/api/v1/devices/02:00:00:00:00:09",
            404,
        ),
        (
            "/api/v1/devices/{mac}/observations",
            "/api/v1/devices/02:00:00:00:00:09/observations",
            404,
        ),
        (
            "/devices/by-key/{key}/device.{format}",
            "/devices/by-key/x/device.json",
            400,
        ),
        ("/eventbus/events.ws", "/eventbus/events.ws", 426),
        ("/healthz", "/healthz", 200),
        ("/readyz", "/readyz", 200),
    ] {
        let answer = server.get(asked).await.expect_status(status);
        checker.check("get", path, &answer);
    }
    let (locked, _) = guarded().await;
    for path in ["/api/v1/status", "/eventbus/events.ws"] {
        let answer = locked.get(path).await.expect_status(401);
        checker.check("get", path, &answer);
    }
    let path = "/session/set_password";
    let answer = locked.post(path, None, "").await.expect_status(403);
    checker.check("post", path, &answer);
}

#[tokio::test]
async fn a_client_that_has_the_document_is_not_sent_it_again() {
    let server = TestServer::start().await;
    let first = server.get(DOCUMENT).await.expect_status(200);
    assert_eq!(first.headers["content-type"], "application/json");
    let etag = first.headers["etag"].to_str().unwrap();
    let asked = async |known: &str| {
        let request = server.request(Method::GET, DOCUMENT);
        Answer::of(request.header("if-none-match", known)).await
    };
    for known in [etag, "*", &format!("\"x\", {etag}")] {
        let answer = asked(known).await.expect_status(304);
        assert_eq!(
            (answer.text.as_str(), &answer.headers["etag"]),
            ("", &first.headers["etag"])
        );
    }
    assert_eq!(asked("\"x\"").await.expect_status(200).text, first.text);
}

#[tokio::test]
async fn alerts_match_the_document() {
    let server = TestServer::start().await;
    let document = server.read(DOCUMENT).await;
    // The network was encrypted before, so this raises an alert.
    let secured = json!({ "bssid": "02:00:5E:10:00:01", "ssid": "b", "capabilities": "[WPA2-PSK-CCMP]", "timestamp": 1_700_000_000 });
    let open = json!({
        "bssid": "02:00:5E:10:00:01", "ssid": "b", "capabilities": "[ESS]", "channel": "6", "lat": 1.5, "lon": 2.5,
        "alt": 3.5, "timestamp": 1_700_000_001
    });
    server.report(json!([secured, open])).await;
    let kind = json!({ "name": "DOOR", "description": "The door is open" });
    let define = "/alerts/definitions/define_alert.cmd";
    server.post_json(define, &kind).await.expect_status(200);
    let raised = json!({
        "name": "DOOR", "text": "It is", "source": "02:00:5E:30:00:01", "dest": "02:00:5E:30:00:02", "bssid": "02:00:5E:30:00:03",
        "other": "02:00:5E:30:00:03"
    });
    let raise = "/alerts/raise_alerts.cmd";
    server.post_json(raise, &raised).await.expect_status(200);
    let page = server.read("/api/v1/alerts").await;
    check_record(&properties(&document, "Alerts"), &page);
    let alert = properties(&document, "AlertFacts");
    let mut shown = BTreeSet::new();
    for record in page["alerts"].as_array().unwrap() {
        check_record(&alert, record);
        shown.extend(record.as_object().unwrap().keys().cloned());
    }
    assert_eq!(shown, alert.keys().cloned().collect());

    let id = page["alerts"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/alerts/{id}/acknowledge");
    let handled = server.post_json(&path, &json!({ "comment": "a" })).await;
    let mut checker = Checker::new(&document);
    checker.check("post", "/api/v1/alerts/{id}/acknowledge", &handled);
    for path in ["/api/v1/alerts", "/api/v1/alerts/rules"] {
        checker.check("get", path, &server.get(path).await);
    }
    let first = server.get("/api/v1/alerts?limit=1").await;
    checker.check("get", "/api/v1/alerts", &first);
    // The server requires no login, so it knows no names.
    let names = ["AlertAcknowledgement.acknowledged_by", "AlertComment.by"];
    assert_eq!(checker.never_shown(&["/api/v1/alerts"]), names);
}
