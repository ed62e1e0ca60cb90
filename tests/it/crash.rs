//! Kills the program at random times. Every acknowledged batch is stored once, and no batch is stored in part.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::program::{Running, patient_client};
use crate::server::WIFI;

const CLIENTS: u64 = 8;
const REPORTS_PER_BATCH: u64 = 3;
/// Kills in a normal run. The environment variable `CRASH_TEST_KILLS` overrides it.
const KILLS: u64 = 25;

/// State of each batch by its number, which is also the address in all of its reports.
#[derive(Default)]
struct Sent {
    /// Acknowledged: stored exactly once.
    acknowledged: Vec<u64>,
    /// Not answered: stored whole or not at all.
    unknown: Vec<u64>,
}

fn body(number: u64) -> Value {
    let bssid = format!("{:012x}", 0x0200_0000_0000 + number);
    let reports: Vec<_> = (0..REPORTS_PER_BATCH)
        .map(|report| json!({ "bssid": bssid, "timestamp": 1_700_000_000 + report }))
        .collect();
    let source = format!("44444444-0000-0000-0000-{:012}", number % CLIENTS);
    json!({ "source_uuid": source, "source_name": "crash", "reports": reports })
}

/// Sends new batches until the program is gone, and resends some of them. The start and the end of each request count
/// as a step.
async fn send_until_gone(
    addr: String,
    next: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    steps: watch::Sender<u64>,
) -> Sent {
    let client = patient_client();
    let mut sent = Sent::default();
    while !stopped.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let post = || {
            client
                .post(format!("http://{addr}{WIFI}"))
                .json(&body(number))
                .send()
        };
        steps.send_modify(|steps| *steps += 1);
        let Ok(answer) = post().await else {
            sent.unknown.push(number);
            break;
        };
        steps.send_modify(|steps| *steps += 1);
        assert_eq!(answer.status(), 200);
        sent.acknowledged.push(number);
        if number.is_multiple_of(3)
            && let Ok(answer) = post().await
        {
            let answer: Value = answer.json().await.unwrap_or_default();
            let was_known = answer.is_null() || answer["duplicate"] == true;
            assert!(was_known, "{number}: {answer}");
        }
    }
    sent
}

/// Report counts in the views, by batch number.
async fn counted(addr: &str) -> BTreeMap<u64, u64> {
    let url = format!("http://{addr}/devices/views/all/devices.json");
    let devices: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    let number = |device: &Value| {
        let mac = device["kismet.device.base.macaddr"]
            .as_str()
            .unwrap()
            .replace(':', "");
        u64::from_str_radix(&mac, 16).unwrap() - 0x0200_0000_0000
    };
    devices
        .iter()
        .map(|device| {
            (
                number(device),
                device["kismet.device.base.packets.total"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// Writes snapshots as often as possible, so that many kills interrupt one.
fn often(command: &mut Command) {
    command.env("SCANPOST_SNAPSHOTS__INTERVAL", "2ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_batches_are_stored_once_after_every_kill() {
    let kills = std::env::var("CRASH_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let next = Arc::new(AtomicU64::new(0));
    let mut all = Sent::default();
    let mut running = Running::start(often);
    for kill in 0..kills {
        let stopped = Arc::new(AtomicBool::new(false));
        let steps = watch::Sender::new(0);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(send_until_gone(
                running.addr.clone(),
                Arc::clone(&next),
                Arc::clone(&stopped),
                steps.clone(),
            ));
        }
        // The number of steps before a kill varies. Other requests are in flight then, and it is random which part of
        // the server is working on them.
        let enough = 4 * CLIENTS + kill * 7_919 % 101;
        let mut steps = steps.subscribe();
        steps.wait_for(|steps| enough <= *steps).await.unwrap();
        let data = running.kill();
        stopped.store(true, Ordering::Relaxed);
        for sent in clients.join_all().await {
            all.acknowledged.extend(sent.acknowledged);
            all.unknown.extend(sent.unknown);
        }
        running = Running::start_on(data, often);
    }
    let counted = counted(&running.addr).await;
    assert!(
        kills * 2 < u64::try_from(all.acknowledged.len()).unwrap(),
        "too little was sent to show anything"
    );
    for number in &all.acknowledged {
        assert_eq!(
            counted.get(number),
            Some(&REPORTS_PER_BATCH),
            "batch {number} was acknowledged"
        );
    }
    for number in &all.unknown {
        let reports = counted.get(number).copied().unwrap_or_default();
        assert!(
            [0, REPORTS_PER_BATCH].contains(&reports),
            "batch {number} is half there: {reports}"
        );
    }
    // After the crash every batch is resent, and is still counted only once.
    let client = Client::new();
    for number in all.unknown.iter().chain(all.acknowledged.last()) {
        let answer = client
            .post(format!("http://{}{WIFI}", running.addr))
            .json(&body(*number))
            .send()
            .await
            .unwrap();
        let duplicate = answer.json::<Value>().await.unwrap()["duplicate"] == true;
        assert_eq!(duplicate, counted.contains_key(number), "batch {number}");
    }
    let resent = self::counted(&running.addr).await;
    assert!(resent.values().all(|&reports| reports == REPORTS_PER_BATCH));
    running.kill();
}

/// A file system may keep only a part of the last writes after a power cut.
#[tokio::test]
async fn a_write_ahead_log_that_is_cut_off_loses_its_end_and_nothing_before() {
    let running = Running::start(|_| {});
    let client = Client::new();
    for number in 0..50 {
        let post = client
            .post(format!("http://{}{WIFI}", running.addr))
            .json(&body(number));
        assert_eq!(post.send().await.unwrap().status(), 200);
    }
    let data = running.kill();
    let wal = data.path().join("scanpost.db-wal");
    let file = std::fs::OpenOptions::new().write(true).open(&wal).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 5000).unwrap();
    drop(file);

    let running = Running::start_on(data, |_| {});

    let counted = counted(&running.addr).await;
    let kept = u64::try_from(counted.len()).unwrap();
    assert!((1..50).contains(&kept), "{kept} batches are kept");
    // The first batches are there, each of them whole.
    let expected = (0..kept).map(|number| (number, REPORTS_PER_BATCH));
    assert_eq!(counted, expected.collect());
    running.kill();
}
