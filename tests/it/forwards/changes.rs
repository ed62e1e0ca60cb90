//! Parts that wait while something changes: the service, the rules of what may leave, the credentials, the configuration.

use std::fs;
use std::mem;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scanpost::config::{Config, Forward, ForwardKind};
use serde_json::{Value, json};

use super::kill::{order_run, report};
use super::stub::{Reply, Stub, file_of, of_geosubmit};
use super::{order, run, server, status, target, until, wifis};
use crate::exports::send;
use crate::program::Running;
use crate::server::{TestServer, WIFI};

fn patient(target: &mut Forward) {
    target.retry_min = Duration::from_secs(3600);
    target.retry_max = target.retry_min;
}

/// A server with a part that was sent, and may have arrived.
async fn waiting(kind: ForwardKind, stub: &Stub) -> TestServer {
    let server = server(kind, stub, patient).await;
    send(&server, WIFI, wifis(1..3)).await;
    order(&server, "run").await.expect_status(200);
    until(&server, |status| status["state"] == "waiting").await;
    assert_eq!(status(&server).await["part"]["tried"], true);
    server
}

#[tokio::test]
async fn a_part_goes_to_no_other_service() {
    let old = Stub::start(|_| Reply::Json(500, json!({}))).await;
    let new = Stub::answering(vec![]).await;
    let server = waiting(ForwardKind::Wdgwars, &old).await;
    let other = target(ForwardKind::Geosubmit, new.addr);
    let change = move |config: &mut Config| config.forward = vec![other];
    let server = server.restart_with(change).await;
    until(&server, |status| status["rows"] == 2).await;
    let got = new.got();
    assert_eq!(got.len(), 1);
    assert_eq!(of_geosubmit(&got[0]).len(), 2);
}

#[tokio::test]
async fn a_part_obeys_rules_that_came_later() {
    let stub = Stub::answering(vec![Reply::Json(500, json!({}))]).await;
    let server = waiting(ForwardKind::Geosubmit, &stub).await;
    assert_eq!(of_geosubmit(&stub.got()[0]).len(), 2);
    let change = |config: &mut Config| config.privacy.ssids = vec!["net1".to_owned()];
    let server = server.restart_with(change).await;
    until(&server, |status| status["rows"] == 1).await;
    let second = of_geosubmit(&stub.got()[1]);
    assert!(
        second.len() == 1 && second[0].contains("00:02"),
        "{second:?}"
    );
}

/// What is not there cannot have arrived, so the rules at the time of the next attempt count.
#[tokio::test]
async fn a_part_that_found_no_service_was_not_tried() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut target = target(ForwardKind::Geosubmit, gone);
    patient(&mut target);
    let server = TestServer::start_with(|config| config.forward = vec![target]).await;
    send(&server, WIFI, wifis(1..2)).await;
    order(&server, "run").await.expect_status(200);
    let after = until(&server, |status| status["state"] == "waiting").await;
    assert_eq!(after["part"]["tried"], false, "{after}");
}

#[tokio::test]
async fn a_part_that_may_have_arrived_is_asked_for_also_after_a_refusal() {
    let name = Arc::new(Mutex::new(None));
    let (kept, mut lists) = (Arc::clone(&name), 0);
    let stub = Stub::start(move |got| {
        if got.method == "POST" {
            *kept.lock().unwrap() = Some(file_of(got).1);
            return Reply::Cut;
        }
        lists += 1;
        if lists == 1 {
            return Reply::Json(401, json!({}));
        }
        let name = kept.lock().unwrap().clone();
        Reply::Json(
            200,
            json!({ "success": true, "results": [{ "fileName": name }] }),
        )
    })
    .await;
    let server = server(ForwardKind::Wigle, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..2)).await;
    order(&server, "run").await.expect_status(200);
    until(&server, |status| status["state"] == "stopped").await;
    let server = server.restart().await;
    until(&server, |status| status["rows"] == 1).await;
    let posts = stub.got().iter().filter(|got| got.method == "POST").count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn rows_that_another_scanpost_refuses_are_set_aside() {
    let refusal = json!({ "line": 2, "reason": "too many sources" });
    let file = json!({ "rows": 2, "taken": 1, "refused": 1, "refusals": [refusal] });
    let reply = Reply::Json(200, json!({ "id": "1", "state": "done", "files": [file] }));
    let stub = Stub::answering(vec![reply]).await;
    let server = server(ForwardKind::Scanpost, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..3)).await;
    let after = run(&server).await;
    assert_eq!(
        (&after["rows"], &after["refused_rows"], &after["behind"]),
        (&json!(1), &json!(1), &json!(0)),
        "{after}"
    );
    let error = after["last_error"].as_str().unwrap();
    assert_eq!(error, "the import refused 1 rows: too many sources");
    let files: Vec<_> = fs::read_dir(server.data().join("forwards"))
        .unwrap()
        .collect();
    assert_eq!(files.len(), 1);
}

/// Other servers may say anything.
#[tokio::test]
async fn no_more_rows_are_refused_than_were_sent() {
    let files = [2, u64::MAX].map(|refused| json!({ "rows": 3, "refused": refused }));
    let reply = Reply::Json(200, json!({ "state": "done", "files": files }));
    let stub = Stub::answering(vec![reply]).await;
    let server = server(ForwardKind::Scanpost, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..2)).await;
    let after = run(&server).await;
    assert_eq!(
        (&after["rows"], &after["refused_rows"], &after["behind"]),
        (&json!(0), &json!(1), &json!(0)),
        "{after}"
    );
    assert_eq!(after["last_error"], "the import refused 1 rows");
}

#[tokio::test]
async fn a_key_comes_back_in_no_answer() {
    let key = "a/b+c=";
    let said = "no ?key=a%2Fb%2Bc%3D, no a/b+c=";
    let stub = Stub::answering(vec![Reply::Json(400, json!({ "message": said }))]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |target| {
        target.key = key.to_owned().into();
    })
    .await;
    send(&server, WIFI, wifis(1..2)).await;
    let after = run(&server).await;
    assert_eq!(
        after["last_error"],
        "answered 400 Bad Request: no ?key=(key), no (key)"
    );
}

/// The last error after an answer that says this.
async fn error_of(key: &str, said: Value) -> String {
    let stub = Stub::answering(vec![Reply::Json(400, said)]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |target| {
        target.key = key.to_owned().into();
    })
    .await;
    send(&server, WIFI, wifis(1..2)).await;
    let after = run(&server).await;
    after["last_error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_comes_back_in_no_spelling() {
    let key = r#"ab/cd&ef"gh+ij="#;
    let filler = "x".repeat(185);
    for (said, shown) in [
        (json!({ "message": format!("{filler} {key}") }), "(key)"),
        (
            json!({ "message": format!("{filler} {}", key.get(..10).unwrap()) }),
            "(key)",
        ),
        // Go's JSON, in JSON.
        (
            json!({ "error": r#"{"key":"ab/cd\u0026ef\"gh+ij="}"# }),
            "(key)",
        ),
        (
            json!({ "detail": "?key=ab%2fcd%26ef%22gh%2bij%3d" }),
            "?key=(key)",
        ),
        (
            json!({ "detail": "?key=ab/cd%26ef%22gh+ij=" }),
            "?key=(key)",
        ),
        (
            json!({ "status": "<p>ab/cd&amp;ef&#34;gh+ij=</p>" }),
            "<p>(key)</p>",
        ),
        // `:` and the key.
        (
            json!({ "error": "Basic OmFiL2NkJmVmImdoK2lqPQ" }),
            "Basic (key)",
        ),
        // In a field that nobody knows.
        (json!({ "other": key }), r#"{"other":"(key)"}"#),
    ] {
        let error = error_of(key, said.clone()).await;
        assert!(error.contains(shown), "{said}: {error}");
        for left in ["ab/cd", "cd&ef", "gh+ij", "cd%26ef"] {
            assert!(!error.contains(left), "{said}: {error}");
        }
    }
}

/// A target that was removed while its request hangs, and is there again, has no two requests at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_comes_back_waits_for_its_old_request() {
    let (arrived, arrival) = sync_channel(1);
    let (release, released) = sync_channel(1);
    let mut is_first = true;
    let stub = Stub::start(move |_| {
        if mem::take(&mut is_first) {
            arrived.send(()).unwrap();
            tokio::task::block_in_place(|| released.recv().unwrap());
        }
        Reply::ok()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scanpost.toml");
    let url = format!("http://{}", stub.addr);
    let target = format!("[[forward]]\nname = \"t\"\nkind = \"geosubmit\"\nurl = \"{url}\"\n");
    fs::write(&file, &target).unwrap();
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    report(&running, 1..3).await;
    order_run(&running).await;
    arrival.recv().unwrap();

    for text in ["", target.as_str()] {
        fs::write(&file, text).unwrap();
        running.signal("HUP");
        running.wait_for("the changed settings are in use");
    }
    // It is another target now, which begins with what comes.
    report(&running, 3..4).await;
    let url = format!("http://{}/api/v1/forwards", running.addr);
    let all: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(all["forwards"][0]["state"], "starting", "{all}");

    release.send(()).unwrap();
    order_run(&running).await;
    stub.until(|got| got.len() == 2).await;
    let parts: Vec<_> = stub.got().iter().map(of_geosubmit).collect();
    assert_eq!(parts[0].len(), 2, "{parts:?}");
    assert!(
        parts[1].len() == 1 && parts[1][0].contains("00:03"),
        "{parts:?}"
    );
    running.stop();
}

/// A configuration whose targets cannot be used changes nothing, also not on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_that_fails_forgets_no_position() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scanpost.toml");
    let write = |rest: &str| {
        let url = "url = \"http://127.0.0.1:9\"";
        fs::write(&file, format!("[[forward]]\n{url}\n{rest}\n")).unwrap();
    };
    write("name = \"t\"");
    let mut running = Running::start(|command| {
        command.arg("--config").arg(&file);
    });
    report(&running, 1..3).await;
    write("name = \"u\"\nkey_file = \"/nonexistent\"");
    running.signal("HUP");
    let line = running.wait_for("the forwards stay as they were");
    assert!(line.contains("key"), "{line}");
    // In place of the line that all is in use.
    running.wait_for("not all settings could be used");
    write("name = \"t\"");
    running.signal("HUP");
    running.wait_for("the changed settings are in use");
    let url = format!("http://{}/api/v1/forwards", running.addr);
    let all: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let status = &all["forwards"][0];
    assert_eq!(
        (&status["name"], &status["behind"]),
        (&json!("t"), &json!(1))
    );
    running.stop();
}
