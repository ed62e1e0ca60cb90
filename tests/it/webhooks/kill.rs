//! Kills a process that delivers, at random times. No alert is lost, and few are delivered twice.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::receiver::{Alerts, Receiver, Reply, Running, id, webhook};
use crate::program::Process;

const ALERTS: u64 = 400;
const KILLS: usize = 12;
const DIRECTORY: &str = "TEST_WEBHOOKS_DIRECTORY";
const RECEIVER: &str = "TEST_WEBHOOKS_RECEIVER";

/// The process to kill: this test program, which runs only the test below.
fn child(directory: &Path, receiver: &Receiver) -> Process {
    Process::spawn(
        Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "webhooks::kill::deliver_until_killed",
                "--ignored",
            ])
            .env(DIRECTORY, directory)
            .env(RECEIVER, receiver.addr.to_string())
            .stdout(Stdio::null()),
    )
}

#[tokio::test]
#[ignore = "another test runs it as a process of its own"]
async fn deliver_until_killed() {
    let directory = env::var(DIRECTORY).unwrap();
    let receiver = env::var(RECEIVER).unwrap().parse().unwrap();
    let alerts = Alerts::with(ALERTS);
    let running = Running::start(&[webhook("a", receiver)], alerts.feed(), directory.as_ref());
    running.until(|status| status.waiting == 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_continue_after_every_kill() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let dir = tempfile::tempdir().unwrap();
    // Starts once before the first alert, so that all of them are for this webhook.
    let none = Alerts::new();
    Running::start(&[webhook("a", receiver.addr)], none.feed(), dir.path())
        .stop()
        .await;
    for kill in 0..KILLS {
        let before = receiver.got().len();
        let mut child = child(dir.path(), &receiver);
        // The time of the kill varies, because the process goes on meanwhile.
        receiver
            .until(|got| before + 1 + kill * 2 < got.len())
            .await;
        child.kill();
    }
    assert!(child(dir.path(), &receiver).wait().unwrap().success());

    let mut came = receiver.ids();
    let twice = came.len() - usize::try_from(ALERTS).unwrap();
    assert!(twice <= KILLS, "{twice} alerts came twice");
    came.dedup();
    let expected: Vec<_> = (1..=ALERTS).map(id).collect();
    assert_eq!(came, expected);
}
