//! The task of a target: when it works, what people order, and how it fails.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::gather::{ForwardLog, Wanted};
use super::progress::{Part, Place, Progress};
use super::secrets::Secrets;
use super::service::Service;
use super::store::PartStore;
use super::target::{Order, Phase, Target};
use crate::config::Forward;
use crate::hex::Hex;
use crate::log::LogPosition;
use crate::outbox::{Client, Cursors, Retry};
use crate::privacy::Policy;

/// The longest pause between two questions for work that the service does.
const JOB_PAUSE: Duration = Duration::from_secs(5);

/// What a step has come to.
pub(super) enum Step {
    /// There may be more to do.
    More,
    /// Everything up to the end of the run is sent.
    Done,
    /// Another attempt is due later.
    Failed(String, Option<Duration>),
    /// The service works on the part.
    Working,
    /// Nothing will be taken until somebody changes something.
    Stopped(String),
    /// The server stops.
    Interrupted,
}

/// What a part is made for and kept in.
pub(super) struct Desk {
    pub(super) log: ForwardLog,
    pub(super) store: PartStore,
    pub(super) cursors: Arc<Cursors<Progress>>,
}

/// The task of a target.
pub(super) struct Runner {
    pub(super) target: Arc<Target>,
    pub(super) desk: Arc<Desk>,
    pub(super) client: Client,
    pub(super) service: Arc<dyn Service>,
    pub(super) wanted: Arc<Wanted>,
    /// Are taken out of texts of the service.
    pub(super) secrets: Secrets,
    /// Stands for the service and the rules of now, see [`Part::made_for`].
    pub(super) made_for: String,
    pub(super) progress: Progress,
    /// Whether the progress is not on disk.
    pub(super) is_unkept: bool,
    /// The most rows of the next part, which a service may make smaller for the rest of a run.
    pub(super) rows_max: u64,
    /// The body of the part that is being sent.
    pub(super) body: Option<(Uuid, Bytes)>,
}

/// How a target is spoken to.
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) service: Arc<dyn Service>,
    pub(super) wanted: Wanted,
    pub(super) secrets: Secrets,
}

impl Runner {
    pub(super) fn new(target: Arc<Target>, desk: Arc<Desk>, line: Line) -> Self {
        let progress = desk.cursors.get(&target.config.name);
        let made_for = made_for(&target.config, &desk.log.privacy);
        let mut runner = Self {
            target,
            desk,
            client: line.client,
            service: line.service,
            wanted: Arc::new(line.wanted),
            secrets: line.secrets,
            made_for,
            progress,
            is_unkept: false,
            rows_max: 0,
            body: None,
        };
        runner.rows_max = runner.configured_rows();
        // A part that was never sent is made again, because devices may have changed since. So is a part for another service
        // or by older rules: it must not leave. A dry run cannot know whether a part arrived.
        let is_kept = |part: &Part| {
            part.is_tried && part.made_for == runner.made_for && !runner.target.is_dry_run()
        };
        if !runner.progress.part.as_ref().is_none_or(is_kept) {
            runner.progress.part = None;
            // The run goes on with the next part.
            runner.is_unkept = true;
        }
        runner.show();
        runner
    }

    /// Runs until `stop`. Finishes the attempt that is under way.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>, stop: CancellationToken) {
        let is_begun = self.progress.part.is_some() || self.progress.run_to.is_some();
        let is_scheduled = !self.target.config.every.is_zero();
        let mut next = (is_begun || is_scheduled).then(Instant::now);
        let first = if next.is_some() {
            Phase::Working
        } else {
            Phase::Idle
        };
        self.phase(first, None);
        loop {
            let due = async move {
                match next {
                    Some(next) => tokio::time::sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(order) = orders.recv() => next = self.obey(order, next).await,
                () = due => {
                    self.phase(Phase::Working, None);
                    let step = self.step(&stop).await;
                    next = self.after(step);
                }
            }
        }
    }

    async fn obey(&mut self, order: Order, next: Option<Instant>) -> Option<Instant> {
        let next = match order {
            Order::Run => {
                // A run that is under way goes on to the present end.
                if self.progress.run_to.is_some()
                    && let Ok(end) = self.end().await
                {
                    self.progress.run_to = Some(end);
                    self.is_unkept = true;
                }
                self.phase(Phase::Working, None);
                Some(Instant::now())
            }
            Order::Reset(place) => {
                self.reset(place).await;
                next
            }
        };
        self.target.change(|state| state.orders += 1);
        next
    }

    async fn reset(&mut self, place: Place) {
        // Without its end, nobody knows what is in the log.
        let end = match self.end().await {
            Ok(end) => end,
            Err(error) => {
                let reason = format!("cannot read the log, so the target was not reset: {error}");
                warn!(forward.name = self.name(), reason);
                self.target.change(|state| state.last_error = Some(reason));
                return;
            }
        };
        self.progress.place = place.min(Place::after(end));
        self.progress.part = None;
        self.progress.run_to = None;
        self.is_unkept = true;
        self.keep().await.ok();
        info!(
            forward.name = self.name(),
            position = self.progress.place.done().get(),
            "the target was reset"
        );
    }

    /// When the next step is due.
    fn after(&mut self, step: Step) -> Option<Instant> {
        let now = Instant::now();
        match step {
            Step::More => Some(now),
            Step::Done => {
                self.rows_max = self.configured_rows();
                let every = self.target.config.every;
                let next = (!every.is_zero()).then(|| now + every);
                self.phase(Phase::Idle, next);
                next
            }
            Step::Working => {
                let next = Some(now + JOB_PAUSE.min(self.target.config.retry_min));
                self.phase(Phase::Waiting, next);
                next
            }
            Step::Failed(reason, asked) => {
                let next = Some(now + self.failed(&reason, asked));
                self.phase(Phase::Waiting, next);
                next
            }
            Step::Stopped(reason) => {
                let reason = self.without_key(&reason);
                warn!(
                    forward.name = self.name(),
                    reason,
                    "nothing is forwarded until the configuration changes, or until somebody asks for a run"
                );
                self.target.change(|state| {
                    state.failures = state.failures.saturating_add(1);
                    state.last_error = Some(reason);
                });
                self.phase(Phase::Stopped, None);
                None
            }
            Step::Interrupted => None,
        }
    }

    /// Makes a part if there is none, and tries to send it.
    async fn step(&mut self, stop: &CancellationToken) -> Step {
        if let Err(error) = self.keep().await {
            return Step::Failed(format!("cannot write the progress: {error}"), None);
        }
        let result = match &self.progress.part {
            None => self.make_part(stop).await,
            Some(part) => self.try_part(part.clone()).await,
        };
        let step = result.unwrap_or_else(|error| Step::Failed(error.to_string(), None));
        if let Err(error) = self.keep().await {
            return Step::Failed(format!("cannot write the progress: {error}"), None);
        }
        step
    }

    /// Notes a failure, and returns the pause before the next attempt.
    fn failed(&self, reason: &str, asked: Option<Duration>) -> Duration {
        let reason = self.without_key(reason);
        let failures = self.target.state.borrow().failures.saturating_add(1);
        let config = &self.target.config;
        let retry = Retry {
            min: config.retry_min,
            max: config.retry_max,
        };
        // Without randomness, all targets wait the shortest time.
        let random = getrandom::u32().unwrap_or_default();
        let delay = retry.delay(failures, random, asked);
        let (name, delay_ms) = (self.name(), delay.as_millis());
        if failures == 1 {
            warn!(
                forward.name = name,
                reason,
                retry.delay_ms = delay_ms,
                "an attempt to forward failed"
            );
        } else {
            debug!(
                forward.name = name,
                reason,
                retry.delay_ms = delay_ms,
                "an attempt to forward failed"
            );
        }
        self.target.change(|state| {
            state.failures = failures;
            state.last_error = Some(reason);
        });
        delay
    }

    fn phase(&self, phase: Phase, next: Option<Instant>) {
        let pause = next.map(|next| next.saturating_duration_since(Instant::now()));
        let next_try = pause.and_then(|pause| SystemTime::now().checked_add(pause));
        self.target.change(|state| {
            state.phase = phase;
            state.next_try = next_try.filter(|_| phase != Phase::Working);
        });
    }

    fn show(&self) {
        self.target
            .change(|state| state.progress.clone_from(&self.progress));
    }

    /// Writes the progress if it has changed. A dry run leaves the data directory as it is.
    pub(super) async fn keep(&mut self) -> io::Result<()> {
        if !self.is_unkept {
            return Ok(());
        }
        if !self.target.is_dry_run() {
            let (desk, target) = (Arc::clone(&self.desk), Arc::clone(&self.target));
            let progress = self.progress.clone();
            blocking(move || {
                let name = &target.config.name;
                let part = progress.part.as_ref().map(|part| part.id);
                desk.cursors.set(name, progress)?;
                desk.store.tidy(name, part)
            })
            .await?;
        }
        self.is_unkept = false;
        self.show();
        Ok(())
    }

    pub(super) async fn end(&self) -> io::Result<LogPosition> {
        let desk = Arc::clone(&self.desk);
        blocking(move || desk.log.history.end().map_err(io::Error::other)).await
    }

    fn configured_rows(&self) -> u64 {
        let rows_max = u64::try_from(self.target.config.rows_max).unwrap_or(u64::MAX);
        rows_max.min(self.service.rows_max())
    }

    pub(super) fn without_key(&self, text: &str) -> String {
        self.secrets.hide_in(text)
    }

    pub(super) fn name(&self) -> &str {
        &self.target.config.name
    }
}

/// A short text that changes with each setting that decides what is in a part, or who gets it.
fn made_for(config: &Forward, privacy: &Policy) -> String {
    let Forward {
        kind,
        sources,
        imported,
        unknown_security,
        ..
    } = config;
    let rules = privacy.fingerprint();
    let all = format!(
        "{kind:?} {} {sources:?} {imported} {unknown_security:?} {rules}",
        config.base()
    );
    Hex(Sha256::digest(all).as_slice()).to_string()
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
