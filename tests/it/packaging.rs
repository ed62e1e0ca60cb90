//! What `packaging/` relies on: messages to the service manager, and `scanpost health`.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::program::{Running, run, scanpost};

/// Only a program that hangs reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_service_manager_is_told_when_the_server_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let running = Running::start(|command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let mut missing = vec!["READY=1", "WATCHDOG=1"];
    while !missing.is_empty() {
        let message = next();
        assert!(
            ["READY=1", "WATCHDOG=1"].contains(&message.as_str()),
            "{message}"
        );
        missing.retain(|expected| *expected != message);
    }
    running.stop();
    let mut last = next();
    while last == "WATCHDOG=1" {
        last = next();
    }
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn health_tells_by_its_exit_code_whether_a_server_runs() {
    let running = Running::start(|_| {});
    let url = format!("http://{}", running.addr);
    for more in [&[][..], &["--ready"]] {
        let (code, out, err) = run(scanpost().args(["health", "--url", &url]).args(more));
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(out, format!("{} is well\n", running.addr));
    }
    running.stop();
    let (code, _, err) = run(scanpost().args(["health", "--url", &url]));
    assert_eq!(code, Some(1));
    assert!(err.contains("does not answer"), "{err}");
}
