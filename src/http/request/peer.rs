//! Who is at the other end of a connection, as far as is known.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::Extensions;

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Client(pub(in crate::http) IpAddr);

/// Whether the client's own connection is encrypted. Unknown, and absent, behind a proxy that does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Scheme {
    Http,
    Https,
}

/// What the client calls this server, when it does not ask itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct ForwardedHost(pub(in crate::http) String);

impl Scheme {
    pub(in crate::http) fn is_https(extensions: &Extensions) -> bool {
        extensions.get() == Some(&Self::Https)
    }
}

/// The address that a request came from, as far as is known.
pub(in crate::http) fn client(extensions: &Extensions) -> IpAddr {
    let client = extensions.get::<Client>();
    client.map_or(Ipv4Addr::UNSPECIFIED.into(), |client| client.0)
}

/// Whether a request comes from this machine, as far as is known.
pub(in crate::http) fn is_here(extensions: &Extensions) -> bool {
    let client = extensions.get::<Client>();
    client.is_some_and(|client| client.0.to_canonical().is_loopback())
}
