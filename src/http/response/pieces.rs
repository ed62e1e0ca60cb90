//! Bodies that are made piece by piece, on threads that may block.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::task::{spawn, spawn_blocking};
use tokio_util::task::AbortOnDropHandle;

use super::heavy::ReadPlace;
use super::pace::YieldToIngest;
use crate::http::error::ApiError;
use crate::http::request::hang_up::HangUp;

/// Makes a body piece by piece.
pub(in crate::http) trait Pieces: Send + 'static {
    /// Why the body ends early. The connection breaks then, so that the client notices.
    type Error: Error + Send + Sync + 'static;

    /// How many threads make pieces, counting those that work ahead of [`next`](Self::next).
    fn threads(&self) -> u32 {
        1
    }

    /// The next piece. `None` is the end. An empty piece is not the end: others have their turn first.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// A body. Nothing is made before the client takes it, and then at most one piece ahead.
pub(in crate::http) fn body<P: Pieces>(
    pieces: P,
    turns: YieldToIngest,
    place: ReadPlace,
    hang_up: &HangUp,
) -> Body {
    let maker = Maker {
        pieces,
        turns,
        _place: place,
    };
    Body::new(PieceBody {
        making: Some(Box::pin(maker.make())),
        hang_up: hang_up.clone(),
    })
}

/// A body whose first piece is there before the answer begins, so that what fails until then has a status. The work ends
/// if the client hangs up.
pub(in crate::http) async fn begun<P: Pieces>(
    pieces: P,
    turns: YieldToIngest,
    place: ReadPlace,
    hang_up: &HangUp,
) -> Result<Body, ApiError>
where
    ApiError: From<P::Error>,
{
    let maker = Maker {
        pieces,
        turns,
        _place: place,
    };
    let made = tokio::select! {
        biased;
        made = maker.make() => made,
        () = hang_up.happens() => return Err(ApiError::ClientGone),
    };
    let made = made.map_err(|error| match error.downcast::<P::Error>() {
        Ok(error) => (*error).into(),
        Err(_) => ApiError::Panicked,
    })?;
    Ok(Body::new(PieceBody {
        making: Some(Box::pin(async move { Ok(made) })),
        hang_up: hang_up.clone(),
    }))
}

struct Maker<P> {
    pieces: P,
    turns: YieldToIngest,
    /// Is kept until the body is sent, or its client leaves.
    _place: ReadPlace,
}

/// A piece, and what makes the next one. After an error nothing follows.
type Made<P> = Result<Option<(Vec<u8>, Maker<P>)>, BoxError>;

struct PieceBody<P: Pieces> {
    /// `None` after the end.
    making: Option<Pin<Box<dyn Future<Output = Made<P>> + Send>>>,
    hang_up: HangUp,
}

impl<P: Pieces> Maker<P> {
    async fn make(mut self) -> Made<P> {
        loop {
            self.turns.wait().await;
            let made = spawn_blocking(move || {
                let started = Instant::now();
                let piece = self.pieces.next();
                // Here, so that the turn ends even if nobody waits for the piece any more.
                self.turns.count(started.elapsed() * self.pieces.threads());
                (self, piece)
            });
            match made.await {
                Ok((maker, Ok(Some(piece)))) if piece.is_empty() => self = maker,
                Ok((maker, Ok(Some(piece)))) => return Ok(Some((piece, maker))),
                Ok((_, Ok(None))) => return Ok(None),
                Ok((_, Err(error))) => return Err(error.into()),
                // The thread panicked.
                Err(failed) => return Err(failed.into()),
            }
        }
    }
}

impl<P: Pieces> HttpBody for PieceBody<P> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { making, hang_up } = &mut *self;
        let Some(making) = making else {
            return Poll::Ready(None);
        };
        hang_up.set_unfinished(true);
        let made = ready!(making.as_mut().poll(context));
        self.making = None;
        Poll::Ready(match made {
            Ok(None) => {
                self.hang_up.set_unfinished(false);
                None
            }
            Ok(Some((piece, maker))) => {
                // While this piece is sent. If the client leaves, that ends.
                let ahead = AbortOnDropHandle::new(spawn(maker.make()));
                self.making = Some(Box::pin(async { ahead.await? }));
                Some(Ok(Frame::data(piece.into())))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;
    use crate::export::ExportError;
    use crate::http::response::heavy::ReadQueue;
    use crate::http::response::heavy::tests::{limits, reader};
    use crate::http::response::pace::Pace;

    /// Gives these pieces, and then an error if `breaks`.
    struct Given {
        pieces: Vec<&'static str>,
        breaks: bool,
    }

    impl Pieces for Given {
        type Error = io::Error;

        fn next(&mut self) -> Result<Option<Vec<u8>>, io::Error> {
            match self.pieces.pop() {
                Some(piece) => Ok(Some(piece.into())),
                None if self.breaks => Err(io::Error::other("broken")),
                None => Ok(None),
            }
        }
    }

    async fn given(queue: &ReadQueue, breaks: bool) -> Body {
        let place = queue.admit(&reader(1)).await.unwrap();
        let turns = Pace::new(Arc::default(), 1).of_one_answer();
        let pieces = vec!["c", "", "b", "a"];
        body(Given { pieces, breaks }, turns, place, &HangUp::default())
    }

    #[tokio::test]
    async fn pieces_follow_each_other_and_the_place_is_kept_until_the_body_is_gone() {
        let queue = ReadQueue::new(limits(1, 0), &Arc::default());
        let body = given(&queue, false).await;
        assert!(queue.admit(&reader(1)).await.is_err());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        queue.admit(&reader(1)).await.unwrap();
    }

    #[tokio::test]
    async fn an_error_ends_the_body_as_an_error() {
        let queue = ReadQueue::new(limits(1, 0), &Arc::default());
        let mut body = given(&queue, true).await;
        for expected in ["a", "b", "c"] {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
    }

    /// Never gets to a first piece.
    struct Endless;

    impl Pieces for Endless {
        type Error = ExportError;

        fn next(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
            Ok(Some(Vec::new()))
        }
    }

    #[tokio::test]
    async fn a_file_that_is_made_first_is_given_up_when_its_client_hangs_up() {
        let queue = ReadQueue::new(limits(1, 1), &Arc::default());
        let place = queue.admit(&reader(1)).await.unwrap();
        let turns = Pace::new(Arc::default(), 1).of_one_answer();
        let hang_up = HangUp::of_connection();
        hang_up.set();
        let begun = begun(Endless, turns, place, &hang_up).await;
        assert!(matches!(begun, Err(ApiError::ClientGone)));
        // Waits until the last step has given the place back.
        queue.admit(&reader(2)).await.unwrap();
    }
}
