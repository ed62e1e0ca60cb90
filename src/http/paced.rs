//! Answers that are made while they are sent, in turns with the others.
//!
//! A compressed answer may be made as a whole before it fills the connection, however large it was, and nothing
//! else would be served by that thread meanwhile.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::task::yield_now;

/// How many pieces are made before others have their turn.
const PIECES_PER_TURN: u8 = 4;

/// Counts pieces to a turn.
#[derive(Debug, Default)]
pub(super) struct Turn(u8);

impl Turn {
    /// Pending when the turn is over, once: the task is woken when the runtime has looked at the sockets.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == PIECES_PER_TURN {
            self.0 = 0;
            ready!(pin!(yield_now()).poll(context));
        }
        self.0 += 1;
        Poll::Ready(())
    }
}

struct Paced {
    body: Body,
    turn: Turn,
}

/// Paces what is not in memory as a whole.
pub(super) fn pace<B>(response: Response<B>) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    response.map(|body| {
        if body.size_hint().exact().is_some() {
            return Body::new(body);
        }
        let (body, turn) = (Body::new(body), Turn::default());
        Body::new(Paced { body, turn })
    })
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        ready!(self.turn.poll(context));
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
