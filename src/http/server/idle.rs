//! Idle timeout of connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::places::Activity;
use super::stream::Stream;
use crate::http::request::hang_up::HangUp;

/// A stream that fails if no bytes move in either direction for too long, or if the head of a request takes too long.
pub(super) struct IdleTimeout {
    stream: Stream,
    activity: Arc<Activity>,
    hang_up: HangUp,
    idle_max: Duration,
    head_max: Duration,
    moved_at: Instant,
    /// When the head of the next request began to arrive. The first one is expected at once.
    head_since: Instant,
    /// How many heads had arrived then; `None` if none is expected. Once there is another one, that head has arrived.
    heads_before: Option<u32>,
    alarm: Pin<Box<Sleep>>,
}

impl IdleTimeout {
    pub(super) fn new(
        stream: Stream,
        (activity, hang_up): (Arc<Activity>, HangUp),
        idle_max: Duration,
        head_max: Duration,
    ) -> Self {
        Self {
            stream,
            activity,
            hang_up,
            idle_max,
            head_max,
            moved_at: Instant::now(),
            head_since: Instant::now(),
            heads_before: Some(0),
            alarm: Box::pin(sleep(idle_max)),
        }
    }

    fn is_head_awaited(&self) -> bool {
        self.heads_before == Some(self.activity.begun())
    }

    /// When the stream fails if nothing happens.
    fn due(&self) -> Instant {
        let idle = self.moved_at + self.idle_max;
        if self.is_head_awaited() {
            idle.min(self.head_since + self.head_max)
        } else {
            idle
        }
    }

    /// The alarm is set again when it goes off, which is much seldomer than bytes move, and when it would go off too late.
    fn check<T>(
        &mut self,
        context: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.moved_at = Instant::now();
            self.activity.moved(self.moved_at);
            return moved;
        }
        if self.due() < self.alarm.deadline() {
            let due = self.due();
            self.alarm.as_mut().reset(due);
        }
        loop {
            ready!(self.alarm.as_mut().poll(context));
            let due = self.due();
            if due <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
    }
}

impl IdleTimeout {
    fn look_for_hang_up(&mut self, context: &mut Context<'_>) {
        if !self.hang_up.is_watched() {
            return;
        }
        if self.stream.poll_hang_up(context) {
            self.hang_up.set();
        }
    }
}

impl AsyncRead for IdleTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let moved = Pin::new(&mut self.stream).poll_read(context, buffer);
        let is_head = !self.activity.has_request() && !self.is_head_awaited();
        if is_head && before < buffer.filled().len() {
            self.head_since = Instant::now();
            self.heads_before = Some(self.activity.begun());
        }
        self.check(context, moved)
    }
}

impl AsyncWrite for IdleTimeout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check(context, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check(context, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes after each poll of a request, and does not read meanwhile.
        self.look_for_hang_up(context);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hang_up.is_unfinished() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for IdleTimeout {
    fn drop(&mut self) {
        if self.hang_up.is_unfinished() {
            self.stream.break_off();
        }
    }
}
