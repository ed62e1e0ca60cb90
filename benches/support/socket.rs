//! WebSockets to the server.

use std::net::TcpStream;
use std::time::Duration;

use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use super::Result;
use super::server::ServerProcess;

pub(crate) type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// Opens a WebSocket and sends a request on it. Reads time out after `quiet`.
pub(crate) fn open(
    server: &ServerProcess,
    path: &str,
    request: &str,
    quiet: Option<Duration>,
) -> Result<Socket> {
    let stream = TcpStream::connect(server.address())?;
    let settings = stream.try_clone()?;
    let url = format!("ws://localhost:{}{path}", server.address().port());
    let (mut socket, _) =
        client(url, MaybeTlsStream::Plain(stream)).map_err(|error| error.to_string())?;
    socket.send(Message::text(request))?;
    settings.set_read_timeout(quiet)?;
    Ok(socket)
}
