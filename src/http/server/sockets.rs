//! The sockets that the server listens on.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::stream::Stream;
use crate::config::{ListenAddress, Server};
use crate::http::request::peer::Client;

/// All sockets that a server listens on. A clone has the same sockets, which stay open as long as one is left.
#[derive(Clone, Debug)]
pub struct Listeners(Vec<Arc<Listener>>);

/// One socket that the server listens on.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A Unix domain socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file, because another server may have replaced it.
    file: (u64, u64),
}

/// The server cannot listen on an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address.
    pub address: ListenAddress,
    source: io::Error,
}

impl From<TcpListener> for Listeners {
    fn from(listener: TcpListener) -> Self {
        Self(vec![Arc::new(Listener::Tcp(listener))])
    }
}

impl Listeners {
    /// Binds all configured addresses.
    ///
    /// # Errors
    ///
    /// If one of them is in use or cannot be bound.
    pub async fn bind(server: &Server) -> Result<Self, BindError> {
        let mut listeners = Vec::new();
        for address in server.listen.addresses() {
            let bound = match address {
                ListenAddress::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
                ListenAddress::Unix(path) => {
                    let bound = UnixSocket::bind(path, server.socket_mode()).await;
                    bound.map(Listener::Unix)
                }
            };
            listeners.push(Arc::new(bound.map_err(|source| BindError {
                address: address.clone(),
                source,
            })?));
        }
        Ok(Self(listeners))
    }

    /// The addresses. Instead of port 0 they have the port that the system chose.
    ///
    /// # Errors
    ///
    /// If the system does not know the address of a socket.
    pub fn addresses(&self) -> io::Result<Vec<ListenAddress>> {
        let listeners = self.0.iter();
        let addresses = listeners.map(|listener| match &**listener {
            Listener::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Listener::Unix(socket) => Ok(ListenAddress::Unix(socket.path.clone())),
        });
        addresses.collect()
    }

    pub(super) fn into_each(self) -> impl Iterator<Item = Arc<Listener>> {
        self.0.into_iter()
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<(Stream, Client)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole; waiting for more to put in a packet only delays them.
                stream.set_nodelay(true).ok();
                Ok((Stream::Tcp(stream), Client::At(peer.ip())))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Stream::Unix(stream), Client::Socket))
            }
        }
    }
}

impl UnixSocket {
    /// Binds a path. A socket that no program listens on any more is replaced.
    async fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        expect_replaceable(path).await?;
        // The socket gets its name when its mode is set: until then nobody may connect whom the mode keeps out.
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{}", process::id() % 100_000));
        let unfinished = PathBuf::from(unfinished);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            // A start that was killed left it.
            _ => {}
        }
        let listener = UnixListener::bind(&unfinished)?;
        let named = fs::set_permissions(&unfinished, Permissions::from_mode(mode))
            .and_then(|()| fs::symlink_metadata(&unfinished))
            .and_then(|metadata| {
                fs::rename(&unfinished, path)?;
                Ok(file_of(&metadata))
            });
        match named {
            Ok(file) => Ok(Self {
                listener,
                path: path.to_owned(),
                file,
            }),
            Err(error) => {
                fs::remove_file(&unfinished).ok();
                Err(error)
            }
        }
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let is_ours = |metadata: Metadata| file_of(&metadata) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // The next start replaces it if this fails.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Refuses what is not a socket, and a socket that a program listens on.
async fn expect_replaceable(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "a file that is not a socket has this name",
        ));
    }
    let in_use = || {
        io::Error::new(
            ErrorKind::AddrInUse,
            "another program listens on this socket",
        )
    };
    match UnixStream::connect(path).await {
        // Its program accepts nobody at present, and as many wait as may.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(in_use()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // Another one may be in the way, such as the rights of the file.
        Err(error) => Err(error),
        Ok(_) => Err(in_use()),
    }
}

fn file_of(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scanpost.sock");
        for mode in [0o660, 0o600, 0o666] {
            let socket = UnixSocket::bind(&path, mode).await.unwrap();
            assert_eq!(mode_of(&path), mode);
            UnixStream::connect(&path).await.unwrap();
            drop(socket);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scanpost.sock");
        // Closing it leaves the file.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path, 0o660).await.unwrap();
        let error = UnixSocket::bind(&path, 0o660).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        UnixStream::connect(&path).await.unwrap();

        // Another program has replaced the file.
        fs::remove_file(&path).unwrap();
        let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(socket);
        UnixStream::connect(&path).await.unwrap();
        drop(other);
    }

    #[tokio::test]
    async fn a_socket_whose_program_accepts_nobody_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scanpost.sock");
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let _listener = socket.listen(0).unwrap();
        let mut waiting = Vec::new();
        let full = loop {
            match UnixStream::connect(&path).await {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let error = UnixSocket::bind(&path, 0o660).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn what_is_not_a_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scanpost.sock");
        fs::write(&path, "notes").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        for path in [&path, &link] {
            let error = UnixSocket::bind(path, 0o660).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
