//! The program is killed in the middle of an import. After the next start each row is there once.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{IMPORTS, check_counts, rows, wigle, with_files};
use crate::program::{Running, patient_client};

const ROWS: usize = 30_000;
const KILLS: u64 = 4;

/// Answers uploads at once.
pub(super) fn at_once(command: &mut Command) {
    command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "0s");
    command.env("SCANPOST_SNAPSHOTS__INTERVAL", "20ms");
}

/// Waits for the end of imports before it answers.
pub(super) fn at_the_end(command: &mut Command) {
    command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "1h");
}

pub(super) async fn get(running: &Running, path: &str) -> Value {
    let url = format!("http://{}{path}", running.addr);
    let answer = patient_client().get(url).send().await.unwrap();
    answer.json().await.unwrap()
}

pub(super) async fn post(running: &Running, text: &str) -> Value {
    let url = format!("http://{}{IMPORTS}", running.addr);
    let post = patient_client().post(url).body(text.to_owned());
    post.send().await.unwrap().json().await.unwrap()
}

async fn post_two(running: &Running, first: &str, second: &str) -> Value {
    let url = format!("http://{}{IMPORTS}", running.addr);
    let files = [
        ("first.csv", first.as_bytes()),
        ("second.csv", second.as_bytes()),
    ];
    let post = with_files(patient_client().post(url), &files);
    post.send().await.unwrap().json().await.unwrap()
}

/// How many rows of the first file an import has read, and whether it is over.
pub(super) async fn progress(running: &Running, id: &str) -> (u64, bool) {
    let job = get(running, &format!("{IMPORTS}/{id}")).await;
    let is_over = !matches!(job["state"].as_str(), Some("waiting" | "running"));
    (
        job["files"][0]["rows"].as_u64().unwrap_or_default(),
        is_over,
    )
}

#[tokio::test]
async fn a_killed_import_goes_on_and_takes_each_row_once() {
    let text = wigle(0..ROWS);
    let mut running = Running::start(at_once);
    let job = post(&running, &text).await;
    let id = job["id"].as_str().unwrap().to_owned();
    for kill in 1..=KILLS {
        // Each answer is a step of the import further.
        let wanted = kill * u64::try_from(ROWS).unwrap() / (KILLS + 1);
        loop {
            let (rows, is_over) = progress(&running, &id).await;
            if is_over || wanted <= rows {
                break;
            }
        }
        running = Running::start_on(running.kill(), at_once);
    }
    let running = Running::start_on(running.kill(), at_the_end);
    // Imports are carried out one after the other, so this one ends after the one that was killed.
    let other = post(&running, &wigle(ROWS..ROWS + 1)).await;
    assert_eq!(other["state"], "done", "{other}");
    let job = get(&running, &format!("{IMPORTS}/{id}")).await;
    assert_eq!(job["state"], "done", "{job}");
    let file = &job["files"][0];
    assert_eq!(
        (&file["rows"], &file["taken"]),
        (&ROWS.into(), &ROWS.into()),
        "{job}"
    );
    assert_eq!(
        (&file["duplicates"], &file["duplicate"]),
        (&0.into(), &false.into()),
        "{job}"
    );
    let status = get(&running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], ROWS + 1, "{status}");
    assert_eq!(status["devices"]["wifi"], ROWS + 1, "{status}");
    let again = post(&running, &text).await;
    assert_eq!(again["files"][0]["duplicate"], true, "{again}");
    let status = get(&running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], ROWS + 1, "{status}");
}

/// How many rows of a file are done, as it is saved.
fn saved(data: &Path) -> Option<u64> {
    let state = std::fs::read(data.join("imports/state.json")).ok()?;
    let state: Value = serde_json::from_slice(&state).unwrap();
    state["progress"]["sightings"]
        .as_u64()
        .filter(|rows| 0 < *rows)
}

/// Progress is saved every 100 000 rows, with the rows that are known by then.
#[tokio::test]
async fn a_killed_import_of_many_rows_goes_on_where_it_was_saved() {
    const MANY: usize = 140_000;
    let text = wigle(0..MANY);
    let running = Running::start(at_once);
    let job = post(&running, &text).await;
    let id = job["id"].as_str().unwrap().to_owned();
    loop {
        let (_, is_over) = progress(&running, &id).await;
        if is_over || saved(running.data()).is_some() {
            break;
        }
    }
    assert_eq!(saved(running.data()), Some(100_000));
    let running = Running::start_on(running.kill(), at_the_end);
    let grown = format!("{text}{}", rows(MANY..MANY + 1));
    let grown = post(&running, &grown).await;
    // Each row that was done before the kill is known, and is in the log.
    let many = u64::try_from(MANY).unwrap();
    check_counts(&grown["files"][0], [1, many, 0, 0]);
    let job = get(&running, &format!("{IMPORTS}/{id}")).await;
    check_counts(&job["files"][0], [many, 0, 0, 0]);
    let status = get(&running, "/api/v1/status").await;
    assert_eq!(status["reports"]["wifi"], MANY + 1, "{status}");
    running.kill();
}

#[tokio::test]
async fn a_killed_import_of_several_files_keeps_the_accounts_of_those_that_were_done() {
    let running = Running::start(at_once);
    let job = post_two(&running, &wigle(0..2), &wigle(2..ROWS)).await;
    let path = format!("{IMPORTS}/{}", job["id"].as_str().unwrap());
    loop {
        let job = get(&running, &path).await;
        let is_over = !matches!(job["state"].as_str(), Some("waiting" | "running"));
        if is_over || 0 < job["files"][1]["rows"].as_u64().unwrap_or_default() {
            break;
        }
    }
    let running = Running::start_on(running.kill(), at_the_end);
    let other = post(&running, &wigle(ROWS..ROWS + 1)).await;
    assert_eq!(other["state"], "done", "{other}");
    let job = get(&running, &path).await;
    let files = job["files"].as_array().unwrap();
    assert_eq!((&job["state"], files.len()), (&"done".into(), 2), "{job}");
    for (file, rows) in files.iter().zip([2, ROWS - 2]) {
        check_counts(file, [u64::try_from(rows).unwrap(), 0, 0, 0]);
        assert_eq!(file["duplicate"], false, "{file}");
    }
    let jobs = running.data().join("imports/jobs");
    let names = std::fs::read_dir(jobs).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.ends_with(".accounts")).collect();
    assert_eq!(left, [""; 0]);
}
