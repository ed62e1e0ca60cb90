//! Monitors of groups of addresses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::live::{MONITOR, Subscriber};
use crate::server::{BLUETOOTH, TestServer, batch};

const MAC: &str = "kismet.device.base.macaddr";

fn masked(what: &str) -> Value {
    json!({ "monitor": what, "request": 31337, "rate": 0.1, "fields": [MAC] })
}

/// The example of Kismet's documentation: what is there is shown at once, and then what changes.
#[tokio::test]
async fn a_mask_monitors_a_group_of_addresses() {
    let server = TestServer::start().await;
    let reports = |addresses: &[&str]| -> Value {
        addresses
            .iter()
            .map(|addr| json!({ "bssid": addr }))
            .collect()
    };
    let (one, two, other) = (
        "02:00:5E:10:00:01",
        "02:00:5E:FF:00:02",
        "02:00:5F:10:00:01",
    );
    server.report(reports(&[one, two, other])).await;
    for mask in [
        "02:00:5E:00:00:00/FF:FF:FF:00:00:00",
        "02:00:5E:00:00:00*FF:FF:FF:00:00:00",
        "02-00-5e-12-34-56/ff-ff-ff-00-00-00",
        // Bits that need not stand at the beginning.
        "00:00:00:00:00:00/00:00:01:00:00:00",
    ] {
        let mut subscriber = Subscriber::connect(&server, MONITOR).await;
        subscriber.say(masked(mask)).await;
        let mut first = [subscriber.hear().await, subscriber.hear().await];
        first.sort_by_key(|frame| frame[MAC].to_string());
        assert_eq!(first, [json!({ MAC: one }), json!({ MAC: two })], "{mask}");
        server.report(reports(&[other])).await;
        server.report(reports(&[two])).await;
        assert_eq!(subscriber.hear().await, json!({ MAC: two }), "{mask}");
    }
    // One that comes later belongs to it too.
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    subscriber
        .say(masked("0A:00:00:00:00:00/FF:00:00:00:00:00"))
        .await;
    subscriber.settle().await;
    server.report(reports(&[one, "0A:00:00:00:00:07"])).await;
    assert_eq!(subscriber.hear().await, json!({ MAC: "0A:00:00:00:00:07" }));
    // A mask of all bits is one address.
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    subscriber
        .say(masked(&format!("{one}/FF:FF:FF:FF:FF:FF")))
        .await;
    assert_eq!(subscriber.hear().await, json!({ MAC: one }));
}

#[tokio::test]
async fn a_mask_in_a_view_shows_devices_of_the_view_and_a_wrong_one_is_refused() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "02:00:5E:10:00:01" }]))
        .await;
    let body = batch(json!([{ "btaddr": "02:00:5E:10:00:02" }]));
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    let view = "/devices/views/phy-Bluetooth/monitor.ws";
    let mut subscriber = Subscriber::connect(&server, view).await;
    subscriber
        .say(masked("02:00:5E:00:00:00/FF:FF:FF:00:00:00"))
        .await;
    assert_eq!(subscriber.hear().await, json!({ MAC: "02:00:5E:10:00:02" }));
    // Ended, it shows nothing more.
    subscriber.say(json!({ "cancel": 31337 })).await;
    subscriber.settle().await;
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    for wrong in [
        "02:00:5E:00:00:00/FF:FF:FF",
        "02:00:5E/FF:FF:FF:00:00:00",
        "*/*",
        "/",
    ] {
        subscriber.say(masked(wrong)).await;
        assert!(
            subscriber
                .hear_notice()
                .await
                .starts_with("monitor: expected "),
            "{wrong}"
        );
    }
}

/// More devices than one step shows.
#[tokio::test]
async fn a_mask_shows_all_of_a_large_group() {
    let server = TestServer::start().await;
    let reports: Value = (0..500)
        .map(|number| json!({ "bssid": format!("0200{number:08x}") }))
        .collect();
    server.report(reports.clone()).await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    subscriber
        .say(masked("02:00:00:00:00:00/FF:FF:00:00:00:00"))
        .await;
    let mut shown = BTreeSet::new();
    while shown.len() < 500 {
        shown.insert(subscriber.hear().await[MAC].to_string());
    }
}
