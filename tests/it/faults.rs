//! Faults of the environment: disks, directories, files, clocks.

use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::Running;
use crate::server::{WIFI, batch};
use crate::skip::skip;

#[test]
fn a_directory_that_cannot_be_used_is_named_and_the_program_ends() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, log) = Running::fail_to_start(&file.join("data"));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("cannot be used"), "{log}");

    let running = Running::start(|_| {});
    let (code, log) = Running::fail_to_start(running.data());
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("in use by another scanpost"), "{log}");
    running.kill();
}

#[test]
fn a_damaged_log_is_not_served_as_if_it_were_whole() {
    let running = Running::start(|_| {});
    let data = running.kill();
    let file = data.path().join("scanpost.db");
    let mut bytes = std::fs::read(&file).unwrap();
    // Damages every page except the first, which contains the schema.
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0xa5);
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(data.path().join("scanpost.db-wal")).ok();
    let (code, log) = Running::fail_to_start(data.path());
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("the log is damaged"), "{log}");
}

/// Writes snapshots as often as possible, and logs them.
fn often(command: &mut Command) {
    command
        .env("SCANPOST_SNAPSHOTS__INTERVAL", "2ms")
        .env("SCANPOST_LOGGING__LEVEL", "debug");
}

async fn post(running: &Running, body: &Value) -> u16 {
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = Client::new().post(url).json(body).send().await.unwrap();
    answer.status().as_u16()
}

/// Reports that the views count.
async fn reports(running: &Running) -> u64 {
    let url = format!("http://{}/devices/views/all/devices.json", running.addr);
    let devices: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    let total = |device: &Value| device["kismet.device.base.packets.total"].as_u64().unwrap();
    devices.iter().map(total).sum()
}

/// Fields of the log line `ready`.
fn ready(running: &Running) -> Value {
    let events = running
        .start
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut ready = events.filter(|event| event["fields"]["message"] == "ready");
    ready.next().unwrap()["fields"].clone()
}

/// Lets a program write no file that is larger than this. Every user may do that.
pub(crate) fn limit_files(command: &mut Command, kib: u32) {
    // The shell counts in blocks of 512 bytes. Without the trap, the signal of the limit ends the program.
    let script = format!("trap '' XFSZ; ulimit -f {} && exec \"$0\" \"$@\"", kib * 2);
    let mut limited = Command::new("sh");
    limited.args(["-c", &script]).arg(command.get_program());
    limited.args(command.get_args()).stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    *command = limited;
}

/// A file system of this size, or `None` where the user may not mount one.
pub(crate) fn small_disk(kib: u32) -> Option<TempDir> {
    let disk = tempfile::tempdir().unwrap();
    if mount(
        disk.path(),
        &["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"],
    ) {
        return Some(disk);
    }
    skip(
        "a full disk",
        "run the tests as root, or let sudo mount a tmpfs without a password",
    );
    None
}

/// Mounts as this user, or with `sudo` if it needs no password.
fn mount(at: &Path, options: &[&str]) -> bool {
    [&["mount"][..], &["sudo", "-n", "mount"]]
        .into_iter()
        .any(|command| {
            let (program, first) = command.split_first().unwrap();
            let mut command = Command::new(program);
            command
                .args(first)
                .args(options)
                .arg(at)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
}

pub(crate) fn unmount(disk: &TempDir) {
    for command in [&["umount"][..], &["sudo", "-n", "umount"]] {
        let (program, first) = command.split_first().unwrap();
        let status = Command::new(program)
            .args(first)
            .arg(disk.path())
            .stderr(Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return;
        }
    }
    panic!("cannot unmount {}", disk.path().display());
}

#[tokio::test]
async fn a_full_disk_refuses_reports_loses_none_and_takes_them_again_when_there_is_room() {
    let Some(disk) = small_disk(2048) else { return };
    let running = Running::start_on(disk, often);
    let body = |first: u32| {
        let bssid = |number: u32| format!("02:00:00:00:{:02x}:{:02x}", number / 256, number % 256);
        let reports: Vec<_> = (first..first + 100)
            .map(|number| json!({ "bssid": bssid(number % 300), "ssid": format!("net {number}") }))
            .collect();
        batch(json!(reports))
    };
    let (mut taken, mut refused) = (0, 0);
    for round in 0..400 {
        match post(&running, &body(round * 100)).await {
            200 => taken += 100,
            507 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(0 < taken && 0 < refused, "{taken} {refused}");
    assert_eq!(reports(&running).await, taken);
    assert!(mount(running.data(), &["-o", "remount,size=64m"]));

    assert_eq!(post(&running, &body(0)).await, 200);

    assert_eq!(reports(&running).await, taken + 100);
    let running = Running::start_on(running.kill(), often);
    assert_eq!(reports(&running).await, taken + 100);
    unmount(&running.kill());
}

#[test]
fn a_directory_that_is_read_only_is_named_and_the_program_ends() {
    let Some(disk) = small_disk(1024) else { return };
    assert!(mount(disk.path(), &["-o", "remount,ro"]));
    let (code, log) = Running::fail_to_start(disk.path());
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("cannot be used") && log.contains("Read-only"),
        "{log}"
    );
    unmount(&disk);
}

#[tokio::test]
async fn a_start_uses_the_snapshot_or_else_the_log() {
    let mut running = Running::start(often);
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }, { "bssid": "00:00:00:00:00:02" }]));
    assert_eq!(post(&running, &body).await, 200);
    running.wait_for("wrote a snapshot");
    let running = Running::start_on(running.kill(), |_| {});
    assert_eq!(ready(&running)["snapshot.position"], 1);
    assert_eq!(reports(&running).await, 2);
    // A kill leaves whole files, so this damages the snapshots.
    let data = running.kill();
    for file in std::fs::read_dir(data.path().join("snapshots")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.iter_mut().skip(60).for_each(|byte| *byte = !*byte);
        std::fs::write(path, bytes).unwrap();
    }
    let running = Running::start_on(data, |_| {});
    assert!(
        running.start.contains("a snapshot is not used"),
        "{}",
        running.start
    );
    assert_eq!(ready(&running)["snapshot.position"], 0);
    assert_eq!(reports(&running).await, 2);
    running.kill();
}

#[tokio::test]
async fn files_that_are_not_snapshots_are_left_alone() {
    let mut running = Running::start(often);
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    assert_eq!(post(&running, &body).await, 200);
    running.wait_for("wrote a snapshot");
    let data = running.kill();
    let folder = data.path().join("snapshots");
    std::fs::write(folder.join(format!("{}.snapshot", u64::MAX)), "").unwrap();
    std::fs::create_dir(folder.join("00000009.snapshot")).unwrap();
    let running = Running::start_on(data, |_| {});
    assert_eq!(reports(&running).await, 1);
    let data = running.stop();
    assert!(data.path().join("snapshots/00000009.snapshot").is_dir());
}

#[tokio::test]
async fn a_missing_log_beside_snapshots_is_an_error() {
    let running = Running::start(|_| {});
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    assert_eq!(post(&running, &body).await, 200);
    let data = running.stop();
    let (log, aside) = (data.path().join("scanpost.db"), data.path().join("aside"));
    std::fs::rename(&log, &aside).unwrap();
    let (code, told) = Running::fail_to_start(data.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("restore its scanpost.db") && told.contains("snapshots"),
        "{told}"
    );
    std::fs::rename(&aside, &log).unwrap();
    let running = Running::start_on(data, |_| {});
    assert_eq!(reports(&running).await, 1);
    running.kill();
}

#[tokio::test]
async fn a_locked_log_delays_reports_and_stops_nothing() {
    let running = Running::start(|_| {});
    let body = |last: u8| batch(json!([{ "bssid": format!("00:00:00:00:00:0{last}") }]));
    assert_eq!(post(&running, &body(1)).await, 200);
    let db = rusqlite::Connection::open(running.data().join("scanpost.db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(post(&running, &body(2)).await, 503);
    db.execute_batch("ROLLBACK").unwrap();
    assert_eq!(post(&running, &body(2)).await, 200);
    assert_eq!(reports(&running).await, 2);
    let running = Running::start_on(running.kill(), |_| {});
    assert_eq!(reports(&running).await, 2);
    running.kill();
}

#[test]
fn a_start_on_a_full_disk_says_so() {
    let Some(disk) = small_disk(64) else { return };
    std::fs::write(disk.path().join("ballast"), vec![0; 60_000]).unwrap();
    let (code, log) = Running::fail_to_start(disk.path());
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("cannot be used") && log.contains("no storage space"),
        "{log}"
    );
    unmount(&disk);
}

#[tokio::test]
async fn an_orderly_stop_leaves_nothing_to_replay() {
    let running = Running::start(|_| {});
    for last in 1..4 {
        let body = batch(json!([{ "bssid": format!("00:00:00:00:00:0{last}") }]));
        assert_eq!(post(&running, &body).await, 200);
    }
    let running = Running::start_on(running.stop(), |_| {});
    let ready = ready(&running);
    assert_eq!(
        (&ready["snapshot.position"], &ready["replay.last"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(reports(&running).await, 3);
    running.kill();
}

#[tokio::test]
async fn a_clock_that_was_set_back_hides_no_change() {
    let running = Running::start(|_| {});
    let body = |last: u8| {
        batch(json!([{ "bssid": format!("00:00:00:00:00:0{last}"), "timestamp": 1_700_000_000 }]))
    };
    assert_eq!(post(&running, &body(1)).await, 200);
    let data = running.stop();
    // As if the clock had been a day ahead at the first report.
    let db = rusqlite::Connection::open(data.path().join("scanpost.db")).unwrap();
    let shifted = db.execute(
        "UPDATE records SET received_at_us = received_at_us + 86400000000",
        [],
    );
    assert_eq!(shifted.unwrap(), 1);
    drop(db);
    std::fs::remove_dir_all(data.path().join("snapshots")).unwrap();

    let running = Running::start_on(data, |_| {});

    assert_eq!(post(&running, &body(2)).await, 200);
    let mod_time = async |since: u64| -> Vec<u64> {
        let url = format!(
            "http://{}/devices/last-time/{since}/devices.json",
            running.addr
        );
        let devices: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
        devices
            .iter()
            .map(|device| device["kismet.device.base.mod_time"].as_u64().unwrap())
            .collect()
    };
    // A client that saw the first change asks for later ones, and gets the second.
    let seen = mod_time(0).await;
    assert_eq!(seen.len(), 2);
    let newest = *seen.iter().max().unwrap();
    assert_eq!(mod_time(newest).await, [newest, newest]);
    // The batch from the time ahead is recognised as a duplicate.
    assert_eq!(post(&running, &body(1)).await, 200);
    assert_eq!(reports(&running).await, 2);
    running.kill();
}

/// Limits the log to less than what the tests send.
fn small_log(command: &mut Command) {
    command
        .env("SCANPOST_SNAPSHOTS__INTERVAL", "50ms")
        .env("SCANPOST_LOGGING__LEVEL", "debug")
        .env("SCANPOST_RETENTION__SIZE", "1MiB");
}

#[tokio::test]
async fn a_log_that_is_too_small_for_its_names_keeps_the_newest_reports() {
    const BATCHES: u64 = 12;
    let mut running = Running::start(small_log);
    // Two megabytes of capabilities in the 10000 newest reports, which always stay.
    let capabilities = |number: u64| {
        let is_long = number.is_multiple_of(5);
        is_long.then(|| format!("[{:0>1000}]", number % 10_000))
    };
    for first in (0..BATCHES).map(|batch| batch * 1000) {
        let report = |number: u64| json!({ "bssid": format!("0200{:08x}", number % 20), "ssid": format!("{number}"), "capabilities": capabilities(number) });
        let reports: Vec<_> = (first..first + 1000).map(report).collect();
        assert_eq!(post(&running, &batch(json!(reports))).await, 200);
    }
    let db = rusqlite::Connection::open(running.data().join("scanpost.db")).unwrap();
    let count = |what: &str| -> i64 { db.query_row(what, [], |row| row.get(0)).unwrap() };
    while 10_000 < count("SELECT count(*) FROM observations")
        || 10_000 < count("SELECT count(*) FROM ssids")
    {
        running.wait_for("nothing more can expire now");
    }
    assert_eq!(count("SELECT count(*) FROM observations"), 10_000);
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(reports(&running).await, BATCHES * 1000);
    running.kill();
}

#[tokio::test]
async fn expired_reports_still_count_in_the_views() {
    let mut running = Running::start(small_log);
    let reports_of = |batch: u64| {
        let report = |number: u64| json!({ "bssid": format!("02:00:00:00:00:{:02x}", number % 100), "ssid": format!("network {batch}"), "timestamp": 1_700_000_000 + batch });
        self::batch(json!((0..1000).map(report).collect::<Vec<_>>()))
    };
    for batch in 0..100 {
        assert_eq!(post(&running, &reports_of(batch)).await, 200);
    }
    // The oldest batches expire.
    let db = rusqlite::Connection::open(running.data().join("scanpost.db")).unwrap();
    let count = |what: &str| -> i64 { db.query_row(what, [], |row| row.get(0)).unwrap() };
    while 50_000 < count("SELECT count(*) FROM observations") {
        running.wait_for("nothing more can expire now");
    }
    assert!(0 < count("SELECT count(*) FROM observations WHERE record = 100"));
    assert_eq!(
        count("SELECT count(*) FROM observations WHERE record = 1"),
        0
    );
    drop(db);
    // A resent batch is recognised although its reports have expired.
    assert_eq!(reports(&running).await, 100_000);
    assert_eq!(post(&running, &reports_of(0)).await, 200);
    assert_eq!(reports(&running).await, 100_000);

    let running = Running::start_on(running.stop(), small_log);

    assert_eq!(reports(&running).await, 100_000);
    assert_eq!(post(&running, &reports_of(0)).await, 200);
    assert_eq!(reports(&running).await, 100_000);
    running.kill();
}

/// Deletes reports after a week, and looks often.
fn a_week(command: &mut Command) {
    command
        .env("SCANPOST_SNAPSHOTS__INTERVAL", "50ms")
        .env("SCANPOST_LOGGING__LEVEL", "debug")
        .env("SCANPOST_RETENTION__DAYS", "7");
}

/// A log with so many batches of 1000 reports. The first `old` of them arrived 30 days before the others.
async fn log_of_batches(batches: u32, old: u32) -> TempDir {
    let running = Running::start(|_| {});
    for number in 0..batches {
        let report = |report: u32| json!({ "bssid": format!("0200{:08x}", report % 50) });
        let reports: Vec<_> = (number * 1000..(number + 1) * 1000).map(report).collect();
        assert_eq!(post(&running, &batch(json!(reports))).await, 200);
    }
    let data = running.stop();
    let db = rusqlite::Connection::open(data.path().join("scanpost.db")).unwrap();
    let shifted = db.execute(
        "UPDATE records SET received_at_us = received_at_us - 30 * 86400000000 WHERE position <= ?1",
        [old],
    );
    assert_eq!(u32::try_from(shifted.unwrap()).unwrap(), old);
    // They have the times of receipt too.
    std::fs::remove_dir_all(data.path().join("snapshots")).unwrap();
    data
}

fn observations_in(data: &Path) -> i64 {
    let db = rusqlite::Connection::open(data.join("scanpost.db")).unwrap();
    let query = "SELECT count(*) FROM observations";
    db.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_clock_that_is_a_month_ahead_deletes_no_report() {
    // To a log that ends a month ago, the clock of this machine is a month ahead.
    let data = log_of_batches(12, 12).await;
    let mut running = Running::start_on(data, a_week);
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    // The first time, the second snapshot is still missing. A report makes each snapshot necessary.
    for _ in 0..4 {
        assert_eq!(post(&running, &body).await, 200);
        running.wait_for("nothing more can expire now");
    }
    assert_eq!(observations_in(running.data()), 12_000 + 4);
    assert_eq!(reports(&running).await, 12_000 + 4);
    running.kill();
}

#[tokio::test]
async fn the_first_large_expiry_is_announced_and_leaves_the_newest_reports() {
    let data = log_of_batches(25, 20).await;
    let mut running = Running::start_on(data, a_week);
    running.wait_for("many reports are due to expire");
    // Nothing was deleted before the announcement, and nothing is until the next snapshot.
    running.wait_for("expired old reports");
    assert_eq!(observations_in(running.data()), 10_000);
    assert_eq!(reports(&running).await, 25_000);
    running.kill();
}

/// The status and the text of `/readyz`. A machine may be so busy that the log does not answer in time.
async fn readiness(running: &Running) -> (u16, String) {
    loop {
        let answer = reqwest::get(format!("http://{}/readyz", running.addr)).await;
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        if !text.contains("the log does not answer") {
            return (status, text);
        }
    }
}

#[track_caller]
fn expect_not_ready((status, text): (u16, String), reason: &str) {
    assert_eq!(status, 503, "{text}");
    assert!(text.contains(reason), "{text}");
}

#[tokio::test]
async fn a_log_that_is_locked_or_fails_is_not_ready_and_the_reason_is_told() {
    let mut running = Running::start(|_| {});
    assert_eq!(readiness(&running).await.0, 200);
    let db = rusqlite::Connection::open(running.data().join("scanpost.db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    expect_not_ready(readiness(&running).await, "locked the log's file");
    db.execute_batch("ROLLBACK").unwrap();
    assert_eq!(readiness(&running).await.0, 200);
    running.wait_for("the server is ready again");

    db.execute_batch("ALTER TABLE records RENAME TO away")
        .unwrap();
    expect_not_ready(readiness(&running).await, "no such table");
    db.execute_batch("ALTER TABLE away RENAME TO records")
        .unwrap();
    assert_eq!(readiness(&running).await.0, 200);
    running.kill();
}

#[tokio::test]
async fn a_full_disk_is_not_ready_until_there_is_room() {
    let Some(disk) = small_disk(4096) else { return };
    let running = Running::start_on(disk, |_| {});
    assert_eq!(readiness(&running).await.0, 200);
    let ballast = running.data().join("ballast");
    std::fs::write(&ballast, vec![0; 5 << 20]).unwrap_err();
    expect_not_ready(readiness(&running).await, "the disk is full");
    std::fs::remove_file(&ballast).unwrap();
    let (status, text) = readiness(&running).await;
    assert_eq!(status, 200, "{text}");
    unmount(&running.kill());
}

#[tokio::test]
async fn a_client_is_told_what_to_do_when_the_log_fails() {
    let running = Running::start(|_| {});
    let db = rusqlite::Connection::open(running.data().join("scanpost.db")).unwrap();
    db.execute_batch("ALTER TABLE observations RENAME TO away")
        .unwrap();
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = Client::new().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    let answer: Value = answer.json().await.unwrap();
    let text = answer["status"].as_str().unwrap();
    assert!(text.contains("send them again"), "{text}");
    let (code, log) = running.end();
    assert_eq!(code, Some(1), "{log}");
}
