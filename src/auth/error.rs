//! What can go wrong with credentials.

use std::io;

use super::password;
use super::store::{ENTRIES_MAX, NAME_CHARACTERS_MAX};

/// Why credentials cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read the credentials in {path}: {reason}")]
    Read {
        /// The file.
        path: Box<str>,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The file cannot be written.
    #[error("cannot write the credentials in {path}")]
    Write {
        /// The file.
        path: Box<str>,
        /// What the system said.
        source: io::Error,
    },
    /// The name cannot be one.
    #[error(
        "a name has 1 to {NAME_CHARACTERS_MAX} characters, without blanks at its ends, and that of a user no `:`"
    )]
    BadName,
    /// The password cannot be one.
    #[error(
        "a password has 1 to {} bytes, without control characters",
        password::BYTES_MAX
    )]
    BadPassword,
    /// The key would never have been valid.
    #[error("a key holds for at least a second")]
    BadLifetime,
    /// There is a key of that name.
    #[error("there is a key of that name already")]
    NameTaken,
    /// There is no key of that name.
    #[error("there is no key of that name")]
    NoSuchKey,
    /// There is a login already.
    #[error("there is a login already")]
    AlreadySet,
    /// There are as many as there may be.
    #[error("there are {ENTRIES_MAX} users and keys, more are not possible")]
    TooMany,
    /// This server keeps nothing on disk.
    #[error("this server keeps no credentials")]
    NotKept,
    /// The system gives no random numbers, or no memory to hash with.
    #[error("the password or the key cannot be made: {0}")]
    Making(Box<str>),
}
