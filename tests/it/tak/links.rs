//! Connections: how they end, begin again, and fail.

use std::time::{Duration, Instant};

use scanpost::config::Tak;
use serde_json::json;
use tokio::net::TcpSocket;

use super::program::{Files, PATIENCE, Program};
use super::{server, status, target, until, wifi, wifis, with};
use crate::exports::send;
use crate::server::{TestServer, WIFI};

#[tokio::test]
async fn events_run_together_and_a_stop_cuts_none() {
    let files = Files::new();
    let (plain, encrypted) = (Program::tcp().await, Program::tls(&files).await);
    encrypted.open();
    let mut second = target(&encrypted);
    second.name = "u".to_owned();
    files.give(&mut second);
    let server = TestServer::start_with(with(vec![target(&plain), second])).await;
    send(&server, WIFI, wifis(0..20)).await;
    for program in [&plain, &encrypted] {
        let got = program.until(|got| got.events.len() == 20).await;
        let begins = |event: &String| event.starts_with("<event version=\"2.0\"");
        assert!(got.events.iter().all(begins), "{:?}", got.events);
    }
    server.stop().await;
    for program in [&plain, &encrypted] {
        let got = program.until(|got| !got.ended.is_empty()).await;
        assert_eq!(got.ended, [""]);
        assert_eq!(got.connections, 1);
    }
}

#[tokio::test]
async fn a_connection_that_ends_begins_again() {
    let program = Program::closing_after(1).await;
    let server = server(&program, |target| {
        target.every = Duration::from_secs(3600);
    })
    .await;
    // What is written to a connection that was just closed is lost, and comes again with the next report.
    let start = Instant::now();
    for name in ["net1", "net2", "net1"] {
        let before = program.got().events.len();
        let is_there = || program.names().iter().skip(before).any(|got| got == name);
        while !is_there() {
            assert!(start.elapsed() < PATIENCE, "{:?}", program.got());
            let number = if name == "net1" { 1 } else { 2 };
            send(&server, WIFI, json!([wifi(number)])).await;
        }
    }
    let status = until(&server, |status| status["state"] == "sending").await;
    let error = status["last_error"].as_str().unwrap();
    assert!(!error.is_empty());
    assert!(3 <= program.got().connections);
}

/// It reads all the same.
#[tokio::test]
async fn a_program_that_sends_nothing_more_is_not_gone() {
    let files = Files::new();
    let (plain, encrypted) = (Program::mute(None).await, Program::mute(Some(&files)).await);
    let mut second = target(&encrypted);
    second.name = "u".to_owned();
    files.give(&mut second);
    let server = TestServer::start_with(with(vec![target(&plain), second])).await;
    for number in 1..=3 {
        send(&server, WIFI, json!([wifi(number)])).await;
        for program in [&plain, &encrypted] {
            let name = format!("net{number}");
            assert_eq!(program.until_named(&name).await.connections, 1);
        }
    }
    server.stop().await;
    for program in [&plain, &encrypted] {
        let got = program.until(|got| !got.ended.is_empty()).await;
        assert_eq!((got.ended, got.connections), (vec![String::new()], 1));
    }
}

#[tokio::test]
async fn a_program_that_never_reads_is_left_and_nobody_waits_for_it() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(16).unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let other = Program::tcp().await;
    let mut deaf = target(&other);
    deaf.url = url.into();
    deaf.write_timeout = Duration::from_millis(50);
    deaf.every = Duration::ZERO;
    let mut second = target(&other);
    second.name = "u".to_owned();
    let server = TestServer::start_with(with(vec![deaf, second])).await;
    let start = Instant::now();
    let took_nothing = async || {
        let error = status(&server).await["last_error"].clone();
        error
            .as_str()
            .is_some_and(|error| error.contains("took nothing"))
    };
    // Each connection stays open, as it does with a program that hangs.
    let mut connections = Vec::new();
    while !took_nothing().await {
        assert!(start.elapsed() < PATIENCE);
        send(&server, WIFI, wifis(0..50)).await;
        tokio::select! {
            biased;
            accepted = listener.accept() => connections.push(accepted.unwrap()),
            () = std::future::ready(()) => {}
        }
    }
    send(&server, WIFI, json!([wifi(300)])).await;
    other.until_named("net300").await;
}

/// The event that is under way gets a moment, and not the time that a write may take.
#[tokio::test]
async fn a_stop_does_not_wait_for_a_program_that_never_reads() {
    let listener = TcpSocket::new_v4().unwrap();
    listener.set_recv_buffer_size(4096).unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let mut deaf = target(&Program::tcp().await);
    deaf.url = format!("tcp://{}", listener.local_addr().unwrap()).into();
    deaf.write_timeout = Duration::from_secs(600);
    deaf.every = Duration::ZERO;
    let server = TestServer::start_with(|config| {
        config.tak = vec![deaf];
        config.server.shutdown_grace = Duration::from_secs(3600);
    })
    .await;
    let _connection = listener.accept().await.unwrap();
    let (mut events, mut rounds) = (json!(0), 0);
    // So many rounds without an event: the buffers are full.
    while rounds < 50 {
        send(&server, WIFI, wifis(0..50)).await;
        let now = status(&server).await;
        let is_stuck = now["events"] == events && now["waiting"] != 0;
        rounds = if is_stuck { rounds + 1 } else { 0 };
        events = now["events"].clone();
    }
    let stopped = tokio::time::timeout(PATIENCE, server.restart()).await;
    assert!(stopped.is_ok(), "the server waits for the program");
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_tells_why() {
    let program = Program::tcp().await;
    let mut down = target(&program);
    // Nothing listens there.
    down.url = "tcp://127.0.0.1:1".to_owned().into();
    down.retry_min = Duration::from_secs(3600);
    down.retry_max = down.retry_min;
    let server = TestServer::start_with(with(vec![down])).await;
    let failed = until(&server, |status| status["state"] == "failed").await;
    assert_eq!(failed["url"], "tcp://127.0.0.1:1");
    assert_eq!(failed["failures"], 1);
    assert!(
        failed["since"].as_u64() < failed["next_try"].as_u64(),
        "{failed}"
    );
    assert!(failed["last_error"].is_string(), "{failed}");
    let document = server.read("/api/openapi.json").await;
    let properties = |name| crate::openapi::properties(&document, name);
    crate::openapi::check_record(&properties("TakTarget"), &failed);
    let list = server.read("/api/v1/tak").await;
    crate::openapi::check_record(&properties("TakTargets"), &list);
    send(&server, WIFI, json!([wifi(1)])).await;
    let waiting = until(&server, |status| status["waiting"] == 1).await;
    assert_eq!(waiting["events"], 0, "{waiting}");
    server.stop().await;
}

/// Sends until so many attempts have failed, and looks whether the count has ever become smaller.
async fn fails_more_and_more(server: &TestServer) {
    let (mut failures, mut events) = (0, 0);
    let start = Instant::now();
    while failures < 3 || events < 3 {
        assert!(start.elapsed() < PATIENCE, "{failures} {events}");
        send(server, WIFI, wifis(0..4)).await;
        let status = status(server).await;
        let now = status["failures"].as_u64().unwrap();
        assert!(failures <= now, "{failures} before {status}");
        (failures, events) = (now, status["events"].as_u64().unwrap());
    }
    let metrics = server.get("/metrics").await.text;
    let line = r#"scanpost_tak_failures{tak="t"} "#;
    let (_, rest) = metrics.split_once(line).unwrap();
    let shown = rest.lines().next().unwrap().parse::<u64>().unwrap();
    assert!(failures <= shown, "{failures} before {shown}");
}

/// An event that could be sent is no sign that somebody takes it.
#[tokio::test]
async fn failures_in_a_row_stay_while_events_go_nowhere() {
    let closing = Program::closing_after(1).await;
    let without_pause = |target: &mut Tak| target.every = Duration::ZERO;
    fails_more_and_more(&server(&closing, without_pause).await).await;
    let nobody = server(&closing, |target| {
        without_pause(target);
        target.url = "udp://127.0.0.1:1".to_owned().into();
    })
    .await;
    fails_more_and_more(&nobody).await;
}

#[tokio::test]
async fn only_a_trusted_program_gets_something_and_only_from_a_known_client() {
    let (files, others) = (Files::new(), Files::new());
    for is_trusted in [false, true] {
        let program = Program::tls(&files).await;
        program.open();
        let server = server(&program, |target| {
            files.give(target);
            if is_trusted {
                // It shows a certificate that the program does not know.
                target.cert_file = others.path("client.pem");
                target.key_file = others.path("client.key");
            } else {
                target.ca_file = others.path("server.pem");
            }
        })
        .await;
        let is_refused = |error: &str| error.contains("certificate") || error.contains("alert");
        send(&server, WIFI, json!([wifi(1)])).await;
        until(&server, |status| {
            status["last_error"].as_str().is_some_and(is_refused)
        })
        .await;
        assert_eq!(program.got().events, [""; 0]);
    }
}
