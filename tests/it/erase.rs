//! Erasure: afterwards, nothing of what was erased is in any file of the data directory.

mod imports;

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{run, scanpost};
use crate::server::{Answer, BLUETOOTH, SOURCE, TestServer, WIFI, batch};

const TARGET: &str = "A4:1B:22:33:44:55";
const OTHER: &str = "02:00:00:00:00:02";
const KEY: &str = "4202770D00000000_554433221BA4";
const SEEN: u64 = 1_600_000_000;

/// Runs `scanpost erase`. Returns the exit code, standard output and standard error.
fn erase(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    run(scanpost()
        .arg("erase")
        .arg("--data-dir")
        .arg(data)
        .args(args))
}

#[track_caller]
fn expect_erased(data: &Path, args: &[&str]) -> String {
    let (code, out, err) = erase(data, args);
    assert_eq!(code, Some(0), "{err}");
    out
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// The ways in which the address can stand in a file: its octets in both orders, and its texts in small letters.
fn forms() -> Vec<Vec<u8>> {
    let octets = [0xa4, 0x1b, 0x22, 0x33, 0x44, 0x55];
    let mut reversed = octets;
    reversed.reverse();
    let texts = [
        "a4:1b:22:33:44:55",
        "a4-1b-22-33-44-55",
        "a41b.2233.4455",
        "a41b22334455",
        "554433221ba4",
    ];
    let mut forms = vec![octets.to_vec(), reversed.to_vec()];
    forms.extend(texts.map(|text| text.as_bytes().to_vec()));
    forms
}

/// The files that have the address, or another text.
fn found_in(data: &Path, forms: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files_in(data) {
        let content = fs::read(&path).unwrap();
        let small = content.to_ascii_lowercase();
        let has = |form: &Vec<u8>| {
            [&content, &small]
                .into_iter()
                .any(|content| content.windows(form.len()).any(|window| window == form))
        };
        if forms.iter().any(has) {
            let name = path.strip_prefix(data).unwrap();
            found.push(name.display().to_string());
        }
    }
    found.sort();
    found
}

fn ap(address: &str, time: u64) -> Value {
    json!({
        "timestamp": SEEN + time, "bssid": address, "ssid": format!("net of {address}"),
        "capabilities": "[WPA2-PSK-CCMP][ESS]", "signal": -60, "lat": 48.2, "lon": 16.4,
        "tags": { "note": format!("tag of {address}") },
    })
}

/// Sends reports with a key, so that they are recognised when they are sent again.
async fn send(server: &TestServer, path: &str, reports: Value, key: &str) -> Value {
    let body = batch(reports).to_string();
    let request = server
        .request(Method::POST, path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(body);
    Answer::of(request).await.expect_status(200).json()
}

/// A server whose files all have the address: reports, a name, a watched address, and an alert with a comment.
async fn with_target() -> TestServer {
    let server = TestServer::start_with(|config| config.limits.history_memory_rows = 16).await;
    let watch = json!({ "macs": [TARGET, OTHER] });
    let path = "/devices/alerts/mac/both/add.cmd";
    server.post_json(path, &watch).await.expect_status(200);
    for round in 0..10 {
        let reports = (0..5).flat_map(|step| {
            let time = round * 10 + step;
            [ap(TARGET, time), ap(OTHER, time)]
        });
        let reports = Value::Array(reports.collect());
        send(&server, WIFI, reports, &format!("round {round}")).await;
    }
    let watch = json!([{
        "timestamp": SEEN, "btaddr": TARGET, "name": "Watch", "scan_data": "020106", "lat": 48.2, "lon": 16.4,
    }]);
    send(&server, BLUETOOTH, watch, "watch").await;
    let kind =
        json!({ "name": "DOOR", "description": "x", "throttle": "10/min", "burst": "10/sec" });
    let path = "/alerts/definitions/define_alert.cmd";
    server.post_json(path, &kind).await.expect_status(200);
    for address in [TARGET, OTHER] {
        let text = format!("door of {address}");
        let raised = json!({ "name": "DOOR", "text": text, "bssid": address });
        let path = "/alerts/raise_alerts.cmd";
        server.post_json(path, &raised).await.expect_status(200);
    }
    let path = format!("/devices/by-key/{KEY}/set_name.cmd");
    let note = json!({ "username": "my name for it" });
    server.post_json(&path, &note).await.expect_status(200);
    let path = format!("/api/v1/sources/{SOURCE}/name");
    let near = json!({ "name": format!("phone near {TARGET}") });
    server.post_json(&path, &near).await.expect_status(200);
    server
}

/// Waits until a server that was told to erase has started again without a device.
pub(crate) async fn wait_until_gone(server: &TestServer, address: &str) {
    // The sockets stay open, and requests wait or are refused until the server is ready again.
    let url = format!("http://{}/api/v1/devices/{address}", server.addr);
    let is_gone = async || {
        let answer = reqwest::get(&url).await;
        answer.is_ok_and(|answer| answer.status() == 404)
    };
    while !is_gone().await {
        tokio::task::yield_now().await;
    }
}

async fn device(server: &TestServer, address: &str) -> Answer {
    server.get(&format!("/api/v1/devices/{address}")).await
}

#[tokio::test]
async fn nothing_of_an_address_is_left_in_any_file() {
    let server = with_target().await;
    let (data, config) = server.stop().await;
    let before = found_in(data.path(), &forms());
    for file in ["alerts.db", "scanpost.db", "snapshots/00000001.snapshot"] {
        assert!(before.iter().any(|name| name == file), "{before:?}");
    }
    let out = expect_erased(data.path(), &["--address", TARGET]);
    assert!(
        out.contains("erased: 51 observations of 1 devices"),
        "{out}"
    );
    assert!(out.contains("backups"), "{out}");
    assert_eq!(found_in(data.path(), &forms()), [""; 0]);
    // Its texts have gone with it.
    let name = [b"my name for it".to_vec(), b"net of a4".to_vec()];
    assert_eq!(found_in(data.path(), &name), [""; 0]);
    expect_sound(&data);

    // The next start reads the log; the one after it reads the snapshot.
    let mut server = TestServer::start_on(data, config).await;
    for _ in 0..2 {
        device(&server, TARGET).await.expect_status(404);
        let other = device(&server, OTHER).await.expect_status(200).json();
        assert_eq!(other["reports"], 50, "{other}");
        let alerts = server.get("/api/v1/alerts").await.text;
        assert!(
            alerts.contains(OTHER) && !alerts.contains(TARGET),
            "{alerts}"
        );
        let path = format!("/api/v1/devices/{TARGET}/observations");
        let answer = server.get(&path).await;
        assert!(!answer.text.contains("net of"), "{}", answer.text);
        // Sent again by a scanner that had no answer: it is still recognised.
        let again = send(&server, WIFI, json!([ap(TARGET, 0)]), "round 0").await;
        assert_eq!(again["duplicate"], true, "{again}");
        assert_eq!(found_in(server.data(), &forms()), [""; 0]);
        server = server.restart().await;
    }
    let (data, _) = server.stop().await;
    assert_eq!(found_in(data.path(), &forms()), [""; 0]);
    expect_sound(&data);
}

#[track_caller]
fn expect_sound(data: &TempDir) {
    let (code, out, err) = run(scanpost()
        .args(["log", "verify", "--data-dir"])
        .arg(data.path()));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
}

/// A crash may leave any step undone. The next start does all of them.
#[tokio::test]
async fn a_start_carries_out_what_a_crash_interrupted() {
    const STEPS: [&[&str]; 4] = [
        // The order was noted, and nothing else done.
        &["scanpost.db", "alerts.db", "snapshots"],
        &["alerts.db", "snapshots"],
        &["snapshots"],
        &[],
    ];
    for undone in STEPS {
        let server = with_target().await;
        let (data, config) = server.stop().await;
        let copy = tempfile::tempdir().unwrap();
        crate::server::copy(data.path(), copy.path());
        expect_erased(data.path(), &["--address", TARGET]);
        for name in undone {
            let (from, to) = (copy.path().join(name), data.path().join(name));
            if from.is_dir() {
                fs::remove_dir_all(&to).unwrap();
                fs::create_dir(&to).unwrap();
                crate::server::copy(&from, &to);
            } else {
                fs::copy(from, to).unwrap();
            }
        }
        let order = json!({ "orders": [{ "address": TARGET }] });
        fs::write(data.path().join("erasures.json"), order.to_string()).unwrap();
        let server = TestServer::start_on(data, config).await;
        device(&server, TARGET).await.expect_status(404);
        device(&server, OTHER).await.expect_status(200);
        let (data, _) = server.stop().await;
        assert_eq!(found_in(data.path(), &forms()), [""; 0], "{undone:?}");
        assert!(!data.path().join("erasures.json").exists());
        expect_sound(&data);
    }
}

#[tokio::test]
async fn an_area_a_scanner_and_a_range_of_times_are_erased_from_what_is_merged() {
    const ANOTHER: &str = "44444444-0000-0000-0000-000000000002";
    let server = TestServer::start().await;
    let at = |time: u64, lat: f64| {
        let mut report = ap(OTHER, time);
        report["lat"] = json!(lat);
        report
    };
    send(&server, WIFI, json!([at(1, 48.2), at(2, 48.3)]), "a").await;
    let mut body = batch(json!([at(3, 48.3), at(500, 48.3)]));
    body["source_uuid"] = json!(ANOTHER);
    server.post_json(WIFI, &body).await.expect_status(200);
    let (data, config) = server.stop().await;
    for (args, reports) in [
        (["--area", "48.2,16.4,1000"].as_slice(), 3),
        (
            &["--since", "1600000400", "--until", "2020-09-13T13:00:00Z"],
            2,
        ),
        (&["--source", SOURCE], 1),
    ] {
        let counted = expect_erased(data.path(), &[args, &["--dry-run"]].concat());
        assert!(
            counted.starts_with("would be erased: 1 observations"),
            "{counted}"
        );
        let out = expect_erased(data.path(), args);
        assert!(out.starts_with("erased: 1 observations"), "{out}");
        expect_sound(&data);
        let copy = tempfile::tempdir().unwrap();
        crate::server::copy(data.path(), copy.path());
        let server = TestServer::start_on(copy, config.clone()).await;
        let device = device(&server, OTHER).await.expect_status(200).json();
        assert_eq!(device["reports"], reports, "{device}");
        server.stop().await;
    }
    // Of the scanner, not even the UUID is left.
    assert_eq!(
        found_in(data.path(), &[SOURCE.as_bytes().to_vec()]),
        [""; 0]
    );
}

#[tokio::test]
async fn an_order_is_refused_while_a_server_runs_and_if_it_names_nothing() {
    let server = with_target().await;
    let (code, _, err) = erase(server.data(), &["--address", TARGET]);
    assert_eq!(code, Some(1));
    assert!(err.contains("in use"), "{err}");
    assert!(!server.data().join("erasures.json").exists());
    let counted = expect_erased(server.data(), &["--address", TARGET, "--dry-run"]);
    assert!(counted.contains("51 observations"), "{counted}");
    let (data, _) = server.stop().await;
    for (args, reason) in [
        (&[][..], "name what to erase"),
        (&["--dry-run"], "name what to erase"),
    ] {
        let (code, _, err) = erase(data.path(), args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(err.contains(reason), "{err}");
    }
    for args in [
        ["--area", "91,0,5"],
        ["--area", "0,0,0"],
        ["--area", "0,0,20000001"],
        ["--since", "yesterday"],
        ["--address", "x"],
    ] {
        let (code, _, _) = erase(data.path(), &args);
        assert_eq!(code, Some(2), "{args:?}");
    }
    let (code, out, _) = erase(data.path(), &["--address", "02:00:00:00:00:99"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("erased: 0 observations of 0 devices"), "{out}");
}

const ERASE: &str = "/api/v1/erase";

#[tokio::test]
async fn a_server_erases_by_request_and_goes_on() {
    let server = with_target().await;
    let order = |is_trial: bool| json!({ "address": TARGET, "dry_run": is_trial });
    let counted = server.post_json(ERASE, &order(true)).await;
    let counted = counted.expect_status(200).json();
    assert_eq!(counted["observations"], 51, "{counted}");
    assert_eq!(counted["waiting"], 0, "{counted}");
    device(&server, TARGET).await.expect_status(200);

    let ordered = server.post_json(ERASE, &order(false)).await;
    let ordered = ordered.expect_status(202).json();
    assert_eq!(ordered["observations"], 51, "{ordered}");
    assert_eq!(ordered["waiting"], 1, "{ordered}");
    wait_until_gone(&server, TARGET).await;
    let other = device(&server, OTHER).await.expect_status(200).json();
    assert_eq!(other["reports"], 50, "{other}");
    send(&server, WIFI, json!([ap(OTHER, 200)]), "later").await;
    assert_eq!(found_in(server.data(), &forms()), [""; 0]);
    let (data, _) = server.stop().await;
    assert_eq!(found_in(data.path(), &forms()), [""; 0]);
    expect_sound(&data);
}

#[tokio::test]
async fn all_orders_of_one_moment_are_carried_out() {
    const COUNT: u8 = 12;
    let address = |number: u8| format!("02:00:00:00:01:{number:02X}");
    let server = TestServer::start().await;
    let reports: Vec<_> = (0..COUNT).map(|number| ap(&address(number), 1)).collect();
    send(&server, WIFI, Value::Array(reports), "all").await;
    let mut orders = tokio::task::JoinSet::new();
    for number in 0..COUNT {
        let order = json!({ "address": address(number), "dry_run": false });
        let request = server.request(Method::POST, ERASE).json(&order);
        orders.spawn(async move {
            let answer = request.send().await;
            (number, answer.map(|answer| answer.status().as_u16()).ok())
        });
    }
    let mut accepted = Vec::new();
    while let Some(ordered) = orders.join_next().await {
        match ordered.unwrap() {
            (number, Some(202)) => accepted.push(number),
            // The server starts again, and has told nobody that it has the order.
            (_, None | Some(503)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(!accepted.is_empty());
    for number in accepted {
        wait_until_gone(&server, &address(number)).await;
    }
    let (data, _) = server.stop().await;
    // Nothing is lost, or left over.
    assert!(!data.path().join("erasures.json").exists());
    assert!(!data.path().join("erasures.json.new").exists());
}

#[tokio::test]
async fn what_people_say_of_other_devices_stays() {
    let server = with_target().await;
    let key = "4202770D00000000_020000000002";
    let path = format!("/devices/by-key/{key}/set_name.cmd");
    let name = format!("neighbour of {TARGET}");
    let note = json!({ "username": name });
    server.post_json(&path, &note).await.expect_status(200);
    let of_other = async |server: &TestServer| {
        let alerts = server.read("/api/v1/alerts").await;
        let mut alerts = alerts["alerts"].as_array().unwrap().iter();
        let alert = alerts.find(|alert| alert["text"] == format!("door of {OTHER}"));
        alert.unwrap().clone()
    };
    let id = of_other(&server).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/alerts/{id}/comments");
    let comment = json!({ "comment": format!("as {TARGET}") });
    let alert = server.post_json(&path, &comment).await.expect_status(200);
    assert!(alert.text.contains(TARGET), "{}", alert.text);
    let (data, config) = server.stop().await;
    expect_erased(data.path(), &["--address", TARGET]);
    let server = TestServer::start_on(data, config).await;
    let other = device(&server, OTHER).await.expect_status(200).json();
    assert_eq!(other["name"], name, "{other}");
    let alert = of_other(&server).await.to_string();
    assert!(!alert.contains(TARGET), "{alert}");
}

#[tokio::test]
async fn a_request_that_names_nothing_or_what_is_not_there_is_refused() {
    let server = TestServer::start().await;
    for (body, status, reason) in [
        (json!({}), 400, "dry_run: missing"),
        (json!({ "dry_run": true }), 400, "name what to erase"),
        (
            json!({ "dry_run": true, "address": "x" }),
            400,
            "address: not a hardware address",
        ),
        (
            json!({ "dry_run": true, "source": "x" }),
            400,
            "source: not a UUID",
        ),
        (
            json!({ "dry_run": true, "address": "FF:FF:FF:FF:FF:FF" }),
            400,
            "address: no device has this address",
        ),
        (
            json!({ "dry_run": true, "since": "6", "until": "5" }),
            400,
            "since: later than until",
        ),
        (
            json!({ "dry_run": true, "since": "x" }),
            400,
            "since: expected seconds",
        ),
        (
            json!({ "dry_run": true, "area": { "lat": 91, "lon": 0, "radius_m": 5 } }),
            400,
            "area.lat: out of range",
        ),
        (
            json!({ "dry_run": true, "area": { "lat": 0, "lon": 0, "radius_m": 0 } }),
            400,
            "area.radius_m: out of range",
        ),
        (
            json!({ "dry_run": true, "everything": true }),
            400,
            "everything",
        ),
    ] {
        let answer = server.post_json(ERASE, &body).await;
        answer.expect_error(status, reason);
    }
}
