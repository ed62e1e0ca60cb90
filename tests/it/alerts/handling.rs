//! What people do about alerts, and the state of the rules.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::{Value, json};

use super::{OFTEN, alerts, canaries, canary};
use crate::auth::{basic, key};
use crate::server::{Answer, TestServer};

async fn server_with(count: u32) -> TestServer {
    let server = TestServer::start_with(|config| {
        canaries(&mut config.alerts, OFTEN);
        config.limits.alert_comments_max = 3;
        config.alerts.text_bytes_max = 10;
    })
    .await;
    for number in 1..=count {
        server.report(json!([canary(number)])).await;
    }
    server
}

fn path(alert: &Value, what: &str) -> String {
    format!("/api/v1/alerts/{}/{what}", alert["id"].as_str().unwrap())
}

/// Numbers of the alerts that a filter lets through, the newest first.
async fn numbers(server: &TestServer, filter: &str) -> Vec<Value> {
    let page = server.read(&format!("/api/v1/alerts{filter}")).await;
    let alerts = page["alerts"].as_array().unwrap().iter();
    alerts.map(|alert| alert["number"].clone()).collect()
}

/// Texts of an alert's comments.
fn comments(alert: &Value) -> Vec<&str> {
    let comments = alert["comments"].as_array();
    let comments = comments.into_iter().flatten();
    comments
        .map(|comment| comment["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_acknowledged_alert_is_so_after_any_start() {
    let server = server_with(3).await;
    let [first, second, third] = alerts(&server).await.try_into().unwrap();
    assert_eq!(first.get("acknowledged"), None);
    let by = |server: &TestServer, alert: &Value, what: &str, body: &'static str| {
        server.request(Method::POST, &path(alert, what)).body(body)
    };
    // As JSON, as a form, and without a body.
    let request = by(&server, &first, "acknowledge", r#"{"comment": " mine "}"#);
    let done = Answer::of(request).await.expect_status(200).json();
    assert!(done["acknowledged"].is_u64() && done["acknowledged_utc"].is_string());
    assert_eq!(
        (done["number"].clone(), comments(&done)),
        (json!(1), vec!["mine"])
    );
    assert_eq!(done.get("acknowledged_by"), None, "nobody had to log in");
    let request = by(&server, &first, "comments", "comment=my+phone");
    let form = "application/x-www-form-urlencoded";
    let done = Answer::of(request.header("content-type", form)).await;
    assert_eq!(
        comments(&done.expect_status(200).json()),
        ["mine", "my phone"]
    );
    let done = Answer::of(by(&server, &third, "acknowledge", "")).await;
    assert_eq!(done.expect_status(200).json().get("comments"), None);
    let done = Answer::of(by(&server, &second, "comments", r#"{"comment":"what?"}"#)).await;
    assert_eq!(done.expect_status(200).json().get("acknowledged"), None);

    let before = alerts(&server).await;
    let server = server.restart().await;
    assert_eq!(alerts(&server).await, before);
    let server = server.restart_without_snapshots().await;
    assert_eq!(alerts(&server).await, before);

    assert_eq!(numbers(&server, "?acknowledged=true").await, [3, 1]);
    assert_eq!(numbers(&server, "?acknowledged=false").await, [2]);
    assert_eq!(numbers(&server, "?acknowledged=true&limit=1").await, [3]);
    let wrong = server.get("/api/v1/alerts?acknowledged=1").await;
    wrong.expect_error(400, "acknowledged: expected true or false");

    // Taking it back leaves the comments.
    for _ in 0..2 {
        let back = server.request(Method::DELETE, &path(&first, "acknowledge"));
        let back = Answer::of(back).await.expect_status(200).json();
        assert_eq!(back.get("acknowledged"), None);
        assert_eq!(comments(&back), ["mine", "my phone"]);
    }
    let server = server.restart().await;
    assert_eq!(numbers(&server, "?acknowledged=true").await, [3]);

    let csv = server.request(Method::GET, "/api/v1/alerts");
    let csv = Answer::of(csv.header("accept", "text/csv")).await.text;
    let head = csv.lines().next().unwrap();
    assert!(head.ends_with("text,acknowledged,acknowledged_utc,acknowledged_by,comments"));
    assert!(
        csv.contains(": mine\n") && csv.contains(": my phone\""),
        "{csv}"
    );
}

#[tokio::test]
async fn notes_name_their_authors_and_need_an_administrator() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        canaries(&mut config.alerts, OFTEN);
    })
    .await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("ann", "the password").unwrap();
    let (admin, readonly) = (key(&credentials, "admin"), key(&credentials, "readonly"));
    let as_key = |method: Method, path: &str, key: &str| {
        let bearer = format!("Bearer {key}");
        server.request(method, path).header("authorization", bearer)
    };
    let report = as_key(Method::POST, crate::server::WIFI, &admin)
        .body(crate::server::batch(json!([canary(1)])).to_string());
    Answer::of(report).await.expect_status(200);
    let page = Answer::of(as_key(Method::GET, "/api/v1/alerts", &readonly)).await;
    let alert = page.json()["alerts"][0].clone();
    let path = path(&alert, "acknowledge");
    Answer::of(as_key(Method::POST, &path, &readonly))
        .await
        .expect_status(403);
    let first = basic(server.request(Method::POST, &path), "ann", "the password");
    let first = Answer::of(first).await.expect_status(200).json();
    assert_eq!(first["acknowledged_by"], "ann");
    // Who was first stays, and the second one is named with the comment.
    let again = as_key(Method::POST, &path, &admin).body(r#"{"comment":"x"}"#);
    let again = Answer::of(again).await.expect_status(200).json();
    assert_eq!(again["acknowledged_by"], "ann");
    assert_eq!(again["acknowledged"], first["acknowledged"]);
    let author = again["comments"][0]["by"].as_str().unwrap();
    assert_ne!(author, "ann");
}

#[tokio::test]
async fn notes_are_bounded_and_wrong_ones_are_refused() {
    let server = server_with(1).await;
    let [alert] = alerts(&server).await.try_into().unwrap();
    let nobody = json!({ "id": "nobody" });
    for what in ["acknowledge", "comments"] {
        let (path, nowhere) = (path(&alert, what), path(&nobody, what));
        let post = async |path: &str, body: Value| server.post_json(path, &body).await;
        post(&nowhere, json!({ "comment": "a" }))
            .await
            .expect_error(404, "no alert has the id nobody");
        post(&path, json!({ "comment": "elevenbytes" }))
            .await
            .expect_error(400, "comment: longer than 10 bytes");
        post(&path, json!({ "coment": "a" }))
            .await
            .expect_error(400, "unknown field `coment`");
        post(&format!("{path}?comment=a"), json!({}))
            .await
            .expect_error(400, "comment: there is no such parameter here");
    }
    let comment = path(&alert, "comments");
    for empty in [json!({}), json!({ "comment": "  " })] {
        let answer = server.post_json(&comment, &empty).await;
        answer.expect_error(400, "comment: missing, or empty");
    }
    for text in ["a", "b", "c"] {
        let answer = server
            .post_json(&comment, &json!({ "comment": text }))
            .await;
        answer.expect_status(200);
    }
    let answer = server.post_json(&comment, &json!({ "comment": "d" })).await;
    answer.expect_error(409, "limits.alert_comments_max");
    let [alert] = alerts(&server).await.try_into().unwrap();
    assert_eq!(comments(&alert), ["a", "b", "c"]);
}

#[tokio::test]
async fn rules_show_their_settings_and_what_they_raised() {
    let server = TestServer::start_with(|config| {
        canaries(&mut config.alerts, OFTEN);
        config.alerts.chanchange = "off".to_owned();
        config.alerts.apspoof = "5/min,1/sec,critical".to_owned();
    })
    .await;
    let rules = async || {
        let rules = server.read("/api/v1/alerts/rules").await;
        let rules = rules["rules"].as_array().unwrap().clone();
        move |rule: &str| {
            let mut rules = rules.iter();
            rules.find(|known| known["rule"] == rule).unwrap().clone()
        }
    };
    let rule = rules().await;
    for (name, state) in [
        ("SSIDCANARY", "on"),
        ("APSPOOF", "idle"),
        ("CHANCHANGE", "off"),
        ("CRYPTODROP", "on"),
        ("DEVICEFOUND", "idle"),
        ("SOURCESILENT", "off"),
    ] {
        assert_eq!(rule(name)["state"], state, "{name}");
    }
    let canary_rule = rule("SSIDCANARY");
    let pattern = json!([{ "name": "bird", "ssid": "^Canary" }]);
    assert_eq!(
        canary_rule["settings"],
        json!({ "ssidcanary_networks": pattern })
    );
    assert_eq!(
        (&canary_rule["rate"], &canary_rule["alerts"]),
        (&json!(OFTEN), &json!(0))
    );
    assert_eq!(canary_rule.get("last_raised"), None);
    assert_eq!(rule("APSPOOF")["severity"], "critical");
    assert_eq!(
        rule("SOURCESILENT")["settings"]["sourcesilent_least"],
        "10m"
    );

    server.report(json!([canary(1), canary(2)])).await;
    server
        .post_json(
            "/devices/alerts/mac/found/add.cmd",
            &json!({ "mac": "02:00:5E:10:00:01" }),
        )
        .await
        .expect_status(200);
    let rule = rules().await;
    assert_eq!(rule("SSIDCANARY")["alerts"], 2);
    assert!(rule("SSIDCANARY")["last_raised"].is_u64());
    assert_eq!(rule("DEVICEFOUND")["state"], "on");
}
