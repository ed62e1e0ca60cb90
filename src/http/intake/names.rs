//! What a request says of its sender, for formats whose bodies do not name their source.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::Request;
use axum::http::header::USER_AGENT;

use crate::auth::Principal;
use crate::http::request::peer::client;
use crate::http::request::proofs::query;
use crate::http::request::sender::Sender;
use crate::ingest::format::SenderNames;
use crate::report::source_name;

pub(super) fn of(sender: &Sender, request: &Request) -> SenderNames {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let credential = match sender {
        Sender::Known(Principal::User(name) | Principal::Key(name)) => Some(name.as_ref().into()),
        Sender::Unknown(_) => None,
    };
    let given = query(request.uri(), "source").and_then(|name| said(&name));
    SenderNames {
        credential,
        given: given.or_else(|| header("x-nickname").and_then(|name| said(&name))),
        program: header(USER_AGENT.as_str()).and_then(|name| said(&name)),
        address: Some(place(client(request.extensions())).to_string().into()),
    }
}

/// A name that a request gives. It becomes that of a source, so it has no control characters.
fn said(text: &str) -> Option<Box<str>> {
    source_name(text.trim(), usize::MAX)
}

/// The part of an address that stays: the second half of an IPv6 address changes every day.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}
