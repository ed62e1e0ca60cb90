//! Who sends a request, as limits see it.

use axum::http::Extensions;

use super::peer::client;
use crate::auth::{ClientNetwork, Principal, Standing};

/// Whoever the login or key is of, else the network that the request came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::http) enum Sender {
    Known(Principal),
    Unknown(ClientNetwork),
}

impl Sender {
    pub(in crate::http) fn of(extensions: &Extensions) -> Self {
        match extensions.get::<Standing>() {
            Some(standing) => Self::Known(standing.identity.principal.clone()),
            None => Self::Unknown(ClientNetwork::of(client(extensions))),
        }
    }

    /// The login or key as bytes, without a zero among them: names have no control characters.
    pub(in crate::http) fn credential(&self) -> Option<Vec<u8>> {
        match self {
            Self::Known(Principal::User(name)) => Some([b"user:", name.as_bytes()].concat()),
            Self::Known(Principal::Key(name)) => Some([b"key:", name.as_bytes()].concat()),
            Self::Unknown(_) => None,
        }
    }
}
