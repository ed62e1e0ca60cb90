//! The data directory: the names, modes and locks of all files in it.
//!
//! The files show where people live, so the directory has mode 0700 and each file 0600. Only this module contains file
//! names and modes. The module that reads and writes a file knows its content.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

/// The log, an SQLite database.
pub(crate) const LOG: &str = "scanpost.db";
/// The alerts, an SQLite database.
pub(crate) const ALERTS: &str = "alerts.db";
/// Users and API keys.
pub(crate) const CREDENTIALS: &str = "auth.json";
/// When users and API keys were used last.
pub(crate) const CREDENTIAL_USES: &str = "auth-uses.json";
/// Which key or user each source belongs to.
pub(crate) const SOURCE_OWNERS: &str = "source-owners.json";
/// The progress of each webhook.
pub(crate) const WEBHOOKS: &str = "webhooks.json";
/// The position of each forwarding target in the log.
pub(crate) const FORWARDS: &str = "forwards.json";
/// The key of zones and of redacted files.
pub(crate) const PRIVACY_KEY: &str = "privacy.json";
/// What is to be erased, until that is done.
pub(crate) const ERASURES: &str = "erasures.json";
/// The small files. Each is replaced as a whole.
pub(crate) const SMALL_FILES: [&str; 7] = [
    CREDENTIALS,
    CREDENTIAL_USES,
    SOURCE_OWNERS,
    WEBHOOKS,
    FORWARDS,
    PRIVACY_KEY,
    ERASURES,
];
/// The log of a backup that is not complete.
pub(crate) const UNFINISHED_LOG: &str = "scanpost.db.unfinished";
/// The folder of the snapshots.
pub(crate) const SNAPSHOTS: &str = "snapshots";
/// The folder of the base maps. The user makes it and puts files into it.
pub(crate) const MAPS: &str = "maps";
/// The folder of the history's index. It can be built again from the log, so a backup leaves it out.
pub(crate) const HISTORY: &str = "history";

/// The folder of a file that is exported as a whole. It is empty at the start.
pub(crate) const EXPORTS: &str = "exports";
/// The folder of parts that are being forwarded, and of those that were refused. They can be made again from the log.
pub(crate) const FORWARD_PARTS: &str = "forwards";
/// The folder of imports: their accounts, what waits to be read, and which rows were taken.
pub(crate) const IMPORTS: &str = "imports";
/// The hashes of imported rows.
const IMPORTED_ROWS: &str = "imports/rows";

/// The server locks this file while it runs.
const SERVER_LOCK: &str = "lock";
/// The server, or a command beside it, locks this file while it changes [`CREDENTIALS`].
const CREDENTIALS_LOCK: &str = "auth.lock";
/// This file is written for a moment, to check for free space.
const PROBE: &str = "room";
const PROBE_BYTES: usize = 65_536;
/// The suffixes of the database and of SQLite's own files beside it.
const DATABASE_SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// How often to try to take the server's lock, and the pause between two tries.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A directory that holds the data of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Identifies one version of a file, to detect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
    /// Inode number. A file that replaces another may have its size and time.
    number: u64,
}

impl FileStamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let number = 0;
        Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            number,
        }
    }
}

/// How much space the data takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) log_bytes: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) alerts_bytes: u64,
    pub(crate) snapshots_bytes: u64,
    pub(crate) history_bytes: u64,
    pub(crate) imported_rows_bytes: u64,
    /// `None` if there is no snapshot.
    pub(crate) snapshot_written_at: Option<SystemTime>,
    /// What the file system has left for this user.
    pub(crate) free_bytes: u64,
}

impl DataDir {
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The path of a file or folder. `name` is one of this module's constants.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates the directory if it is missing. An existing one keeps the mode that its owner chose, but it is logged if
    /// others can open it.
    pub(crate) fn make(&self) -> io::Result<()> {
        make_folder(&self.path)?;
        warn_if_open(&self.path, &fs::metadata(&self.path)?);
        Ok(())
    }

    /// Creates the folder of the snapshots if it is missing, and restricts the modes of the files in it.
    pub(crate) fn make_snapshots(&self) -> io::Result<PathBuf> {
        self.make_private_folder(SNAPSHOTS)
    }

    /// Creates the folder of the history's index if it is missing, and restricts the modes of the files in it.
    pub(crate) fn make_history(&self) -> io::Result<PathBuf> {
        self.make_private_folder(HISTORY)
    }

    /// Creates a folder if it is missing.
    pub(crate) fn make_folder_of(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.path_of(name);
        make_folder(&folder)?;
        Ok(folder)
    }

    fn make_private_folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.path_of(name);
        make_folder(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                make_private(&entry.path())?;
            }
        }
        Ok(folder)
    }

    /// Takes the lock that one server at a time holds. Tries for a moment, because a server that is being replaced may
    /// still be shutting down. Dropping the returned file releases the lock.
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

    /// Waits for the lock on the credentials. Dropping the returned file releases it.
    pub(crate) fn lock_credentials(&self) -> io::Result<File> {
        make_folder(&self.path)?;
        let lock = self.open_lock(CREDENTIALS_LOCK)?;
        give_to_owner_of(&self.path, &lock)?;
        lock.lock()?;
        Ok(lock)
    }

    fn open_lock(&self, name: &str) -> io::Result<File> {
        let path = self.path_of(name);
        expect_file(&path)?;
        private().create(true).truncate(false).open(path)
    }

    /// Prepares a database for SQLite to open, and returns its path. SQLite would make the file readable to everybody,
    /// so it is created here. SQLite gives its other files the same mode. Earlier versions left files that everybody
    /// can read, whose modes are restricted here.
    pub(crate) fn prepare_database(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path_of(name);
        expect_file(&path)?;
        match private().create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => drop(made?),
        }
        for suffix in DATABASE_SUFFIXES {
            make_private(&with_suffix(&path, suffix))?;
        }
        Ok(path)
    }

    /// Restricts the modes of the small files that exist.
    pub(crate) fn make_files_private(&self) -> io::Result<()> {
        for name in [SERVER_LOCK, CREDENTIALS_LOCK]
            .into_iter()
            .chain(SMALL_FILES)
        {
            make_private(&self.path_of(name))?;
        }
        Ok(())
    }

    /// The content of a small file. `None` if it is missing. A symbolic link is not followed.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path_of(name);
        expect_file(&path)?;
        match fs::read(path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file. Readers see the old one or the new one, and so does the next start after a crash.
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

    /// The sizes of the files and the free space, for metrics. What cannot be read counts as 0.
    pub(crate) fn usage(&self) -> Usage {
        let log = self.path_of(LOG);
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let snapshots = self.files_in(SNAPSHOTS);
        let history = self.files_in(HISTORY);
        let imported_rows = self.files_in(IMPORTED_ROWS);
        let newest = snapshots.iter().filter_map(|file| file.modified().ok());
        Usage {
            log_bytes: bytes(&log),
            wal_bytes: bytes(&with_suffix(&log, "-wal")),
            alerts_bytes: bytes(&self.path_of(ALERTS)),
            snapshots_bytes: snapshots.iter().map(Metadata::len).sum(),
            history_bytes: history.iter().map(Metadata::len).sum(),
            imported_rows_bytes: imported_rows.iter().map(Metadata::len).sum(),
            snapshot_written_at: newest.max(),
            free_bytes: self.free_bytes().unwrap_or_default(),
        }
    }

    fn files_in(&self, folder: &str) -> Vec<Metadata> {
        let entries = fs::read_dir(self.path_of(folder));
        let entries = entries.into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.metadata().ok())
            .filter(Metadata::is_file)
            .collect()
    }

    /// The free space of the file system for this user. `None` where the system does not say.
    #[cfg(unix)]
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let system = rustix::fs::statvfs(&self.path).ok()?;
        Some(system.f_bavail.saturating_mul(system.f_frsize))
    }

    #[cfg(not(unix))]
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// Creates the directory for its owner only. Returns whether it is empty; one that is not is left as it is.
    pub(crate) fn make_empty(&self) -> io::Result<bool> {
        make_folder(&self.path)?;
        if fs::read_dir(&self.path)?.next().is_some() {
            return Ok(false);
        }
        #[cfg(unix)]
        fs::set_permissions(
            &self.path,
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )?;
        Ok(true)
    }

    /// Removes everything in the directory.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Replaces a file by an empty one, and returns its path.
    pub(crate) fn new_file(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path_of(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        private().create_new(true).open(&path)?;
        Ok(path)
    }

    /// Removes a small file, if it exists.
    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path_of(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        sync_folder(&self.path)
    }

    /// Removes a folder with everything in it, if it exists.
    pub(crate) fn remove_folder(&self, name: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.path_of(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        sync_folder(&self.path)
    }

    /// Copies a small file to another data directory, if it exists.
    pub(crate) fn copy_file(&self, name: &str, to: &Self) -> io::Result<()> {
        match fs::read(self.path_of(name)) {
            Ok(content) => to.replace(name, &content).map(drop),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Copies a database to the name of the log in this directory.
    pub(crate) fn copy_in(&self, from: &Path, suffix: &str) -> io::Result<()> {
        let to = with_suffix(&self.path_of(LOG), suffix);
        let mut copy = private().create_new(true).open(to)?;
        io::copy(&mut File::open(from)?, &mut copy).map(drop)
    }

    /// Removes the directory with everything in it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }

    /// Gives a file its final name, once everything else is in the directory.
    pub(crate) fn finish(&self, unfinished: &str, name: &str) -> io::Result<()> {
        fs::rename(self.path_of(unfinished), self.path_of(name))?;
        sync_folder(&self.path)
    }

    /// Whether the disk has less free space than this. `false` where the system does not say.
    pub(crate) fn has_less_than(&self, bytes: u64) -> bool {
        self.free_bytes().is_some_and(|free| free < bytes)
    }

    /// Whether the disk or the quota is full. Tries to write as much as one group of batches needs.
    pub(crate) fn has_no_room(&self) -> bool {
        let path = self.path_of(PROBE);
        fs::remove_file(&path).ok();
        let opened = private().create_new(true).open(&path);
        let written = opened.and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_data()
        });
        fs::remove_file(&path).ok();
        let kind = written.map_err(|error| error.kind());
        matches!(kind, Err(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    }
}

/// The name of a file that SQLite keeps beside a database.
pub(crate) fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Options for writing a file that only its owner can read. A symbolic link is not followed.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(no_follow());
    }
    options
}

/// Opens a file for reading. A symbolic link is not followed.
pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(no_follow());
    }
    options.open(path)
}

#[cfg(unix)]
fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default()
}

/// Refuses a symbolic link, and anything else that is not a file. What it leads to may belong to somebody else: whoever
/// can write to the directory could let the server change any file of its user.
fn expect_file(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other(format!(
            "{} is a symbolic link or not a file: put a file there, or remove it",
            path.display()
        ))),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Logs it if others than the owner can open the directory.
#[cfg(unix)]
fn warn_if_open(path: &Path, metadata: &Metadata) {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    let what = match mode {
        _ if mode & 0o022 != 0 => {
            "others can write to the data directory, and so replace its files: run chmod 700 on it"
        }
        _ if mode & 0o077 != 0 => "others can open the data directory: run chmod 700 on it",
        _ => return,
    };
    warn!(directory.path = %path.display(), directory.mode = format!("{mode:o}"), "{what}");
}

#[cfg(not(unix))]
fn warn_if_open(_: &Path, _: &Metadata) {}

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

/// Restricts a file's permissions to its owner, if the file exists.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    expect_file(path)?;
    let mode = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let of_owner = mode & 0o700;
    if mode == of_owner {
        return Ok(());
    }
    let file = path.display();
    // By the open file: the name may have become a link.
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(no_follow()).open(path);
    let restricted =
        opened.and_then(|file| file.set_permissions(fs::Permissions::from_mode(of_owner)));
    match restricted {
        Ok(()) => {
            info!(file.path = %file, "others could read this file; now only its owner can");
            Ok(())
        }
        // Only the owner of a file may change its mode. Running as another user is odd, but no reason to refuse the
        // start.
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

/// Gives a file to the owner of the directory: the server must be able to read files that root creates with a command.
#[cfg(unix)]
fn give_to_owner_of(directory: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (wanted, is) = (fs::metadata(directory)?, file.metadata()?);
    if wanted.uid() == is.uid() {
        return Ok(());
    }
    match fchown(file, Some(wanted.uid()), Some(wanted.gid())) {
        // Only root may give files away. Any other user who can write here has the owner's permission.
        Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn give_to_owner_of(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// A directory in which `name` leads to a file of somebody else, and that file.
    fn with_link(name: &str) -> (tempfile::TempDir, DataDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let theirs = home.path().join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        let data = DataDir::at(&home.path().join("data"));
        data.make().unwrap();
        std::os::unix::fs::symlink(&theirs, data.path_of(name)).unwrap();
        (home, data, theirs)
    }

    #[test]
    fn symbolic_links_are_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        type Use = fn(&DataDir) -> io::Result<()>;
        let uses: [(&str, Use); 6] = [
            (SERVER_LOCK, |data| match data.lock_for_server() {
                Err(TryLockError::Error(error)) => Err(error),
                _ => Ok(()),
            }),
            (CREDENTIALS_LOCK, |data| data.lock_credentials().map(drop)),
            (LOG, |data| data.prepare_database(LOG).map(drop)),
            ("alerts.db-wal", |data| {
                data.prepare_database(ALERTS).map(drop)
            }),
            (CREDENTIALS, DataDir::make_files_private),
            (WEBHOOKS, DataDir::make_files_private),
        ];
        for (name, used) in uses {
            let (_home, data, theirs) = with_link(name);
            fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).unwrap();
            let error = used(&data).unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{name}: {error}");
            let mode = fs::metadata(&theirs).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o644, "{name}");
        }
        // A file that is replaced anyway takes the place of the link.
        for name in [PROBE, CREDENTIALS] {
            let (_home, data, theirs) = with_link(name);
            assert!(!data.has_no_room());
            data.replace(CREDENTIALS, b"{}").unwrap();
            assert_eq!(fs::read(&theirs).unwrap(), b"theirs", "{name}");
        }
    }

    #[test]
    fn the_options_for_private_files_do_not_follow_links() {
        let (_home, data, _) = with_link("x");
        assert!(private().open(data.path_of("x")).is_err());
    }
}
