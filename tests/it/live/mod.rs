//! Who listens is told at once, and holds up nobody.

mod alerts;
mod bounds;
mod eventbus;
mod messages;
mod monitor;

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

/// Long enough for a machine under load; only a server that never answers takes it.
const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const EVENTBUS: &str = "/eventbus/events.ws";
const MONITOR: &str = "/devices/monitor.ws";

/// A client that listens.
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
    /// On a connection that is there already.
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

    async fn next(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        timeout(PATIENCE, self.0.next())
            .await
            .expect("nothing comes")
    }

    /// The next frame that is no ping.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("expected a text: {other:?}"),
            }
        }
    }

    /// What an error frame says.
    async fn hear_notice(&mut self) -> String {
        let frame = self.hear().await;
        let record = &frame["MESSAGE"];
        assert_eq!(record["kismet.messagebus.message_flags"], 4, "{frame}");
        record["kismet.messagebus.message_string"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until the server has done what it was asked for: it answers what it does not understand in its turn.
    pub(crate) async fn settle(&mut self) {
        self.say("{}").await;
        assert!(self.hear_notice().await.starts_with("expected "));
    }

    /// How the server ended it, when nothing else comes any more.
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
