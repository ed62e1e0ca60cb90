//! The delivery of one webhook: alert by alert, in order, again and again until it is taken.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::client::{Answer, SendError};
use super::cursors::{Cursors, Progress};
use super::feed::{Feed, FeedError, Item};
use super::hook::Hook;

/// How many alerts are read at one time.
const PAGE_ITEMS: usize = 32;

/// After how many alerts that it does not want it is put on disk how far it is, though none was sent: a crash before
/// that costs looking at them again, and a write for each would cost more.
const PASSED_UNKEPT_MAX: u64 = 1000;

/// What became of an attempt.
enum Outcome {
    Delivered,
    Gone,
    Failed(String, Option<Duration>),
}

impl From<Result<Answer, SendError>> for Outcome {
    fn from(sent: Result<Answer, SendError>) -> Self {
        match sent {
            Ok(answer) if answer.status.is_success() => Self::Delivered,
            Ok(answer) if answer.status == StatusCode::GONE => Self::Gone,
            Ok(answer) if answer.status.is_redirection() => {
                let text = format!("answered {}; redirects are not followed", answer.status);
                Self::Failed(text, answer.retry_after)
            }
            Ok(answer) => Self::Failed(format!("answered {}", answer.status), answer.retry_after),
            Err(error) => Self::Failed(error.to_string(), None),
        }
    }
}

/// Delivers what the feed has for one webhook.
pub(super) struct Deliverer {
    hook: Arc<Hook>,
    feed: Feed,
    cursors: Arc<Cursors>,
    page: VecDeque<Item>,
    /// Whether the last attempt was in vain.
    is_refused: bool,
    progress: Progress,
    kept: Progress,
}

impl Deliverer {
    pub(super) fn new(hook: Arc<Hook>, feed: Feed, cursors: Arc<Cursors>) -> Self {
        let progress = hook.state().progress;
        Self {
            hook,
            feed,
            cursors,
            page: VecDeque::new(),
            is_refused: false,
            progress,
            kept: progress,
        }
    }

    /// Until it is told to stop, or the receiver says that it is gone. An attempt under way is brought to its end.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.skip_overflow();
            match self.first_in_line().await {
                Ok(Some(item)) => {
                    let sent = self.hook.sender.send(&item.id, item.body).await;
                    match Outcome::from(sent) {
                        Outcome::Delivered => self.delivered(item.number).await,
                        Outcome::Gone => {
                            self.gone();
                            break;
                        }
                        Outcome::Failed(reason, asked) => {
                            self.is_refused = true;
                            self.wait_after(reason, asked, &stop).await;
                        }
                    }
                }
                Ok(None) => {
                    let newer = self.feed.newer_than(self.progress.number);
                    stop.run_until_cancelled(newer).await;
                }
                Err(error) => {
                    let reason = format!("alerts cannot be read: {error}");
                    self.wait_after(reason, None, &stop).await;
                }
            }
        }
        self.keep().await;
    }

    /// The next alert that is wanted. Those before it are passed.
    async fn first_in_line(&mut self) -> Result<Option<Item>, FeedError> {
        loop {
            while let Some(item) = self.page.pop_front() {
                if item.number <= self.progress.number {
                    continue; // Left out since the page was read.
                }
                self.lose_up_to(item.number - 1, "the list of alerts was cut short");
                if !self.hook.wants(&item) {
                    self.pass(item.number);
                } else if self.is_refused && self.hook.is_too_old(&item, SystemTime::now()) {
                    self.lose_up_to(item.number, "could not be delivered in time");
                } else {
                    self.page.push_front(item.clone());
                    return Ok(Some(item));
                }
            }
            let newest = self.feed.newest();
            if newest <= self.progress.number {
                if self.has_much_to_keep() {
                    self.keep().await;
                }
                return Ok(None);
            }
            self.page = self
                .feed
                .page(self.progress.number, PAGE_ITEMS)
                .await?
                .into();
            if self.page.is_empty() {
                self.lose_up_to(newest, "the list of alerts was cut short");
            }
        }
    }

    fn skip_overflow(&mut self) {
        let first = self.feed.newest().saturating_sub(self.hook.queue_max);
        self.lose_up_to(first, "more waited than `queue_max`");
    }

    /// Goes on behind a number, without those up to it.
    fn lose_up_to(&mut self, number: u64, why: &str) {
        let lost = number.saturating_sub(self.progress.number);
        if 0 < lost {
            warn!(
                webhook.name = self.hook.name,
                alerts.lost = lost,
                alerts.up_to = number,
                why,
                "alerts are not delivered"
            );
            self.progress.lost += lost;
            self.pass(number);
        }
    }

    fn pass(&mut self, number: u64) {
        self.progress.number = number;
        self.hook.state().progress = self.progress;
    }

    async fn delivered(&mut self, number: u64) {
        self.is_refused = false;
        self.progress.delivered += 1;
        self.pass(number);
        let failures = std::mem::take(&mut self.hook.state().failures);
        if 0 < failures {
            info!(
                webhook.name = self.hook.name,
                webhook.failures = failures,
                "the receiver takes alerts again"
            );
        }
        self.keep().await;
    }

    async fn wait_after(
        &mut self,
        reason: String,
        asked: Option<Duration>,
        stop: &CancellationToken,
    ) {
        let delay = self.failed(reason, asked);
        stop.run_until_cancelled(tokio::time::sleep(delay)).await;
        self.hook.state().next_try = None;
    }

    /// Notes a failure, and gives how long to wait.
    fn failed(&mut self, reason: String, asked: Option<Duration>) -> Duration {
        let mut state = self.hook.state();
        state.failures = state.failures.saturating_add(1);
        // Without randomness all wait the shortest of the times.
        let random = getrandom::u32().unwrap_or_default();
        let delay = self.hook.retry.delay(state.failures, random, asked);
        let (name, delay_ms) = (&self.hook.name, delay.as_millis());
        if state.failures == 1 {
            warn!(
                webhook.name = name,
                reason,
                retry.delay_ms = delay_ms,
                "an alert could not be delivered"
            );
        } else {
            debug!(
                webhook.name = name,
                reason,
                retry.delay_ms = delay_ms,
                "an alert could not be delivered"
            );
        }
        state.last_error = Some(reason);
        state.next_try = SystemTime::now().checked_add(delay);
        delay
    }

    fn gone(&self) {
        warn!(
            webhook.name = self.hook.name,
            "the receiver answered 410, so nothing is sent to it until the next start"
        );
        let mut state = self.hook.state();
        state.last_error = Some(format!("answered {}", StatusCode::GONE));
        state.is_stopped = true;
    }

    fn has_much_to_keep(&self) -> bool {
        let (is, was) = (self.progress, self.kept);
        is.lost != was.lost || PASSED_UNKEPT_MAX <= is.number - was.number
    }

    /// Puts on disk how far it is. When that fails, deliveries go on: what is lost is only that a restart knows.
    async fn keep(&mut self) {
        if self.progress == self.kept {
            return;
        }
        let (hook, cursors, progress) = (
            Arc::clone(&self.hook),
            Arc::clone(&self.cursors),
            self.progress,
        );
        let written = spawn_blocking(move || cursors.set(&hook.name, progress)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => self.kept = progress,
            Err(error) => {
                warn!(webhook.name = self.hook.name, %error, "cannot write how far the webhook is");
            }
        }
    }
}
