//! The delivery of one webhook: alert by alert, in order, again and again until it is taken.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
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
    /// What is wanted and not delivered, the oldest first: at most `queue_max`, and the one under way. It is taken out
    /// of the feed as it comes, because others make room there for what this webhook may not want.
    waiting: VecDeque<Item>,
    /// The alert that was looked at last.
    seen: u64,
    /// Whether the last attempt was in vain.
    is_refused: bool,
    /// How many were left out because too many waited, and nobody was told.
    overflowed: u64,
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
            waiting: VecDeque::new(),
            seen: progress.number,
            is_refused: false,
            overflowed: 0,
            progress,
            kept: progress,
        }
    }

    /// Until it is told to stop, or the receiver says that it is gone. An attempt under way is brought to its end.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.gather(0).await {
                let reason = format!("alerts cannot be read: {error}");
                self.wait_after(reason, None, &stop).await;
                continue;
            }
            self.tell_overflow();
            self.give_up_old();
            let Some(item) = self.waiting.front().cloned() else {
                self.wait_for_newer(&stop).await;
                continue;
            };
            let hook = Arc::clone(&self.hook);
            let attempt = async move { hook.sender.send(&item.id, item.body.bytes()).await };
            match Outcome::from(self.gather_during(attempt, 1).await) {
                Outcome::Delivered => self.delivered().await,
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
        self.keep().await;
    }

    async fn wait_for_newer(&mut self, stop: &CancellationToken) {
        if self.has_much_to_keep() {
            self.keep().await;
        }
        let newer = self.feed.newer_than(self.seen);
        stop.run_until_cancelled(newer).await;
    }

    /// Takes what is wanted out of the feed while something else is done. The first `under_way` alerts stay in line.
    async fn gather_during<T>(&mut self, work: impl Future<Output = T>, under_way: usize) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.feed.newer_than(self.seen) => {}
            }
            if self.gather(under_way).await.is_err() {
                // The next round says so, and waits before it tries again.
                return work.await;
            }
        }
    }

    /// Takes what is wanted out of the feed, up to the newest. Of more than may wait the oldest are left out.
    async fn gather(&mut self, under_way: usize) -> Result<(), FeedError> {
        loop {
            self.leave_out_oldest(under_way);
            self.note_progress();
            let newest = self.feed.newest();
            if newest <= self.seen {
                return Ok(());
            }
            let page = self.feed.page(self.seen, PAGE_ITEMS).await?;
            if page.is_empty() {
                self.miss_up_to(newest);
            }
            for item in page {
                self.miss_up_to(item.number - 1);
                self.seen = item.number;
                if self.hook.wants(&item) {
                    self.waiting.push_back(item);
                }
            }
        }
    }

    fn leave_out_oldest(&mut self, under_way: usize) {
        while self.hook.queue_max + under_way < self.waiting.len() {
            self.waiting.remove(under_way);
            self.progress.lost += 1;
            self.overflowed += 1;
        }
    }

    /// Once before each attempt, and not for each alert.
    fn tell_overflow(&mut self) {
        self.tell_lost(self.overflowed, "more waited than `queue_max`");
        self.overflowed = 0;
    }

    /// Alerts that the feed has no more. Nobody knows whether they were wanted.
    fn miss_up_to(&mut self, number: u64) {
        let missed = number.saturating_sub(self.seen);
        self.seen += missed;
        self.progress.lost += missed;
        self.tell_lost(missed, "the list of alerts was cut short");
    }

    fn give_up_old(&mut self) {
        let now = SystemTime::now();
        let is_too_old = |item: &Item| self.is_refused && self.hook.is_too_old(item, now);
        let first = self.waiting.iter().take_while(|item| is_too_old(item));
        let count = first.count();
        self.waiting.drain(..count);
        let lost = u64::try_from(count).unwrap_or(u64::MAX);
        self.progress.lost += lost;
        self.tell_lost(lost, "could not be delivered in time");
        self.note_progress();
    }

    fn tell_lost(&self, lost: u64, why: &str) {
        if 0 < lost {
            warn!(
                webhook.name = self.hook.name,
                alerts.lost = lost,
                why,
                "alerts are not delivered"
            );
        }
    }

    /// Everything before the first in line is dealt with.
    fn note_progress(&mut self) {
        let first = self.waiting.front();
        self.progress.number = first.map_or(self.seen, |first| first.number - 1);
        let mut state = self.hook.state();
        state.progress = self.progress;
        state.seen = self.seen;
        state.queued = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
    }

    async fn delivered(&mut self) {
        self.is_refused = false;
        self.waiting.pop_front();
        self.progress.delivered += 1;
        self.note_progress();
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
        let wait = stop.run_until_cancelled(tokio::time::sleep(delay));
        self.gather_during(wait, 0).await;
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
