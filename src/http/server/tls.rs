//! TLS, with a certificate that can be replaced while the server runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use tracing::{error, info};

use crate::config::Server;

/// The first byte of a connection that speaks TLS: a record of a handshake.
const HANDSHAKE: u8 = 22;
/// What a client hears that speaks plain HTTP.
const SPEAK_TLS: &str = concat!(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 91\r\n\r\n",
    r#"{"code":"https_required","status":"this port speaks HTTPS, not plain HTTP","success":false}"#
);

/// Why there is no TLS with the files that are configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not PEM, or has nothing of what it is for.
    #[error("{} has no {what} in PEM form", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What was found.
        source: pem::Error,
    },
    /// The certificate or the key cannot be used, or one is not the other's.
    #[error("the certificate in {} and the key in {} cannot be used", certificate.display(), key.display())]
    Unusable {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// Takes TLS connections.
#[derive(Debug)]
pub(crate) struct Tls {
    current: watch::Sender<Arc<ServerConfig>>,
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// With the files that are configured, if there are any.
    pub(crate) fn open(server: &Server) -> Result<Option<Self>, TlsError> {
        let Some(files) = Files::of(server) else {
            return Ok(None);
        };
        let (current, _) = watch::channel(files.read()?);
        Ok(Some(Self { current }))
    }

    /// Speaks TLS on a connection, below which `around` puts something.
    pub(in crate::http) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: TcpStream,
        around: impl FnOnce(TcpStream) -> S,
    ) -> io::Result<TlsStream<S>> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first != [HANDSHAKE] {
            refuse(&mut stream).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no TLS"));
        }
        let config = Arc::clone(&self.current.borrow());
        TlsAcceptor::from(config).accept(around(stream)).await
    }

    /// Reads the configured files again. Open connections go on with the certificate with which they began.
    pub(crate) async fn reload(&self, server: &Server) {
        let Some(files) = Files::of(server) else {
            return;
        };
        match spawn_blocking(move || files.read()).await {
            Ok(Ok(config)) => {
                self.current.send_replace(config);
                info!("the certificate was read again");
            }
            Ok(Err(error)) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                error!(%error, source, "the certificate stays as it was, the new one cannot be used");
            }
            Err(error) => error!(%error, "the certificate stays as it was"),
        }
    }
}

impl Files {
    /// The configured files. `None` without TLS.
    fn of(server: &Server) -> Option<Self> {
        let has_tls = !server.tls_certificate.as_os_str().is_empty();
        has_tls.then(|| Self {
            certificate: server.tls_certificate.clone(),
            key: server.tls_key.clone(),
        })
    }

    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let no_certificate = |source| TlsError::Pem {
            path: self.certificate.clone(),
            what: "certificate",
            source,
        };
        let text = read(&self.certificate)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(no_certificate)?;
        if chain.is_empty() {
            return Err(no_certificate(pem::Error::NoItemsFound));
        }
        let text = read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|source| TlsError::Pem {
            path: self.key.clone(),
            what: "private key",
            source,
        })?;
        let unusable = |source| TlsError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        };
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// As with one connection too many: what is sent is read to its end, or closing would take the answer away.
async fn refuse(stream: &mut TcpStream) -> io::Result<()> {
    let mut sent = [0; 1024];
    if 0 < stream.read(&mut sent).await? {
        stream.write_all(SPEAK_TLS.as_bytes()).await?;
    }
    stream.shutdown().await?;
    while 0 < stream.read(&mut sent).await? {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_tells_its_length() {
        let (head, body) = SPEAK_TLS.split_once("\r\n\r\n").unwrap();
        let length = format!("Content-Length: {}", body.len());
        assert!(head.contains(&length), "{length}");
    }
}
