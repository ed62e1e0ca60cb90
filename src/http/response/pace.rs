//! Answers that are made while they are sent, in turns with the others.
//!
//! A compressed answer may be made as a whole before it fills the connection, however large it was, and nothing
//! else would be served by that thread meanwhile.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep};

/// How many pieces are made before others have their turn.
const PIECES_PER_SLICE: u8 = 4;

/// After how much work large answers look whether reports come in.
const WORK_MAX: Duration = Duration::from_millis(4);
/// Reports are assumed to come in until this long after the last commit.
const INGEST_EXPECTED: Duration = Duration::from_millis(100);
/// Rest for each unit of work while reports come in, on one processor. Two processors need half of it, and so on:
/// large answers together get a fifth of one processor, a third of two, and half of four.
const REST_PER_WORK: u32 = 4;

/// Shares processor time between large answers, and between them and reports.
#[derive(Clone, Debug)]
pub(in crate::http) struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How often reports were put on disk.
    commits: Arc<AtomicU64>,
    /// One permit for each answer that may be worked on at the same time.
    turns: Arc<Semaphore>,
    rest: Mutex<Rest>,
    processors: u32,
}

/// When large answers may be worked on again.
#[derive(Debug, Default)]
struct Rest {
    commits_before: u64,
    ingest_expected_until: Option<Instant>,
    /// Work since the last look at `commits`.
    worked: Duration,
    until: Option<Instant>,
}

impl Rest {
    fn count(&mut self, work: Duration, commits: u64, processors: u32, now: Instant) {
        self.worked += work;
        if self.worked < WORK_MAX {
            return;
        }
        let worked = std::mem::take(&mut self.worked);
        if std::mem::replace(&mut self.commits_before, commits) != commits {
            self.ingest_expected_until = Some(now + INGEST_EXPECTED);
        }
        if self.ingest_expected_until.is_some_and(|until| now < until) {
            let from = self.until.map_or(now, |until| until.max(now));
            self.until = Some(from + worked * REST_PER_WORK / processors.max(1));
        }
    }
}

impl Pace {
    /// `at_once_max` answers are worked on at the same time.
    pub(in crate::http) fn new(commits: Arc<AtomicU64>, at_once_max: usize) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self(Arc::new(Shared {
            rest: Mutex::new(Rest {
                commits_before: commits.load(Ordering::Relaxed),
                ..Rest::default()
            }),
            commits,
            turns: Arc::new(Semaphore::new(at_once_max)),
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
        }))
    }

    /// For one answer.
    pub(in crate::http) fn of_one_answer(&self) -> YieldToIngest {
        YieldToIngest {
            shared: Arc::clone(&self.0),
            turn: Turn::None,
        }
    }
}

impl Shared {
    fn rest(&self) -> Option<Pin<Box<Sleep>>> {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let left = rest.until?.checked_duration_since(Instant::now())?;
        Some(Box::pin(sleep(left)))
    }
}

/// Makes a large answer take turns with others, and rest while reports come in: they need the processors more.
pub(in crate::http) struct YieldToIngest {
    shared: Arc<Shared>,
    turn: Turn,
}

enum Turn {
    None,
    Queued(Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>),
    Resting(OwnedSemaphorePermit, Pin<Box<Sleep>>),
    Here { _permit: OwnedSemaphorePermit },
}

impl fmt::Debug for YieldToIngest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YieldToIngest").finish_non_exhaustive()
    }
}

impl YieldToIngest {
    /// Pending while others go first. When it is ready, work may be done until it is counted.
    pub(in crate::http) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.turn {
                Turn::Here { .. } => return Poll::Ready(()),
                Turn::None => {
                    let turns = Arc::clone(&self.shared.turns);
                    self.turn = match Arc::clone(&turns).try_acquire_owned() {
                        Ok(permit) => self.rested(permit),
                        Err(_) => {
                            Turn::Queued(Box::pin(async move { turns.acquire_owned().await.ok() }))
                        }
                    };
                }
                Turn::Queued(queued) => match ready!(queued.as_mut().poll(context)) {
                    Some(permit) => self.turn = self.rested(permit),
                    // The semaphore is never closed.
                    None => self.turn = Turn::None,
                },
                Turn::Resting(_, rest) => {
                    ready!(rest.as_mut().poll(context));
                    if let Turn::Resting(permit, _) = std::mem::replace(&mut self.turn, Turn::None)
                    {
                        self.turn = Turn::Here { _permit: permit };
                    }
                }
            }
        }
    }

    /// Waits until work may be done.
    pub(in crate::http) async fn wait(&mut self) {
        poll_fn(|context| self.poll(context)).await;
    }

    /// So much work was done, and the next one has its turn.
    pub(in crate::http) fn count(&mut self, work: Duration) {
        let Shared {
            rest,
            commits,
            processors,
            ..
        } = &*self.shared;
        let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
        let commits = commits.load(Ordering::Relaxed);
        rest.count(work, commits, *processors, Instant::now());
        drop(rest);
        self.turn = Turn::None;
    }

    fn rested(&self, permit: OwnedSemaphorePermit) -> Turn {
        match self.shared.rest() {
            Some(rest) => Turn::Resting(permit, rest),
            None => Turn::Here { _permit: permit },
        }
    }
}

/// Counts pieces to a slice.
#[derive(Debug, Default)]
pub(in crate::http) struct WorkSlice(u8);

impl WorkSlice {
    /// Pending when the slice is over, once: the task is woken when the runtime has looked at the sockets.
    pub(in crate::http) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == PIECES_PER_SLICE {
            self.0 = 0;
            ready!(pin!(yield_now()).poll(context));
        }
        self.0 += 1;
        Poll::Ready(())
    }
}

struct Paced {
    body: Body,
    slice: WorkSlice,
}

/// Paces what is not in memory as a whole.
pub(in crate::http) fn pace<B>(response: Response<B>) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    response.map(|body| {
        if body.size_hint().exact().is_some() {
            return Body::new(body);
        }
        let (body, slice) = (Body::new(body), WorkSlice::default());
        Body::new(Paced { body, slice })
    })
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        ready!(self.slice.poll(context));
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn work_beside_reports_is_followed_by_rest_and_other_work_is_not() {
        let (mut rest, start) = (Rest::default(), Instant::now());
        rest.count(WORK_MAX, 0, 2, start);
        assert_eq!(rest.until, None, "no reports came");
        rest.count(WORK_MAX / 2, 1, 2, start);
        assert_eq!(rest.until, None, "it did little since");
        rest.count(WORK_MAX / 2, 1, 2, start);
        assert_eq!(rest.until, Some(start + 2 * WORK_MAX));
        // What two do at the same time is rested for one after the other, also between two commits.
        rest.count(WORK_MAX, 1, 2, start + WORK_MAX);
        assert_eq!(rest.until, Some(start + 4 * WORK_MAX));
        let later = start + INGEST_EXPECTED;
        rest.count(WORK_MAX, 1, 2, later);
        assert_eq!(
            rest.until,
            Some(start + 4 * WORK_MAX),
            "no more reports came"
        );
        rest.count(WORK_MAX, 2, 4, later);
        assert_eq!(rest.until, Some(later + WORK_MAX));
    }

    #[tokio::test]
    async fn answers_take_turns() {
        let pace = Pace::new(Arc::default(), 1);
        let is_held = |answer: &mut YieldToIngest| {
            answer
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        };
        let (mut one, mut other) = (pace.of_one_answer(), pace.of_one_answer());
        assert!(!is_held(&mut one));
        assert!(is_held(&mut other));
        one.count(Duration::ZERO);
        assert!(!is_held(&mut other));
        // The other one goes first.
        assert!(is_held(&mut one));
        drop(other);
        assert!(!is_held(&mut one));
    }
}
