//! The store of users and keys: looked up in memory, changed in the file.

mod current;
mod uses;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use self::current::{Current, Loaded};
use self::uses::Uses;
use super::error::CredentialsError;
use super::file::{self, Document, Key, ReadError, User};
use super::name::is_name;
use super::password;
use super::role::Role;
use super::secret::{Secret, TokenHash};
use super::throttle::ClientNetwork;
use crate::data_dir::{CREDENTIALS, DataDir};

/// Largest number of characters in the name of a user or a key.
pub(super) const NAME_CHARACTERS_MAX: usize = 64;
/// Largest number of users and keys together.
pub(super) const ENTRIES_MAX: usize = 1000;
/// Names of the user and the key that the first start creates.
const FIRST_USER: &str = "admin";
const FIRST_KEY: &str = "scanner";

/// An authenticated user or key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user or key.
    pub principal: Principal,
    /// The role of the user or key.
    pub role: Role,
}

/// A user, or the holder of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A user who logged in with a password, by name.
    User(Arc<str>),
    /// The holder of a key, by the key's name.
    Key(Arc<str>),
}

/// A key without its secret.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Name of the key.
    pub name: Box<str>,
    /// Role of the key.
    pub role: Role,
    /// When the key was created, in seconds since 1970.
    pub created: u64,
    /// When the key expires, in seconds since 1970. `None` means never.
    pub expires: Option<u64>,
    /// When the key was used last, in seconds since 1970. `None` means never.
    pub last_used: Option<u64>,
}

/// A user without the password.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// Name of the user.
    pub name: Box<str>,
    /// When a login of the user was used last, in seconds since 1970. `None` means never.
    pub last_used: Option<u64>,
}

/// The credentials that the first start creates. Only their hashes are stored.
#[derive(Debug)]
pub struct FirstCredentials {
    /// Name of the administrator.
    pub user: &'static str,
    /// Password of the administrator.
    pub password: Secret,
    /// A key with the role `scanreport`.
    pub key: Secret,
    /// Path of the file with the hashes.
    pub path: PathBuf,
}

/// Users that a new login replaces.
#[derive(Clone, Debug)]
pub(crate) enum Replaced {
    /// None: the login must be the first one.
    Nobody,
    /// The user of the same name, and this one.
    User(Option<Arc<str>>),
}

/// The users and keys of a data directory.
#[derive(Debug)]
pub struct Credentials {
    data: Option<DataDir>,
    current: Current,
    uses: Uses,
}

impl Credentials {
    /// Reads the credentials file of a data directory, if there is one. Later calls read it again after each change.
    pub fn open(directory: &Path) -> Result<Self, CredentialsError> {
        let data = DataDir::at(directory);
        let (stamp, document) = file::read(&data).map_err(|e| read_error(&data, &e))?;
        Ok(Self {
            current: Current::new(Loaded::new(stamp, document)),
            uses: Uses::open(&data),
            data: Some(data),
        })
    }

    /// An empty store without a file. Nothing can be added to it.
    pub fn none() -> Self {
        Self {
            data: None,
            current: Current::new(Loaded::default()),
            uses: Uses::default(),
        }
    }

    /// Sets how long the credentials stay valid while the file cannot be read.
    #[must_use]
    pub fn closing_after(mut self, stale_max: Duration) -> Self {
        self.current.set_stale_max(stale_max);
        self
    }

    /// Whether nobody is let in, because the file cannot be read.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.current.is_closed(now)
    }

    /// Whether anybody can log in with a password.
    pub fn has_users(&self) -> bool {
        !self.document().document.users.is_empty()
    }

    /// Creates an administrator and a key for scanners if there are no credentials at all.
    pub fn make_first(&self, now: u64) -> Result<Option<FirstCredentials>, CredentialsError> {
        let Some(data) = &self.data else {
            return Ok(None);
        };
        let has_some =
            |document: &Document| !document.users.is_empty() || !document.keys.is_empty();
        if has_some(&self.document().document) {
            return Ok(None);
        }
        let (password, key) = (made(Secret::password())?, made(Secret::token())?);
        let user = User {
            name: FIRST_USER.into(),
            password: made(password::hash(password.reveal()))?.into(),
        };
        let is_made = self.update(|document| {
            if has_some(document) {
                return Ok(false);
            }
            document.users.push(user);
            document.keys.push(Key {
                name: FIRST_KEY.into(),
                role: Role::Scanreport,
                hash: TokenHash::of(key.reveal()),
                created: now,
                expires: None,
            });
            Ok(true)
        })?;
        Ok(is_made.then(|| FirstCredentials {
            user: FIRST_USER,
            password,
            key,
            path: data.path_of(CREDENTIALS),
        }))
    }

    /// Sets the password of an administrator, creating the user if needed. Logins with the old password end.
    pub fn set_password(&self, user: &str, password: &str) -> Result<(), CredentialsError> {
        self.replace_password(user, password, &Replaced::User(None))
    }

    pub(crate) fn replace_password(
        &self,
        user: &str,
        password: &str,
        replaced: &Replaced,
    ) -> Result<(), CredentialsError> {
        if !is_name(user, NAME_CHARACTERS_MAX) || user.contains(':') {
            return Err(CredentialsError::BadName);
        }
        let is_long = password::CHARACTERS_MIN <= password.chars().count();
        let is_typed = is_long && !password.chars().any(char::is_control);
        if !is_typed || password::BYTES_MAX < password.len() {
            return Err(CredentialsError::BadPassword);
        }
        let entry = User {
            name: user.into(),
            password: made(password::hash(password))?.into(),
        };
        let keys_of_before = self.update(|document| {
            let is_first = document.users.is_empty();
            match replaced {
                Replaced::Nobody if !document.users.is_empty() => {
                    return Err(CredentialsError::AlreadySet);
                }
                Replaced::Nobody | Replaced::User(None) => {}
                Replaced::User(Some(name)) => document.users.retain(|known| *known.name != **name),
            }
            document.users.retain(|known| known.name != entry.name);
            document.users.push(entry);
            Ok(if is_first { document.keys.len() } else { 0 })
        })?;
        if 0 < keys_of_before {
            warn!(
                keys = keys_of_before,
                "the first password is set; keys that were created before stay valid, see `scanpost apikey list`"
            );
        }
        Ok(())
    }

    /// Deletes an administrator, whose logins end. The last one stays, unless `may_be_last`: without any, this machine
    /// may set the first password again.
    pub fn remove_user(&self, name: &str, may_be_last: bool) -> Result<(), CredentialsError> {
        self.update(|document| {
            let before = document.users.len();
            document.users.retain(|user| *user.name != *name);
            if document.users.len() == before {
                return Err(CredentialsError::NoSuchUser);
            }
            if document.users.is_empty() && !may_be_last {
                return Err(CredentialsError::LastUser);
            }
            Ok(())
        })
    }

    /// Creates a key. `lifetime` is in seconds; `None` means for ever.
    pub fn create_key(
        &self,
        name: &str,
        role: Role,
        lifetime: Option<u64>,
        now: u64,
    ) -> Result<Secret, CredentialsError> {
        if !is_name(name, NAME_CHARACTERS_MAX) {
            return Err(CredentialsError::BadName);
        }
        if lifetime == Some(0) {
            return Err(CredentialsError::BadLifetime);
        }
        let key = made(Secret::token())?;
        let entry = Key {
            name: name.into(),
            role,
            hash: TokenHash::of(key.reveal()),
            created: now,
            expires: lifetime.map(|seconds| now.saturating_add(seconds)),
        };
        self.update(|document| {
            // An expired key does not keep its name.
            document
                .keys
                .retain(|key| key.name != entry.name || key.is_valid(now));
            if document.keys.iter().any(|key| key.name == entry.name) {
                return Err(CredentialsError::NameTaken);
            }
            document.keys.push(entry);
            Ok(())
        })?;
        Ok(key)
    }

    /// Deletes a key, so that it opens nothing any more.
    pub fn revoke_key(&self, name: &str) -> Result<(), CredentialsError> {
        self.update(|document| {
            let before = document.keys.len();
            document.keys.retain(|key| *key.name != *name);
            if document.keys.len() == before {
                return Err(CredentialsError::NoSuchKey);
            }
            Ok(())
        })
    }

    /// All keys, including expired ones.
    pub fn keys(&self) -> Vec<KeyRecord> {
        let loaded = self.document();
        let records = loaded.document.keys.iter().map(|key| KeyRecord {
            name: key.name.clone(),
            role: key.role.clone(),
            created: key.created,
            expires: key.expires,
            last_used: self.uses.of_key(key.hash),
        });
        records.collect()
    }

    /// All users.
    pub fn users(&self) -> Vec<UserRecord> {
        let loaded = self.document();
        let records = loaded.document.users.iter().map(|user| UserRecord {
            name: user.name.clone(),
            last_used: self.uses.of_user(&user.name),
        });
        records.collect()
    }

    /// The holder of a key. `None` if the key is unknown or expired.
    pub(super) fn holder(&self, hash: TokenHash, now: u64) -> Option<Identity> {
        let mut loaded = self.document();
        if loaded.key(hash).is_none() {
            // It may have just been created by a command.
            loaded = self.current.get_fresh(self.data.as_ref());
        }
        let key = loaded.key(hash)?;
        if !key.is_valid(now) {
            return None;
        }
        self.uses.note_key(hash, now);
        Some(Identity {
            principal: Principal::Key((*key.name).into()),
            role: key.role.clone(),
        })
    }

    /// Hash of a user's password.
    pub(super) fn password_of(&self, user: &str) -> Option<Arc<str>> {
        let loaded = self.document();
        let mut users = loaded.document.users.iter();
        let user = users.find(|known| *known.name == *user)?;
        Some((*user.password).into())
    }

    pub(super) fn note_user(&self, user: &str, now: u64) {
        self.uses.note_user(user, now);
    }

    pub(super) fn note_client(&self, client: ClientNetwork, now: u64) {
        self.uses.note_client(client, now);
    }

    /// The clients that somebody has logged in from, the latest one last.
    pub(super) fn known_clients(&self) -> Vec<ClientNetwork> {
        self.uses.clients()
    }

    /// Reads the file again if another process changed it, however short ago.
    pub(super) fn refresh(&self) {
        self.current.get_fresh(self.data.as_ref());
    }

    /// Writes to the disk when keys and logins were used last.
    pub(super) fn save_uses(&self) {
        let Some(data) = &self.data else {
            return;
        };
        if let Err(error) = self.uses.save(data, &self.document().document) {
            warn!(%error, "cannot write when credentials were used last");
        }
    }

    fn document(&self) -> Arc<Loaded> {
        self.current.get(self.data.as_ref())
    }

    /// Applies a change to the file's current content, which may be newer than what is in memory.
    fn update<T>(
        &self,
        change: impl FnOnce(&mut Document) -> Result<T, CredentialsError>,
    ) -> Result<T, CredentialsError> {
        let data = self.data.as_ref().ok_or(CredentialsError::NotKept)?;
        let unwritable = |source| CredentialsError::Write {
            path: shown(data),
            source,
        };
        let _lock = data.lock_credentials().map_err(unwritable)?;
        let (stamp, mut document) = file::read(data).map_err(|e| read_error(data, &e))?;
        if stamp.is_none() && self.current.has_file() {
            // A new file would have only what is added now.
            return Err(read_error(data, &ReadError::Removed));
        }
        let changed = change(&mut document)?;
        if ENTRIES_MAX < document.users.len() + document.keys.len() {
            return Err(CredentialsError::TooMany);
        }
        let stamp = file::write(data, &document).map_err(unwritable)?;
        self.current.set(Loaded::new(Some(stamp), document));
        Ok(changed)
    }
}

impl Key {
    fn is_valid(&self, now: u64) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

fn made<T, E: ToString>(result: Result<T, E>) -> Result<T, CredentialsError> {
    result.map_err(|error| CredentialsError::Making(error.to_string().into()))
}

fn shown(data: &DataDir) -> Box<str> {
    data.path_of(CREDENTIALS).display().to_string().into()
}

fn read_error(data: &DataDir, error: &ReadError) -> CredentialsError {
    CredentialsError::Read {
        path: shown(data),
        reason: error.to_string().into(),
    }
}

#[cfg(test)]
mod tests;
