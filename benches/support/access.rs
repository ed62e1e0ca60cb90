//! How a bench gets into a server that asks for credentials: with an API key, and over TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use scanpost::auth::{Credentials, Role};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Result;

const NAME: &str = "localhost";

/// What a client needs besides the address.
#[derive(Default)]
pub(crate) struct Access {
    key: Option<String>,
    tls: Option<Arc<ClientConfig>>,
}

impl Access {
    /// Creates an administrator's key in a data directory.
    pub(crate) fn with_key(data: &Path) -> Result<Self> {
        let key = Credentials::open(data)?.create_key("bench", Role::Admin, None, 0)?;
        Ok(Self {
            key: Some(key.reveal().to_owned()),
            tls: None,
        })
    }

    /// Also creates a certificate, in the files that the server reads.
    pub(crate) fn with_key_and_tls(data: &Path) -> Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
        let [certificate, key] = tls_files(data);
        fs::write(certificate, cert.pem())?;
        fs::write(key, signing_key.serialize_pem())?;
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;
        let client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: Some(Arc::new(client)),
            ..Self::with_key(data)?
        })
    }

    /// The header lines that a request needs.
    pub(crate) fn headers(&self) -> String {
        let key = self.key.as_ref();
        key.map_or_else(String::new, |key| {
            format!("authorization: Bearer {key}\r\n")
        })
    }

    /// Connects, and blocks while it reads and writes.
    pub(crate) fn connect(&self, address: SocketAddr) -> Result<Box<dyn Duplex>> {
        let stream = TcpStream::connect(address)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let session = ClientConnection::new(Arc::clone(tls), server_name()?)?;
                Box::new(StreamOwned::new(session, stream))
            }
        })
    }

    /// Connects for a client that serves many connections on one thread.
    pub(crate) async fn open(&self, address: SocketAddr) -> Result<Box<dyn AsyncDuplex>> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let connector = TlsConnector::from(Arc::clone(tls));
                Box::new(connector.connect(server_name()?, stream).await?)
            }
        })
    }
}

/// The certificate and its key.
pub(crate) fn tls_files(data: &Path) -> [PathBuf; 2] {
    ["bench-certificate.pem", "bench-key.pem"].map(|name| data.join(name))
}

fn server_name() -> Result<ServerName<'static>> {
    Ok(ServerName::try_from(NAME)?)
}

pub(crate) trait Duplex: Read + Write {}

impl<S: Read + Write> Duplex for S {}

pub(crate) trait AsyncDuplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> AsyncDuplex for S {}
