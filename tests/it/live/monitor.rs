//! The WebSockets `/devices/monitor.ws` and `/devices/views/{view}/monitor.ws`.

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{MONITOR, PATIENCE, Subscriber, addr, report};
use crate::server::{BLUETOOTH, SOURCE, TestServer, batch};

const MAC: &str = "kismet.device.base.macaddr";
const PACKETS: &str = "kismet.device.base.packets.total";

fn monitor(what: &str, request: i64) -> Value {
    json!({ "monitor": what, "request": request, "rate": 0.1, "fields": [MAC, PACKETS] })
}

fn shown(number: u8, packets: u64) -> Value {
    json!({ MAC: addr(number), PACKETS: packets })
}

#[tokio::test]
async fn one_device_is_shown_at_once_and_when_it_changes() {
    let server = TestServer::start().await;
    server.report(json!([report(1), report(2)])).await;
    let key = server.device(&addr(1)).await["kismet.device.base.key"].clone();
    for name in [key.as_str().unwrap(), &addr(1), "02-00-00-00-00-01"] {
        let mut subscriber = Subscriber::connect(&server, MONITOR).await;
        subscriber.say(monitor(name, 7)).await;
        let first = subscriber.hear().await;
        let packets = first[PACKETS].as_u64().unwrap();
        assert_eq!(first, shown(1, packets));
        server.report(json!([report(2)])).await;
        server.report(json!([report(1)])).await;
        assert_eq!(subscriber.hear().await, shown(1, packets + 1), "{name}");
    }
}

#[tokio::test]
async fn without_fields_the_record_is_whole_and_an_unknown_device_is_awaited() {
    let server = TestServer::start().await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    let request = json!({ "monitor": addr(1), "request": 1, "rate": 0.1, "format": "json" });
    subscriber.say(request).await;
    subscriber.settle().await;
    server.report(json!([report(1)])).await;
    let device = subscriber.hear().await;
    assert_eq!(device[MAC], addr(1));
    assert!(device.get("dot11.device").is_some(), "{device}");
}

#[tokio::test]
async fn a_star_shows_what_changes_from_now_on() {
    let server = TestServer::start().await;
    server.report(json!([report(1), report(2)])).await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    subscriber.say(monitor("*", 1)).await;
    subscriber.settle().await;
    server.report(json!([report(2)])).await;
    assert_eq!(subscriber.hear().await, shown(2, 2));
    server.report(json!([report(1)])).await;
    assert_eq!(subscriber.hear().await, shown(1, 2));
    // Each device is sent once per interval, however often it changed.
    let reports: Vec<Value> = (0..500).map(|number| report(1000 + number / 2)).collect();
    server.report(Value::from(reports)).await;
    let mut macs = Vec::new();
    for _ in 0..250 {
        let frame = subscriber.hear().await;
        assert_eq!(frame[PACKETS], 2);
        macs.push(frame[MAC].as_str().unwrap().to_owned());
    }
    macs.sort_unstable();
    macs.dedup();
    assert_eq!(macs.len(), 250);
}

#[tokio::test]
async fn a_view_shows_its_own_devices_only() {
    let server = TestServer::start().await;
    let other = SOURCE.replace('4', "5");
    let report_another = async || {
        let mut reports = batch(json!([{ "btaddr": addr(2) }]));
        reports["source_uuid"] = json!(other);
        let answer = server.post_json(BLUETOOTH, &reports).await;
        answer.expect_status(200);
    };
    report_another().await;
    for (view, packets) in [
        ("phy-Bluetooth", 2),
        ("phy/Bluetooth", 3),
        (&*format!("seenby-{other}"), 4),
        (&*format!("seenby-uuid/{other}"), 5),
    ] {
        let path = format!("/devices/views/{view}/monitor.ws");
        let mut subscriber = Subscriber::connect(&server, &path).await;
        subscriber.say(monitor("*", 1)).await;
        subscriber.say(monitor(&addr(1), 2)).await;
        subscriber.settle().await;
        server.report(json!([report(1)])).await;
        report_another().await;
        assert_eq!(subscriber.hear().await, shown(2, packets), "{view}");
    }
}

#[tokio::test]
async fn a_number_is_monitored_once_and_can_be_cancelled() {
    let server = TestServer::start().await;
    server
        .report(json!([report(1), report(2), report(3)]))
        .await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    subscriber.say(monitor(&addr(1), 1)).await;
    assert_eq!(subscriber.hear().await, shown(1, 1));
    subscriber.say(monitor(&addr(2), 1)).await;
    assert_eq!(subscriber.hear().await, shown(2, 1));
    subscriber.say(json!({ "cancel": 1 })).await;
    subscriber.settle().await;
    server.report(json!([report(1), report(2)])).await;
    subscriber.say(monitor(&addr(3), 2)).await;
    assert_eq!(subscriber.hear().await, shown(3, 1));
    server.report(json!([report(3)])).await;
    assert_eq!(subscriber.hear().await, shown(3, 2));
}

#[tokio::test]
async fn a_malformed_request_is_answered_and_the_socket_lives() {
    let server = TestServer::start().await;
    server.report(json!([report(1)])).await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    for (request, reason) in [
        (json!([]), "expected a JSON object"),
        (json!({}), "expected monitor or cancel"),
        (json!({ "cancel": "x" }), "cancel: expected a whole number"),
        (
            json!({ "monitor": 1, "request": 1 }),
            "monitor: expected a text",
        ),
        (
            json!({ "monitor": "?", "request": 1 }),
            "monitor: expected a device's",
        ),
        (
            json!({ "monitor": "*" }),
            "request: expected a whole number",
        ),
        (json!({ "monitor": "*", "request": 1, "rate": 0 }), "rate: "),
        (
            json!({ "monitor": "*", "request": 1, "rate": "1" }),
            "rate: ",
        ),
        (
            json!({ "monitor": "*", "request": 1, "rate": 86_401 }),
            "rate: ",
        ),
        (
            json!({ "monitor": "*", "request": 1, "fields": {} }),
            "fields: ",
        ),
    ] {
        subscriber.say(&request).await;
        let told = subscriber.hear_notice().await;
        assert!(told.starts_with(reason), "{request}: {told}");
    }
    subscriber.say(monitor(&addr(1), 1)).await;
    assert_eq!(subscriber.hear().await, shown(1, 1));
}

#[tokio::test]
async fn a_socket_monitors_all_devices_once() {
    let server = TestServer::start().await;
    server.report(json!([report(1)])).await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    subscriber.say(monitor("*", 1)).await;
    subscriber.say(monitor("*", 2)).await;
    let notice = subscriber.hear_notice().await;
    assert!(notice.contains("has a monitor of * already"), "{notice}");
    // The same number replaces it, and after a cancel there is room.
    subscriber.say(monitor("*", 1)).await;
    subscriber.say(json!({ "cancel": 1 })).await;
    subscriber.say(monitor("*", 2)).await;
    subscriber.settle().await;
    server.report(json!([report(1)])).await;
    assert_eq!(subscriber.hear().await, shown(1, 2));
}

#[tokio::test]
async fn a_monitor_keeps_no_list_waiting() {
    let server = TestServer::start_with(|config| config.limits.device_walks_max = 1).await;
    server.report(json!([report(1)])).await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    let mut hourly = monitor(&addr(1), 1);
    hourly["rate"] = json!(3600);
    subscriber.say(hourly).await;
    assert_eq!(subscriber.hear().await, shown(1, 1));
    let list = server.get("/devices/views/all/devices.json?sort=kismet.device.base.name");
    let answer = timeout(PATIENCE, list)
        .await
        .expect("the list waits for ever");
    answer.expect_status(200);
}
