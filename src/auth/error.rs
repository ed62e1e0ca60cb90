//! Errors of reading and changing credentials.

use std::io;

use super::password;
use super::store::{ENTRIES_MAX, NAME_CHARACTERS_MAX};

/// Why credentials cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read the credentials in {path}: {reason}")]
    Read {
        /// Path of the file.
        path: Box<str>,
        /// What is wrong with the file.
        reason: Box<str>,
    },
    /// The file cannot be written.
    #[error("cannot write the credentials in {path}")]
    Write {
        /// Path of the file.
        path: Box<str>,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The name is not allowed for a user or a key.
    #[error(
        "a name must have 1 to {NAME_CHARACTERS_MAX} characters, without whitespace at its ends, and without control characters and others that are not shown or change the direction of text; the name of a user must not contain `:`"
    )]
    BadName,
    /// The password is too short, too long, or has control characters.
    #[error(
        "a password must have at least {} characters and at most {} bytes, without control characters",
        password::CHARACTERS_MIN,
        password::BYTES_MAX
    )]
    BadPassword,
    /// The lifetime of the key is zero.
    #[error("a key must be valid for at least one second")]
    BadLifetime,
    /// Another key has this name.
    #[error("there is a key of that name already; revoke it first, or choose another name")]
    NameTaken,
    /// No key has this name.
    #[error("there is no key of that name")]
    NoSuchKey,
    /// No user has this name.
    #[error("there is no user of that name; `scanpost user list` lists them")]
    NoSuchUser,
    /// The user is the only one.
    #[error(
        "this is the last user; without any, everybody on this machine may set the first password; with --last it is removed all the same"
    )]
    LastUser,
    /// A first login was requested, but there is a login already.
    #[error("there is a login already; log in to change its password")]
    AlreadySet,
    /// The limit of users and keys is reached.
    #[error("there are {ENTRIES_MAX} users and keys, which is the limit; revoke a key first")]
    TooMany,
    /// This server has no data directory.
    #[error("this server has no data directory and stores no credentials")]
    NotKept,
    /// Random numbers or memory for hashing are not available.
    #[error("cannot generate or hash the credentials: {0}")]
    Making(Box<str>),
}
