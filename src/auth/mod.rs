//! Who may do what: users, API keys, logins. Nothing here knows of HTTP.
//!
//! Credentials are kept in one file of the data directory, which the server and the command line both change
//! under one lock, and which the server reads again when it changed. Passwords are kept as argon2id hashes,
//! keys as SHA-256 of 128 random bits; neither can be read out of the file.

mod access;
mod error;
mod file;
mod password;
mod role;
mod secret;
mod session;
mod store;
mod throttle;

use std::net::IpAddr;

pub(crate) use self::access::{Access, Granted, Login, PasswordRefused};
pub use self::error::CredentialsError;
pub(crate) use self::role::RequiredRole;
pub use self::role::{BadRole, Role};
pub use self::secret::Secret;
pub(crate) use self::store::Replaced;
pub use self::store::{Credentials, FirstCredentials, Identity, KeyRecord, Principal};
pub(crate) use self::throttle::ClientNetwork;
use crate::config::AuthMode;

/// Whether credentials are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// From everybody.
    Required,
    /// From nobody, because only this machine reaches the server; web pages of others are kept out.
    OpenHere,
    /// From nobody.
    Open,
}

impl Policy {
    /// What a mode means for a server that listens on an address.
    pub fn of(mode: AuthMode, listens_on: IpAddr) -> Self {
        match mode {
            AuthMode::Off => Self::Open,
            AuthMode::Auto if listens_on.to_canonical().is_loopback() => Self::OpenHere,
            AuthMode::Auto | AuthMode::Required => Self::Required,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_credentials_unless_it_is_said_that_it_does_not() {
        #[track_caller]
        fn check(address: &str, auto: Policy) {
            let address = address.parse().unwrap();
            assert_eq!(Policy::of(AuthMode::Auto, address), auto, "{address}");
            assert_eq!(Policy::of(AuthMode::Required, address), Policy::Required);
            assert_eq!(Policy::of(AuthMode::Off, address), Policy::Open);
        }
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            check(local, Policy::OpenHere);
        }
        for reachable in ["0.0.0.0", "::", "192.168.1.2", "::ffff:10.0.0.1"] {
            check(reachable, Policy::Required);
        }
    }
}
