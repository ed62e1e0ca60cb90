//! When keys and logins were used last, and where from people logged in.
//!
//! A use costs one write to memory. The file is written now and then, by the server only, and lags behind by that time.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::Hash;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::super::file::Document;
use super::super::secret::TokenHash;
use super::super::throttle::ClientNetwork;
use crate::data_dir::{CREDENTIAL_USES, DataDir};

const VERSION: u32 = 1;
/// Most addresses in the file. Past it, those that nobody has logged in from for the longest time are left out.
const CLIENTS_MAX: usize = 1000;

/// Times of last use, in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Uses {
    keys: Times<[u8; 32]>,
    users: Times<String>,
    /// Clients that somebody has logged in from with a password.
    clients: Times<ClientNetwork>,
    is_changed: AtomicBool,
}

#[derive(Debug)]
struct Times<K>(RwLock<HashMap<K, AtomicU64>>);

impl<K> Default for Times<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

/// The content of the file. Keys are named by their hash, in base64.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    keys: HashMap<Box<str>, u64>,
    users: HashMap<Box<str>, u64>,
    /// Added later.
    #[serde(default)]
    clients: HashMap<ClientNetwork, u64>,
}

impl Uses {
    /// Reads the file. Without it, or if it cannot be read, nothing is known.
    pub(super) fn open(data: &DataDir) -> Self {
        let kept = match fs::read(data.path_of(CREDENTIAL_USES)) {
            Ok(json) => serde_json::from_slice::<Kept>(&json).map_err(io::Error::from),
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::default(),
            Err(error) => Err(error),
        };
        let uses = Self::default();
        match kept {
            Ok(kept) => uses.add(kept),
            Err(error) => {
                warn!(%error, file = CREDENTIAL_USES, "cannot read when credentials were used last; counting anew");
            }
        }
        uses
    }

    fn add(&self, kept: Kept) {
        for (hash, time) in kept.keys {
            let mut bytes = [0; 32];
            if Base64::decode(&*hash, &mut bytes).is_ok_and(|bytes| bytes.len() == 32) {
                self.keys.set(&bytes, time);
            }
        }
        for (user, time) in kept.users {
            self.users.set(&*user, time);
        }
        for (client, time) in kept.clients {
            self.clients.set(&client, time);
        }
    }

    pub(super) fn note_key(&self, hash: TokenHash, now: u64) {
        if self.keys.set(&hash.bytes(), now) {
            self.is_changed.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn note_user(&self, user: &str, now: u64) {
        if self.users.set(user, now) {
            self.is_changed.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn note_client(&self, client: ClientNetwork, now: u64) {
        if client.is_known_address() && self.clients.set(&client, now) {
            self.is_changed.store(true, Ordering::Relaxed);
        }
    }

    /// The clients that somebody has logged in from, the latest one last. Others than these are forgotten.
    pub(super) fn clients(&self) -> Vec<ClientNetwork> {
        let mut clients = self.clients.newest(CLIENTS_MAX);
        clients.reverse();
        let kept: HashSet<_> = clients.iter().copied().collect();
        self.clients.retain(|client| kept.contains(client));
        clients
    }

    pub(super) fn of_key(&self, hash: TokenHash) -> Option<u64> {
        self.keys.get(&hash.bytes())
    }

    pub(super) fn of_user(&self, user: &str) -> Option<u64> {
        self.users.get(user)
    }

    /// Writes the file if there was a use since the last time. Forgets what is no longer in the document.
    pub(super) fn save(&self, data: &DataDir, document: &Document) -> io::Result<()> {
        if !self.is_changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let keys = document.keys.iter().filter_map(|key| {
            let name = Base64::encode_string(&key.hash.bytes());
            Some((name.into(), self.of_key(key.hash)?))
        });
        let users = document.users.iter();
        let users = users.filter_map(|user| Some((user.name.clone(), self.of_user(&user.name)?)));
        let clients = self.clients().into_iter();
        let clients = clients.filter_map(|client| Some((client, self.clients.get(&client)?)));
        let kept = Kept {
            version: VERSION,
            keys: keys.collect(),
            users: users.collect(),
            clients: clients.collect(),
        };
        self.keys
            .retain(|hash| document.keys.iter().any(|key| key.hash.bytes() == *hash));
        self.users
            .retain(|name| document.users.iter().any(|user| *user.name == **name));
        let written = data.replace(CREDENTIAL_USES, &serde_json::to_vec_pretty(&kept)?);
        if written.is_err() {
            self.is_changed.store(true, Ordering::Relaxed);
        }
        written.map(drop)
    }
}

impl<K: Eq + Hash> Times<K> {
    /// Whether the time was another one.
    fn set<Q>(&self, key: &Q, time: u64) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let times = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = times.get(key) {
            return known.swap(time, Ordering::Relaxed) != time;
        }
        drop(times);
        let mut times = self.0.write().unwrap_or_else(PoisonError::into_inner);
        times.insert(key.to_owned(), AtomicU64::new(time));
        true
    }

    fn get<Q>(&self, key: &Q) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let times = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(times.get(key)?.load(Ordering::Relaxed))
    }

    /// At most `count` keys, that of the latest time first.
    fn newest(&self, count: usize) -> Vec<K>
    where
        K: Clone,
    {
        let times = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<_> = times
            .iter()
            .map(|(key, time)| (Reverse(time.load(Ordering::Relaxed)), key.clone()))
            .collect();
        drop(times);
        keys.sort_by_key(|(time, _)| *time);
        keys.truncate(count);
        keys.into_iter().map(|(_, key)| key).collect()
    }

    fn retain(&self, mut is_kept: impl FnMut(&K) -> bool) {
        let mut times = self.0.write().unwrap_or_else(PoisonError::into_inner);
        times.retain(|key, _| is_kept(key));
    }
}
