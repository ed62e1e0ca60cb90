//! The program is killed in the middle of an import. After the next start each row is there once.

use std::process::Command;

use serde_json::Value;

use super::{IMPORTS, wigle};
use crate::program::{Running, patient_client};

const ROWS: usize = 30_000;
const KILLS: u64 = 4;

/// Answers uploads at once.
fn at_once(command: &mut Command) {
    command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "0s");
    command.env("SCANPOST_SNAPSHOTS__INTERVAL", "20ms");
}

/// Waits for the end of imports before it answers.
fn at_the_end(command: &mut Command) {
    command.env("SCANPOST_IMPORT__ANSWER_WITHIN", "1h");
}

async fn get(running: &Running, path: &str) -> Value {
    let url = format!("http://{}{path}", running.addr);
    let answer = patient_client().get(url).send().await.unwrap();
    answer.json().await.unwrap()
}

async fn post(running: &Running, text: &str) -> Value {
    let url = format!("http://{}{IMPORTS}", running.addr);
    let post = patient_client().post(url).body(text.to_owned());
    post.send().await.unwrap().json().await.unwrap()
}

/// How many rows of the first file an import has read, and whether it is over.
async fn progress(running: &Running, id: &str) -> (u64, bool) {
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
