//! The client of a request, as far as it is known.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use axum::http::Extensions;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Client {
    At(IpAddr),
    /// Somebody behind a proxy that does not tell an address. Never this machine.
    Unknown,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Whether the client's own connection is encrypted. Absent if a proxy does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Scheme {
    Http,
    Https,
}

/// The name by which the client calls this server, if a proxy forwards its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct ForwardedHost(pub(in crate::http) String);

impl Scheme {
    pub(in crate::http) fn is_https(extensions: &Extensions) -> bool {
        extensions.get() == Some(&Self::Https)
    }
}

/// The address that a request came from. All unknown clients share the unspecified address, so they count as one.
pub(in crate::http) fn client(extensions: &Extensions) -> IpAddr {
    match extensions.get() {
        Some(Client::At(address)) => *address,
        Some(Client::Unknown) | None => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Whether a request is known to come from this machine.
pub(in crate::http) fn is_here(extensions: &Extensions) -> bool {
    match extensions.get() {
        Some(Client::At(address)) => address.to_canonical().is_loopback(),
        Some(Client::Unknown) | None => false,
    }
}
