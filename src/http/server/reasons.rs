//! Reasons for what hyper refuses by itself.
//!
//! hyper answers a request that it cannot parse, or whose head is much too long, without a body. This puts one into the
//! answer, in the form of all other errors.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The beginning of each answer of hyper's own, with the code and the text of the error.
const REFUSALS: [(&[u8], &str, &str); 3] = [
    (
        b"HTTP/1.1 400 ",
        "bad_request",
        "this is not a request of HTTP/1.1",
    ),
    (
        b"HTTP/1.1 414 ",
        "head_too_long",
        "the address is too long, see limits.head_bytes_max",
    ),
    (
        b"HTTP/1.1 431 ",
        "head_too_long",
        "the head of the request is too long, or has more than 100 fields, see limits.head_bytes_max",
    ),
];
/// hyper's own answers have this, and those of this server never: they have a body.
const NO_BODY: &[u8] = b"\r\nContent-Length: 0\r\n";

/// A stream that completes the answers of hyper's own.
pub(super) struct WithReasons<S> {
    stream: S,
    /// An answer that is written in place of hyper's.
    replaced: Option<Replaced>,
}

struct Replaced {
    bytes: Vec<u8>,
    written: usize,
    /// The length of hyper's answer.
    stands_for: usize,
}

impl<S> WithReasons<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            replaced: None,
        }
    }
}

/// The whole answer in place of one of hyper's own. `None` for all others.
fn completed(answer: &[u8]) -> Option<Vec<u8>> {
    let (_, code, reason) = REFUSALS
        .iter()
        .find(|(start, ..)| answer.starts_with(start))?;
    let is_whole = answer.ends_with(b"\r\n\r\n");
    let at = answer
        .windows(NO_BODY.len())
        .position(|part| part == NO_BODY)?;
    if !is_whole {
        return None;
    }
    let body = format!(r#"{{"code":"{code}","status":"{reason}","success":false}}"#);
    let fields = format!(
        "\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n",
        body.len()
    );
    let (before, after) = (answer.get(..at)?, answer.get(at + NO_BODY.len()..)?);
    Some([before, fields.as_bytes(), after, body.as_bytes()].concat())
}

impl<S: AsyncWrite + Unpin> WithReasons<S> {
    /// Writes the answer that replaces another one, and then reports that the other one is written.
    fn poll_replaced(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some(replaced) = &mut self.replaced {
            let rest = replaced.bytes.get(replaced.written..).unwrap_or_default();
            if rest.is_empty() {
                let written = replaced.stands_for;
                self.replaced = None;
                return Poll::Ready(Ok(written));
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            replaced.written += written;
        }
        Poll::Ready(Ok(0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WithReasons<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithReasons<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.replaced.is_none() {
            self.replaced = completed(bytes).map(|answer| Replaced {
                bytes: answer,
                written: 0,
                stands_for: bytes.len(),
            });
        }
        if self.replaced.is_some() {
            return self.poll_replaced(context);
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // An answer without a body is one slice.
        match slices {
            [answer] => self.poll_write(context, answer),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn written(answer: &str) -> String {
        // So small that the answer is written in pieces.
        let (near, mut far) = tokio::io::duplex(7);
        let answer = answer.to_owned();
        let writing = async move {
            let mut near = WithReasons::new(near);
            near.write_all(answer.as_bytes()).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let mut read = String::new();
        let ((), read_to_end) = tokio::join!(writing, far.read_to_string(&mut read));
        read_to_end.unwrap();
        read
    }

    #[tokio::test]
    async fn an_answer_without_a_reason_gets_one_and_others_stay() {
        let own = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\nDate: x\r\n\r\n";
        let answer = written(own).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("\r\nDate: x"), "{head}");
        let length = format!("\r\nContent-Length: {}\r\n", body.len());
        assert!(head.contains(&length), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "head_too_long");
        for other in [
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 431 x",
        ] {
            assert_eq!(written(other).await, other);
        }
    }
}
