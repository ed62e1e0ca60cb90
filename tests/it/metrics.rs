//! `/metrics`: what operators watch.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use scanpost::metrics::{ALL, Kind};
use serde_json::json;

use crate::auth::{guarded, log_in};
use crate::server::{TestServer, WIFI, batch};
use crate::skip::skip;

const AP: &str = "02:00:5E:10:00:01";

/// The samples of a scrape, by name and labels.
struct Scrape {
    text: String,
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(server: &TestServer) -> Self {
        let answer = server.get("/metrics").await.expect_status(200);
        let content_type = &answer.headers["content-type"];
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self {
            samples: samples.collect(),
            text: answer.text,
        }
    }

    #[track_caller]
    fn expect(&self, name: &str, expected: f64) {
        let found = self.samples.get(name).copied();
        assert_eq!(found, Some(expected), "{name} in\n{}", self.text);
    }
}

#[tokio::test]
async fn reports_and_requests_are_counted_by_what_became_of_them() {
    let server = TestServer::start().await;
    let good = json!({ "bssid": AP, "timestamp": 1_700_000_000 });
    let mixed = batch(json!([good, { "bssid": "x" }, {}]));
    for _ in 0..2 {
        server.post_json(WIFI, &mixed).await.expect_status(200);
    }
    let good = batch(json!([{ "bssid": AP, "timestamp": 1_700_000_001 }]));
    for _ in 0..2 {
        server.post_json(WIFI, &good).await.expect_status(200);
    }
    let bad = batch(json!([{ "bssid": "x" }]));
    server.post_json(WIFI, &bad).await.expect_status(422);
    server
        .post(WIFI, Some("application/json"), "no JSON")
        .await
        .expect_status(400);
    let device = format!("/api/v1/devices/{AP}");
    server.get(&device).await.expect_status(200);
    server.get("/api/v1/devices/x").await.expect_status(400);
    server
        .get("/nowhere?password=hidden")
        .await
        .expect_status(404);

    let scrape = Scrape::of(&server).await;
    for (name, expected) in [
        (r#"scanpost_reports_total{phy="wifi"}"#, 3.0),
        (r#"scanpost_report_outcomes_total{outcome="accepted"}"#, 3.0),
        (
            r#"scanpost_report_outcomes_total{outcome="duplicate"}"#,
            1.0,
        ),
        (r#"scanpost_report_outcomes_total{outcome="rejected"}"#, 5.0),
        (r#"scanpost_reports_rejected_total{field="bssid"}"#, 5.0),
        (
            r#"scanpost_uploads_refused_total{code="no_valid_report"}"#,
            1.0,
        ),
        (
            r#"scanpost_uploads_refused_total{code="not_a_report"}"#,
            1.0,
        ),
        (
            r#"scanpost_http_requests_total{route="/api/v1/devices/{mac}",status="200"}"#,
            1.0,
        ),
        (
            r#"scanpost_http_requests_total{route="/api/v1/devices/{mac}",status="400"}"#,
            1.0,
        ),
        (
            r#"scanpost_http_request_duration_seconds_count{route="/api/v1/devices/{mac}"}"#,
            2.0,
        ),
        (
            r#"scanpost_http_requests_total{route="none",status="404"}"#,
            1.0,
        ),
        ("scanpost_log_commits_total", 3.0),
        ("scanpost_log_commit_duration_seconds_count", 3.0),
        ("scanpost_log_sync_duration_seconds_count", 3.0),
        ("scanpost_merge_duration_seconds_count", 3.0),
        (r#"scanpost_merge_duration_seconds_bucket{le="+Inf"}"#, 3.0),
        ("scanpost_queue_batches", 0.0),
        ("scanpost_ready", 1.0),
    ] {
        scrape.expect(name, expected);
    }
    for name in [
        "scanpost_log_bytes",
        "scanpost_log_wal_bytes",
        "scanpost_log_oldest_report_timestamp_seconds",
        "scanpost_data_free_bytes",
        "process_open_fds",
    ] {
        assert!(0.0 < scrape.samples[name], "{name} in\n{}", scrape.text);
    }
    assert!(!scrape.text.contains(AP) && !scrape.text.contains("hidden"));

    let server = server.restart().await;
    let scrape = Scrape::of(&server).await;
    for name in [
        "scanpost_snapshots_bytes",
        "scanpost_snapshot_last_written_timestamp_seconds",
    ] {
        assert!(0.0 < scrape.samples[name], "{name} in\n{}", scrape.text);
    }
}

#[tokio::test]
async fn failed_logins_are_counted_by_their_reason() {
    let (server, credentials) = guarded().await;
    let (mut wrong, mut throttled) = (0, 0);
    while throttled < 2 {
        match log_in(&server, &format!("{wrong}")).await.status.as_u16() {
            401 => wrong += 1,
            429 => throttled += 1,
            status => panic!("{status}"),
        }
    }
    let key = crate::auth::key(&credentials, "metrics");
    let bearer = format!("Bearer {key}");
    let answer = crate::auth::get_with(&server, "/metrics", "authorization", &bearer).await;
    let text = answer.expect_status(200).text;
    for (reason, count) in [("throttled", throttled), ("wrong", wrong)] {
        let sample = format!("\nscanpost_logins_failed_total{{reason=\"{reason}\"}} {count}\n");
        assert!(text.contains(&sample), "{sample} in\n{text}");
    }
}

/// A server with a sample of each metric that has labels.
#[tokio::test]
async fn promtool_finds_nothing_to_say_about_the_names() {
    let server = TestServer::start().await;
    let mixed = batch(json!([{ "bssid": AP, "lat": "x" }, { "bssid": "x" }]));
    server.post_json(WIFI, &mixed).await.expect_status(200);
    server
        .post(WIFI, Some("application/json"), "no JSON")
        .await
        .expect_status(400);
    let scrape = Scrape::of(&server).await;
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        return skip("the format of the metrics", "there is no promtool");
    };
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(scrape.text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_page_for_operators_lists_every_metric() {
    let page = std::fs::read_to_string("docs/operations.md").unwrap();
    let rows = page.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let known = ["scanpost_", "process_"];
        known
            .iter()
            .any(|start| name.starts_with(start))
            .then(|| (name, rest.trim_end_matches(" |").to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    let listed = ALL.iter().map(|metric| {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        (
            metric.name,
            format!("{kind} | {}", metric.help.trim_end_matches('.')),
        )
    });
    let listed: Vec<_> = listed.collect();
    let wanted: Vec<_> = listed
        .iter()
        .map(|(name, rest)| format!("| `{name}` | {rest} |"))
        .collect();
    assert_eq!(rows, listed, "the table has to be\n{}", wanted.join("\n"));
}
