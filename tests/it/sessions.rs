//! Kismet's routes for logins and keys.

use reqwest::Method;
use scanpost::config::AuthMode;
use serde_json::json;

use crate::auth::{LOGIN, STATUS, basic, cookie, get_with, guarded, log_in, now};
use crate::server::{Answer, TestServer};

#[tokio::test]
async fn the_administrator_makes_lists_and_revokes_keys() {
    let (server, _) = guarded().await;
    let session = cookie(&log_in(&server, "right horse").await);
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
    let lines = get_with(&server, "/auth/apikey/list.ekjson", "cookie", &session).await;
    assert_eq!(lines.text.lines().count(), list.as_array().unwrap().len());
    assert!(lines.text.contains("\"kismet_httpd_auth_name\": \"phone\""));
    let fields = json!({ "fields": [["kismet.httpd.auth.name", "name"]] });
    let names = post("/auth/apikey/list.json", fields)
        .await
        .expect_status(200);
    assert_eq!(names.json(), json!([{ "name": "phone" }, { "name": "b" }]));
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
    for (form, reason) in [
        ("", "username"),
        ("username=a", "password"),
        ("password=a", "username"),
        ("username=&password=a", "a name must have"),
        ("username=a&password=", "a password must have"),
        ("username=a&password=1234567", "at least 8 characters"),
    ] {
        set_password(&server, "", form)
            .await
            .expect_error(400, reason);
    }
    let set = set_password(&server, "", "username=admin&password=a%26b+c+and+more").await;
    assert_eq!(set.expect_status(200).text, "Login configured\n");
    let setup = server
        .get("/session/check_setup_ok")
        .await
        .expect_status(200);
    assert_eq!(setup.text, "Login configured in user config\n");

    let next = "username=bob&password=next+horse";
    set_password(&server, "", next)
        .await
        .expect_error(403, "only the administrator");
    set_password(&server, "KISMET=x", next)
        .await
        .expect_status(403);
    // Reports and reads need no login. Routes for passwords and keys do.
    for path in [STATUS, LOGIN, "/session/check_session"] {
        server.get(path).await.expect_status(200);
    }
    server
        .get("/auth/apikey/list.json")
        .await
        .expect_status(401);

    let list = basic(
        server.request(Method::GET, "/auth/apikey/list.json"),
        "admin",
        "a&b c and more",
    );
    let session = cookie(&Answer::of(list).await.expect_status(200));
    set_password(&server, &session, next)
        .await
        .expect_status(200);
    // The new password replaced the old one, and ended its sessions.
    set_password(&server, &session, next)
        .await
        .expect_status(403);
    for (user, password, status) in [("admin", "a&b c and more", 401), ("bob", "next horse", 200)] {
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
        .expect_error(403, "`scanpost user set-password`");
    server
        .get("/auth/apikey/list.json")
        .await
        .expect_status(401);
}
