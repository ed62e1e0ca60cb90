//! Devices that TAK programs are shown while they are reported: real sockets, with and without TLS.

mod links;
mod orders;
mod picture;
mod program;

use std::time::{Duration, Instant};

use scanpost::config::{Config, Tak};
use serde_json::{Value, json};

use self::program::{PATIENCE, Program};
use crate::server::{TestServer, now_s};

/// A target that is as quick as may be, retries at once, and waits for no slow machine.
fn target(program: &Program) -> Tak {
    const HOUR: Duration = Duration::from_secs(3600);
    Tak {
        name: "t".to_owned(),
        url: program.url.clone().into(),
        events_per_second_max: 100,
        stale_after: HOUR,
        connect_timeout: HOUR,
        write_timeout: HOUR,
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(20),
        ..Tak::default()
    }
}

fn with(targets: Vec<Tak>) -> impl FnOnce(&mut Config) {
    |config| config.tak = targets
}

/// A server that shows devices to a program.
async fn server(program: &Program, change: impl FnOnce(&mut Tak)) -> TestServer {
    let mut target = target(program);
    change(&mut target);
    TestServer::start_with(with(vec![target])).await
}

/// A report of an open network that was seen now. Each number is another device.
fn wifi(number: u64) -> Value {
    json!({
        "timestamp": now_s(),
        "bssid": format!("02:00:00:00:{:02x}:{:02x}", number / 256, number % 256),
        "ssid": format!("net{number}"),
        "capabilities": "[ESS]",
        "freqkhz": 2_437_000,
        "signal": -60,
        "lat": 52.5,
        "lon": 13.4,
    })
}

fn wifis(numbers: impl IntoIterator<Item = u64>) -> Value {
    numbers.into_iter().map(wifi).collect()
}

/// The same device under another name.
fn named(number: u64, ssid: &str) -> Value {
    let mut report = wifi(number);
    report["ssid"] = ssid.into();
    report
}

async fn status(server: &TestServer) -> Value {
    server.read("/api/v1/tak").await["tak"][0].clone()
}

/// Waits until the state of the target is this.
async fn until(server: &TestServer, is_so: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let status = status(server).await;
        if is_so(&status) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "{status}");
        tokio::task::yield_now().await;
    }
}
