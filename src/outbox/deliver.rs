//! Delivers items to one destination: in order, and each request again until the receiver accepts it.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::client::{ReceiverResponse, SendError};
use super::cursor::{Cursors, Progress};
use super::feed::{Feed, FeedError};
use super::{Destination, Dispatch, Item};

/// How many items are read from the feed at once.
const PAGE_ITEMS: usize = 32;

/// After this many unwanted items in a row the progress is written, although nothing was sent. Without that, they would
/// be read again after a crash. To write it after each of them would cost more.
const PASSED_UNKEPT_MAX: u64 = 1000;

/// The result of an attempt.
enum Outcome {
    Delivered,
    Gone,
    Failed(String, Option<Duration>),
}

impl From<Result<ReceiverResponse, SendError>> for Outcome {
    fn from(sent: Result<ReceiverResponse, SendError>) -> Self {
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

/// Delivers the items of a feed to one destination.
pub(super) struct Deliverer<D: Dispatch> {
    destination: Arc<Destination<D>>,
    feed: Feed<D::Item>,
    cursors: Arc<Cursors<Progress>>,
    /// Pending items, the oldest first: at most `queue_max`, plus those in flight. Copied on arrival, because the
    /// feed may evict them before they are delivered.
    waiting: VecDeque<D::Item>,
    /// The number of the last item that was read from the feed.
    seen: u64,
    /// Whether the last attempt failed.
    is_refused: bool,
    /// How many items were dropped because too many waited, since that was last logged.
    overflowed: u64,
    progress: Progress,
    kept: Progress,
}

impl<D: Dispatch> Deliverer<D> {
    pub(super) fn new(
        destination: Arc<Destination<D>>,
        feed: Feed<D::Item>,
        cursors: Arc<Cursors<Progress>>,
    ) -> Self {
        let progress = destination.state().progress;
        Self {
            destination,
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

    /// Runs until `stop`, or until the receiver answers that it is gone. Finishes the attempt that is under way.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.gather(0).await {
                let reason = format!("{} cannot be read: {error}", D::ITEMS);
                self.wait_after(reason, None, &stop).await;
                continue;
            }
            self.report_overflow();
            self.give_up_old();
            let items = self.first_in_line();
            if items.is_empty() {
                self.wait_for_newer(&stop).await;
                continue;
            }
            let (count, destination) = (items.len(), Arc::clone(&self.destination));
            let attempt = async move { destination.deliver(&items).await };
            match Outcome::from(self.gather_during(attempt, count).await) {
                Outcome::Delivered => self.delivered(count).await,
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

    /// The items of the next request.
    fn first_in_line(&self) -> Vec<D::Item> {
        let count_max = self.destination.settings.items_per_request_max.max(1);
        self.waiting.iter().take(count_max).cloned().collect()
    }

    async fn wait_for_newer(&mut self, stop: &CancellationToken) {
        if self.has_much_to_keep() {
            self.keep().await;
        }
        let newer = self.feed.newer_than(self.seen);
        stop.run_until_cancelled(newer).await;
    }

    /// Reads wanted items from the feed while `work` runs. The first `under_way` items are not dropped meanwhile.
    async fn gather_during<T>(&mut self, work: impl Future<Output = T>, under_way: usize) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.feed.newer_than(self.seen) => {}
            }
            if self.gather(under_way).await.is_err() {
                // The next round reports the error, and waits before it tries again.
                return work.await;
            }
        }
    }

    /// Reads wanted items from the feed, up to the newest. If more than `queue_max` wait, the oldest are dropped.
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
                self.miss_up_to(item.number().saturating_sub(1));
                self.seen = item.number();
                if self.destination.dispatch.takes(&item) {
                    self.waiting.push_back(item);
                }
            }
        }
    }

    fn leave_out_oldest(&mut self, under_way: usize) {
        while self.destination.settings.queue_max + under_way < self.waiting.len() {
            self.waiting.remove(under_way);
            self.progress.lost += 1;
            self.overflowed += 1;
        }
    }

    /// Logs dropped items once before each attempt, not one by one.
    fn report_overflow(&mut self) {
        self.report_lost(self.overflowed, "more waited than `queue_max`");
        self.overflowed = 0;
    }

    /// Counts items that the feed has evicted. Whether they were wanted is unknown.
    fn miss_up_to(&mut self, number: u64) {
        let missed = number.saturating_sub(self.seen);
        self.seen += missed;
        self.progress.lost += missed;
        self.report_lost(missed, "they were removed before they could be read");
    }

    fn give_up_old(&mut self) {
        let now = SystemTime::now();
        let is_too_old = |item: &D::Item| self.is_refused && self.destination.is_too_old(item, now);
        let first = self.waiting.iter().take_while(|item| is_too_old(item));
        let count = first.count();
        self.waiting.drain(..count);
        let lost = u64::try_from(count).unwrap_or(u64::MAX);
        self.progress.lost += lost;
        self.report_lost(lost, "they could not be delivered within `give_up_after`");
        self.note_progress();
    }

    fn report_lost(&self, lost: u64, why: &str) {
        if 0 < lost {
            warn!(
                destination.name = self.destination.name(),
                items = D::ITEMS,
                items.lost = lost,
                why,
                "items were lost and will not be delivered"
            );
        }
    }

    /// Updates the progress: everything before the first waiting item needs no more work.
    fn note_progress(&mut self) {
        let first = self.waiting.front();
        self.progress.number = first.map_or(self.seen, |first| first.number().saturating_sub(1));
        self.destination.change(|state| {
            state.progress = self.progress;
            state.seen = self.seen;
            state.queued = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        });
    }

    async fn delivered(&mut self, count: usize) {
        self.is_refused = false;
        self.waiting.drain(..count);
        self.progress.delivered += u64::try_from(count).unwrap_or(u64::MAX);
        self.note_progress();
        let failures = self
            .destination
            .change(|state| std::mem::take(&mut state.failures));
        if 0 < failures {
            info!(
                destination.name = self.destination.name(),
                destination.failures = failures,
                "the receiver takes items again"
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
        self.destination.change(|state| state.next_try = None);
    }

    /// Records a failure, and returns the pause until the next attempt.
    fn failed(&mut self, reason: String, asked: Option<Duration>) -> Duration {
        let failures = self.destination.state().failures.saturating_add(1);
        // Without randomness, all destinations wait the shortest time.
        let random = getrandom::u32().unwrap_or_default();
        let delay = self.destination.retry().delay(failures, random, asked);
        let (name, delay_ms) = (self.destination.name(), delay.as_millis());
        if failures == 1 {
            warn!(
                destination.name = name,
                reason,
                retry.delay_ms = delay_ms,
                "a delivery failed"
            );
        } else {
            debug!(
                destination.name = name,
                reason,
                retry.delay_ms = delay_ms,
                "a delivery failed"
            );
        }
        self.destination.change(|state| {
            state.failures = failures;
            state.last_error = Some(reason);
            state.next_try = SystemTime::now().checked_add(delay);
        });
        delay
    }

    fn gone(&self) {
        warn!(
            destination.name = self.destination.name(),
            "the receiver answered 410 Gone: nothing is sent to it until the next start"
        );
        self.destination.change(|state| {
            state.last_error = Some(format!("answered {}", StatusCode::GONE));
            state.is_stopped = true;
        });
    }

    fn has_much_to_keep(&self) -> bool {
        let (is, was) = (self.progress, self.kept);
        is.lost != was.lost || PASSED_UNKEPT_MAX <= is.number - was.number
    }

    /// Writes the progress to disk. If that fails, deliveries go on: only a restart would repeat some.
    async fn keep(&mut self) {
        if self.progress == self.kept {
            return;
        }
        let (destination, cursors, progress) = (
            Arc::clone(&self.destination),
            Arc::clone(&self.cursors),
            self.progress,
        );
        let written = spawn_blocking(move || cursors.set(destination.name(), progress)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                self.kept = progress;
                // Wakes those who wait for the progress to be on disk.
                self.destination.change(|_| ());
            }
            Err(error) => {
                warn!(destination.name = self.destination.name(), %error, "cannot write the progress of a destination");
            }
        }
    }
}
