//! Each kind of slow work has its own limit, so that one kind does not wait for another.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::process::Command;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::span::Id;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer, registry};

use crate::server::TestServer;
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
            self.0.try_send(id.clone()).unwrap();
        }
    }
}

/// The test replaces the file of the log by a named pipe, so that reads of the log block until it opens the other end.
#[tokio::test]
async fn lists_of_devices_do_not_wait_for_reads_of_the_log() {
    const READS: usize = 2;
    let server = TestServer::start_with(|config| config.limits.log_reads_max = READS).await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "ssid": "Home" }]))
        .await;
    let log = server.data().join("scanpost.db");
    let aside = server.data().join("aside.db");
    fs::rename(&log, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());

    let (sender, mut waits) = mpsc::channel(1000);
    let waiting = tracing::subscriber::set_default(registry().with(Waits(sender)));
    let path = format!(
        "http://{}/api/v1/devices/00:00:00:00:00:01/observations",
        server.addr
    );
    let reads: Vec<_> = (0..READS)
        .map(|_| tokio::spawn(server.client.get(&path).send()))
        .collect();
    // A read that yields has got its permit, unless it waits for the permit.
    let mut requests = HashSet::new();
    while requests.len() < READS {
        requests.insert(waits.recv().await.unwrap());
    }
    drop(waiting);
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
    let pipe = OpenOptions::new().write(true).open(&log).unwrap();
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
    fs::rename(&aside, &log).unwrap();
    assert_eq!(server.client.get(&path).send().await.unwrap().status(), 200);
}
