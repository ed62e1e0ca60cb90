//! The alerts that are kept, as what is sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::json;
use tracing::warn;

use super::feed::{Body, Feed, FeedError, Item, ItemId};
use crate::alerts::{Alert, AlertStore};
use crate::config::Webhook;
use crate::views::native::AlertRow;

/// All alerts that are kept.
pub fn feed(store: AlertStore) -> Feed {
    let newest = store.woken();
    let page = move |after, limit| {
        let alerts = store.after(after, limit);
        alerts.iter().map(item).collect()
    };
    Feed::new(page, newest)
}

/// Tells of rules that webhooks wait for and that raise nothing: misspelt ones, and such as are off. That is no mistake
/// of its own, because a kind of alert may be defined at any time.
pub fn tell_missing_rules(webhooks: &[Webhook], store: &AlertStore) {
    let definitions = store.definitions();
    for webhook in webhooks {
        for rule in &webhook.rules {
            if !definitions.iter().any(|known| *known.header == **rule) {
                warn!(
                    webhook.name = webhook.name,
                    rule, "a webhook waits for a rule that is off, or not known"
                );
            }
        }
    }
}

fn item(alert: &Arc<Alert>) -> Result<Item, FeedError> {
    let raised = &alert.raised;
    let sent = Arc::clone(alert);
    Ok(Item {
        number: alert.number,
        id: ItemId::new(&*raised.id).ok_or("the identity of an alert cannot be sent")?,
        rule: raised.header.to_string(),
        severity: raised.severity,
        raised_at: raised_at(alert),
        body: Body::new(move || body(&sent)),
    })
}

fn body(alert: &Alert) -> Bytes {
    let document = json!({
        "type": "alert",
        "timestamp": humantime::format_rfc3339_micros(raised_at(alert)).to_string(),
        "data": AlertRow(alert),
    });
    document.to_string().into()
}

fn raised_at(alert: &Alert) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(alert.raised.raised_at.micros())
}
