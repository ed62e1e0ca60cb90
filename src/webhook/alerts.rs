//! The alerts that are kept, as what is sent.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use tracing::warn;

use super::feed::{Feed, FeedError, Item, ItemId};
use crate::alerts::{Alert, AlertStore};
use crate::config::Webhook;
use crate::views::native::AlertRow;

/// All alerts that are kept.
pub fn feed(store: AlertStore) -> Feed {
    let newest = store.woken();
    let page = move |after, limit| {
        let alerts = store.after(after, limit);
        alerts.iter().map(|alert| item(alert)).collect()
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

fn item(alert: &Alert) -> Result<Item, FeedError> {
    let raised = &alert.raised;
    let raised_at = UNIX_EPOCH + Duration::from_micros(raised.raised_at.micros());
    let body = json!({
        "type": "alert",
        "timestamp": humantime::format_rfc3339_micros(raised_at).to_string(),
        "data": AlertRow(alert),
    });
    Ok(Item {
        number: alert.number,
        id: ItemId::new(&*raised.id).ok_or("the identity of an alert cannot be sent")?,
        rule: raised.header.to_string(),
        severity: raised.severity,
        raised_at,
        body: body.to_string().into(),
    })
}
