//! The way to a TAK program: datagrams, or a connection with or without TLS.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{TcpSocket, TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::config::Tak;
use crate::config::tak::{TakAddress, TakScheme};
use crate::outbox::{CaFileError, trusted_roots};

/// A receiver that does not read is noticed when some dozens of events wait in the system, and not after megabytes.
const SEND_BUFFER_BYTES: u32 = 16 << 10;
/// The longest time that the end of a connection takes, or of an event that was being sent.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A file of a target cannot be used: the key of the configuration, and the reason.
pub(super) type FileFault = (&'static str, String);

/// How a target is reached. Two are equal if they have the same address and the same files.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) address: TakAddress,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
    /// Stands for what the files have.
    files: Vec<u8>,
}

/// An open way.
pub(super) struct Link {
    pub(super) writer: Writer,
    /// Datagrams have none.
    pub(super) reader: Option<Reader>,
}

/// Sends events.
pub(super) enum Writer {
    Datagrams(UdpSocket),
    Stream(Box<dyn AsyncWrite + Send + Unpin>),
}

/// Reads what the receiver sends, which nobody wants, and notices when it is gone.
pub(super) struct Reader {
    stream: Box<dyn AsyncRead + Send + Unpin>,
    /// The same connection. It tells of errors when there is nothing to read any more.
    socket: TcpStream,
}

impl Way {
    /// Reads the files of a target. Blocks.
    pub(super) fn new(config: &Tak) -> Result<Self, FileFault> {
        // The configuration was checked, unless it was made by hand.
        let address = config.address().map_err(|reason| ("url", reason))?;
        let tls = match address.scheme {
            TakScheme::Tls => Some(tls(config, &address)?),
            TakScheme::Udp | TakScheme::Tcp => None,
        };
        let mut files = Sha256::new();
        for path in [&config.ca_file, &config.cert_file, &config.key_file] {
            // What cannot be read was found out already.
            let content = fs::read(path).unwrap_or_default();
            files.update(Sha256::digest(&content));
        }
        Ok(Self {
            address,
            tls,
            connect_timeout: config.connect_timeout,
            files: files.finalize().to_vec(),
        })
    }

    /// Whether the files have the same content.
    pub(super) fn has_files_of(&self, other: &Self) -> bool {
        self.files == other.files
    }

    /// Whether a receiver can begin anew without being noticed. Datagrams have no beginning.
    pub(super) fn is_connection(&self) -> bool {
        self.address.scheme != TakScheme::Udp
    }

    pub(super) async fn connect(&self) -> Result<Link, String> {
        let within = self.connect_timeout;
        match timeout(within, self.open()).await {
            Ok(opened) => opened.map_err(|error| error.to_string()),
            Err(_) => Err(format!(
                "no connection within {}",
                humantime::format_duration(within)
            )),
        }
    }

    async fn open(&self) -> io::Result<Link> {
        let TakAddress { scheme, host, port } = &self.address;
        let addresses = lookup_host((host.as_str(), *port)).await?;
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in addresses {
            let opened = match scheme {
                TakScheme::Udp => datagrams(address).await.map(Link::of_datagrams),
                TakScheme::Tcp | TakScheme::Tls => match stream(address).await {
                    Ok(stream) => self.around(stream).await,
                    Err(error) => Err(error),
                },
            };
            match opened {
                Ok(link) => return Ok(link),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn around(&self, stream: TcpStream) -> io::Result<Link> {
        let stream = stream.into_std()?;
        let socket = TcpStream::from_std(stream.try_clone()?)?;
        let stream = TcpStream::from_std(stream)?;
        let Some((connector, name)) = &self.tls else {
            let (reader, writer) = stream.into_split();
            return Ok(Link::of_stream(socket, reader, writer));
        };
        let stream = connector.connect(name.clone(), stream).await?;
        let (reader, writer) = tokio::io::split(stream);
        Ok(Link::of_stream(socket, reader, writer))
    }
}

impl Link {
    fn of_datagrams(socket: UdpSocket) -> Self {
        Self {
            writer: Writer::Datagrams(socket),
            reader: None,
        }
    }

    fn of_stream(
        socket: TcpStream,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            writer: Writer::Stream(Box::new(writer)),
            reader: Some(Reader {
                stream: Box::new(reader),
                socket,
            }),
        }
    }
}

impl Writer {
    /// Sends an event.
    pub(super) async fn send(&mut self, event: &[u8]) -> io::Result<()> {
        match self {
            Self::Datagrams(socket) => socket.send(event).await.map(drop),
            Self::Stream(stream) => {
                stream.write_all(event).await?;
                stream.flush().await
            }
        }
    }

    /// Lets the receiver know that nothing more comes.
    pub(super) async fn close(mut self) {
        if let Self::Stream(stream) = &mut self {
            // A receiver that is gone needs no farewell.
            timeout(CLOSE_TIMEOUT, stream.shutdown()).await.ok();
        }
    }
}

impl Reader {
    /// Drops what the receiver sends, so that it never waits for this server. Ends when the receiver sends nothing more,
    /// which does not mean that it reads nothing more.
    pub(super) async fn until_silent(&mut self) -> Result<(), String> {
        let mut dropped = [0; 1024];
        loop {
            match self.stream.read(&mut dropped).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Ends with the reason when nothing can be sent any more. The system knows it when a receiver that is gone was sent
    /// something.
    pub(super) async fn until_gone(self) -> String {
        let failed = match self.socket.ready(Interest::ERROR).await {
            Ok(_) => self.socket.take_error(),
            Err(error) => Err(error),
        };
        match failed {
            Ok(Some(error)) | Err(error) => error.to_string(),
            Ok(None) => "the receiver closed the connection".to_owned(),
        }
    }
}

/// A socket that sends to one address. A multicast group is reached by the route that the system has for it.
async fn datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}

async fn stream(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn tls(
    config: &Tak,
    address: &TakAddress,
) -> Result<(TlsConnector, ServerName<'static>), FileFault> {
    let name = ServerName::try_from(config.certified_name(address))
        .map_err(|error| ("server_name", error.to_string()))?;
    let roots = trusted_roots(&config.ca_file).map_err(|CaFileError { path, reason }| {
        ("ca_file", format!("{}: {reason}", path.display()))
    })?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need")
        .with_root_certificates(roots);
    let client = if config.cert_file.as_os_str().is_empty() {
        builder.with_no_client_auth()
    } else {
        let (chain, key) = identity(&config.cert_file, &config.key_file)?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| ("cert_file", error.to_string()))?
    };
    Ok((TlsConnector::from(Arc::new(client)), name))
}

/// The certificate by which this server shows who it is, and its key. No error has anything of the key.
fn identity(
    cert_file: &Path,
    key_file: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), FileFault> {
    let text = read("cert_file", cert_file)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| {
        let what = "it has no certificate in PEM form";
        ("cert_file", format!("{}: {what}", cert_file.display()))
    })?;
    let text = read("key_file", key_file)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let what = "it has no private key in PEM form, or one with a password";
        ("key_file", format!("{}: {what}", key_file.display()))
    })?;
    Ok((chain, key))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, FileFault> {
    fs::read(path).map_err(|error| (key, format!("{}: {error}", path.display())))
}
