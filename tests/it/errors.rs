//! All errors have the same JSON form and a fitting status.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Answer, TestServer, WIFI, batch, gzip};

#[tokio::test]
async fn unknown_paths_are_404() {
    let server = TestServer::start().await;
    for path in [
        "/nothing",
        "/devices/views/all/devices",
        "/devices/views/all",
    ] {
        server
            .get(path)
            .await
            .expect_error(404, "nothing at this path");
    }
    server
        .get("/devices/views/phy-NONE/devices.json")
        .await
        .expect_error(404, "no view of that name");
    let key = "/devices/by-key/4202770D00000000_1/device.json";
    server
        .get(key)
        .await
        .expect_error(404, "no device has the key 4202770D00000000_1");
    let source = "/datasource/by-uuid/44444444-0000-0000-0000-000000000009/source.json";
    server
        .get(source)
        .await
        .expect_error(404, "no source has the UUID");
}

#[tokio::test]
async fn wrong_methods_are_405_and_name_the_right_ones() {
    let server = TestServer::start().await;
    let answer = server.get(WIFI).await;
    assert_eq!(answer.headers["allow"], "POST");
    answer.expect_error(405, "Allow header");
    let answer = Answer::of(server.request(Method::DELETE, "/phy/all_phys.json")).await;
    assert_eq!(answer.headers["allow"], "GET,HEAD,POST");
    answer.expect_error(405, "Allow header");
}

#[tokio::test]
async fn arguments_in_the_path_are_named() {
    let server = TestServer::start().await;
    server
        .get("/devices/by-mac/zz/devices.json")
        .await
        .expect_error(400, "mac: not a hardware address");
    server
        .get("/devices/by-key/zz/device.json")
        .await
        .expect_error(400, "key: not a device key");
    server
        .get("/devices/last-time/then/devices.json")
        .await
        .expect_error(400, "timestamp: expected seconds");
    server
        .get("/datasource/by-uuid/1-2-3-4-5/source.json")
        .await
        .expect_error(400, "uuid: not a UUID");
    server
        .get("/devices/views/%ff/devices.json")
        .await
        .expect_error(400, "not UTF-8");
}

#[tokio::test]
async fn bodies_of_other_kinds_are_415() {
    let server = TestServer::start().await;
    let body = batch(json!([])).to_string();
    server
        .post(WIFI, Some("text/plain"), body.clone())
        .await
        .expect_error(415, "expected application/json");
    let request = server
        .request(Method::POST, WIFI)
        .header("content-encoding", "br")
        .body(body);
    Answer::of(request)
        .await
        .expect_error(415, "Content-Encoding: expected gzip or none");
}

#[tokio::test]
async fn broken_bodies_are_400() {
    let server = TestServer::start().await;
    let json = Some("application/json");
    server
        .post(WIFI, json, &b"{\xff\"source_uuid\": \"\"}"[..])
        .await
        .expect_error(400, "not UTF-8");
    server
        .post(WIFI, json, "")
        .await
        .expect_error(400, "not a scan report");
    let form = Some("application/x-www-form-urlencoded");
    server
        .post(WIFI, form, "page=1")
        .await
        .expect_error(400, "no variable json");
    let whole = gzip(batch(json!([])).to_string().as_bytes());
    for body in [b"not gzip".to_vec(), whole[..whole.len() - 6].to_vec()] {
        let request = server
            .request(Method::POST, WIFI)
            .header("content-encoding", "gzip")
            .body(body);
        Answer::of(request)
            .await
            .expect_error(400, "not gzip, or breaks off");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }])).to_string();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len() + 1
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.is_empty() || answer.contains("the body breaks off"),
        "{answer}"
    );
    assert_eq!(server.device_count().await, 0);
}
