//! Kills the program at random times. Every alert of an acknowledged report is stored once.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::OFTEN;
use crate::program::{Running, patient_client};
use crate::server::{SOURCE, WIFI};

const CLIENTS: u64 = 4;
const KILLS: u64 = 10;

/// Two reports in which a network goes from encrypted to open. Its address is the number.
fn body(number: u64) -> Value {
    let bssid = format!("{:012x}", 0x0200_0000_0000 + number);
    let report = |capabilities, time| json!({ "bssid": bssid, "ssid": "x", "capabilities": capabilities, "timestamp": time });
    let reports = [
        report("[WPA2-PSK-CCMP][ESS]", 1_700_000_000),
        report("[ESS]", 1_700_000_001),
    ];
    json!({ "source_uuid": SOURCE, "source_name": "crash", "reports": reports })
}

/// Sends until the program is gone, and returns the acknowledged numbers. The start and the end of each request count
/// as a step.
async fn send_until_gone(
    addr: String,
    next: Arc<AtomicU64>,
    steps: watch::Sender<u64>,
) -> Vec<u64> {
    let client = patient_client();
    let mut acknowledged = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let post = client
            .post(format!("http://{addr}{WIFI}"))
            .json(&body(number));
        steps.send_modify(|steps| *steps += 1);
        match post.send().await {
            Ok(answer) => assert_eq!(answer.status(), 200),
            Err(_) => return acknowledged,
        }
        steps.send_modify(|steps| *steps += 1);
        acknowledged.push(number);
    }
}

/// Entries of a list, counted by number.
async fn count(url: &str, list: &str) -> BTreeMap<u64, u64> {
    let (mut counts, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let url = format!("{url}?limit=1000&cursor={cursor}");
        let page: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        for one in page[list].as_array().unwrap() {
            let address = one["address"].as_str().unwrap().replace(':', "");
            let number = u64::from_str_radix(&address, 16).unwrap() - 0x0200_0000_0000;
            *counts.entry(number).or_default() += 1;
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return counts,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_is_there_once_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scanpost.toml");
    let config = format!(
        "[alerts]\ncryptodrop = \"{OFTEN}\"\nkept_max = 1000000\n[snapshots]\ninterval = \"2ms\"\n"
    );
    fs::write(&file, config).unwrap();
    let configured = |command: &mut Command| {
        command.arg("--config").arg(&file);
    };
    let next = Arc::new(AtomicU64::new(0));
    let mut acknowledged = Vec::new();
    let mut running = Running::start(configured);
    for kill in 0..KILLS {
        let steps = watch::Sender::new(0);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (addr, next) = (running.addr.clone(), Arc::clone(&next));
            clients.spawn(send_until_gone(addr, next, steps.clone()));
        }
        // The number of steps before a kill varies. Other requests are in flight then, and it is random which part of
        // the server is working on them.
        let enough = 4 * CLIENTS + kill * 7_919 % 101;
        let mut steps = steps.subscribe();
        steps.wait_for(|steps| enough <= *steps).await.unwrap();
        let data = running.kill();
        acknowledged.extend(clients.join_all().await.concat());
        running = Running::start_on(data, configured);
    }
    let base = format!("http://{}/api/v1", running.addr);
    let devices = count(&format!("{base}/devices"), "devices").await;
    let alerts = count(&format!("{base}/alerts"), "alerts").await;
    assert!(
        KILLS < u64::try_from(acknowledged.len()).unwrap(),
        "too little was sent"
    );
    assert!(
        acknowledged
            .iter()
            .all(|number| devices.contains_key(number))
    );
    // Each stored device has dropped its encryption, even if its batch was not acknowledged.
    assert_eq!(alerts, devices);
    running.kill();
}

/// No snapshot is kept that contains the cause of an alert while the alert itself is not stored.
#[tokio::test]
async fn an_alert_that_could_not_be_kept_is_raised_at_the_next_start() {
    let running = Running::start(|_| {});
    let file = rusqlite::Connection::open(running.data().join("alerts.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let post = Client::new()
        .post(format!("http://{}{WIFI}", running.addr))
        .json(&body(1));
    assert_eq!(post.send().await.unwrap().status(), 200);
    // Stops in order, so the program writes a last snapshot if it may.
    let data = running.stop();
    drop(file);
    let running = Running::start_on(data, |_| {});
    let alerts = format!("http://{}/api/v1/alerts", running.addr);
    assert_eq!(count(&alerts, "alerts").await, BTreeMap::from([(1, 1)]));
    running.kill();
}
