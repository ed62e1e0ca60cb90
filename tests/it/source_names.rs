//! Names that people give scanners, in the place of those that scanners send.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::program::{Running, run, scanpost};
use crate::server::{Answer, SOURCE, TestServer, WIFI, batch};

const AP: &str = "02:00:00:00:00:01";

fn path(source: &str) -> String {
    format!("/api/v1/sources/{source}/name")
}

async fn rename(server: &TestServer, name: &str) -> Value {
    let answer = server
        .post_json(&path(SOURCE), &json!({ "name": name }))
        .await;
    answer.expect_status(200).json()
}

/// A report. With another time it is another one, and not the same that is sent again.
fn seen(time: u64) -> Value {
    json!([{ "timestamp": 1_700_000_000 + time, "bssid": AP, "ssid": "net", "lat": 48.2, "lon": 16.4 }])
}

/// The name of the scanner wherever it is shown. All of them have to be the same.
async fn shown(server: &TestServer) -> String {
    let list = server.read("/api/v1/sources").await;
    let name = list["sources"][0]["name"].as_str().unwrap().to_owned();
    let one = server.read(&format!("/api/v1/sources/{SOURCE}")).await;
    let track = server
        .read(&format!("/api/v1/sources/{SOURCE}/track"))
        .await;
    let device = server.read(&format!("/api/v1/devices/{AP}")).await;
    let listed = server.read("/datasource/all_sources.json").await;
    let of_kismet = server.device(AP).await;
    let seen_by = &of_kismet["kismet.device.base.seenby"][0]["kismet.common.seenby.source"];
    for other in [
        &one["name"],
        &track["properties"]["name"],
        &device["seen_by"][0]["source_name"],
        &listed[0]["kismet.datasource.name"],
        &seen_by["kismet.datasource.name"],
    ] {
        assert_eq!(other, &name);
    }
    let table = server
        .request(Method::GET, "/api/v1/sources")
        .header("accept", "text/csv");
    let table = Answer::of(table).await.expect_status(200).text;
    assert!(table.contains(&name), "{table}");
    let file = server.get("/api/v1/export/gpx").await.expect_status(200);
    assert!(
        file.text.contains(&format!("<name>{name}</name>")),
        "{}",
        file.text
    );
    name
}

#[tokio::test]
async fn a_given_name_stands_for_the_one_that_the_scanner_sends() {
    let server = TestServer::start().await;
    server.report(seen(1)).await;
    assert_eq!(shown(&server).await, "phone");
    let expected = json!({ "source": SOURCE, "name": "on the roof", "sent_name": "phone" });
    assert_eq!(rename(&server, " on the roof ").await, expected);
    assert_eq!(shown(&server).await, "on the roof");

    // The filters know the new name, and not the old one.
    let of_roof = server.read("/api/v1/devices?source=on+the+roof").await;
    assert_eq!(of_roof["devices"].as_array().unwrap().len(), 1);
    let of_phone = server.get("/api/v1/devices?source=phone").await;
    of_phone.expect_error(400, "no source has this UUID or name");

    // What the scanner sends later is remembered, and changes nothing.
    let mut later = batch(seen(2));
    later["source_name"] = json!("phone 2");
    server.taken(&later).await;
    assert_eq!(shown(&server).await, "on the roof");
    let one = server.read(&format!("/api/v1/sources/{SOURCE}")).await;
    assert_eq!(one["sent_name"], "phone 2");
    let observed = server
        .read(&format!("/api/v1/devices/{AP}/observations"))
        .await;
    assert_eq!(observed["observations"][0]["source_name"], "phone 2");

    let said = server.get("/messagebus/all_messages.json").await.text;
    let message = format!("Source 'phone' ({SOURCE}) is called 'on the roof' now");
    assert!(said.contains(&message), "{said}");

    // Another name, and then none.
    rename(&server, "in the attic").await;
    let server = server.restart().await;
    assert_eq!(shown(&server).await, "in the attic");
    let expected = json!({ "source": SOURCE, "name": "phone 2", "sent_name": null });
    assert_eq!(rename(&server, "").await, expected);
    assert_eq!(rename(&server, "").await, expected);
    assert_eq!(shown(&server).await, "phone 2");
    let server = server.restart_without_snapshots().await;
    assert_eq!(shown(&server).await, "phone 2");
    rename(&server, "in the cellar").await;
    let server = server.restart_without_snapshots().await;
    assert_eq!(shown(&server).await, "in the cellar");
    let (data, _) = server.stop().await;
    let (code, out, err) = run(scanpost()
        .args(["log", "verify", "--data-dir"])
        .arg(data.path()));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
}

#[tokio::test]
async fn a_forgotten_scanner_comes_back_without_its_given_name() {
    let server = TestServer::start().await;
    server.report(seen(3)).await;
    rename(&server, "on the roof").await;
    let forget = format!("/api/v1/sources/{SOURCE}");
    let forgotten = Answer::of(server.request(Method::DELETE, &forget)).await;
    forgotten.expect_status(200);
    let unknown = server
        .post_json(&path(SOURCE), &json!({ "name": "roof" }))
        .await;
    unknown.expect_error(404, "no source has the UUID");
    server.report(seen(4)).await;
    assert_eq!(shown(&server).await, "phone");
}

#[tokio::test]
async fn names_are_bounded_and_any_text_is_a_name() {
    let server = TestServer::start_with(|config| config.limits.source_name_bytes_max = 64).await;
    server.report(seen(5)).await;
    for name in [
        &"x".repeat(64),
        "<img src=x onerror=alert(1)>",
        "=1+1 \"'&é🛰",
        "44444444-0000-0000-0000-000000000009",
    ] {
        assert_eq!(rename(&server, name).await["name"], name);
        let list = server.read("/api/v1/sources").await;
        assert_eq!(list["sources"][0]["name"], name);
    }
    let known = rename(&server, "on the roof").await;
    assert_eq!(known["name"], "on the roof");
    for (body, reason) in [
        (
            json!({ "name": "x".repeat(65) }),
            "name: longer than 64 bytes",
        ),
        (json!({ "name": "a\nb" }), "name: has control characters"),
        (json!({ "name": "a\u{0}b" }), "name: has control characters"),
        (
            json!({ "name": "a\u{202e}b" }),
            "name: has control characters",
        ),
        (
            json!({ "name": "a\u{200b}b" }),
            "characters that nobody sees",
        ),
        (json!({}), "name: missing"),
        (json!({ "name": null }), "name: missing"),
        (json!({ "name": 5 }), "expected a string"),
        (json!({ "name": "a", "uuid": "b" }), "uuid"),
    ] {
        let answer = server.post_json(&path(SOURCE), &body).await;
        answer.expect_error(400, reason);
    }
    let form = "application/x-www-form-urlencoded";
    let twice = server
        .post(&path(SOURCE), Some(form), "name=a&name=b")
        .await;
    twice.expect_error(400, "name: given more than once");
    let body = json!({ "name": "a" });
    let answer = server.post_json(&path("x"), &body).await;
    answer.expect_error(400, "uuid: ");
    let nobody = SOURCE.replace('4', "5");
    let answer = server.post_json(&path(&nobody), &body).await;
    answer.expect_error(404, "no source has the UUID");
    assert_eq!(shown(&server).await, "on the roof");
    let by_form = server.post(&path(SOURCE), Some(form), "name=by+form").await;
    assert_eq!(by_form.expect_status(200).json()["name"], "by form");
}

/// Sends a command to a program.
async fn post(running: &Running, path: &str, body: &Value) {
    let url = format!("http://{}{path}", running.addr);
    let answer = Client::new().post(url).json(body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn name_at(running: &Running) -> Value {
    let url = format!("http://{}/api/v1/sources", running.addr);
    let list: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    list["sources"][0]["name"].clone()
}

#[tokio::test]
async fn a_given_name_outlives_a_kill_and_is_in_backups() {
    let often = |command: &mut std::process::Command| {
        command.env("SCANPOST_SNAPSHOTS__INTERVAL", "2ms");
    };
    let mut running = Running::start(often);
    post(&running, WIFI, &batch(seen(6))).await;
    for round in 0..5 {
        let name = format!("place {round}");
        post(&running, &path(SOURCE), &json!({ "name": name })).await;
        running = Running::start_on(running.kill(), often);
        assert_eq!(name_at(&running).await, name);
        post(&running, WIFI, &batch(seen(10 + round))).await;
        assert_eq!(name_at(&running).await, name);
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backup");
    let (code, _, err) = run(scanpost()
        .arg("backup")
        .arg(&folder)
        .arg("--data-dir")
        .arg(running.data()));
    assert_eq!(code, Some(0), "{err}");
    running.kill();
    let copy = tempfile::tempdir().unwrap();
    crate::server::copy(&folder, copy.path());
    let restored = Running::start_on(copy, |_| {});
    assert_eq!(name_at(&restored).await, "place 4");
}
