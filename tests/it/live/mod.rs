//! Live events: subscribers get them at once, and do not slow down the server.

mod alerts;
mod bounds;
mod eventbus;
mod messages;
mod monitor;
pub(crate) mod page;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::server::TestServer;

/// Timeout that only a server that hangs reaches, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const EVENTBUS: &str = "/eventbus/events.ws";
pub(crate) const MONITOR: &str = "/devices/monitor.ws";

/// A client of a WebSocket.
pub(crate) struct Subscriber<S = MaybeTlsStream<TcpStream>>(WebSocketStream<S>);

impl Subscriber {
    pub(crate) async fn connect(server: &TestServer, path: &str) -> Self {
        Self::try_connect(server, path).await.unwrap()
    }

    async fn try_connect(server: &TestServer, path: &str) -> Result<Self, tungstenite::Error> {
        Self::connect_to(&server.addr.to_string(), path).await
    }

    async fn connect_to(addr: &str, path: &str) -> Result<Self, tungstenite::Error> {
        let (stream, _) = connect_async(format!("ws://{addr}{path}")).await?;
        Ok(Self(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Subscriber<S> {
    /// Opens a WebSocket on an existing connection.
    pub(crate) async fn over(
        stream: S,
        request: impl IntoClientRequest + Unpin,
    ) -> Result<Self, tungstenite::Error> {
        let (stream, _) = client_async(request, stream).await?;
        Ok(Self(stream))
    }

    pub(crate) async fn say(&mut self, message: impl ToString) {
        let message = Message::text(message.to_string());
        self.0.send(message).await.unwrap();
    }

    /// Sends a message and reads the answer. `false` if the server has closed the socket.
    pub(crate) async fn try_say(&mut self, message: &str) -> bool {
        let sent = self.0.send(Message::text(message)).await;
        let heard = self.next().await;
        sent.is_ok() && matches!(heard, Some(Ok(Message::Text(_) | Message::Ping(_))))
    }

    /// Reads up to the next ping.
    pub(crate) async fn hear_ping(&mut self) {
        loop {
            match self.next().await {
                Some(Ok(Message::Ping(_))) => return,
                Some(Ok(Message::Text(_))) => {}
                other => panic!("expected a ping: {other:?}"),
            }
        }
    }

    async fn next(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        timeout(PATIENCE, self.0.next())
            .await
            .expect("the server sends nothing")
    }

    /// The next frame that is not a ping.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("expected a text: {other:?}"),
            }
        }
    }

    /// The text of the next frame, which has to be an error.
    pub(crate) async fn hear_notice(&mut self) -> String {
        let frame = self.hear().await;
        let record = &frame["MESSAGE"];
        assert_eq!(record["kismet.messagebus.message_flags"], 4, "{frame}");
        record["kismet.messagebus.message_string"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until the server has processed all requests so far. It answers an invalid request with an error, in order.
    pub(crate) async fn settle(&mut self) {
        self.say("{}").await;
        assert!(self.hear_notice().await.starts_with("expected "));
    }

    /// Reads to the end of the connection. Returns the code of the server's close frame.
    pub(crate) async fn end(&mut self) -> Option<u16> {
        let mut code = None;
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return code,
            }
        }
    }
}

fn report(number: u32) -> Value {
    json!({ "bssid": format!("0200{number:08x}"), "ssid": "x" })
}

fn addr(number: u8) -> String {
    format!("02:00:00:00:00:{number:02X}")
}
