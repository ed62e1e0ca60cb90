//! The message bus over plain HTTP.

use serde_json::{Value, json};

use super::{addr, report};
use crate::server::{BLUETOOTH, SOURCE, TestServer, WIFI, batch};

fn texts(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| {
            message["kismet.messagebus.message_string"]
                .as_str()
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn messages_are_listed_oldest_first() {
    let server = TestServer::start().await;
    assert_eq!(
        server.read("/messagebus/all_messages.json").await,
        json!([])
    );
    server.report(json!([{ "bssid": addr(1) }])).await;
    server
        .post_json(WIFI, &batch(json!([report(1), { "bssid": "nobody" }])))
        .await
        .expect_status(200);
    server
        .post(BLUETOOTH, Some("application/json"), "{")
        .await
        .expect_status(400);
    let messages = server.read("/messagebus/all_messages.json").await;
    let texts = texts(&messages);
    assert_eq!(
        texts[..2],
        [
            format!("New source of scan reports: {SOURCE}"),
            format!("Detected new 802.11 Wi-Fi access point {}", addr(1)),
        ]
    );
    let refused = format!("Phy80211/Wi-Fi scan report of {SOURCE}: 1 reports refused");
    assert!(texts[2].starts_with(&refused), "{texts:?}");
    assert!(texts[3].contains("advertising SSID 'x'"), "{texts:?}");
    assert!(
        texts[4].starts_with("Bluetooth scan report refused: "),
        "{texts:?}"
    );
    let flags: Vec<_> = (0..5)
        .map(|at| {
            messages[at]["kismet.messagebus.message_flags"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(flags, [2, 2, 4, 2, 4]);
}

#[tokio::test]
async fn messages_are_polled_by_time() {
    let server = TestServer::start().await;
    let now = server.read("/system/timestamp.json").await["kismet.system.timestamp.sec"]
        .as_u64()
        .unwrap();
    server.report(json!([report(1)])).await;
    let said_since = async |since: String| {
        let path = format!("/messagebus/last-time/{since}/messages.json");
        let answer = server.read(&path).await;
        assert!(now <= answer["kismet.messagebus.timestamp"].as_u64().unwrap());
        answer["kismet.messagebus.list"].as_array().unwrap().len()
    };
    assert_eq!(said_since("0".to_owned()).await, 3);
    assert_eq!(said_since(format!("{now}.123456")).await, 3);
    assert_eq!(said_since("-60".to_owned()).await, 3);
    assert_eq!(said_since((now + 1000).to_string()).await, 0);
    server
        .get("/messagebus/last-time/noon/messages.json")
        .await
        .expect_error(400, "timestamp");
}
