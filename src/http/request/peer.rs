//! The client of a request, as far as it is known.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::Extensions;

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Client(pub(in crate::http) IpAddr);

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

/// The address that a request came from; unspecified if it is not known.
pub(in crate::http) fn client(extensions: &Extensions) -> IpAddr {
    let client = extensions.get::<Client>();
    client.map_or(Ipv4Addr::UNSPECIFIED.into(), |client| client.0)
}

/// Whether a request is known to come from this machine.
pub(in crate::http) fn is_here(extensions: &Extensions) -> bool {
    let client = extensions.get::<Client>();
    client.is_some_and(|client| client.0.to_canonical().is_loopback())
}
