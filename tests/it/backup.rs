//! `scanpost backup`: copies of a data directory while a server writes to it, and starts that would lose devices.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scanpost::auth::Credentials;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Running, run, scanpost};
use crate::server::{WIFI, batch, copy_of_fixture};

/// Runs `scanpost backup`. Returns the exit code, standard output and standard error.
fn backup(data: &Path, to: &Path) -> (Option<i32>, String, String) {
    let mut program = scanpost();
    program.arg("backup").arg(to).arg("--data-dir").arg(data);
    run(&mut program)
}

fn check(folder: &Path) -> (Option<i32>, String, String) {
    run(scanpost().args(["backup", "--check"]).arg(folder))
}

#[track_caller]
fn expect_sound(folder: &Path) -> String {
    let (code, out, err) = check(folder);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.ends_with("the backup is sound\n"), "{out}");
    out
}

#[track_caller]
fn expect_problem(folder: &Path, problem: &str) {
    let (code, out, err) = check(folder);
    assert_eq!(code, Some(1), "{out}");
    assert!(err.contains(problem), "{err}");
    assert!(!out.contains("the backup is sound"), "{out}");
}

async fn post(running: &Running, path: &str, body: &Value) {
    let url = format!("http://{}{path}", running.addr);
    let answer = reqwest::Client::new().post(url).json(body).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

/// The number of devices, and the sum of their reports.
async fn counts(running: &Running) -> (usize, u64) {
    let url = format!("http://{}/devices/views/all/devices.json", running.addr);
    let devices: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    let total = |device: &Value| device["kismet.device.base.packets.total"].as_u64().unwrap();
    (devices.len(), devices.iter().map(total).sum())
}

/// Writes snapshots and deletes reports as often as possible.
fn often(command: &mut Command) {
    command
        .env("SCANPOST_SNAPSHOTS__INTERVAL", "2ms")
        .env("SCANPOST_LOGGING__LEVEL", "debug")
        .env("SCANPOST_RETENTION__SIZE", "1MiB");
}

/// Batch `number` of 1000 reports. Each batch has a device of its own.
fn thousand(number: u64) -> Value {
    let bssid = format!("{:012x}", 0x0200_0000_0000 + number);
    let report = |report: u64| json!({ "bssid": bssid, "ssid": format!("net {number}"), "timestamp": 1_700_000_000 + report });
    batch(json!((0..1000).map(report).collect::<Vec<_>>()))
}

/// A data directory whose log has deleted the reports of its first devices, and how many devices there are.
async fn expired() -> (TempDir, u64) {
    const BATCHES: u64 = 40;
    let mut running = Running::start(often);
    for number in 0..BATCHES {
        post(&running, WIFI, &thousand(number)).await;
    }
    running.wait_for("expired old reports");
    (running.stop(), BATCHES)
}

/// The mode of each file and folder that others can access.
#[cfg(unix)]
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let paths = fs::read_dir(&next)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let paths: Vec<_> = paths.chain([next.clone()]).collect();
        for path in paths {
            let metadata = fs::metadata(&path).unwrap();
            if metadata.permissions().mode() & 0o077 != 0 {
                found.push(path.clone());
            }
            if metadata.is_dir() && path != next {
                folders.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn a_backup_has_everything_and_a_server_starts_on_it() {
    let data = tempfile::tempdir().unwrap();
    let credentials = Credentials::open(data.path()).unwrap();
    credentials
        .set_password("admin", "a long password")
        .unwrap();
    let running = Running::start_on(data, |_| {});
    for number in 0..3 {
        post(&running, WIFI, &thousand(number)).await;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backup");
    let (code, out, err) = backup(running.data(), &folder);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, format!("the backup is in {}\n", folder.display()));
    #[cfg(unix)]
    assert_eq!(open_to_others(&folder), [""; 0].map(PathBuf::from));
    let told = expect_sound(&folder);
    assert!(told.contains("observations: 3000\n"), "{told}");
    for name in ["scanpost.db", "alerts.db", "auth.json"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    // It is as it was then.
    post(&running, WIFI, &thousand(3)).await;
    let expected = (3, 3000);
    running.kill();
    // A start writes to its directory.
    let restored = tempfile::tempdir_in(home.path()).unwrap();
    fs::remove_dir(restored.path()).unwrap();
    fs::rename(&folder, restored.path()).unwrap();
    let again = Running::start_on(restored, |_| {});
    assert_eq!(counts(&again).await, expected);
    let data = again.stop();
    expect_sound(data.path());
}

#[tokio::test]
async fn a_folder_with_files_is_left_alone_and_a_missing_log_is_named() {
    let data = copy_of_fixture("v3");
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("mine"), "x").unwrap();
    let (code, _, err) = backup(data.path(), home.path());
    assert_eq!(code, Some(1));
    assert!(err.contains("is not empty"), "{err}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);

    let (code, _, err) = backup(home.path(), &home.path().join("new"));
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no log at"), "{err}");
    assert!(!home.path().join("new").exists());
    assert_eq!(check(home.path()).0, Some(1));

    // The log of an earlier version is copied as it is.
    let folder = home.path().join("of v3");
    assert_eq!(backup(data.path(), &folder).0, Some(0));
    expect_sound(&folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_busy_server_loses_no_device() {
    const BACKUPS: u64 = 6;
    const BATCHES: u64 = 30;
    let running = Running::start(often);
    let home = tempfile::tempdir().unwrap();
    for number in 0..BACKUPS {
        let first = number * BATCHES;
        for batch in first..first + BATCHES / 2 {
            post(&running, WIFI, &thousand(batch)).await;
        }
        let folder = home.path().join(number.to_string());
        let (data, to) = (running.data().to_owned(), folder.clone());
        // The server goes on meanwhile.
        let copying = tokio::task::spawn_blocking(move || backup(&data, &to));
        for batch in first + BATCHES / 2..first + BATCHES {
            post(&running, WIFI, &thousand(batch)).await;
        }
        let (code, _, err) = copying.await.unwrap();
        assert_eq!(code, Some(0), "{err}");
        expect_sound(&folder);
    }
    running.kill();
    for number in 0..BACKUPS {
        let restored = tempfile::tempdir_in(home.path()).unwrap();
        fs::remove_dir(restored.path()).unwrap();
        fs::rename(home.path().join(number.to_string()), restored.path()).unwrap();
        let again = Running::start_on(restored, |_| {});
        let (devices, reports) = counts(&again).await;
        let acknowledged = number * BATCHES + BATCHES / 2;
        let devices = u64::try_from(devices).unwrap();
        assert!(acknowledged <= devices, "backup {number}: {devices}");
        assert_eq!(reports, devices * 1000, "backup {number}");
        again.kill();
    }
}

#[tokio::test]
async fn a_start_that_would_lose_devices_is_refused() {
    let (data, devices) = expired().await;
    let snapshots = data.path().join("snapshots");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&snapshots)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();

    // As if a later version had written them.
    for name in &before {
        let mut bytes = fs::read(snapshots.join(name)).unwrap();
        bytes[14] = b'9';
        fs::write(snapshots.join(name), bytes).unwrap();
    }
    let refused = || {
        let (code, log) = Running::fail_to_start(data.path());
        assert_eq!(code, Some(1), "{log}");
        assert!(
            log.contains("would lose devices") && log.contains("--accept-loss"),
            "{log}"
        );
    };
    refused();
    // Nothing has changed, so the right version finds them.
    assert_eq!(names(), before);
    expect_problem(data.path(), "devices are missing");
    let home = tempfile::tempdir().unwrap();
    let (code, _, err) = backup(data.path(), &home.path().join("new"));
    assert_eq!(code, Some(1));
    assert!(err.contains("would not start with this copy"), "{err}");
    for name in &before {
        let mut bytes = fs::read(snapshots.join(name)).unwrap();
        bytes[14] = b'2';
        fs::write(snapshots.join(name), bytes).unwrap();
    }
    let running = Running::start_on(data, |_| {});
    assert_eq!(counts(&running).await.1, devices * 1000);
    let data = running.stop();

    fs::remove_dir_all(data.path().join("snapshots")).unwrap();
    let (code, log) = Running::fail_to_start(data.path());
    assert_eq!(code, Some(1), "{log}");
    let running = Running::start_on(data, |command| {
        command.arg("--accept-loss");
    });
    let (left, _) = counts(&running).await;
    assert!(0 < left && u64::try_from(left).unwrap() < devices, "{left}");
    // From now on its snapshots have what is left.
    let running = Running::start_on(running.stop(), |_| {});
    assert_eq!(counts(&running).await.0, left);
    running.kill();
}

#[tokio::test]
async fn a_check_finds_files_that_do_not_belong_together() {
    let running = Running::start(|_| {});
    post(&running, WIFI, &thousand(0)).await;
    let home = tempfile::tempdir().unwrap();
    let early = home.path().join("early");
    assert_eq!(backup(running.data(), &early).0, Some(0));
    let kind = json!({ "name": "MINE", "class": "OTHER", "severity": 10, "throttle": "5/min", "burst": "1/sec", "description": "x" });
    post(&running, "/alerts/definitions/define_alert.cmd", &kind).await;
    let late = home.path().join("late");
    assert_eq!(backup(running.data(), &late).0, Some(0));
    running.kill();
    expect_sound(&late);
    fs::copy(late.join("alerts.db"), early.join("alerts.db")).unwrap();
    expect_problem(&early, "they were not copied together");
    fs::write(late.join("auth.json"), "{").unwrap();
    expect_problem(&late, "auth.json");
    fs::remove_file(late.join("auth.json")).unwrap();
    fs::write(late.join("webhooks.json"), "{").unwrap();
    expect_problem(&late, "webhooks.json");
    // The log comes last, so a copy that was cut short has none.
    fs::rename(
        late.join("scanpost.db"),
        late.join("scanpost.db.unfinished"),
    )
    .unwrap();
    let (code, _, err) = check(&late);
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no log at"), "{err}");
}
