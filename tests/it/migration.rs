//! Migration of logs of earlier versions.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Process, Running, run, scanpost};
use crate::server::copy_of_fixture;

/// Enough that a kill can hit the migration.
const COPIES: i64 = 500;
/// Approximate number of kills. Each run lasts longer than the one before, by this part of a whole migration.
const KILLS: u32 = 12;
/// Timeout that only a program that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Row counts of a log. `tables` are the counts to select, which differ by version.
fn contents(data: &TempDir, tables: &str) -> [i64; 4] {
    let db = Connection::open(data.path().join("scanpost.db")).unwrap();
    let query = format!("SELECT {tables}");
    db.query_row(&query, [], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })
    .unwrap()
}

fn is_migrated(data: &TempDir) -> bool {
    let db = Connection::open(data.path().join("scanpost.db")).unwrap();
    let version: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    3 < version
}

/// A log of version 3 with many copies of its fixture, and an annotation for each copy.
fn large_log_of_version_3() -> TempDir {
    let data = copy_of_fixture("v3");
    fs::remove_dir_all(data.path().join("snapshots")).unwrap();
    let db = Connection::open(data.path().join("scanpost.db")).unwrap();
    db.execute_batch(&format!(
        r#"BEGIN;
        CREATE TEMP TABLE copies AS
        WITH RECURSIVE n (copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM n LIMIT {COPIES}) SELECT copy FROM n;
        INSERT INTO sources (id, uuid) VALUES (99, '00000000-0000-0000-0000-000000000000');
        INSERT INTO batches
        SELECT copy * 14 + position, source, source_name, phy, received_at_us, NULL, accepted, rejected, NULL
        FROM copies CROSS JOIN (SELECT * FROM main.batches);
        INSERT INTO batches
        SELECT copy * 14 + 14, 99, NULL, 'IEEE802.11', 0, NULL, 0, NULL,
               '{{"device":{{"phy":"Wifi","addr":"02:00:5E:10:00:01"}},"remark":{{"Name":"Home"}}}}'
        FROM copies;
        INSERT INTO batches SELECT 14, source, NULL, phy, received_at_us, NULL, 0, NULL, NULL FROM batches WHERE position = 13;
        INSERT INTO observations
        SELECT copy * 42 + id, copy * 14 + batch, time, address, ssid, capabilities, channel, frequency_khz, signal_dbm,
               lat_e7, lon_e7, alt_mm, speed_m_h, extra
        FROM copies CROSS JOIN (SELECT * FROM main.observations);
        COMMIT;"#
    ))
    .unwrap();
    data
}

/// Starts the program, and kills it when it has migrated or after `life`. Returns how long the migration took, or
/// `None` if it was killed before its end.
fn migrate(data: &TempDir, life: Duration) -> Option<Duration> {
    let mut command = scanpost();
    command
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .stderr(Stdio::piped());
    let mut child = Process::spawn(&mut command);
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, lines) = sync_channel(1000);
    let reader = thread::spawn(move || {
        for line in stderr.lines() {
            sender.send(line.unwrap()).ok();
        }
    });
    let first = lines.iter().find(|line| line.contains("migrating the log"));
    assert!(first.is_some(), "the program does not migrate the log");
    let began = Instant::now();
    let took = loop {
        match lines.recv_timeout(life) {
            Ok(line) if line.contains("migrated the log") => {
                // Fields whose names begin with `log.` would be missing here.
                assert!(line.contains("schema.version"), "{line}");
                assert!(line.contains("migration.duration_ms"), "{line}");
                break Some(began.elapsed());
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => break None,
            Err(RecvTimeoutError::Disconnected) => panic!("the program ended by itself"),
        }
    };
    child.kill();
    reader.join().unwrap();
    took
}

#[tokio::test]
async fn a_migration_that_is_killed_again_and_again_loses_nothing() {
    const BEFORE: &str = "(SELECT count(*) FROM batches), (SELECT count(*) FROM observations),
        (SELECT sum(signal_dbm + id) FROM observations), (SELECT count(*) FROM batches WHERE annotation IS NOT NULL)";
    const AFTER: &str = "(SELECT count(*) FROM records), (SELECT count(*) FROM observations),
        (SELECT sum(signal_dbm + id) FROM observations), (SELECT count(*) FROM records WHERE kind = 'annotation')";
    let data = large_log_of_version_3();
    let before = contents(&data, BEFORE);
    assert_eq!(before[3], COPIES);
    let whole = migrate(&large_log_of_version_3(), PATIENCE).expect("the migration never ends");
    let (mut life, mut kills) = (Duration::ZERO, 0);
    while migrate(&data, life).is_none() {
        // A kill between the commit and the log line leaves a migrated file.
        if is_migrated(&data) {
            break;
        }
        assert_eq!(contents(&data, BEFORE), before, "{life:?}");
        life += whole / KILLS;
        kills += 1;
    }
    assert!(0 < kills, "the migration was never killed");
    assert_eq!(contents(&data, AFTER), before);

    let running = Running::start_on(data, |_| {});
    let status = format!("http://{}/api/v1/status", running.addr);
    let status: Value = reqwest::get(status).await.unwrap().json().await.unwrap();
    assert_eq!(
        status["reports"]["wifi"].as_i64().unwrap()
            + status["reports"]["bluetooth"].as_i64().unwrap(),
        before[1]
    );
    let data = running.stop();
    let mut verify = scanpost();
    verify
        .args(["log", "verify", "--data-dir"])
        .arg(data.path());
    let (code, out, err) = run(&mut verify);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
}
