//! Reads that take long: they look at many devices, or read through the log.
//!
//! All of them pass a [`ReadQueue`]: so many work, so many wait, and others are refused. One client has a share of it
//! only. Those that look at devices also share processor time with reports, see [`Pace`].

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::pace::{Pace, YieldToIngest};
use crate::http::error::ApiError;
use crate::http::request::hang_up::HangUp;
use crate::http::request::sender::Sender;

/// How long a walk works before it gives way.
const SLICE: Duration = Duration::from_millis(1);
/// So much of work that cannot be interrupted is counted: after a long read, others do not wait for seconds.
const COUNTED_MAX: Duration = Duration::from_millis(250);
/// The share of one client if the configuration does not say how much: one in so many.
const SHARE: usize = 4;

/// How many reads of one kind there may be.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "a limit is named as one")]
pub(in crate::http) struct ReadLimits {
    /// Work at the same time.
    pub(in crate::http) at_once_max: usize,
    /// Wait for that.
    pub(in crate::http) waiting_max: usize,
    /// Work or wait for one client. 0 stands for a quarter of both together.
    pub(in crate::http) per_client_max: usize,
}

/// Bounds reads of one kind: how many work at the same time, how many wait for that, and how many of these are for one
/// client.
#[derive(Clone, Debug)]
pub(in crate::http) struct ReadQueue {
    working: Arc<Semaphore>,
    /// Those that work and those that wait.
    admitted: Arc<Semaphore>,
    by_client: Arc<Mutex<HashMap<Sender, usize>>>,
    per_client_max: usize,
    refused: Arc<AtomicU64>,
}

/// A place among the reads that work. Dropping it lets the next one in.
#[derive(Debug)]
pub(in crate::http) struct ReadPlace {
    _working: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
    _share: Share,
}

/// Counts for a client until it is dropped.
#[derive(Debug)]
struct Share {
    by_client: Arc<Mutex<HashMap<Sender, usize>>>,
    client: Sender,
}

/// Who asks for a read.
#[derive(Clone, Debug)]
pub(in crate::http) struct Reader {
    /// A key or a login, else an address. Behind a configured proxy it is that of the proxy's client.
    pub(in crate::http) client: Sender,
    pub(in crate::http) hang_up: HangUp,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            client: Sender::of(&parts.extensions),
            hang_up: HangUp::from_request_parts(parts, state).await?,
        })
    }
}

impl ReadQueue {
    /// Counts the reads that it refuses in `refused`.
    pub(in crate::http) fn new(limits: ReadLimits, refused: &Arc<AtomicU64>) -> Self {
        let admitted_max = limits.at_once_max.saturating_add(limits.waiting_max);
        Self {
            working: Arc::new(Semaphore::new(limits.at_once_max)),
            admitted: Arc::new(Semaphore::new(admitted_max)),
            by_client: Arc::default(),
            per_client_max: match limits.per_client_max {
                0 => (admitted_max / SHARE).max(1),
                max => max,
            },
            refused: Arc::clone(refused),
        }
    }

    /// Waits for a place, in the order of arrival. Refuses if too many wait already, or too many of the client.
    pub(in crate::http) async fn admit(&self, reader: &Reader) -> Result<ReadPlace, ApiError> {
        tokio::select! {
            biased;
            place = self.place(&reader.client) => place,
            () = reader.hang_up.happens() => Err(ApiError::ClientGone),
        }
    }

    async fn place(&self, client: &Sender) -> Result<ReadPlace, ApiError> {
        let (admitted, share) = self.queue(client).inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        let working = Arc::clone(&self.working).acquire_owned().await;
        Ok(ReadPlace {
            // The semaphore is never closed.
            _working: working.map_err(|_| ApiError::TooManyReads)?,
            _admitted: admitted,
            _share: share,
        })
    }

    fn queue(&self, client: &Sender) -> Result<(OwnedSemaphorePermit, Share), ApiError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| ApiError::TooManyReads)?;
        let mut by_client = lock(&self.by_client);
        let of_client = by_client.entry(client.clone()).or_default();
        if self.per_client_max <= *of_client {
            return Err(ApiError::TooManyReadsOfClient);
        }
        *of_client += 1;
        drop(by_client);
        let share = Share {
            by_client: Arc::clone(&self.by_client),
            client: client.clone(),
        };
        Ok((admitted, share))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut by_client = lock(&self.by_client);
        if let Some(of_client) = by_client.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

fn lock(by_client: &Mutex<HashMap<Sender, usize>>) -> MutexGuard<'_, HashMap<Sender, usize>> {
    by_client.lock().unwrap_or_else(PoisonError::into_inner)
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
    reader: &Reader,
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
        () = reader.hang_up.happens() => Err(ApiError::ClientGone),
    };
    drop(ends);
    done
}

/// The same for work that cannot be interrupted to give way to reports: it waits for its turn, and after it others rest.
pub(in crate::http) async fn run_in_turn<T: Send + 'static>(
    place: ReadPlace,
    reader: &Reader,
    pace: &Pace,
    work: impl FnOnce(&Interest) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let mut turn = pace.of_one_answer();
    tokio::select! {
        biased;
        () = turn.wait() => {}
        () = reader.hang_up.happens() => return Err(ApiError::ClientGone),
    }
    let work = move |interest: &Interest| {
        let started = Instant::now();
        let done = work(interest);
        turn.count(started.elapsed().min(COUNTED_MAX));
        done
    };
    run(place, reader, work).await
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
    pub(in crate::http) fn new(limits: ReadLimits, refused: &Arc<AtomicU64>, pace: Pace) -> Self {
        Self {
            walks: ReadQueue::new(limits, refused),
            whole_lists: ReadQueue::new(limits, refused),
            pace,
        }
    }

    fn for_reader(self, reader: Reader) -> Walks {
        Walks {
            reads: self,
            reader,
        }
    }
}

/// The heavy reads of one request.
#[derive(Clone, Debug)]
pub(in crate::http) struct Walks {
    reads: HeavyReads,
    reader: Reader,
}

impl<S> FromRequestParts<S> for Walks
where
    HeavyReads: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let reader = Reader::from_request_parts(parts, state).await?;
        Ok(HeavyReads::from_ref(state).for_reader(reader))
    }
}

/// Walks over devices for no request, until this future is dropped. It shares time with the walks of requests, and has no
/// place in their queue. `None` if it was given up.
pub(in crate::http) async fn in_background<T: Send + 'static>(
    pace: &Pace,
    walk: impl FnOnce(&mut Paced) -> Result<T, Abandoned> + Send + 'static,
) -> Option<T> {
    let interest = Interest::default();
    let mut paced = Paced::new(pace, interest.clone());
    let ends = EndsInterest(interest);
    let walked = spawn_blocking(move || {
        paced.pause()?;
        walk(&mut paced)
    });
    let walked = walked.await;
    drop(ends);
    walked.ok()?.ok()
}

impl Walks {
    /// Waits for a place. For lists that are made while they are sent: they keep it until their first piece.
    pub(in crate::http) async fn admit(&self) -> Result<ReadPlace, ApiError> {
        self.reads.walks.admit(&self.reader).await
    }

    /// Waits for a place for a list that is kept whole until it is sent, if it is one.
    pub(in crate::http) async fn admit_whole_list(
        &self,
        is_whole: bool,
    ) -> Result<Option<ReadPlace>, ApiError> {
        if !is_whole {
            return Ok(None);
        }
        self.reads.whole_lists.admit(&self.reader).await.map(Some)
    }

    /// Waits for a place, and walks over devices on a thread that may block.
    pub(in crate::http) async fn walk<T: Send + 'static>(
        &self,
        walk: impl FnOnce(&mut Paced) -> Result<T, Abandoned> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.admit().await?;
        let pace = self.reads.pace.clone();
        let done = run(place, &self.reader, move |interest| {
            let mut paced = Paced::new(&pace, interest.clone());
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
    fn new(pace: &Pace, interest: Interest) -> Self {
        Self {
            turns: pace.of_one_answer(),
            interest,
            runtime: Handle::current(),
            started: None,
        }
    }

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
pub(super) mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::auth::ClientNetwork;

    pub(crate) fn limits(at_once_max: usize, waiting_max: usize) -> ReadLimits {
        ReadLimits {
            at_once_max,
            waiting_max,
            per_client_max: usize::MAX,
        }
    }

    pub(crate) fn reader(last: u8) -> Reader {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        Reader {
            client: Sender::Unknown(ClientNetwork::of(address)),
            hang_up: HangUp::default(),
        }
    }

    fn is_refused(place: &Result<ReadPlace, ApiError>) -> bool {
        matches!(place, Err(ApiError::TooManyReads))
    }

    async fn place(queue: &ReadQueue) -> Result<ReadPlace, ApiError> {
        queue.admit(&reader(1)).await
    }

    #[tokio::test]
    async fn so_many_work_so_many_wait_and_one_more_is_refused() {
        let refused = Arc::default();
        let queue = ReadQueue::new(limits(2, 1), &refused);
        let first = place(&queue).await.unwrap();
        let _second = place(&queue).await.unwrap();
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { place(&queue).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(is_refused(&place(&queue).await));
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        drop(first);
        let third = waiting.await.unwrap().unwrap();
        // Both places are taken again, and one may wait.
        assert_eq!(queue.admitted.available_permits(), 1);
        drop(third);
        assert_eq!(queue.admitted.available_permits(), 2);
        place(&queue).await.unwrap();
    }

    #[tokio::test]
    async fn one_client_has_its_share_and_leaves_the_rest_to_others() {
        let refused = Arc::default();
        let quarter = ReadLimits {
            per_client_max: 0,
            ..limits(2, 6)
        };
        let queue = ReadQueue::new(quarter, &refused);
        let (one, other) = (reader(1), reader(2));
        let first = queue.admit(&one).await.unwrap();
        let second = queue.admit(&one).await.unwrap();
        let third = queue.admit(&one).await;
        assert!(matches!(third, Err(ApiError::TooManyReadsOfClient)));
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        drop(first);
        let of_other = queue.admit(&other).await.unwrap();
        drop(second);
        let again = queue.admit(&one).await.unwrap();
        drop((of_other, again));
        assert!(lock(&queue.by_client).is_empty());
        assert_eq!(queue.admitted.available_permits(), 8);
        // There is always one.
        let least = ReadLimits {
            per_client_max: 0,
            ..limits(1, 0)
        };
        place(&ReadQueue::new(least, &refused)).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_the_queue() {
        let queue = ReadQueue::new(limits(1, 1), &Arc::default());
        let _working = place(&queue).await.unwrap();
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { place(&queue).await }
        });
        tokio::task::yield_now().await;
        assert!(is_refused(&place(&queue).await));
        waiting.abort();
        waiting.await.unwrap_err();
        assert_eq!(queue.admitted.available_permits(), 1);
    }

    fn heavy_reads() -> HeavyReads {
        HeavyReads::new(limits(1, 1), &Arc::default(), Pace::new(Arc::default(), 1))
    }

    #[tokio::test]
    async fn a_walk_ends_when_its_request_is_dropped() {
        let reads = heavy_reads().for_reader(reader(1));
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
        let hang_up = HangUp::of_connection();
        let leaving = Reader {
            hang_up: hang_up.clone(),
            ..reader(1)
        };
        let reads = heavy_reads().for_reader(leaving);
        let (began, begins) = oneshot::channel();
        let endless = reads.walk(move |paced| -> Result<(), Abandoned> {
            began.send(()).ok();
            loop {
                paced.pause()?;
            }
        });
        let hung_up = async {
            begins.await.unwrap();
            hang_up.set();
        };
        let (done, ()) = tokio::join!(endless, hung_up);
        assert!(matches!(done, Err(ApiError::ClientGone)));
        let next = HeavyReads::for_reader(reads.reads.clone(), reader(1));
        next.walk(|_| Ok(())).await.unwrap();
    }
}
