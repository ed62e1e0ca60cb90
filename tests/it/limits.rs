//! Limits: a request at the limit is accepted, one above it is a clear error.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, Method};
use scanpost::config::AuthMode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::program::Running;
use crate::server::{Answer, TestServer, WIFI, batch, gzip};

/// Timeout that only a server that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn padded(bytes: usize) -> String {
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }])).to_string();
    let padding = bytes - body.len();
    body + &" ".repeat(padding)
}

#[tokio::test]
async fn a_body_at_the_bound_is_taken_and_one_byte_more_is_413() {
    let server = TestServer::start_with(|config| config.limits.body_bytes_max = 1000).await;
    let json = Some("application/json");
    server
        .post(WIFI, json, padded(1000))
        .await
        .expect_status(200);
    server
        .post(WIFI, json, padded(1001))
        .await
        .expect_error(413, "at most 1000 bytes");
    // Without a Content-Length the limit applies while the body is read.
    let chunks = |text: String| reqwest::Body::wrap_stream(ChunksOf100(text));
    server
        .post(WIFI, json, chunks(padded(1000)))
        .await
        .expect_status(200);
    server
        .post(WIFI, json, chunks(padded(1001)))
        .await
        .expect_error(413, "at most 1000 bytes");
}

#[tokio::test]
async fn the_refusal_of_too_much_waits() {
    const DELAY: Duration = Duration::from_secs(1);
    let server = TestServer::start_with(|config| {
        config.limits.body_bytes_max = 1000;
        config.limits.refusal_delay = DELAY;
    })
    .await;
    let json = Some("application/json");
    let timed = async |body| {
        let started = Instant::now();
        (server.post(WIFI, json, body).await, started.elapsed())
    };
    let (refused, waited) = timed(padded(1001)).await;
    refused.expect_error(413, "at most 1000 bytes");
    assert!(DELAY <= waited, "answered after {waited:?}");
}

/// A body sent in pieces.
struct ChunksOf100(String);

impl futures_core::Stream for ChunksOf100 {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.0.is_empty() {
            return std::task::Poll::Ready(None);
        }
        let cut = self.0.len().min(100);
        let rest = self.0.split_off(cut);
        let piece = std::mem::replace(&mut self.0, rest);
        std::task::Poll::Ready(Some(Ok(piece.into_bytes())))
    }
}

#[tokio::test]
async fn an_inflated_body_at_the_bound_is_taken_and_one_byte_more_is_413() {
    let server = TestServer::start_with(|config| config.limits.body_bytes_max = 100_000).await;
    for (bytes, status) in [(100_000, 200), (100_001, 413), (50_000_000, 413)] {
        let body = gzip(padded(bytes).as_bytes());
        assert!(body.len() < 100_000);
        let request = server
            .request(Method::POST, WIFI)
            .header("content-encoding", "gzip")
            .body(body);
        let answer = Answer::of(request).await.expect_status(status);
        assert!(
            status == 200 || answer.text.contains("more than 100000 bytes"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_batch_at_the_bound_is_taken_and_one_report_more_is_413() {
    let server = TestServer::start().await;
    let reports = |count: usize| {
        batch(Value::from(vec![
            json!({ "bssid": "00:00:00:00:00:01" });
            count
        ]))
    };
    server
        .post_json(WIFI, &reports(10_000))
        .await
        .expect_status(200);
    let answer = server.post_json(WIFI, &reports(10_001)).await;
    answer.expect_error(413, "10001 reports, at most 10000 are allowed");
    assert_eq!(server.reports_of("00:00:00:00:00:01").await, 10_000);
}

const HELLO: &[u8] = b"HEAD /phy/all_phys.json HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn opened(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.addr).await.unwrap()
}

/// Whether a request on an open connection is answered.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    if stream.write_all(HELLO).await.is_err() {
        return false;
    }
    while !head.ends_with(b"\r\n\r\n") {
        match timeout(PATIENCE, stream.read_u8()).await.unwrap() {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    head.starts_with(b"HTTP/1.1 200 OK")
}

/// Waits until the server has closed a connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("the server never closes the connection")
        .ok();
}

/// A connection with a request under way: the server has begun to read the body, and it never ends.
async fn occupied(server: &TestServer) -> TcpStream {
    let head = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n"
    );
    begin(server, &head).await
}

/// A connection on which the server waits for the body of a request that expects 100.
async fn begin(server: &TestServer, head: &str) -> TcpStream {
    let mut stream = opened(server).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first_bytes = [0; 12];
    stream.read_exact(&mut first_bytes).await.unwrap();
    assert_eq!(&first_bytes, b"HTTP/1.1 100");
    stream
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let server = TestServer::start_with(|config| {
        config.limits.connections_max = 3;
        config.limits.connections_per_network_max = 3;
    })
    .await;
    let mut silent = opened(&server).await;
    let mut idle = opened(&server).await;
    assert!(is_answered(&mut idle).await);
    let mut third = opened(&server).await;
    assert!(is_answered(&mut third).await, "three is the bound");
    // The new ones get the places of one without a request, and of those that are idle longest.
    let mut fourth = opened(&server).await;
    assert!(is_answered(&mut fourth).await);
    closed(&mut silent).await;
    let mut fifth = opened(&server).await;
    assert!(is_answered(&mut fifth).await);
    closed(&mut idle).await;
    assert!(is_answered(&mut fourth).await && is_answered(&mut third).await);
}

#[tokio::test]
async fn a_network_has_a_share_of_the_places() {
    let server = TestServer::start_with(|config| config.limits.connections_max = 8).await;
    let mut first = opened(&server).await;
    assert!(is_answered(&mut first).await);
    let mut second = opened(&server).await;
    assert!(is_answered(&mut second).await, "two are a quarter");
    let mut third = opened(&server).await;
    assert!(is_answered(&mut third).await);
    closed(&mut first).await;
    assert!(is_answered(&mut second).await);
}

#[tokio::test]
async fn a_proxy_has_no_share() {
    let server = TestServer::start_with(|config| {
        config.limits.connections_max = 3;
        config.server.proxies = vec!["127.0.0.1".to_owned()];
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = opened(&server).await;
        assert!(is_answered(&mut stream).await);
        open.push(stream);
    }
    for stream in &mut open {
        assert!(is_answered(stream).await);
    }
}

#[tokio::test]
async fn past_the_bound_of_requests_under_way_there_is_an_error_and_health_checks_are_answered() {
    let server = TestServer::start_with(|config| {
        config.limits.connections_max = 2;
        config.limits.connections_per_network_max = 2;
        config.limits.body_timeout = HOUR;
        config.limits.idle_timeout = HOUR;
    })
    .await;
    let mut busy = [occupied(&server).await, occupied(&server).await];
    let answer = server.get("/phy/all_phys.json").await;
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["connection"], "close");
    answer.expect_error(503, "too many connections");
    // The body of a request that is refused is read, so that its client sees the answer.
    let answer = server.post_json(WIFI, &batch(json!([]))).await;
    answer.expect_error(503, "too many connections");
    server.get("/healthz").await.expect_status(200);
    server.get("/readyz").await.expect_status(200);
    for stream in &mut busy {
        stream.shutdown().await.unwrap();
        closed(stream).await;
    }
    server.get("/phy/all_phys.json").await.expect_status(200);
}

#[tokio::test]
async fn a_subscriber_is_not_idle() {
    let server = TestServer::start_with(|config| {
        config.limits.connections_max = 2;
        config.limits.connections_per_network_max = 2;
    })
    .await;
    let url = format!("ws://{}/eventbus/events.ws", server.addr);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for _ in 0..4 {
        assert!(is_answered(&mut opened(&server).await).await);
    }
    let ask = r#"{"SUBSCRIBE": "TIMESTAMP"}"#;
    socket.send(Message::text(ask)).await.unwrap();
    let answer = timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(answer.unwrap().unwrap().is_text());
}

#[tokio::test]
async fn a_head_at_the_bound_is_taken_and_one_byte_more_is_431() {
    let server = TestServer::start_with(|config| config.limits.head_bytes_max = 8192).await;
    let head = |bytes: usize| {
        let text = |padding: usize| {
            let padding = "x".repeat(padding);
            format!(
                "GET /phy/all_phys.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-long: {padding}\r\n\r\n"
            )
        };
        text(bytes - text(0).len())
    };
    let answer = say_and_wait(&server, &head(8192)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for bytes in [8193, 9000] {
        let answer = say_and_wait(&server, &head(bytes)).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert!(answer.contains("at most 8192 bytes"), "{answer}");
    }
    // The client of a head that is much too long may still be sending when the connection is closed.
    let answer = say_and_wait(&server, &head(1 << 20)).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.get("/healthz").await.expect_status(200);
}

#[tokio::test]
async fn the_body_of_a_refused_request_is_not_waited_for_long() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.limits.body_timeout = HOUR;
        config.limits.idle_timeout = HOUR;
        config.limits.refused_body_timeout = Duration::from_millis(100);
    })
    .await;
    let request = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{{"
    );
    let answer = say_and_wait(&server, &request).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

/// Sends `sent` and then nothing. Returns everything that the server sends until it closes.
async fn say_and_wait(server: &TestServer, sent: &str) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(sent.as_bytes()).await.ok();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server never closes the connection")
        .ok();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_slow_head_does_not_hold_a_connection() {
    let server =
        TestServer::start_with(|config| config.limits.header_timeout = Duration::from_millis(100))
            .await;
    say_and_wait(
        &server,
        "GET /phy/all_phys.json HTTP/1.1\r\nhost: localhost\r\nx-slow",
    )
    .await;
    say_and_wait(&server, "").await;
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let server =
        TestServer::start_with(|config| config.limits.body_timeout = Duration::from_millis(100))
            .await;
    let answer = say_and_wait(
        &server,
        &format!(
            "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{{"
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("did not arrive in time"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server =
        TestServer::start_with(|config| config.limits.idle_timeout = Duration::from_millis(100))
            .await;
    let request = "GET /phy/all_phys.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    // On a machine that hangs, the idle timeout may pass before the server has read the request. Then there is no
    // answer, and the test tries again.
    let mut answer = String::new();
    for _ in 0..100 {
        answer = say_and_wait(&server, request).await;
        if !answer.is_empty() {
            break;
        }
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_reader_that_stops_reading_does_not_hold_a_connection() {
    let running = Running::start(|_| {});
    let client = Client::new();
    for first in (0..5000).step_by(500) {
        let reports = (first..first + 500)
            .map(|number| json!({ "bssid": format!("0200{number:08x}") }))
            .collect();
        let post = client.post(format!("http://{}{WIFI}", running.addr));
        let answer = post.json(&batch(reports)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    // Set only now, because a connection also counts as idle while the server works on a request.
    let mut running = Running::start_on(running.stop(), |command| {
        command
            .env("SCANPOST_LIMITS__IDLE_TIMEOUT", "300ms")
            .env("SCANPOST_LOGGING__LEVEL", "debug");
    });
    let mut stream = TcpStream::connect(&running.addr).await.unwrap();
    stream
        .write_all(b"GET /devices/views/all/devices.json HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    // The view does not fit into the buffers of the sockets, so the server times out while it sends.
    running.wait_for("a connection ended early");
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.ok();
    assert!(
        !read.ends_with(b"0\r\n\r\n"),
        "the view was sent whole, so the test shows nothing"
    );
    running.stop();
}

#[tokio::test]
async fn a_body_that_arrives_too_slowly_is_408() {
    let server = TestServer::start_with(|config| {
        config.limits.body_timeout = HOUR;
        config.limits.idle_timeout = HOUR;
        config.limits.body_rate_after = Duration::from_millis(100);
    })
    .await;
    let request = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 5000\r\n\r\n{{"
    );
    let answer = say_and_wait(&server, &request).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("at least 1000 bytes a second"), "{answer}");
}

#[tokio::test]
async fn bodies_that_have_hardly_begun_hold_no_memory() {
    let server = TestServer::start_with(|config| {
        config.limits.body_bytes_max = 1 << 20;
        config.limits.bodies_bytes_max = 2 << 20;
        config.limits.body_timeout = HOUR;
        config.limits.idle_timeout = HOUR;
        config.limits.body_bytes_per_second_min = 0;
    })
    .await;
    let head = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
    );
    let mut begun = Vec::new();
    for _ in 0..33 {
        let mut stream = begin(&server, &head).await;
        stream.write_all(b"1\r\n{\r\n").await.unwrap();
        begun.push(stream);
    }
    let answer = server
        .post(WIFI, Some("application/json"), padded(1 << 20))
        .await;
    answer.expect_status(200);
}

#[tokio::test]
async fn a_sender_at_its_share_of_the_memory_is_taken_and_one_byte_more_is_429() {
    let server = TestServer::start_with(|config| {
        config.limits.bodies_bytes_per_sender_max = 100_000;
    })
    .await;
    let json = Some("application/json");
    server
        .post(WIFI, json, padded(100_000))
        .await
        .expect_status(200);
    let answer = server.post(WIFI, json, padded(100_001)).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.expect_error(429, "too many large bodies of this sender");
}

#[tokio::test]
async fn a_command_at_the_bound_is_taken_and_one_byte_more_is_413() {
    const PATH: &str = "/devices/views/all/devices.json";
    let server = TestServer::start_with(|config| config.limits.command_bytes_max = 2000).await;
    let json = Some("application/json");
    let command = |bytes: usize| {
        let command = r#"{"fields":["kismet.device.base.macaddr"],"unknown":[[[{}]],1,"x"]}"#;
        command.to_owned() + &" ".repeat(bytes - command.len())
    };
    server
        .post(PATH, json, command(2000))
        .await
        .expect_status(200);
    server
        .post(PATH, json, command(2001))
        .await
        .expect_error(413, "at most 2000 bytes");
    // What it inflates to counts.
    let zipped = server
        .request(Method::POST, PATH)
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(gzip(command(100_000).as_bytes()));
    Answer::of(zipped)
        .await
        .expect_error(413, "decompresses to more than 2000 bytes");
    // Reports may be larger.
    server
        .post(WIFI, json, padded(100_000))
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_refusal_is_heard_after_the_body_and_holds_no_place_for_ever() {
    let server = TestServer::start_with(|config| {
        config.limits.body_timeout = HOUR;
        config.limits.idle_timeout = HOUR;
        config.limits.refused_body_timeout = Duration::from_millis(100);
    })
    .await;
    let long = "x".repeat(66_000);
    for (head, status) in [
        ("POST /nowhere HTTP/1.1", 404),
        ("PUT /phy/all_phys.json HTTP/1.1", 405),
        (
            "POST /phy/all_phys.json HTTP/1.1\r\ncontent-type: text/plain",
            415,
        ),
        (&format!("POST /x HTTP/1.1\r\nx-long: {long}"), 431),
    ] {
        // The body never comes whole.
        let request = format!(
            "{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100000000\r\n\r\nx"
        );
        let answer = say_and_wait(&server, &request).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_sends_everything_first_hears_the_refusal() {
    let server = TestServer::start().await;
    let body = padded(4 << 20);
    let request = format!(
        "POST /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = opened(&server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn a_connection_may_wait_longer_for_its_next_request_than_a_head_may_take() {
    let server = TestServer::start_with(|config| {
        config.limits.header_timeout = Duration::from_millis(200);
        config.limits.idle_timeout = HOUR;
    })
    .await;
    let mut kept = opened(&server).await;
    assert!(is_answered(&mut kept).await);
    // This one is closed when the time for its head is over.
    say_and_wait(&server, "GET / HTTP/1.1\r\nx-slow").await;
    assert!(is_answered(&mut kept).await);
    // And a later head may take no longer than the first one.
    kept.write_all(b"GET / HTTP/1.1\r\nx-slow").await.unwrap();
    closed(&mut kept).await;
}

#[tokio::test]
async fn idle_clients_without_a_place_do_not_hold_up_health_checks() {
    let server = TestServer::start_with(|config| {
        config.limits.connections_max = 1;
        config.limits.connections_per_network_max = 1;
        config.limits.body_timeout = HOUR;
        config.limits.idle_timeout = HOUR;
    })
    .await;
    let _busy = occupied(&server).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(opened(&server).await);
    }
    server.get("/healthz").await.expect_status(200);
    server
        .get("/phy/all_phys.json")
        .await
        .expect_error(503, "too many connections");
}

#[tokio::test]
async fn a_request_that_is_none_gets_a_reason_as_all_errors_do() {
    let server = TestServer::start().await;
    // hyper takes 100.
    let fields = "x-field: y\r\n".repeat(101);
    for (request, status, code) in [
        (
            "GET / HTTP/1.1\r\nnonsense\r\n\r\n".to_owned(),
            400,
            "bad_request",
        ),
        ("\u{1}\r\n\r\n".to_owned(), 400, "bad_request"),
        (
            format!("GET / HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n"),
            431,
            "head_too_long",
        ),
    ] {
        let answer = say_and_wait(&server, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Type: application/json"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["success"], false);
    }
}
