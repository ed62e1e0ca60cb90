//! The data directory: the names, modes and locks of all files in it.
//!
//! Everything in it tells where people live, so the directory has mode 0700 and each file 0600. Only this module
//! writes a file name or a mode; what is in a file is known to the module that reads and writes it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tracing::{info, warn};

/// The log, an SQLite database.
pub(crate) const LOG: &str = "scanpost.db";
/// The alerts, an SQLite database.
pub(crate) const ALERTS: &str = "alerts.db";
/// Users and API keys.
pub(crate) const CREDENTIALS: &str = "auth.json";
/// How far each webhook has come.
pub(crate) const WEBHOOKS: &str = "webhooks.json";
/// The folder of the snapshots.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Held by the server for as long as its process lives.
const SERVER_LOCK: &str = "lock";
/// Held by whoever changes [`CREDENTIALS`], which may be a command beside the server.
const CREDENTIALS_LOCK: &str = "auth.lock";
/// Written for a moment, to learn whether the disk has room.
const PROBE: &str = "room";
const PROBE_BYTES: usize = 65_536;
/// SQLite's own files stand beside the database and end with these.
const DATABASE_SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// How often the server's lock is tried, and the pause between two tries.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A directory that holds the data of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataDir {
    path: PathBuf,
}

impl DataDir {
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The path of a file or folder by its name, which is one of this module's constants.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the directory if it is missing. One that exists keeps the mode that its owner chose.
    pub(crate) fn make(&self) -> io::Result<()> {
        make_folder(&self.path)?;
        fs::metadata(&self.path).map(drop)
    }

    /// Makes the folder of the snapshots if it is missing, and narrows the modes of the files in it.
    pub(crate) fn make_snapshots(&self) -> io::Result<PathBuf> {
        let folder = self.path_of(SNAPSHOTS);
        make_folder(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                make_private(&entry.path())?;
            }
        }
        Ok(folder)
    }

    /// Takes the lock that one server at a time has. Waits for a moment, because a server that is being replaced may
    /// be on its last instructions. The lock goes with the file that is returned.
    pub(crate) fn lock_for_server(&self) -> Result<File, TryLockError> {
        let lock = self.open_lock(SERVER_LOCK).map_err(TryLockError::Error)?;
        for _ in 0..LOCK_TRIES {
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
                taken => return taken.map(|()| lock),
            }
        }
        lock.try_lock().map(|()| lock)
    }

    /// Waits until nobody else changes the credentials. The lock goes with the file that is returned.
    pub(crate) fn lock_credentials(&self) -> io::Result<File> {
        make_folder(&self.path)?;
        let lock = self.open_lock(CREDENTIALS_LOCK)?;
        give_to_owner_of(&self.path, &lock)?;
        lock.lock()?;
        Ok(lock)
    }

    fn open_lock(&self, name: &str) -> io::Result<File> {
        private()
            .create(true)
            .truncate(false)
            .open(self.path_of(name))
    }

    /// The path of a database for SQLite to open. SQLite would make the file readable to everybody, so it is made
    /// here; the files that SQLite puts beside it get the same mode. Earlier versions left files that everybody may
    /// read: their modes are narrowed.
    pub(crate) fn prepare_database(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path_of(name);
        match private().create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => drop(made?),
        }
        for suffix in DATABASE_SUFFIXES {
            make_private(&with_suffix(&path, suffix))?;
        }
        Ok(path)
    }

    /// Narrows the modes of the small files that exist.
    pub(crate) fn make_files_private(&self) -> io::Result<()> {
        for name in [SERVER_LOCK, CREDENTIALS, CREDENTIALS_LOCK, WEBHOOKS] {
            make_private(&self.path_of(name))?;
        }
        Ok(())
    }

    /// Replaces a file. A reader sees the old one or the new one; a crash leaves one of them.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> io::Result<Metadata> {
        let unfinished = self.path.join(format!("{name}.new"));
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().create_new(true).open(&unfinished)?;
        give_to_owner_of(&self.path, &file)?;
        file.write_all(content)?;
        file.sync_all()?;
        let metadata = file.metadata()?;
        fs::rename(&unfinished, self.path_of(name))?;
        sync_folder(&self.path)?;
        Ok(metadata)
    }

    /// Whether the disk or the quota is full: whether as much as one group of batches needs cannot be written.
    pub(crate) fn has_no_room(&self) -> bool {
        let path = self.path_of(PROBE);
        let opened = private().create(true).truncate(true).open(&path);
        let written = opened.and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_data()
        });
        fs::remove_file(&path).ok();
        let kind = written.map_err(|error| error.kind());
        matches!(kind, Err(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    }
}

/// SQLite's name for a file beside a database.
pub(crate) fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Options to write a file that only its owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Syncs a folder, so that a renamed file is found under its new name after a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Takes a file's permissions from everybody but its owner, if it exists.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let of_owner = mode & 0o700;
    if mode == of_owner {
        return Ok(());
    }
    let file = path.display();
    match fs::set_permissions(path, fs::Permissions::from_mode(of_owner)) {
        Ok(()) => {
            info!(file.path = %file, "others could read this file; now only its owner can");
            Ok(())
        }
        // Only the owner of a file may change its mode. To run as somebody else is odd, but no reason not to start.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            warn!(file.path = %file, "others can read this file, and its mode cannot be changed: it belongs to another user; run chmod 600 on it as that user");
            Ok(())
        }
        // SQLite removes its own files when the last connection closes, which may be now.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives a file to the owner of the directory: the server must be able to read what root makes on the command line.
#[cfg(unix)]
fn give_to_owner_of(directory: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (wanted, is) = (fs::metadata(directory)?, file.metadata()?);
    if wanted.uid() == is.uid() {
        return Ok(());
    }
    match fchown(file, Some(wanted.uid()), Some(wanted.gid())) {
        // Only root may give files away. Who may write here otherwise was let in by the owner.
        Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn give_to_owner_of(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}
