//! Reports of single sources that stay for a shorter or a longer time than those of the others.

use std::path::Path;
use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Running, run, scanpost};
use crate::server::WIFI;

const GUEST: &str = "5fe308bd-0000-0000-0000-00000000000a";
const OWN: &str = "5fe308bd-0000-0000-0000-00000000000b";
/// A device that both scanners see.
const SHARED: &str = "02:00:00:00:00:00";

/// A data directory, and the configuration of its server.
fn with_rules(folder: &TempDir, rules: &str) -> impl Fn(&mut Command) + use<> {
    let file = folder.path().join("scanpost.toml");
    std::fs::write(&file, rules).unwrap();
    move |command: &mut Command| {
        command
            .arg("--config")
            .arg(&file)
            .env("SCANPOST_SNAPSHOTS__INTERVAL", "20ms")
            .env("SCANPOST_LOGGING__LEVEL", "debug");
    }
}

/// Sends a batch with the shared device and another one of the scanner.
async fn report(running: &Running, source: &str, number: u32) {
    let (name, octet) = if source == GUEST {
        ("guest", "0a")
    } else {
        ("own", "0b")
    };
    let own = format!("0200{octet}{number:06x}");
    let body = json!({
        "source_uuid": source,
        "source_name": name,
        "reports": [
            { "bssid": SHARED, "ssid": "shared" },
            { "bssid": own, "ssid": format!("{name} {number}") },
        ],
    });
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = Client::new().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn get(running: &Running, path: &str) -> Value {
    let url = format!("http://{}{path}", running.addr);
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// How many observations of each scanner the log has: the guest's, and the own.
fn in_log(data: &Path) -> [i64; 2] {
    let db = rusqlite::Connection::open(data.join("scanpost.db")).unwrap();
    [GUEST, OWN].map(|source| {
        let query = "SELECT count(*) FROM observations_readable WHERE source = ?1 COLLATE NOCASE";
        db.query_row(query, [source], |row| row.get(0)).unwrap()
    })
}

/// How many of the shared device's observations the history shows of each scanner, read in pages.
async fn in_history(running: &Running) -> [usize; 2] {
    let mut found = [0, 0];
    let mut path = format!("/api/v1/devices/{SHARED}/observations?limit=3");
    loop {
        let page = get(running, &path).await;
        for observation in page["observations"].as_array().unwrap() {
            let source = observation["source"].as_str().unwrap().to_lowercase();
            found[usize::from(source != GUEST)] += 1;
        }
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        path = format!("/api/v1/devices/{SHARED}/observations?limit=3&cursor={next}");
    }
}

#[track_caller]
fn expect_sound(data: &Path) {
    let (code, out, err) = run(scanpost().args(["log", "verify", "--data-dir"]).arg(data));
    assert_eq!(code, Some(0), "{out}{err}");
}

#[tokio::test]
async fn a_scanner_that_is_named_keeps_its_reports_for_less_time_than_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let short = "[[retention.rules]]\nsource = \"guest\"\nkeep = \"1s\"\n";
    let mut running = Running::start(with_rules(&folder, short));
    report(&running, OWN, 0).await;
    for number in 0..10 {
        report(&running, GUEST, number).await;
        report(&running, OWN, number).await;
    }
    while in_log(running.data())[0] != 0 {
        running.wait_for("expired old reports");
    }
    assert_eq!(in_log(running.data()), [0, 22]);
    assert_eq!(in_history(&running).await, [0, 11]);
    // Devices stay with all that was counted.
    let device = get(&running, &format!("/api/v1/devices/{SHARED}")).await;
    assert_eq!(device["reports"], 21, "{device}");
    let data = running.stop();
    expect_sound(data.path());

    // Without the rule, new reports stay.
    let running = Running::start_on(data, with_rules(&folder, ""));
    report(&running, GUEST, 20).await;
    report(&running, OWN, 20).await;
    assert_eq!(in_history(&running).await, [1, 12]);
    let device = get(&running, &format!("/api/v1/devices/{SHARED}")).await;
    assert_eq!(device["reports"], 23, "{device}");
    let sources = get(&running, "/api/v1/sources").await;
    assert_eq!(sources["sources"].as_array().unwrap().len(), 2, "{sources}");
    running.kill();
}

/// The log begins with reports that stay, so nothing says of its beginning that it is gone.
#[tokio::test]
async fn what_only_snapshots_have_outlives_an_erasure_and_a_start_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let short = "[[retention.rules]]\nsource = \"guest\"\nkeep = \"1s\"\n";
    let mut running = Running::start(with_rules(&folder, short));
    report(&running, OWN, 0).await;
    for number in 1..6 {
        report(&running, GUEST, number).await;
    }
    report(&running, OWN, 6).await;
    while in_log(running.data())[0] != 0 {
        running.wait_for("expired old reports");
    }
    let data = running.stop();
    let (code, _, err) = run(scanpost()
        .args(["erase", "--address", "02:00:0b:00:00:06", "--data-dir"])
        .arg(data.path()));
    assert_eq!(code, Some(0), "{err}");
    let running = Running::start_on(data, with_rules(&folder, short));
    let list = get(&running, "/api/v1/devices").await;
    let addresses = list["devices"].as_array().unwrap().iter();
    let mut addresses: Vec<_> = addresses
        .map(|device| device["address"].as_str().unwrap().to_lowercase())
        .collect();
    addresses.sort();
    let mut expected: Vec<_> = (1..6)
        .map(|number| format!("02:00:0a:00:00:0{number}"))
        .collect();
    expected.insert(0, SHARED.to_owned());
    expected.push("02:00:0b:00:00:00".to_owned());
    assert_eq!(addresses, expected);
    let data = running.kill();
    std::fs::remove_dir_all(data.path().join("snapshots")).unwrap();
    let (code, log) = Running::fail_to_start(data.path());
    assert!(
        code == Some(1) && log.contains("would lose devices"),
        "{log}"
    );
}

#[tokio::test]
async fn kills_at_any_time_leave_each_report_or_none_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let rule = format!("[[retention.rules]]\nsources = [\"{GUEST}\", \"nobody\"]\nkeep = \"1s\"\n");
    let mut running = Running::start(with_rules(&folder, &rule));
    let mut sent = 0;
    for round in 0..6 {
        for _ in 0..5 {
            report(&running, GUEST, sent).await;
            report(&running, OWN, sent).await;
            sent += 1;
        }
        // The kill comes after the first step of an expiry, or while a snapshot is written.
        let before = ["expired old reports", "wrote a snapshot"][round % 2];
        running.wait_for(before);
        let data = running.kill();
        let db = rusqlite::Connection::open(data.path().join("scanpost.db")).unwrap();
        let query = "SELECT count(*) FROM records r WHERE max(accepted, 0) <>
                         (SELECT count(*) FROM observations WHERE record = r.position)";
        let wrong: i64 = db.query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(wrong, 0);
        drop(db);
        running = Running::start_on(data, with_rules(&folder, &rule));
        let device = get(&running, &format!("/api/v1/devices/{SHARED}")).await;
        assert_eq!(device["reports"], 2 * sent, "{device}");
    }
    report(&running, OWN, sent).await;
    while in_log(running.data())[0] != 0 {
        running.wait_for("expired old reports");
    }
    let own = usize::try_from(sent).unwrap() + 1;
    assert_eq!(in_history(&running).await, [0, own]);
    let data = running.stop();
    assert_eq!(in_log(data.path())[1], i64::from(sent + 1) * 2);
    expect_sound(data.path());
}

/// Reports of the guest and of the own scanner in turn, of which all but the last few arrived 30 days before.
async fn old_log(folder: &TempDir) -> TempDir {
    let running = Running::start(with_rules(folder, ""));
    // More than stay in any case.
    for number in 0..60 {
        let source = if number % 2 == 0 { GUEST } else { OWN };
        let reports: Vec<_> = (0..200)
            .map(|report| json!({ "bssid": format!("0200{:08x}", report % 50) }))
            .collect();
        let body = json!({ "source_uuid": source, "source_name": "x", "reports": reports });
        let url = format!("http://{}{WIFI}", running.addr);
        let answer = Client::new().post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let data = running.stop();
    let db = rusqlite::Connection::open(data.path().join("scanpost.db")).unwrap();
    db.execute_batch(
        "UPDATE records SET received_at_us = received_at_us - 30 * 86400000000 WHERE position <= 58",
    )
    .unwrap();
    // They have the times of receipt too.
    std::fs::remove_dir_all(data.path().join("snapshots")).unwrap();
    data
}

#[tokio::test]
async fn a_scanner_that_is_named_keeps_its_reports_for_ever_while_others_go() {
    let folder = tempfile::tempdir().unwrap();
    let data = old_log(&folder).await;
    let rules =
        format!("[retention]\ndays = 7\n[[retention.rules]]\nsource = \"{OWN}\"\nkeep = \"0s\"\n");
    let mut running = Running::start_on(data, with_rules(&folder, &rules));
    running.wait_for("expired old reports");
    // The newest 10 000 of all stay in any case: the last 50 batches.
    assert_eq!(in_log(running.data()), [25 * 200, 30 * 200]);
    let status = get(&running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], 60 * 200, "{status}");
    let data = running.kill();

    // A rule may go further than that. Then the first source counts with the rule that stands first.
    let rules = format!(
        "{rules}[[retention.rules]]\nsources = [\"{GUEST}\", \"{OWN}\"]\nkeep = \"1day\"\n"
    );
    let mut running = Running::start_on(data, with_rules(&folder, &rules));
    running.wait_for("many reports are due to expire");
    while in_log(running.data())[0] != 200 {
        running.wait_for("expired old reports");
    }
    assert_eq!(in_log(running.data()), [200, 30 * 200]);
    let status = get(&running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], 60 * 200, "{status}");
    running.kill();
}
