//! Slow reads have places: so many work, so many wait, and others are refused. Each kind has its own, so that one kind
//! does not wait for another.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::span::Id;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer, registry};

use crate::server::{Answer, TestServer};
use crate::webhooks::receiver::PATIENCE;

/// Sends the span of a request each time that it yields.
struct Waits(mpsc::Sender<Id>);

impl Layer<Registry> for Waits
where
    Registry: for<'s> LookupSpan<'s>,
{
    fn on_exit(&self, id: &Id, context: Context<'_, Registry>) {
        if context
            .span(id)
            .is_some_and(|span| span.name() == "request")
        {
            // Requests go on when nobody listens any more.
            self.0.try_send(id.clone()).ok();
        }
    }
}

const AP: &str = "/api/v1/devices/00:00:00:00:00:01/observations";
const ALL: &str = "/devices/views/all/devices.json";
const NAME: &str = "kismet.device.base.name";

/// Waits until `count` requests have begun and then yielded. A read that yields has got its place, unless it waits for
/// the place.
struct Yields {
    waits: mpsc::Receiver<Id>,
    _listening: tracing::subscriber::DefaultGuard,
}

impl Yields {
    fn new() -> Self {
        let (sender, waits) = mpsc::channel(1000);
        let listening = tracing::subscriber::set_default(registry().with(Waits(sender)));
        Self {
            waits,
            _listening: listening,
        }
    }

    async fn of(mut self, count: usize) {
        let mut requests = HashSet::new();
        while requests.len() < count {
            requests.insert(self.waits.recv().await.unwrap());
        }
    }
}

/// The files of the log, moved aside. The server still has them open; reads of the log open what is in their place.
struct Aside(Vec<(PathBuf, PathBuf)>);

impl Aside {
    fn of(server: &TestServer) -> Self {
        let files = ["", "-wal", "-shm"].map(|suffix| {
            let file = server.data().join(format!("scanpost.db{suffix}"));
            let aside = server.data().join(format!("aside.db{suffix}"));
            fs::rename(&file, &aside).unwrap();
            (file, aside)
        });
        Self(files.into())
    }

    fn end(self) {
        for (file, aside) in self.0 {
            fs::rename(aside, file).unwrap();
        }
    }
}

/// Replaces the log by a named pipe, so that reads of the log block until the other end is opened.
fn blocked_log(server: &TestServer) -> (PathBuf, Aside) {
    let log = server.data().join("scanpost.db");
    let aside = Aside::of(server);
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    (log, aside)
}

fn unblock(pipe: &Path) -> File {
    OpenOptions::new().write(true).open(pipe).unwrap()
}

async fn with_device(change: impl FnOnce(&mut scanpost::config::Limits)) -> TestServer {
    let server = TestServer::start_with(|config| change(&mut config.limits)).await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "ssid": "Home" }]))
        .await;
    server
}

async fn with_devices(
    count: u32,
    change: impl FnOnce(&mut scanpost::config::Limits),
) -> TestServer {
    let server = TestServer::start_with(|config| change(&mut config.limits)).await;
    let report = |number| json!({ "bssid": format!("0200{number:08x}"), "ssid": "Home" });
    server.report((0..count).map(report).collect()).await;
    server
}

#[tokio::test]
async fn lists_of_devices_do_not_wait_for_reads_of_the_log() {
    const READS: usize = 2;
    let server = with_device(|limits| limits.log_reads_max = READS).await;
    let (log, aside) = blocked_log(&server);
    let path = format!("http://{}{AP}", server.addr);
    let yields = Yields::new();
    let reads: Vec<_> = (0..READS)
        .map(|_| tokio::spawn(server.client.get(&path).send()))
        .collect();
    yields.of(READS).await;
    let lists = timeout(PATIENCE, async {
        for path in [
            "/api/v1/devices",
            "/api/v1/ssids",
            "/phy/phy80211/ssids/views/ssids.json",
        ] {
            server.get(path).await.expect_status(200);
        }
    })
    .await;
    let ended = reads.iter().filter(|read| read.is_finished()).count();

    // Opening the other end of the pipe unblocks the reads. They fail, because it is not a log.
    let pipe = unblock(&log);
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap().status(), 500);
    }
    drop(pipe);
    assert_eq!(
        ended, 0,
        "a read of the log ended before the pipe was opened"
    );
    assert!(
        lists.is_ok(),
        "lists of devices waited for reads of the log"
    );
    aside.end();
    assert_eq!(server.client.get(&path).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn metrics_do_not_wait_for_a_log_that_hangs() {
    let server = with_device(|_| {}).await;
    let oldest = async || {
        let metrics = server.get("/metrics").await.expect_status(200).text;
        let name = "\nscanpost_log_oldest_report_timestamp_seconds ";
        let (_, rest) = metrics.split_once(name).unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let known = oldest().await;
    assert_ne!(known, "0");
    let (log, aside) = blocked_log(&server);
    let while_blocked = timeout(PATIENCE, async { [oldest().await, oldest().await] }).await;
    drop(unblock(&log));
    assert_eq!(while_blocked.unwrap(), [known.clone(), known.clone()]);
    aside.end();
    assert_eq!(oldest().await, known);
}

#[tokio::test]
async fn so_many_reads_of_the_log_wait_and_one_more_is_503() {
    const WORKING: usize = 2;
    const WAITING: usize = 2;
    let server = with_device(|limits| {
        limits.log_reads_max = WORKING;
        limits.reads_waiting_max = WAITING;
        limits.reads_per_client_max = WORKING + WAITING;
    })
    .await;
    let (log, aside) = blocked_log(&server);
    let path = format!("http://{}{AP}", server.addr);
    let yields = Yields::new();
    let reads: Vec<_> = (0..WORKING + WAITING)
        .map(|_| tokio::spawn(server.client.get(&path).send()))
        .collect();
    yields.of(WORKING + WAITING).await;
    let refused = server.get(AP).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect_error(503, "limits.reads_waiting_max");

    let pipe = unblock(&log);
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap().status(), 500);
    }
    drop(pipe);
    aside.end();
    server.get(AP).await.expect_status(200);
    let metrics = server.get("/metrics").await.text;
    let counted = "scanpost_reads_refused_total{of=\"log\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn one_client_has_a_share_of_the_queue_and_a_proxy_is_the_clients_behind_it() {
    const SHARE: usize = 2;
    let server = TestServer::start_with(|config| {
        config.auth.mode = scanpost::config::AuthMode::Off;
        config.server.proxies = vec!["127.0.0.1".to_owned()];
        config.limits.log_reads_max = 1;
        config.limits.reads_waiting_max = 7;
    })
    .await;
    server
        .report(json!([{ "bssid": "02:00:00:00:00:01" }]))
        .await;
    let (log, aside) = blocked_log(&server);
    let path = format!("http://{}{AP}", server.addr);
    let from = |client: &str| server.client.get(&path).header("x-forwarded-for", client);
    let yields = Yields::new();
    let mut reads: Vec<_> = (0..SHARE)
        .map(|_| tokio::spawn(from("192.0.2.1").send()))
        .collect();
    yields.of(SHARE).await;
    let refused = Answer::of(from("192.0.2.1")).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect_error(503, "limits.reads_per_client_max");
    let yields = Yields::new();
    reads.push(tokio::spawn(from("192.0.2.2").send()));
    yields.of(1).await;

    let pipe = unblock(&log);
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap().status(), 500);
    }
    drop(pipe);
    aside.end();
}

/// Writes a copy of the log whose observations have no end.
fn endless_copy(log: &Path, copy: &Path) {
    let copied = Connection::open(log).unwrap();
    let name = copy.to_str().unwrap();
    copied.execute("VACUUM INTO ?1", [name]).unwrap();
    let copied = Connection::open(copy).unwrap();
    copied
        .execute_batch(
            "PRAGMA legacy_alter_table = ON;
             ALTER TABLE observations RENAME TO kept;
             CREATE VIEW observations AS
             WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
             SELECT kept.* FROM numbers CROSS JOIN kept;",
        )
        .unwrap();
}

#[tokio::test]
async fn a_read_of_the_log_ends_when_its_client_hangs_up() {
    let server = with_device(|limits| {
        limits.log_reads_max = 1;
        limits.reads_waiting_max = 1;
        limits.reads_per_client_max = 2;
    })
    .await;
    let log = server.data().join("scanpost.db");
    let endless = server.data().join("endless.db");
    endless_copy(&log, &endless);
    let aside = Aside::of(&server);
    fs::rename(&endless, &log).unwrap();

    // Only the sending side is closed, so that the client sees why the read has ended.
    let mut client = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET {AP} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    let answered = client.read_to_string(&mut answer);
    timeout(PATIENCE, answered).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("the read was given up"), "{answer}");

    // Its place is free, though nothing else would have ended the read.
    fs::remove_file(&log).unwrap();
    aside.end();
    let next = timeout(PATIENCE, server.get(AP)).await.unwrap();
    next.expect_status(200);
}

#[tokio::test]
async fn all_reads_that_look_at_many_devices_share_their_places() {
    const FIELDS: usize = 120;
    let server = with_devices(6000, |limits| {
        limits.device_walks_max = 1;
        limits.reads_waiting_max = 0;
    })
    .await;
    // Takes many times longer than the requests below: it searches in more than half a million texts. A command with
    // patterns would yield before it has its place.
    let path = format!("{ALL}?page=0&length=10&sort={NAME}&search=nowhere");
    let slow = server
        .client
        .post(format!("http://{}{path}", server.addr))
        .json(&json!({ "fields": vec![NAME; FIELDS] }));
    let yields = Yields::new();
    let slow = tokio::spawn(slow.send());
    yields.of(1).await;
    for path in [
        ALL,
        "/devices/views/all/devices.json?page=0&length=10",
        "/devices/all_devices.ekjson?sort=kismet.device.base.name",
        "/devices/last-time/-60/devices.json",
        "/devices/views/all/last-time/-60/devices.json",
        "/devices/by-mac/02:00:00:00:00:00*FF:FF:00:00:00:00/devices.json",
        "/phy/phy80211/ssids/views/ssids.json",
        "/phy/phy80211/ssids/by-hash/1/ssid.json",
        "/channels/channels.json",
        "/datasource/all_sources.json",
        "/api/v1/devices",
        "/api/v1/devices?sort=name",
        "/api/v1/devices?changed_since=0",
        "/api/v1/ssids",
    ] {
        let refused = server.get(path).await;
        assert_eq!(refused.status, 503, "{path}");
        assert_eq!(refused.headers["retry-after"], "1", "{path}");
        refused.expect_error(503, "limits.reads_waiting_max");
    }
    // What looks at few devices goes on.
    for path in [
        "/devices/by-mac/02:00:00:00:00:00/devices.json",
        "/api/v1/devices/02:00:00:00:00:00",
        "/devices/views/all_views.json",
        "/api/v1/status",
    ] {
        server.get(path).await.expect_status(200);
    }
    assert!(!slow.is_finished());
    slow.abort();
}

#[tokio::test]
async fn whoever_reads_a_whole_sorted_list_slowly_keeps_only_such_lists_waiting() {
    let server = with_devices(5000, |limits| {
        limits.device_walks_max = 1;
        limits.reads_waiting_max = 1;
        limits.reads_per_client_max = 2;
    })
    .await;
    let whole = format!("{ALL}?sort={NAME}");
    // The list does not fit into the buffers of the sockets.
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET {whole} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    slow.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    slow.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    let yields = Yields::new();
    let url = format!("http://{}{whole}", server.addr);
    let next = tokio::spawn(server.client.get(url).send());
    yields.of(1).await;
    server
        .get(&whole)
        .await
        .expect_error(503, "limits.reads_waiting_max");
    for page in [
        format!("{whole}&page=0&length=1000"),
        format!("{ALL}?page=0&length=2"),
        "/api/v1/devices?sort=name".to_owned(),
    ] {
        server.get(&page).await.expect_status(200);
    }
    assert!(!next.is_finished());
    drop(slow);
    let next = timeout(PATIENCE, next).await.unwrap().unwrap().unwrap();
    let devices: Value = next.json().await.unwrap();
    assert_eq!(devices.as_array().unwrap().len(), 5000);
}
