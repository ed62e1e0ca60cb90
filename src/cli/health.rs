//! `scanpost health`: asks a running server whether it runs, for containers and monitors.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{CommandError, ConfigArgs, EXIT_FAILED, load, print_error};
use scanpost::config::Overrides;

/// Longest time to connect, and longest time to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The answer is one line of JSON.
const ANSWER_BYTES_MAX: u64 = 65_536;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address of the server, such as `http://127.0.0.1:2501`, instead of `server.listen`.
    #[arg(long, value_name = "URL", value_parser = Target::read)]
    url: Option<Target>,
    /// Asks also whether the server takes reports.
    #[arg(long)]
    ready: bool,
}

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Host and port.
    authority: String,
    /// Before the path, without a slash at its end.
    prefix: String,
}

impl Target {
    fn read(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("expected an address that begins with http://")?;
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || host.contains('@') {
            return Err("expected a host, such as in http://127.0.0.1:2501".to_owned());
        }
        let port = host.rsplit_once(':').map(|(_, port)| port);
        let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
        let port = if has_port { "" } else { ":80" };
        Ok(Self {
            authority: format!("{host}{port}"),
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }

    /// A server on this machine that listens on `address`.
    fn of_listener(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Self {
            authority: SocketAddr::new(ip, address.port()).to_string(),
            prefix: String::new(),
        }
    }

    fn ask(&self, path: &str) -> io::Result<String> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.authority.to_socket_addrs()? {
            match self.ask_at(address, path) {
                Err(error) => last = error,
                answer => return answer,
            }
        }
        Err(last)
    }

    fn ask_at(&self, address: SocketAddr, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let Self { authority, prefix } = self;
        write!(
            stream,
            "GET {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

pub(super) fn run(args: &HealthArgs) -> Result<ExitCode, CommandError> {
    let target = match &args.url {
        Some(target) => target.clone(),
        None => Target::of_listener(load(&args.config, Overrides::default())?.server.listen),
    };
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let failed = match target.ask(path) {
        Ok(answer) if is_well(&answer, args.ready) => {
            writeln!(io::stdout(), "{} is well", target.authority)?;
            return Ok(ExitCode::SUCCESS);
        }
        Ok(answer) => {
            let reason = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
            format!("{} answered: {}", target.authority, reason.trim())
        }
        Err(error) => format!("{} does not answer: {error}", target.authority),
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
            assert_eq!((&*target.authority, &*target.prefix), (authority, prefix));
        }
        for url in ["", "https://a", "http://", "http:///x", "http://a@b"] {
            assert!(Target::read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, authority) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("192.0.2.1:3", "192.0.2.1:3"),
        ] {
            let target = Target::of_listener(listen.parse().unwrap());
            assert_eq!(target.authority, authority);
        }
    }
}
