//! Permissions of the files in the data directory.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use std::process::{Command, Stdio};

use scanpost::config::Config;
use serde_json::json;

use crate::program::Running;
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

/// Runs the program with a umask that keeps nothing from others.
fn without_umask(command: &mut Command) {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "umask 0 && exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    *command = shell;
}

#[test]
fn the_modes_do_not_depend_on_the_umask() {
    let running = Running::start(without_umask);
    assert!(running.data().join("alerts.db-wal").exists());
    assert_eq!(readable_to_others(running.data()), [""; 0]);
    running.stop();
}

#[test]
fn a_data_directory_that_is_open_to_others_is_logged() {
    for (mode, expected) in [
        (0o700, None),
        (0o750, Some("others can open the data directory")),
        (0o722, Some("others can write to the data directory")),
    ] {
        let data = tempfile::tempdir().unwrap();
        fs::set_permissions(data.path(), Permissions::from_mode(mode)).unwrap();
        let running = Running::start_on(data, |_| {});
        let is_logged = |text: &str| running.start.contains(text);
        assert_eq!(
            is_logged("the data directory"),
            expected.is_some(),
            "{mode:o}"
        );
        assert!(
            expected.is_none_or(is_logged),
            "{mode:o}: {}",
            running.start
        );
        running.stop();
    }
}

#[test]
fn a_link_in_the_place_of_the_lock_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let (data, theirs) = (home.path().join("data"), home.path().join("theirs"));
    fs::create_dir(&data).unwrap();
    fs::write(&theirs, "theirs").unwrap();
    fs::set_permissions(&theirs, Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&theirs, data.join("lock")).unwrap();
    let (code, log) = Running::fail_to_start(&data);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("symbolic link"), "{log}");
    let mode = fs::metadata(&theirs).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644);
}
