//! The programs in `examples/`, run against a server. Each has to survive a lost connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Process, Running, run};
use crate::server::WIFI;
use crate::skip::skip;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(path)
}

/// Whether a tool that an example needs is installed. In CI it has to be.
pub(crate) fn has_tool(tool: &str) -> bool {
    let answer = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if answer.is_ok_and(|status| status.success()) {
        return true;
    }
    skip("an example", &format!("there is no {tool}"));
    false
}

/// Runs `command` with `input`. Returns the exit code, standard output and standard error.
pub(crate) fn run_with(command: &mut Command, input: &str) -> (Option<i32>, String, String) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    run(command.env("NO_PROXY", "127.0.0.1").stdin(file))
}

/// One HTTP message with a `Content-Length`.
fn message(stream: &mut TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let (mut message, mut length) = (Vec::new(), 0);
    loop {
        let start = message.len();
        reader.read_until(b'\n', &mut message).unwrap();
        let line = String::from_utf8_lossy(&message[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    reader.read_exact(&mut message[head..]).unwrap();
    message
}

/// Forwards `requests` requests to the server, and drops the first answer.
fn network_that_loses_an_answer(server: &str, requests: usize) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let server = server.to_owned();
    let network = thread::spawn(move || {
        for number in 0..requests {
            let (mut client, _) = listener.accept().unwrap();
            let mut upstream = TcpStream::connect(&server).unwrap();
            upstream.write_all(&message(&mut client)).unwrap();
            let answer = message(&mut upstream);
            if 0 < number {
                client.write_all(&answer).unwrap();
            }
        }
    });
    (addr, network)
}

/// An address with no listener.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn device(running: &Running, mac: &str) -> Value {
    let url = format!("http://{}/api/v1/devices/{mac}", running.addr);
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// Answers that a program printed, one per line.
#[track_caller]
fn answers(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {out}")))
        .collect()
}

fn shell(queue: &TempDir, url: &str) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(example("shell/report.sh"))
        .arg(url)
        .env_remove("SCANPOST_KEY")
        .env("SCANPOST_QUEUE", queue.path());
    command
}

#[tokio::test]
async fn the_shell_example_keeps_what_it_cannot_send_and_sends_it_later() {
    if !(has_tool("bash") && has_tool("curl")) {
        return;
    }
    let running = Running::start(|_| {});
    let queue = tempfile::tempdir().unwrap();
    let scan = "02:00:5E:10:00:01\tThe \"Shop\" \\ Café\t2437\t-61\t[WPA2-PSK-CCMP][ESS]\n02:00:5E:10:00:02\t\t\t-80\n";
    let (code, _, err) = run_with(&mut shell(&queue, &nowhere()), scan);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("it waits"), "{err}");

    let (addr, network) = network_that_loses_an_answer(&running.addr, 3);
    let url = format!("http://{addr}");
    let (code, _, err) = run_with(&mut shell(&queue, &url), "02:00:5E:10:00:03\n");
    assert_eq!(code, Some(1), "{err}");
    let (code, out, err) = run_with(&mut shell(&queue, &url), "");
    assert_eq!(code, Some(0), "{err}");
    network.join().unwrap();

    let answers = answers(&out);
    assert_eq!(answers[0]["duplicate"], true, "{out}");
    assert_eq!(answers[0]["accepted"], 2, "{out}");
    assert_eq!(answers[1]["duplicate"], false, "{out}");
    let shop = device(&running, "02:00:5E:10:00:01").await;
    assert_eq!(shop["name"], "The \"Shop\" \\ Café", "{shop}");
    assert_eq!(shop["reports"], 1, "{shop}");
    running.stop();
}

/// A folder with programs that print what the real ones have printed. They need a radio.
#[cfg(unix)]
fn recorded(programs: &[(&str, &str)]) -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (name, printed) in programs {
        let output = folder.path().join(format!("{name}.txt"));
        std::fs::write(&output, printed).unwrap();
        let program = folder.path().join(name);
        let script = format!("#!/bin/sh\ncat '{}'\n", output.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    }
    folder
}

#[cfg(unix)]
fn with_programs(command: &mut Command, folder: &TempDir) {
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.path().display()));
}

#[tokio::test]
#[cfg(unix)]
async fn the_example_for_iw_reports_a_scan_and_keeps_what_it_cannot_send() {
    const SCAN: &str = include_str!("../fixtures/imports/scans/iw.txt");
    if !(has_tool("bash") && has_tool("curl")) {
        return;
    }
    let running = Running::start(|_| {});
    let (queue, programs) = (tempfile::tempdir().unwrap(), recorded(&[("iw", SCAN)]));
    let scan = |url: &str, device: &str| {
        let mut command = Command::new("bash");
        command
            .arg(example("shell/iw.sh"))
            .args([url, device])
            .env_remove("SCANPOST_KEY")
            .env("SCANPOST_QUEUE", queue.path());
        with_programs(&mut command, &programs);
        command
    };
    let (code, _, err) = run_with(&mut scan(&nowhere(), "wlan0"), "");
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("it waits"), "{err}");
    // The second scan is one that was saved.
    let url = format!("http://{}", running.addr);
    let (code, out, err) = run_with(&mut scan(&url, "-"), SCAN);
    assert_eq!(code, Some(0), "{err}");
    let answers = answers(&out);
    let accepted = answers.iter().map(|answer| answer["accepted"].as_u64());
    assert_eq!(accepted.collect::<Vec<_>>(), [Some(3), Some(3)], "{out}");
    let network = device(&running, "02:00:5E:25:00:01").await;
    assert_eq!(network["name"], "Café", "{network}");
    assert_eq!(network["reports"], 2, "{network}");
    assert_eq!(network["channel"], "6", "{network}");
    for (mac, capabilities) in [
        (
            "02:00:5E:25:00:01",
            "[WPA-PSK-TKIP][RSN-PSK+SAE+EAP+FT/PSK-CCMP+TKIP][WPS][ESS]",
        ),
        ("02:00:5E:25:00:02", "[WEP][ESS]"),
        ("02:00:5E:25:00:03", "[IBSS]"),
    ] {
        let seen = device(&running, &format!("{mac}/observations")).await;
        let seen = &seen["observations"][0];
        assert_eq!(seen["capabilities"], capabilities, "{seen}");
    }
    running.stop();
}

#[tokio::test]
#[cfg(unix)]
async fn the_example_for_termux_reports_what_a_phone_sees_and_where() {
    const SCAN: &str = include_str!("../fixtures/imports/scans/termux.json");
    const PLACE: &str = r#"{
  "latitude": 52.5200066, "longitude": 13.404954, "altitude": 34.2, "accuracy": 3.8,
  "vertical_accuracy": 1.0, "bearing": 0.0, "speed": 0.0, "elapsedMs": 12, "provider": "gps"
}"#;
    if !has_tool("python3") {
        return;
    }
    let running = Running::start(|_| {});
    let url = format!("http://{}", running.addr);
    let queue = tempfile::tempdir().unwrap();
    let report = |programs: &[(&str, &str)]| {
        let programs = recorded(programs);
        let mut phone = Command::new("python3");
        phone.arg(example("python/termux.py"));
        with_programs(&mut phone, &programs);
        let (code, reports, err) = run_with(&mut phone, "");
        if code != Some(0) {
            return (code, reports, err);
        }
        let mut sender = Command::new("python3");
        sender
            .arg(example("python/report.py"))
            .args(["--url", &url, "--queue"])
            .arg(queue.path())
            .env_remove("SCANPOST_KEY");
        run_with(&mut sender, &reports)
    };
    let (scan, place) = ("termux-wifi-scaninfo", "termux-location");
    let (code, out, err) = report(&[(scan, SCAN), (place, PLACE)]);
    assert_eq!(code, Some(0), "{err}");
    // The scan has an address that is none.
    assert_eq!(answers(&out)[0]["accepted"], 1, "{out}");
    let network = device(&running, "02:00:5E:25:03:01").await;
    assert_eq!(network["name"], "Net", "{network}");
    assert_eq!(network["lat"], 52.520_006_6, "{network}");
    // Without a fix, the place is left out.
    let (code, out, err) = report(&[(scan, SCAN), (place, "")]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(answers(&out)[0]["accepted"], 1, "{out}");
    let refused = r#"{"API_ERROR": "location needs to be enabled on the device"}"#;
    let (code, _, err) = report(&[(scan, refused), (place, PLACE)]);
    assert_ne!(code, Some(0));
    assert!(err.contains("location needs to be enabled"), "{err}");
    running.stop();
}

#[tokio::test]
async fn the_python_example_sends_again_what_was_not_answered_and_it_counts_once() {
    if !has_tool("python3") {
        return;
    }
    let running = Running::start(|_| {});
    let queue = tempfile::tempdir().unwrap();
    let python = |url: &str| {
        let mut command = Command::new("python3");
        command
            .arg(example("python/report.py"))
            .args([
                "--url",
                url,
                "--retry-min",
                "0",
                "--attempts",
                "2",
                "--queue",
            ])
            .arg(queue.path())
            .env_remove("SCANPOST_KEY");
        command
    };
    let report = "{\"bssid\": \"02:00:5E:10:00:02\", \"ssid\": \"Library\", \"signal\": -70}\n";
    let (code, _, err) = run_with(&mut python(&nowhere()), report);
    assert_eq!(code, Some(1), "{err}");

    let (addr, network) = network_that_loses_an_answer(&running.addr, 2);
    let (code, out, err) = run_with(&mut python(&format!("http://{addr}")), "");
    assert_eq!(code, Some(0), "{err}");
    network.join().unwrap();
    assert_eq!(answers(&out)[0]["duplicate"], true, "{out}");
    let library = device(&running, "02:00:5E:10:00:02").await;
    assert_eq!(library["reports"], 1, "{library}");

    let url = format!("http://{}", running.addr);
    let (code, out, err) = run_with(&mut python(&url), "{\"bssid\": \"nothing\"}\n");
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains("refused with 422"), "{err}");
    running.stop();
}

/// Runs the queue of the sketch, with the calls that the sketch makes.
struct Sketch {
    child: Process,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Sketch {
    fn start(folder: &Path) -> Self {
        let program = folder.join("esp32");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/esp32.cpp");
        let (code, _, err) = run(Command::new("g++")
            .args([
                "-std=c++11",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pedantic",
                "-o",
            ])
            .arg(&program)
            .arg(source));
        assert_eq!(code, Some(0), "{err}");
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Process::spawn(&mut command);
        Self {
            commands: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
        self.commands.flush().unwrap();
    }

    fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn batch(&mut self) -> (String, String) {
        (self.ask("batch"), self.line())
    }

    fn end(self) {
        let Self {
            mut child,
            commands,
            answers: _,
        } = self;
        drop(commands);
        assert!(child.wait().unwrap().success());
    }
}

async fn send(running: &Running, (key, body): (String, String)) -> Value {
    let request = reqwest::Client::new()
        .post(format!("http://{}{WIFI}", running.addr))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(body.clone());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{body}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn reports_of_the_esp32_are_accepted_and_count_once() {
    if !has_tool("g++") {
        return;
    }
    let running = Running::start(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::start(folder.path());
    // Before the clock is set, times are seconds since the start. The first name is `Café`, the second is not UTF-8.
    sketch.tell("see 02:00:5e:10:00:01 -61 6 3 12 436166c3a9");
    sketch.tell("see 02:00:5e:10:00:02 -70 11 0 12 ff2261");
    sketch.tell("clock 1700000000");
    let first = sketch.batch();
    assert_eq!(send(&running, first.clone()).await["duplicate"], false);
    // The answer is lost, and the sketch sees more networks.
    assert_eq!(sketch.ask("answered -11"), "again");
    assert_eq!(sketch.ask("failed 0"), "2000");
    assert_eq!(sketch.ask("failed 0"), "4000");
    assert_eq!(sketch.ask("failed 7"), "7000");
    sketch.tell("see 02:00:5e:10:00:01 -60 6 3 1700000100 436166c3a9");
    assert_eq!(sketch.batch(), first);
    let answer = send(&running, first).await;
    assert_eq!(answer["duplicate"], true, "{answer}");
    assert_eq!(answer["accepted"], 2, "{answer}");
    assert_eq!(sketch.ask("answered 200"), "done");
    assert_eq!(sketch.ask("failed 0"), "2000");
    let second = sketch.batch();
    assert_eq!(send(&running, second).await["accepted"], 1);
    assert_eq!(sketch.ask("answered 200"), "done");
    assert_eq!(sketch.ask("size"), "0 0");

    let cafe = device(&running, "02:00:5E:10:00:01").await;
    assert_eq!(cafe["name"], "Café", "{cafe}");
    assert_eq!(cafe["reports"], 2, "{cafe}");
    assert_eq!(cafe["first_seen"], 1_700_000_012, "{cafe}");
    sketch.end();
    running.stop();
}

#[test]
fn a_full_queue_of_the_esp32_drops_the_oldest_and_never_changes_a_batch_under_way() {
    if !has_tool("g++") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut sketch = Sketch::start(folder.path());
    let see = |number: usize| format!("see 02:00:5e:10:00:{number:02x} -61 6 3 1700000000 61");
    for number in 0..8 {
        sketch.tell(&see(number));
    }
    let first = sketch.batch();
    for number in 8..20 {
        sketch.tell(&see(number));
    }
    assert_eq!(sketch.ask("size"), "8 12");
    assert_eq!(sketch.batch(), first);
    // A refused batch is dropped, because the server would refuse it again.
    assert_eq!(sketch.ask("answered 422"), "done");
    let (key, body) = sketch.batch();
    assert_ne!(key, first.0);
    let body: Value = serde_json::from_str(&body).unwrap();
    let oldest = &body["reports"][0]["bssid"];
    assert_eq!(oldest, "02:00:5E:10:00:0F", "{body}");
    sketch.end();
}
