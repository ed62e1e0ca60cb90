//! Keeps the index by place current in the background, so that no request for a tile pays for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::http::error::ApiError;
use crate::http::response::heavy;
use crate::http::response::pace::Pace;
use crate::ingest::Ingest;
use crate::tracker::Tracker;

/// Least time between two rounds.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest time between two rounds while reports come in.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Pause for each unit of a round while reports come in: they need the processors more.
const PAUSE_PER_ROUND: u32 = 10;
/// How long a request waits for the first index after a start.
const PATIENCE: Duration = Duration::from_secs(5);

/// The follower of all changes of places. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::http) struct TileIndex(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tracker: Arc<Tracker>,
    ingest: Ingest,
    pace: Pace,
    is_built: watch::Sender<bool>,
    /// A request waits for the first index.
    wanted: Notify,
}

impl TileIndex {
    pub(in crate::http) fn new(tracker: Arc<Tracker>, ingest: Ingest, pace: Pace) -> Self {
        Self(Arc::new(Shared {
            tracker,
            ingest,
            pace,
            is_built: watch::Sender::new(false),
            wanted: Notify::new(),
        }))
    }

    /// Waits a while until there is an index.
    pub(super) async fn is_built(&self) -> Result<(), ApiError> {
        self.is_built_within(PATIENCE).await
    }

    async fn is_built_within(&self, patience: Duration) -> Result<(), ApiError> {
        let mut is_built = self.0.is_built.subscribe();
        if *is_built.borrow_and_update() {
            return Ok(());
        }
        self.0.wanted.notify_one();
        let built = timeout(patience, is_built.wait_for(|is_built| *is_built)).await;
        match built {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ApiError::NoTilesYet),
        }
    }

    /// Builds the index once the log has been read, and follows the changes. Does not end.
    pub(in crate::http) async fn follow(&self) {
        let shared = &*self.0;
        loop {
            let started = Instant::now();
            if shared.ingest.is_ready() {
                shared.bring_up_to_date().await;
            }
            if *shared.is_built.borrow() {
                shared.rest(started.elapsed()).await;
            } else {
                // A request may have come before the log had been read.
                timeout(PAUSE_MIN, shared.wanted.notified()).await.ok();
            }
        }
    }
}

impl Shared {
    async fn bring_up_to_date(&self) {
        let tracker = Arc::clone(&self.tracker);
        let round = heavy::in_background(&self.pace, move |paced| {
            tracker.follow_places(|| paced.pause())
        });
        round.await;
        if self.tracker.places_as_of().is_some() {
            self.is_built.send_replace(true);
        }
    }

    /// Waits until the next round. Without reports it comes soon, so that the index has all of a burst after it.
    async fn rest(&self, round: Duration) {
        let pause = (round * PAUSE_PER_ROUND).clamp(PAUSE_MIN, PAUSE_MAX);
        let until = Instant::now() + pause;
        loop {
            let commits = self.ingest.commits();
            sleep(PAUSE_MIN).await;
            if until <= Instant::now() || commits == self.ingest.commits() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::alerts::AlertKeeper;
    use crate::config::alerts::Alerts;
    use crate::events::Events;
    use crate::fold::ResendWindow;
    use crate::ingest::{self, Stores, WriterBounds};
    use crate::log::Log;
    use crate::report::ReceivedAt;
    use crate::tracker::Bounds;

    #[tokio::test]
    async fn tiles_are_refused_until_the_first_index_is_built() {
        let tracker = Arc::new(Tracker::new(Bounds::FOR_TESTS));
        let (ready, is_ready) = oneshot::channel();
        let alerts = AlertKeeper::open(None, &Alerts::default(), uuid::Uuid::nil()).unwrap();
        let stores = Stores {
            log: Log::in_memory(usize::MAX),
            snapshots: None,
            accepts_loss: false,
            alerts,
        };
        let bounds = WriterBounds {
            queue_batches_max: 1,
            window: ResendWindow {
                batches_max: 1,
                age_max: Duration::ZERO,
            },
        };
        let (ingest, _) = ingest::start(
            stores,
            Arc::clone(&tracker),
            Events::new(1),
            ReceivedAt::from_micros(1),
            bounds,
            move |_, _| ready.send(()).unwrap(),
        )
        .unwrap();
        is_ready.await.unwrap();
        let index = TileIndex::new(tracker, ingest, Pace::new(Arc::default(), 1));
        let refused = index.is_built_within(Duration::ZERO).await;
        assert!(matches!(refused, Err(ApiError::NoTilesYet)), "{refused:?}");
        let follower = index.clone();
        let follower = tokio::spawn(async move { follower.follow().await });
        index.is_built_within(Duration::MAX).await.unwrap();
        index.is_built_within(Duration::ZERO).await.unwrap();
        follower.abort();
    }
}
