//! Sends alerts as signed JSON over HTTP.
//!
//! The [`outbox`](crate::outbox) delivers in order and at least once, from a durable cursor. A webhook adds which
//! alerts it sends, and requests by Standard Webhooks 1.0.0. `webhook-id` is the alert's id and stays the same when the
//! alert is sent again. `webhook-timestamp` is the time of the attempt. `webhook-signature` is the HMAC-SHA256 of both
//! and the body.

mod feed;
mod signature;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri, header};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

pub use self::feed::{Body, Feed, Item, ItemId, alert_feed};
use self::signature::SigningKey;
use crate::alerts::{AlertStore, Severity};
use crate::config::{Webhook, webhook};
use crate::data_dir;
use crate::outbox::{
    ClientSettings, CursorError, CursorFile, Destination, Dispatch, Outbox, ReceiverResponse,
    SendError, Settings,
};
pub use crate::outbox::{Deliveries, DestinationStatus};

/// Largest number of test requests at one time, over all webhooks.
const TESTS: usize = 4;
/// The file with the position of each webhook.
const CURSORS: CursorFile = CursorFile {
    name: data_dir::WEBHOOKS,
    key: "webhooks",
};

/// Why the configured webhooks cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL is not valid.
    #[error("the url of the webhook `{name}` {reason}")]
    Url {
        /// Name of the webhook.
        name: String,
        /// What the URL must be.
        reason: String,
    },
    /// The secret is missing or not valid.
    #[error("cannot use the secret of the webhook `{name}`: {reason}")]
    Secret {
        /// Name of the webhook.
        name: String,
        /// What is wrong, without the secret.
        reason: String,
    },
    /// The file with certificates to trust cannot be used.
    #[error("cannot use {}, the ca_file of the webhook `{name}`: {reason}", path.display())]
    CaFile {
        /// Name of the webhook.
        name: String,
        /// Path of the file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// The file with the webhooks' positions cannot be read or written.
    #[error(transparent)]
    Cursors(#[from] CursorError),
}

/// Handle to the running webhooks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    outbox: Outbox<Subscription>,
    tests: Arc<Semaphore>,
}

/// The receiver's answer to a test request.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) answer: Result<ReceiverResponse, SendError>,
    pub(crate) duration: Duration,
}

/// Which alerts a webhook sends, and the key that signs them.
#[derive(Debug, PartialEq)]
struct Subscription {
    rules: Vec<String>,
    severity_min: Severity,
    key: SigningKey,
    /// The content of `ca_file`, by which a change of it is recognised.
    trusted: Vec<u8>,
}

impl Dispatch for Subscription {
    type Item = Item;

    const ITEMS: &'static str = "alerts";

    fn takes(&self, item: &Item) -> bool {
        let is_of_a_rule = self.rules.is_empty() || self.rules.contains(&item.rule);
        is_of_a_rule && self.severity_min <= item.severity
    }

    fn request(&self, target: &Uri, items: &[Item], now: SystemTime) -> Request<Full<Bytes>> {
        let item = items.first().expect("a request has at least one item");
        self.signed(target, &item.id, item.body.bytes(), now)
    }
}

impl Subscription {
    fn signed(
        &self,
        target: &Uri,
        id: &ItemId,
        body: Bytes,
        now: SystemTime,
    ) -> Request<Full<Bytes>> {
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signature = self.key.sign(id.as_str(), timestamp, &body);
        Request::post(target.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id.as_str())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Full::new(body))
            .expect("an id, a number and base64 are values of headers")
    }
}

/// Delivers the items of `feed` to all webhooks until `stop`. Positions are kept in `directory`; without one, each
/// start begins with new alerts.
///
/// # Errors
///
/// If a webhook's settings cannot be used, or if the positions cannot be read or written.
pub fn start(
    webhooks: &[Webhook],
    feed: Feed,
    directory: Option<&Path>,
    stop: &CancellationToken,
) -> Result<(Webhooks, Deliveries), WebhookError> {
    let destinations: Vec<_> = webhooks.iter().map(destination).collect::<Result<_, _>>()?;
    let data = directory.map(|directory| (directory, CURSORS));
    let (outbox, deliveries) = Outbox::start(destinations, feed, data, stop)?;
    let tests = Arc::new(Semaphore::new(TESTS));
    Ok((Webhooks { outbox, tests }, deliveries))
}

fn destination(webhook: &Webhook) -> Result<Destination<Subscription>, WebhookError> {
    let name = || webhook.name.clone();
    let target = webhook::target(webhook.url.reveal()).map_err(|reason| WebhookError::Url {
        name: name(),
        reason,
    })?;
    let settings = Settings {
        name: name(),
        target,
        client: ClientSettings {
            ca_file: webhook.ca_file.clone(),
            connect_timeout: webhook.connect_timeout,
            timeout: webhook.timeout,
        },
        retry_min: webhook.retry_min,
        retry_max: webhook.retry_max,
        give_up_after: webhook.give_up_after,
        queue_max: webhook.queue_max,
        // Standard Webhooks has one event a request.
        items_per_request_max: 1,
    };
    let subscription = Subscription {
        rules: webhook.rules.clone(),
        severity_min: webhook.severity_min,
        key: SigningKey::read(webhook)?,
        // The client reads the same file, and reports if it cannot.
        trusted: fs::read(&webhook.ca_file).unwrap_or_default(),
    };
    Destination::new(settings, subscription).map_err(|error| WebhookError::CaFile {
        name: name(),
        path: error.path,
        reason: error.reason,
    })
}

/// Warns about configured rules that raise nothing because they are misspelt or off. This is no error, because a kind
/// of alert may be defined at any time.
pub(crate) fn warn_of_missing_rules(webhooks: &[Webhook], store: &AlertStore) {
    let definitions = store.definitions();
    for webhook in webhooks {
        for rule in &webhook.rules {
            if !definitions.iter().any(|known| *known.header == **rule) {
                warn!(
                    webhook.name = webhook.name,
                    rule, "webhook lists a rule that is off or unknown, so no alert of it is sent"
                );
            }
        }
    }
}

impl Webhooks {
    /// Uses another list of webhooks. Those whose settings, secrets and certificates are the same go on undisturbed, and
    /// the others of the same name continue at their position. Blocks.
    ///
    /// # Errors
    ///
    /// Like [`start`]. Then nothing changes.
    pub fn replace(&self, webhooks: &[Webhook]) -> Result<(), WebhookError> {
        let destinations: Vec<_> = webhooks.iter().map(destination).collect::<Result<_, _>>()?;
        self.outbox.replace(destinations, |running, new| {
            running.settings() == new.settings() && running.dispatch() == new.dispatch()
        })?;
        Ok(())
    }

    /// The status of each webhook, in the order of the configuration.
    pub fn statuses(&self) -> Vec<DestinationStatus> {
        self.outbox.statuses()
    }

    /// Waits until the status of a webhook meets `is_so`. `None` if there is no such webhook.
    pub async fn until(
        &self,
        name: &str,
        is_so: impl Fn(&DestinationStatus) -> bool,
    ) -> Option<DestinationStatus> {
        self.outbox.until(name, is_so).await
    }

    /// Sends one event of the type `test` at once, ahead of pending alerts. `None` if there is no such webhook.
    pub(crate) async fn test(&self, name: &str) -> Option<Tested> {
        let webhook = self.outbox.find(name)?;
        // The semaphore is never closed.
        let _permit = self.tests.acquire().await.ok()?;
        let id = ItemId::new(format!("test_{}", Uuid::new_v4().simple()))?;
        let now = SystemTime::now();
        let timestamp = humantime::format_rfc3339_seconds(now).to_string();
        let body = json!({ "type": "test", "timestamp": timestamp, "data": { "webhook": name } });
        let body = body.to_string().into();
        let request = webhook.dispatch().signed(webhook.target(), &id, body, now);
        let started = Instant::now();
        let answer = webhook.send(request).await;
        Some(Tested {
            answer,
            duration: started.elapsed(),
        })
    }
}
