//! Alerts sent to others: signed JSON over HTTP, in order, at least once.
//!
//! The outbox is the feed of alerts, which is on disk, and a cursor for each webhook, which is too. Each has a task of
//! its own that reads, sends, and waits longer after each failure, so that nobody waits for a slow receiver but its
//! own alerts. Requests are those of Standard Webhooks 1.0.0: `webhook-id` is the alert's and stays the same when it
//! is sent again, `webhook-timestamp` is that of the attempt, `webhook-signature` is HMAC-SHA256 over both and the
//! body.

pub mod alerts;
mod client;
mod cursors;
mod deliver;
mod feed;
mod hook;
mod retry;
mod signature;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::client::Sender;
pub(crate) use self::client::{Answer, SendError};
use self::cursors::Cursors;
use self::deliver::Deliverer;
pub use self::feed::{Body, Feed, FeedError, Item, ItemId};
use self::hook::Hook;
use crate::config::Webhook;

/// How many tests of all webhooks are under way at one time.
const TESTS: usize = 4;

/// Why webhooks cannot be served as they are configured.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// A URL that is none.
    #[error("the url of the webhook `{name}` {reason}")]
    Url {
        /// The webhook.
        name: String,
        /// What it would have to be.
        reason: String,
    },
    /// There is no secret where it should be, or it is none.
    #[error("the secret of the webhook `{name}`: {reason}")]
    Secret {
        /// The webhook.
        name: String,
        /// What is wrong, without the secret.
        reason: String,
    },
    /// The certificates to trust cannot be used.
    #[error("the ca_file {} of the webhook `{name}`: {reason}", path.display())]
    CaFile {
        /// The webhook.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file that tells how far each webhook is cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The webhooks, for those who ask. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    hooks: Arc<[Arc<Hook>]>,
    feed: Feed,
    tests: Arc<Semaphore>,
}

/// The deliveries, for who starts and stops them.
#[derive(Debug)]
pub struct Deliveries(TaskTracker);

/// How a webhook is.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it is called.
    pub name: String,
    /// The host and the port of its URL.
    pub host: String,
    /// How many alerts were delivered.
    pub delivered: u64,
    /// How many were given up, or gone before they could be delivered.
    pub lost: u64,
    /// How many alerts it has not delivered yet; those that just came may be some that it does not want.
    pub waiting: u64,
    /// How many times in a row the last delivery failed; 0 when it did not.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it tries again.
    pub next_try: Option<SystemTime>,
    /// Whether the receiver said that it is gone.
    pub is_stopped: bool,
}

/// What came of a test.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) answer: Result<Answer, SendError>,
    pub(crate) duration: Duration,
}

/// Starts the delivery of what `feed` has to all webhooks, until `stop`. How far each is is kept in `directory`;
/// without one, a start begins with what is new.
///
/// # Errors
///
/// When a webhook cannot be served, or it cannot be read or written how far they are.
pub fn start(
    webhooks: &[Webhook],
    feed: Feed,
    directory: Option<&Path>,
    stop: &CancellationToken,
) -> Result<(Webhooks, Deliveries), WebhookError> {
    let senders: Vec<_> = webhooks
        .iter()
        .map(|webhook| Ok((webhook, Sender::new(webhook)?)))
        .collect::<Result<_, WebhookError>>()?;
    let names = webhooks.iter().map(|webhook| webhook.name.as_str());
    let cursors = Arc::new(Cursors::open(directory, names, feed.newest())?);
    let hooks: Arc<[_]> = senders
        .into_iter()
        .map(|(webhook, sender)| Arc::new(Hook::new(webhook, sender, cursors.get(&webhook.name))))
        .collect();
    let tasks = TaskTracker::new();
    for hook in hooks.iter() {
        let deliverer = Deliverer::new(Arc::clone(hook), feed.clone(), Arc::clone(&cursors));
        tasks.spawn(deliverer.run(stop.clone()));
    }
    tasks.close();
    let webhooks = Webhooks {
        hooks,
        feed,
        tests: Arc::new(Semaphore::new(TESTS)),
    };
    Ok((webhooks, Deliveries(tasks)))
}

impl Deliveries {
    /// Waits until every attempt that was under way when it was told to stop is at its end, but not longer than this:
    /// what is cut off is sent again after the next start.
    pub async fn finish(self, grace: Duration) {
        timeout(grace, self.0.wait()).await.ok();
    }
}

impl Webhooks {
    /// How each is, in the order of the configuration.
    pub fn statuses(&self) -> Vec<Status> {
        let newest = self.feed.newest();
        let status = |hook: &Arc<Hook>| {
            let state = hook.state().clone();
            Status {
                name: hook.name.clone(),
                host: hook.sender.host().to_owned(),
                delivered: state.progress.delivered,
                lost: state.progress.lost,
                waiting: state.queued + newest.saturating_sub(state.seen),
                failures: state.failures,
                last_error: state.last_error,
                next_try: state.next_try,
                is_stopped: state.is_stopped,
            }
        };
        self.hooks.iter().map(status).collect()
    }

    /// Sends an event of the type `test` now, once, beside what waits. Nothing when there is no such webhook.
    pub(crate) async fn test(&self, name: &str) -> Option<Tested> {
        let hook = self.hooks.iter().find(|hook| hook.name == name)?;
        // Never closed.
        let _permit = self.tests.acquire().await.ok()?;
        let id = ItemId::new(format!("test_{}", Uuid::new_v4().simple()))?;
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let body = json!({ "type": "test", "timestamp": now, "data": { "webhook": name } });
        let started = Instant::now();
        let answer = hook.sender.send(&id, body.to_string().into()).await;
        Some(Tested {
            answer,
            duration: started.elapsed(),
        })
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.hooks.iter().map(|hook| &hook.name))
            .finish()
    }
}
