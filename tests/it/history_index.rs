//! The index by which the history of a device is found: after kills, and on a data directory that has none.

use std::fs;
use std::path::Path;
use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};

use crate::program::Running;
use crate::server::{WIFI, batch, copy_of_fixture};

const KILLS: u64 = 10;
const DEVICES: u64 = 8;
const REPORTS_PER_BATCH: u64 = 40;

/// Has an index of many small files, which are merged all the time.
fn with_small_files(command: &mut Command) {
    command.env("SCANPOST_LIMITS__HISTORY_MEMORY_ROWS", "16");
}

fn files(data: &Path) -> Vec<String> {
    let files = fs::read_dir(data.join("history")).into_iter().flatten();
    let name = |file: std::io::Result<fs::DirEntry>| file.unwrap().file_name();
    files
        .map(|file| name(file).into_string().unwrap())
        .collect()
}

/// All observations of a device, page by page.
async fn observations(running: &Running, mac: &str) -> Vec<Value> {
    let url = format!("http://{}/api/v1/devices/{mac}/observations", running.addr);
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = reqwest::get(format!("{url}?limit=300&cursor={cursor}")).await;
        let mut page: Value = page.unwrap().json().await.unwrap();
        all.append(page["observations"].as_array_mut().unwrap());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return all,
        }
    }
}

/// The reports of a batch are in turn of each device, a second apart.
fn body(number: u64) -> Value {
    let report = |n: u64| {
        let time = 1_600_000_000 + number * REPORTS_PER_BATCH + n;
        json!({ "bssid": format!("0200000000{:02x}", n % DEVICES), "timestamp": time })
    };
    batch((0..REPORTS_PER_BATCH).map(report).collect())
}

async fn expect_all(running: &Running, batches: u64, device: u64) {
    let found = observations(running, &format!("0200000000{device:02x}")).await;
    let times: Vec<_> = found
        .iter()
        .map(|observation| observation["time"].as_u64().unwrap() - 1_600_000_000)
        .collect();
    let of_device = (0..batches * REPORTS_PER_BATCH).filter(|n| n % DEVICES == device);
    let expected: Vec<_> = of_device.rev().collect();
    assert_eq!(times, expected, "device {device} after {batches} batches");
}

#[tokio::test]
async fn histories_are_whole_after_every_kill_while_files_are_merged() {
    let client = Client::new();
    let mut running = Running::start(with_small_files);
    let mut number = 0;
    for kill in 0..KILLS {
        // The files are written and merged behind these batches, and it is random how far that is at the kill.
        for _ in 0..20 + kill * 7 % 13 {
            let post = client.post(format!("http://{}{WIFI}", running.addr));
            let answer = post.json(&body(number)).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            number += 1;
        }
        running = Running::start_on(running.kill(), with_small_files);
        expect_all(&running, number, kill % DEVICES).await;
    }
    for device in 0..DEVICES {
        expect_all(&running, number, device).await;
    }
    let data = running.stop();
    let written = files(data.path());
    assert!(!written.is_empty());
    let rows = usize::try_from(number * REPORTS_PER_BATCH).unwrap();
    assert!(written.len() < rows / 16, "nothing was merged: {written:?}");
}

#[tokio::test]
async fn a_data_directory_of_version_4_gets_an_index_in_the_background() {
    const COMPLETE: &str = "the history's index is complete";
    let data = copy_of_fixture("v4");
    assert!(!data.path().join("history").exists());
    // With the default, so few observations stay in memory.
    let mut running = Running::start_on(data, |_| {});
    let devices = format!("http://{}/api/v1/devices?limit=1000", running.addr);
    let devices: Value = reqwest::get(devices).await.unwrap().json().await.unwrap();
    let devices = devices["devices"].as_array().unwrap();
    let mut before = Vec::new();
    for device in devices {
        before.push(observations(&running, device["address"].as_str().unwrap()).await);
    }
    assert!(16 < before.iter().map(Vec::len).sum::<usize>());

    running = Running::start_on(running.stop(), with_small_files);
    if !running.start.contains(COMPLETE) {
        running.wait_for(COMPLETE);
    }
    assert!(!files(running.data()).is_empty());
    for (device, before) in devices.iter().zip(before) {
        let after = observations(&running, device["address"].as_str().unwrap()).await;
        assert_eq!(after, before, "{device}");
    }
    // A backup leaves the index out.
    let backup = tempfile::tempdir().unwrap();
    let mut command = crate::program::scanpost();
    command
        .args(["backup", "--data-dir"])
        .arg(running.data())
        .arg(backup.path().join("copy"));
    let (code, out, err) = crate::program::run(&mut command);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!backup.path().join("copy/history").exists());
    running.stop();
}
