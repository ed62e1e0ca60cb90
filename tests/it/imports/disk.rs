//! Uploads that unpack to more than there is room for.

use std::path::Path;
use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{IMPORTS, check_counts, wigle, with_files};
use crate::faults::{limit_files, small_disk, unmount};
use crate::program::{Running, patient_client};
use crate::server::{WIFI, batch, gzip};

/// A file that unpacks to more than there is room for.
fn large() -> Vec<u8> {
    gzip(wigle(0..150_000).as_bytes())
}

async fn post(running: &Running, path: &str, body: Vec<u8>) -> Value {
    let url = format!("http://{}{path}", running.addr);
    let post = patient_client().post(url).body(body);
    post.send().await.unwrap().json().await.unwrap()
}

async fn post_files(running: &Running, files: &[(&str, &[u8])]) -> Value {
    let url = format!("http://{}{IMPORTS}", running.addr);
    let post = with_files(patient_client().post(url), files);
    post.send().await.unwrap().json().await.unwrap()
}

async fn get(running: &Running, path: &str) -> Value {
    let url = format!("http://{}{path}", running.addr);
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// The files of uploads, and what was unpacked from them.
fn spooled(data: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data.join("imports/spool")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

async fn expect_reports_are_taken(running: &Running) {
    let url = format!("http://{}{WIFI}", running.addr);
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    let answer = Client::new().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// What keeps a file from being unpacked.
#[derive(Clone, Copy)]
enum Lack {
    /// The disk is small.
    OfSpace,
    /// The system lets no file become so large. Every user can set that, so this is tested on every machine.
    OfFileSize,
}

impl Lack {
    const KIB: u32 = 12 << 10;

    /// A data directory. `None` where the user may not mount a small disk.
    fn data(self) -> Option<TempDir> {
        match self {
            Self::OfSpace => small_disk(Self::KIB),
            Self::OfFileSize => Some(tempfile::tempdir().unwrap()),
        }
    }

    fn start(self, data: TempDir, change: impl FnOnce(&mut Command)) -> Running {
        Running::start_on(data, |command| {
            change(command);
            if matches!(self, Self::OfFileSize) {
                limit_files(command, Self::KIB);
            }
        })
    }

    fn end(self, running: Running) {
        let data = running.kill();
        if matches!(self, Self::OfSpace) {
            unmount(&data);
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::OfSpace => "the disk is full",
            Self::OfFileSize => "the system lets no file become so large",
        }
    }
}

/// An upload without room is tried some times and fails with the reason.
async fn fails_after_some_tries(lack: Lack) {
    let Some(data) = lack.data() else { return };
    let running = lack.start(data, |command| {
        command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "1h");
        command.env("SCANPOST_IMPORT__RETRY_DELAY", "1ms");
    });
    let job = post(&running, IMPORTS, large()).await;
    assert_eq!(job["state"], "failed", "{job}");
    let error = job["error"].as_str().unwrap();
    assert!(
        error.starts_with(lack.reason()) && error.contains("tried 8 times"),
        "{error}"
    );
    assert_eq!(spooled(running.data()), [""; 0]);
    expect_reports_are_taken(&running).await;
    let job = post(&running, IMPORTS, wigle(0..3).into()).await;
    check_counts(&job["files"][0], [3, 0, 0, 0]);
    lack.end(running);
}

/// An upload that waits for room leaves room, lets others pass, and can be cancelled.
async fn waits_and_lets_others_pass(lack: Lack) {
    let Some(data) = lack.data() else { return };
    let slow = |command: &mut Command| {
        command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "0s");
        command.env("SCANPOST_IMPORT__RETRY_DELAY", "1h");
    };
    let mut running = lack.start(data, slow);
    // The first file has room, and is unpacked before the second one has none.
    let (small, large) = (gzip(wigle(10..20).as_bytes()), large());
    let files: [(&str, &[u8]); 2] = [("small.csv.gz", &small), ("large.csv.gz", &large)];
    let id = post_files(&running, &files).await["id"].clone();
    let path = format!("{IMPORTS}/{}", id.as_str().unwrap());
    running.wait_for("an import waits, and is tried again");
    let job = get(&running, &path).await;
    let reason = format!("{}; tried again after 1h", lack.reason());
    assert_eq!(
        (&job["state"], &job["error"]),
        (&"waiting".into(), &reason.into())
    );
    assert_eq!(spooled(running.data()), ["1-0", "1-1"]);
    expect_reports_are_taken(&running).await;
    let other = post(&running, IMPORTS, wigle(0..3).into()).await["id"].clone();
    running.wait_for("an import has ended");
    let other = get(&running, &format!("{IMPORTS}/{}", other.as_str().unwrap())).await;
    check_counts(&other["files"][0], [3, 0, 0, 0]);

    // What no import names is removed at the start, and so is what was unpacked.
    let data = running.kill();
    for name in ["1-0.0", "1-0.0.utf8", "9-0", "other"] {
        std::fs::write(data.path().join("imports/spool").join(name), "x").unwrap();
    }
    let mut running = lack.start(data, slow);
    running.wait_for("an import waits, and is tried again");
    assert_eq!(spooled(running.data()), ["1-0", "1-1"]);

    let cancelled = post(&running, &format!("{path}/cancel"), Vec::new()).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    assert_eq!(get(&running, &path).await["state"], "cancelled");
    assert_eq!(spooled(running.data()), [""; 0]);
    lack.end(running);
}

#[tokio::test]
async fn an_upload_fails_after_some_tries_on_a_full_disk() {
    fails_after_some_tries(Lack::OfSpace).await;
}

#[tokio::test]
async fn an_upload_fails_after_some_tries_where_files_may_not_become_large() {
    fails_after_some_tries(Lack::OfFileSize).await;
}

#[tokio::test]
async fn an_upload_waits_on_a_full_disk_and_lets_others_pass() {
    waits_and_lets_others_pass(Lack::OfSpace).await;
}

#[tokio::test]
async fn an_upload_waits_where_files_may_not_become_large_and_lets_others_pass() {
    waits_and_lets_others_pass(Lack::OfFileSize).await;
}

/// What is unpacked leaves 16 MiB, so that reports are still taken.
#[tokio::test]
async fn an_upload_leaves_room_for_reports() {
    let Some(disk) = small_disk(32 << 10) else {
        return;
    };
    let running = Running::start_on(disk, |command| {
        command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "1h");
        command.env("SCANPOST_IMPORT__RETRY_DELAY", "1ms");
    });
    let trial = format!("{IMPORTS}?dry_run=true");
    // 11 MiB have room beside it, and 17 MiB would have room only without it.
    let fits = post(&running, &trial, gzip(wigle(0..100_000).as_bytes())).await;
    assert_eq!(fits["state"], "done", "{fits}");
    let job = post(&running, &trial, large()).await;
    assert_eq!(job["state"], "failed", "{job}");
    let error = job["error"].as_str().unwrap();
    assert!(error.starts_with("the disk is full"), "{error}");
    expect_reports_are_taken(&running).await;
    unmount(&running.kill());
}

#[tokio::test]
async fn an_import_that_is_stopped_leaves_its_upload_only_and_goes_on() {
    const ROWS: usize = 30_000;
    let answer_within = |time: &'static str| {
        move |command: &mut Command| {
            command.env("SCANPOST_IMPORT__ANSWER_WITHIN", time);
        }
    };
    let running = Running::start(answer_within("0s"));
    let upload = gzip(wigle(0..ROWS).as_bytes());
    let id = post(&running, IMPORTS, upload).await["id"].clone();
    let path = format!("{IMPORTS}/{}", id.as_str().unwrap());
    loop {
        // Each answer is a step of the import further. Once it has read rows, the upload is unpacked.
        let job = get(&running, &path).await;
        if job["state"] == "done"
            || job["files"][0]["rows"]
                .as_u64()
                .is_some_and(|rows| 0 < rows)
        {
            break;
        }
    }
    let data = running.stop();
    for name in spooled(data.path()) {
        assert!(!name.contains('.'), "{name} was unpacked");
    }
    let running = Running::start_on(data, answer_within("1h"));
    // Imports are carried out one after the other, so this one ends after the one that was stopped.
    post(&running, IMPORTS, wigle(ROWS..ROWS + 1).into()).await;
    let job = get(&running, &path).await;
    assert_eq!(job["state"], "done", "{job}");
    check_counts(&job["files"][0], [u64::try_from(ROWS).unwrap(), 0, 0, 0]);
    running.kill();
}
