//! A WebSocket that nobody can hold for ever: who does not answer, or does not take what it is sent, is dropped.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use crate::http::guard::subscribers::Right;

/// How long a client may take to say goodbye too.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Requests are short, and each socket has such a buffer.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// What bounds a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketLimits {
    /// Bytes of a message from the client.
    pub(super) message_bytes_max: usize,
    /// How long the client may take to take what it is sent.
    pub(in crate::http) timeout: Duration,
    /// How often the client has to show that it is there.
    pub(super) ping_interval: Duration,
    /// Bytes a second to the client. A second's worth may be sent at once.
    pub(super) bytes_per_second_max: u32,
}

/// Why a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, or the connection broke.
    Gone,
    /// The client does not take what it is sent.
    Slow,
    /// The client does not answer.
    Silent,
    /// The client sent what is not understood here: a binary message, or no WebSocket frame at all.
    Unfit(CloseCode),
    /// The login or key that opened it is no longer valid, or has another role.
    NoRight,
    /// The server stops.
    Shutdown,
}

pub(in crate::http) struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    timeout: Duration,
    bytes_per_second_max: u32,
    /// When all that was sent would have been sent at the highest rate.
    sent_until: Instant,
    ping: Interval,
    /// Whether nothing came since the last ping.
    silent: bool,
    right: Option<Right>,
    /// When to ask again whether the right holds. Pings come at the same pace, but not while the client keeps sending.
    ask_at: Instant,
    period: Duration,
    shutdown: CancellationToken,
}

impl Socket {
    pub(in crate::http) async fn new(
        upgraded: Upgraded,
        limits: SocketLimits,
        right: Option<Right>,
        shutdown: CancellationToken,
    ) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(limits.message_bytes_max))
            .max_frame_size(Some(limits.message_bytes_max));
        let io = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let period = limits.ping_interval;
        let first = Instant::now() + period;
        let mut ping = interval_at(first, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            stream,
            timeout: limits.timeout,
            bytes_per_second_max: limits.bytes_per_second_max,
            sent_until: Instant::now(),
            ping,
            silent: false,
            right,
            ask_at: first,
            period,
            shutdown,
        }
    }

    /// Ends the socket if the login or key that opened it is no longer valid.
    fn check_right(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if now < self.ask_at {
            return Ok(());
        }
        self.ask_at = now + self.period;
        match &self.right {
            Some(right) if !right.holds() => Err(End::NoRight),
            _ => Ok(()),
        }
    }

    /// The next message of the client.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub(in crate::http) async fn hear(&mut self) -> Result<Utf8Bytes, End> {
        loop {
            self.check_right()?;
            // What has arrived is looked at before anybody is called silent.
            let heard = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Err(End::Shutdown),
                heard = self.stream.next() => heard,
                _ = self.ping.tick() => {
                    if self.silent {
                        return Err(End::Silent);
                    }
                    self.silent = true;
                    self.ask_at = Instant::now();
                    self.put(vec![Message::Ping(Bytes::new())]).await?;
                    continue;
                }
            };
            self.silent = false;
            match heard {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Binary(_))) => return Err(End::Unfit(CloseCode::Unsupported)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
                Some(Err(error)) => return Err(End::of(&error)),
            }
        }
    }

    /// Sends JSON texts, each in a message of its own.
    pub(in crate::http) async fn send(&mut self, texts: Vec<Vec<u8>>) -> Result<(), End> {
        self.keep_to_rate(texts.iter().map(Vec::len).sum()).await?;
        let text = |json| Utf8Bytes::try_from(Bytes::from(json)).ok();
        let messages = texts.into_iter().filter_map(text).map(Message::Text);
        self.put(messages.collect()).await
    }

    /// Waits until so many bytes may be sent.
    async fn keep_to_rate(&mut self, bytes: usize) -> Result<(), End> {
        const SECOND: Duration = Duration::from_secs(1);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Some(time) = SECOND
            .saturating_mul(bytes)
            .checked_div(self.bytes_per_second_max)
        else {
            return Ok(());
        };
        let now = Instant::now();
        if now + SECOND < self.sent_until {
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(End::Shutdown),
                () = sleep_until(self.sent_until - SECOND) => {}
            }
        }
        self.sent_until = self.sent_until.max(now) + time;
        Ok(())
    }

    async fn put(&mut self, messages: Vec<Message>) -> Result<(), End> {
        let stream = &mut self.stream;
        let sent = async {
            for message in messages {
                stream.feed(message).await?;
            }
            stream.flush().await
        };
        tokio::select! {
            () = self.shutdown.cancelled() => Err(End::Shutdown),
            sent = timeout(self.timeout, sent) => match sent {
                Ok(sent) => sent.map_err(|error| End::of(&error)),
                Err(_) => Err(End::Slow),
            },
        }
    }

    /// Says goodbye, where the client can still hear it.
    pub(in crate::http) async fn finish(mut self, end: End) {
        let (code, reason) = match end {
            End::Slow | End::Silent => return,
            End::Gone => (None, ""),
            End::Unfit(code) => (Some(code), ""),
            End::NoRight => (
                Some(CloseCode::Policy),
                "the login or key is no longer valid",
            ),
            End::Shutdown => (Some(CloseCode::Away), ""),
        };
        let goodbye = async {
            if let Some(code) = code {
                let reason = Utf8Bytes::from_static(reason);
                self.stream.close(Some(CloseFrame { code, reason })).await?;
            }
            while self.stream.next().await.is_some_and(|heard| heard.is_ok()) {}
            Ok::<_, tungstenite::Error>(())
        };
        // One that hears nothing any more is gone all the same.
        timeout(GOODBYE_TIMEOUT, goodbye).await.ok();
    }
}

impl End {
    fn of(error: &tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Capacity(_) => Self::Unfit(CloseCode::Size),
            tungstenite::Error::Protocol(_) => Self::Unfit(CloseCode::Protocol),
            tungstenite::Error::Utf8(_) => Self::Unfit(CloseCode::Invalid),
            _ => Self::Gone,
        }
    }
}
