//! What the configuration orders: at the start, and while the program runs.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Client;
use scanpost::config::Config;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::program::{Files, Program};
use super::{target, wifi};
use crate::program::Running;
use crate::server::{WIFI, batch};

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_at_the_start() {
    let files = Files::new();
    let program = Program::tls(&files).await;
    fs::write(files.path("nonsense"), "hunter2").unwrap();
    for (key, reason) in [
        ("ca_file", "no certificate in PEM form"),
        ("cert_file", "no certificate in PEM form"),
        ("key_file", "no private key in PEM form"),
        ("cert_file", "No such file"),
    ] {
        let mut target = target(&program);
        files.give(&mut target);
        let name = if reason == "No such file" {
            "missing"
        } else {
            "nonsense"
        };
        *match key {
            "ca_file" => &mut target.ca_file,
            "cert_file" => &mut target.cert_file,
            _ => &mut target.key_file,
        } = files.path(name);
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data_dir = data.path().to_owned();
        config.tak = vec![target];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = scanpost::serve(listener, config, std::future::pending());
        let error = served.await.unwrap_err().to_string();
        for part in [key, "`t`", reason, name] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert!(!error.contains("hunter2"), "{error}");
    }
}

/// Writes a configuration with these targets.
fn write(file: &Path, targets: &[(&str, &Program)]) {
    let targets = targets.iter().map(|(name, program)| {
        let url = &program.url;
        format!("[[tak]]\nname = \"{name}\"\nurl = \"{url}\"\nretry_min = \"1ms\"\n")
    });
    fs::write(file, targets.collect::<String>()).unwrap();
}

fn hang_up(running: &mut Running) {
    running.signal("HUP");
    running.wait_for("the changed settings are in use");
}

async fn report(running: &Running, number: u64) {
    let url = format!("http://{}{WIFI}", running.addr);
    let body = batch(json!([wifi(number)]));
    let answer = Client::new().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_hangup_replaces_targets() {
    let (first, second) = (Program::tcp().await, Program::udp().await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    write(&file, &[]);
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    report(&running, 1).await;
    write(&file, &[("a", &first)]);
    hang_up(&mut running);
    report(&running, 2).await;
    first.until_named("net2").await;

    // The one that stays goes on undisturbed.
    write(&file, &[("b", &second), ("a", &first)]);
    hang_up(&mut running);
    report(&running, 3).await;
    first.until_named("net3").await;
    second.until_named("net3").await;
    assert_eq!(first.got().connections, 1);

    fs::write(
        &file,
        "[[tak]]\nname = \"a\"\nurl = \"http://hunter2@h/\"\n",
    )
    .unwrap();
    running.signal("HUP");
    let line = running.wait_for("the configuration stays as it was");
    assert!(line.contains("tak[0].url"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    running.wait_for("only the files that the settings name were read again");

    write(&file, &[("b", &second)]);
    hang_up(&mut running);
    let got = first.until(|got| !got.ended.is_empty()).await;
    assert_eq!(got.ended, [""]);
    report(&running, 4).await;
    second.until_named("net4").await;
    let url = format!("http://{}/api/v1/tak", running.addr);
    let list: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let names: Vec<_> = list["tak"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 1, "{list}");
    assert_eq!(names[0]["name"], "b");
    let shown = names[0]["url"].as_str().unwrap();
    let (_, addr) = shown.split_once("udp://").unwrap();
    addr.parse::<SocketAddr>().unwrap();
    assert_eq!(first.names(), ["net2", "net3"]);
    assert_eq!(second.names(), ["net3", "net4"]);
    running.stop();
}

/// Programs that listen over TCP and over TLS have an open connection each.
#[tokio::test]
async fn a_target_that_is_removed_closes_its_connection() {
    let files = Files::new();
    let (plain, encrypted) = (Program::tcp().await, Program::tls(&files).await);
    encrypted.open();
    let mut second = target(&encrypted);
    files.give(&mut second);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    let first = format!("[[tak]]\nname = \"a\"\nurl = \"{}\"\n", plain.url);
    let second = format!(
        "[[tak]]\nname = \"b\"\nurl = \"{}\"\nserver_name = \"{}\"\nca_file = {:?}\ncert_file = {:?}\nkey_file = {:?}\n",
        encrypted.url, second.server_name, second.ca_file, second.cert_file, second.key_file
    );
    fs::write(&file, format!("{first}{second}")).unwrap();
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    report(&running, 1).await;
    for program in [&plain, &encrypted] {
        program.until_named("net1").await;
    }
    for (left, gone, stays) in [(second, &plain, 1), (String::new(), &encrypted, 0)] {
        fs::write(&file, left).unwrap();
        hang_up(&mut running);
        let got = gone.until(|got| !got.ended.is_empty()).await;
        // The end of it is in order, and no other connection follows.
        assert_eq!((got.ended, got.connections), (vec![String::new()], 1));
        let url = format!("http://{}/api/v1/tak", running.addr);
        let list: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        assert_eq!(list["tak"].as_array().unwrap().len(), stays, "{list}");
    }
    running.stop();
}

#[tokio::test]
async fn the_rate_holds_however_often_the_settings_change() {
    let program = Program::tcp().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    let write = |queue_max: u64| {
        let url = &program.url;
        let text = format!(
            "[[tak]]\nname = \"a\"\nurl = \"{url}\"\nevents_per_second_max = 1\nqueue_max = {queue_max}\n"
        );
        fs::write(&file, text).unwrap();
    };
    write(1);
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    let start = Instant::now();
    for number in 1..=4 {
        report(&running, number).await;
        program.until_named(&format!("net{number}")).await;
        write(1 + number);
        hang_up(&mut running);
    }
    // A slow machine only takes longer.
    assert!(
        Duration::from_secs(3) <= start.elapsed(),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(program.names(), ["net1", "net2", "net3", "net4"]);
    running.stop();
}
