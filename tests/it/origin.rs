//! Requests from pages of other origins.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::json;

use crate::auth::key;
use crate::server::{Answer, SOURCE, TestServer, WIFI, batch};

const PATH: &str = "/phy/all_phys.json";
const MAP: &str = "https://map.example";

async fn with(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn a_loopback_server_refuses_foreign_host_names() {
    let server = TestServer::start().await;
    let port = server.addr.port();
    let get =
        async |path: &str, host: &str| with(&server, Method::GET, path, &[("host", host)]).await;
    for host in [
        "localhost",
        &format!("localhost:{port}"),
        &format!("[::1]:{port}"),
        "127.0.0.1",
    ] {
        get(PATH, host).await.expect_status(200);
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "192.168.1.1",
        "0.0.0.0",
    ] {
        get(PATH, host).await.expect_error(403, "Host: ");
        get("/nowhere", host).await.expect_status(403);
        // Health checks may use any host name.
        get("/readyz", host).await.expect_status(200);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_report_nor_read() {
    let server = TestServer::start().await;
    let own = format!("http://{}", server.addr);
    for origin in [
        "http://evil.example",
        "null",
        "http://localhost:3000",
        "https://127.0.0.1",
    ] {
        let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }])).to_string();
        let report = server
            .request(Method::POST, WIFI)
            .header("origin", origin)
            .body(body);
        Answer::of(report).await.expect_error(403, "Origin: ");
        let read = with(&server, Method::GET, PATH, &[("origin", origin)]).await;
        assert!(!read.headers.contains_key("access-control-allow-origin"));
        read.expect_status(403);
        let beforehand = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        with(&server, Method::OPTIONS, WIFI, &beforehand)
            .await
            .expect_status(403);
    }
    assert_eq!(server.device_count().await, 0);
    with(&server, Method::GET, PATH, &[("origin", &own)])
        .await
        .expect_status(200);
    with(&server, Method::OPTIONS, PATH, &[])
        .await
        .expect_status(405);
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_embed_an_answer() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01" }]))
        .await;
    let command = &format!("/datasource/by-uuid/{SOURCE}/pause_source.cmd");
    let get = async |path: &str, site: &str, mode: &str| {
        let headers = [("sec-fetch-site", site), ("sec-fetch-mode", mode)];
        with(&server, Method::GET, path, &headers).await
    };
    for path in [PATH, command] {
        for site in ["cross-site", "same-site"] {
            get(path, site, "no-cors")
                .await
                .expect_error(403, "Origin: ");
        }
    }
    get(PATH, "same-origin", "no-cors").await.expect_status(200);
    get(PATH, "none", "navigate").await.expect_status(200);
    // Other pages may link to the server. Following a link changes nothing.
    get(PATH, "cross-site", "navigate").await.expect_status(200);
    get(command, "cross-site", "navigate")
        .await
        .expect_status(403);
    get(command, "none", "navigate").await.expect_status(200);
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_use_the_visitors_login() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let credentials = Credentials::open(server.data()).unwrap();
    let cookie = format!("KISMET={}", key(&credentials, "admin"));
    let get = async |headers: &[_]| with(&server, Method::GET, PATH, headers).await;
    get(&[("cookie", &cookie), ("origin", "http://evil.example")])
        .await
        .expect_status(403);
    get(&[("cookie", &cookie)]).await.expect_status(200);
    // The server's own page, under any host name.
    let own = [
        ("host", "scan.example"),
        ("origin", "https://scan.example"),
        ("cookie", &cookie),
    ];
    get(&own).await.expect_status(200);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_send_and_read() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.server.cors_origins = vec![MAP.to_owned()];
    })
    .await;
    let beforehand = [("origin", MAP), ("access-control-request-method", "POST")];
    let answer = with(&server, Method::OPTIONS, WIFI, &beforehand)
        .await
        .expect_status(200);
    assert_eq!(answer.headers["access-control-allow-origin"], MAP);
    assert_eq!(answer.headers["access-control-max-age"], "86400");
    for (header, word) in [
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "Authorization"),
        ("vary", "Origin"),
    ] {
        assert!(
            answer.headers[header].to_str().unwrap().contains(word),
            "{header}"
        );
    }
    // The page may read the reason of the refusal too.
    let refused = with(&server, Method::GET, PATH, &[("origin", MAP)])
        .await
        .expect_status(401);
    assert_eq!(refused.headers["access-control-allow-origin"], MAP);
    assert_eq!(refused.headers["access-control-allow-credentials"], "true");
    let other = [("origin", "https://evil.example")];
    with(&server, Method::GET, PATH, &other)
        .await
        .expect_status(403);
}
