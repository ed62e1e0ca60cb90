//! Databases of other programs, and databases of people who mean harm.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use scanpost::config::Config;
use serde_json::Value;

use super::archives::zip;
use super::forms::fixture;
use super::{IMPORTS, check_counts, send, wigle};
use crate::program::{Running, patient_client, run, scanpost};
use crate::server::{TestServer, gzip};
use crate::snapshot::expect_snapshot;

/// The forms, each with the statements that make one of its files.
const FIXTURES: [(&str, &str); 7] = [
    ("wigle-sqlite", "wigle"),
    ("wigle-sqlite", "wigle-old"),
    ("kismetdb", "kismetdb"),
    ("kismetdb", "kismetdb-6"),
    ("neostumbler-sqlite", "neostumbler"),
    ("wardrive-sqlite", "wardrive"),
    ("wardrive-sqlite", "wardrive-4"),
];
/// Lists, in SQL, the numbers from 1 to a bound that follows.
const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ";

fn statements(name: &str) -> String {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/imports/databases"
    );
    fs::read_to_string(Path::new(folder).join(name).with_extension("sql")).unwrap()
}

/// A database that these statements make.
fn made(sql: &str) -> Vec<u8> {
    made_with(sql, |_| {})
}

fn made_with(sql: &str, change: impl FnOnce(&Connection)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(sql).unwrap();
    change(&connection);
    drop(connection);
    fs::read(&file).unwrap()
}

/// Waits for accounts however long the machine takes.
fn patient(config: &mut Config) {
    config.import.answer_within = Duration::from_secs(3600);
}

async fn import(server: &TestServer, files: &[(&str, &[u8])]) -> Value {
    let answer = send(server, "", files).await;
    answer.expect_status(200).json()
}

/// The reason for which a file is refused.
async fn refusal(server: &TestServer, file: &[u8]) -> String {
    let answer = import(server, &[("db", file)]).await;
    assert_eq!(answer["state"], "failed", "{answer}");
    answer["files"][0]["error"].as_str().unwrap().to_owned()
}

/// A server that takes files.
async fn check_alive(server: &TestServer) {
    let answer = import(server, &[("a.csv", wigle(0..3).as_bytes())]).await;
    assert_eq!(answer["state"], "done", "{answer}");
}

/// How many reports and devices a server has.
async fn counts(server: &TestServer) -> Value {
    let status = server.read("/api/v1/status").await;
    serde_json::json!([status["reports"], status["devices"]])
}

#[tokio::test]
async fn each_form_has_an_account_and_is_taken_once() {
    for (form, name) in FIXTURES {
        let server = TestServer::start_with(patient).await;
        let file = made(&statements(name));
        let mut first = import(&server, &[("backup.sqlite", &file)]).await["files"][0].clone();
        assert_eq!(first["form"], form, "{first}");
        let before = counts(&server).await;
        let server = server.restart().await;
        let packed = [
            ("other.db", file.clone()),
            ("a.db.gz", gzip(&file)),
            ("a.zip", zip(&[("in/a.sqlite", &file)])),
        ];
        for (name, packed) in packed {
            let again = import(&server, &[(name, &packed)]).await["files"][0].clone();
            assert_eq!(again["duplicate"], true, "{name}: {again}");
            assert_eq!(again["sha256"], first["sha256"]);
        }
        assert_eq!(counts(&server).await, before, "{name}");
        // The version of SQLite is a part of each file.
        first["sha256"] = "[sha256]".into();
        expect_snapshot(&format!("import_of_{}", name.replace('-', "_")), first);
    }
}

#[tokio::test]
async fn a_backup_that_has_grown_adds_only_what_is_new() {
    let server = TestServer::start_with(patient).await;
    let sql = statements("wigle");
    let file = made(&sql);
    let first = import(&server, &[("a", &file)]).await["files"][0].clone();
    let taken = first["taken"].as_u64().unwrap();
    // The app has another name and another security for its old sightings now.
    let grown = made(&format!(
        "{sql} UPDATE network SET ssid = 'renamed', capabilities = '[ESS]' WHERE bssid = '02:00:00:00:00:01';
         INSERT INTO location (bssid, level, lat, lon, altitude, accuracy, time)
         VALUES ('02:00:00:00:00:02', -60, 52.5, 13.25, 30, 5, 1754050000000);"
    ));
    let answer = import(&server, &[("a", &grown)]).await["files"][0].clone();
    let [other, refused] = ["other", "refused"].map(|name| first[name].as_u64().unwrap());
    check_counts(&answer, [1, taken, other, refused]);
}

/// A log without places takes them from the way that a phone or a radio went.
#[tokio::test]
async fn tracks_of_databases_give_places_to_the_log_beside_them() {
    // From the times of the databases to those of the log, in seconds.
    const LATER_S: u64 = 31_538_400;
    let log = fixture("airodump/capture-01.csv");
    for (name, later, south) in [
        ("wigle", "route SET time = time + 1000 *", 52.52),
        ("kismetdb", "snapshots SET ts_sec = ts_sec +", 52.52),
        (
            "neostumbler",
            "Report SET timestamp = timestamp + 1000 *",
            52.520_006_6,
        ),
    ] {
        let server = TestServer::start_with(patient).await;
        let database = made(&format!("{} UPDATE {later} {LATER_S};", statements(name)));
        let files: [(&str, &[u8]); 2] = [("capture-01.csv", &log), ("db", &database)];
        let answer = send(&server, "?tz=Europe/Berlin", &files).await;
        let answer = answer.expect_status(200).json();
        let accounts = answer["files"].as_array().unwrap();
        let log = accounts
            .iter()
            .find(|account| account["form"] == "airodump-csv");
        assert_eq!(log.unwrap()["bbox"][1], south, "{name}: {answer}");
    }
}

#[tokio::test]
async fn rows_of_kismet_have_the_sources_of_its_radios() {
    let server = TestServer::start_with(patient).await;
    let file = made(&statements("kismetdb"));
    import(&server, &[("Kismet-1.kismet", &file)]).await;
    let sources = server.read("/api/v1/sources").await;
    let sources = sources["sources"].as_array().unwrap();
    let mut names: Vec<_> = sources
        .iter()
        .map(|source| source["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Kismet", "Kismet", "roof"]);
    let roof = sources
        .iter()
        .find(|source| source["name"] == "roof")
        .unwrap();
    assert_eq!(roof["source"], "5FE308BD-0000-0000-0000-00C0CA000001");
}

#[tokio::test]
async fn what_a_database_computes_is_refused_and_does_not_run() {
    let server = TestServer::start_with(patient).await;
    // The statement that would make the table stands in the file, as a text.
    let view = "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);
        CREATE TABLE x (y TEXT DEFAULT 'CREATE TABLE location (z)');
        CREATE VIEW location AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS bssid FROM n;";
    let generated =
        "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT AS (zeroblob(1000000000)));
        CREATE TABLE location (bssid TEXT);";
    for (sql, reason) in [
        (view, "location: not a plain table"),
        (generated, "network: a column is generated"),
    ] {
        let refused = refusal(&server, &made(sql)).await;
        assert!(refused.contains(reason), "{refused}");
    }
    let sql = statements("wigle");
    let armed = format!(
        "{sql} CREATE TRIGGER t AFTER INSERT ON network BEGIN DELETE FROM location; END;
         CREATE VIEW w AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;"
    );
    let plain = import(&server, &[("db", &made(&armed))]).await;
    assert_eq!(plain["files"][0]["error"], Value::Null, "{plain}");
    assert_eq!(plain["files"][0]["damaged"], false, "{plain}");
    check_alive(&server).await;
}

#[tokio::test]
async fn damaged_databases_give_what_can_be_read() {
    let server = TestServer::start_with(patient).await;
    let many = format!(
        "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);
         INSERT INTO network VALUES ('02:00:00:00:00:01', 'a');
         CREATE TABLE location (_id INTEGER PRIMARY KEY, bssid TEXT, time INT);
         {NUMBERS} 3000) INSERT INTO location (bssid, time) SELECT '02:00:00:00:00:01', 1700000000000 + i * 1000 FROM n;"
    );
    let file = made(&many);
    let half = &file[..file.len() / 2];
    let cut = import(&server, &[("cut.sqlite", half)]).await["files"][0].clone();
    assert_eq!((&cut["cut"], &cut["error"]), (&true.into(), &Value::Null));
    let taken = cut["taken"].as_u64().unwrap();
    assert!(0 < taken && taken < 3000, "{cut}");
    let whole = import(&server, &[("whole.sqlite", &file)]).await["files"][0].clone();
    check_counts(&whole, [3000 - taken, taken, 0, 0]);
    let mut damaged = file.clone();
    let middle = file.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0xa5);
    let damaged = import(&server, &[("damaged.sqlite", &damaged)]).await["files"][0].clone();
    assert_eq!(damaged["damaged"], true, "{damaged}");
    assert_eq!(damaged["taken"], 0, "{damaged}");
    // A log that belongs to the database is a file that nobody knows.
    let files = [
        ("whole.sqlite", file.as_slice()),
        ("whole.sqlite-wal", b"7\x7f\x06\x82"),
    ];
    let answer = import(&server, &files).await;
    assert_eq!(answer["files"][0]["duplicate"], true, "{answer}");
    assert!(answer["files"][1]["error"].is_string(), "{answer}");
    check_alive(&server).await;
}

/// A device of Kismet whose record takes far more memory than bytes.
fn greedy() -> Vec<u8> {
    const NUMBERS: usize = 2_000_000;
    made_with(&statements("kismetdb-4"), |connection| {
        let list = "0,".repeat(NUMBERS);
        let json =
            format!(r#"{{"dot11.device":{{"dot11.device.advertised_ssid_map":[{list}0]}}}}"#);
        connection
            .execute("UPDATE devices SET device = ?1", [json.as_bytes()])
            .unwrap();
    })
}

#[tokio::test]
async fn a_database_that_takes_too_much_memory_is_refused() {
    const MEMORY_BYTES_MIN: usize = 64 << 20;
    let server = TestServer::start_with(|config| {
        patient(config);
        config.import.database_memory_bytes_max = MEMORY_BYTES_MIN;
    })
    .await;
    let file = greedy();
    let refused = refusal(&server, &file).await;
    assert!(
        refused.contains("import.database_memory_bytes_max"),
        "{refused}"
    );
    check_alive(&server).await;
    let whole = import(&server, &[("a", &made(&statements("kismetdb")))]).await;
    assert_eq!(whole["state"], "done", "{whole}");
    // What was refused may be sent again.
    let server = server
        .restart_with(|config| config.import.database_memory_bytes_max = 1 << 30)
        .await;
    let answer = import(&server, &[("db", &file)]).await;
    check_counts(&answer["files"][0], [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_database_that_takes_too_long_is_refused() {
    let server = TestServer::start_with(|config| {
        patient(config);
        config.import.database_time_max = Duration::from_secs(1);
    })
    .await;
    let long = format!(
        "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);
         CREATE TABLE location (_id INTEGER PRIMARY KEY, bssid TEXT, time INT);
         {NUMBERS} 300000) INSERT INTO location (bssid) SELECT i FROM n;"
    );
    let refused = refusal(&server, &made(&long)).await;
    assert!(refused.contains("import.database_time_max"), "{refused}");
    check_alive(&server).await;
}

fn import_command(file: &Path, more: &[&str]) -> Command {
    let mut command = scanpost();
    command.arg("import").arg(file).args(more);
    command
}

#[test]
fn the_command_reads_databases_too() {
    let data = Running::start(|_| {}).stop();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.sqlite");
    fs::write(&file, made(&statements("wigle"))).unwrap();
    let into = ["--data-dir", data.path().to_str().unwrap()];
    let (code, out, err) = run(&mut import_command(&file, &into));
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("backup.sqlite: wigle-sqlite: 12 rows"),
        "{out}"
    );
    let running = Running::start_on(data, |_| {});
    let url = format!("http://{}", running.addr);
    let (code, out, err) = run(&mut import_command(&file, &["--url", &url]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("wigle-sqlite, imported before"), "{out}");
    running.stop();
}

/// Nobody else has a use for the command, and nobody learns anything from it.
#[test]
fn the_child_answers_nonsense_with_an_error() {
    let mut command = scanpost();
    command.arg("read-database");
    let (code, out, err) = run(&mut command);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
}

/// A program that is killed leaves no child behind, and goes on where it was.
#[tokio::test]
async fn a_killed_program_goes_on_with_a_database() {
    const ROWS: u64 = 20_000;
    let at_once = |command: &mut Command| {
        command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "0s");
    };
    let file = made(&format!(
        "CREATE TABLE network (bssid TEXT PRIMARY KEY, ssid TEXT);
         INSERT INTO network VALUES ('02:00:00:00:00:01', 'a');
         CREATE TABLE location (_id INTEGER PRIMARY KEY, bssid TEXT, time INT);
         {NUMBERS} {ROWS}) INSERT INTO location (bssid, time) SELECT '02:00:00:00:00:01', 1700000000000 + i * 1000 FROM n;"
    ));
    let get = async |running: &Running, path: &str| -> Value {
        let url = format!("http://{}{path}", running.addr);
        let answer = patient_client().get(url).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let running = Running::start(at_once);
    let url = format!("http://{}{IMPORTS}", running.addr);
    let posted = patient_client().post(url).body(file.clone()).send().await;
    let job: Value = posted.unwrap().json().await.unwrap();
    let path = format!("{IMPORTS}/{}", job["id"].as_str().unwrap());
    loop {
        let job = get(&running, &path).await;
        let is_over = !matches!(job["state"].as_str(), Some("waiting" | "running"));
        if is_over || 0 < job["files"][0]["rows"].as_u64().unwrap_or_default() {
            break;
        }
    }
    let running = Running::start_on(running.kill(), |command| {
        command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "1h");
    });
    // Imports are carried out one after the other.
    let url = format!("http://{}{IMPORTS}", running.addr);
    let posted = patient_client().post(url).body(file).send().await;
    let again: Value = posted.unwrap().json().await.unwrap();
    assert_eq!(again["files"][0]["duplicate"], true, "{again}");
    let job = get(&running, &path).await;
    assert_eq!(job["files"][0]["taken"], ROWS, "{job}");
    let status = get(&running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], ROWS, "{status}");
}
