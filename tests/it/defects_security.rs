//! Security defects of Kismet that do not exist here. Each test names its row in the list of defects (39 to 46).

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use scanpost::auth::{Credentials, Role};
use scanpost::config::{AuthMode, Config};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::auth::{LOGIN, STATUS, basic, cookie, get_with, guarded, key, log_in, now};
use crate::program::Running;
use crate::server::{Answer, TestServer, WIFI, batch};

const KEYS: &str = "/auth/apikey/list.json";
/// Timeout that only a server that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Row 39.
#[tokio::test]
async fn empty_credentials_are_nobody() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let credentials = Credentials::open(server.data()).unwrap();
    for is_set_up in [false, true] {
        if is_set_up {
            credentials.set_password("admin", "right horse").unwrap();
        }
        for (user, password) in [("", ""), ("admin", ""), ("", "right horse")] {
            for path in [LOGIN, STATUS, KEYS] {
                let in_header = basic(server.request(Method::GET, path), user, password);
                let in_query = format!("{path}?user={user}&password={password}");
                let in_query = server.request(Method::GET, &in_query);
                for request in [in_header, in_query] {
                    let answer = Answer::of(request).await.expect_status(401);
                    assert!(!answer.headers.contains_key("set-cookie"), "{path}");
                }
            }
            let first = server.request(Method::POST, "/session/set_password");
            let first = first.form(&[("username", "mine"), ("password", "mine")]);
            let refused = Answer::of(basic(first, user, password)).await;
            refused.expect_error(
                403,
                if is_set_up {
                    "only the administrator"
                } else {
                    "`scanpost user set-password`"
                },
            );
        }
    }
    log_in(&server, "right horse").await.expect_status(200);
}

/// Row 40.
#[tokio::test]
async fn keys_and_sessions_end_with_their_time_and_sessions_with_the_password() {
    let (server, credentials) = guarded().await;
    for (lifetime, status) in [(10, 401), (1000, 200)] {
        let made = now() - 100;
        let name = lifetime.to_string();
        let key = credentials.create_key(&name, Role::Readonly, Some(lifetime), made);
        let bearer = format!("Bearer {}", key.unwrap().reveal());
        let answer = get_with(&server, STATUS, "authorization", &bearer).await;
        answer.expect_status(status);
    }
    let session = cookie(&log_in(&server, "right horse").await.expect_status(200));
    let ask = async |session: &str| get_with(&server, LOGIN, "cookie", session).await;
    ask(&session).await.expect_status(200);
    let change = server.request(Method::POST, "/session/set_password");
    let change = change.form(&[("username", "admin"), ("password", "next horse")]);
    Answer::of(change.header("cookie", &session))
        .await
        .expect_status(200);
    ask(&session).await.expect_status(401);
    let session = cookie(&log_in(&server, "next horse").await.expect_status(200));
    ask(&session).await.expect_status(200);

    let brief = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.auth.session_timeout = Duration::from_millis(1);
    })
    .await;
    let credentials = Credentials::open(brief.data()).unwrap();
    credentials.set_password("admin", "right horse").unwrap();
    let session = cookie(&log_in(&brief, "right horse").await.expect_status(200));
    // The session is valid for a millisecond, and nothing signals its end. So this asks until it has expired.
    let deadline = Instant::now() + PATIENCE;
    while get_with(&brief, LOGIN, "cookie", &session).await.status == 200 {
        assert!(Instant::now() < deadline, "the session never expires");
    }
    get_with(&brief, LOGIN, "cookie", &session)
        .await
        .expect_status(401);
}

fn files_below(folder: &Path, found: &mut Vec<u8>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.extend(std::fs::read(path).unwrap());
        }
    }
}

/// Row 41.
#[tokio::test]
async fn neither_passwords_nor_keys_can_be_read_from_the_disk() {
    let server = TestServer::start().await;
    let first = server.request(Method::POST, "/session/set_password");
    let first = first.form(&[("username", "the-admin"), ("password", "the-password")]);
    Answer::of(first).await.expect_status(200);
    let made = server.request(Method::POST, "/auth/apikey/generate.cmd");
    let made = made.json(&json!({ "name": "the-key", "role": "readonly", "duration": 0 }));
    let made = Answer::of(basic(made, "the-admin", "the-password")).await;
    let session = cookie(&made);
    let key = made.expect_status(200).text;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01" }]))
        .await;

    let mut kept = Vec::new();
    files_below(server.data(), &mut kept);
    let kept = String::from_utf8_lossy(&kept).to_lowercase();
    // The search itself works.
    assert!(kept.contains("the-admin") && kept.contains("the-key"));
    let token = session.strip_prefix("KISMET=").unwrap();
    for secret in ["the-password", &key, token] {
        assert!(!kept.contains(&secret.to_lowercase()), "{secret}");
    }
}

/// Row 42.
#[tokio::test]
async fn a_session_is_of_no_use_to_scripts_and_to_pages_of_others() {
    let (server, _) = guarded().await;
    let answer = log_in(&server, "right horse").await.expect_status(200);
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for part in [
        "KISMET=",
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=86400",
    ] {
        assert!(set.contains(part), "{set}");
    }
    let session = cookie(&answer);
    for (path, method) in [(KEYS, Method::GET), (WIFI, Method::POST)] {
        let request = server
            .request(method, path)
            .header("cookie", &session)
            .header("origin", "http://evil.example");
        Answer::of(request).await.expect_error(403, "Origin: ");
    }
    // An invalid token is not returned as a cookie.
    let made_up = get_with(&server, LOGIN, "cookie", "KISMET=made-up").await;
    let made_up = made_up.expect_status(401);
    assert!(!made_up.headers.contains_key("set-cookie"));
    assert!(!made_up.text.contains("made-up"));
}

/// Row 43.
#[tokio::test]
async fn headers_are_enough_everywhere_and_what_comes_in_the_query_is_not_logged() {
    let data = tempfile::tempdir().unwrap();
    let credentials = Credentials::open(data.path()).unwrap();
    credentials.set_password("admin", "right-password").unwrap();
    let key = key(&credentials, "admin");
    let running = Running::start_on(data, |command| {
        command
            .env("RUST_LOG", "trace")
            .env("SCANPOST_AUTH__MODE", "required");
    });
    let addr = &running.addr;
    let client = Client::new();
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01", "ssid": "the-ssid" }])).to_string();
    let broken = "{\"ssid\": \"the-ssid\", broken".to_owned();
    let bearer = format!("Bearer {key}");
    for (query, authorization, status) in [
        (format!("?KISMET={key}"), "", 200),
        ("?user=admin&password=right-password".to_owned(), "", 200),
        ("?user=admin&password=wrong-password".to_owned(), "", 401),
        ("?KISMET=wrong-token".to_owned(), "", 401),
        (String::new(), &bearer, 200),
        (String::new(), "Basic YWRtaW46cmlnaHQtcGFzc3dvcmQ=", 200),
        (String::new(), "Basic YWRtaW46d3Jvbmc=", 401),
    ] {
        let proven = |request: reqwest::RequestBuilder| match authorization {
            "" => request,
            authorization => request.header("authorization", authorization),
        };
        let read = client.get(format!("http://{addr}{STATUS}{query}"));
        let answer = proven(read).send().await.unwrap();
        assert_eq!(answer.status(), status, "{query}{authorization}");
        for body in [&body, &broken] {
            let report = client.post(format!("http://{addr}{WIFI}{query}"));
            let answer = proven(report.body(body.clone())).send().await.unwrap();
            let expected = if status == 200 && *body == broken {
                400
            } else {
                status
            };
            assert_eq!(answer.status(), expected, "{query}{authorization}");
        }
    }
    // Programs can set headers on WebSockets. Pages cannot, so they use the query.
    for (query, authorization) in [(format!("?KISMET={key}"), ""), (String::new(), &*bearer)] {
        let url = format!("ws://{addr}/eventbus/events.ws{query}");
        let mut request = url.into_client_request().unwrap();
        if !authorization.is_empty() {
            let headers = request.headers_mut();
            headers.insert("authorization", authorization.parse().unwrap());
        }
        let (stream, _) = connect_async(request).await.unwrap();
        drop(stream);
    }
    let mut log = running.start.clone();
    running.stop_and_log(&mut log);
    assert!(log.contains(STATUS.strip_suffix(".json").unwrap()), "{log}");
    for secret in [
        &key,
        "right-password",
        "wrong-password",
        "wrong-token",
        "YWRtaW46",
        "KISMET=",
        "the-ssid",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// Row 44.
#[tokio::test]
async fn of_several_proofs_the_strongest_counts() {
    let (server, credentials) = guarded().await;
    let key = key(&credentials, "readonly");
    let ask = async |path: &str, password: &str| {
        let request = server.request(Method::GET, path);
        let request = request.header("cookie", format!("KISMET={key}; KISMET=x"));
        Answer::of(basic(request, "admin", password)).await
    };
    ask(LOGIN, "right horse").await.expect_status(200);
    ask(LOGIN, "wrong").await.expect_status(401);
    ask(STATUS, "wrong").await.expect_status(200);
    // A token of a weak role does not block routes that need no role.
    for open in ["/session/check_setup_ok", "/system/user_status.json"] {
        ask(open, "wrong").await.expect_status(200);
    }
}

/// Row 45.
#[tokio::test]
async fn bearers_are_understood_and_every_refusal_says_what_is() {
    let (server, credentials) = guarded().await;
    let bearer = format!("bearer {}", key(&credentials, "readonly"));
    get_with(&server, STATUS, "authorization", &bearer)
        .await
        .expect_status(200);
    // Scripts in browsers are told of bearers only: tests/fixtures/field/readers.toml.
    for agent in ["Mozilla/5.0", "curl/8.5.0", "ESP32", ""] {
        let request = server.request(Method::GET, STATUS);
        let request = request
            .header("user-agent", agent)
            .header("accept", "text/html, */*");
        let refused = Answer::of(request).await;
        let challenges: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(
            challenges,
            ["Basic realm=\"scanpost\"", "Bearer realm=\"scanpost\""]
        );
        refused.expect_error(401, "the role readonly");
    }
}

/// Row 46.
#[tokio::test]
async fn sources_devices_networks_and_rate_have_bounds_and_others_are_not_listened_to_unasked() {
    let listens_on = scanpost::ip_addresses(Config::default().server.listen.addresses());
    assert!(listens_on.iter().all(IpAddr::is_loopback) && listens_on.len() == 1);
    let server = TestServer::start_with(|config| {
        config.limits.sources_max = 2;
        config.limits.devices_max = 3;
        config.limits.ssids_per_device_max = 2;
        config.limits.reports_per_second_max = 1;
    })
    .await;
    let send = async |source: u32, reports: Value| {
        let body = json!({
            "source_uuid": format!("44444444-0000-0000-0000-{source:012}"), "source_name": "x", "reports": reports
        });
        server.post_json(WIFI, &body).await
    };
    let report = |device: u32, ssid: &str| {
        let bssid = format!("02:00:00:00:00:{device:02x}");
        json!({ "bssid": bssid, "ssid": ssid, "timestamp": 1_700_000_000 + device })
    };
    let one = || json!([report(1, "a")]);
    for source in [1, 2] {
        send(source, one()).await.expect_status(200);
    }
    let refused = send(3, one()).await;
    assert!(!refused.headers.contains_key("retry-after"));
    refused.expect_error(409, "the bound of 2 sources");
    send(1, one()).await.expect_status(200);

    // Four requests with one report each. The burst is ten seconds' worth of reports.
    let networks = json!([report(1, "b"), report(1, "c"), report(1, "d")]);
    send(1, networks).await.expect_status(200);
    let device = server.device("02:00:00:00:00:01").await;
    let kept = &device["dot11.device"]["dot11.device.advertised_ssid_map"];
    assert_eq!(kept.as_array().unwrap().len(), 2, "{kept}");

    let devices = (2..=1000).map(|device| report(device % 250, "a"));
    send(1, devices.collect()).await.expect_status(200);
    assert_eq!(server.device_count().await, 3);

    let refused = send(1, one()).await;
    let retry_after = refused.headers["retry-after"].to_str().unwrap().to_owned();
    let retry_after: u64 = retry_after.parse().unwrap();
    assert!((900..=1000).contains(&retry_after), "{retry_after}");
    refused.expect_error(429, "more than 1 reports a second");
    // Reads are not limited.
    assert_eq!(server.device_count().await, 3);
}
