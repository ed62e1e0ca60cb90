//! The bounds of sources: which one makes room, how many new ones come, and how one is forgotten.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{run, scanpost};
use crate::server::{Answer, TestServer, WIFI};

const AP: &str = "00:00:00:00:00:01";

fn uuid(source: u32) -> String {
    format!("44444444-0000-0000-0000-{source:012}")
}

async fn send(server: &TestServer, source: u32, reports: Value) -> Answer {
    let body = json!({ "source_uuid": uuid(source), "source_name": format!("phone {source}"), "reports": reports });
    server.post_json(WIFI, &body).await
}

async fn forget(server: &TestServer, source: u32) -> Answer {
    let path = format!("/api/v1/sources/{}", uuid(source));
    Answer::of(server.request(Method::DELETE, &path)).await
}

/// The last digits of all sources, and how many devices each has seen.
async fn sources(server: &TestServer) -> Vec<(String, u64)> {
    let listed = server.read("/api/v1/sources").await;
    let listed = listed["sources"].as_array().unwrap().iter();
    let source = |source: &Value| {
        let uuid = source["source"].as_str().unwrap();
        let digits = uuid.chars().skip(34).collect();
        (digits, source["devices"].as_u64().unwrap())
    };
    listed.map(source).collect()
}

fn expected<const N: usize>(sources: [(&str, u64); N]) -> Vec<(String, u64)> {
    let owned = |(digits, devices): (&str, u64)| (digits.to_owned(), devices);
    sources.into_iter().map(owned).collect()
}

#[tokio::test]
async fn at_the_bound_the_source_without_devices_that_is_silent_longest_makes_room() {
    let server = TestServer::start_with(|config| config.limits.sources_max = 3).await;
    let one = || json!([{ "bssid": AP }]);
    for (source, reports) in [(1, one()), (2, json!([])), (3, json!([])), (2, json!([]))] {
        send(&server, source, reports).await.expect_status(200);
    }
    // The first is silent longest, but has a device. The third is silent longer than the second.
    send(&server, 4, one()).await.expect_status(200);
    let four = expected([("01", 1), ("02", 0), ("04", 1)]);
    assert_eq!(sources(&server).await, four);
    let server = server.restart().await;
    assert_eq!(sources(&server).await, four);
    send(&server, 5, one()).await.expect_status(200);
    let five = expected([("01", 1), ("04", 1), ("05", 1)]);
    assert_eq!(sources(&server).await, five);
    let server = server.restart().await;
    assert_eq!(sources(&server).await, five);
    let server = server.restart_without_snapshots().await;
    assert_eq!(sources(&server).await, five);

    let refused = send(&server, 6, one()).await;
    assert!(!refused.headers.contains_key("retry-after"));
    refused.expect_error(409, "the bound of 3 sources is reached");
    let refused = send(&server, 6, one()).await;
    refused.expect_error(409, "scanpost source forget");
    send(&server, 1, one()).await.expect_status(200);
    assert_eq!(sources(&server).await, five);
}

#[tokio::test]
async fn new_sources_of_an_hour_have_a_bound() {
    let server = TestServer::start_with(|config| config.limits.new_sources_per_hour_max = 2).await;
    for source in [1, 2] {
        send(&server, source, json!([])).await.expect_status(200);
    }
    let refused = send(&server, 3, json!([])).await;
    assert!(!refused.headers.contains_key("retry-after"));
    refused.expect_error(409, "limits.new_sources_per_hour_max = 2");
    for source in [1, 2] {
        send(&server, source, json!([{ "bssid": AP }]))
            .await
            .expect_status(200);
    }
    assert_eq!(server.source_count().await, 2);
}

#[tokio::test]
async fn a_source_that_is_forgotten_is_gone_for_good_and_may_come_again_as_a_new_one() {
    let server = TestServer::start().await;
    for source in [1, 2] {
        send(&server, source, json!([{ "bssid": AP }]))
            .await
            .expect_status(200);
    }
    let nobody = forget(&server, 3).await;
    nobody.expect_error(404, "no source has the UUID");
    let path = "/api/v1/sources/phone";
    Answer::of(server.request(Method::DELETE, path))
        .await
        .expect_error(400, "uuid: not a UUID");
    let done = forget(&server, 1).await.expect_status(200);
    assert_eq!(done.json(), json!({ "source": uuid(1), "forgotten": true }));

    let seen_by = async |server: &TestServer| {
        let device = server.device(AP).await;
        let native = server.read(&format!("/api/v1/devices/{AP}")).await;
        let seen = device["kismet.device.base.seenby"].as_array().unwrap();
        assert_eq!(seen.len(), native["seen_by"].as_array().unwrap().len());
        let uuid = |seen: &Value| {
            seen["kismet.common.seenby.uuid"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        seen.iter().map(uuid).collect::<Vec<_>>()
    };
    assert_eq!(sources(&server).await, expected([("02", 1)]));
    assert_eq!(seen_by(&server).await, [uuid(2)]);
    let server = server.restart().await;
    assert_eq!(sources(&server).await, expected([("02", 1)]));
    assert_eq!(seen_by(&server).await, [uuid(2)]);
    let server = server.restart_without_snapshots().await;
    assert_eq!(seen_by(&server).await, [uuid(2)]);
    send(&server, 1, json!([{ "bssid": AP }]))
        .await
        .expect_status(200);
    let both = expected([("02", 1), ("01", 1)]);
    assert_eq!(sources(&server).await, both);
    let server = server.restart().await;
    assert_eq!(sources(&server).await, both);
    assert_eq!(seen_by(&server).await, [uuid(2), uuid(1)]);
}

#[tokio::test]
async fn the_program_forgets_a_source_of_a_server_that_does_not_run() {
    let server = TestServer::start().await;
    for source in [1, 2] {
        send(&server, source, json!([])).await.expect_status(200);
    }
    let command = |data: &std::path::Path, source: u32| {
        let mut command = scanpost();
        command.args(["source", "forget", "--data-dir"]);
        run(command.arg(data).arg(uuid(source)))
    };
    let (code, _, error) = command(server.data(), 1);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("a server runs on this data directory"),
        "{error}"
    );
    assert!(
        error.contains(&format!("DELETE /api/v1/sources/{}", uuid(1))),
        "{error}"
    );

    let (data, config) = server.stop().await;
    let (code, _, error) = command(data.path(), 3);
    assert_eq!(code, Some(1));
    assert!(error.contains("no source has the UUID"), "{error}");
    let (code, out, error) = command(data.path(), 1);
    assert_eq!((code, &*error), (Some(0), ""));
    assert!(out.contains(&uuid(1)), "{out}");
    let server = TestServer::start_on(data, config).await;
    assert_eq!(sources(&server).await, expected([("02", 0)]));

    let nowhere = tempfile::tempdir().unwrap();
    let (code, _, error) = command(nowhere.path(), 1);
    assert_eq!(code, Some(1));
    assert!(error.contains("there is no log"), "{error}");
}
