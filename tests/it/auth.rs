//! Logins and keys, through the server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding};
use reqwest::{Method, RequestBuilder};
use scanpost::auth::{Credentials, Role};
use scanpost::config::AuthMode;
use serde_json::json;

use crate::server::{Answer, TestServer, WIFI, batch};

const LOGIN: &str = "/session/check_login";
const SESSION: &str = "/session/check_session";
const STATUS: &str = "/system/status.json";

/// A server that asks who it is, and its credentials: the administrator's password is `right`.
async fn guarded() -> (TestServer, Credentials) {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "right").unwrap();
    (server, credentials)
}

fn basic(request: RequestBuilder, user: &str, password: &str) -> RequestBuilder {
    let pair = Base64::encode_string(format!("{user}:{password}").as_bytes());
    request.header("authorization", format!("Basic {pair}"))
}

async fn log_in(server: &TestServer, password: &str) -> Answer {
    Answer::of(basic(server.request(Method::GET, LOGIN), "admin", password)).await
}

/// `KISMET=<token>`, as a client sends it back.
fn cookie(answer: &Answer) -> String {
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn get_with(server: &TestServer, path: &str, header: &str, value: &str) -> Answer {
    Answer::of(server.request(Method::GET, path).header(header, value)).await
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

#[tokio::test]
async fn a_password_opens_the_server_and_earns_a_cookie_that_does_too() {
    let (server, _) = guarded().await;
    let answer = log_in(&server, "right").await.expect_status(200);
    assert_eq!(answer.text, "Login valid\n");
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
        .get(&format!("{LOGIN}?user=admin&password=right"))
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
    // A restart ends it.
    let server = server.restart().await;
    get_with(&server, LOGIN, "cookie", &cookie)
        .await
        .expect_status(401);
}

#[tokio::test]
async fn a_key_opens_by_every_way_until_it_is_revoked() {
    let (server, credentials) = guarded().await;
    let key = credentials
        .create_key("k", Role::Readonly, None, now())
        .unwrap();
    let key = key.reveal();
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
    // Parameters that prove who asks are none of a route's own.
    let native = format!("/api/v1/devices/00:00:00:00:00:01/observations?KISMET={key}");
    server
        .get(&native)
        .await
        .expect_error(404, "nothing is known");
    server
        .get(&format!("{native}&x=1"))
        .await
        .expect_error(400, "x: ");

    credentials.revoke_key("k").unwrap();
    for answer in ask().await {
        answer.expect_error(401, "the role readonly");
    }
}

#[tokio::test]
async fn an_expired_key_is_none() {
    let (server, credentials) = guarded().await;
    for (lifetime, status) in [(10, 401), (1000, 200)] {
        let made = now() - 100;
        let name = lifetime.to_string();
        let key = credentials
            .create_key(&name, Role::Readonly, Some(lifetime), made)
            .unwrap();
        let bearer = format!("Bearer {}", key.reveal());
        get_with(&server, STATUS, "authorization", &bearer)
            .await
            .expect_status(status);
    }
}

#[tokio::test]
async fn a_scanner_with_a_key_reports_and_one_without_leaves_nothing() {
    let (server, credentials) = guarded().await;
    let key = credentials
        .create_key("phone", Role::Scanreport, None, now())
        .unwrap();
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    server
        .post_json(WIFI, &body)
        .await
        .expect_error(401, "the role scanreport");
    let large = vec![b' '; 3 << 20];
    server.post(WIFI, None, large).await.expect_status(401);
    let report = server
        .post_json(&format!("{WIFI}?KISMET={}", key.reveal()), &body)
        .await;
    assert_eq!(report.expect_status(200).json()["accepted"], 1);
    let devices = "/devices/views/all/devices.json?user=admin&password=right";
    assert_eq!(server.read(devices).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_several_proofs_one_is_enough() {
    let (server, credentials) = guarded().await;
    let key = credentials
        .create_key("k", Role::Readonly, None, now())
        .unwrap();
    let key = key.reveal();
    let ask = async |path: &str, password: &str| {
        let request = server.request(Method::GET, path);
        let request = request.header("cookie", format!("KISMET={key}; KISMET=x"));
        Answer::of(basic(request, "admin", password)).await
    };
    ask(LOGIN, "right").await.expect_status(200);
    ask(LOGIN, "wrong").await.expect_status(401);
    ask(STATUS, "wrong").await.expect_status(200);
    // A token that opens little does not close what is open.
    ask("/session/check_setup_ok", "wrong")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn guessing_is_slowed_and_whoever_has_a_token_does_not_notice() {
    let (server, credentials) = guarded().await;
    let key = credentials
        .create_key("k", Role::Admin, None, now())
        .unwrap();
    let session = cookie(&log_in(&server, "right").await.expect_status(200));
    for _ in 0..5 {
        log_in(&server, "wrong").await.expect_status(401);
    }
    let refused = log_in(&server, "right").await;
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    refused.expect_error(429, "too many logins failed");
    get_with(&server, LOGIN, "cookie", &session)
        .await
        .expect_status(200);
    server
        .get(&format!("{LOGIN}?KISMET={}", key.reveal()))
        .await
        .expect_status(200);
    server.get(LOGIN).await.expect_status(401);
}

#[tokio::test]
async fn the_administrator_makes_lists_and_revokes_keys() {
    let (server, _) = guarded().await;
    let session = cookie(&log_in(&server, "right").await);
    let post = async |path: &str, body: serde_json::Value| {
        let request = server
            .request(Method::POST, path)
            .header("cookie", &session);
        Answer::of(request.json(&body)).await
    };
    let generate = async |body| post("/auth/apikey/generate.cmd", body).await;
    let new = json!({ "name": "phone", "role": "readonly", "duration": 0 });
    let made = generate(new.clone()).await.expect_status(200);
    assert_eq!(made.headers["content-type"], "text/plain; charset=utf-8");
    let key = made.text;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    assert!(key.len() == 32 && key.bytes().all(is_digit), "{key}");
    server
        .get(&format!("{STATUS}?KISMET={key}"))
        .await
        .expect_status(200);

    generate(new).await.expect_error(409, "a key of that name");
    for wrong in [
        json!({ "name": "a", "role": "readonly" }),
        json!({ "name": "a", "duration": 0 }),
        json!({ "role": "readonly", "duration": 0 }),
        json!({ "name": "", "role": "readonly", "duration": 0 }),
        json!({ "name": "a", "role": "", "duration": 0 }),
        json!({ "name": "a", "role": "readonly", "duration": -1 }),
        json!({ "name": "a", "role": "readonly", "duration": null }),
        json!([]),
    ] {
        generate(wrong).await.expect_status(400);
    }
    // As Kismet's page sends it.
    let form = server
        .request(Method::POST, "/auth/apikey/generate.cmd")
        .header("cookie", &session)
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .body("json=%7B%22name%22%3A%22b%22%2C%22role%22%3A%22x%22%2C%22duration%22%3A%2260%22%7D");
    Answer::of(form).await.expect_status(200);

    let list = get_with(&server, "/auth/apikey/list.json", "cookie", &session).await;
    assert!(!list.text.contains(&key), "{}", list.text);
    let list = list.expect_status(200).json();
    assert_eq!(list[0]["kismet.httpd.auth.name"], "phone");
    assert_eq!(list[0]["kismet.httpd.auth.role"], "readonly");
    assert_eq!(list[0]["kismet.httpd.auth.expiration"], 0);
    let expires = list[1]["kismet.httpd.auth.expiration"].as_u64().unwrap();
    assert!((now() + 50..=now() + 60).contains(&expires));

    let revoke = async || post("/auth/apikey/revoke.cmd", json!({ "name": "phone" })).await;
    assert_eq!(revoke().await.expect_status(200).text, "revoked\n");
    revoke().await.expect_error(404, "no key of that name");
    server
        .get(&format!("{STATUS}?KISMET={key}"))
        .await
        .expect_status(401);
}

async fn set_password(server: &TestServer, session: &str, form: &str) -> Answer {
    let request = server
        .request(Method::POST, "/session/set_password")
        .header("cookie", session);
    let form_type = "application/x-www-form-urlencoded";
    Answer::of(
        request
            .header("content-type", form_type)
            .body(form.to_owned()),
    )
    .await
}

#[tokio::test]
async fn on_this_machine_the_first_password_is_free_and_the_next_is_the_administrators() {
    let server = TestServer::start().await;
    let setup = server
        .get("/session/check_setup_ok")
        .await
        .expect_status(500);
    assert_eq!(setup.text, "Login not configured\n");
    server
        .get("/auth/apikey/list.json")
        .await
        .expect_status(200);
    for form in [
        "",
        "username=a",
        "password=a",
        "username=&password=a",
        "username=a&password=",
    ] {
        set_password(&server, "", form).await.expect_status(400);
    }
    let set = set_password(&server, "", "username=admin&password=a%26b+c").await;
    assert_eq!(set.expect_status(200).text, "Login configured\n");
    let setup = server
        .get("/session/check_setup_ok")
        .await
        .expect_status(200);
    assert_eq!(setup.text, "Login configured in user config\n");

    let next = "username=bob&password=next";
    set_password(&server, "", next)
        .await
        .expect_error(403, "only the administrator");
    set_password(&server, "KISMET=x", next)
        .await
        .expect_status(403);
    // Reports and reads stay open; what opens the server elsewhere does not.
    for path in [STATUS, LOGIN, SESSION] {
        server.get(path).await.expect_status(200);
    }
    server
        .get("/auth/apikey/list.json")
        .await
        .expect_status(401);

    let list = basic(
        server.request(Method::GET, "/auth/apikey/list.json"),
        "admin",
        "a&b c",
    );
    let session = cookie(&Answer::of(list).await.expect_status(200));
    set_password(&server, &session, next)
        .await
        .expect_status(200);
    // It took the place of the old one, and ended what was begun with it.
    set_password(&server, &session, next)
        .await
        .expect_status(403);
    for (user, password, status) in [("admin", "a&b c", 401), ("bob", "next", 200)] {
        let list = server.request(Method::GET, "/auth/apikey/list.json");
        Answer::of(basic(list, user, password))
            .await
            .expect_status(status);
    }
}

#[tokio::test]
async fn a_server_that_is_open_to_all_lets_none_of_them_make_credentials() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Off).await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01" }]))
        .await;
    server.get(LOGIN).await.expect_status(200);
    set_password(&server, "", "username=a&password=b")
        .await
        .expect_status(403);
    server
        .get("/auth/apikey/list.json")
        .await
        .expect_status(401);
}

#[tokio::test]
async fn a_session_ends_after_its_time() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.auth.session_timeout = Duration::from_millis(1);
    })
    .await;
    Credentials::open(server.data())
        .unwrap()
        .set_password("admin", "right")
        .unwrap();
    let session = cookie(&log_in(&server, "right").await.expect_status(200));
    get_with(&server, LOGIN, "cookie", &session)
        .await
        .expect_status(401);
}
