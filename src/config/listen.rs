//! `server.listen`: the addresses that the server listens on.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Begins the name of a Unix domain socket.
const SOCKET: &str = "unix:";
/// Longest path of a socket, in bytes. The system takes 107, and a new socket has a longer name for a moment.
const PATH_BYTES_MAX: usize = 100;
/// Most addresses of one server.
const ADDRESSES_MAX: usize = 16;

/// An address that the server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix domain socket.
    Unix(PathBuf),
}

/// The addresses that the server listens on, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen(Vec<ListenAddress>);

/// A text names no address to listen on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadListen(String);

impl Listen {
    /// The addresses in the order in which they were written.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.0
    }

    fn of_texts<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Self, BadListen> {
        let addresses: Vec<_> = texts.map(str::parse).collect::<Result<_, _>>()?;
        if !(1..=ADDRESSES_MAX).contains(&addresses.len()) {
            return Err(BadListen(format!("must be 1 to {ADDRESSES_MAX} addresses")));
        }
        Ok(Self(addresses))
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self(vec![ListenAddress::Tcp(address)])
    }
}

impl FromStr for ListenAddress {
    type Err = BadListen;

    fn from_str(text: &str) -> Result<Self, BadListen> {
        if let Some(path) = text.strip_prefix(SOCKET) {
            let is_path = Path::new(path).is_absolute() && !path.ends_with('/');
            if !is_path || PATH_BYTES_MAX < path.len() {
                return Err(BadListen(format!(
                    "must name a socket by an absolute path of at most {PATH_BYTES_MAX} bytes, such as \"unix:/run/scanpost/scanpost.sock\", not `{text}`"
                )));
            }
            return Ok(Self::Unix(path.into()));
        }
        let address = text.parse().map_err(|_| {
            BadListen(format!(
                "must be a socket address such as \"127.0.0.1:2501\" or \"unix:/run/scanpost/scanpost.sock\", or a list of them, not `{text}`"
            ))
        });
        Ok(Self::Tcp(address?))
    }
}

/// Several addresses are separated by commas, as in environment variables.
impl FromStr for Listen {
    type Err = BadListen;

    fn from_str(text: &str) -> Result<Self, BadListen> {
        Self::of_texts(text.split(',').map(str::trim))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{SOCKET}{}", path.display()),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.addresses() {
            [one] => serializer.collect_str(one),
            several => serializer.collect_seq(several.iter().map(ToString::to_string)),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Several(Vec<String>),
        }
        let listen = match Written::deserialize(deserializer)? {
            Written::One(text) => text.parse(),
            Written::Several(texts) => Self::of_texts(texts.iter().map(String::as_str)),
        };
        listen.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for text in [
            "127.0.0.1:2501",
            "[::]:0",
            "unix:/run/scanpost/scanpost.sock",
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let listen: Listen = "127.0.0.1:1, unix:/s".parse().unwrap();
        assert_eq!(listen.addresses().len(), 2);
        for text in [
            "",
            "localhost",
            "127.0.0.1",
            "unix:",
            "unix:s.sock",
            "unix:/run/",
            "127.0.0.1:1,",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_bounds_hold() {
        let path = |bytes: usize| format!("unix:/{}", "x".repeat(bytes - 1));
        assert!(path(PATH_BYTES_MAX).parse::<Listen>().is_ok());
        assert!(path(PATH_BYTES_MAX + 1).parse::<Listen>().is_err());
        let many = |count| vec!["127.0.0.1:0"; count].join(",");
        assert!(many(ADDRESSES_MAX).parse::<Listen>().is_ok());
        assert!(many(ADDRESSES_MAX + 1).parse::<Listen>().is_err());
    }
}
