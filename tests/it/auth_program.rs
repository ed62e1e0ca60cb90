//! Credentials that the program creates, and the commands that manage credentials.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use reqwest::Client;
use serde_json::json;

use crate::program::{Running, run, scanpost};
use crate::server::{WIFI, batch};

const STATUS: &str = "/system/status.json";

/// Runs a command on the credentials in a data directory. Returns the exit code, standard output and standard error.
fn command(data: &Path, words: &str) -> (Option<i32>, String, String) {
    run(scanpost()
        .args(words.split(' '))
        .arg("--data-dir")
        .arg(data))
}

fn create(data: &Path, name: &str, role: &str) -> String {
    let (code, out, err) = command(data, &format!("apikey create --name {name} --role {role}"));
    assert_eq!(code, Some(0), "{err}");
    out.split_whitespace().last().unwrap().to_owned()
}

fn set_password(data: &Path, password: &str) -> (Option<i32>, String) {
    let mut child = scanpost()
        .args(["user", "set-password", "--data-dir"])
        .arg(data)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(password.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The address of a program, reached through the loopback interface.
fn url(running: &Running, path: &str) -> String {
    let (_, port) = running.addr.rsplit_once(':').unwrap();
    format!("http://127.0.0.1:{port}{path}")
}

async fn status_as(running: &Running, user: &str, password: &str) -> u16 {
    let request = Client::new()
        .get(url(running, STATUS))
        .basic_auth(user, Some(password));
    request.send().await.unwrap().status().as_u16()
}

async fn status_with_key(running: &Running, key: &str) -> u16 {
    let request = Client::new().get(url(running, STATUS)).bearer_auth(key);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_first_start_on_an_address_that_others_reach_prints_credentials_that_work() {
    let dir = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let printed = dir.path().join("stdout");
    let start = |data| {
        Running::start_listening("0.0.0.0:0", data, |command| {
            command
                .stdout(File::create(&printed).unwrap())
                .env("RUST_LOG", "trace");
        })
    };
    let running = start(data);
    let told = fs::read_to_string(&printed).unwrap();
    let word = |label: &str| {
        let rest = told.split_once(label).unwrap_or_else(|| panic!("{told}")).1;
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let (user, password) = (word("administrator:"), word("password:"));
    let key = word("scanreport key:");

    let client = Client::new();
    let open = client.get(url(&running, STATUS)).send().await.unwrap();
    assert_eq!(open.status(), 401);
    assert_eq!(status_as(&running, &user, "wrong-password").await, 401);
    assert_eq!(status_as(&running, &user, &password).await, 200);
    assert_eq!(
        status_with_key(&running, &key).await,
        401,
        "it only reports"
    );
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    let report = client
        .post(url(&running, &format!("{WIFI}?KISMET={key}")))
        .json(&body);
    assert_eq!(report.send().await.unwrap().status(), 200);

    let kept = fs::read_to_string(running.data().join("auth.json")).unwrap();
    assert!(told.contains("auth.json"), "{told}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(running.data().join("auth.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut log = running.start.clone();
    let data = running.stop_and_log(&mut log);
    assert!(
        log.contains("login failed") && log.contains("127.0.0.1"),
        "{log}"
    );
    for secret in [&key, &password, "wrong-password", "KISMET="] {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!kept.contains(secret), "{kept}");
    }

    let again = start(data);
    assert_eq!(fs::read_to_string(&printed).unwrap(), "");
    assert_eq!(status_as(&again, &user, &password).await, 200);
    again.stop();
}

#[tokio::test]
async fn keys_and_passwords_are_made_with_and_without_a_server() {
    let data = tempfile::tempdir().unwrap();
    let before = create(data.path(), "before", "readonly");
    assert_eq!(set_password(data.path(), "one\n").0, Some(0));
    let printed = data.path().join("stdout");
    let running = Running::start_on(data, |command| {
        command.env("SCANPOST_AUTH__MODE", "required");
        command.stdout(File::create(&printed).unwrap());
    });
    // Credentials existed, so the program created none.
    assert_eq!(fs::read_to_string(&printed).unwrap(), "");
    assert_eq!(status_with_key(&running, &before).await, 200);
    assert_eq!(status_as(&running, "admin", "one").await, 200);

    let during = create(running.data(), "during", "readonly");
    assert_eq!(status_with_key(&running, &during).await, 200);
    let (code, list, _) = command(running.data(), "apikey list");
    assert_eq!((code, list.lines().count()), (Some(0), 2), "{list}");
    for word in ["before", "during", "readonly", "made 20"] {
        assert!(list.contains(word), "{list}");
    }
    assert!(!list.contains(&during), "{list}");
    assert_eq!(command(running.data(), "apikey revoke during").0, Some(0));
    assert_eq!(status_with_key(&running, &during).await, 401);
    assert_eq!(
        command(running.data(), "apikey revoke --name before").0,
        Some(0)
    );
    assert_eq!(status_with_key(&running, &before).await, 401);

    assert_eq!(set_password(running.data(), "two").0, Some(0));
    assert_eq!(status_as(&running, "admin", "one").await, 401);
    assert_eq!(status_as(&running, "admin", "two").await, 200);
    running.stop();
}

#[test]
fn commands_at_the_same_time_lose_nothing() {
    let data = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for name in 0..8 {
            let data = data.path();
            scope.spawn(move || create(data, &format!("key-{name}"), "readonly"));
        }
    });
    let (_, list, _) = command(data.path(), "apikey list");
    assert_eq!(list.lines().count(), 8, "{list}");
    let (code, _, err) = command(data.path(), "user set-password --user a:b");
    assert_eq!(code, Some(1), "{err}");
}

#[test]
fn a_command_that_fails_says_why_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    create(data.path(), "a", "admin");
    let before = fs::read(data.path().join("auth.json")).unwrap();
    for (words, code, reason) in [
        (
            "apikey create --name a --role admin",
            1,
            "a key of that name",
        ),
        (
            "apikey create --name b --role admin --duration 0s",
            1,
            "at least one second",
        ),
        ("apikey create --name b", 2, "--role"),
        ("apikey create --role admin", 2, "--name"),
        ("apikey revoke b", 1, "no key of that name"),
        ("apikey revoke", 2, "required"),
    ] {
        let (found, out, err) = command(data.path(), words);
        assert_eq!((found, out.as_str()), (Some(code), ""), "{words}: {err}");
        assert!(err.contains(reason), "{words}: {err}");
    }
    for empty in ["", "\n"] {
        let (code, err) = set_password(data.path(), empty);
        assert_eq!(code, Some(1));
        assert!(err.contains("a password must have"), "{err}");
    }
    assert_eq!(fs::read(data.path().join("auth.json")).unwrap(), before);
}

#[test]
fn credentials_that_cannot_be_read_keep_the_server_from_starting() {
    let data = tempfile::tempdir().unwrap();
    for (text, reason) in [("{", "damaged"), (r#"{"version":9}"#, "format version 9")] {
        fs::write(data.path().join("auth.json"), text).unwrap();
        let (code, log) = Running::fail_to_start(data.path());
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("auth.json") && log.contains(reason), "{log}");
    }
}
