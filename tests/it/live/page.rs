//! The stream of server-sent events for a page.

use reqwest::Response;
use scanpost::config::Config;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::PATIENCE;
use crate::auth::{get_with, guarded, key};
use crate::server::{SOURCE, TestServer};

const LIVE: &str = "/api/v1/live";

/// A reader of a stream.
pub(crate) struct Stream {
    response: Response,
    buffer: String,
}

impl Stream {
    pub(crate) async fn open(server: &TestServer) -> Self {
        Self::of(server.request(reqwest::Method::GET, LIVE)).await
    }

    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next event with its name. `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                if let (Some(event), Some(data)) = (field("event"), field("data")) {
                    return Some((event.to_owned(), serde_json::from_str(data).unwrap()));
                }
            }
            let piece = timeout(PATIENCE, self.response.chunk()).await.unwrap();
            self.buffer += std::str::from_utf8(&piece.ok()??).unwrap();
        }
    }

    /// The next event of a name.
    pub(crate) async fn until(&mut self, name: &str) -> Value {
        loop {
            let (event, data) = self.next().await.expect("the stream ended");
            if event == name {
                return data;
            }
        }
    }
}

fn hastily(config: &mut Config) {
    config.limits.ping_interval = std::time::Duration::from_millis(20);
}

#[tokio::test]
async fn counters_come_first_and_then_what_happens() {
    let server = TestServer::start_with(|config| {
        crate::alerts::canaries(&mut config.alerts, crate::alerts::OFTEN);
        config.limits.live_devices_per_second_max = 2;
    })
    .await;
    let mut stream = Stream::open(&server).await;
    let counters = stream.until("counters").await;
    let expected = json!({
        "devices": 0, "reports_per_second": 0.0, "sources_up": 0, "sources_silent": 0, "alerts_open": 0
    });
    assert_eq!(counters, expected);
    let mut reports: Vec<_> = (1..10)
        .map(|number| json!({ "bssid": format!("0200000000{number:02x}") }))
        .collect();
    reports.push(crate::alerts::canary(77));
    server.report(json!(reports)).await;
    let (mut told, mut left_out, mut alerts, mut sources) = (0, 0, Vec::new(), Vec::new());
    while told + left_out < 10 || alerts.is_empty() || sources.is_empty() {
        let (event, data) = stream.next().await.unwrap();
        match event.as_str() {
            "device" => {
                told += 1;
                assert!(
                    data["address"].is_string() && data["first_seen"].is_u64(),
                    "{data}"
                );
            }
            "devices" => left_out += data["left_out"].as_u64().unwrap(),
            "alert" => alerts.push(data),
            "source" => sources.push(data),
            "counters" => {}
            _ => panic!("{event}: {data}"),
        }
    }
    assert_eq!(told + left_out, 10);
    assert!(0 < told && 0 < left_out, "{told} {left_out}");
    assert_eq!(alerts[0]["rule"], "SSIDCANARY");
    assert_eq!(sources[0]["source"], SOURCE);
    assert_eq!(sources[0]["state"], "new");

    let mut second = Stream::open(&server).await;
    loop {
        let counters = second.until("counters").await;
        if counters["devices"] == 10 {
            assert_eq!(counters["alerts_open"], 1);
            assert_eq!(counters["sources_up"], 1);
            break;
        }
    }
    let pause = format!("/datasource/by-uuid/{SOURCE}/pause_source.cmd");
    server.get(&pause).await.expect_status(200);
    assert_eq!(second.until("source").await["state"], "paused");
    let id = alerts[0]["id"].as_str().unwrap();
    let acknowledge = format!("/api/v1/alerts/{id}/acknowledge");
    let acknowledged = server.post_json(&acknowledge, &json!({})).await;
    acknowledged.expect_status(200);
    while second.until("counters").await["alerts_open"] != 0 {}
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let (server, credentials) = guarded().await;
    server.get(LIVE).await.expect_status(401);
    let server = server.restart_with(hastily).await;
    let readonly = key(&credentials, "readonly");
    let scanreport = key(&credentials, "scanreport");
    get_with(
        &server,
        LIVE,
        "authorization",
        &format!("Bearer {scanreport}"),
    )
    .await
    .expect_status(403);
    let request = server.request(reqwest::Method::GET, LIVE);
    let mut stream = Stream::of(request.bearer_auth(&readonly)).await;
    stream.until("heartbeat").await;
    let name = credentials.keys().into_iter();
    let mut name = name.filter(|key| key.role.as_str() == "readonly");
    let name = name.next().unwrap().name;
    credentials.revoke_key(&name).unwrap();
    let end = stream.until("end").await;
    assert_eq!(end["reason"], "the login or key is no longer valid");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn streams_have_places_and_the_signs_of_life_keep_them_open() {
    let server = TestServer::start_with(|config| {
        config.limits.subscribers_per_client_max = 1;
        config.limits.idle_timeout = std::time::Duration::from_secs(2);
        hastily(config);
    })
    .await;
    let mut stream = Stream::open(&server).await;
    let refused = server.get(LIVE).await;
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = refused.expect_error(429, "limits.subscribers_per_client_max");
    assert_eq!(refused["code"], "too_many_streams");
    for _ in 0..3 {
        assert!(stream.until("heartbeat").await["time"].is_u64());
    }
    drop(stream);
    // The place is free when the server has noticed.
    loop {
        let request = server.request(reqwest::Method::GET, LIVE);
        let response = request.send().await.unwrap();
        if response.status() == 200 {
            break;
        }
        assert_eq!(response.status(), 429);
    }
    server
        .get("/api/v1/live?since=1")
        .await
        .expect_error(400, "since: there is no such parameter here");
}

/// A page that is loaded again and again would use up the places of its client, if they were free with the next piece only.
#[tokio::test]
async fn the_place_of_a_client_that_left_is_free_while_nothing_happens() {
    let server = TestServer::start_with(|config| {
        config.limits.subscribers_per_client_max = 1;
        config.limits.ping_interval = std::time::Duration::from_secs(3600);
    })
    .await;
    let mut stream = Stream::open(&server).await;
    stream.until("counters").await;
    drop(stream);
    let again = async {
        loop {
            let request = server.request(reqwest::Method::GET, LIVE);
            let response = request.send().await.unwrap();
            if response.status() == 200 {
                break;
            }
            assert_eq!(response.status(), 429);
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_client_that_falls_behind_is_told_so() {
    let server = TestServer::start_with(|config| config.limits.events_queue_max = 2).await;
    let mut stream = Stream::open(&server).await;
    stream.until("counters").await;
    let mut number = 0;
    let lagged = loop {
        let reports: Vec<_> = (0..1000)
            .map(|_| {
                number += 1;
                json!({ "bssid": format!("0200{number:08x}") })
            })
            .collect();
        server.report(json!(reports)).await;
        let (event, data) = stream.next().await.unwrap();
        if event == "lagged" {
            break data;
        }
    };
    assert!(0 < lagged["events"].as_u64().unwrap());
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let server = TestServer::start().await;
    let mut stream = Stream::open(&server).await;
    stream.until("counters").await;
    let (stopped, end) = tokio::join!(server.stop(), async {
        while stream.next().await.is_some() {}
    });
    drop((stopped, end));
}
