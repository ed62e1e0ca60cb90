//! The client of a request, as far as it is known.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Extensions;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::http) enum Client {
    At(IpAddr),
    /// A program that came by a Unix domain socket. It is on this machine, but it may be a proxy that forwards requests
    /// of others, so it has no rights by that.
    Socket,
    /// Somebody behind a proxy that does not tell an address. Never this machine.
    Unknown,
}

impl Client {
    /// With IPv4 addresses in their own form.
    pub(in crate::http) fn canonical(self) -> Self {
        match self {
            Self::At(address) => Self::At(address.to_canonical()),
            other => other,
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Socket => f.write_str("unix socket"),
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

/// The address that a request came from. All unknown clients share the unspecified address, so they count as one, and
/// those that come by a Unix domain socket share that of IPv6.
pub(in crate::http) fn client(extensions: &Extensions) -> IpAddr {
    match extensions.get() {
        Some(Client::At(address)) => *address,
        Some(Client::Socket) => Ipv6Addr::UNSPECIFIED.into(),
        Some(Client::Unknown) | None => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Whether a request is known to come from this machine.
pub(in crate::http) fn is_here(extensions: &Extensions) -> bool {
    match extensions.get() {
        Some(Client::At(address)) => address.to_canonical().is_loopback(),
        Some(Client::Socket | Client::Unknown) | None => false,
    }
}
