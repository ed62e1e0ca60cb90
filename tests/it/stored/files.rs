//! The small files beside the log: credentials, alerts, and the progress of webhooks.

use std::time::Duration;

use reqwest::Method;
use scanpost::config::alerts::Network;
use scanpost::config::{AuthMode, Config};
use serde_json::{Value, json};

use crate::auth::{basic, get_with};
use crate::server::{Answer, TestServer, WIFI, batch, copy_of_fixture};
use crate::webhooks::receiver::{Receiver, Reply, webhook};

const KEYS: [(&str, &str); 3] = [
    ("readonly", "64689B044880D416DB30CBBA80788909"),
    ("scanreport", "30D96877B8C1BFEC804D86DED8D51B35"),
    ("admin", "FB41443EE52BB02E27A8B8DC86A25C58"),
];

#[tokio::test]
async fn users_and_keys_of_version_1_work() {
    let mut config = Config::default();
    config.auth.mode = AuthMode::Required;
    let server = TestServer::start_on(copy_of_fixture("kept-1"), config).await;
    let status = "/system/status.json";
    server.get(status).await.expect_status(401);
    for (password, code) in [("right horse", 200), ("wrong horse", 401)] {
        let request = basic(server.request(Method::GET, status), "admin", password);
        Answer::of(request).await.expect_status(code);
    }
    for (role, key) in KEYS {
        let bearer = format!("Bearer {key}");
        let reads = get_with(&server, status, "authorization", &bearer).await;
        reads.expect_status(if role == "scanreport" { 403 } else { 200 });
        let report = server
            .request(Method::POST, WIFI)
            .header("authorization", bearer)
            .body(batch(json!([{ "bssid": "02:00:5E:10:00:99" }])).to_string());
        let code = if role == "readonly" { 403 } else { 200 };
        Answer::of(report).await.expect_status(code);
    }
}

#[tokio::test]
async fn alerts_definitions_and_watched_addresses_of_version_1_are_there() {
    let server = TestServer::start_on_fixture("kept-1").await;
    let page = server.read("/api/v1/alerts").await;
    let alerts = page["alerts"].as_array().unwrap().iter();
    let alerts: Vec<_> = alerts
        .map(|alert| [&alert["id"], &alert["address"]])
        .collect();
    let expected = json!([
        ["f33dd8c6-0e50-41c5-a34d-3f6923faf66a", "02:00:5E:77:00:02"],
        ["c499f31f-SSIDCANARY-20-1", "02:00:5E:CA:00:03"],
        ["c499f31f-SSIDCANARY-19-1", "02:00:5E:CA:00:02"],
        ["c499f31f-SSIDCANARY-18-1", "02:00:5E:CA:00:01"],
    ]);
    assert_eq!(json!(alerts), expected);
    assert_eq!(page["alerts"][0]["text"], "raised over HTTP");
    let definitions = server.read("/alerts/definitions.json").await;
    assert!(
        definitions.to_string().contains("defined over HTTP"),
        "{definitions}"
    );
    for (kind, watched) in [
        ("found", json!(["02:00:5E:77:00:99"])),
        (
            "lost",
            json!(["02:00:5E:77:00:98", "02:00:5E:88:00:00/FF:FF:FF:FF:00:00"]),
        ),
    ] {
        let path = format!("/devices/alerts/mac/{kind}/macs.json");
        assert_eq!(server.read(&path).await, watched, "{kind}");
    }
    // A defined alert can be raised, and a watched device raises one.
    let command = json!({ "name": "FIXTURE", "text": "again", "bssid": "02:00:5E:77:00:02" });
    server
        .post_json("/alerts/raise_alerts.cmd", &command)
        .await
        .expect_status(200);
    server
        .report(json!([{ "bssid": "02:00:5E:77:00:99" }]))
        .await;
    let page = server.read("/api/v1/alerts").await;
    let rules: Vec<_> = page["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["rule"].clone())
        .collect();
    assert_eq!(json!(rules[..2]), json!(["DEVICEFOUND", "FIXTURE"]));
}

#[tokio::test]
async fn alerts_of_version_1_can_be_acknowledged_and_those_of_version_2_are() {
    let server = TestServer::start_on_fixture("kept-1").await;
    let path = "/api/v1/alerts/c499f31f-SSIDCANARY-20-1/acknowledge";
    server
        .post_json(path, &json!({ "comment": "ours" }))
        .await
        .expect_status(200);
    let server = server.restart().await;
    let later = TestServer::start_on_fixture("alerts-2").await;
    for server in [&server, &later] {
        let page = server.read("/api/v1/alerts?acknowledged=true").await;
        let [alert] = page["alerts"].as_array().unwrap().as_slice() else {
            panic!("{page}");
        };
        assert_eq!(alert["id"], "c499f31f-SSIDCANARY-20-1");
        assert_eq!(alert["comments"][0]["text"], "ours");
    }
    let page = later.read("/api/v1/alerts").await;
    assert_eq!(page["alerts"].as_array().unwrap().len(), 4);
    assert_eq!(page["alerts"][0]["comments"][0]["text"], "and this one?");
}

/// Two alerts were delivered, and the receiver refused the third.
#[tokio::test]
async fn a_webhook_continues_after_its_cursor_of_version_1() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let mut config = Config::default();
    let mut home = webhook("home", receiver.addr);
    home.rules = vec!["SSIDCANARY".to_owned()];
    home.give_up_after = Duration::ZERO;
    config.webhooks = vec![home];
    config.alerts.ssidcanary = "100/min,100/sec".to_owned();
    config.alerts.ssidcanary_networks = vec![Network {
        name: "bird".to_owned(),
        ssid: "^Canary".to_owned(),
    }];
    let server = TestServer::start_on(copy_of_fixture("kept-1"), config).await;
    server
        .report(json!([{ "bssid": "02:00:5E:CA:00:04", "ssid": "Canary 4" }]))
        .await;
    receiver.until(|got| got.len() == 2).await;
    let texts: Vec<String> = receiver
        .got()
        .iter()
        .map(|got| {
            let body: Value = serde_json::from_slice(&got.body).unwrap();
            body["data"]["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(
        texts[0].contains("'Canary 3'") && texts[1].contains("'Canary 4'"),
        "{texts:?}"
    );
}
