//! Connections of commands to a server.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use scanpost::config::{ListenAddress, Server};

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    end: End,
    /// Before the path, without a slash at its end.
    prefix: String,
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
            return Ok(Self {
                end: End::Unix(path.into()),
                prefix: String::new(),
            });
        }
        let rest = url
            .strip_prefix("http://")
            .ok_or("expected an address that begins with http:// or unix:")?;
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || host.contains('@') {
            return Err("expected a host, such as in http://127.0.0.1:2501".to_owned());
        }
        let port = host.rsplit_once(':').map(|(_, port)| port);
        let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
        let port = if has_port { "" } else { ":80" };
        Ok(Self {
            end: End::Tcp(format!("{host}{port}")),
            prefix: prefix.trim_end_matches('/').to_owned(),
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
        Self {
            end: End::Unix(path),
            prefix: String::new(),
        }
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
        Self {
            end,
            prefix: String::new(),
        }
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
                    return Ok(Box::new(stream));
                }
            }
        }
        Err(last)
    }
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
        ] {
            let target = Target::read(url).unwrap();
            assert_eq!(target.end, End::Tcp(authority.to_owned()));
            assert_eq!(target.prefix, prefix);
        }
        let socket = Target::read("unix:/run/s.sock").unwrap();
        assert_eq!(socket.end, End::Unix("/run/s.sock".into()));
        for url in [
            "",
            "unix:",
            "https://a",
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
