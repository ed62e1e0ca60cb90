//! Requests through a proxy: path prefixes and client addresses.

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::{AuthMode, Config};
use serde_json::json;

use crate::auth::{LOGIN, basic};
use crate::program::Running;
use crate::server::{Answer, TestServer, WIFI, batch};

const PATH: &str = "/phy/all_phys.json";

async fn with(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

fn behind_a_proxy(config: &mut Config) {
    config.server.proxies = vec!["127.0.0.1".to_owned(), "10.0.0.0/8".to_owned()];
}

fn guarded(server: &TestServer) {
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "right horse").unwrap();
}

#[tokio::test]
async fn a_path_prefix_is_optional() {
    let server = TestServer::start_with(|config| {
        config.server.uri_prefix = "/kismet".to_owned();
        config.auth.mode = AuthMode::Off;
    })
    .await;
    let report = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    for prefix in ["", "/kismet", "//kismet/"] {
        let path = |path: &str| format!("{prefix}{path}");
        server
            .post_json(&path(WIFI), &report)
            .await
            .expect_status(200);
        let devices = server.read(&path("/devices/views/all/devices.json")).await;
        assert_eq!(devices.as_array().unwrap().len(), 1);
        server
            .get(&path("/api/v1/devices/00:00:00:00:00:01/observations"))
            .await
            .expect_status(200);
        server.get(&path("/healthz")).await.expect_status(200);
        server.get(&path("/nowhere")).await.expect_status(404);
    }
    for other in ["/kismetic", "/other", "/kismet/kismet"] {
        let path = format!("{other}{PATH}");
        server.get(&path).await.expect_status(404);
    }
}

#[tokio::test]
async fn logins_are_throttled_by_the_client_address_from_the_proxy() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.auth.mode = AuthMode::Required;
    })
    .await;
    guarded(&server);
    let log_in = async |client: &str, password: &str| {
        let request = server.request(Method::GET, LOGIN);
        let request = request.header("x-forwarded-for", client);
        Answer::of(basic(request, "admin", password)).await
    };
    for made_up in 0..5 {
        let client = format!("6.6.6.{made_up}, 1.2.3.4, 10.0.0.1");
        let guess = format!("guess {made_up}");
        log_in(&client, &guess).await.expect_status(401);
    }
    log_in("1.2.3.4", "right horse").await.expect_status(429);
    log_in("1.2.3.5", "right horse").await.expect_status(200);
}

#[tokio::test]
async fn the_log_shows_the_client_address_from_the_proxy() {
    let running = Running::start(|command| {
        command
            .env("SCANPOST_SERVER__PROXIES", "127.0.0.1")
            .env("SCANPOST_LOGGING__LEVEL", "debug");
    });
    let url = format!("http://{}/healthz", running.addr);
    let request = reqwest::Client::new().get(url);
    let request = request.header("x-forwarded-for", "6.6.6.6, 1.2.3.4");
    Answer::of(request).await.expect_status(200);
    let mut log = String::new();
    running.stop_and_log(&mut log);
    assert!(log.contains(r#""client.address":"1.2.3.4""#), "{log}");
    assert!(!log.contains("6.6.6.6"), "{log}");
}

#[tokio::test]
async fn only_the_proxy_can_set_the_client_address() {
    let server = TestServer::start_with(|config| {
        config.server.proxies = vec!["10.0.0.0/8".to_owned()];
        config.auth.mode = AuthMode::Required;
    })
    .await;
    guarded(&server);
    let log_in = async |client: u8, password: &str| {
        let request = server.request(Method::GET, LOGIN);
        let request = request
            .header("x-forwarded-for", format!("1.2.3.{client}"))
            .header("x-forwarded-proto", "https");
        Answer::of(basic(request, "admin", password)).await
    };
    let first = log_in(0, "right horse").await.expect_status(200);
    let cookie = first.headers["set-cookie"].to_str().unwrap();
    assert!(!cookie.contains("Secure"), "{cookie}");
    for client in 1..=5 {
        let guess = format!("guess {client}");
        log_in(client, &guess).await.expect_status(401);
    }
    log_in(6, "right horse").await.expect_status(429);
    let forged = [
        ("origin", "https://evil.example"),
        ("x-forwarded-host", "evil.example"),
    ];
    with(&server, PATH, &forged)
        .await
        .expect_error(403, "Origin: ");
}

#[tokio::test]
async fn a_page_is_the_servers_own_when_the_proxy_served_it() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.auth.mode = AuthMode::Off;
        config.server.hosts = vec!["scan.example".to_owned()];
    })
    .await;
    let get = async |origin: &str, proto: &str| {
        let headers = [
            ("origin", origin),
            ("x-forwarded-host", "scan.example"),
            ("x-forwarded-proto", proto),
        ];
        with(&server, PATH, &headers).await
    };
    get("https://scan.example", "https")
        .await
        .expect_status(200);
    get("http://scan.example", "http").await.expect_status(200);
    let by_address = format!("http://{}", server.addr);
    for (origin, proto) in [
        ("http://scan.example", "https"),
        ("https://scan.example", "http"),
        ("https://evil.example", "https"),
        (&*by_address, "http"),
    ] {
        get(origin, proto).await.expect_error(403, "Origin: ");
    }
}

#[tokio::test]
async fn a_cookie_for_an_encrypted_connection_stays_on_such() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.auth.mode = AuthMode::Required;
    })
    .await;
    guarded(&server);
    for (proto, is_secure) in [("https", true), ("http", false)] {
        let request = server.request(Method::GET, LOGIN);
        let request = request.header("x-forwarded-proto", proto);
        let answer = Answer::of(basic(request, "admin", "right horse")).await;
        let answer = answer.expect_status(200);
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert_eq!(cookie.ends_with("; Secure"), is_secure, "{cookie}");
        assert!(cookie.contains("; Path=/;"), "{cookie}");
    }
}

#[tokio::test]
async fn what_is_open_to_this_machine_is_not_open_through_a_proxy() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let set_password = async |client: Option<&str>| {
        let mut request = server.request(Method::POST, "/session/set_password");
        if let Some(client) = client {
            request = request.header("x-forwarded-for", client);
        }
        let form = "username=admin&password=right+horse";
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        Answer::of(request).await
    };
    server.get(PATH).await.expect_status(200);
    let outside = [
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-host", "scan.example"),
        ("host", "scan.example"),
    ];
    with(&server, PATH, &outside).await.expect_status(401);
    set_password(Some("1.2.3.4")).await.expect_status(403);
    set_password(None).await.expect_status(200);
    let key = [
        &outside[..],
        &[("authorization", "Basic YWRtaW46cmlnaHQgaG9yc2U=")],
    ]
    .concat();
    with(&server, PATH, &key).await.expect_status(200);
    // A client on this machine, with a host name that a foreign page may have pointed at it.
    let inside = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "evil.example"),
    ];
    with(&server, PATH, &inside)
        .await
        .expect_error(403, "Host: ");
}

#[tokio::test]
async fn a_proxy_that_is_not_configured_is_warned_of_once() {
    let running = Running::start(|_| {});
    let client = reqwest::Client::new();
    for (name, value) in [
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-for", "1.2.3.5"),
        ("forwarded", "for=1.2.3.4"),
    ] {
        let request = client.get(format!("http://{}{PATH}", running.addr));
        Answer::of(request.header(name, value))
            .await
            .expect_status(200);
    }
    let mut log = String::new();
    running.stop_and_log(&mut log);
    assert_eq!(log.matches("not in server.proxies").count(), 1, "{log}");
}

#[tokio::test]
async fn guesses_from_many_addresses_are_slowed_together() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.auth.mode = AuthMode::Required;
        config.auth.guesses_per_minute_max = 3;
    })
    .await;
    guarded(&server);
    let log_in = async |client: &str, password: &str| {
        let request = server.request(Method::GET, LOGIN);
        let request = request.header("x-forwarded-for", client);
        Answer::of(basic(request, "admin", password)).await
    };
    let known = "9.9.9.9";
    log_in(known, "right horse").await.expect_status(200);
    for client in ["1.0.0.1", "2.0.0.1", "3.0.0.1"] {
        log_in(client, client).await.expect_status(401);
    }
    let refused = log_in("4.0.0.1", "right horse").await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.expect_error(429, "too many logins failed");
    // Whoever has logged in from an address, and whoever is on this machine, does not share the rate.
    log_in(known, "wrong").await.expect_status(401);
    log_in(known, "right horse").await.expect_status(200);
    let here = server.request(Method::GET, LOGIN);
    Answer::of(basic(here, "admin", "right horse"))
        .await
        .expect_status(200);
}

/// As proxies of node and Go, and proxies that hide their clients, send it.
const UNREADABLE: [&str; 7] = [
    "fe80::1%eth0",
    "unknown",
    "unix:",
    "_hidden",
    "",
    "1.2.3.4,",
    "::",
];

#[tokio::test]
async fn a_client_that_the_proxy_does_not_tell_is_never_this_machine() {
    let server = TestServer::start_with(behind_a_proxy).await;
    server.get(PATH).await.expect_status(200);
    let refused = async |name: &str, value: &str| {
        with(&server, PATH, &[(name, value)])
            .await
            .expect_status(401);
        let first = server.request(Method::POST, "/session/set_password");
        let first = first.form(&[("username", "mine"), ("password", "my password")]);
        let answer = Answer::of(first.header(name, value)).await;
        answer.expect_error(403, "`scanpost user set-password`");
    };
    for value in UNREADABLE {
        refused("x-forwarded-for", value).await;
        refused("forwarded", &format!("for=\"{value}\"")).await;
    }
    for trace in ["x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"] {
        refused(trace, "localhost").await;
    }
    // Another machine means itself by this address.
    refused("x-forwarded-for", "127.0.0.1, 10.0.0.1").await;
    refused("forwarded", "for=127.0.0.1, for=10.0.0.1").await;
}

#[tokio::test]
async fn clients_that_the_proxy_does_not_tell_are_throttled_as_one() {
    let server = TestServer::start_with(|config| {
        behind_a_proxy(config);
        config.auth.mode = AuthMode::Required;
    })
    .await;
    guarded(&server);
    let log_in = async |client: &str, password: &str| {
        let request = server.request(Method::GET, LOGIN);
        let request = request.header("x-forwarded-for", client);
        Answer::of(basic(request, "admin", password)).await
    };
    for (number, client) in UNREADABLE[1..6].iter().enumerate() {
        log_in(client, &format!("guess {number}"))
            .await
            .expect_status(401);
    }
    log_in("_another", "right horse").await.expect_status(429);
    log_in("1.2.3.5", "right horse").await.expect_status(200);
}
