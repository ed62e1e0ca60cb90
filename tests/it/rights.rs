//! What credentials open and close, beside the roles of the routes.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::{Value, json};

use crate::auth::{LOGIN, STATUS, basic, cookie, get_with, guarded, key, log_in};
use crate::server::{Answer, SOURCE, TestServer, WIFI, batch};

const KEYS: &str = "/auth/apikey/list.json";

async fn with(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    with(server, Method::GET, path, headers).await
}

fn has_basic_challenge(answer: &Answer) -> bool {
    let challenges = answer.headers.get_all("www-authenticate");
    assert!(0 < challenges.iter().count(), "{}", answer.text);
    challenges
        .iter()
        .any(|challenge| challenge.to_str().unwrap().starts_with("Basic"))
}

#[tokio::test]
async fn a_bearer_that_is_right_wins_over_old_cookies() {
    let (server, credentials) = guarded().await;
    let key = key(&credentials, "readonly");
    let bearer = format!("Bearer {key}");
    let cookies = "KISMET=1; KISMET=2; KISMET=3; KISMET=4; KISMET=5; KISMET=6";
    let headers = [("cookie", cookies), ("authorization", &bearer)];
    get(&server, STATUS, &headers).await.expect_status(200);
    let in_query = format!("{STATUS}?KISMET={key}");
    get(&server, &in_query, &headers[..1])
        .await
        .expect_status(200);
    get(&server, STATUS, &headers[..1]).await.expect_status(401);
}

#[tokio::test]
async fn a_valid_key_without_the_role_is_refused_without_a_challenge() {
    let (server, credentials) = guarded().await;
    let bearer = format!("Bearer {}", key(&credentials, "readonly"));
    let refused = get_with(&server, KEYS, "authorization", &bearer).await;
    assert!(!refused.headers.contains_key("www-authenticate"));
    refused.expect_error(403, "it needs the role admin");
}

#[tokio::test]
async fn a_request_of_a_page_opens_no_window_of_the_browser() {
    let (server, _) = guarded().await;
    let page = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (headers, is_challenged) in [
        (&[][..], true),
        (&[("sec-fetch-mode", "navigate"), ("accept", page)], true),
        (&[("sec-fetch-mode", "cors")], false),
        (&[("sec-fetch-mode", "same-origin")], false),
        (&[("sec-fetch-mode", "websocket")], false),
        (&[("x-requested-with", "XMLHttpRequest")], false),
        (&[("cookie", "KISMET=old")], false),
        // A person whose login has expired opens a page, and logs in.
        (
            &[("cookie", "KISMET=old"), ("sec-fetch-mode", "navigate")],
            true,
        ),
        (&[("cookie", "KISMET=old"), ("accept", page)], true),
        (&[("cookie", "other=1")], true),
    ] {
        let answer = get(&server, STATUS, headers).await;
        assert_eq!(has_basic_challenge(&answer), is_challenged, "{headers:?}");
        answer.expect_status(401);
    }
}

#[tokio::test]
async fn who_logs_out_with_a_password_gets_no_new_login() {
    let (server, _) = guarded().await;
    let right = ("authorization", "Basic YWRtaW46cmlnaHQgaG9yc2U=");
    for (method, path) in [
        (Method::POST, "/session/logout"),
        (Method::DELETE, "/api/v1/session"),
    ] {
        let out = with(&server, method, path, &[right])
            .await
            .expect_status(200);
        let set: Vec<_> = out.headers.get_all("set-cookie").iter().collect();
        assert_eq!(set.len(), 1, "{path}: {set:?}");
        assert!(set[0].to_str().unwrap().starts_with("KISMET=; "), "{set:?}");
    }
}

#[tokio::test]
async fn who_logs_out_is_logged_out() {
    let (server, credentials) = guarded().await;
    let session = cookie(&log_in(&server, "right horse").await.expect_status(200));
    let key = key(&credentials, "admin");
    let bearer = format!("Bearer {key}");
    let headers = [("cookie", session.as_str()), ("authorization", &bearer)];
    let out = with(&server, Method::POST, "/session/logout", &headers).await;
    let set = out.headers["set-cookie"].to_str().unwrap();
    assert!(
        set.starts_with("KISMET=; ") && set.contains("; Max-Age=0"),
        "{set}"
    );
    assert_eq!(out.expect_status(200).text, "Logged out\n");
    get(&server, LOGIN, &headers[..1]).await.expect_status(401);
    // A key stays valid until it is revoked.
    get(&server, LOGIN, &headers[1..]).await.expect_status(200);
    // Whoever is logged out already may say so again, and a page of others may not.
    with(&server, Method::POST, "/session/logout", &[])
        .await
        .expect_status(200);
    let foreign = [("origin", "http://evil.example")];
    with(&server, Method::POST, "/session/logout", &foreign)
        .await
        .expect_status(403);
    get(&server, "/session/logout", &[])
        .await
        .expect_status(405);
    let again = cookie(&log_in(&server, "right horse").await.expect_status(200));
    assert_ne!(again, session);
}

#[tokio::test]
async fn every_answer_forbids_to_guess_its_type() {
    let (server, _) = guarded().await;
    for (method, path, status) in [
        (Method::GET, "/healthz", 200),
        (Method::GET, STATUS, 401),
        (Method::GET, "/nowhere", 404),
        (Method::PUT, STATUS, 405),
        (Method::POST, WIFI, 401),
        (Method::GET, "/dynamic.js", 200),
    ] {
        let answer = with(&server, method, path, &[]).await.expect_status(status);
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{path}"
        );
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
}

#[tokio::test]
async fn caches_of_several_people_keep_nothing_that_a_credential_opened() {
    let (server, credentials) = guarded().await;
    let bearer = format!("Bearer {}", key(&credentials, "admin"));
    let opened = [("authorization", bearer.as_str())];
    for path in [
        "/phy/all_phys.json",
        "/devices/views/all/devices.json",
        KEYS,
    ] {
        let answer = get(&server, path, &opened).await.expect_status(200);
        assert_eq!(
            answer.headers["cache-control"], "private, no-cache",
            "{path}"
        );
        let Some(tag) = answer.headers.get("etag") else {
            continue;
        };
        let known = [opened[0], ("if-none-match", tag.to_str().unwrap())];
        let again = get(&server, path, &known).await.expect_status(304);
        assert_eq!(
            again.headers["cache-control"], "private, no-cache",
            "{path}"
        );
    }
    let healthy = get(&server, "/healthz", &[]).await;
    assert!(
        !healthy.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("private")
    );
    let new = server
        .request(Method::POST, "/auth/apikey/generate.cmd")
        .header("authorization", &bearer)
        .json(&json!({ "name": "new", "role": "readonly", "duration": 0 }));
    let new = Answer::of(new).await.expect_status(200);
    assert_eq!(new.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_command_by_get_needs_what_a_page_of_others_cannot_send() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Off;
        config.server.cors_origins = vec!["http://map.example".to_owned()];
    })
    .await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01" }]))
        .await;
    let command = |name: &str| format!("/datasource/by-uuid/{SOURCE}/{name}_source.cmd");
    let browser = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
    let own = format!("http://{}/index.html", server.addr);
    let ambient = ("authorization", "Basic YWRtaW46cmlnaHQgaG9yc2U=");
    let credentials = Credentials::open(server.data()).unwrap();
    let live = format!("KISMET={}", key(&credentials, "admin"));
    for query in ["?KISMET=x", "?user=x&password=y"] {
        // Any page can write an address, with credentials that are none.
        let path = command("pause") + query;
        for headers in [&[browser][..], &[browser, ambient]] {
            let refused = get(&server, &path, headers).await;
            assert_eq!(refused.status, 403, "{query} {headers:?}");
        }
    }
    for headers in [
        &[browser][..],
        &[browser, ambient],
        &[browser, ("referer", "http://evil.example/")],
        &[("referer", "http://evil.example")],
        &[("referer", "about:blank"), ambient],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("cookie", "KISMET=x")],
        &[browser, ("cookie", "KISMET=x")],
        // A page on another port of this host can have the browser send it.
        &[browser, ("cookie", &live)],
        &[("origin", "null")],
    ] {
        let refused = get(&server, &command("pause"), headers).await;
        assert_eq!(refused.status, 403, "{headers:?}");
    }
    let source = format!("/datasource/by-uuid/{SOURCE}/source.json");
    assert_eq!(server.read(&source).await["kismet.datasource.paused"], 0);
    let allowed = [
        &[][..],
        &[ambient],
        &[browser, ("x-requested-with", "XMLHttpRequest")],
        &[browser, ("authorization", "Bearer x")],
        &[browser, ("referer", &own)],
        &[("referer", "http://map.example/x"), browser],
        &[browser, ("sec-fetch-site", "same-origin")],
    ];
    for (turn, headers) in allowed.into_iter().enumerate() {
        let name = ["pause", "resume"][turn % 2];
        let done = get(&server, &command(name), headers).await;
        assert_eq!(done.status, 200, "{headers:?}: {}", done.text);
    }
    // A read is not a command, and a command by POST has an Origin.
    get(&server, STATUS, &[browser]).await.expect_status(200);
    with(&server, Method::POST, &command("resume"), &[browser])
        .await
        .expect_status(200);
}

#[tokio::test]
async fn before_the_first_password_nobody_makes_keys_over_http() {
    for mode in [AuthMode::Auto, AuthMode::Required, AuthMode::Off] {
        let server = TestServer::start_with(|config| config.auth.mode = mode).await;
        for (path, body) in [
            (
                "generate.cmd",
                json!({ "name": "x", "role": "admin", "duration": 0 }),
            ),
            ("revoke.cmd", json!({ "name": "x" })),
            ("list.json", json!({})),
        ] {
            let path = format!("/auth/apikey/{path}");
            let refused = server.post_json(&path, &body).await;
            refused.expect_error(401, "the role admin");
        }
        assert!(Credentials::open(server.data()).unwrap().keys().is_empty());
    }
    // A key that a command made may make others.
    let server = TestServer::start().await;
    let credentials = Credentials::open(server.data()).unwrap();
    let admin = key(&credentials, "admin");
    let path = format!("/auth/apikey/generate.cmd?KISMET={admin}");
    let new = json!({ "name": "x", "role": "readonly", "duration": 0 });
    server.post_json(&path, &new).await.expect_status(200);
}

/// Sends a report with an idempotency key. Returns whether it was answered as sent before.
async fn send(server: &TestServer, path: &str, device: u8, idempotency_key: &str) -> bool {
    let body = batch(json!([{ "bssid": format!("02:00:00:00:00:{device:02X}") }]));
    let request = server
        .request(Method::POST, path)
        .header("idempotency-key", idempotency_key)
        .json(&body);
    let answer = Answer::of(request).await.expect_status(200).json();
    assert_eq!(answer["accepted"], 1);
    answer["duplicate"].as_bool().unwrap()
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_the_credential_that_sent_it() {
    let (mut server, credentials) = guarded().await;
    let create = |name: &str| {
        let role = "scanreport".parse().unwrap();
        let key = credentials.create_key(name, role, None, 0).unwrap();
        format!("{WIFI}?KISMET={}", key.reveal())
    };
    let (mine, other) = (create("mine"), create("other"));
    let user = format!("{WIFI}?user=admin&password=right+horse");
    // Somebody else claims the keys that are to come.
    assert!(!send(&server, &other, 1, "next").await);
    assert!(!send(&server, &user, 2, "next").await);
    assert!(!send(&server, &mine, 3, "next").await);
    for _ in 0..2 {
        assert!(send(&server, &mine, 3, "next").await);
        assert!(send(&server, &other, 1, "next").await);
        assert!(send(&server, &user, 2, "next").await);
        // After a restart all are known again.
        server = server.restart().await;
    }
    let devices = "/devices/views/all/devices.json?user=admin&password=right+horse";
    assert_eq!(server.read(devices).await.as_array().unwrap().len(), 3);
    // A key that is created again under the same name goes on where the old one ended.
    credentials.revoke_key("mine").unwrap();
    assert!(send(&server, &create("mine"), 3, "next").await);
}

async fn report(server: &TestServer, source: &str, key: &str, status: u16) -> Value {
    let body = json!({
        "source_uuid": source, "source_name": "x", "reports": [{ "bssid": "02:00:00:00:00:01" }]
    });
    let answer = server
        .post_json(&format!("{WIFI}?KISMET={key}"), &body)
        .await;
    answer.expect_status(status).json()
}

#[tokio::test]
async fn a_bound_source_takes_reports_of_its_first_key_only() {
    let mut server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.auth.bind_sources = true;
        config.limits.sources_max = 2;
    })
    .await;
    let credentials = Credentials::open(server.data()).unwrap();
    let create = |name: &str, role: &str| {
        let key = credentials.create_key(name, role.parse().unwrap(), None, 0);
        key.unwrap().reveal().to_owned()
    };
    let (mine, other) = (create("mine", "scanreport"), create("other", "scanreport"));
    let admin = create("admin", "admin");
    let second = SOURCE.replace('4', "5");
    report(&server, SOURCE, &mine, 200).await;
    report(&server, &second, &other, 200).await;
    for _ in 0..2 {
        report(&server, SOURCE, &mine, 200).await;
        for (source, key) in [(SOURCE, &other), (&second, &mine)] {
            let refused = report(&server, source, key, 403).await;
            let text = refused["status"].as_str().unwrap();
            assert!(text.contains("auth.bind_sources"), "{text}");
        }
        report(&server, SOURCE, &admin, 200).await;
        server = server.restart().await;
    }
    let third = SOURCE.replace('4', "6");
    let refused = report(&server, &third, &mine, 409).await;
    assert_eq!(refused["code"], "too_many_sources");
    // Who forgets a source makes room for the owner of another.
    let path = format!("/api/v1/sources/{second}?KISMET={admin}");
    Answer::of(server.request(Method::DELETE, &path))
        .await
        .expect_status(200);
    report(&server, &third, &other, 200).await;
    // Another key of the same name owns the same sources.
    credentials.revoke_key("mine").unwrap();
    report(&server, SOURCE, &create("mine", "scanreport"), 200).await;
}

#[tokio::test]
async fn sources_are_free_for_all_unless_they_are_bound() {
    let (server, credentials) = guarded().await;
    for role in ["scanreport", "admin"] {
        report(&server, SOURCE, &key(&credentials, role), 200).await;
    }
    let open = TestServer::start_with(|config| config.auth.bind_sources = true).await;
    open.report(json!([{ "bssid": "02:00:00:00:00:01" }])).await;
    open.report(json!([{ "bssid": "02:00:00:00:00:01" }])).await;
}

#[tokio::test]
async fn keys_do_not_wait_behind_passwords() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.auth.logins_waiting_max = 1;
    })
    .await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "right horse").unwrap();
    let key = key(&credentials, "readonly");
    let wrong = (0..4).map(|number| {
        let request = server.request(Method::GET, LOGIN);
        Answer::of(basic(request, "admin", &format!("guess {number}")))
    });
    let path = format!("{STATUS}?KISMET={key}");
    let (answers, known) = tokio::join!(futures_util::future::join_all(wrong), server.get(&path));
    known.expect_status(200);
    for answer in answers {
        match answer.status.as_u16() {
            401 => {}
            503 => {
                assert!(answer.headers.contains_key("retry-after"));
                answer.expect_error(503, "too many logins wait");
            }
            status => panic!("{status}: {}", answer.text),
        }
    }
}
