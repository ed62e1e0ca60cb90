//! One import: the files of an upload, what was asked for, and what came of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account::FileAccount;
use super::zone::Zone;
use crate::auth::{Identity, Principal, Role};
use crate::hex::Hex;
use crate::report::UnixTime;

/// What whoever sends files may say about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// The name of the source.
    pub(crate) source: Option<String>,
    /// The zone of times that a file writes without one.
    pub(crate) tz: Option<String>,
    /// The time of a capture without a clock.
    pub(crate) time: Option<UnixTime>,
    /// Seconds to add to the times of rows before a track is searched. `None` uses tracks as they are.
    pub(crate) track_offset_s: Option<i64>,
    /// Whether to change nothing.
    pub(crate) dry_run: bool,
    /// The name of the user or key, from which the source follows if nothing else tells it.
    pub(crate) sender: Option<String>,
    /// Whether the sender is a user, and not the holder of a key.
    pub(crate) is_user: bool,
    /// Whether the sender is an administrator, who may import for every source.
    pub(crate) is_admin: bool,
    /// The name of the file in the watched folder, if it came from there.
    pub(crate) watched: Option<String>,
}

impl Options {
    pub(super) fn zone(&self) -> Option<Zone> {
        self.tz.as_deref().and_then(Zone::parse)
    }

    /// Notes who sends the files.
    pub(crate) fn set_sender(&mut self, identity: &Identity) {
        let (name, is_user) = match &identity.principal {
            Principal::User(name) => (name, true),
            Principal::Key(name) => (name, false),
        };
        self.sender = Some(name.to_string());
        self.is_user = is_user;
        self.is_admin = identity.role == Role::Admin;
    }

    /// Who sent the files. `None` where no credentials are required.
    pub(super) fn identity(&self) -> Option<Identity> {
        let name = self.sender.as_deref()?.into();
        Some(Identity {
            principal: if self.is_user {
                Principal::User(name)
            } else {
                Principal::Key(name)
            },
            role: if self.is_admin {
                Role::Admin
            } else {
                Role::Scanreport
            },
        })
    }

    /// Under which key a file with these options is known. The same file with another source or zone is another import.
    pub(super) fn key_of(&self, sha256: &str) -> String {
        let Self {
            source,
            tz,
            time,
            sender,
            track_offset_s: _,
            dry_run: _,
            is_user: _,
            is_admin: _,
            watched: _,
        } = self;
        // With a name for the source, the sender does not matter.
        let sender = source.is_none().then_some(sender.as_deref()).flatten();
        let time = time.map(UnixTime::seconds).unwrap_or_default().to_string();
        let mut hash = Sha256::new();
        for part in [
            Some(sha256),
            source.as_deref(),
            tz.as_deref(),
            Some(&*time),
            sender,
        ] {
            hash.update([u8::from(part.is_some())]);
            hash.update(part.unwrap_or_default());
            hash.update([0]);
        }
        Hex(&hash.finalize()).to_string()
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Waiting,
    Running,
    Done,
    /// Nothing of it could be read.
    Failed,
    Cancelled,
}

impl State {
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An import, as it is on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) state: State,
    /// When it was sent, in seconds since 1970.
    pub(crate) created: u64,
    /// When it was over.
    pub(crate) ended: Option<u64>,
    /// The latest time that a row may have.
    pub(crate) latest: Option<UnixTime>,
    pub(crate) options: Options,
    /// The names of the uploaded files, whose contents wait to be read.
    pub(crate) uploads: Vec<String>,
    /// The SHA-256 of each of them. Imports of earlier versions have none.
    pub(crate) uploads_sha256: Vec<String>,
    /// Their bytes, as sent.
    pub(crate) uploaded_bytes: u64,
    /// The accounts of the files that are done, and last that of the file that is being read.
    pub(crate) files: Vec<FileAccount>,
    /// How many files there are, once the archives among them are unpacked.
    pub(crate) files_total: usize,
    /// Why it failed, or what it waits for.
    pub(crate) error: Option<String>,
}
