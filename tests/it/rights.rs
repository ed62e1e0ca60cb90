//! What credentials open and close, beside the roles of the routes.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::json;

use crate::auth::{LOGIN, STATUS, basic, get_with, guarded, key};
use crate::server::{Answer, TestServer};

const KEYS: &str = "/auth/apikey/list.json";

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
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
