//! Who may report for a source, with `auth.bind_sources`: whoever reported it first.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::CredentialsError;
use super::role::Role;
use super::store::{Identity, Principal};
use crate::data_dir::{DataDir, SOURCE_OWNERS};

const VERSION: u32 = 1;

/// The owners of the sources. A new owner is on the disk before its first report is accepted.
#[derive(Debug)]
pub(crate) struct SourceOwners {
    data: Option<DataDir>,
    owners: Mutex<HashMap<Uuid, Box<str>>>,
    sources_max: usize,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    owners: HashMap<Uuid, Box<str>>,
}

/// Why somebody may not report for a source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotYours {
    #[error("it belongs to somebody else")]
    Owned,
    #[error("there are as many sources as there may be")]
    TooMany,
    #[error("the owner cannot be written: {0}")]
    NotWritten(#[from] io::Error),
}

impl SourceOwners {
    /// Reads the file in a data directory, if there is one. Without a directory, owners are in memory only.
    pub(crate) fn open(data: Option<&Path>, sources_max: usize) -> Result<Self, CredentialsError> {
        let data = data.map(DataDir::at);
        let owners = data.as_ref().map(read).transpose()?;
        Ok(Self {
            data,
            owners: Mutex::new(owners.unwrap_or_default()),
            sources_max,
        })
    }

    /// Whether it is known already that `who` may report for the source, or may not. `None` if nobody owns it yet.
    pub(crate) fn known(
        &self,
        source: Uuid,
        who: Option<&Identity>,
    ) -> Option<Result<(), NotYours>> {
        let owners = self.lock();
        let owner = owners.get(&source);
        match (owner, who) {
            // Where no credentials are required, there may be nobody who could own a source.
            (None, None) => Some(Ok(())),
            (None, Some(_)) => None,
            (Some(owner), Some(who)) if **owner == *name(&who.principal) => Some(Ok(())),
            (Some(_), Some(who)) if who.role == Role::Admin => Some(Ok(())),
            (Some(_), _) => Some(Err(NotYours::Owned)),
        }
    }

    /// Makes `who` the owner of a source that nobody owns. Waits for the disk. Past the bound, sources that are not
    /// `tracked` any more lose their owners.
    pub(crate) fn claim(
        &self,
        source: Uuid,
        who: &Identity,
        is_tracked: impl Fn(Uuid) -> bool,
    ) -> Result<(), NotYours> {
        if let Some(known) = self.known(source, Some(who)) {
            return known;
        }
        let mut owners = self.lock();
        if owners.contains_key(&source) {
            drop(owners);
            return self.claim(source, who, is_tracked);
        }
        if self.sources_max <= owners.len() {
            owners.retain(|source, _| is_tracked(*source));
        }
        if self.sources_max <= owners.len() {
            return Err(NotYours::TooMany);
        }
        owners.insert(source, name(&who.principal).into());
        let written = self.write(&owners);
        if written.is_err() {
            owners.remove(&source);
        }
        Ok(written?)
    }

    /// Makes a source one that nobody owns. Waits for the disk.
    pub(crate) fn release(&self, source: Uuid) -> io::Result<()> {
        let mut owners = self.lock();
        match owners.remove(&source) {
            Some(_) => self.write(&owners),
            None => Ok(()),
        }
    }

    fn write(&self, owners: &HashMap<Uuid, Box<str>>) -> io::Result<()> {
        let Some(data) = &self.data else {
            return Ok(());
        };
        let kept = Kept {
            version: VERSION,
            owners: owners.clone(),
        };
        data.replace(SOURCE_OWNERS, &serde_json::to_vec_pretty(&kept)?)
            .map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Box<str>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is created again under the same name owns the same sources, so that keys can be replaced.
fn name(principal: &Principal) -> String {
    match principal {
        Principal::User(name) => format!("user:{name}"),
        Principal::Key(name) => format!("key:{name}"),
    }
}

fn read(data: &DataDir) -> Result<HashMap<Uuid, Box<str>>, CredentialsError> {
    let path = data.path_of(SOURCE_OWNERS);
    let failed = |reason: &dyn ToString| CredentialsError::Read {
        path: path.display().to_string().into(),
        reason: reason.to_string().into(),
    };
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(failed(&error)),
    };
    let kept: Kept = serde_json::from_slice(&json).map_err(|error| failed(&error))?;
    match kept.version {
        VERSION => Ok(kept.owners),
        _ => Err(failed(&"a later version of scanpost wrote it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, role: Role) -> Identity {
        Identity {
            principal: Principal::Key(name.into()),
            role,
        }
    }

    #[test]
    fn the_number_of_owned_sources_has_a_bound() {
        let owners = SourceOwners::open(None, 2).unwrap();
        let (phone, source) = (key("phone", Role::Scanreport), Uuid::from_u128);
        let claim = |number| owners.claim(source(number), &phone, |_| true);
        claim(1).unwrap();
        claim(2).unwrap();
        claim(1).unwrap();
        assert!(matches!(claim(3), Err(NotYours::TooMany)));
        // A source that is forgotten makes room.
        let is_tracked = |tracked| tracked == source(2);
        owners.claim(source(3), &phone, is_tracked).unwrap();
        assert!(owners.known(source(1), Some(&phone)).is_none());
        owners.release(source(2)).unwrap();
        claim(1).unwrap();
    }

    #[test]
    fn an_owner_stays_across_starts_and_a_damaged_file_is_no_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let open = || SourceOwners::open(Some(dir.path()), 9);
        let source = Uuid::from_u128(1);
        let phone = key("phone", Role::Scanreport);
        open().unwrap().claim(source, &phone, |_| true).unwrap();
        let owners = open().unwrap();
        owners.claim(source, &phone, |_| true).unwrap();
        let user = Identity {
            principal: Principal::User("phone".into()),
            role: Role::Scanreport,
        };
        for other in [&key("other", Role::Scanreport), &user] {
            assert!(matches!(
                owners.claim(source, other, |_| true),
                Err(NotYours::Owned)
            ));
        }
        assert!(matches!(
            owners.known(source, None),
            Some(Err(NotYours::Owned))
        ));
        let boss = key("boss", Role::Admin);
        owners.claim(source, &boss, |_| true).unwrap();
        fs::write(dir.path().join(SOURCE_OWNERS), "{").unwrap();
        assert!(open().is_err());
    }
}
