//! Alerts as items of the outbox.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::json;

use crate::alerts::{Alert, AlertStore, Severity};
use crate::outbox::{self, FeedError};
use crate::views::native::AlertRow;

/// The source of alerts to send.
pub type Feed = outbox::Feed<Item>;

/// An alert that a webhook may send.
#[derive(Clone, Debug)]
pub struct Item {
    /// Position in the feed. Numbers are consecutive from 1; gaps count as lost alerts.
    pub number: u64,
    /// Identity, by which receivers recognise a repeated delivery.
    pub id: ItemId,
    /// The rule that raised the alert.
    pub rule: String,
    /// The alert's severity.
    pub severity: Severity,
    /// When the alert was raised.
    pub raised_at: SystemTime,
    /// The JSON document that is sent.
    pub body: Body,
}

impl outbox::Item for Item {
    fn number(&self) -> u64 {
        self.number
    }

    fn made_at(&self) -> SystemTime {
        self.raised_at
    }
}

/// A JSON document that is written only when it is sent, so that pending alerts stay small. Cheap to clone.
#[derive(Clone)]
pub struct Body(Arc<dyn Fn() -> Bytes + Send + Sync>);

impl Body {
    /// A body that `write` produces. `write` must return the same bytes each time.
    pub fn new(write: impl Fn() -> Bytes + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.0()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// An alert's id as requests carry it: 1 to 128 visible ASCII characters without a full stop, by Standard Webhooks.
/// Full stops separate the parts that are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemId(String);

impl ItemId {
    const BYTES_MAX: usize = 128;

    /// Checks a text. `None` if it is not a valid id.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        let is_id = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        is_id.then_some(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The feed of all stored alerts.
pub fn alert_feed(store: AlertStore) -> Feed {
    let newest = store.subscribe();
    let page = move |after, limit| {
        let alerts = store.after(after, limit);
        alerts.iter().map(item).collect()
    };
    Feed::new(page, newest)
}

fn item(alert: &Arc<Alert>) -> Result<Item, FeedError> {
    let raised = &alert.raised;
    let sent = Arc::clone(alert);
    Ok(Item {
        number: alert.number,
        id: ItemId::new(&*raised.id)
            .ok_or("the id of an alert is not valid in Standard Webhooks")?,
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
        "data": AlertRow::of(alert),
    });
    document.to_string().into()
}

fn raised_at(alert: &Alert) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(alert.raised.raised_at.micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_at_its_bound_and_not_one_past() {
        for id in ["a", "alert-1_B:{/}", &"x".repeat(128)] {
            assert_eq!(ItemId::new(id).unwrap().as_str(), id);
        }
        for id in ["", "a.b", "a b", "é", "a\n", &"x".repeat(129)] {
            assert_eq!(ItemId::new(id), None, "{id}");
        }
    }
}
