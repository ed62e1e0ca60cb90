//! Forwarding to services: real requests to stubs of them.

mod answers;
mod changes;
mod cli;
mod kill;
mod kinds;
mod privacy;
mod stub;

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use scanpost::config::{Config, Forward, ForwardKind};
use serde_json::{Value, json};

use self::stub::Stub;
use crate::server::{Answer, TestServer};

/// 2020-09-13.
const SEEN: u64 = 1_600_000_000;
const KEY: &str = "hunter2";

/// A target that retries at once, and runs when a test asks.
fn target(kind: ForwardKind, addr: SocketAddr) -> Forward {
    Forward {
        name: "t".to_owned(),
        kind,
        url: format!("http://{addr}").into(),
        key: KEY.to_owned().into(),
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(20),
        ..Forward::default()
    }
}

fn with(change: impl FnOnce(&mut Forward), mut target: Forward) -> impl FnOnce(&mut Config) {
    change(&mut target);
    |config| config.forward = vec![target]
}

/// A server that forwards to a stub.
async fn server(kind: ForwardKind, stub: &Stub, change: impl FnOnce(&mut Forward)) -> TestServer {
    TestServer::start_with(with(change, target(kind, stub.addr))).await
}

/// A Wi-Fi report with all that services take. Each number is another device.
fn wifi(number: u64) -> Value {
    json!({
        "timestamp": SEEN + number,
        "bssid": format!("02:00:00:00:{:02x}:{:02x}", number / 256, number % 256),
        "ssid": format!("net{number}"),
        "capabilities": "[WPA2-PSK-CCMP][ESS]",
        "freqkhz": 2_437_000,
        "signal": -60,
        "lat": 52.5,
        "lon": 13.4,
    })
}

fn wifis(numbers: std::ops::Range<u64>) -> Value {
    numbers.map(wifi).collect()
}

async fn order(server: &TestServer, what: &str) -> Answer {
    let path = format!("/api/v1/forwards/t/{what}");
    Answer::of(server.request(Method::POST, &path)).await
}

async fn status(server: &TestServer) -> Value {
    server.read("/api/v1/forwards").await["forwards"][0].clone()
}

/// Waits until the state of the target is this.
async fn until(server: &TestServer, is_so: impl Fn(&Value) -> bool) -> Value {
    loop {
        let status = status(server).await;
        if is_so(&status) {
            return status;
        }
    }
}

/// Runs, and waits for the end of the run.
async fn run(server: &TestServer) -> Value {
    order(server, "run").await.expect_status(200);
    until(server, |status| status["state"] == "idle").await
}
