//! Imports that are cancelled, and copies that are made, while the log has rows that no checkpoint has yet.

use std::fs;

use serde_json::Value;

use super::backup::backup;
use super::crash::{at_once, at_the_end, get, post, progress};
use super::{IMPORTS, check_counts, rows, wigle};
use crate::program::{Running, patient_client};

const ROWS: usize = 30_000;

/// Begins to import a file, and comes back when rows of it have been read.
async fn begin(running: &Running, query: &str) -> String {
    let url = format!("http://{}{IMPORTS}{query}", running.addr);
    let post = patient_client().post(url).body(wigle(0..ROWS));
    let job: Value = post.send().await.unwrap().json().await.unwrap();
    let id = job["id"].as_str().unwrap().to_owned();
    loop {
        let (rows, is_over) = progress(running, &id).await;
        if is_over || 0 < rows {
            return id;
        }
    }
}

async fn cancel(running: &Running, id: &str) -> Value {
    let url = format!("http://{}{IMPORTS}/{id}/cancel", running.addr);
    let answer = patient_client().post(url).send().await.unwrap();
    answer.json().await.unwrap()
}

/// Imports the file with one row more, of which the server has some rows. Each is there once afterwards.
async fn check_grown(running: &Running) {
    let grown = format!("{}{}", wigle(0..ROWS), rows(ROWS..ROWS + 1));
    let job = post(running, &grown).await;
    assert_eq!(job["state"], "done", "{job}");
    let status = get(running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], ROWS + 1, "{status} {job}");
}

#[tokio::test]
async fn a_dry_run_that_is_cancelled_changes_nothing() {
    let running = Running::start(at_once);
    let id = begin(&running, "?dry_run=true").await;
    cancel(&running, &id).await;
    while !progress(&running, &id).await.1 {}
    let job = get(&running, &format!("{IMPORTS}/{id}")).await;
    assert_eq!(job["state"], "cancelled", "{job}");
    let running = Running::start_on(running.kill(), at_the_end);
    let job = post(&running, &wigle(0..ROWS)).await;
    check_counts(&job["files"][0], [u64::try_from(ROWS).unwrap(), 0, 0, 0]);
}

#[tokio::test]
async fn rows_of_an_import_that_is_cancelled_are_known() {
    let running = Running::start(at_once);
    let id = begin(&running, "").await;
    cancel(&running, &id).await;
    let running = Running::start_on(running.stop(), at_the_end);
    check_grown(&running).await;
}

#[tokio::test]
async fn rows_of_an_import_that_is_killed_and_cancelled_are_known() {
    let running = Running::start(at_once);
    let id = begin(&running, "").await;
    let running = Running::start_on(running.kill(), at_the_end);
    cancel(&running, &id).await;
    check_grown(&running).await;
}

#[tokio::test]
async fn rows_of_an_import_are_known_in_a_copy_that_is_made_meanwhile() {
    let running = Running::start(at_once);
    begin(&running, "").await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backup");
    backup(running.data(), &folder);
    running.kill();
    let restored = tempfile::tempdir_in(home.path()).unwrap();
    fs::remove_dir(restored.path()).unwrap();
    fs::rename(&folder, restored.path()).unwrap();
    let again = Running::start_on(restored, at_the_end);
    check_grown(&again).await;
}
