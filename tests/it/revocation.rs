//! Keys and logins that end: at once, whatever happens, and for what is open already.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use scanpost::auth::{Credentials, Role};
use scanpost::config::{AuthMode, Config};

use crate::auth::{LOGIN, STATUS, basic, cookie, get_with, key, now};
use crate::live::{EVENTBUS, MONITOR, Subscriber};
use crate::program::{Running, run, scanpost};
use crate::server::{Answer, TestServer};
use crate::skip::skip;

/// Timeout that only a server that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// A WebSocket is closed because of a rule of the server.
const POLICY: u16 = 1008;

/// Asks until the answer has this status. A change by another process is seen after some 100 ms, which nothing signals.
async fn until(status: u16, ask: impl AsyncFn() -> u16) {
    let deadline = Instant::now() + PATIENCE;
    while ask().await != status {
        assert!(Instant::now() < deadline, "the status is never {status}");
    }
}

async fn with(change: impl FnOnce(&mut Config)) -> (TestServer, Credentials) {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.limits.ping_interval = Duration::from_millis(50);
        change(config);
    })
    .await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "right horse").unwrap();
    (server, credentials)
}

/// Sets the limit of open files of a process. `false` if this machine has no command for that.
fn limit_files(pid: u32, count: usize) -> bool {
    let limit = Command::new("prlimit")
        .args(["--pid", &pid.to_string()])
        .arg(format!("--nofile={count}:"))
        .status();
    limit.is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_key_that_is_revoked_while_no_file_can_be_opened_opens_nothing_afterwards() {
    let mut running = Running::start(|command| {
        command.env("SCANPOST_AUTH__MODE", "required");
    });
    let data = running.data().to_owned();
    let key = key(&Credentials::open(&data).unwrap(), "readonly");
    let client = Client::new();
    let url = format!("http://{}{STATUS}", running.addr);
    let ask = async || {
        let answer = client.get(&url).bearer_auth(&key).send().await.unwrap();
        let status = answer.status().as_u16();
        answer.bytes().await.unwrap();
        status
    };
    // The connection stays open for the requests below.
    assert_eq!(ask().await, 200);
    if !limit_files(running.pid(), 3) {
        return skip("a server that cannot open files", "there is no prlimit");
    }
    let (code, _, err) = run(scanpost()
        .args(["apikey", "revoke", "readonly", "--data-dir"])
        .arg(&data));
    assert_eq!(code, Some(0), "{err}");
    // The server looks at the file each second by itself.
    running.wait_for("cannot read the credentials");
    assert!(limit_files(running.pid(), 1024));
    until(401, ask).await;
    running.stop();
}

#[tokio::test]
async fn credentials_that_cannot_be_read_open_nothing_until_they_can() {
    let (server, credentials) = with(|config| config.auth.stale_max = Duration::ZERO).await;
    let bearer = format!("Bearer {}", key(&credentials, "admin"));
    let ask = async || {
        let answer = get_with(&server, STATUS, "authorization", &bearer).await;
        answer.status.as_u16()
    };
    assert_eq!(ask().await, 200);
    let session = cookie(
        &Answer::of(basic(
            server.request(Method::GET, LOGIN),
            "admin",
            "right horse",
        ))
        .await,
    );
    let path = server.data().join("auth.json");
    let content = fs::read(&path).unwrap();
    fs::write(&path, "{").unwrap();
    until(503, ask).await;
    let refused = get_with(&server, STATUS, "authorization", &bearer).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.expect_error(503, "the credentials cannot be read");
    get_with(&server, LOGIN, "cookie", &session)
        .await
        .expect_status(503);
    let login = basic(server.request(Method::GET, LOGIN), "admin", "right horse");
    Answer::of(login).await.expect_status(503);
    // Without credentials there is nothing to look up.
    server.get(STATUS).await.expect_status(401);
    server.get("/healthz").await.expect_status(200);
    fs::write(&path, content).unwrap();
    until(200, ask).await;
}

#[tokio::test]
async fn a_file_that_is_removed_opens_nothing_until_it_is_back() {
    let mut running = Running::start(|command| {
        command.env("SCANPOST_AUTH__MODE", "required");
        command.env("SCANPOST_AUTH__STALE_MAX", "0s");
    });
    let key = key(&Credentials::open(running.data()).unwrap(), "readonly");
    let url = format!("http://{}{STATUS}", running.addr);
    let client = Client::new();
    let ask = async || {
        let answer = client.get(&url).bearer_auth(&key).send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 200);
    let path = running.data().join("auth.json");
    let content = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    until(503, ask).await;
    let line = running.wait_for("cannot read the credentials");
    assert!(line.contains("was removed while the server ran"), "{line}");
    // Nobody is the first administrator again.
    let first = client
        .post(format!("http://{}/session/set_password", running.addr))
        .form(&[("username", "new"), ("password", "long enough")])
        .send()
        .await
        .unwrap();
    assert_ne!(first.status(), 200);
    assert!(!path.exists());
    fs::write(&path, content).unwrap();
    until(200, ask).await;
    running.stop();
}

#[tokio::test]
async fn a_new_key_of_a_command_opens_with_its_first_request() {
    let running = Running::start(|command| {
        command.env("SCANPOST_AUTH__MODE", "required");
    });
    let url = format!("http://{}{STATUS}", running.addr);
    let client = Client::new();
    for number in 0..5 {
        // The server has just looked for a key.
        let unknown = client
            .get(&url)
            .bearer_auth("unknown")
            .send()
            .await
            .unwrap();
        assert_eq!(unknown.status(), 401);
        let (code, key, err) = run(scanpost()
            .args(["apikey", "create", "--role", "readonly", "--name"])
            .arg(number.to_string())
            .arg("--data-dir")
            .arg(running.data()));
        assert_eq!(code, Some(0), "{err}");
        let answer = client
            .get(&url)
            .bearer_auth(key.trim())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
    running.stop();
}

#[tokio::test]
async fn a_websocket_ends_with_its_key() {
    let (server, credentials) = with(|_| {}).await;
    for path in [EVENTBUS, MONITOR] {
        let mut revoked = subscribe(&server, path, &key(&credentials, "readonly")).await;
        credentials.revoke_key("readonly").unwrap();
        assert_eq!(revoked.end().await, Some(POLICY), "{path}");

        // The key is valid for two seconds at most.
        let brief = credentials.create_key(path, Role::Readonly, Some(102), now() - 100);
        let mut expired = subscribe(&server, path, brief.unwrap().reveal()).await;
        assert_eq!(expired.end().await, Some(POLICY), "{path}");

        let mut changed = subscribe(&server, path, &key(&credentials, "readonly")).await;
        let file = server.data().join("auth.json");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(": \"readonly\"", ": \"scanreport\"")).unwrap();
        assert_eq!(changed.end().await, Some(POLICY), "{path}");
        for record in credentials.keys() {
            credentials.revoke_key(&record.name).unwrap();
        }
    }
}

#[tokio::test]
async fn a_websocket_ends_with_its_login() {
    let (server, credentials) = with(|_| {}).await;
    let log_in = async |password: &str| {
        let login = basic(server.request(Method::GET, LOGIN), "admin", password);
        let session = cookie(&Answer::of(login).await.expect_status(200));
        session.strip_prefix("KISMET=").unwrap().to_owned()
    };
    let token = log_in("right horse").await;
    let mut subscriber = subscribe(&server, MONITOR, &token).await;
    credentials.set_password("admin", "another horse").unwrap();
    assert_eq!(subscriber.end().await, Some(POLICY));

    let token = log_in("another horse").await;
    let mut subscriber = subscribe(&server, MONITOR, &token).await;
    let logout = server.request(Method::POST, "/session/logout");
    let logout = logout.header("cookie", format!("KISMET={token}"));
    Answer::of(logout).await.expect_status(200);
    assert_eq!(subscriber.end().await, Some(POLICY));
}

/// A client that always sends something keeps the server from pinging, and not from asking.
#[tokio::test]
async fn a_websocket_on_which_the_client_keeps_sending_ends_too() {
    let (server, credentials) = with(|_| {}).await;
    let mut subscriber = subscribe(&server, EVENTBUS, &key(&credentials, "readonly")).await;
    credentials.revoke_key("readonly").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while subscriber.try_say("{}").await {
        assert!(Instant::now() < deadline, "the socket stays open");
    }
}

#[tokio::test]
async fn a_websocket_of_a_valid_key_stays() {
    let (server, credentials) = with(|_| {}).await;
    let mut subscriber = subscribe(&server, EVENTBUS, &key(&credentials, "readonly")).await;
    for _ in 0..5 {
        subscriber.hear_ping().await;
    }
    subscriber.settle().await;
}

async fn subscribe(server: &TestServer, path: &str, token: &str) -> Subscriber {
    let mut subscriber = Subscriber::connect(server, &format!("{path}?KISMET={token}")).await;
    subscriber.settle().await;
    subscriber
}
