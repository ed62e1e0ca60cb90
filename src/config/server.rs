//! `[server]`: address, data directory, name, proxies and TLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use etcetera::BaseStrategy;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ConfigError, DAY, HOUR, Listen, time};
use crate::setting_text::duration_text;

/// Stands in the list of proxies for those that come by a Unix domain socket.
pub(crate) const SOCKET_PROXY: &str = "unix:";

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Addresses to listen on, one or a list: an address and a port, or `unix:` and the path of a socket. With port 0 the
    /// system chooses one. Default `127.0.0.1:2501`, Kismet's port.
    pub listen: Listen,
    /// Mode of the files of Unix domain sockets, in octal. Default `0660`.
    pub unix_socket_mode: String,
    /// Data directory, as configured. Default empty: see [`Server::data_dir`].
    pub data_dir: PathBuf,
    /// The server's name, shown as `kismet.system.server_name`. Default `scanpost`.
    pub name: String,
    /// Description of the server, free text. Default empty.
    pub description: String,
    /// Location of the server, free text. Default empty.
    pub location: String,
    /// Longest time that requests in flight may take to finish when the server stops. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub shutdown_grace: Duration,
    /// Origins of web pages on other addresses that may use this server from a browser. Default none.
    pub cors_origins: Vec<String>,
    /// Prefix of all paths, such as `/kismet`, if a proxy passes one on. Default empty.
    pub uri_prefix: String,
    /// Addresses and networks of proxies whose `X-Forwarded-*` headers are trusted, and `unix:` for those that come by a
    /// Unix domain socket. Default none.
    pub proxies: Vec<String>,
    /// Names by which clients may call this server, in `Host`. Default none: the names of this machine on a loopback
    /// address, any name elsewhere.
    pub hosts: Vec<String>,
    /// How long browsers that came by TLS use nothing else. `0s` sends no `Strict-Transport-Security`. Default 1 year.
    #[serde(with = "duration_text")]
    pub hsts_max_age: Duration,
    /// PEM file with the certificate and its intermediate certificates. Default empty: no TLS.
    pub tls_certificate: PathBuf,
    /// PEM file with the key of the certificate. Default empty: no TLS.
    pub tls_key: PathBuf,
}

impl Server {
    /// The data directory: the configured one, else `scanpost` in the platform's folder for application data.
    pub fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        let home = etcetera::choose_base_strategy().ok();
        self.data_dir_within(home.map(|home| home.data_dir()))
    }

    /// The mode of the files of Unix domain sockets.
    pub(crate) fn socket_mode(&self) -> u32 {
        // The configuration has been checked.
        socket_mode(&self.unix_socket_mode).unwrap_or(0o600)
    }

    pub(super) fn data_dir_within(
        &self,
        data_home: Option<PathBuf>,
    ) -> Result<PathBuf, ConfigError> {
        match data_home {
            _ if !self.data_dir.as_os_str().is_empty() => Ok(self.data_dir.clone()),
            Some(home) => Ok(home.join("scanpost")),
            None => Err(ConfigError::NoDataHome),
        }
    }
}

impl Server {
    /// Checks each key alone. The error holds only the reason: the caller knows the key.
    pub(super) fn check_each(&self) -> Result<(), String> {
        time(self.shutdown_grace, Duration::ZERO..=HOUR)?;
        self.cors_origins.iter().try_for_each(|text| origin(text))?;
        uri_prefix(&self.uri_prefix)?;
        socket_mode(&self.unix_socket_mode)?;
        let addresses = self.proxies.iter().filter(|text| **text != SOCKET_PROXY);
        let mut addresses = addresses.map(|text| proxy(text));
        addresses.try_for_each(|network| network.map(drop))?;
        self.hosts.iter().try_for_each(|text| host(text))?;
        time(self.hsts_max_age, Duration::ZERO..=DAY * 730)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 2501)).into(),
            unix_socket_mode: "0660".to_owned(),
            data_dir: PathBuf::new(),
            name: "scanpost".to_owned(),
            description: String::new(),
            location: String::new(),
            shutdown_grace: Duration::from_secs(10),
            cors_origins: Vec::new(),
            uri_prefix: String::new(),
            proxies: Vec::new(),
            hosts: Vec::new(),
            hsts_max_age: DAY * 365,
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
        }
    }
}

/// Parses the mode of a file. The owner has to be able to use it.
fn socket_mode(text: &str) -> Result<u32, String> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u32::from_str_radix(text, 8).ok().filter(|_| is_octal);
    match mode {
        Some(mode) if mode <= 0o777 && mode & 0o600 == 0o600 => Ok(mode),
        _ => Err(format!(
            "must be the mode of a file in octal that lets its owner read and write, such as \"0660\", not `{text}`"
        )),
    }
}

/// Checks an origin. `*` is refused: it would let every web page act with the user's rights.
fn origin(text: &str) -> Result<(), String> {
    let authority = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte);
    match authority {
        Some(authority) if !authority.is_empty() && authority.bytes().all(is_part) => Ok(()),
        _ => Err(format!(
            "must be origins such as \"https://map.example\" or \"http://localhost:3000\", without a path, not `{text}`"
        )),
    }
}

/// Checks the name of a host, without scheme and port. Addresses need no brackets.
fn host(text: &str) -> Result<(), String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_name = !text.is_empty() && text.len() < 254 && text.bytes().all(is_part);
    if is_name || text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err(format!(
        "must be names such as \"scan.example\" or addresses, without scheme and port, not `{text}`"
    ))
}

/// Allows only characters that have no second, percent-encoded spelling.
fn uri_prefix(text: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(is_plain) && !part.bytes().all(|byte| byte == b'.')
    };
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(()),
        Some(parts) if parts.split('/').all(is_part) => Ok(()),
        _ => Err(
            "must be empty or a path such as \"/kismet\": it begins with /, does not end with /, and has only letters, digits, `-`, `.`, `_` and `~` between slashes"
                .to_owned(),
        ),
    }
}

/// Parses a network of proxies, or the address of one. A network of everybody is refused: each client could then tell
/// that it is another one.
pub(crate) fn proxy(text: &str) -> Result<IpNet, String> {
    let network = network(text)?;
    if network.prefix_len() == 0 {
        return Err(format!(
            "must not be everybody: `{text}` would let each client claim any address, also that of this machine; name the addresses of your proxies"
        ));
    }
    Ok(network)
}

/// Parses a network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = address.or_else(|| text.parse().ok());
    network.ok_or_else(|| {
        format!(
            "must be addresses or networks such as \"127.0.0.1\" or \"10.0.0.0/8\", or \"unix:\", not `{text}`"
        )
    })
}
