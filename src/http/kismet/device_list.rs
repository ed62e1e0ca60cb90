//! A list of devices, written piece by piece: never more than a piece is in memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::command::{Arrangement, Brackets, Format, Shape};
use super::records::Records;
use crate::http::response::pace::{WorkSlice, YieldToIngest};
use crate::report::DeviceId;
use crate::tracker::{Device, Tracker, Walk};
use crate::views::Spreader;
use crate::views::kismet::{Context, DeviceRecord, DeviceView, Sources};

/// How many devices are copied out at a time.
const DEVICES_PER_COPY: usize = 16;
/// How long is looked for devices that are wanted until others have their turn.
const LOOKING_MAX: Duration = Duration::from_millis(1);
/// How large a piece of an answer is at least, the last aside.
const PIECE_BYTES_MIN: usize = 32 * 1024;

/// Where the devices come from.
pub(super) enum Supply {
    /// As the tracker has them.
    Walked {
        walk: Walk,
        view: DeviceView,
        arrangement: Box<Arrangement>,
    },
    /// These; one that has gone in the meantime is left out.
    Listed(std::vec::IntoIter<DeviceId>),
}

/// The list.
pub(super) struct DeviceList {
    tracker: Arc<Tracker>,
    supply: Supply,
    shape: Shape,
    context: Context,
    sources: Sources,
    brackets: Brackets,
    before: Vec<u8>,
    after: Vec<u8>,
    spreader: Option<Spreader>,
    is_empty: bool,
    progress: Progress,
    slice: WorkSlice,
    yield_to_ingest: YieldToIngest,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Start,
    Middle,
    Done,
}

impl DeviceList {
    pub(in crate::http) fn new(records: &Records, supply: Supply, shape: Shape) -> Self {
        Self {
            tracker: Arc::clone(&records.tracker),
            supply,
            spreader: (shape.format == Format::Pretty).then(Spreader::default),
            sources: records.sources(shape.format.style()),
            brackets: shape.format.brackets(),
            shape,
            context: records.context(),
            before: Vec::new(),
            after: Vec::new(),
            is_empty: true,
            progress: Progress::Start,
            slice: WorkSlice::default(),
            yield_to_ingest: YieldToIngest::to(Arc::clone(&records.commits)),
        }
    }

    /// With something around it.
    pub(in crate::http) fn within(mut self, before: Vec<u8>, after: Vec<u8>) -> Self {
        self.brackets = self.shape.format.brackets_within(&before);
        (self.before, self.after) = (before, after);
        self
    }

    fn next_piece(&mut self) -> Option<Vec<u8>> {
        let brackets = self.brackets;
        let started = Instant::now();
        let mut piece = Vec::with_capacity(2 * PIECE_BYTES_MIN);
        match self.progress {
            Progress::Done => return None,
            Progress::Middle => {}
            Progress::Start => {
                piece.append(&mut self.before);
                piece.extend_from_slice(brackets.open);
                self.progress = Progress::Middle;
            }
        }
        while piece.len() < PIECE_BYTES_MIN && started.elapsed() < LOOKING_MAX {
            let Some(devices) = self.next_devices() else {
                piece.extend_from_slice(brackets.close);
                piece.append(&mut self.after);
                self.progress = Progress::Done;
                break;
            };
            self.sources.add(&devices, &self.tracker, self.context);
            for device in &devices {
                let record = DeviceRecord {
                    device,
                    sources: &self.sources,
                    context: self.context,
                };
                if let Supply::Walked { arrangement, .. } = &self.supply
                    && !arrangement.wants(&record)
                {
                    continue;
                }
                if !std::mem::replace(&mut self.is_empty, false) {
                    piece.extend_from_slice(brackets.between);
                }
                self.shape.write(&mut piece, &record);
                piece.extend_from_slice(brackets.after_each);
            }
        }
        Some(match &mut self.spreader {
            None => piece,
            Some(spreader) => spreader.spread(&piece),
        })
    }

    fn next_devices(&mut self) -> Option<Vec<Device>> {
        match &mut self.supply {
            Supply::Walked { walk, view, .. } => {
                self.tracker
                    .next_devices(walk, DEVICES_PER_COPY, |device| view.lists(device))
            }
            Supply::Listed(ids) => {
                let mut ids = ids.take(DEVICES_PER_COPY).peekable();
                ids.peek()?;
                Some(ids.filter_map(|id| self.tracker.device(id)).collect())
            }
        }
    }
}

impl HttpBody for DeviceList {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        ready!(self.yield_to_ingest.poll(context));
        // Else what compresses would take one piece after the other until it has something to send.
        ready!(self.slice.poll(context));
        let started = Instant::now();
        let piece = self.next_piece();
        self.yield_to_ingest.count(started.elapsed());
        if piece.as_ref().is_some_and(Vec::is_empty) {
            // Nothing was found yet.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }
}

impl IntoResponse for DeviceList {
    fn into_response(self) -> Response {
        (
            [(header::CONTENT_TYPE, "application/json")],
            Body::new(self),
        )
            .into_response()
    }
}
