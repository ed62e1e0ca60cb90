//! `scanpost log`, while a server runs and without one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::program::{Running, run, scanpost};
use crate::server::{WIFI, batch, copy_of_fixture};
use crate::snapshot::expect_snapshot;

/// Runs `scanpost log`. Returns the exit code, standard output and standard error.
fn log(command: &str, data: &Path) -> (Option<i32>, String, String) {
    let mut program = scanpost();
    program.arg("log").args(command.split(' '));
    run(program.arg("--data-dir").arg(data))
}

fn verify(data: &Path) -> String {
    let (code, out, err) = log("verify", data);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.ends_with("the log is sound\n"), "{out}");
    out
}

fn replay(data: &Path) -> Vec<Value> {
    replay_with("replay --to-json", data)
}

fn replay_with(command: &str, data: &Path) -> Vec<Value> {
    let (code, out, err) = log(command, data);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn files(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(data).unwrap().map(Result::unwrap);
    files
        .filter(|file| file.file_type().unwrap().is_file())
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

async fn report(running: &Running, bssid: &str) {
    let body = batch(json!([{ "bssid": bssid }]));
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = reqwest::Client::new().post(url).json(&body).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[test]
fn a_log_at_rest_is_read_and_left_as_it_is() {
    let data = copy_of_fixture("v1");
    let before = files(data.path());
    let told = "batches: 13\nobservations: 42\nfirst position: 1\nlast position: 13\n\
                devices: 37\nsources: 2\nsize in bytes: 57344\nthe log is sound\n";
    assert_eq!(verify(data.path()), told);
    let observations = replay(data.path());
    assert_eq!(observations.len(), 42);
    expect_snapshot("logged_observation", observations[0].clone());
    assert_eq!(
        replay_with("replay --to-json --since-position 11", data.path()),
        observations[40..]
    );
    assert_eq!(files(data.path()), before);
}

#[tokio::test]
async fn a_log_is_read_while_a_server_writes_it_and_after_it_was_killed() {
    let data = Running::start(|_| {}).stop();
    let running = Running::start_on(data, |_| {});
    for (number, bssid) in [(1, "00:00:00:00:00:01"), (2, "00:00:00:00:00:02")] {
        report(&running, bssid).await;
        assert!(verify(running.data()).contains(&format!("batches: {number}\n")));
        let observations = replay(running.data());
        assert_eq!(observations.last().unwrap()["address"], bssid);
        assert_eq!(observations.len(), number);
    }
    let data = running.kill();
    let before = files(data.path());
    assert!(before.contains_key("scanpost.db-wal"));
    verify(data.path());
    assert_eq!(replay(data.path()).len(), 2);
    assert_eq!(files(data.path()), before);

    let running = Running::start_on(data, |_| {});
    report(&running, "00:00:00:00:00:03").await;
    assert_eq!(replay(running.data()).len(), 3);
    let data = running.stop();
    assert_eq!(replay(data.path()).len(), 3);
}

#[test]
fn a_log_that_is_not_there_is_named_and_nothing_is_made() {
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("nobody");
    for command in ["verify", "replay --to-json"] {
        let (code, out, err) = log(command, &missing);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        let file = missing.join("scanpost.db");
        let expected = format!("scanpost: there is no log at {}\n", file.display());
        assert_eq!(err, expected);
        assert!(!missing.exists());
    }
}

#[test]
fn a_log_of_a_later_version_is_refused() {
    let data = copy_of_fixture("v1");
    let file = data.path().join("scanpost.db");
    let mut bytes = fs::read(&file).unwrap();
    // Offset of the user version in SQLite's file format.
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs::write(&file, &bytes).unwrap();
    for command in ["verify", "replay --to-json"] {
        let (code, out, err) = log(command, data.path());
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains("the log has version 99"), "{err}");
    }
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn problems_of_a_log_are_reported() {
    let data = copy_of_fixture("v1");
    let file = data.path().join("scanpost.db");
    let mut bytes = fs::read(&file).unwrap();
    // All observations are on one page.
    bytes[11 * 4096..][..4096].fill(0xa5);
    fs::write(&file, &bytes).unwrap();
    let (code, out, err) = log("verify", data.path());
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("batches: 13\nobservations: unknown\n"),
        "{out}"
    );
    assert!(!out.contains("sound"), "{out}");
    assert!(err.contains("a server cannot read past position"), "{err}");
    for line in err.lines() {
        assert!(line.starts_with("scanpost: "), "{line}");
    }
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let data = copy_of_fixture("v1");
    let mut program = scanpost();
    program
        .args(["log", "replay", "--to-json", "--data-dir"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn the_configuration_says_where_the_log_is() {
    let data = copy_of_fixture("v1");
    let file = data.path().join("scanpost.toml");
    let text = format!("[server]\ndata_dir = {:?}\n", data.path());
    fs::write(&file, text).unwrap();
    let mut program = scanpost();
    program.args(["log", "verify", "--config"]).arg(&file);
    let (code, out, err) = run(&mut program);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("batches: 13\n"), "{out}");
    fs::write(&file, "[nothing]").unwrap();
    assert_eq!(run(&mut program).0, Some(2));
}

#[test]
fn the_output_format_is_required() {
    let data = copy_of_fixture("v1");
    let (code, _, err) = log("replay", data.path());
    assert_eq!(code, Some(2));
    assert!(err.contains("--to-json"), "{err}");
}

/// Copies a database and its journal to a data directory while a transaction has written to both, as a crash would leave
/// them.
fn crash_in_transaction(db: &rusqlite::Connection, change: &str, data: &Path) {
    db.execute_batch("PRAGMA cache_size = 2; BEGIN IMMEDIATE")
        .unwrap();
    db.execute_batch(change).unwrap();
    let from = Path::new(db.path().unwrap()).to_owned();
    fs::create_dir_all(data).unwrap();
    for suffix in ["", "-journal"] {
        let from = format!("{}{suffix}", from.display());
        let to = data.join(format!("scanpost.db{suffix}"));
        assert!(0 < fs::copy(from, to).unwrap(), "{suffix} is empty");
    }
}

#[tokio::test]
async fn the_files_of_a_crash_in_the_first_start_are_read() {
    const FILL: &str = "CREATE TABLE filler (x); INSERT INTO filler SELECT randomblob(3000)
        FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n)";
    let home = tempfile::tempdir().unwrap();
    let is_empty = |data: &Path| {
        let before = files(data);
        let told = verify(data);
        assert!(told.starts_with("batches: 0\nobservations: 0\n"), "{told}");
        assert_eq!(replay(data).len(), 0);
        assert_eq!(files(data), before);
    };
    // Before the tables.
    let created = home.path().join("created");
    fs::create_dir(&created).unwrap();
    fs::write(created.join("scanpost.db"), "").unwrap();
    is_empty(&created);
    // Between the tables.
    let db = rusqlite::Connection::open(home.path().join("first.db")).unwrap();
    let between = home.path().join("between");
    crash_in_transaction(&db, FILL, &between);
    is_empty(&between);
    // After the tables.
    let running = Running::start(|_| {});
    report(&running, "00:00:00:00:00:01").await;
    let data = running.stop();
    let db = rusqlite::Connection::open(data.path().join("scanpost.db")).unwrap();
    db.execute_batch("PRAGMA journal_mode = delete").unwrap();
    let after = home.path().join("after");
    crash_in_transaction(&db, FILL, &after);
    let before = files(&after);
    assert!(verify(&after).starts_with("batches: 1\n"));
    assert_eq!(replay(&after).len(), 1);
    assert_eq!(files(&after), before);
    drop(db);
    // With the first header of a write-ahead log, and without anything in it.
    let killed = Running::start(|_| {}).kill();
    let wal = fs::read(killed.path().join("scanpost.db-wal")).unwrap();
    let headed = home.path().join("headed");
    fs::create_dir(&headed).unwrap();
    fs::copy(
        killed.path().join("scanpost.db"),
        headed.join("scanpost.db"),
    )
    .unwrap();
    fs::write(headed.join("scanpost.db-wal"), &wal[..32]).unwrap();
    fs::write(headed.join("scanpost.db-shm"), vec![0; 32768]).unwrap();
    let told = verify(&headed);
    assert!(told.starts_with("batches: 0\n"), "{told}");
}
