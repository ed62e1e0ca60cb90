//! What the answers of services do.

use std::fs;

use scanpost::config::ForwardKind;
use serde_json::{Value, json};

use super::stub::{Got, Reply, Stub, file_of, of_geosubmit};
use super::{KEY, order, run, server, status, until, wifis};
use crate::exports::send;
use crate::server::{TestServer, WIFI};

/// A server with reports of so many devices, whose service answers so.
async fn sending(kind: ForwardKind, replies: Vec<Reply>, count: u64) -> (TestServer, Stub) {
    let stub = Stub::answering(replies).await;
    let server = server(kind, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..1 + count)).await;
    (server, stub)
}

fn bodies(got: &[Got]) -> Vec<&[u8]> {
    let sent = got.iter().filter(|got| got.method == "POST");
    sent.map(|got| &got.body[..]).collect()
}

fn refused_files(server: &TestServer) -> Vec<String> {
    let files = fs::read_dir(server.data().join("forwards")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[tokio::test]
async fn an_attempt_that_failed_is_repeated_with_the_same_bytes() {
    let replies = vec![
        Reply::Json(500, json!({ "message": "oops" })),
        Reply::With(429, "retry-after", "0"),
        Reply::With(503, "retry-after", "0"),
        Reply::With(302, "location", "http://192.0.2.1/"),
        Reply::Json(403, json!({ "error": { "message": "dailyLimitExceeded" } })),
        Reply::Cut,
    ];
    let (server, stub) = sending(ForwardKind::Geosubmit, replies, 1).await;
    let after = run(&server).await;
    assert_eq!(
        (&after["rows"], &after["failures"]),
        (&json!(1), &json!(0)),
        "{after}"
    );
    let got = stub.got();
    assert_eq!(got.len(), 7);
    assert!(got.iter().all(|one| one.body == got[0].body));
    assert!(refused_files(&server).is_empty(), "the part is removed");
}

#[tokio::test]
async fn a_bad_part_is_set_aside_and_the_next_one_is_sent() {
    let stub = Stub::answering(vec![Reply::Json(
        400,
        json!({ "message": format!("no {KEY}") }),
    )])
    .await;
    let server = server(ForwardKind::Geosubmit, &stub, |target| target.rows_max = 1).await;
    send(&server, WIFI, wifis(1..3)).await;
    let after = run(&server).await;
    assert_eq!(
        (&after["rows"], &after["refused_rows"]),
        (&json!(1), &json!(1)),
        "{after}"
    );
    let error = after["last_error"].as_str().unwrap();
    assert_eq!(error, "answered 400 Bad Request: no (key)");
    let files = refused_files(&server);
    assert_eq!(files.len(), 1, "{files:?}");
    let kept = fs::read(server.data().join("forwards").join(&files[0])).unwrap();
    assert_eq!(kept, stub.got()[0].body);
    let metrics = server.get("/metrics").await.text;
    for line in [
        "scanpost_forward_observations_total{forward=\"t\"} 1",
        "scanpost_forward_observations_refused_total{forward=\"t\"} 1",
        "scanpost_forward_records_behind{forward=\"t\"} 0",
        "scanpost_forward_failures{forward=\"t\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn of_refused_parts_the_newest_are_kept() {
    let stub = Stub::start(|_| Reply::Json(400, json!({}))).await;
    let server = server(ForwardKind::Geosubmit, &stub, |target| target.rows_max = 1).await;
    send(&server, WIFI, wifis(1..18)).await;
    let after = run(&server).await;
    assert_eq!(after["refused_parts"], 17);
    assert_eq!(refused_files(&server).len(), 16);
}

#[tokio::test]
async fn a_part_that_is_too_large_is_halved() {
    let (server, stub) = {
        let stub = Stub::start(|got| match of_geosubmit(got).len() {
            1 => Reply::ok(),
            _ => Reply::With(413, "x", "y"),
        })
        .await;
        let server = server(ForwardKind::Geosubmit, &stub, |_| {}).await;
        send(&server, WIFI, wifis(1..5)).await;
        (server, stub)
    };
    run(&server).await;
    let counts: Vec<_> = stub
        .got()
        .iter()
        .map(|got| of_geosubmit(got).len())
        .collect();
    assert_eq!(counts, [4, 2, 1, 1, 1, 1]);

    let stub = Stub::start(|_| Reply::With(413, "x", "y")).await;
    let server = super::server(ForwardKind::Geosubmit, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..2)).await;
    let after = run(&server).await;
    assert_eq!(
        after["refused_rows"], 1,
        "a single observation is set aside"
    );
}

#[tokio::test]
async fn wrong_credentials_stop_until_somebody_asks_or_changes_them() {
    let unauthorised = || Reply::Json(401, json!({ "message": "Invalid API key" }));
    let replies = vec![unauthorised(), unauthorised()];
    let (server, stub) = sending(ForwardKind::Geosubmit, replies, 1).await;
    let is_stopped = |status: &Value| status["state"] == "stopped";
    for attempts in 1..3 {
        order(&server, "run").await.expect_status(200);
        let stopped = until(&server, is_stopped).await;
        assert_eq!(
            stopped["last_error"],
            "answered 401 Unauthorized: Invalid API key"
        );
        assert_eq!(stopped["next_try"], Value::Null);
        assert_eq!(stub.got().len(), attempts);
    }
    // The run that was begun goes on with the next start.
    let server = server
        .restart_with(|config| config.forward[0].key = "right".to_owned().into())
        .await;
    until(&server, |status| status["rows"] == 1).await;
    assert_eq!(stub.got()[2].target, "/v2/geosubmit?key=right");
}

/// Answers like wigle.net: keeps the names of files, and lists them.
async fn wigle(mut reply: impl FnMut(usize) -> Option<Reply> + Send + 'static) -> Stub {
    let (mut names, mut uploads) = (Vec::new(), 0);
    Stub::start(move |got| {
        if got.method == "GET" {
            assert_eq!(
                got.target,
                "/api/v2/file/transactions?pagestart=0&pageend=100"
            );
            assert!(got.headers["authorization"].starts_with("Basic "));
            let results: Vec<_> = names
                .iter()
                .map(|name| json!({ "transid": "x", "fileName": name }))
                .collect();
            return Reply::Json(200, json!({ "success": true, "results": results }));
        }
        uploads += 1;
        let reply = reply(uploads);
        if matches!(reply, None | Some(Reply::Cut)) {
            names.push(format!("1700000000_{}", file_of(got).1));
        }
        reply.unwrap_or_else(|| Reply::Json(200, json!({ "success": true })))
    })
    .await
}

#[tokio::test]
async fn wigle_is_asked_whether_a_part_arrived() {
    // The first upload arrives, and its answer does not.
    let stub = wigle(|upload| (upload == 1).then_some(Reply::Cut)).await;
    let server = server(ForwardKind::Wigle, &stub, |target| target.rows_max = 1).await;
    send(&server, WIFI, wifis(1..3)).await;
    let after = run(&server).await;
    assert_eq!(
        (&after["rows"], &after["parts"]),
        (&json!(2), &json!(2)),
        "{after}"
    );
    let methods: Vec<_> = stub.got().iter().map(|got| got.method.clone()).collect();
    assert_eq!(methods, ["POST", "GET", "POST"]);

    // It does not arrive.
    let stub = wigle(|upload| {
        let refused = json!({ "success": false, "message": "too many uploads" });
        match upload {
            1 => Some(Reply::Json(500, json!({}))),
            2 => Some(Reply::Json(200, refused)),
            _ => None,
        }
    })
    .await;
    let server = super::server(ForwardKind::Wigle, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..2)).await;
    let after = run(&server).await;
    assert_eq!(after["rows"], 1);
    assert_eq!(
        after["last_error"],
        "answered 200 OK without success: too many uploads"
    );
    let got = stub.got();
    assert_eq!(got.len(), 5);
    let sent = bodies(&got);
    assert!(sent.iter().all(|body| *body == sent[0]), "the same bytes");
}

#[tokio::test]
async fn wdgwars_recognises_a_file_and_may_work_on_one() {
    let replies = vec![
        Reply::Json(524, json!({})),
        Reply::Json(429, json!({ "error": "busy", "retry_after": 0 })),
        Reply::Json(409, json!({ "error": "duplicate_upload" })),
    ];
    let (server, stub) = sending(ForwardKind::Wdgwars, replies, 1).await;
    assert_eq!(run(&server).await["rows"], 1);
    let got = stub.got();
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|one| one.body == got[0].body));

    let replies = vec![
        Reply::Json(202, json!({ "job_id": "j-1" })),
        Reply::Json(200, json!({ "status": "running" })),
        Reply::Cut,
        Reply::Json(200, json!({ "status": "done" })),
    ];
    let (server, stub) = sending(ForwardKind::Wdgwars, replies, 1).await;
    assert_eq!(run(&server).await["rows"], 1);
    let targets: Vec<_> = stub.got().iter().map(|got| got.target.clone()).collect();
    let job = "/api/v2/upload-job/j-1";
    assert_eq!(targets, ["/api/upload-csv", job, job, job]);

    let replies = vec![
        Reply::Json(202, json!({ "job_id": "j-2" })),
        Reply::Json(404, json!({})),
        Reply::Json(202, json!({ "job_id": "j-3" })),
        Reply::Json(200, json!({ "status": "failed", "message": "bad rows" })),
    ];
    let (server, stub) = sending(ForwardKind::Wdgwars, replies, 1).await;
    let after = run(&server).await;
    assert_eq!(after["refused_rows"], 1, "{after}");
    assert_eq!(after["last_error"], "the upload failed: bad rows");
    assert_eq!(
        bodies(&stub.got()).len(),
        2,
        "a job that is not known is sent again"
    );

    for (reply, error) in [
        (
            Reply::Json(401, json!({ "error": "Invalid API key" })),
            "answered 401 Unauthorized: Invalid API key",
        ),
        (
            Reply::Json(400, json!({ "error": "Invalid data format" })),
            "answered 400 Bad Request: Invalid data format",
        ),
    ] {
        let (server, _stub) = sending(ForwardKind::Wdgwars, vec![reply], 1).await;
        order(&server, "run").await.expect_status(200);
        let stopped = until(&server, |status| status["state"] == "stopped").await;
        assert_eq!(stopped["last_error"], error);
    }
}

#[tokio::test]
async fn wardriver_recognises_a_transfer() {
    let replies = vec![
        Reply::Cut,
        Reply::Json(409, json!({ "error": "transfer is known" })),
    ];
    let (server, stub) = sending(ForwardKind::Wardriver, replies, 1).await;
    assert_eq!(run(&server).await["rows"], 1);
    let got = stub.got();
    assert_eq!(got[0].body, got[1].body);
}

#[tokio::test]
async fn another_scanpost_is_asked_for_its_import() {
    let replies = vec![
        Reply::Json(202, json!({ "id": "7", "state": "running" })),
        Reply::Json(200, json!({ "id": "7", "state": "running" })),
        Reply::Json(404, json!({ "status": "no such import" })),
        Reply::Json(202, json!({ "id": "8", "state": "waiting" })),
        Reply::Json(
            200,
            json!({ "id": "8", "state": "done", "files": [{ "rows": 1, "refused": 0 }] }),
        ),
    ];
    let (server, stub) = sending(ForwardKind::Scanpost, replies, 1).await;
    assert_eq!(run(&server).await["rows"], 1);
    let got = stub.got();
    assert_eq!(got.len(), 5);
    assert_eq!(got[1].target, "/api/v1/imports/7");
    assert_eq!(got[0].body, got[3].body);
    assert_eq!(got[4].headers["authorization"], format!("Bearer {KEY}"));

    let failed = json!({ "id": "9", "state": "failed", "error": "no rows" });
    let (server, _stub) = sending(ForwardKind::Scanpost, vec![Reply::Json(200, failed)], 1).await;
    let after = run(&server).await;
    assert_eq!(after["refused_rows"], 1);
    assert_eq!(after["last_error"], "the import is failed: no rows");
    let refusal = json!({ "line": 1, "reason": "the source is of another" });
    let refused = json!({ "rows": 1, "refused": 1, "refusals": [refusal] });
    for (file, error) in [
        (refused, "the import took no row: the source is of another"),
        (json!({ "rows": 0, "refused": 0 }), "the import took no row"),
    ] {
        let done = json!({ "id": "9", "state": "done", "files": [file] });
        let (server, _stub) = sending(ForwardKind::Scanpost, vec![Reply::Json(200, done)], 1).await;
        assert_eq!(run(&server).await["last_error"], error);
    }
    let (server, _stub) = sending(
        ForwardKind::Scanpost,
        vec![Reply::Json(415, json!({ "status": "no form" }))],
        1,
    )
    .await;
    order(&server, "run").await.expect_status(200);
    until(&server, |status| status["state"] == "stopped").await;
}

#[tokio::test]
async fn a_schedule_runs_by_itself() {
    let stub = Stub::answering(vec![]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |target| {
        target.every = std::time::Duration::from_secs(1);
    })
    .await;
    send(&server, WIFI, wifis(1..2)).await;
    stub.until(|got| got.len() == 1).await;
    let answer = status(&server).await;
    assert_eq!(answer["every_s"], 1, "{answer}");
    assert!(!answer.to_string().contains(KEY));
}

#[tokio::test]
async fn orders_name_a_target_and_a_place() {
    let (server, _stub) = sending(ForwardKind::Geosubmit, vec![], 1).await;
    let post = |path: &str| server.request(reqwest::Method::POST, path);
    for what in ["run", "reset?to=start"] {
        let unknown = crate::server::Answer::of(post(&format!("/api/v1/forwards/x/{what}"))).await;
        unknown.expect_error(404, "no forward has the name `x`");
    }
    order(&server, "reset?to=nowhere")
        .await
        .expect_error(400, "expected start, end");
    for what in ["reset", "reset?to=", "reset?to=%2B1"] {
        order(&server, what).await.expect_error(400, "to: ");
    }
    order(&server, "run?to=start").await.expect_error(400, "to");
    run(&server).await;
    for (to, position) in [("start", 0), ("1", 1), ("0", 0), ("99", 1), ("end", 1)] {
        let answer = order(&server, &format!("reset?to={to}")).await;
        let answer = answer.expect_status(200).json();
        assert_eq!(answer["position"], position, "{to}: {answer}");
        assert_eq!(answer["behind"], 1 - position);
    }
}
