//! Messages to the service manager: systemd's protocol of `sd_notify(3)`, datagrams to a socket that it names.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// How often the service manager is told that the server runs, while nothing else tells it.
const ALIVE_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the service manager how the server is. Does nothing where there is none.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// The service manager that started this process, if it wants to be told.
    pub(crate) fn of_environment() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match connect(&name) {
            Ok(socket) => Self {
                socket: Some(socket),
            },
            Err(error) => {
                warn!(%error, "cannot reach the service manager at NOTIFY_SOCKET: it is not told when the server is ready");
                Self::default()
            }
        }
    }

    /// The server takes reports.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// The server still runs. The service manager restarts it when it does not hear this for long.
    pub(crate) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Says each second that the server runs, until what is returned is dropped.
    pub(crate) fn keep_alive(self: &Arc<Self>) -> AbortOnDropHandle<()> {
        let notifier = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut ticks = interval(ALIVE_INTERVAL);
            loop {
                ticks.tick().await;
                notifier.alive();
            }
        }))
    }

    /// The server is shutting down.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // A service manager that cannot take it now gets the next one.
            socket.send(state.as_bytes()).ok();
        }
    }
}

fn connect(name: &OsString) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // The server must not wait for the service manager.
    socket.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::net::SocketAddr;
        if let [b'@', name @ ..] = name.as_bytes() {
            socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?;
            return Ok(socket);
        }
    }
    socket.connect(name)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_service_manager_hears_of_it_while_nothing_else_tells() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let notifier = Arc::new(Notifier { socket: Some(ours) });
        let alive = notifier.keep_alive();
        let heard = tokio::task::spawn_blocking(move || {
            let mut message = [0; 32];
            let length = theirs.recv(&mut message).unwrap();
            message[..length].to_vec()
        });
        assert_eq!(heard.await.unwrap(), b"WATCHDOG=1");
        drop(alive);
    }
}
