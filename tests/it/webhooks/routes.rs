//! Routes for webhooks, and webhooks in logs and error messages.

use std::fs;
use std::net::SocketAddr;

use reqwest::Client;
use scanpost::config::Webhook;
use serde_json::{Value, json};

use super::receiver::{Receiver, Reply, SECRET, webhook};
use crate::openapi::{check_record, properties};
use crate::program::{Running, run, scanpost};
use crate::server::TestServer;
use crate::snapshot::expect_snapshot;

const PATH: &str = "/api/v1/webhooks";

#[tokio::test]
async fn without_webhooks_the_list_is_empty() {
    let server = TestServer::start().await;
    assert_eq!(server.read(PATH).await, json!({ "webhooks": [] }));
    let test = server.post(&format!("{PATH}/home/test"), None, "").await;
    test.expect_error(404, "no webhook has the name `home`");
    server
        .get(&format!("{PATH}?x=1"))
        .await
        .expect_error(400, "x: ");
}

#[tokio::test]
async fn a_test_returns_the_response_and_the_list_hides_secrets() {
    let answers = [
        Reply::Status(200),
        Reply::Status(500),
        Reply::With(302, "location", "/"),
        Reply::Long,
        Reply::Cut,
    ];
    let mut answers = answers.into_iter();
    let receiver = Receiver::start(move |_| answers.next().unwrap()).await;
    let server = TestServer::start_with(|config| {
        let other = Webhook {
            url: "https://user.example/path?query".to_owned().into(),
            ..webhook("other", receiver.addr)
        };
        config.webhooks = vec![webhook("home", receiver.addr), other];
    })
    .await;
    let document = server.read("/api/openapi.json").await;
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        let answer = server.post(&format!("{PATH}/home/test"), None, "").await;
        let answer = answer.expect_status(200).json();
        check_record(&properties(&document, "WebhookTest"), &answer);
        outcomes.push(answer);
    }
    // The text comes from the HTTP library.
    let error = outcomes[4]["error"].take();
    assert!(
        error.as_str().is_some_and(|text| !text.is_empty()),
        "{error}"
    );
    expect_snapshot("webhook_tests", outcomes.into());

    let sent: Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    assert_eq!(
        (&sent["type"], &sent["data"]),
        (&json!("test"), &json!({ "webhook": "home" }))
    );
    let ids = receiver.ids();
    assert!(
        ids.iter().all(|id| id.starts_with("test_")) && ids[0] != ids[1],
        "{ids:?}"
    );

    let list = server.get(PATH).await.expect_status(200);
    for secret in ["hunter2", "hook", "whsec", "path", "query"] {
        let text = list.text.replace("webhooks", "");
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let mut list = list.json();
    check_record(&properties(&document, "Webhooks"), &list);
    let home = &mut list["webhooks"][0];
    check_record(&properties(&document, "Webhook"), home);
    assert_eq!(home["host"].take(), receiver.addr.to_string());
    expect_snapshot("webhooks", list);
}

fn entry(addr: SocketAddr, secret: &str) -> String {
    format!("[[webhooks]]\nname = \"home\"\nurl = \"http://{addr}/hook5?key=hunter2\"\n{secret}\n")
}

#[tokio::test]
async fn the_log_has_neither_the_secret_nor_more_of_the_url_than_the_host() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("scanpost.toml");
    fs::write(
        &config,
        entry(receiver.addr, "secret_env = \"HOME_HOOK_SECRET\""),
    )
    .unwrap();
    let running = Running::start(|command| {
        command
            .arg("--config")
            .arg(&config)
            .env("HOME_HOOK_SECRET", SECRET)
            .env("RUST_LOG", "trace");
    });
    let url = format!("http://{}{PATH}/home/test", running.addr);
    let answer = Client::new().post(url).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["answered"], 200);
    assert_eq!(receiver.got().len(), 1);
    running.signal("TERM");
    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    for secret in ["MfKQ9r8G", "hunter2", "hook5", "v1,"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn errors_at_the_start_name_the_webhook() {
    let dir = tempfile::tempdir().unwrap();
    let (config, secret) = (dir.path().join("scanpost.toml"), dir.path().join("secret"));
    fs::write(&secret, "hunter3").unwrap();
    let addr = "127.0.0.1:9".parse().unwrap();
    let given = format!("secret = {SECRET:?}\nca_file = {secret:?}");
    for (keys, words) in [
        (
            // Somebody may have put the secret itself there.
            "secret_env = \"hunter4\"".to_owned(),
            ["webhook `home`", "`secret_env`"],
        ),
        (
            format!("secret_file = {secret:?}"),
            ["webhook `home`", "must be whsec_"],
        ),
        (given, ["webhook `home`", "no certificate"]),
    ] {
        fs::write(&config, entry(addr, &keys)).unwrap();
        let mut command = scanpost();
        command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path().join("data"));
        let (code, _, log) = run(command.arg("--config").arg(&config));
        assert_eq!(code, Some(1), "{log}");
        assert!(words.iter().all(|word| log.contains(word)), "{log}");
        assert!(!log.contains("hunter"), "{log}");
    }
}
