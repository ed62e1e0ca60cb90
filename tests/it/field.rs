//! What scanners in the field send: each case is data, in `tests/fixtures/field/reports`.
//!
//! A case has the reports of one request (or several, in `requests`), what the answer has to contain, and what the
//! device's page has to contain then. In the texts, `{{E9}}` stands for the octet `E9`, and `{{now-100}}` for a time.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;

use crate::server::{BLUETOOTH, TestServer, WIFI};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is odd, and who sends it.
    name: String,
    /// Where requests go that are no scan reports. Their answers need not be JSON.
    path: Option<String>,
    radio: Option<String>,
    /// The reports of one request.
    #[serde(default)]
    report: String,
    /// The whole body of one request instead.
    body: Option<String>,
    /// The reports of several requests, one after the other, each of another scanner.
    #[serde(default)]
    requests: Vec<String>,
    content_type: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    /// JSON that the last answer contains.
    answer: Option<String>,
    /// The address of a device.
    device: Option<String>,
    /// JSON that the device contains.
    view: Option<String>,
    /// The rules that raised alerts about the device, in order.
    alerts: Option<Vec<String>>,
    /// A path, and JSON that its answer contains.
    get: Option<(String, String)>,
}

fn ok() -> u16 {
    200
}

/// Writes out what stands in double braces.
fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").unwrap();
        octets.extend_from_slice(before.as_bytes());
        match inside.strip_prefix("now") {
            Some(seconds) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let seconds: i64 = seconds.parse().unwrap_or_default();
                let time = i64::try_from(now.as_secs()).unwrap() + seconds;
                octets.extend_from_slice(time.to_string().as_bytes());
            }
            None => octets.push(u8::from_str_radix(inside, 16).unwrap()),
        }
        rest = after;
    }
    octets.extend_from_slice(rest.as_bytes());
    octets
}

fn body(reports: &str, scanner: usize) -> String {
    let uuid = format!("6e6d010f-5ca9-4000-8000-{scanner:012}");
    format!(r#"{{"source_uuid":"{uuid}","source_name":"t","reports":[{reports}]}}"#)
}

/// Whether `found` has all that `expected` has.
#[track_caller]
fn expect_contains(found: &Value, expected: &str, name: &str) {
    fn contains(found: &Value, expected: &Value) -> bool {
        match (found, expected) {
            (Value::Object(found), Value::Object(expected)) => expected
                .iter()
                .all(|(key, value)| contains(found.get(key).unwrap_or(&Value::Null), value)),
            (Value::Array(found), Value::Array(expected)) => {
                found.len() == expected.len()
                    && found
                        .iter()
                        .zip(expected)
                        .all(|(found, expected)| contains(found, expected))
            }
            _ => found == expected,
        }
    }
    let expected: Value = serde_json::from_str(expected).unwrap();
    assert!(
        contains(found, &expected),
        "{name}: {found} lacks {expected}"
    );
}

async fn check(server: &TestServer, case: &Case) {
    let name = &case.name;
    let path = match (case.path.as_deref(), case.radio.as_deref()) {
        (Some(path), None) => path,
        (None, None | Some("wifi")) => WIFI,
        (None, Some("bluetooth")) => BLUETOOTH,
        other => panic!("{name}: {other:?}"),
    };
    let mut bodies: Vec<String> = case
        .requests
        .iter()
        .enumerate()
        .map(|(scanner, reports)| body(reports, scanner))
        .collect();
    if bodies.is_empty() {
        bodies.push(case.body.clone().unwrap_or_else(|| body(&case.report, 0)));
    }
    let kind = case.content_type.as_deref().unwrap_or("application/json");
    let mut answer = Value::Null;
    for body in bodies {
        let request = server.request(reqwest::Method::POST, path);
        let request = request.header("content-type", kind).body(octets(&body));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!(status, case.status, "{name}: {text}");
        answer = match (serde_json::from_str(&text), &case.path) {
            (Ok(answer), _) => answer,
            (Err(_), Some(_)) => Value::Null,
            (Err(wrong), None) => panic!("{name}: {wrong}: {text}"),
        };
    }
    if let Some(expected) = &case.answer {
        expect_contains(&answer, expected, name);
    }
    if let (Some(device), Some(view)) = (&case.device, &case.view) {
        let page = server.get(&format!("/api/v1/devices/{device}")).await;
        expect_contains(&page.expect_status(200).json(), view, name);
    }
    if let (Some(device), Some(expected)) = (&case.device, &case.alerts) {
        let path = format!("/api/v1/alerts?limit=1000&address={device}");
        let page = server.get(&path).await.expect_status(200).json();
        let alerts = page["alerts"].as_array().unwrap().iter().rev();
        let rules: Vec<_> = alerts
            .map(|alert| alert["rule"].as_str().unwrap())
            .collect();
        assert_eq!(rules, *expected, "{name}");
    }
    if let Some((path, expected)) = &case.get {
        let page = server.get(path).await;
        expect_contains(&page.expect_status(200).json(), expected, name);
    }
}

#[tokio::test]
async fn what_scanners_send_is_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/field/reports");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let often = || "1000/min,1000/sec".to_owned();
    let server = TestServer::start_with(|config| {
        config.alerts.chanchange = often();
        config.alerts.cryptodrop = often();
        config.alerts.advcryptchange = often();
    })
    .await;
    let mut cases = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let file: File =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in &file.case {
            check(&server, case).await;
            cases += 1;
        }
    }
    assert!(0 < cases);
}

/// A batch that is sent again brings nothing, so its values count once. A scanner's clock is shown until it is right.
#[tokio::test]
async fn values_that_were_left_out_and_wrong_clocks_are_shown_by_scanner() {
    let server = TestServer::start().await;
    let shown = async || {
        let page = server.read("/api/v1/sources").await;
        let source = &page["sources"][0];
        (
            source["values_ignored"].clone(),
            source["clock_offset_s"].clone(),
        )
    };
    let send = async |fields: &str| {
        let report = format!(r#"{{"bssid":"02:00:5E:20:F2:01",{fields}}}"#);
        let request = server.post(WIFI, Some("application/json"), body(&report, 1));
        request.await.expect_status(200).json()
    };
    let known = r#""timestamp":1700000000,"lat":91,"lon":1,"signal":"x""#;
    assert_eq!(send(known).await["ignored"].as_array().unwrap().len(), 2);
    let again = send(known).await;
    assert_eq!(again["duplicate"], true);
    assert_eq!(again["ignored"].as_array().unwrap().len(), 2);
    assert_eq!(shown().await, (2.into(), Value::Null));

    let late = send(r#""timestamp":57"#).await;
    let offset_s = late["clock_offset_s"].as_i64().unwrap();
    assert!(offset_s < -1_000_000_000, "{offset_s}");
    assert_eq!(shown().await, (3.into(), offset_s.into()));
    send(r#""timestamp":1700000001"#).await;
    assert_eq!(shown().await, (3.into(), Value::Null));
}
