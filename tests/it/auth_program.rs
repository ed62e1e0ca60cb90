//! Credentials that the program creates, and the commands that manage credentials.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::json;

use crate::program::{Running, run, scanpost};
use crate::server::{WIFI, batch};

/// Timeout that only a server that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
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
    set_password_with(data, &[], password)
}

fn set_password_with(data: &Path, more: &[&str], password: &str) -> (Option<i32>, String) {
    let mut child = scanpost()
        .args(["user", "set-password", "--data-dir"])
        .arg(data)
        .args(more)
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

/// Asks until the answer has this status. A change by a command is seen after some 100 ms, which nothing signals.
async fn until(status: u16, ask: impl AsyncFn() -> u16) {
    let deadline = Instant::now() + PATIENCE;
    while ask().await != status {
        assert!(Instant::now() < deadline, "the status is never {status}");
    }
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
        403,
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
    assert_eq!(set_password(data.path(), "password one\n").0, Some(0));
    let printed = data.path().join("stdout");
    let running = Running::start_on(data, |command| {
        command.env("SCANPOST_AUTH__MODE", "required");
        command.stdout(File::create(&printed).unwrap());
    });
    // Credentials existed, so the program created none.
    assert_eq!(fs::read_to_string(&printed).unwrap(), "");
    assert_eq!(status_with_key(&running, &before).await, 200);
    assert_eq!(status_as(&running, "admin", "password one").await, 200);

    let during = create(running.data(), "during", "readonly");
    assert_eq!(status_with_key(&running, &during).await, 200);
    let (code, list, _) = command(running.data(), "apikey list");
    assert_eq!((code, list.lines().count()), (Some(0), 2), "{list}");
    for word in ["before", "during", "readonly", "made 20", "never used"] {
        assert!(list.contains(word), "{list}");
    }
    assert!(!list.contains(&during), "{list}");
    assert_eq!(command(running.data(), "apikey revoke during").0, Some(0));
    until(401, async || status_with_key(&running, &during).await).await;
    assert_eq!(
        command(running.data(), "apikey revoke --name before").0,
        Some(0)
    );
    until(401, async || status_with_key(&running, &before).await).await;

    assert_eq!(set_password(running.data(), "password two").0, Some(0));
    until(401, async || {
        status_as(&running, "admin", "password one").await
    })
    .await;
    assert_eq!(status_as(&running, "admin", "password two").await, 200);
    running.stop();
}

#[tokio::test]
async fn the_last_use_of_keys_and_users_outlives_the_server() {
    let data = tempfile::tempdir().unwrap();
    let used = create(data.path(), "used", "readonly");
    create(data.path(), "unused", "readonly");
    assert_eq!(set_password(data.path(), "password one\n").0, Some(0));
    let running = Running::start_on(data, |command| {
        command.env("SCANPOST_AUTH__MODE", "required");
    });
    assert_eq!(status_with_key(&running, &used).await, 200);
    // A login is used when its cookie or the password comes again.
    for _ in 0..2 {
        assert_eq!(status_as(&running, "admin", "password one").await, 200);
    }
    let data = running.stop_and_log(&mut String::new());
    let (code, list, _) = command(data.path(), "apikey list");
    let lines: Vec<_> = list.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 2), "{list}");
    assert!(
        lines[0].starts_with("used ") && lines[0].contains("  used 20"),
        "{list}"
    );
    assert!(
        lines[1].starts_with("unused ") && lines[1].contains("never used"),
        "{list}"
    );
    let (_, list, _) = command(data.path(), "user list");
    assert!(
        list.starts_with("admin ") && list.contains("  used 20"),
        "{list}"
    );
}

#[test]
fn users_are_listed_and_removed_and_the_last_one_only_if_that_is_meant() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    assert_eq!(set_password(data, "password one\n").0, Some(0));
    let (_, list, _) = command(data, "user list");
    assert!(
        list.contains("admin") && list.contains("never used"),
        "{list}"
    );
    for (words, code, reason) in [
        ("user remove bob", 1, "no user of that name"),
        ("user remove admin", 1, "the last user"),
        ("user remove", 2, "NAME"),
        ("user remove --last admin", 0, ""),
        ("user list", 0, ""),
    ] {
        let (found, out, err) = command(data, words);
        assert_eq!((found, out.as_str()), (Some(code), ""), "{words}: {err}");
        assert!(err.contains(reason), "{words}: {err}");
    }
}

#[test]
fn the_first_password_asks_about_the_keys_that_exist() {
    let with_keys = || {
        let data = tempfile::tempdir().unwrap();
        create(data.path(), "mine", "readonly");
        create(data.path(), "unknown", "admin");
        data
    };
    let kept = with_keys();
    let (code, err) = set_password(kept.path(), "password one\n");
    assert_eq!(code, Some(0), "{err}");
    for part in ["mine", "unknown", "admin", "stay valid", "apikey revoke"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let keys = |data: &Path| command(data, "apikey list").1.lines().count();
    assert_eq!(keys(kept.path()), 2);
    // It is not the first password any more.
    let (code, err) = set_password(kept.path(), "password two\n");
    assert_eq!((code, err.as_str()), (Some(0), ""));

    let revoked = with_keys();
    let more = ["--revoke-keys"];
    let (code, err) = set_password_with(revoked.path(), &more, "password one\n");
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("They are revoked."), "{err}");
    assert_eq!(keys(revoked.path()), 0);
    // For a later password it means the same.
    let (code, err) = set_password_with(kept.path(), &more, "password three\n");
    assert_eq!((code, keys(kept.path())), (Some(0), 0), "{err}");
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
    for empty in ["", "\n", "1234567\n"] {
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

/// A name from which a terminal shows another one.
const DECEPTIVE: &str = "ad\u{202e}nim";

#[test]
fn a_name_that_looks_like_another_is_refused_and_an_old_one_is_shown_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    for words in [
        [
            "apikey", "create", "--role", "readonly", "--name", DECEPTIVE,
        ],
        ["apikey", "create", "--name", "plain", "--role", DECEPTIVE],
    ] {
        let (code, _, err) = run(scanpost().args(words).arg("--data-dir").arg(data.path()));
        assert_ne!(code, Some(0), "{words:?}");
        assert!(err.contains("direction of text"), "{err}");
    }
    create(data.path(), "plain", "readonly");
    // Earlier versions took such names.
    let path = data.path().join("auth.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("plain", DECEPTIVE)).unwrap();
    let (code, list, _) = command(data.path(), "apikey list");
    assert_eq!(code, Some(0));
    assert!(list.contains(r"ad\u{202e}nim"), "{list}");
    assert!(!list.contains(DECEPTIVE), "{list}");
    let (code, told) = set_password_with(data.path(), &[], "long enough");
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains(DECEPTIVE), "{told}");
    let (code, ..) = command(data.path(), &format!("apikey revoke {DECEPTIVE}"));
    assert_eq!(code, Some(0));
}
