//! Lists that are made while they are sent: never more than a piece is in memory, and reports go first.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::etag::TAGGED_BYTES_MAX;
use super::heavy::ReadPlace;
use super::pace::{WorkSlice, YieldToIngest};
use crate::report::DeviceId;
use crate::tracker::{Device, Tracker, Walk};
use crate::views::list::ListWriter;

/// Items that are copied out at a time.
const ITEMS_PER_COPY: usize = 16;
/// Longest time one poll looks for items that are wanted before it yields.
const LOOKING_MAX: Duration = Duration::from_millis(1);
/// Least size of a piece, except the last.
const PIECE_BYTES_MIN: usize = 32 * 1024;

/// Where the items of a list come from.
pub(in crate::http) trait Supply {
    type Item;

    /// The next few items. `None` is the end. No items are not the end: the search found none so far.
    fn next(&mut self) -> Option<Vec<Self::Item>>;
}

/// The devices of a walk that `wanted` wants, as the tracker has them.
pub(in crate::http) struct Walked<F> {
    pub(in crate::http) tracker: Arc<Tracker>,
    pub(in crate::http) walk: Walk,
    pub(in crate::http) wanted: F,
}

impl<F: Fn(&Device) -> bool> Supply for Walked<F> {
    type Item = Device;

    fn next(&mut self) -> Option<Vec<Device>> {
        self.tracker
            .next_devices(&mut self.walk, ITEMS_PER_COPY, &self.wanted)
    }
}

/// The devices with these ids. A device that has been evicted in the meantime is left out.
pub(in crate::http) struct Listed<I> {
    pub(in crate::http) tracker: Arc<Tracker>,
    pub(in crate::http) ids: I,
}

impl<I: Iterator<Item = DeviceId>> Supply for Listed<I> {
    type Item = Device;

    fn next(&mut self) -> Option<Vec<Device>> {
        let mut ids = self.ids.by_ref().take(ITEMS_PER_COPY).peekable();
        ids.peek()?;
        Some(ids.filter_map(|id| self.tracker.device(id)).collect())
    }
}

/// Items that are in memory already.
pub(in crate::http) struct InMemory<I>(pub(in crate::http) I);

impl<I: Iterator> Supply for InMemory<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<Vec<I::Item>> {
        let items: Vec<_> = self.0.by_ref().take(ITEMS_PER_COPY).collect();
        (!items.is_empty()).then_some(items)
    }
}

/// A list, made piece by piece.
pub(in crate::http) struct ListStream<S, W> {
    supply: S,
    writer: W,
    content_type: &'static str,
    /// Pieces that were made before the answer began.
    made: VecDeque<Bytes>,
    is_empty: bool,
    progress: Progress,
    slice: WorkSlice,
    yield_to_ingest: YieldToIngest,
    place_until_begun: Option<ReadPlace>,
    place_until_done: Option<ReadPlace>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Start,
    Middle,
    Done,
}

impl<S, W> ListStream<S, W>
where
    S: Supply + Unpin + Send + 'static,
    W: ListWriter<S::Item> + Unpin + Send + 'static,
{
    pub(in crate::http) fn new(
        supply: S,
        writer: W,
        content_type: &'static str,
        yield_to_ingest: YieldToIngest,
    ) -> Self {
        Self {
            supply,
            writer,
            content_type,
            made: VecDeque::new(),
            is_empty: true,
            progress: Progress::Start,
            slice: WorkSlice::default(),
            yield_to_ingest,
            place_until_begun: None,
            place_until_done: None,
        }
    }

    /// Keeps a place until the first piece is made.
    pub(in crate::http) fn beginning_in(mut self, place: ReadPlace) -> Self {
        self.place_until_begun = Some(place);
        self
    }

    /// Keeps a place until the list is sent.
    pub(in crate::http) fn staying_in(mut self, place: Option<ReadPlace>) -> Self {
        self.place_until_done = place;
        self
    }

    /// Answers in one piece if the list is small enough for a tag, so that a client that has it already is not sent it
    /// again. A larger list is made while it is sent.
    pub(in crate::http) async fn whole_if_small(mut self) -> Response {
        let mut size = 0;
        loop {
            let Some(piece) = poll_fn(|context| self.poll_piece(context)).await else {
                let pieces: Vec<_> = self.made.into();
                let body = match <[Bytes; 1]>::try_from(pieces) {
                    Ok([piece]) => piece,
                    Err(pieces) => pieces.concat().into(),
                };
                return ([(header::CONTENT_TYPE, self.content_type)], body).into_response();
            };
            size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.made.push_back(piece);
            if TAGGED_BYTES_MAX < size {
                return self.into_response();
            }
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        ready!(self.yield_to_ingest.poll(context));
        // Else compression would take one piece after the other until it has something to send.
        ready!(self.slice.poll(context));
        let started = Instant::now();
        let piece = self.next_piece();
        self.yield_to_ingest.count(started.elapsed());
        if piece.as_ref().is_some_and(Vec::is_empty) {
            // Nothing was found yet.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        drop(self.place_until_begun.take());
        if piece.is_none() {
            drop(self.place_until_done.take());
        }
        Poll::Ready(piece.map(Bytes::from))
    }

    fn next_piece(&mut self) -> Option<Vec<u8>> {
        let started = Instant::now();
        let mut piece = Vec::with_capacity(2 * PIECE_BYTES_MIN);
        match self.progress {
            Progress::Done => return None,
            Progress::Middle => {}
            Progress::Start => {
                self.writer.before(&mut piece);
                self.progress = Progress::Middle;
            }
        }
        while piece.len() < PIECE_BYTES_MIN && started.elapsed() < LOOKING_MAX {
            let Some(mut items) = self.supply.next() else {
                self.writer.after(&mut piece);
                self.progress = Progress::Done;
                break;
            };
            self.writer.prepare(&mut items);
            for item in items {
                if !self.writer.wants(&item) {
                    continue;
                }
                if !std::mem::replace(&mut self.is_empty, false) {
                    self.writer.between(&mut piece);
                }
                self.writer.item(&mut piece, &item);
            }
        }
        Some(self.writer.finish(piece))
    }
}

impl<S, W> HttpBody for ListStream<S, W>
where
    S: Supply + Unpin + Send + 'static,
    W: ListWriter<S::Item> + Unpin + Send + 'static,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let piece = match self.made.pop_front() {
            Some(piece) => Some(piece),
            None => ready!(self.poll_piece(context)),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}

impl<S, W> IntoResponse for ListStream<S, W>
where
    S: Supply + Unpin + Send + 'static,
    W: ListWriter<S::Item> + Unpin + Send + 'static,
{
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.content_type)], Body::new(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt;

    use super::*;
    use crate::http::response::pace::Pace;

    /// Writes each number as a line of `LINE_BYTES`.
    struct Lines;

    const LINE_BYTES: usize = 100;
    const FRAME: &[u8] = b"frame\n";

    impl ListWriter<usize> for Lines {
        fn before(&mut self, out: &mut Vec<u8>) {
            out.extend_from_slice(FRAME);
        }

        fn wants(&self, item: &usize) -> bool {
            item.is_multiple_of(2)
        }

        fn item(&mut self, out: &mut Vec<u8>, item: &usize) {
            out.extend_from_slice(format!("{item:0width$}\n", width = LINE_BYTES - 1).as_bytes());
        }

        fn after(&mut self, out: &mut Vec<u8>) {
            out.extend_from_slice(FRAME);
        }
    }

    fn expected(count: usize) -> Vec<u8> {
        let mut all = FRAME.to_vec();
        for item in (0..count).step_by(2) {
            Lines.item(&mut all, &item);
        }
        all.extend_from_slice(FRAME);
        all
    }

    /// A list of the even numbers below `count`, and how many numbers were taken from it.
    fn list(
        count: usize,
    ) -> (
        ListStream<InMemory<impl Iterator<Item = usize> + Unpin + Send + 'static>, Lines>,
        Arc<AtomicUsize>,
    ) {
        let taken = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&taken);
        let items = (0..count).inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let supply = InMemory(items);
        let pace = Pace::new(Arc::default(), 1).of_one_answer();
        (ListStream::new(supply, Lines, "text/plain", pace), taken)
    }

    #[tokio::test]
    async fn no_piece_is_made_before_it_is_asked_for_and_each_is_bounded() {
        const COUNT: usize = 100_000;
        const PIECE_BYTES_MAX: usize = PIECE_BYTES_MIN + (ITEMS_PER_COPY + 1) * LINE_BYTES;
        let (mut list, taken) = list(COUNT);
        let (mut all, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = list.frame().await {
            let piece = piece.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES_MAX, "{}", piece.len());
            all.extend_from_slice(&piece);
            pieces += 1;
            // Each second number is a line.
            let ahead = taken.load(Ordering::Relaxed) / 2 - all.len() / LINE_BYTES;
            assert!(
                ahead <= ITEMS_PER_COPY,
                "{ahead} lines are made and not sent"
            );
        }
        assert!(
            COUNT / 2 * LINE_BYTES / PIECE_BYTES_MAX < pieces,
            "{pieces}"
        );
        assert_eq!(all, expected(COUNT));
    }

    #[tokio::test]
    async fn what_is_small_is_answered_whole_and_what_is_large_in_pieces() {
        let tagged_max = usize::try_from(TAGGED_BYTES_MAX).unwrap();
        let fitting = (tagged_max - 2 * FRAME.len()) / LINE_BYTES;
        for (count, is_whole) in [
            (0, true),
            (2, true),
            (2 * fitting, true),
            (2 * fitting + 2, false),
            (4 * fitting, false),
        ] {
            let (list, taken) = list(count);
            let body = list.whole_if_small().await.into_body();
            let exact = body.size_hint().exact();
            assert_eq!(exact.is_some(), is_whole, "{count}");
            let ahead = taken.load(Ordering::Relaxed);
            assert!(
                ahead < 3 * fitting,
                "{ahead} of {count} before the answer began"
            );
            let all = body.collect().await.unwrap().to_bytes();
            assert_eq!(all, expected(count));
        }
    }
}
