//! Reads that take long: they look at many devices, or read through the log.
//!
//! All of them pass a [`ReadQueue`]: so many work, so many wait, and others are refused. Those that look at devices
//! also share processor time with reports, see [`Pace`].

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::pace::{Pace, YieldToIngest};
use crate::http::error::ApiError;
use crate::http::request::hang_up::HangUp;

/// How long a walk works before it gives way.
const SLICE: Duration = Duration::from_millis(1);

/// Bounds reads of one kind: how many work at the same time, and how many wait for that.
#[derive(Clone, Debug)]
pub(in crate::http) struct ReadQueue {
    working: Arc<Semaphore>,
    /// Those that work and those that wait.
    admitted: Arc<Semaphore>,
}

/// A place among the reads that work. Dropping it lets the next one in.
#[derive(Debug)]
pub(in crate::http) struct ReadPlace {
    _working: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
}

impl ReadQueue {
    pub(in crate::http) fn new(at_once_max: usize, waiting_max: usize) -> Self {
        Self {
            working: Arc::new(Semaphore::new(at_once_max)),
            admitted: Arc::new(Semaphore::new(at_once_max.saturating_add(waiting_max))),
        }
    }

    /// Waits for a place, in the order of arrival. Refuses if too many wait already.
    pub(in crate::http) async fn admit(&self, client: &HangUp) -> Result<ReadPlace, ApiError> {
        tokio::select! {
            biased;
            place = self.place() => place,
            () = client.happens() => Err(ApiError::ClientGone),
        }
    }

    async fn place(&self) -> Result<ReadPlace, ApiError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| ApiError::TooManyReads)?;
        let working = Arc::clone(&self.working).acquire_owned().await;
        Ok(ReadPlace {
            // The semaphore is never closed.
            _working: working.map_err(|_| ApiError::TooManyReads)?,
            _admitted: admitted,
        })
    }
}

/// Nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Abandoned;

/// Tells work on another thread whether its request is still there.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Interest(Arc<AtomicBool>);

/// Ends the interest when the request's future is dropped.
struct EndsInterest(Interest);

impl Interest {
    pub(in crate::http) fn is_lost(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for EndsInterest {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on a thread that may block, and keeps `place` until it has ended. The work is told when the client hangs
/// up, or when this future is dropped.
pub(in crate::http) async fn run<T: Send + 'static>(
    place: ReadPlace,
    client: &HangUp,
    work: impl FnOnce(&Interest) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let interest = Interest::default();
    let ends = EndsInterest(interest.clone());
    let work = spawn_blocking(move || {
        let done = work(&interest);
        drop(place);
        done
    });
    let done = tokio::select! {
        biased;
        done = work => done.map_err(|_| ApiError::Panicked),
        () = client.happens() => Err(ApiError::ClientGone),
    };
    drop(ends);
    done
}

/// The one way in for reads that look at many devices.
#[derive(Clone, Debug)]
pub(in crate::http) struct HeavyReads {
    walks: ReadQueue,
    /// For lists that are kept whole, as identities, until the client has read them. They have places of their own, so
    /// that a client that reads slowly keeps nobody else waiting.
    whole_lists: ReadQueue,
    pace: Pace,
}

impl HeavyReads {
    pub(in crate::http) fn new(at_once_max: usize, waiting_max: usize, pace: Pace) -> Self {
        Self {
            walks: ReadQueue::new(at_once_max, waiting_max),
            whole_lists: ReadQueue::new(at_once_max, waiting_max),
            pace,
        }
    }

    fn for_client(self, client: HangUp) -> Walks {
        Walks {
            reads: self,
            client,
        }
    }
}

/// The heavy reads of one request.
#[derive(Clone, Debug)]
pub(in crate::http) struct Walks {
    reads: HeavyReads,
    client: HangUp,
}

impl<S> FromRequestParts<S> for Walks
where
    HeavyReads: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let client = HangUp::from_request_parts(parts, state).await?;
        Ok(HeavyReads::from_ref(state).for_client(client))
    }
}

impl Walks {
    /// Waits for a place. For lists that are made while they are sent: they keep it until their first piece.
    pub(in crate::http) async fn admit(&self) -> Result<ReadPlace, ApiError> {
        self.reads.walks.admit(&self.client).await
    }

    /// Waits for a place for a list that is kept whole until it is sent, if it is one.
    pub(in crate::http) async fn admit_whole_list(
        &self,
        is_whole: bool,
    ) -> Result<Option<ReadPlace>, ApiError> {
        if !is_whole {
            return Ok(None);
        }
        self.reads.whole_lists.admit(&self.client).await.map(Some)
    }

    /// Waits for a place, and walks over devices on a thread that may block.
    pub(in crate::http) async fn walk<T: Send + 'static>(
        &self,
        walk: impl FnOnce(&mut Paced) -> Result<T, Abandoned> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.admit().await?;
        let turns = self.reads.pace.of_one_answer();
        let done = run(place, &self.client, move |interest| {
            let mut paced = Paced {
                turns,
                interest: interest.clone(),
                runtime: Handle::current(),
                started: None,
            };
            paced.pause()?;
            walk(&mut paced)
        });
        done.await?.map_err(|Abandoned| ApiError::ClientGone)
    }
}

/// The progress of a walk. It takes turns with other reads, and gives way to reports.
pub(in crate::http) struct Paced {
    turns: YieldToIngest,
    interest: Interest,
    runtime: Handle,
    /// Start of the present slice.
    started: Option<Instant>,
}

impl Paced {
    /// To be called often, and without a lock: gives way when it is time to.
    pub(in crate::http) fn pause(&mut self) -> Result<(), Abandoned> {
        if let Some(started) = self.started {
            let worked = started.elapsed();
            if worked < SLICE {
                return Ok(());
            }
            self.turns.count(worked);
        }
        if self.interest.is_lost() {
            return Err(Abandoned);
        }
        self.runtime.block_on(self.turns.wait());
        self.started = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;

    fn is_refused(place: &Result<ReadPlace, ApiError>) -> bool {
        matches!(place, Err(ApiError::TooManyReads))
    }

    #[tokio::test]
    async fn so_many_work_so_many_wait_and_one_more_is_refused() {
        let queue = ReadQueue::new(2, 1);
        let first = queue.place().await.unwrap();
        let _second = queue.place().await.unwrap();
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.place().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(is_refused(&queue.place().await));
        drop(first);
        let third = waiting.await.unwrap().unwrap();
        // Both places are taken again, and one may wait.
        assert_eq!(queue.admitted.available_permits(), 1);
        drop(third);
        assert_eq!(queue.admitted.available_permits(), 2);
        queue.place().await.unwrap();
    }

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_the_queue() {
        let queue = ReadQueue::new(1, 1);
        let _working = queue.place().await.unwrap();
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.place().await }
        });
        tokio::task::yield_now().await;
        assert!(is_refused(&queue.place().await));
        waiting.abort();
        waiting.await.unwrap_err();
        assert_eq!(queue.admitted.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_walk_ends_when_its_request_is_dropped() {
        let reads = HeavyReads::new(1, 1, Pace::new(Arc::default(), 1));
        let reads = reads.for_client(HangUp::default());
        let (began, begins) = mpsc::sync_channel(1);
        let endless = tokio::spawn({
            let reads = reads.clone();
            async move {
                let walk = move |paced: &mut Paced| -> Result<(), Abandoned> {
                    began.send(()).ok();
                    loop {
                        paced.pause()?;
                    }
                };
                reads.walk(walk).await
            }
        });
        tokio::task::spawn_blocking(move || begins.recv())
            .await
            .unwrap()
            .unwrap();
        endless.abort();
        // Would wait for ever.
        reads.walk(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_walk_ends_when_its_client_hangs_up() {
        let client = HangUp::of_connection();
        let reads = HeavyReads::new(1, 1, Pace::new(Arc::default(), 1));
        let reads = reads.for_client(client.clone());
        let (began, begins) = oneshot::channel();
        let endless = reads.walk(move |paced| -> Result<(), Abandoned> {
            began.send(()).ok();
            loop {
                paced.pause()?;
            }
        });
        let hung_up = async {
            begins.await.unwrap();
            client.set();
        };
        let (done, ()) = tokio::join!(endless, hung_up);
        assert!(matches!(done, Err(ApiError::ClientGone)));
        let next = HeavyReads::for_client(reads.reads.clone(), HangUp::default());
        next.walk(|_| Ok(())).await.unwrap();
    }
}
