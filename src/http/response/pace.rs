//! Answers that are made while they are sent, in turns with the others.
//!
//! A compressed answer may be made as a whole before it fills the connection, however large it was, and nothing
//! else would be served by that thread meanwhile.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep};

/// How many pieces are made before others have their turn.
const PIECES_PER_SLICE: u8 = 4;

/// After how much work an answer gives way to reports, if any came meanwhile.
const WORK_MAX: Duration = Duration::from_millis(4);
/// For how long: so that it has a third of a processor at the most.
const REST: Duration = Duration::from_millis(8);

/// Makes those who make a large answer rest while reports come in: they wait for a processor, and the answer can wait.
#[derive(Debug)]
pub(in crate::http) struct YieldToIngest {
    /// How often reports were put on disk, now and when it was looked at last.
    commits: Arc<AtomicU64>,
    commits_before: u64,
    worked: Duration,
    rest: Option<Pin<Box<Sleep>>>,
}

impl YieldToIngest {
    pub(in crate::http) fn to(commits: Arc<AtomicU64>) -> Self {
        Self {
            commits_before: commits.load(Ordering::Relaxed),
            commits,
            worked: Duration::ZERO,
            rest: None,
        }
    }

    /// Pending while others go first.
    pub(in crate::http) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if WORK_MAX <= self.worked {
            self.worked = Duration::ZERO;
            let now = self.commits.load(Ordering::Relaxed);
            let before = std::mem::replace(&mut self.commits_before, now);
            self.rest = (before != now).then(|| Box::pin(sleep(REST)));
        }
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(context));
            self.rest = None;
        }
        Poll::Ready(())
    }

    /// So much work was done.
    pub(in crate::http) fn count(&mut self, work: Duration) {
        self.worked += work;
    }
}

/// How often reports were put on disk: by this, answers see whether they should make room for reports.
#[derive(Clone, Debug)]
pub(in crate::http) struct Pace(pub(in crate::http) Arc<AtomicU64>);

impl Pace {
    /// For one answer.
    pub(in crate::http) fn of_one_answer(&self) -> YieldToIngest {
        YieldToIngest::to(Arc::clone(&self.0))
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
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn a_large_answer_gives_way_to_reports_and_to_nothing_else() {
        let commits = Arc::<AtomicU64>::default();
        let mut yield_to_ingest = YieldToIngest::to(Arc::clone(&commits));
        let is_held = |yield_to_ingest: &mut YieldToIngest| {
            yield_to_ingest
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        };
        yield_to_ingest.count(WORK_MAX);
        assert!(!is_held(&mut yield_to_ingest), "no reports came");
        commits.fetch_add(1, Ordering::Relaxed);
        assert!(!is_held(&mut yield_to_ingest), "it did little since");
        yield_to_ingest.count(WORK_MAX);
        assert!(is_held(&mut yield_to_ingest));
        poll_fn(|context| yield_to_ingest.poll(context)).await;
        yield_to_ingest.count(WORK_MAX);
        assert!(!is_held(&mut yield_to_ingest), "no more reports came");
    }
}
