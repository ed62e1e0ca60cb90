//! A large answer that is in memory as a whole, and keeps a place until it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use super::heavy::ReadPlace;

/// As much as the connection takes at a time. It is asked for more only when the client has read.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) struct Held {
    left: Bytes,
    _place: ReadPlace,
}

impl Held {
    pub(super) fn new(answer: Vec<u8>, place: ReadPlace) -> Self {
        Self {
            left: answer.into(),
            _place: place,
        }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let count = self.left.len().min(PIECE_BYTES);
        let piece = self.left.split_to(count);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.left.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::http::response::heavy::ReadQueue;
    use crate::http::response::heavy::tests::{limits, reader};

    #[tokio::test]
    async fn an_answer_is_sent_in_pieces_and_then_its_place_is_free() {
        let queue = ReadQueue::new(limits(1, 0), &std::sync::Arc::default());
        let client = reader(1);
        let answer: Vec<u8> = (0..=u8::MAX).cycle().take(3 * PIECE_BYTES + 1).collect();
        let mut body = Held::new(answer.clone(), queue.admit(&client).await.unwrap());
        let (mut sent, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = body.frame().await {
            sent.extend_from_slice(&piece.unwrap().into_data().unwrap());
            pieces += 1;
            queue.admit(&client).await.unwrap_err();
        }
        assert_eq!((sent == answer, pieces), (true, 4));
        drop(body);
        queue.admit(&client).await.unwrap();
    }
}
