//! The real program, killed at random instants: what it acknowledged is there once, and nothing is half there.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::program::Running;
use crate::server::WIFI;

const CLIENTS: u64 = 8;
const REPORTS_PER_BATCH: u64 = 3;
/// How many kills the normal suite makes; `CRASH_TEST_KILLS` asks for another number.
const KILLS: u64 = 25;

/// What became of each batch, by its number: the number is the address that all of its reports have.
#[derive(Default)]
struct Sent {
    /// Acknowledged: has to be there, once.
    acknowledged: Vec<u64>,
    /// No answer came: is there whole or not at all.
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

/// Sends new batches, each of them now and then a second time, until the program is gone. Each beginning and each end
/// of a request is a step.
async fn send_until_gone(
    addr: String,
    next: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    steps: watch::Sender<u64>,
) -> Sent {
    let client = Client::new();
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

/// Reports by batch number, as the views show them.
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

/// Snapshots as often as possible, so that many kills hit one.
fn often(command: &mut Command) {
    command.env("SCANPOST_SNAPSHOTS__INTERVAL", "2ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_after_every_kill() {
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
        // How much is sent before differs from kill to kill. Other requests are under way at that step, and which part
        // of the server works on them is left to chance.
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
    // Sent again after the crash, each is counted once in all.
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

/// What a file system may leave of the last writes after a power cut.
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
    assert!((1..50).contains(&kept), "{kept} are kept");
    // The first ones, each whole.
    let expected = (0..kept).map(|number| (number, REPORTS_PER_BATCH));
    assert_eq!(counted, expected.collect());
    running.kill();
}
