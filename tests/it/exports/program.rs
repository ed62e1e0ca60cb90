//! The command `scanpost export`.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::imports::wigle;
use crate::program::{Running, run, scanpost};

fn export(form: &str, more: &[&str]) -> Command {
    let mut command = scanpost();
    command.args(["export", form]).args(more);
    command
}

/// A server with the devices of a file.
fn with_rows(count: usize) -> Running {
    let running = Running::start(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drive.csv");
    fs::write(&file, wigle(0..count)).unwrap();
    let url = format!("http://{}", running.addr);
    let mut import = scanpost();
    import.arg("import").arg(&file).args(["--url", &url]);
    let (code, _, err) = run(&mut import);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    running
}

#[test]
fn files_come_from_a_server_and_from_its_directory() {
    let running = with_rows(20);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let url = format!("http://{}", running.addr);
    let to = |name: &str| path(name).to_str().unwrap().to_owned();
    let (code, out, err) = run(&mut export(
        "geojson",
        &["-o", &to("a.geojson"), "--url", &url],
    ));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let text = fs::read_to_string(path("a.geojson")).unwrap();
    let collection: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(collection["features"].as_array().unwrap().len(), 20);
    // The filters are flags, and `-` is the standard output.
    let more = [
        "-o",
        "-",
        "--url",
        &url,
        "--ssid",
        "net 7",
        "--signal-min-dbm",
        "-70",
    ];
    let (code, out, _) = run(&mut export("wiglecsv", &more));
    assert_eq!(code, Some(0));
    assert_eq!(out.lines().count(), 3, "{out}");
    let (code, ..) = run(&mut export("geojson", &["-o", &to("a.gz"), "--url", &url]));
    assert_eq!(code, Some(0));
    assert!(fs::read(path("a.gz")).unwrap().starts_with(&[0x1F, 0x8B]));
    let data = running.stop();
    let directory = data.path().to_str().unwrap();
    let more = ["-o", &to("b.geojson"), "--data-dir", directory];
    let (code, _, err) = run(&mut export("geojson", &more));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(fs::read_to_string(path("b.geojson")).unwrap(), text);
}

#[test]
fn a_refusal_leaves_no_file() {
    let running = with_rows(1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.kml");
    let to = file.to_str().unwrap();
    let url = format!("http://{}", running.addr);
    for (form, more, reason) in [
        ("shapefile", &[][..], "there is no form of this name"),
        ("kml", &["--per", "observation"][..], "per: expected device"),
        (
            "kml",
            &["--security", "strong"][..],
            "security: expected one of",
        ),
    ] {
        let mut command = export(form, &["-o", to, "--url", &url]);
        let (code, _, err) = run(command.args(more));
        assert_eq!(code, Some(1));
        assert!(err.contains(reason), "{err}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let directory = running.data().to_str().unwrap().to_owned();
    let (code, _, err) = run(&mut export("kml", &["-o", to, "--data-dir", &directory]));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("a server runs on this data directory"),
        "{err}"
    );
}
