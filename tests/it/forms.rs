//! Login by the form of a page.

use reqwest::Method;
use serde_json::{Value, json};

use crate::auth::{basic, cookie, guarded, key, now};
use crate::server::{Answer, TestServer};

const SESSION: &str = "/api/v1/session";
const STATUS: &str = "/api/v1/status";

async fn log_in(server: &TestServer, password: &str) -> Answer {
    let body = json!({ "username": "admin", "password": password });
    server.post_json(SESSION, &body).await
}

async fn with_cookie(server: &TestServer, method: Method, path: &str, cookie: &str) -> Answer {
    Answer::of(server.request(method, path).header("cookie", cookie)).await
}

#[tokio::test]
async fn a_page_logs_in_is_known_and_logs_out() {
    let (server, _) = guarded().await;
    let nobody = server.get(SESSION).await.expect_status(200);
    assert_eq!(nobody.headers["cache-control"], "no-store");
    let expected = json!({
        "name": null, "kind": null, "role": null, "expires": null, "expires_utc": null,
        "login_required": true, "login_possible": true
    });
    assert_eq!(nobody.json(), expected);

    for is_form in [true, false] {
        let answer = if is_form {
            let form = "username=admin&password=right+horse";
            let content_type = Some("application/x-www-form-urlencoded");
            server.post(SESSION, content_type, form).await
        } else {
            log_in(&server, "right horse").await
        };
        let answer = answer.expect_status(200);
        let set = answer.headers["set-cookie"].to_str().unwrap();
        assert!(
            set.contains("HttpOnly") && set.contains("SameSite=Strict"),
            "{set}"
        );
        let cookie = cookie(&answer);
        let told = answer.json();
        assert_eq!(
            (&told["name"], &told["role"]),
            (&json!("admin"), &json!("admin"))
        );
        with_cookie(&server, Method::GET, STATUS, &cookie)
            .await
            .expect_status(200);
        let shown = with_cookie(&server, Method::GET, SESSION, &cookie)
            .await
            .json();
        assert_eq!(
            (&shown["kind"], &shown["role"]),
            (&json!("user"), &json!("admin"))
        );
        assert!(now() < shown["expires"].as_u64().unwrap(), "{shown}");

        let out = with_cookie(&server, Method::DELETE, SESSION, &cookie).await;
        let out = out.expect_status(200);
        assert!(
            out.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
        );
        assert_eq!(out.json(), expected);
        with_cookie(&server, Method::GET, STATUS, &cookie)
            .await
            .expect_status(401);
        let shown = with_cookie(&server, Method::GET, SESSION, &cookie)
            .await
            .json();
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn wrong_passwords_open_no_window_and_are_slowed() {
    let (server, _) = guarded().await;
    for number in 0..5 {
        let answer = log_in(&server, &format!("guess {number}")).await;
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, ["Bearer realm=\"scanpost\""]);
        assert!(!answer.headers.contains_key("set-cookie"));
        let error = answer.expect_error(401, "the user name or the password is wrong");
        assert_eq!(error["code"], "wrong_password");
    }
    let answer = log_in(&server, "guess 5").await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.expect_error(429, "too many logins failed");
    log_in(&server, "right horse").await.expect_status(429);
}

#[tokio::test]
async fn forms_that_are_not_filled_in_are_refused_and_no_other_page_logs_in() {
    let (server, _) = guarded().await;
    for (body, reason) in [
        (json!({}), "username: missing, or empty"),
        (
            json!({ "username": "admin" }),
            "password: missing, or empty",
        ),
        (
            json!({ "username": "admin", "password": "" }),
            "password: missing, or empty",
        ),
        (json!({ "user": "admin" }), "unknown field `user`"),
    ] {
        let answer = server.post_json(SESSION, &body).await;
        answer.expect_error(400, reason);
    }
    let body = json!({ "username": "admin", "password": "right horse" });
    let foreign = server
        .request(Method::POST, SESSION)
        .header("origin", "http://evil.example")
        .json(&body);
    let foreign = Answer::of(foreign).await;
    assert!(!foreign.headers.contains_key("set-cookie"));
    foreign.expect_error(403, "Origin");
}

#[tokio::test]
async fn keys_and_passwords_are_shown_too_and_an_open_server_says_so() {
    let (server, credentials) = guarded().await;
    let readonly = key(&credentials, "readonly");
    let request = server.request(Method::GET, SESSION).bearer_auth(readonly);
    let shown = Answer::of(request).await.json();
    assert_eq!(
        (&shown["kind"], &shown["role"]),
        (&json!("key"), &json!("readonly"))
    );
    assert_eq!(shown["expires"], Value::Null);
    let request = basic(server.request(Method::GET, SESSION), "admin", "right horse");
    assert_eq!(Answer::of(request).await.json()["name"], "admin");

    let open = TestServer::start().await;
    let shown = open.read(SESSION).await;
    assert_eq!(shown["role"], Value::Null);
    assert_eq!(shown["login_required"], false);
    assert_eq!(shown["login_possible"], false);
}
