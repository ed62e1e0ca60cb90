//! Connections of commands to a server.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scanpost::config::{ListenAddress, Server};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    end: End,
    /// Before the path, without a slash at its end.
    prefix: String,
    /// Whether the connection is encrypted.
    is_tls: bool,
    /// A file with certificates to trust, besides those that browsers trust.
    ca_file: Option<PathBuf>,
}

/// What to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// Host and port.
    Tcp(String),
    Unix(PathBuf),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => f.write_str(authority),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Target {
    /// Reads the address of a server.
    pub(super) fn read(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::at(End::Unix(path.into())));
        }
        let secure = url.strip_prefix("https://");
        let is_tls = secure.is_some();
        let rest = secure
            .or(url.strip_prefix("http://"))
            .ok_or("expected an address that begins with http://, https:// or unix:")?;
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || host.contains('@') {
            return Err("expected a host, such as in http://127.0.0.1:2501".to_owned());
        }
        let port = host.rsplit_once(':').map(|(_, port)| port);
        let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
        let port = match (has_port, is_tls) {
            (true, _) => "",
            (false, true) => ":443",
            (false, false) => ":80",
        };
        Ok(Self {
            prefix: prefix.trim_end_matches('/').to_owned(),
            is_tls,
            ..Self::at(End::Tcp(format!("{host}{port}")))
        })
    }

    /// A server with this configuration, on this machine.
    pub(super) fn of_server(server: &Server) -> io::Result<Self> {
        // There is at least one.
        let first = server.listen.addresses().first();
        Ok(Self::of_listener(
            first.ok_or(io::Error::from(io::ErrorKind::AddrNotAvailable))?,
        ))
    }

    /// A server behind a Unix domain socket.
    pub(super) fn of_socket(path: PathBuf) -> Self {
        Self::at(End::Unix(path))
    }

    const fn at(end: End) -> Self {
        Self {
            end,
            prefix: String::new(),
            is_tls: false,
            ca_file: None,
        }
    }

    /// Trusts the certificates in a file too.
    pub(super) fn trusting(self, ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, ..self }
    }

    /// A server on this machine that listens on `address`.
    fn of_listener(address: &ListenAddress) -> Self {
        let end = match address {
            ListenAddress::Tcp(address) => {
                let ip = match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                };
                End::Tcp(SocketAddr::new(ip, address.port()).to_string())
            }
            ListenAddress::Unix(path) => End::Unix(path.clone()),
        };
        Self::at(end)
    }

    /// Before each path, without a slash at its end.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the header `Host` has.
    pub(super) fn host(&self) -> &str {
        match &self.end {
            End::Tcp(authority) => authority,
            End::Unix(_) => "localhost",
        }
    }

    /// Connects. Reading and writing may each wait so long.
    pub(super) fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Connection>> {
        let authority = match &self.end {
            End::Tcp(authority) => authority,
            End::Unix(socket) => {
                let stream = UnixStream::connect(socket)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                return Ok(Box::new(stream));
            }
        };
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Err(error) => last = error,
                Ok(stream) => {
                    stream.set_read_timeout(Some(timeout))?;
                    stream.set_write_timeout(Some(timeout))?;
                    return if self.is_tls {
                        secure(stream, authority, self.ca_file.as_deref())
                    } else {
                        Ok(Box::new(stream))
                    };
                }
            }
        }
        Err(last)
    }
}

/// Encrypts a connection. The handshake is made with the first write.
fn secure(
    stream: TcpStream,
    authority: &str,
    ca_file: Option<&Path>,
) -> io::Result<Box<dyn Connection>> {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let unusable = |error: &dyn fmt::Display| {
            io::Error::other(format!("cannot use {}: {error}", path.display()))
        };
        let built_in = roots.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.len() == built_in {
            return Err(unusable(&"no certificate is in it"));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(connection, stream)))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.end.fmt(f)
    }
}

/// A connection to a server.
pub(super) trait Connection: Read + Write {}

impl<C: Read + Write> Connection for C {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_perhaps_a_port_and_a_prefix() {
        for (url, authority, prefix) in [
            ("http://127.0.0.1:2501", "127.0.0.1:2501", ""),
            ("http://scan.example/", "scan.example:80", ""),
            ("http://[::1]/kismet/", "[::1]:80", "/kismet"),
            ("http://[::1]:8080/k", "[::1]:8080", "/k"),
            ("https://scan.example/k", "scan.example:443", "/k"),
            ("https://[::1]:8443", "[::1]:8443", ""),
        ] {
            let target = Target::read(url).unwrap();
            assert_eq!(target.end, End::Tcp(authority.to_owned()));
            assert_eq!(target.prefix, prefix);
            assert_eq!(target.is_tls, url.starts_with("https:"));
        }
        let socket = Target::read("unix:/run/s.sock").unwrap();
        assert_eq!(socket.end, End::Unix("/run/s.sock".into()));
        for url in [
            "",
            "unix:",
            "https://",
            "http://",
            "http:///x",
            "http://a@b",
        ] {
            assert!(Target::read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, authority) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("192.0.2.1:3", "192.0.2.1:3"),
            ("unix:/run/s.sock", "unix:/run/s.sock"),
        ] {
            let target = Target::of_listener(&listen.parse().unwrap());
            assert_eq!(target.end.to_string(), authority);
        }
    }
}
