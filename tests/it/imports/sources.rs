//! Sources of imports: those that report live too, and how many new ones a sender may bring.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{account, check_counts, mac, reports_and_devices, send, wigle};
use crate::server::TestServer;

/// A body of geosubmit with the sightings that rows of [`wigle`] have.
fn live(numbers: std::ops::Range<usize>) -> Value {
    let item = |number: usize| {
        json!({
            "timestamp": (1_767_261_600 + number) * 1000,
            "position": { "latitude": 52.520_006_6, "longitude": 13.404_954, "altitude": 34.2, "accuracy": 3.79 },
            "wifiAccessPoints": [{
                "macAddress": mac(number), "ssid": format!("net {number}"), "signalStrength": -61, "frequency": 2437
            }]
        })
    };
    json!({ "items": numbers.map(item).collect::<Vec<_>>() })
}

async fn import(server: &TestServer, content: &str) -> Value {
    let answer = send(server, "?source=phone", &[("a.csv", content.as_bytes())]).await;
    answer.expect_status(200).json()["files"][0].clone()
}

#[tokio::test]
async fn rows_that_their_source_reported_live_are_not_taken_again() {
    let server = TestServer::start().await;
    let path = "/v2/geosubmit?source=phone";
    server
        .post_json(path, &live(0..20))
        .await
        .expect_status(200);
    let before = reports_and_devices(&server).await;
    assert_eq!(before, (20, 20));
    // The same sightings out of a file, which knows the security too.
    let file = import(&server, &wigle(0..20)).await;
    check_counts(&file, [0, 20, 0, 0]);
    assert_eq!(file["notes"], json!([]), "{file}");
    assert_eq!(reports_and_devices(&server).await, before);
    // Another signal or another second is another sighting.
    let other = wigle(0..20).replace(",-61,", ",-62,");
    check_counts(&import(&server, &other).await, [20, 0, 0, 0]);
    let server = server.restart_without_snapshots().await;
    check_counts(&import(&server, &wigle(10..30)).await, [10, 10, 0, 0]);
    assert_eq!(server.source_count().await, 1);
    // Another source has the same sightings for itself.
    check_counts(&account(&server, wigle(0..20)).await, [20, 0, 0, 0]);
}

#[tokio::test]
async fn a_name_counts_in_forms_that_keep_it() {
    let server = TestServer::start().await;
    let path = "/v2/geosubmit?source=phone";
    server.post_json(path, &live(0..2)).await.expect_status(200);
    let saved = live(0..3).to_string();
    check_counts(&import(&server, &saved).await, [1, 2, 0, 0]);
    let renamed = saved.replace("net 0", "other");
    check_counts(&import(&server, &renamed).await, [1, 2, 0, 0]);
}

#[tokio::test]
async fn without_an_index_rows_are_not_compared_with_live_reports_and_the_account_says_so() {
    let server = TestServer::start_with(|config| config.limits.history_memory_rows = 0).await;
    let path = "/v2/geosubmit?source=phone";
    server.post_json(path, &live(0..2)).await.expect_status(200);
    let file = import(&server, &wigle(0..2)).await;
    check_counts(&file, [2, 0, 0, 0]);
    let note = file["notes"][0].as_str().unwrap();
    assert!(note.contains("limits.history_memory_rows"), "{note}");
    // A source that does not report live needs none.
    let file = account(&server, wigle(0..2)).await;
    assert_eq!(file["notes"], json!([]), "{file}");
}

/// Rows of so many boards, each a source of its own.
fn boards(numbers: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for number in numbers {
        let board = format!("model=Board {number}");
        let rows = wigle(number..number + 1).replace("model=Pixel 7", &board);
        write!(text, "{rows}").unwrap();
    }
    text
}

#[tokio::test]
async fn rows_of_more_sources_than_there_may_be_are_refused_and_the_others_stay() {
    let server = TestServer::start_with(|config| config.limits.sources_max = 3).await;
    let file = account(&server, boards(0..5)).await;
    check_counts(&file, [3, 0, 0, 2]);
    let reason = file["refusals"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("limits.sources_max"), "{reason}");
    assert_eq!(server.source_count().await, 3);
}

#[tokio::test]
async fn rows_of_a_refused_source_cost_no_others() {
    let server = TestServer::start_with(|config| config.limits.sources_max = 1).await;
    // More rows than go to the log at once, before, between and behind.
    let other = wigle(1500..4500).replace("model=Pixel 7", "model=Pixel 8");
    let text = [wigle(0..1500), other, wigle(4500..6000)].concat();
    let file = account(&server, &text).await;
    check_counts(&file, [3000, 0, 0, 3000]);
    assert_eq!(reports_and_devices(&server).await, (3000, 3000));
    check_counts(&account(&server, &text).await, [0, 3000, 0, 3000]);
    assert_eq!(reports_and_devices(&server).await, (3000, 3000));
}

#[tokio::test]
async fn an_import_brings_as_many_new_sources_in_an_hour_as_a_sender_may() {
    let server = TestServer::start_with(|config| config.limits.new_sources_per_hour_max = 3).await;
    let text = boards(0..5);
    let first = account(&server, &text).await;
    check_counts(&first, [3, 0, 0, 2]);
    let reason = first["refusals"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("limits.new_sources_per_hour_max"),
        "{reason}"
    );
    // The file may come again, because the others have a place later.
    let again = account(&server, &text).await;
    check_counts(&again, [0, 3, 0, 2]);
    assert_eq!(again["duplicate"], false, "{again}");
    assert_eq!(server.source_count().await, 3);
}
