//! Captures of airodump-ng.

use super::{check_counts, send};
use crate::server::TestServer;

/// airodump-ng writes each capture into several files, which tell the same.
#[tokio::test]
async fn of_a_capture_in_several_files_the_best_one_counts() {
    let server = TestServer::start().await;
    let log = include_bytes!("../../fixtures/imports/airodump/capture-01.log.csv");
    let csv = include_bytes!("../../fixtures/imports/airodump/capture-01.csv");
    let files = [("capture-01.csv", &csv[..]), ("capture-01.log.csv", log)];
    let answer = send(&server, "", &files).await.expect_status(200).json();
    let of = |name: &str| {
        let mut files = answer["files"].as_array().unwrap().iter();
        files.find(|file| file["name"] == name).unwrap().clone()
    };
    check_counts(&of("capture-01.log.csv"), [4, 0, 3, 1]);
    let worse = of("capture-01.csv");
    check_counts(&worse, [0, 0, 0, 0]);
    let note = worse["notes"][0].as_str().unwrap();
    assert!(note.contains("capture-01.log.csv"), "{note}");
    // One that has no rows, and one of another capture, are no reason.
    let header = log.split(|byte| *byte == b'\n').next().unwrap();
    let empty = [header, b"\r\n"].concat();
    for better in [("capture-01.log.csv", &*empty), ("other-01.log.csv", log)] {
        let server = TestServer::start().await;
        let files = [("capture-01.csv", &csv[..]), better];
        let answer = send(&server, "", &files).await.expect_status(200).json();
        let taken = answer["files"].as_array().unwrap().iter();
        let taken: u64 = taken.map(|file| file["taken"].as_u64().unwrap()).sum();
        assert!(6 <= taken, "{answer}");
    }
}
