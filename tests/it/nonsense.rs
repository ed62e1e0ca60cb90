//! Requests of the native interface that are almost right: they are refused, and not understood as something else.

use serde_json::json;

use crate::server::TestServer;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

#[tokio::test]
async fn a_json_array_is_no_object() {
    let server = TestServer::start().await;
    let login = "/api/v1/session";
    let body = json!(["admin", "the password"]);
    let refused = server.post_json(login, &body).await;
    let refused = refused.expect_error(400, "json: expected an object (it is an array)");
    assert_eq!(refused["code"], "bad_command");
    let refused = server
        .post(login, FORM, "json=%5B%22a%22%2C%22b%22%5D")
        .await;
    refused.expect_error(400, "expected an object");
    for what in ["acknowledge", "comments"] {
        let path = format!("/api/v1/alerts/00000000-0000-0000-0000-000000000001/{what}");
        let refused = server.post_json(&path, &json!(["a comment"])).await;
        refused.expect_error(400, "expected an object");
    }
}

#[tokio::test]
async fn a_form_has_each_name_once() {
    let server = TestServer::start().await;
    for (body, reason) in [
        (
            "username=a&username=b&password=c",
            "username: given more than once",
        ),
        (
            "username=a&password=b&password=b",
            "password: given more than once",
        ),
        (
            "json=%7B%22username%22%3A%22a%22%7D&username=b",
            "username: given more than once",
        ),
        ("username=a&name=b", "name: there is no such parameter here"),
        ("username=a", "password: missing, or empty"),
    ] {
        let refused = server.post("/api/v1/session", FORM, body).await;
        refused.expect_error(400, reason);
    }
    let path = "/api/v1/alerts/00000000-0000-0000-0000-000000000001/comments";
    let refused = server.post(path, FORM, "comment=a&comment=b").await;
    refused.expect_error(400, "comment: given more than once");
}

#[tokio::test]
async fn a_tile_has_one_address() {
    let server = TestServer::start().await;
    for (path, name) in [
        ("01/0/0", "z"),
        ("+1/0/0", "z"),
        ("1/00/0", "x"),
        ("1/+0/0", "x"),
        ("1/-0/0", "x"),
        ("1/0/01", "y"),
        ("1/0/+1", "y"),
        ("1/0/%31%20", "y"),
    ] {
        let refused = server.get(&format!("/api/v1/tiles/{path}.mvt")).await;
        refused.expect_error(400, &format!("{name}: expected a number from 0 to"));
        let refused = server.get(&format!("/api/v1/basemaps/town/{path}")).await;
        refused.expect_error(400, &format!("{name}: expected the number of a tile"));
    }
    server
        .get("/api/v1/tiles/1/0/1.mvt")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_list_has_no_empty_value() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "00:00:0C:00:00:01", "ssid": "x" }]))
        .await;
    for name in [
        "manufacturer",
        "source",
        "security",
        "channel",
        "band",
        "phy",
    ] {
        for value in ["%2C", "%2C%2C", "%20", "open%2C", "%2Copen", "a%2C%20%2Cb"] {
            let refused = server.get(&format!("/api/v1/devices?{name}={value}")).await;
            let refused = refused.expect_status(400).json();
            assert_eq!(refused["parameter"], name, "{value}: {refused}");
        }
    }
    // Names may have commas.
    for (made_by, count) in [
        ("cisco%20systems,%20inc", 1),
        ("cisco,apple", 1),
        ("apple", 0),
    ] {
        let found = server
            .read(&format!("/api/v1/devices?manufacturer={made_by}"))
            .await;
        assert_eq!(
            found["devices"].as_array().unwrap().len(),
            count,
            "{made_by}"
        );
    }
}

#[tokio::test]
async fn a_bucket_is_a_span_of_seconds_to_days() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01" }]))
        .await;
    let chart = "/api/v1/devices/00:00:00:00:00:01/history?bucket=";
    for nonsense in [
        "1M",
        "1month",
        "2y",
        "1year",
        "1w",
        "5000ms",
        "1",
        "-1s",
        "s",
        "99999999999999999999s",
    ] {
        let refused = server.get(&format!("{chart}{nonsense}")).await;
        let refused = refused.expect_error(400, "bucket: expected a time span of whole seconds");
        assert_eq!(refused["parameter"], "bucket");
    }
    for long in ["49711days", "4294967296s", "9999999h"] {
        let refused = server.get(&format!("{chart}{long}")).await;
        refused.expect_error(
            400,
            "bucket: too long: bucket=49710days is enough for all times",
        );
    }
    for (span, seconds) in [
        ("60s", 60),
        ("5m", 300),
        ("1h", 3600),
        ("1day", 86_400),
        ("1h%2030m", 5400),
        ("49710days", 4_294_944_000_u32),
    ] {
        let made = server.read(&format!("{chart}{span}")).await;
        assert_eq!(made["bucket_s"], seconds);
    }
}
