//! Logins and API keys, over HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding};
use reqwest::{Method, RequestBuilder};
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::json;

use crate::server::{Answer, TestServer, WIFI, batch};

pub(crate) const LOGIN: &str = "/session/check_login";
pub(crate) const STATUS: &str = "/system/status.json";

/// A server with authentication, and its credentials: the administrator's password is `right horse`.
pub(crate) async fn guarded() -> (TestServer, Credentials) {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "right horse").unwrap();
    (server, credentials)
}

/// Creates a key. Its name is that of its role.
pub(crate) fn key(credentials: &Credentials, role: &str) -> String {
    let key = credentials.create_key(role, role.parse().unwrap(), None, 0);
    key.unwrap().reveal().to_owned()
}

pub(crate) fn basic(request: RequestBuilder, user: &str, password: &str) -> RequestBuilder {
    let pair = Base64::encode_string(format!("{user}:{password}").as_bytes());
    request.header("authorization", format!("Basic {pair}"))
}

pub(crate) async fn log_in(server: &TestServer, password: &str) -> Answer {
    Answer::of(basic(server.request(Method::GET, LOGIN), "admin", password)).await
}

/// `KISMET=<token>`, as a client sends it back.
pub(crate) fn cookie(answer: &Answer) -> String {
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

pub(crate) async fn get_with(server: &TestServer, path: &str, header: &str, value: &str) -> Answer {
    Answer::of(server.request(Method::GET, path).header(header, value)).await
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

#[tokio::test]
async fn a_password_logs_in_and_sets_a_session_cookie() {
    let (server, _) = guarded().await;
    let answer = log_in(&server, "right horse").await.expect_status(200);
    assert_eq!(answer.text, "Login valid\n");
    let cookie = cookie(&answer);
    let again = get_with(&server, LOGIN, "cookie", &cookie)
        .await
        .expect_status(200);
    assert!(!again.headers.contains_key("set-cookie"));
    let token = cookie.strip_prefix("KISMET=").unwrap();
    server
        .get(&format!("{LOGIN}?{cookie}"))
        .await
        .expect_status(200);
    get_with(&server, LOGIN, "authorization", &format!("Bearer {token}"))
        .await
        .expect_status(200);
    server
        .get(&format!("{LOGIN}?user=admin&password=right+horse"))
        .await
        .expect_status(200);
    for wrong in [
        "?user=admin&password=wrong",
        "?user=&password=",
        "?KISMET=",
        "?user=admin",
    ] {
        server
            .get(&format!("{LOGIN}{wrong}"))
            .await
            .expect_status(401);
    }
    // A restart ends the session.
    let server = server.restart().await;
    get_with(&server, LOGIN, "cookie", &cookie)
        .await
        .expect_status(401);
}

#[tokio::test]
async fn a_key_opens_by_every_way_until_it_is_revoked() {
    let (server, credentials) = guarded().await;
    let key = key(&credentials, "readonly");
    let ask = async || {
        [
            get_with(&server, STATUS, "authorization", &format!("Bearer {key}")).await,
            get_with(&server, STATUS, "cookie", &format!("a=b; KISMET={key}")).await,
            server.get(&format!("{STATUS}?KISMET={key}")).await,
        ]
    };
    for answer in ask().await {
        let answer = answer.expect_status(200);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    // A route that refuses unknown parameters accepts those that carry credentials.
    let native = format!("/api/v1/devices/00:00:00:00:00:01/observations?KISMET={key}");
    server
        .get(&native)
        .await
        .expect_error(404, "no device has the address");
    server
        .get(&format!("{native}&x=1"))
        .await
        .expect_error(400, "x: ");

    credentials.revoke_key("readonly").unwrap();
    for answer in ask().await {
        answer.expect_error(401, "the role readonly");
    }
}

#[tokio::test]
async fn a_scanner_with_a_key_reports_and_one_without_leaves_nothing() {
    let (server, credentials) = guarded().await;
    let key = key(&credentials, "scanreport");
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    server
        .post_json(WIFI, &body)
        .await
        .expect_error(401, "the role scanreport");
    let large = vec![b' '; 3 << 20];
    server.post(WIFI, None, large).await.expect_status(401);
    let report = server
        .post_json(&format!("{WIFI}?KISMET={key}"), &body)
        .await;
    assert_eq!(report.expect_status(200).json()["accepted"], 1);
    let devices = "/devices/views/all/devices.json?user=admin&password=right+horse";
    assert_eq!(server.read(devices).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn password_guessing_is_throttled_and_tokens_still_work() {
    let (server, credentials) = guarded().await;
    let key = key(&credentials, "admin");
    let session = cookie(&log_in(&server, "right horse").await.expect_status(200));
    for guess in ["a", "b", "c", "d", "e"] {
        log_in(&server, guess).await.expect_status(401);
    }
    let refused = log_in(&server, "right horse").await;
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    refused.expect_error(429, "too many logins failed");
    get_with(&server, LOGIN, "cookie", &session)
        .await
        .expect_status(200);
    server
        .get(&format!("{LOGIN}?KISMET={key}"))
        .await
        .expect_status(200);
    server.get(LOGIN).await.expect_status(401);
}
