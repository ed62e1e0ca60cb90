//! Limits of subscribers. A slow reader does not slow down others.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{EVENTBUS, MONITOR, PATIENCE, Subscriber, addr, report};
use crate::program::Running;
use crate::server::{TestServer, WIFI, batch};

/// Reports so many new devices that their events do not fit into the buffers of the sockets.
fn thousands() -> impl Iterator<Item = Value> {
    (0..20).map(|part| (0..250).map(|number| report(part * 250 + number)).collect())
}

async fn report_thousands(server: &TestServer) {
    for reports in thousands() {
        server.report(reports).await;
    }
}

async fn connections(server: &TestServer) -> Value {
    server.read("/system/status.json").await["kismet.system.num_http_connections"].clone()
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
        let mut running = Running::start(|command| {
            command
                .env("SCANPOST_LIMITS__SUBSCRIBER_TIMEOUT", "300ms")
                .env("SCANPOST_LIMITS__SUBSCRIBER_BYTES_PER_SECOND_MAX", "0")
                .env("SCANPOST_LOGGING__LEVEL", "debug");
        });
        let subscriber = Subscriber::connect_to(&running.addr, path).await;
        let mut subscriber = subscriber.unwrap();
        subscriber.say(request).await;
        subscriber.settle().await;
        let client = Client::new();
        for body in thousands().map(batch) {
            let post = client.post(format!("http://{}{WIFI}", running.addr));
            assert_eq!(post.json(&body).send().await.unwrap().status(), 200);
        }
        running.wait_for("a subscriber is dropped");
        assert_eq!(subscriber.end().await, None, "{path}");
        running.stop();
    }
}

const PING_INTERVAL: Duration = Duration::from_millis(100);
const IDLE_TIMEOUT: Duration = Duration::from_millis(500);

/// A server that sends only pings for longer than the idle timeout.
async fn pinging() -> TestServer {
    TestServer::start_with(|config| {
        config.limits.idle_timeout = IDLE_TIMEOUT;
        config.limits.ping_interval = PING_INTERVAL;
    })
    .await
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_dropped() {
    let server = pinging().await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    let request = "GET /devices/monitor.ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    silent.write_all(request.as_bytes()).await.unwrap();
    let mut sent = Vec::new();
    let dropped = timeout(PATIENCE, silent.read_to_end(&mut sent)).await;
    dropped
        .expect("the server never closes the connection")
        .ok();
    assert!(sent.starts_with(b"HTTP/1.1 101 "));
    assert!(sent.ends_with(b"\x89\x00"), "a ping came last: {sent:?}");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let server = pinging().await;
    // If the machine hangs for longer than a ping may take, the client answers too late, and the test tries again.
    for _ in 0..100 {
        let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
        let (mut answered, mut pings) = (Instant::now(), 0);
        loop {
            let heard = subscriber.next().await;
            let is_late = PING_INTERVAL * 3 / 2 < answered.elapsed();
            answered = Instant::now();
            match heard {
                Some(Ok(message)) if message.is_ping() => pings += 1,
                _ if is_late => break,
                other => panic!("after {pings} pings: {other:?}"),
            }
            if IDLE_TIMEOUT * 2 < PING_INTERVAL * pings {
                return;
            }
        }
    }
    panic!("the machine was too slow in every attempt");
}

#[tokio::test]
async fn the_number_of_subscribers_is_limited() {
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
    // The server frees the place before the client sees the end of the connection.
    Subscriber::connect(&server, EVENTBUS).await.settle().await;
}

#[tokio::test]
async fn the_subscriptions_of_a_subscriber_are_limited() {
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
async fn a_plain_request_to_a_websocket_route_is_426() {
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
async fn subscribers_get_a_close_frame_when_the_server_stops() {
    let server = TestServer::start().await;
    let mut one = Subscriber::connect(&server, EVENTBUS).await;
    let mut two = Subscriber::connect(&server, MONITOR).await;
    one.settle().await;
    two.settle().await;
    // Reads nothing any more, not even the close frame.
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

#[tokio::test]
async fn a_client_has_a_part_of_the_places() {
    let server =
        TestServer::start_with(|config| config.limits.subscribers_per_client_max = 2).await;
    let mut open = Vec::new();
    for path in [EVENTBUS, MONITOR] {
        open.push(Subscriber::connect(&server, path).await);
    }
    match Subscriber::try_connect(&server, EVENTBUS).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 429),
        other => panic!("{:?}", other.map(|_| "a third subscriber")),
    }
    let mut first = open.remove(0);
    first.0.close(None).await.unwrap();
    assert_eq!(first.end().await, None);
    Subscriber::connect(&server, EVENTBUS).await.settle().await;
}

#[tokio::test]
async fn a_subscriber_is_sent_no_more_than_its_rate() {
    const BYTES_PER_SECOND: usize = 50_000;
    let server = TestServer::start_with(|config| {
        config.limits.subscriber_bytes_per_second_max = 50_000;
    })
    .await;
    let reports: Vec<Value> = (0..100).map(report).collect();
    server.report(json!(reports)).await;
    let mut subscriber = Subscriber::connect(&server, MONITOR).await;
    let start = Instant::now();
    let all = json!({ "monitor": "02:00:00:00:00:00/FF:FF:FF:00:00:00", "request": 1 });
    subscriber.say(all).await;
    let mut before_last_step = 0;
    for heard in 0..100 {
        let frame = subscriber.hear().await.to_string();
        // The last step is sent as soon as the one before it is paid for.
        if heard < 80 {
            before_last_step += frame.len();
        }
    }
    let least = u64::try_from(before_last_step / BYTES_PER_SECOND).unwrap();
    // A second's worth may be sent at once.
    assert!(1 < least && Duration::from_secs(least - 1) <= start.elapsed());
}
