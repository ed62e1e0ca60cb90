//! The task of a target: connects, sends one event at a time, and tries again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::LivePicture;
use super::link::{CLOSE_TIMEOUT, Link, Reader, Way, Writer};
use super::sorter::now;
use super::target::{Phase, Target};
use super::wanted::Verdict;
use crate::export::live_event;
use crate::outbox::Retry;
use crate::privacy::OptedOut;
use crate::report::DeviceId;

/// A connection that lasted so long works, and so does one that took an event so long after another. One that ends
/// earlier counts as a failure after the ones before it, so that a receiver that closes each connection is not asked again
/// and again. A single datagram tells nothing: the system learns that nobody takes it after it is sent.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// The task of a target.
pub(super) struct Runner {
    pub(super) target: Arc<Target>,
    pub(super) picture: LivePicture,
    pub(super) way: Way,
}

/// Why a connection is over.
enum Ended {
    Stopped,
    Failed(String),
}

impl Runner {
    /// Runs until `stop`. Finishes the event that is under way.
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            self.target.enter(Phase::Connecting);
            let Some(connected) = stop.run_until_cancelled(self.way.connect()).await else {
                return;
            };
            let reason = match connected {
                Err(reason) => reason,
                Ok(link) => match self.serve(link, &stop).await {
                    Ended::Stopped => return,
                    Ended::Failed(reason) => reason,
                },
            };
            let pause = self.fail(reason);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn serve(&self, link: Link, stop: &CancellationToken) -> Ended {
        let Link { mut writer, reader } = link;
        let target = Arc::clone(&self.target);
        let name = &target.config.name;
        // As with failures: a receiver that closes each connection must not fill the log.
        if target.failures() == 0 {
            info!(tak.name = name, "sending to a TAK target");
        } else {
            debug!(tak.name = name, "sending to a TAK target");
        }
        target.enter(Phase::Sending);
        if self.way.is_connection() {
            target.queue().forget_sent();
        }
        let gone = async {
            match reader {
                Some(reader) => listen(reader, &target).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = self.send_all(&mut writer, stop) => ended,
            reason = gone => Ended::Failed(reason),
        };
        // What was being sent may have arrived or not. A mark that is sent twice is the same mark.
        target.queue().put_back();
        if matches!(ended, Ended::Stopped) {
            writer.close().await;
        }
        ended
    }

    async fn send_all(&self, writer: &mut Writer, stop: &CancellationToken) -> Ended {
        let target = Arc::clone(&self.target);
        let write_timeout = target.config.write_timeout;
        let mut first_at = None;
        loop {
            let Some(id) = stop.run_until_cancelled(self.next()).await else {
                return Ended::Stopped;
            };
            let Some(event) = self.event(id) else {
                target.queue().skip();
                // Many in a row must not keep others from their turn.
                yield_now().await;
                continue;
            };
            let sending = timeout(write_timeout, writer.send(&event));
            let Some(sent) = until_late(stop, sending).await else {
                return Ended::Stopped;
            };
            match sent {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Ended::Failed(error.to_string()),
                Err(_) => {
                    let within = humantime::format_duration(write_timeout);
                    return Ended::Failed(format!("the receiver took nothing within {within}"));
                }
            }
            let sent_at = Instant::now();
            target.queue().sent(sent_at);
            target.count_event(sent_at);
            if is_proof(*first_at.get_or_insert(sent_at), sent_at) {
                target.forget_failures();
            }
        }
    }

    /// Waits until an event may be sent, and then for a device.
    async fn next(&self) -> DeviceId {
        if let Some(sent_at) = self.target.sent_at() {
            sleep_until(sent_at + gap(self.target.config.events_per_second_max)).await;
        }
        loop {
            let wakes_at = {
                let mut queue = self.target.queue();
                if let Some(id) = queue.take(Instant::now()) {
                    return id;
                }
                queue.wakes_at()
            };
            let rested = async {
                match wakes_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.target.arrived.notified() => {}
                () = rested => {}
            }
        }
    }

    /// The event of a device as it is now. `None` if it may not be sent any more, or is not wanted any more.
    fn event(&self, id: DeviceId) -> Option<Vec<u8>> {
        let LivePicture {
            tracker, privacy, ..
        } = &self.picture;
        let wanted = &self.target.wanted;
        let device = tracker.device(id)?;
        if !privacy.lets_out(&device, OptedOut::LeftOut) {
            return None;
        }
        match wanted.verdict(&device, now()) {
            Verdict::Send => live_event(&device, wanted.stale_after_s),
            Verdict::Drop => None,
            Verdict::Stale => {
                self.target.count_stale(1);
                None
            }
        }
    }

    /// Notes a failure, and returns the pause before the next attempt.
    fn fail(&self, reason: String) -> Duration {
        let config = &self.target.config;
        let failures = self.target.failures().saturating_add(1);
        let retry = Retry {
            min: config.retry_min,
            max: config.retry_max,
        };
        // The system tells of a datagram that nobody took when the next one is sent, and the receiver may be back by then.
        let in_a_row = if self.way.is_connection() {
            failures
        } else {
            1
        };
        // Without randomness, all targets wait the shortest time.
        let pause = retry.delay(in_a_row, getrandom::u32().unwrap_or_default(), None);
        let name = &config.name;
        if failures == 1 {
            warn!(
                tak.name = name,
                reason, "cannot send to a TAK target; it is tried again"
            );
        } else {
            debug!(
                tak.name = name,
                reason, failures, "cannot send to a TAK target"
            );
        }
        self.target.fail(reason, failures, pause);
        pause
    }
}

/// Listens to the receiver. Ends with the reason when it is gone.
async fn listen(mut reader: Reader, target: &Target) -> String {
    let silent = if let Ok(silent) = timeout(STABLE_AFTER, reader.until_silent()).await {
        silent
    } else {
        target.forget_failures();
        reader.until_silent().await
    };
    match silent {
        // Only what is sent to it shows whether it is still there.
        Ok(()) => reader.until_gone().await,
        Err(reason) => reason,
    }
}

/// Whether two events, of which the first was sent at `first_at`, show that the receiver is there.
fn is_proof(first_at: Instant, sent_at: Instant) -> bool {
    STABLE_AFTER <= sent_at.saturating_duration_since(first_at)
}

/// Does something, but gives it up a little after `stop`: a receiver that does not read must not keep the server from
/// stopping, or another target from its place.
async fn until_late<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    let late = async {
        stop.cancelled().await;
        sleep(CLOSE_TIMEOUT).await;
    };
    tokio::select! {
        done = work => Some(done),
        () = late => None,
    }
}

/// The least time between two events.
fn gap(events_per_second_max: usize) -> Duration {
    let events = u32::try_from(events_per_second_max).unwrap_or(u32::MAX);
    Duration::from_secs(1) / events.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_long_after_the_first_is_a_proof() {
        let first_at = Instant::now();
        assert!(!is_proof(first_at, first_at));
        let at = first_at + STABLE_AFTER;
        assert!(!is_proof(first_at, at - Duration::from_millis(1)));
        assert!(is_proof(first_at, at));
    }
}
