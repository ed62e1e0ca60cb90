//! Who listens has bounds, and a slow reader slows nobody.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{EVENTBUS, MONITOR, PATIENCE, Subscriber, addr, report};
use crate::server::TestServer;

/// Reports far more new devices than sockets hold, each of which has to be taken.
async fn report_thousands(server: &TestServer) {
    for part in 0..20 {
        let reports: Vec<Value> = (0..250).map(|number| report(part * 250 + number)).collect();
        server.report(Value::from(reports)).await;
    }
}

async fn connections(server: &TestServer) -> Value {
    server.read("/system/status.json").await["kismet.system.num_http_connections"].clone()
}

/// Waits until the only connection is the one that asks.
async fn until_alone(server: &TestServer) {
    let alone = async {
        while connections(server).await != 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, alone)
        .await
        .expect("a connection is held");
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told_and_goes_on() {
    let server = TestServer::start_with(|config| config.limits.events_queue_max = 16).await;
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    subscriber.say(json!({ "SUBSCRIBE": "NEW_DEVICE" })).await;
    subscriber.settle().await;
    report_thousands(&server).await;
    let told = loop {
        let frame = subscriber.hear().await;
        if let Some(message) = frame.get("MESSAGE") {
            break message["kismet.messagebus.message_string"].to_string();
        }
    };
    assert!(told.contains("events were skipped"), "{told}");
    server.report(json!([report(1_000_000)])).await;
    let last = "02:00:00:0F:42:40";
    while subscriber.hear().await["NEW_DEVICE"]["kismet.device.base.macaddr"] != last {}
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_dropped() {
    let monitor = json!({ "monitor": "*", "request": 1, "rate": 0.1 });
    for (path, request) in [
        (EVENTBUS, json!({ "SUBSCRIBE": "NEW_DEVICE" })),
        (MONITOR, monitor),
    ] {
        let server = TestServer::start_with(|config| {
            config.limits.subscriber_timeout = Duration::from_millis(300);
        })
        .await;
        let mut subscriber = Subscriber::connect(&server, path).await;
        subscriber.say(request).await;
        subscriber.settle().await;
        report_thousands(&server).await;
        until_alone(&server).await;
        assert_eq!(subscriber.end().await, None, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_dropped_and_one_that_does_stays() {
    let server = TestServer::start_with(|config| {
        // Nothing but pings moves for longer than a connection may be idle.
        config.limits.idle_timeout = Duration::from_millis(500);
        config.limits.ping_interval = Duration::from_millis(100);
    })
    .await;
    let mut stays = Subscriber::connect(&server, EVENTBUS).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    let request = "GET /devices/monitor.ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    silent.write_all(request.as_bytes()).await.unwrap();
    let dropped = async {
        let mut sent = Vec::new();
        silent.read_to_end(&mut sent).await.ok();
        sent
    };
    let listens = async {
        for _ in 0..10 {
            let ping = stays.next().await.unwrap().unwrap();
            assert!(ping.is_ping(), "{ping}");
        }
    };
    let (sent, ()) = timeout(PATIENCE, async { tokio::join!(dropped, listens) })
        .await
        .unwrap();
    assert!(sent.starts_with(b"HTTP/1.1 101 "));
    assert!(sent.ends_with(b"\x89\x00"), "a ping came last: {sent:?}");
}

#[tokio::test]
async fn there_are_as_many_subscribers_as_may_be_and_no_more() {
    let server = TestServer::start_with(|config| config.limits.subscribers_max = 2).await;
    let mut one = Subscriber::connect(&server, EVENTBUS).await;
    let mut two = Subscriber::connect(&server, MONITOR).await;
    one.settle().await;
    two.settle().await;
    match Subscriber::try_connect(&server, EVENTBUS).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers()["retry-after"], "1");
        }
        other => panic!("{:?}", other.map(|_| "a third subscriber")),
    }
    assert_eq!(connections(&server).await, 3);
    one.0.close(None).await.unwrap();
    assert_eq!(one.end().await, None);
    until_place(&server).await;
}

/// Waits for the place of a subscriber that left.
async fn until_place(server: &TestServer) {
    let free = async { while Subscriber::try_connect(server, EVENTBUS).await.is_err() {} };
    timeout(PATIENCE, free)
        .await
        .expect("the place stays taken");
}

#[tokio::test]
async fn a_subscriber_has_as_many_subscriptions_as_may_be_and_no_more() {
    let server = TestServer::start_with(|config| config.limits.subscriptions_max = 2).await;
    let of_topic = |topic: &str| json!({ "SUBSCRIBE": topic });
    let of_device = |request| json!({ "monitor": addr(1), "request": request });
    for (path, requests, ending) in [
        (
            EVENTBUS,
            ["ALERT", "NEW_PHY", "ALERT", "RADIATION"].map(of_topic),
            json!({ "UNSUBSCRIBE": "ALERT" }),
        ),
        (MONITOR, [1, 2, 1, 3].map(of_device), json!({ "cancel": 1 })),
    ] {
        let mut subscriber = Subscriber::connect(&server, path).await;
        for request in &requests[..3] {
            subscriber.say(request).await;
        }
        subscriber.settle().await;
        subscriber.say(&requests[3]).await;
        let told = subscriber.hear_notice().await;
        assert!(told.ends_with("as many as there may be"), "{told}");
        subscriber.say(ending).await;
        subscriber.say(&requests[3]).await;
        subscriber.settle().await;
    }
}

#[tokio::test]
async fn a_message_at_the_bound_is_read_and_a_longer_one_closes() {
    let server =
        TestServer::start_with(|config| config.limits.subscriber_message_bytes_max = 100).await;
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    subscriber.say(format!("{:100}", "{}")).await;
    assert!(subscriber.hear_notice().await.starts_with("expected "));
    subscriber.say(format!("{:101}", "{}")).await;
    assert_eq!(subscriber.end().await, Some(1009));
}

#[tokio::test]
async fn a_binary_message_closes() {
    let server = TestServer::start().await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    let message = Message::binary(b"{}".to_vec());
    subscriber.0.send(message).await.unwrap();
    assert_eq!(subscriber.end().await, Some(1003));
}

#[tokio::test]
async fn what_is_no_websocket_request_is_told_so() {
    let server = TestServer::start().await;
    for path in [EVENTBUS, MONITOR, "/devices/views/all/monitor.ws"] {
        let answer = server.get(path).await;
        assert_eq!(answer.headers["upgrade"], "websocket");
        answer.expect_error(426, "WebSocket");
    }
    match Subscriber::try_connect(&server, "/devices/views/none/monitor.ws").await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 404),
        other => panic!("{:?}", other.map(|_| "there is no such view")),
    }
}

#[tokio::test]
async fn at_the_end_subscribers_are_told_that_the_server_goes() {
    let server = TestServer::start().await;
    let mut one = Subscriber::connect(&server, EVENTBUS).await;
    let mut two = Subscriber::connect(&server, MONITOR).await;
    one.settle().await;
    two.settle().await;
    // Takes nothing any more, not even a goodbye.
    let mut deaf = Subscriber::connect(&server, EVENTBUS).await;
    deaf.say(json!({ "SUBSCRIBE": "NEW_DEVICE" })).await;
    deaf.settle().await;
    report_thousands(&server).await;
    let restarted = tokio::spawn(server.restart());
    assert_eq!(one.end().await, Some(1001));
    assert_eq!(two.end().await, Some(1001));
    let restarted = timeout(PATIENCE, restarted).await.unwrap().unwrap();
    assert_eq!(restarted.device_count().await, 5000);
    assert_eq!(connections(&restarted).await, 1);
}
