//! One webhook: what it wants, and how it is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::client::Sender;
use super::cursors::Progress;
use super::feed::Item;
use super::retry::Retry;
use crate::alerts::Severity;
use crate::config::Webhook;

/// One webhook, as its delivery and those who ask for it share it.
pub(super) struct Hook {
    pub(super) name: String,
    pub(super) sender: Sender,
    rules: Vec<String>,
    severity_min: Severity,
    pub(super) retry: Retry,
    give_up_after: Duration,
    pub(super) queue_max: usize,
    state: Mutex<State>,
}

/// How a webhook is.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) progress: Progress,
    /// The alert that was looked at last.
    pub(super) seen: u64,
    /// How many of those up to it are wanted and not delivered.
    pub(super) queued: u64,
    /// How many times in a row the alert that is first in line failed.
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) next_try: Option<SystemTime>,
    /// The receiver is gone for good.
    pub(super) is_stopped: bool,
}

impl Hook {
    pub(super) fn new(webhook: &Webhook, sender: Sender, progress: Progress) -> Self {
        Self {
            name: webhook.name.clone(),
            sender,
            rules: webhook.rules.clone(),
            severity_min: webhook.severity_min,
            retry: Retry {
                min: webhook.retry_min,
                max: webhook.retry_max,
            },
            give_up_after: webhook.give_up_after,
            queue_max: webhook.queue_max,
            state: Mutex::new(State {
                progress,
                seen: progress.number,
                ..State::default()
            }),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wants(&self, item: &Item) -> bool {
        let is_of_a_rule = self.rules.is_empty() || self.rules.contains(&item.rule);
        is_of_a_rule && self.severity_min <= item.severity
    }

    pub(super) fn is_too_old(&self, item: &Item, now: SystemTime) -> bool {
        let age = now.duration_since(item.raised_at).unwrap_or_default();
        !self.give_up_after.is_zero() && self.give_up_after < age
    }
}
