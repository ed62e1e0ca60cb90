//! `[server]`: where the server listens, where it keeps its data, what it calls itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use etcetera::BaseStrategy;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ConfigError, HOUR, time};
use crate::setting_text::duration_text;

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on; port 0 lets the system choose. Default `127.0.0.1:2501`, Kismet's port.
    pub listen: SocketAddr,
    /// The folder that holds the server's data, as configured. Default empty: see [`Server::data_dir`].
    pub data_dir: PathBuf,
    /// The server's name, shown as `kismet.system.server_name`. Default `scanpost`.
    pub name: String,
    /// What the server is for, in the operator's words. Default empty.
    pub description: String,
    /// Where the server stands, in the operator's words. Default empty.
    pub location: String,
    /// How long requests in flight may take to finish once the server is told to stop. Default 10 seconds.
    #[serde(with = "duration_text")]
    pub shutdown_grace: Duration,
    /// Origins of other web pages that may use this server from a browser, such as `https://map.example`. Default none.
    pub cors_origins: Vec<String>,
    /// What may stand before every path, such as `/kismet`, where a proxy leaves it there. Default empty.
    pub uri_prefix: String,
    /// Proxies, as addresses and networks, that are believed when they say whom they ask for. Default none.
    pub proxies: Vec<String>,
    /// A PEM file with the certificate to show and those it depends on. Default empty: no TLS.
    pub tls_certificate: PathBuf,
    /// A PEM file with the certificate's key. Default empty: no TLS.
    pub tls_key: PathBuf,
}

impl Server {
    /// The folder that holds the server's data: the configured one, else `scanpost` in the
    /// platform's folder for application data.
    pub fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        let home = etcetera::choose_base_strategy().ok();
        self.data_dir_within(home.map(|home| home.data_dir()))
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
    /// What holds for each key by itself. The error is the reason alone: the caller knows the key.
    pub(super) fn check_each(&self) -> Result<(), String> {
        time(self.shutdown_grace, Duration::ZERO..=HOUR)?;
        self.cors_origins.iter().try_for_each(|text| origin(text))?;
        uri_prefix(&self.uri_prefix)?;
        self.proxies
            .iter()
            .try_for_each(|text| network(text).map(drop))
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 2501).into(),
            data_dir: PathBuf::new(),
            name: "scanpost".to_owned(),
            description: String::new(),
            location: String::new(),
            shutdown_grace: Duration::from_secs(10),
            cors_origins: Vec::new(),
            uri_prefix: String::new(),
            proxies: Vec::new(),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
        }
    }
}

/// An origin as browsers write it. There is no `*`: it would let every page use what the user may.
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

/// Whole parts of a path, in characters that nobody writes in two ways.
fn uri_prefix(text: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(is_plain) && !part.bytes().all(|byte| byte == b'.')
    };
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(()),
        Some(parts) if parts.split('/').all(is_part) => Ok(()),
        _ => Err(
            "must be empty or such as \"/kismet\": a / at the start, none at the end, and between them letters, digits, `-`, `.`, `_` and `~`"
                .to_owned(),
        ),
    }
}

/// A network, or an address alone.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = address.or_else(|| text.parse().ok());
    network.ok_or_else(|| {
        format!(
            "must be addresses or networks such as \"127.0.0.1\" or \"10.0.0.0/8\", not `{text}`"
        )
    })
}
