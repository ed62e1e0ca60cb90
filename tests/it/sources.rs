//! Commands to sources: those that work, and those that are refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, SOURCE, TestServer};

const AP: &str = "00:00:00:00:00:01";

fn command(name: &str) -> String {
    format!("/datasource/by-uuid/{SOURCE}/{name}_source.cmd")
}

/// Whether a source is shown as paused in its own record, in the list of sources, and in a device that it saw.
async fn is_paused(server: &TestServer) -> bool {
    let path = format!("/datasource/by-uuid/{SOURCE}/source.json");
    let own = server.read(&path).await["kismet.datasource.paused"].clone();
    let listed = server.read("/datasource/all_sources.json").await;
    assert_eq!(listed[0]["kismet.datasource.paused"], own);
    let device = server.device(AP).await;
    let seen = &device["kismet.device.base.seenby"][0]["kismet.common.seenby.source"];
    assert_eq!(seen["kismet.datasource.paused"], own);
    own == 1
}

#[tokio::test]
async fn a_paused_source_is_shown_so_and_reports_all_the_same() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    assert!(!is_paused(&server).await);
    let resume = server.get(&command("resume")).await;
    resume.expect_error(409, "the source is not paused");
    let paused = server.read(&command("pause")).await;
    assert_eq!(paused["kismet.datasource.paused"], 1);
    assert_eq!(paused["kismet.datasource.uuid"], SOURCE);
    assert!(is_paused(&server).await);
    let again = server.post_json(&command("pause"), &json!({})).await;
    again.expect_error(409, "the source is paused already");
    server.report(json!([{ "bssid": AP }])).await;
    let device = server.device(AP).await;
    assert_eq!(device["kismet.device.base.packets.total"], 2);
    let fields = json!({ "fields": ["kismet.datasource.paused"] });
    let resumed = server.post_json(&command("resume"), &fields).await;
    assert_eq!(resumed.json(), json!({ "kismet.datasource.paused": 0 }));
    assert!(!is_paused(&server).await);
    let said = server.read("/messagebus/all_messages.json").await;
    let said: Vec<&str> = said.as_array().unwrap().iter().filter_map(text).collect();
    for word in ["Pausing", "Resuming"] {
        assert!(
            said.contains(&&*format!("{word} source 'phone' ({SOURCE})")),
            "{said:?}"
        );
    }

    // In Kismet a pause ends with the process. Here it survives a restart.
    server.get(&command("pause")).await.expect_status(200);
    let server = server.restart().await;
    assert!(is_paused(&server).await);
    server.get(&command("resume")).await.expect_status(200);
    let server = server.restart().await;
    assert!(!is_paused(&server).await);
}

fn text(message: &Value) -> Option<&str> {
    message["kismet.messagebus.message_string"].as_str()
}

#[tokio::test]
async fn a_head_request_does_not_run_a_command() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    let answer = Answer::of(server.request(Method::HEAD, &command("pause"))).await;
    assert_eq!(answer.status, 405);
    assert!(!is_paused(&server).await);
    server.get(&command("pause")).await.expect_status(200);
    assert!(is_paused(&server).await);
}

#[tokio::test]
async fn a_virtual_source_is_neither_opened_nor_closed() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    for name in ["close", "disable", "open"] {
        for method in [Method::GET, Method::POST] {
            let answer = Answer::of(server.request(method, &command(name))).await;
            let source = answer.expect_status(200).json();
            assert_eq!(source["kismet.datasource.uuid"], SOURCE, "{name}");
            assert_eq!(source["kismet.datasource.error"], 0, "{name}");
        }
        server.report(json!([{ "bssid": AP }])).await;
    }
    let nobody = SOURCE.replace('4', "5");
    for name in ["close", "pause", "resume"] {
        let path = command(name).replace(SOURCE, &nobody);
        let answer = server.get(&path).await;
        answer.expect_error(404, "no source has the UUID");
        let path = command(name).replace(SOURCE, "x");
        server.get(&path).await.expect_error(400, "uuid: ");
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_followed_says_why() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    for (path, reason) in [
        (
            &*format!("/datasource/by-uuid/{SOURCE}/set_channel.cmd"),
            "a scanner tunes its radio itself",
        ),
        (
            &*format!("/datasource/by-uuid/{SOURCE}/set_hop.cmd"),
            "a scanner tunes its radio itself",
        ),
        ("/datasource/add_source.cmd", "opens no radio"),
        ("/gps/add_gps.cmd", "no place of its own"),
        ("/gps/web/update.cmd", "no place of its own"),
        ("/poi/create_poi.cmd", "no place of its own"),
        ("/logging/by-uuid/x/stop.cmd", "always written"),
        ("/logging/by-class/pcapng/start.cmd", "always written"),
    ] {
        let answer = server.post_json(path, &json!({ "lat": 1, "lon": 2 })).await;
        answer.expect_error(501, reason);
    }
    let remove = server.get("/gps/by-uuid/x/remove_gps.cmd").await;
    remove.expect_error(501, "no place of its own");
    let receiver = server.get("/gps/by-uuid/x/location.json").await;
    receiver.expect_error(404, "no GPS receiver");
    let nobody = SOURCE.replace('4', "5");
    let path = format!("/datasource/by-uuid/{nobody}/set_channel.cmd");
    let unknown = server.post_json(&path, &json!({ "channel": "6" })).await;
    unknown.expect_error(404, "no source has the UUID");
}
