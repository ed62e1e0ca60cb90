//! Requests from pages of other origins.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::json;

use crate::auth::key;
use crate::program::Running;
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

/// A page that lets its own name lead here is of the same origin, and may set any header.
#[tokio::test]
async fn a_page_that_has_its_name_lead_here_is_refused_in_every_mode() {
    for mode in [AuthMode::Auto, AuthMode::Required, AuthMode::Off] {
        let server = TestServer::start_with(|config| {
            config.auth.mode = mode;
            config.server.proxies = vec!["127.0.0.1".to_owned()];
        })
        .await;
        let evil = format!("evil.example:{}", server.addr.port());
        let get = async |headers: &[_]| with(&server, Method::GET, PATH, headers).await;
        get(&[("host", &evil)]).await.expect_error(403, "Host: ");
        for forged in ["1.2.3.4", "unknown", "127.0.0.1"] {
            for name in ["x-forwarded-for", "x-forwarded-host"] {
                let answer = get(&[("host", &evil), (name, forged)]).await;
                let status = answer.status.as_u16();
                assert!(
                    matches!(status, 401 | 403),
                    "{mode:?} {name} {forged}: {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn listed_host_names_are_names_of_the_server() {
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Off;
        config.server.hosts = vec!["Scan.example".to_owned(), "192.168.1.1".to_owned()];
    })
    .await;
    let get = async |host: &str| with(&server, Method::GET, PATH, &[("host", host)]).await;
    for host in [
        "scan.example",
        "SCAN.example.:2501",
        "192.168.1.1:1",
        "localhost",
    ] {
        get(host).await.expect_status(200);
    }
    for host in [
        "evil.example",
        "x.scan.example",
        "192.168.1.2",
        "scan.example.evil",
    ] {
        get(host).await.expect_error(403, "server.hosts");
    }
}

#[tokio::test]
async fn on_an_address_that_others_reach_the_list_of_host_names_counts() {
    let start = |hosts: &str| {
        let hosts = hosts.to_owned();
        Running::start_listening("0.0.0.0:0", tempfile::tempdir().unwrap(), move |command| {
            command
                .env("SCANPOST_AUTH__MODE", "off")
                .env("SCANPOST_SERVER__HOSTS", hosts);
        })
    };
    for (hosts, name, status) in [
        ("", "anything.example", 200),
        ("scan.example", "anything.example", 403),
        ("scan.example", "scan.example:1", 200),
        ("scan.example", "192.168.1.7:1", 200),
        ("scan.example", "[2001:db8::1]", 200),
        ("scan.example", "0.0.0.0", 403),
        ("scan.example", "localhost", 200),
    ] {
        let running = start(hosts);
        let (_, port) = running.addr.rsplit_once(':').unwrap();
        let request = reqwest::Client::new().get(format!("http://127.0.0.1:{port}{PATH}"));
        let answer = Answer::of(request.header("host", name)).await;
        assert_eq!(answer.status, status, "{hosts} {name}");
        running.stop();
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
    let server = TestServer::start_with(|config| {
        config.auth.mode = AuthMode::Required;
        config.server.hosts = vec!["scan.example".to_owned()];
    })
    .await;
    let credentials = Credentials::open(server.data()).unwrap();
    let cookie = format!("KISMET={}", key(&credentials, "admin"));
    let get = async |headers: &[_]| with(&server, Method::GET, PATH, headers).await;
    get(&[("cookie", &cookie), ("origin", "http://evil.example")])
        .await
        .expect_status(403);
    get(&[("cookie", &cookie)]).await.expect_status(200);
    // The server's own page, under a name of the server.
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
        ("access-control-allow-methods", "POST, DELETE"),
        ("access-control-allow-headers", "Authorization"),
        ("access-control-expose-headers", "X-Next-Cursor"),
        ("access-control-expose-headers", "Retry-After"),
        ("access-control-expose-headers", "ETag"),
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
    let exposed = &refused.headers["access-control-expose-headers"];
    assert!(exposed.to_str().unwrap().contains("Retry-After"));
    let other = [("origin", "https://evil.example")];
    with(&server, Method::GET, PATH, &other)
        .await
        .expect_status(403);
}
