//! Settings that change while the program runs.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};

use crate::program::Running;
use crate::server::{WIFI, batch};
use crate::webhooks::receiver::{Receiver, Reply, SECRET};

fn mac(number: u8) -> String {
    format!("02:00:00:00:00:{number:02X}")
}

/// Writes a configuration with an alert for each new device, and with one webhook.
fn write(file: &Path, webhook: Option<(&str, SocketAddr)>) {
    let watched: Vec<_> = (0..20).map(mac).collect();
    let webhook = webhook.map(|(secret, addr)| {
        format!(
            "[[webhooks]]\nname = \"home\"\nurl = \"http://{addr}/\"\nsecret = \"{secret}\"\nretry_min = \"1ms\"\nretry_max = \"20ms\"\n"
        )
    });
    let webhook = webhook.unwrap_or_default();
    let text = format!(
        "[alerts]\ndevicefound = \"1000/min,1000/sec\"\ndevicefound_addresses = {watched:?}\n{webhook}"
    );
    fs::write(file, text).unwrap();
}

async fn report(running: &Running, number: u8) {
    let body = batch(json!([{ "bssid": mac(number) }]));
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = Client::new().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// The devices that the alerts were about.
fn devices(receiver: &Receiver) -> Vec<String> {
    let got = receiver.got().into_iter();
    let devices = got.map(|got| {
        let alert: Value = serde_json::from_slice(&got.body).unwrap();
        let text = alert["data"].to_string();
        (0..20).map(mac).find(|mac| text.contains(mac)).unwrap()
    });
    devices.collect()
}

#[tokio::test]
async fn a_hangup_replaces_webhooks_and_their_positions_stay() {
    let down = Receiver::start(|_| Reply::Status(503)).await;
    let up = Receiver::start(|_| Reply::Status(200)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    write(&file, Some((SECRET, down.addr)));
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    report(&running, 1).await;
    down.until(|got| !got.is_empty()).await;

    let hang_up = |running: &mut Running| {
        running.signal("HUP");
        running.wait_for("the changed settings are in use");
    };
    write(&file, Some((SECRET, up.addr)));
    hang_up(&mut running);
    report(&running, 2).await;
    up.until(|got| got.len() == 2).await;
    assert_eq!(devices(&up), [mac(1), mac(2)]);

    // A secret that cannot be used is named, and nothing changes.
    write(&file, Some(("nonsense", down.addr)));
    running.signal("HUP");
    let line = running.wait_for("the configuration stays as it was");
    assert!(line.contains("secret"), "{line}");
    assert!(!line.contains("nonsense"), "{line}");
    running.wait_for("only the files that the settings name were read again");
    report(&running, 3).await;
    up.until(|got| got.len() == 3).await;

    write(&file, None);
    hang_up(&mut running);
    let url = format!("http://{}/api/v1/webhooks", running.addr);
    let webhooks: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert!(!webhooks.to_string().contains("home"), "{webhooks}");
    report(&running, 4).await;
    write(&file, Some((SECRET, up.addr)));
    hang_up(&mut running);
    report(&running, 5).await;
    up.until(|got| got.len() == 4).await;
    assert_eq!(
        devices(&up)[3],
        mac(5),
        "a new webhook begins with new alerts"
    );
    running.stop();
}
