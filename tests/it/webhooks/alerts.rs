//! From a report to the receiver, through the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use scanpost::config::alerts::Network;
use serde_json::{Value, json};

use super::receiver::{Receiver, Reply, webhook};
use crate::server::TestServer;

#[tokio::test]
async fn an_alert_is_sent_once_the_receiver_is_back_even_after_a_restart() {
    let is_back = Arc::new(AtomicBool::new(false));
    let decide = {
        let is_back = Arc::clone(&is_back);
        move |_: &_| {
            Reply::Status(if is_back.load(Ordering::Acquire) {
                200
            } else {
                503
            })
        }
    };
    let receiver = Receiver::start(decide).await;
    let server = TestServer::start_with(|config| {
        config.webhooks = vec![webhook("home", receiver.addr)];
        config.alerts.ssidcanary = "100/min,100/sec".to_owned();
        config.alerts.ssidcanary_networks = vec![Network {
            name: "bird".to_owned(),
            ssid: "^Canary".to_owned(),
        }];
    })
    .await;
    for number in 1..=3 {
        let bssid = format!("02:00:5E:10:00:{number:02X}");
        server
            .report(json!([{ "bssid": bssid, "ssid": format!("Canary {number}") }]))
            .await;
    }
    receiver.until(|got| !got.is_empty()).await;
    let server = server.restart().await;
    let page = server.read("/api/v1/alerts").await;
    let mut raised = page["alerts"].as_array().unwrap().clone();
    raised.reverse();
    assert_eq!(raised.len(), 3);
    let refused = receiver.got().len();
    is_back.store(true, Ordering::Release);
    let last = raised[2]["id"].as_str().unwrap().to_owned();
    receiver
        .until(|got| got[refused..].iter().any(|got| got.id() == last))
        .await;
    // The alert in flight when the receiver recovered was still refused, so it comes once more.
    let mut sent: Vec<(String, Value)> = Vec::new();
    for got in &receiver.got()[refused..] {
        let body: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(body["type"], "alert");
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z'), "{body}");
        sent.push((got.id().to_owned(), body["data"].clone()));
    }
    sent.dedup();
    let raised: Vec<_> = raised
        .into_iter()
        .map(|alert| (alert["id"].as_str().unwrap().to_owned(), alert))
        .collect();
    assert_eq!(sent, raised);
}
