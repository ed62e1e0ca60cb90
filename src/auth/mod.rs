//! Users, API keys, logins and roles. Nothing here knows HTTP.
//!
//! One file in the data directory holds all credentials. The server and the command line both change it, under one
//! lock, and the server reads it again after each change. It holds argon2id hashes of passwords and SHA-256 hashes of
//! random 128-bit keys, so neither passwords nor keys can be read from it.

mod access;
mod checker;
mod error;
mod file;
mod name;
mod owners;
mod password;
mod role;
mod secret;
mod session;
mod store;
mod throttle;

use std::net::IpAddr;

pub(crate) use self::access::{Access, Granted, Login, PasswordRefused, Standing};
pub use self::error::CredentialsError;
pub use self::name::shown_name;
pub(crate) use self::owners::{NotYours, SourceOwners};
pub(crate) use self::role::RequiredRole;
pub use self::role::{BadRole, Role};
pub use self::secret::Secret;
pub(crate) use self::store::Replaced;
pub use self::store::{Credentials, FirstCredentials, Identity, KeyRecord, Principal, UserRecord};
pub(crate) use self::throttle::ClientNetwork;
use crate::config::AuthMode;

/// Who needs credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everybody.
    Required,
    /// Nobody, because only this machine reaches the server. Web pages of others are refused.
    OpenHere,
    /// Nobody.
    Open,
}

impl Policy {
    /// The policy of a server in this mode that listens on these addresses: credentials are required as soon as one of
    /// them can be reached from elsewhere, and if there are none.
    pub fn of_all(mode: AuthMode, listens_on: &[IpAddr]) -> Self {
        let mut policies = listens_on.iter().map(|address| Self::of(mode, *address));
        match mode {
            AuthMode::Auto if listens_on.is_empty() => Self::Required,
            AuthMode::Auto if policies.any(|policy| policy == Self::Required) => Self::Required,
            AuthMode::Auto => Self::OpenHere,
            AuthMode::Required => Self::Required,
            AuthMode::Off => Self::Open,
        }
    }

    /// The policy of a server in this mode that listens on this address.
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
        let (local, reachable) = ("::1".parse().unwrap(), "10.0.0.1".parse().unwrap());
        for (addresses, auto) in [
            (&[local][..], Policy::OpenHere),
            (&[local, reachable], Policy::Required),
            // Only a Unix domain socket.
            (&[], Policy::Required),
        ] {
            assert_eq!(Policy::of_all(AuthMode::Auto, addresses), auto);
            assert_eq!(Policy::of_all(AuthMode::Off, addresses), Policy::Open);
        }
        for reachable in ["0.0.0.0", "::", "192.168.1.2", "::ffff:10.0.0.1"] {
            check(reachable, Policy::Required);
        }
    }
}
