//! Compression, `HEAD`, HTTP/1.0 clients, and conditional requests.

use std::io::Read;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use scanpost::config::AuthMode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::TestServer;

const VIEW: &str = "/devices/views/all/devices.json";
const SMALL: &str = "/datasource/defaults.json";

async fn with_devices(count: u32) -> TestServer {
    let server = TestServer::start().await;
    let reports: Vec<Value> = (0..count)
        .map(|number| json!({ "bssid": format!("0200{number:08x}"), "ssid": "CoffeeShop" }))
        .collect();
    server.report(Value::from(reports)).await;
    server
}

struct Raw {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Raw {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    Raw {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    #[expect(
        clippy::disallowed_types,
        reason = "what inflates here is the server's own"
    )]
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn answers_are_compressed_if_the_client_accepts_it() {
    let server = with_devices(500).await;
    let get =
        async |accepts| ask(&server, Method::GET, VIEW, &[("accept-encoding", accepts)]).await;
    let plain = get("identity").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(plain.headers["vary"], "accept-encoding");
    let devices = |body: &[u8]| {
        let devices: Value = serde_json::from_slice(body).unwrap();
        devices.as_array().unwrap().len()
    };
    assert_eq!(devices(&plain.body), 500);
    for (accepts, chosen) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
    ] {
        let answer = get(accepts).await;
        assert_eq!(answer.headers["content-encoding"], chosen, "{accepts}");
        assert_eq!(answer.headers["vary"], "accept-encoding");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(
            answer.body.len() * 4 < plain.body.len(),
            "{chosen}: {} of {}",
            answer.body.len(),
            plain.body.len()
        );
        let body = match chosen {
            "gzip" => inflated(&answer.body),
            _ => zstd::decode_all(&*answer.body).unwrap(),
        };
        assert_eq!(devices(&body), 500);
    }
    for none in ["br", "gzip;q=0", "nonsense"] {
        let answer = get(none).await;
        assert!(!answer.headers.contains_key("content-encoding"), "{none}");
    }
}

#[tokio::test]
async fn small_answers_are_sent_as_they_are() {
    let server = TestServer::start().await;
    for path in ["/system/timestamp.json", "/nowhere", VIEW] {
        let answer = ask(&server, Method::GET, path, &[("accept-encoding", "gzip")]).await;
        let is_streamed = path == VIEW;
        let is_compressed = answer.headers.contains_key("content-encoding");
        assert_eq!(is_compressed, is_streamed, "{path}");
    }
}

/// Sends text on a new connection, and returns everything that the server sends until it closes.
async fn raw(server: &TestServer, said: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn a_large_answer_does_not_hold_up_others() {
    let server = with_devices(3000).await;
    let mut view = TcpStream::connect(server.addr).await.unwrap();
    let said = format!("GET {VIEW} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: zstd\r\n\r\n");
    view.write_all(said.as_bytes()).await.unwrap();
    // The server and this test share a thread, so this returns only once the server waits.
    let mut got = vec![0; 1];
    view.read_exact(&mut got).await.unwrap();
    server.get("/healthz").await.expect_status(200);
    while view.try_read_buf(&mut got).is_ok_and(|count| 0 < count) {}
    let end = b"\r\n0\r\n\r\n";
    assert!(
        !got.ends_with(end),
        "the server generated the whole answer at once"
    );
    while !got.ends_with(end) {
        assert_ne!(view.read_buf(&mut got).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_the_whole_answer_without_chunks() {
    let server = with_devices(500).await;
    for keep in ["", "connection: keep-alive\r\n"] {
        let said = format!("GET {VIEW} HTTP/1.0\r\nhost: localhost\r\n{keep}\r\n");
        let (head, body) = raw(&server, &said).await;
        assert!(head.starts_with("http/1.0 200"), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        let devices: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(devices.as_array().unwrap().len(), 500);
    }
    let (head, body) = raw(&server, &format!("GET {SMALL} HTTP/1.0\r\n\r\n")).await;
    assert!(head.contains(&format!("content-length: {}", body.len())));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = with_devices(500).await;
    for path in [
        VIEW,
        SMALL,
        "/devices/by-mac/02:00:00:00:00:01/devices.json",
        "/devices/last-time/-10/devices.json",
        "/phy/all_phys.json",
        "/system/status.json",
        "/api/v1/devices/02:00:00:00:00:01/observations",
        "/healthz",
        "/session/check_setup_ok",
    ] {
        let get = ask(&server, Method::GET, path, &[]).await;
        let head = ask(&server, Method::HEAD, path, &[]).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.body, b"", "{path}");
        let shown = |headers: &HeaderMap, name: &str| headers.get(name).cloned();
        assert_eq!(
            shown(&head.headers, "content-type"),
            shown(&get.headers, "content-type"),
            "{path}"
        );
        // These contain the current time.
        if path != "/system/status.json" && !path.contains("/by-mac/") {
            for name in ["content-length", "etag"] {
                let (head, get) = (shown(&head.headers, name), shown(&get.headers, name));
                assert_eq!(head, get, "{path} {name}");
            }
        }
    }
    let missing = ask(&server, Method::HEAD, "/nowhere.json", &[]).await;
    assert_eq!(missing.status, 404);
    // The connection has no leftover bytes that would be read as the next response.
    let said = format!(
        "HEAD {VIEW} HTTP/1.1\r\nhost: localhost\r\n\r\nGET {SMALL} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    );
    let (head, rest) = raw(&server, &said).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(rest.starts_with("HTTP/1.1 200"), "{rest}");
}

#[tokio::test]
async fn head_reveals_no_more_than_get() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    for path in [VIEW, SMALL, "/phy/all_phys.json"] {
        for known in ["*", "W/\"0\""] {
            let headers = [("if-none-match", known)];
            let head = ask(&server, Method::HEAD, path, &headers).await;
            assert_eq!(head.status, 401, "{path}");
            assert!(!head.headers.contains_key("etag"), "{path}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let server = with_devices(2).await;
    // This response does not contain the current time.
    let path = "/phy/all_phys.json";
    let first = ask(&server, Method::GET, path, &[]).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(first.headers["cache-control"], "no-cache");
    for method in [Method::GET, Method::HEAD] {
        for encoding in ["identity", "gzip"] {
            let known = [("if-none-match", &*tag), ("accept-encoding", encoding)];
            let again = ask(&server, method.clone(), path, &known).await;
            assert_eq!(again.status, 304, "{method}");
            assert_eq!(again.body, b"");
            assert_eq!(again.headers["etag"], tag);
        }
    }
    // No Content-Length: it would have to be the length of the omitted body.
    let said = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nif-none-match: {tag}\r\n\r\n"
    );
    let (head, body) = raw(&server, &said).await;
    assert!(head.starts_with("http/1.1 304"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(body, "");
    let known = [("if-none-match", &*tag)];
    server
        .report(json!([{ "bssid": "02:00:00:00:00:01", "signal": -40 }]))
        .await;
    let changed = ask(&server, Method::GET, path, &known).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.headers["etag"], tag);
    // `If-None-Match: *` matches neither commands, nor streams, nor errors.
    let post = ask(&server, Method::POST, SMALL, &[("if-none-match", "*")]).await;
    assert_eq!(post.status, 200);
    for (path, status) in [(VIEW, 200), ("/nowhere", 404)] {
        let answer = ask(&server, Method::GET, path, &[("if-none-match", "*")]).await;
        assert_eq!(answer.status, status);
        assert!(!answer.headers.contains_key("etag"), "{path}");
    }
}
