//! Names and tags that people give to devices.

use serde_json::json;

use crate::server::TestServer;

const AP: &str = "00:00:00:00:00:01";
const KEY: &str = "/devices/by-key/4202770D00000000_10000000000";

async fn server() -> TestServer {
    let server = TestServer::start_with(|config| config.limits.tags_per_device_max = 2).await;
    server
        .report(json!([{ "bssid": AP, "ssid": "Home", "tags": { "a": "1" } }]))
        .await;
    server
}

async fn set(server: &TestServer, what: &str, command: serde_json::Value) -> crate::server::Answer {
    server
        .post_json(&format!("{KEY}/set_{what}.cmd"), &command)
        .await
}

#[tokio::test]
async fn a_name_and_tags_stay_over_restarts_and_reach_pollers() {
    let server = server().await;
    let named = set(&server, "name", json!({ "username": "roof" }))
        .await
        .expect_status(200);
    assert_eq!(named.text, "Device name set\n");
    let tagged = set(
        &server,
        "tag",
        json!({ "tagname": "notes", "tagvalue": "mine" }),
    )
    .await
    .expect_status(200);
    assert_eq!(tagged.text, "Device tag set\n");
    let check = async |server: &TestServer| {
        let device = server.device(AP).await;
        assert_eq!(device["kismet.device.base.username"], "roof");
        assert_eq!(device["kismet.device.base.commonname"], "roof");
        assert_eq!(device["kismet.device.base.name"], "Home");
        assert_eq!(
            device["kismet.device.base.tags"],
            json!({ "a": "1", "notes": "mine" })
        );
        assert_eq!(device["kismet.device.base.packets.total"], 1);
        assert_eq!(server.source_count().await, 1);
    };
    check(&server).await;
    // From the snapshot, then from the log alone.
    let server = server.restart().await;
    check(&server).await;
    let server = server.restart_without_snapshots().await;
    check(&server).await;

    set(&server, "name", json!({ "username": "" }))
        .await
        .expect_status(200);
    set(&server, "tag", json!({ "tagname": "a", "tagvalue": "" }))
        .await
        .expect_status(200);
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.commonname"], "Home");
    assert_eq!(device.get("kismet.device.base.username"), None);
    assert_eq!(
        device["kismet.device.base.tags"],
        json!({ "notes": "mine" })
    );
    let changed = server.read("/devices/last-time/-60/devices.json").await;
    assert_eq!(changed.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn invalid_annotations_are_named() {
    let server = server().await;
    set(&server, "name", json!({}))
        .await
        .expect_error(400, "username: missing");
    set(&server, "name", json!({ "username": "x".repeat(257) }))
        .await
        .expect_error(400, "username: longer than 256");
    set(&server, "tag", json!({ "tagname": "", "tagvalue": "x" }))
        .await
        .expect_error(400, "tagname: may not be empty");
    set(&server, "tag", json!({ "tagname": "b" }))
        .await
        .expect_error(400, "tagvalue: missing");
    set(&server, "tag", json!({ "tagname": "b", "tagvalue": "2" }))
        .await
        .expect_status(200);
    set(&server, "tag", json!({ "tagname": "c", "tagvalue": "3" }))
        .await
        .expect_error(400, "tagname: the device has 2 tags");
    set(&server, "tag", json!({ "tagname": "a", "tagvalue": "3" }))
        .await
        .expect_status(200);
    let nobody = "/devices/by-key/4202770D00000000_90000000000/set_name.cmd";
    server
        .post_json(nobody, &json!({ "username": "x" }))
        .await
        .expect_error(404, "no device has the key");
}
