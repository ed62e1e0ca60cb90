//! Backups have the imports: what was imported before, a restored server knows too.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{IMPORTS, wigle};
use crate::program::{Running, run, scanpost};

fn import(running: &Running, content: &str) -> String {
    let file = running.data().join("drive.csv");
    fs::write(&file, content).unwrap();
    let mut command = scanpost();
    command.arg("import").arg(&file);
    command.args(["--url", &format!("http://{}", running.addr)]);
    let (code, out, err) = run(&mut command);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    fs::remove_file(file).unwrap();
    out
}

pub(super) fn backup(data: &Path, folder: &Path) {
    let (code, _, err) = run(scanpost()
        .arg("backup")
        .arg(folder)
        .arg("--data-dir")
        .arg(data));
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

fn check(folder: &Path) -> (Option<i32>, String) {
    let (code, _, err) = run(scanpost().args(["backup", "--check"]).arg(folder));
    (code, err)
}

async fn read(running: &Running, path: &str) -> String {
    let url = format!("http://{}{path}", running.addr);
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_restored_server_knows_the_rows_that_were_imported() {
    let running = Running::start(|_| {});
    let bad = "not an address,x,[ESS],2026-01-01 10:00:00,6,2437,-61,52.5,13.4,1,1,,,WIFI\n";
    let content = format!("{}{bad}", wigle(0..5));
    assert!(import(&running, &content).contains("5 taken"));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backup");
    backup(running.data(), &folder);
    assert_eq!(check(&folder), (Some(0), String::new()));
    // It is as it was then.
    import(&running, &wigle(5..7));
    running.kill();
    let restored = tempfile::tempdir_in(home.path()).unwrap();
    fs::remove_dir(restored.path()).unwrap();
    fs::rename(&folder, restored.path()).unwrap();
    let again = Running::start_on(restored, |_| {});
    let list: Value = serde_json::from_str(&read(&again, IMPORTS).await).unwrap();
    assert_eq!(list["imports"].as_array().unwrap().len(), 1, "{list}");
    let refused = read(&again, &format!("{IMPORTS}/1/refusals/0")).await;
    assert!(refused.starts_with("line,reason\r\n8,\""), "{refused}");
    assert!(import(&again, &content).contains("imported before"));
    let grown = import(&again, &wigle(0..7));
    assert!(grown.contains("2 taken, 5 duplicates"), "{grown}");
    // What is damaged is found.
    let data = again.stop();
    let damaged = home.path().join("damaged");
    backup(data.path(), &damaged);
    fs::write(damaged.join("imports/rows/journal"), "short").unwrap();
    let (code, err) = check(&damaged);
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot read the imports"), "{err}");
}
