//! The program: arguments, configuration, signals, exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{WIFI, batch};

/// Timeout that only a program that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client of a program that may be killed while it answers. Once in many thousand kills a request never ends, although
/// its connection is gone.
pub(crate) fn patient_client() -> Client {
    Client::builder().timeout(PATIENCE).build().unwrap()
}

pub(crate) fn scanpost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scanpost"));
    // The developer's own settings must not change the tests.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SCANPOST_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.env("SCANPOST_LOGGING__FORMAT", "json");
    command
}

/// A child process that is killed on drop, so that a test that panics does not leave it running.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Lines of a stream. A thread reads them at once, because a program blocks when nobody reads its log.
fn lines_of(stream: ChildStderr) -> Receiver<String> {
    let (sender, lines) = sync_channel(1_000_000);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while 0 < stream.read_line(&mut line).unwrap() {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    lines
}

pub(crate) struct Running {
    child: Process,
    pub(crate) addr: String,
    /// Log until the program was ready.
    pub(crate) start: String,
    log: Receiver<String>,
    data: TempDir,
}

impl Running {
    pub(crate) fn start(change: impl FnOnce(&mut Command)) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), change)
    }

    pub(crate) fn start_on(data: TempDir, change: impl FnOnce(&mut Command)) -> Self {
        Self::start_listening("127.0.0.1:0", data, change)
    }

    pub(crate) fn start_listening(
        listen: &str,
        data: TempDir,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        Self::launch(listen, data, change, &["listening", "ready"])
    }

    /// As [`Running::start_on`], but does not wait until the log is read.
    pub(crate) fn start_reading(data: TempDir) -> Self {
        Self::launch("127.0.0.1:0", data, |_| {}, &["listening"])
    }

    fn launch(
        listen: &str,
        data: TempDir,
        change: impl FnOnce(&mut Command),
        expected: &[&str],
    ) -> Self {
        let mut command = scanpost();
        command
            .args(["--listen", listen, "--data-dir"])
            .arg(data.path())
            .stderr(Stdio::piped());
        change(&mut command);
        let mut child = Process::spawn(&mut command);
        let log = lines_of(child.stderr.take().unwrap());
        let (mut addr, mut start) = (String::new(), String::new());
        let mut expected = expected.to_vec();
        while !expected.is_empty() {
            let line = log.recv().expect("the program ended before it listened");
            start.push_str(&line);
            let event: Value = serde_json::from_str(&line).unwrap();
            if let Some(told) = event["fields"]["server.address"].as_str() {
                told.clone_into(&mut addr);
            }
            expected.retain(|message| event["fields"]["message"] != **message);
        }
        Self {
            child,
            addr,
            start,
            log,
            data,
        }
    }

    /// Waits for the log line with this message, and returns it.
    pub(crate) fn wait_for(&mut self, message: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|error| panic!("the log has no line {message:?}: {error}"));
            if line.contains(message) {
                return line;
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Starts on a directory where the start has to fail. Returns the exit code and the log.
    pub(crate) fn fail_to_start(data: &Path) -> (Option<i32>, String) {
        let mut command = scanpost();
        command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data);
        let (code, _, log) = run(&mut command);
        (code, log)
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Kills the program, and returns its data directory.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill();
        self.data
    }

    /// Stops the program in order, and returns its data directory.
    pub(crate) fn stop(mut self) -> TempDir {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
        self.data
    }

    /// As [`Running::stop`], and appends the rest of its log to `log`.
    pub(crate) fn stop_and_log(mut self, log: &mut String) -> TempDir {
        self.signal("TERM");
        log.extend(self.log.iter());
        assert!(self.child.wait().unwrap().success());
        self.data
    }

    /// Waits for the end of the program. Returns the exit code and the rest of its log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let log = self.log.iter().collect();
        (self.child.wait().unwrap().code(), log)
    }
}

pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

/// A request whose head the server has read, while it waits for the body.
fn half_a_request(running: &Running, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&running.addr).unwrap();
    let length = body.len();
    let head = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body once it has read the head.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_report_in_flight_is_finished_when_the_program_is_told_to_stop() {
    for signal in ["TERM", "INT"] {
        let mut running = Running::start(|_| {});
        let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }])).to_string();
        let mut stream = half_a_request(&running, &body);
        running.signal(signal);
        running.wait_for("shutting down");
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (code, log) = running.end();
        assert_eq!(code, Some(0), "{log}");
    }
}

#[test]
fn a_request_that_never_ends_does_not_keep_the_program_from_stopping() {
    let running = Running::start(|command| {
        command.env("SCANPOST_SERVER__SHUTDOWN_GRACE", "100ms");
    });
    let stream = half_a_request(&running, "never sent");
    running.signal("TERM");
    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections are cut"), "{log}");
    drop(stream);
}

#[tokio::test]
async fn the_identity_of_the_server_stays_over_a_restart() {
    let running = Running::start(|_| {});
    let uuid = async |addr: &str| {
        let status: Value = reqwest::get(format!("http://{addr}/system/status.json"))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        status["kismet.server.uuid"].as_str().unwrap().to_owned()
    };
    let first = uuid(&running.addr).await;
    let again = Running::start_on(running.stop(), |_| {});
    assert_eq!(uuid(&again.addr).await, first);
    again.signal("TERM");
    again.end();
}

#[test]
fn the_version_and_the_help_are_told() {
    let (code, out, _) = run(scanpost().arg("--version"));
    assert_eq!(
        (code, out.trim()),
        (Some(0), concat!("scanpost ", env!("CARGO_PKG_VERSION")))
    );
    let (code, out, _) = run(scanpost().arg("--help"));
    assert_eq!(code, Some(0));
    for word in [
        "serve",
        "check-config",
        "--config",
        "--listen",
        "--data-dir",
    ] {
        assert!(out.contains(word), "{out}");
    }
}

#[test]
fn the_example_is_a_valid_configuration() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml");
    let (code, out, err) = run(scanpost().args(["check-config", "--config", example]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("valid"), "{out}");
}

#[test]
fn a_mistake_in_the_configuration_is_named_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    for (text, words) in [
        (
            "[server]\nlisten_on = \"127.0.0.1:1\"\n",
            ["server.listen_on", "server.listen"],
        ),
        (
            "[limits]\nconnections_max = 0\n",
            ["limits.connections_max", "0"],
        ),
        (
            "[limits]\njson_depth_max = \"x\"\n",
            ["limits.json_depth_max", "x"],
        ),
        ("[nothing]\n", ["nothing", "did you mean"]),
    ] {
        std::fs::write(&file, text).unwrap();
        for command in ["check-config", "serve"] {
            let (code, _, err) = run(scanpost().arg(command).arg("--config").arg(&file));
            assert_eq!(code, Some(2), "{text}: {err}");
            assert!(words.iter().all(|word| err.contains(word)), "{text}: {err}");
        }
    }
    let (code, _, err) = run(scanpost()
        .arg("check-config")
        .env("SCANPOST_AUTH__MODES", "off"));
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("SCANPOST_AUTH__MODE`"), "{err}");
}

#[test]
fn flags_win_over_the_environment() {
    let running = Running::start(|command| {
        command
            .env("SCANPOST_AUTH__MODE", "off")
            .env("SCANPOST_SERVER__LISTEN", "127.0.0.1:1");
    });
    assert!(!running.addr.ends_with(":1"), "{}", running.addr);
    assert!(running.start.contains("auth.mode is off"));
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn a_webhook_with_an_unknown_rule_is_logged_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    let text = r#"
        [alerts]
        apmoved = "off"
        [[webhooks]]
        name = "home"
        url = "http://127.0.0.1:9/"
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        rules = ["APSPOOF", "APSPOOOF", "APMOVED"]
    "#;
    std::fs::write(&file, text).unwrap();
    let running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    let events = running.start.lines().map(|line| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event["fields"].take()
    });
    let told: Vec<_> = events
        .filter(|fields| fields["webhook.name"] == "home")
        .map(|mut fields| fields["rule"].take())
        .collect();
    assert_eq!(told, ["APSPOOOF", "APMOVED"]);
    running.stop();
}

/// Runs the program with a limit of open files.
#[cfg(unix)]
fn limit_open_files(command: &mut Command, limit: &str) {
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(format!("ulimit {limit} && exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    *command = limited;
}

#[cfg(unix)]
#[test]
fn connections_fit_the_open_files_that_the_system_allows() {
    let running = Running::start(|command| limit_open_files(command, "-n 200"));
    assert!(running.start.contains("too few open files"));
    let _idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(&running.addr).unwrap())
        .collect();
    let mut stream = TcpStream::connect(&running.addr).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    running.signal("TERM");
    let (code, log) = running.end();
    assert_eq!(code, Some(0));
    assert!(!log.contains("no connection could be accepted"), "{log}");

    let raised = Running::start(|command| limit_open_files(command, "-S -n 300"));
    assert!(!raised.start.contains("too few open files"));
    raised.stop();
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_changes_settings_and_never_ends_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("[logging]\nlevel = \"info\"\n");
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    let url = format!("http://{}/phy/all_phys.json", running.addr);
    let from_page = async || {
        let request = reqwest::Client::new().get(&url);
        let answer = request.header("origin", "https://map.example").send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!(from_page().await, 403);

    write("[logging]\nlevel = \"debug\"\n[server]\ncors_origins = [\"https://map.example\"]\n");
    running.signal("HUP");
    running.wait_for("the changed settings are in use");
    assert_eq!(from_page().await, 200);
    running.wait_for("answered");

    let kept = "the configuration stays as it was";
    for (text, message, named) in [
        (
            "[limits]\nconnections_max = 7\n[server]\nname = \"x\"\n",
            "take effect at the next start",
            "limits.connections_max, server.name",
        ),
        ("nonsense", kept, "is not valid TOML: line 1, column 9: "),
        (
            "[limits]\nconnections_max = 0\n",
            kept,
            "limits.connections_max",
        ),
        (
            "[limits]\nconections_max = 7\n",
            kept,
            "limits.conections_max",
        ),
        ("[[webhooks]]\nname = \"x y\"\n", kept, "name"),
    ] {
        write(text);
        running.signal("HUP");
        let line = running.wait_for(message);
        assert!(line.contains(named), "{line}");
        running.wait_for(if message == kept {
            "only the files that the settings name were read again"
        } else {
            "the changed settings are in use"
        });
    }
    // The file before the broken one names no pages.
    assert_eq!(from_page().await, 403);
    running.stop();
}
