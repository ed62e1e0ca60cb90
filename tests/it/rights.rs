//! What credentials open and close, beside the roles of the routes.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::json;

use crate::auth::{LOGIN, STATUS, basic, cookie, get_with, guarded, key, log_in};
use crate::server::{Answer, SOURCE, TestServer, WIFI};

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
    for headers in [
        &[browser][..],
        &[browser, ambient],
        &[browser, ("referer", "http://evil.example/")],
        &[("referer", "http://evil.example")],
        &[("referer", "about:blank"), ambient],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("cookie", "KISMET=x")],
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
        &[browser, ("cookie", "KISMET=x")],
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
    with(&server, Method::POST, &command("pause"), &[browser])
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
