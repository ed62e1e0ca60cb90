//! The WebSocket `/eventbus/events.ws`.

use serde_json::json;

use super::{EVENTBUS, Subscriber, addr, report};
use crate::program::Running;
use crate::server::{SOURCE, TestServer, timeless};

async fn subscribed(server: &TestServer, topics: &[&str]) -> Subscriber {
    let mut subscriber = Subscriber::connect(server, EVENTBUS).await;
    for topic in topics {
        subscriber.say(json!({ "SUBSCRIBE": topic })).await;
    }
    subscriber.settle().await;
    subscriber
}

#[tokio::test]
async fn a_new_device_emits_its_events_once() {
    let server = TestServer::start().await;
    let topics = ["NEW_DEVICE", "NEW_DATASOURCE", "MESSAGE"];
    let mut subscriber = subscribed(&server, &topics).await;
    server.report(json!([report(1)])).await;
    let source = subscriber.hear().await;
    let record = &source["NEW_DATASOURCE"];
    assert_eq!(record["kismet.datasource.uuid"], SOURCE);
    assert_eq!(record["kismet.datasource.name"], "phone");
    let said = subscriber.hear().await;
    let text = said["MESSAGE"]["kismet.messagebus.message_string"].as_str();
    assert!(text.unwrap().contains(SOURCE), "{said}");
    let device = subscriber.hear().await;
    let shown = json!({ "NEW_DEVICE": server.device(&addr(1)).await });
    assert_eq!(timeless(device), timeless(shown));
    let said = subscriber.hear().await;
    assert_eq!(
        said["MESSAGE"]["kismet.messagebus.message_string"],
        format!("Detected new 802.11 Wi-Fi access point {}", addr(1))
    );
    assert_eq!(said["MESSAGE"]["kismet.messagebus.message_flags"], 2);
    let said = subscriber.hear().await;
    assert_eq!(
        said["MESSAGE"]["kismet.messagebus.message_string"],
        format!("802.11 Wi-Fi device {} advertising SSID 'x'", addr(1))
    );
    // A repeated report emits no event, so the next event is the next new device.
    server.report(json!([report(1)])).await;
    server.report(json!([report(2)])).await;
    let device = subscriber.hear().await;
    assert_eq!(
        device["NEW_DEVICE"]["kismet.device.base.macaddr"],
        addr(2),
        "{device}"
    );
}

#[tokio::test]
async fn an_unsubscribed_topic_sends_no_events() {
    let server = TestServer::start().await;
    let mut subscriber = subscribed(&server, &["NEW_DEVICE", "NEW_DATASOURCE"]).await;
    subscriber
        .say(json!({ "UNSUBSCRIBE": "NEW_DATASOURCE" }))
        .await;
    subscriber.settle().await;
    server.report(json!([report(1)])).await;
    // An event of the source would have come first.
    let told = subscriber.hear().await;
    assert!(told.get("NEW_DEVICE").is_some(), "{told}");
}

#[tokio::test]
async fn fields_and_format_are_chosen_by_subscription() {
    let server = TestServer::start().await;
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    let fields = ["kismet.device.base.macaddr", "kismet.datasource.name"];
    for request in [
        json!({ "SUBSCRIBE": "NEW_DEVICE" }),
        json!({ "SUBSCRIBE": "NEW_DEVICE", "fields": fields, "format": "json" }),
        json!({ "SUBSCRIBE": "NEW_DATASOURCE", "fields": [[fields[1], "who"]], "format": "ekjson" }),
    ] {
        subscriber.say(request).await;
    }
    subscriber.settle().await;
    server.report(json!([report(1)])).await;
    let source = subscriber.hear().await;
    assert_eq!(source, json!({ "NEW_DATASOURCE": { "who": "phone" } }));
    let device = subscriber.hear().await;
    assert_eq!(
        device,
        json!({ "NEW_DEVICE": { fields[0]: addr(1), fields[1]: 0 } })
    );
}

#[tokio::test]
async fn topics_of_each_second_are_sent_and_a_star_means_all() {
    let server = TestServer::start().await;
    let mut subscriber = subscribed(&server, &["*"]).await;
    for (topic, field) in [
        ("TIMESTAMP", "kismet.system.timestamp.sec"),
        ("BATTERY", "kismet.system.battery.charging"),
        ("STATISTICS", "kismet.system.devices.count"),
        ("PACKETCHAIN_STATS", "kismet.packetchain.packets_rrd"),
        ("GPS_LOCATION", "kismet.common.location.geopoint"),
    ] {
        let told = subscriber.hear().await;
        assert!(told[topic].get(field).is_some(), "{topic}: {told}");
    }
    server.report(json!([report(1)])).await;
    // An event of the next second may come first.
    while subscriber.hear().await.get("NEW_DEVICE").is_none() {}
}

#[tokio::test]
async fn pausing_and_resuming_a_source_emits_events() {
    let server = TestServer::start().await;
    server.report(json!([report(1)])).await;
    let topics = ["DATASOURCE_PAUSED", "DATASOURCE_RESUMED"];
    let mut subscriber = subscribed(&server, &topics).await;
    for (command, topic) in ["pause", "resume"].into_iter().zip(topics) {
        let path = format!("/datasource/by-uuid/{SOURCE}/{command}_source.cmd");
        server.read(&path).await;
        // A command that changes nothing emits no event.
        server.get(&path).await.expect_status(409);
        assert_eq!(subscriber.hear().await, json!({ topic: SOURCE }));
    }
}

#[tokio::test]
async fn a_malformed_request_is_answered_and_the_socket_lives() {
    let server = TestServer::start().await;
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    for (request, reason) in [
        ("hello", "expected a JSON object"),
        ("[]", "expected a JSON object"),
        ("{\"SUBSCRIBE\"", "expected a JSON object"),
        ("{}", "expected SUBSCRIBE or UNSUBSCRIBE"),
        ("{\"SUBSCRIBE\": 1}", "SUBSCRIBE: expected a text"),
        ("{\"UNSUBSCRIBE\": null}", "UNSUBSCRIBE: expected a text"),
        (
            "{\"SUBSCRIBE\": \"NEWS\"}",
            "SUBSCRIBE: there is no such topic",
        ),
        ("{\"SUBSCRIBE\": \"ALERT\", \"fields\": 1}", "fields: "),
        ("{\"SUBSCRIBE\": \"ALERT\", \"format\": \"x\"}", "format: "),
    ] {
        subscriber.say(request).await;
        let told = subscriber.hear_notice().await;
        assert!(told.starts_with(reason), "{request}: {told}");
    }
    subscriber.say(json!({ "SUBSCRIBE": "NEW_DEVICE" })).await;
    subscriber.settle().await;
    server.report(json!([report(1)])).await;
    assert!(subscriber.hear().await.get("NEW_DEVICE").is_some());
}

#[tokio::test]
async fn what_a_subscriber_sends_is_in_no_log() {
    let running = Running::start(|command| {
        command.env("RUST_LOG", "trace");
    });
    let mut subscriber = Subscriber::connect_to(&running.addr, EVENTBUS)
        .await
        .unwrap();
    subscriber.say(r#"{"hunter2": 1}"#).await;
    subscriber.hear_notice().await;
    drop(subscriber);
    let mut log = running.start.clone();
    running.stop_and_log(&mut log);
    assert!(!log.contains("hunter2"), "{log}");
}
