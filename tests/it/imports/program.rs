//! The command `scanpost import`, and the watched folder.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::wigle;
use crate::program::{Running, run, scanpost};

fn import(files: &[&Path], more: &[&str]) -> Command {
    let mut command = scanpost();
    command.arg("import").args(files).args(more);
    command
}

#[test]
fn files_go_to_a_server_that_runs() {
    let running = Running::start(|_| {});
    let url = format!("http://{}", running.addr);
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (
        folder.path().join("drive.csv"),
        folder.path().join("bad.csv"),
    );
    fs::write(&good, wigle(0..5)).unwrap();
    fs::write(&bad, "nothing\n").unwrap();
    let (code, out, err) = run(&mut import(&[&good], &["--url", &url, "--source", "car"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("drive.csv: wigle-csv: 5 rows: 5 taken, 0 duplicates"),
        "{out}"
    );
    let (code, out, _) = run(&mut import(&[&good], &["--url", &url, "--source", "car"]));
    assert_eq!(code, Some(0));
    assert!(out.contains("wigle-csv, imported before"), "{out}");
    let (code, _, err) = run(&mut import(&[&bad], &["--url", &url]));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("these forms are read") && err.contains("415"),
        "{err}"
    );
    let missing = folder.path().join("missing.csv");
    let (code, _, err) = run(&mut import(&[&missing], &["--url", &url]));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("cannot read") && err.contains("missing.csv"),
        "{err}"
    );
    let (code, _, err) = run(&mut import(&[&good], &["--url", &url, "--tz", "Nowhere"]));
    assert_eq!(code, Some(1));
    assert!(err.contains("expected a zone"), "{err}");
    running.stop();
}

#[test]
fn standard_input_goes_into_a_directory_that_no_server_uses() {
    let data = Running::start(|_| {}).stop();
    let into = ["--data-dir", data.path().to_str().unwrap()];
    let mut child = import(&[Path::new("-")], &into)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(wigle(0..5).as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.contains("5 rows: 5 taken"), "{out}{err}");
    let running = Running::start_on(data, |_| {});
    let file = running.data().join("again.csv");
    fs::write(&file, wigle(0..5)).unwrap();
    let of_server = ["--data-dir", running.data().to_str().unwrap()];
    let (code, _, err) = run(&mut import(&[&file], &of_server));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("a server runs on this data directory"),
        "{err}"
    );
    let (code, out, _) = run(&mut import(
        &[&file],
        &["--url", &format!("http://{}", running.addr)],
    ));
    assert_eq!(code, Some(0));
    assert!(out.contains("imported before"), "{out}");
    running.stop();
}

/// A command that opens the data directory of a server delivers no alerts, and forgets no position of a webhook.
#[test]
fn webhooks_keep_their_positions_over_commands_on_the_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (config, drive, out) = (path("scanpost.toml"), path("drive.csv"), path("out.csv"));
    // Nobody listens there, so what waits goes on waiting.
    let webhook = "[[webhooks]]\nname = \"home\"\nurl = \"http://127.0.0.1:1/\"\n\
                   secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";
    fs::write(&config, webhook).unwrap();
    fs::write(&drive, wigle(0..5)).unwrap();
    let running = Running::start(|command| {
        command.args(["--config", &config]);
    });
    let data = running.stop();
    let positions = data.path().join("webhooks.json");
    let before = fs::read_to_string(&positions).unwrap();
    assert!(before.contains("\"home\""), "{before}");
    let of_data = ["--data-dir", data.path().to_str().unwrap()];
    let with_config = [&of_data[..], &["--config", &config]].concat();
    for flags in [&of_data[..], &with_config] {
        let (code, _, err) = run(&mut import(&[Path::new(&drive)], flags));
        assert_eq!(code, Some(0), "{err}");
        let mut export = scanpost();
        export.args(["export", "csv", "-o", &out]).args(flags);
        let (code, _, err) = run(&mut export);
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(fs::read_to_string(&positions).unwrap(), before);
    }
}

#[test]
fn what_is_dropped_into_the_folder_is_imported_and_put_away() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("drive.csv"), wigle(0..5)).unwrap();
    fs::write(folder.path().join("bad.txt"), "nothing\n").unwrap();
    fs::write(folder.path().join("unfinished.csv.part"), wigle(5..6)).unwrap();
    let mut running = Running::start(|command| {
        command.env("SCANPOST_IMPORT__FOLDER", folder.path());
    });
    for _ in 0..2 {
        running.wait_for("a file of the watched folder was imported");
    }
    running.stop();
    let account = |path: &str| -> Value {
        let path = folder.path().join(format!("{path}.account.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    assert_eq!(account("done/drive.csv")[0]["taken"], 5);
    assert!(account("failed/bad.txt")[0]["error"].is_string());
    assert_eq!(
        fs::read_to_string(folder.path().join("done/drive.csv")).unwrap(),
        wigle(0..5)
    );
    assert!(folder.path().join("unfinished.csv.part").exists());
    assert!(!folder.path().join("drive.csv").exists());
}
