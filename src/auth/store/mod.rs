//! Users and keys: looked up in memory, changed in the file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::{error, info};

use super::error::CredentialsError;
use super::file::{self, Document, Key, Stamp, Unreadable, User};
use super::password;
use super::role::{Role, is_name};
use super::secret::{Secret, TokenHash};
use crate::data_dir::{CREDENTIALS, DataDir};

/// How long the name of a user or a key may be.
pub(super) const NAME_CHARACTERS_MAX: usize = 64;
/// How many users and keys there may be, together.
pub(super) const ENTRIES_MAX: usize = 1000;
/// The first user's name, and that of the first key.
const FIRST_USER: &str = "admin";
const FIRST_KEY: &str = "scanner";

/// Who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Under which name.
    pub principal: Principal,
    /// What they may do.
    pub role: Role,
}

/// A user, or the holder of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Logged in with a password.
    User(Arc<str>),
    /// Has the key of this name.
    Key(Arc<str>),
}

/// A key as it may be shown.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Its name.
    pub name: Box<str>,
    /// Its role.
    pub role: Role,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it expires, in seconds since 1970; `None` is never.
    pub expires: Option<u64>,
}

/// What a first start made. It is known nowhere else.
#[derive(Debug)]
pub struct FirstCredentials {
    /// The administrator's name.
    pub user: &'static str,
    /// The administrator's password.
    pub password: Secret,
    /// A key with the role `scanreport`.
    pub key: Secret,
    /// Where the hashes are kept.
    pub path: PathBuf,
}

/// Which users a new password takes the place of.
#[derive(Clone, Debug)]
pub(crate) enum Replaced {
    /// There must be none.
    Nobody,
    /// This one, besides the one of the same name.
    User(Option<Arc<str>>),
}

/// The users and keys of a data directory.
#[derive(Debug)]
pub struct Credentials {
    data: Option<DataDir>,
    loaded: RwLock<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    stamp: Option<Stamp>,
    document: Arc<Document>,
}

impl Credentials {
    /// Reads the file in a data directory, if there is one. It is read again whenever it changed.
    pub fn open(directory: &Path) -> Result<Self, CredentialsError> {
        let data = DataDir::at(directory);
        let (stamp, document) = file::read(&data).map_err(|e| unreadable(&data, &e))?;
        Ok(Self {
            data: Some(data),
            loaded: RwLock::new(Loaded {
                stamp,
                document: Arc::new(document),
            }),
        })
    }

    /// None, and there never will be any.
    pub fn none() -> Self {
        Self {
            data: None,
            loaded: RwLock::new(Loaded {
                stamp: None,
                document: Arc::default(),
            }),
        }
    }

    /// Whether anybody can log in with a password.
    pub fn has_users(&self) -> bool {
        !self.current().users.is_empty()
    }

    /// Makes an administrator and a key for scanners, where there are no credentials at all.
    pub fn make_first(&self, now: u64) -> Result<Option<FirstCredentials>, CredentialsError> {
        let Some(data) = &self.data else {
            return Ok(None);
        };
        let has_some =
            |document: &Document| !document.users.is_empty() || !document.keys.is_empty();
        if has_some(&self.current()) {
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

    /// Sets the password of an administrator, who need not exist before. Ends the logins made with the old one.
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
        let is_typed = !password.is_empty() && !password.chars().any(char::is_control);
        if !is_typed || password::BYTES_MAX < password.len() {
            return Err(CredentialsError::BadPassword);
        }
        let entry = User {
            name: user.into(),
            password: made(password::hash(password))?.into(),
        };
        self.update(|document| {
            match replaced {
                Replaced::Nobody if !document.users.is_empty() => {
                    return Err(CredentialsError::AlreadySet);
                }
                Replaced::Nobody | Replaced::User(None) => {}
                Replaced::User(Some(name)) => document.users.retain(|known| *known.name != **name),
            }
            document.users.retain(|known| known.name != entry.name);
            document.users.push(entry);
            Ok(())
        })
    }

    /// Makes a key. `lifetime` is in seconds; `None` is for ever.
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
            // The name of a key that expired is free again.
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

    /// Makes a key worthless.
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

    /// All keys, also those that expired.
    pub fn keys(&self) -> Vec<KeyRecord> {
        let document = self.current();
        let records = document.keys.iter().map(|key| KeyRecord {
            name: key.name.clone(),
            role: key.role.clone(),
            created: key.created,
            expires: key.expires,
        });
        records.collect()
    }

    /// Whose key it is, if it is one and valid.
    pub(super) fn holder(&self, hash: TokenHash, now: u64) -> Option<Identity> {
        let document = self.current();
        // All of them are compared, so that the time does not tell which it was.
        let same = document.keys.iter().filter(|key| key.hash.is(&hash));
        let key = same.fold(None, |_, key| Some(key))?;
        key.is_valid(now).then(|| Identity {
            principal: Principal::Key((*key.name).into()),
            role: key.role.clone(),
        })
    }

    /// The hash of a user's password.
    pub(super) fn password_of(&self, user: &str) -> Option<Arc<str>> {
        let document = self.current();
        let user = document.users.iter().find(|known| *known.name == *user)?;
        Some((*user.password).into())
    }

    /// What the file holds now. To ask for its stamp costs a microsecond, so a change counts from the next request.
    fn current(&self) -> Arc<Document> {
        let read = || self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let Some(data) = &self.data else {
            return Arc::clone(&read().document);
        };
        let found = file::stamp(data);
        {
            let loaded = read();
            match &found {
                Ok(stamp) if *stamp != loaded.stamp => {}
                _ => return Arc::clone(&loaded.document),
            }
        }
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        match file::read(data) {
            Ok((stamp, _)) if stamp == loaded.stamp => {} // Another request was faster.
            Ok((stamp, document)) => {
                info!("read the changed credentials");
                *loaded = Loaded {
                    stamp,
                    document: Arc::new(document),
                };
            }
            // What was there before goes on to hold, until the file can be read.
            Err(error) => {
                error!(%error, "the changed credentials cannot be read");
                loaded.stamp = found.unwrap_or_default();
            }
        }
        Arc::clone(&loaded.document)
    }

    /// Changes what the file holds now, not what was read of it before.
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
        let (_, mut document) = file::read(data).map_err(|e| unreadable(data, &e))?;
        let changed = change(&mut document)?;
        if ENTRIES_MAX < document.users.len() + document.keys.len() {
            return Err(CredentialsError::TooMany);
        }
        let stamp = file::write(data, &document).map_err(unwritable)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Loaded {
            stamp: Some(stamp),
            document: Arc::new(document),
        };
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

fn unreadable(data: &DataDir, error: &Unreadable) -> CredentialsError {
    CredentialsError::Read {
        path: shown(data),
        reason: error.to_string().into(),
    }
}

#[cfg(test)]
mod tests;
