//! Several addresses, and Unix domain sockets.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use scanpost::auth::{Credentials, Role};
use serde_json::Value;
use tempfile::TempDir;

use crate::live::{EVENTBUS, Subscriber};
use crate::program::{Running, run, scanpost};

const STATUS: &str = "/system/status.json";

/// A folder with a short path, because paths of sockets are short.
fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Sends a request and reads to the end. Returns the status and the whole answer.
fn ask(mut stream: impl Read + Write, path: &str, fields: &str) -> (u16, String) {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn status_over(socket: &Path, fields: &str) -> u16 {
    ask(UnixStream::connect(socket).unwrap(), STATUS, fields).0
}

/// The addresses that the log tells.
fn told(running: &Running) -> Vec<String> {
    let lines = running.start.lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let listening = events.filter(|event| event["fields"]["message"] == "listening");
    let address = |event: Value| {
        event["fields"]["server.address"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    listening.map(address).collect()
}

fn start(listen: &str, change: impl FnOnce(&mut std::process::Command)) -> Running {
    Running::start_listening(listen, tempfile::tempdir().unwrap(), change)
}

#[test]
fn each_of_several_addresses_is_served_and_told() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let listen = format!("127.0.0.1:0,[::1]:0,127.0.0.1:0,unix:{}", socket.display());
    let running = start(&listen, |_| {});
    let told = told(&running);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[3], format!("unix:{}", socket.display()));
    for address in &told[..3] {
        assert!(!address.ends_with(":0"), "{address}");
        assert_eq!(ask(TcpStream::connect(address).unwrap(), STATUS, "").0, 200);
    }
    assert_ne!(told[0], told[2]);
    let (status, _) = ask(UnixStream::connect(&socket).unwrap(), "/readyz", "");
    assert_eq!(status, 200);

    // Each counts for the same number of connections, and ends with the server.
    let mut idle = UnixStream::connect(&socket).unwrap();
    running.stop();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert!(!socket.exists());
}

#[test]
fn an_address_that_is_in_use_is_named() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    for (listen, reason) in [
        (
            format!("127.0.0.1:0,unix:{}", socket.display()),
            "another program listens on this socket",
        ),
        (
            format!("unix:{}", dir.path().join("none/s.sock").display()),
            "No such file",
        ),
    ] {
        let (code, _, log) = run(scanpost()
            .args(["--listen", &listen, "--data-dir"])
            .arg(dir.path().join("data")));
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("cannot listen on unix:"), "{log}");
        assert!(log.contains(reason), "{log}");
    }
    // What another program serves stays.
    UnixStream::connect(&socket).unwrap();
}

#[test]
fn a_socket_has_the_mode_of_the_configuration_and_replaces_a_stale_one() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let listen = format!("unix:{}", socket.display());
    for (mode, expected) in [(None, 0o660), (Some("0600"), 0o600)] {
        let running = start(&listen, |command| {
            if let Some(mode) = mode {
                command.env("SCANPOST_SERVER__UNIX_SOCKET_MODE", mode);
            }
        });
        let metadata = fs::symlink_metadata(&socket).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, expected);
        // The next start finds the file of this one.
        running.kill();
        assert!(socket.exists());
    }
}

#[test]
fn a_client_over_a_socket_is_not_this_machine_whatever_its_headers_say() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let listen = format!("127.0.0.1:0,unix:{}", socket.display());
    for proxies in ["", "unix:"] {
        let running = start(&listen, |command| {
            command.env("SCANPOST_SERVER__PROXIES", proxies);
        });
        let key = Credentials::open(running.data()).unwrap();
        let key = key.create_key("reader", Role::Readonly, None, 0).unwrap();
        let here = TcpStream::connect(&told(&running)[0]).unwrap();
        assert_eq!(ask(here, STATUS, "").0, 200);
        for fields in [
            "",
            "X-Forwarded-For: 127.0.0.1\r\n",
            "X-Forwarded-For: ::1\r\n",
            "X-Forwarded-For: 1.2.3.4\r\n",
            "X-Forwarded-For: unix:\r\n",
            "Forwarded: for=127.0.0.1\r\n",
            "X-Real-IP: 127.0.0.1\r\n",
        ] {
            assert_eq!(status_over(&socket, fields), 401, "{proxies} {fields}");
            let with_key = format!("{fields}Authorization: Bearer {}\r\n", key.reveal());
            assert_eq!(status_over(&socket, &with_key), 200, "{proxies} {fields}");
        }
        running.stop();
    }
}

#[test]
fn a_server_with_a_socket_alone_makes_the_first_credentials() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let printed = dir.path().join("stdout");
    let running = start(&format!("unix:{}", socket.display()), |command| {
        command.stdout(fs::File::create(&printed).unwrap());
    });
    assert_eq!(status_over(&socket, ""), 401);
    let printed = fs::read_to_string(&printed).unwrap();
    assert!(printed.contains("administrator"), "{printed}");
    running.stop();
    let open = start(&format!("unix:{}", socket.display()), |command| {
        command.env("SCANPOST_AUTH__MODE", "off");
    });
    assert_eq!(status_over(&socket, ""), 200);
    open.stop();
}

#[test]
fn a_configured_proxy_over_a_socket_tells_the_client() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let mut running = start(
        &format!("127.0.0.1:0,unix:{}", socket.display()),
        |command| {
            command
                .env("SCANPOST_SERVER__PROXIES", "unix:")
                .env("SCANPOST_AUTH__MODE", "required");
        },
    );
    let basic = "Authorization: Basic YWRtaW46d3Jvbmctb25l\r\n";
    let from = |client: &str| format!("X-Forwarded-For: {client}\r\n{basic}");
    assert_eq!(status_over(&socket, &from("192.0.2.7")), 401);
    let line = running.wait_for("login failed");
    assert!(line.contains("192.0.2.7"), "{line}");
    running.stop();
}

#[tokio::test]
async fn a_websocket_runs_over_a_socket() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let running = start(&format!("unix:{}", socket.display()), |command| {
        command.env("SCANPOST_AUTH__MODE", "off");
    });
    let stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
    let mut subscriber = Subscriber::over(stream, format!("ws://localhost{EVENTBUS}"))
        .await
        .unwrap();
    subscriber.settle().await;
    running.stop();
}

#[test]
fn the_health_command_asks_over_a_socket() {
    let dir = folder();
    let socket = dir.path().join("s.sock");
    let listen = format!("unix:{}", socket.display());
    let health = |words: &[&str]| {
        run(scanpost()
            .arg("health")
            .args(words)
            .env("SCANPOST_SERVER__LISTEN", &listen))
    };
    let (code, _, err) = health(&[]);
    assert_eq!(code, Some(1));
    assert!(err.contains(&listen), "{err}");
    let running = start(&listen, |_| {});
    for words in [
        &[][..],
        &["--ready"],
        &["--url", &listen],
        &["--url", &listen, "--ready"],
    ] {
        let (code, out, err) = health(words);
        assert_eq!(code, Some(0), "{words:?}: {err}");
        assert!(out.contains("is well"), "{out}");
    }
    running.stop();
}
