//! Start with a long log.

use std::ops::ControlFlow;

use reqwest::Client;
use scanpost::log::{Log, LogPosition, Record, What};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::Running;
use crate::server::{WIFI, batch};

/// Enough that a fast machine reads the log for a second.
const BATCHES: usize = 300;
const REPORTS_PER_BATCH: usize = 1000;

/// A data directory with a long log and no snapshot. All records are copies of one batch that the program wrote.
async fn long_log() -> TempDir {
    let running = Running::start(|_| {});
    let reports: Vec<Value> = (0..REPORTS_PER_BATCH)
        .map(|number| json!({ "bssid": format!("0200{number:08x}"), "ssid": "a", "signal": -60 }))
        .collect();
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = Client::new().post(url).json(&batch(reports.into())).send();
    assert_eq!(answer.await.unwrap().status(), 200);
    let data = running.kill();

    let mut log = Log::in_directory(data.path()).unwrap();
    let mut taken = Vec::new();
    log.replay(LogPosition::START, |entry| {
        taken.push(entry.record);
        ControlFlow::Continue(())
    })
    .unwrap();
    let mut record = taken.remove(0);
    let What::Reports(batch) = &mut record.what else {
        panic!("not reports")
    };
    batch.identity = None;
    for _ in 1..BATCHES {
        let what = record.what.clone();
        let again = Record::new(record.node, record.at, what);
        log.append(vec![again]).unwrap();
    }
    data
}

async fn status(addr: &str, path: &str) -> reqwest::Response {
    let url = format!("http://{addr}{path}");
    Client::new().get(url).send().await.unwrap()
}

#[tokio::test]
async fn a_program_that_reads_its_log_stops_when_it_is_told_to_and_reads_it_whole_the_next_time() {
    let data = long_log().await;
    let running = Running::start_reading(data);
    assert_eq!(status(&running.addr, "/readyz").await.status(), 503);
    let mut log = String::new();
    let data = running.stop_and_log(&mut log);
    assert!(log.contains("before the log was read to its end"), "{log}");
    assert!(!log.contains("\"ready\""), "{log}");

    let running = Running::start_on(data, |_| {});
    let status = status(&running.addr, "/api/v1/status").await;
    let status: Value = status.json().await.unwrap();
    assert_eq!(status["devices"]["wifi"], REPORTS_PER_BATCH);
    assert_eq!(status["reports"]["wifi"], BATCHES * REPORTS_PER_BATCH);
    running.stop();
}
