//! Permissions of the files in the data directory.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use scanpost::config::Config;
use serde_json::json;

use crate::server::{TestServer, copy_of_fixture};

/// Files in a folder and its subfolders whose mode is not 0600.
fn readable_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            found.extend(readable_to_others(&path));
        } else if mode != 0o600 {
            found.push(format!("{} {mode:o}", path.display()));
        }
    }
    found
}

async fn report(server: &TestServer) {
    server
        .report(json!([{"bssid": "02:00:00:00:00:01", "ssid": "a"}]))
        .await;
}

#[tokio::test]
async fn all_files_are_for_their_owner_only_from_the_beginning() {
    let server = TestServer::start().await;
    report(&server).await;
    let names = ["scanpost.db", "scanpost.db-wal", "scanpost.db-shm"];
    for name in names.into_iter().chain(["alerts.db", "alerts.db-wal"]) {
        assert!(server.data().join(name).exists(), "{name}");
    }
    assert_eq!(readable_to_others(server.data()), [""; 0]);
    let server = server.restart().await;
    report(&server).await;
    assert_eq!(readable_to_others(server.data()), [""; 0]);
}

#[tokio::test]
async fn files_that_others_may_read_are_mended_at_the_start() {
    let data = copy_of_fixture("v3");
    fs::write(data.path().join("alerts.db"), "").unwrap();
    for name in ["scanpost.db", "alerts.db", "snapshots/00000001.snapshot"] {
        fs::set_permissions(data.path().join(name), Permissions::from_mode(0o644)).unwrap();
    }
    let server = TestServer::start_on(data, Config::default()).await;
    report(&server).await;
    assert_eq!(readable_to_others(server.data()), [""; 0]);
}
