//! `scanpost health`: asks a running server whether it runs, for containers and monitors.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{CommandError, ConfigArgs, EXIT_FAILED, load, print_error};
use scanpost::config::{ListenAddress, Overrides};

/// Longest time to connect, and longest time to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The answer is one line of JSON.
const ANSWER_BYTES_MAX: u64 = 65_536;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address of the server, such as `http://127.0.0.1:2501` or `unix:/run/scanpost/scanpost.sock`, instead of the first
    /// one of `server.listen`.
    #[arg(long, value_name = "URL", value_parser = Target::read)]
    url: Option<Target>,
    /// Asks also whether the server takes reports.
    #[arg(long)]
    ready: bool,
}

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
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
    fn read(url: &str) -> Result<Self, String> {
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

    fn ask(&self, path: &str) -> io::Result<String> {
        let authority = match &self.end {
            End::Tcp(authority) => authority,
            End::Unix(socket) => {
                let stream = UnixStream::connect(socket)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return self.ask_over(stream, "localhost", path);
            }
        };
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in authority.to_socket_addrs()? {
            match self.ask_at(address, authority, path) {
                Err(error) => last = error,
                answer => return answer,
            }
        }
        Err(last)
    }

    fn ask_at(&self, address: SocketAddr, authority: &str, path: &str) -> io::Result<String> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        self.ask_over(stream, authority, path)
    }

    fn ask_over(
        &self,
        mut stream: impl Read + Write,
        host: &str,
        path: &str,
    ) -> io::Result<String> {
        let prefix = &self.prefix;
        write!(
            stream,
            "GET {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

pub(super) fn run(args: &HealthArgs) -> Result<ExitCode, CommandError> {
    let target = if let Some(target) = &args.url {
        target.clone()
    } else {
        let server = load(&args.config, Overrides::default())?.server;
        // There is at least one.
        let first = server.listen.addresses().first();
        Target::of_listener(first.ok_or(io::Error::from(io::ErrorKind::AddrNotAvailable))?)
    };
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let failed = match target.ask(path) {
        Ok(answer) if is_well(&answer, args.ready) => {
            writeln!(io::stdout(), "{} is well", target.end)?;
            return Ok(ExitCode::SUCCESS);
        }
        Ok(answer) => {
            let reason = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
            format!("{} answered: {}", target.end, reason.trim())
        }
        Err(error) => format!("{} does not answer: {error}", target.end),
    };
    print_error(&failed);
    Ok(ExitCode::from(EXIT_FAILED))
}

/// A port that speaks TLS refuses plain HTTP, and so shows that the server runs; not whether it is ready.
fn is_well(answer: &str, ready: bool) -> bool {
    let is_tls = !ready && answer.contains(r#""code":"https_required""#);
    answer.starts_with("HTTP/1.1 200 ") || is_tls
}

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
