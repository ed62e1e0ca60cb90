//! Backups: a consistent copy of a data directory, also while a server writes to it.
//!
//! The files depend on each other, so their order matters:
//!
//! 1. The positions of webhooks and forwards, because a position must not be behind an alert or a record that the copy
//!    does not have.
//! 2. The snapshots.
//! 3. The alerts. They have all alerts of the records in the snapshots, because the server stores these first.
//! 4. The log. It has all records of the snapshots and of the alerts. In between, the server may have deleted reports
//!    that are not in the copied snapshots. Then the snapshots and the alerts are copied again.
//! 5. The other small files, which depend on nothing. The log gets its name last: a copy without one is incomplete.
//!
//! The imports come before all of them, because the log must have the rows that they know.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::alerts::{self, AlertFileError};
use crate::auth::{Credentials, CredentialsError};
use crate::data_dir::{self, DataDir};
use crate::import;
use crate::log::{LogError, LogPosition, LogReader, Verification};
use crate::snapshot;

/// The files with positions.
const POSITIONS: [&str; 2] = [data_dir::WEBHOOKS, data_dir::FORWARDS];
/// Most attempts to copy snapshots that match the copied log. They stop to match if the server deletes reports while it is
/// copied, which it does at most once in `snapshots.interval`.
const TRIES: u32 = 10;

/// Why a backup cannot be made or checked.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder has files already.
    #[error("{} is not empty: choose a new folder for each backup", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot copy {} to {}", from.display(), to.display())]
    Copy {
        /// The data directory.
        from: PathBuf,
        /// The folder of the backup.
        to: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The log cannot be read or copied.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The alerts cannot be read or copied.
    #[error(transparent)]
    Alerts(#[from] AlertFileError),
    /// Devices would be missing.
    #[error(
        "the log has no reports up to position {} any more, and the snapshots end at position {}: a server would not start with this copy; start the server on the data directory first",
        deleted_to.get(), snapshot.get()
    )]
    Lost {
        /// The last position whose reports are deleted.
        deleted_to: LogPosition,
        /// The last position that the snapshots contain.
        snapshot: LogPosition,
    },
}

/// A problem of a backup besides those of its log.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Devices are missing.
    #[error(
        "the log has no reports up to position {} any more, and the snapshots end at position {}: devices are missing",
        deleted_to.get(), snapshot.get()
    )]
    Lost {
        /// The last position whose reports are deleted.
        deleted_to: LogPosition,
        /// The last position that the snapshots contain.
        snapshot: LogPosition,
    },
    /// The snapshots cannot be read.
    #[error("cannot read the snapshots: {0}")]
    Snapshots(io::Error),
    /// The alerts cannot be read.
    #[error(transparent)]
    Alerts(AlertFileError),
    /// The alerts are newer than the log.
    #[error(
        "the alerts belong to a log that ends at position {} or later, and this one ends at position {}: they were not copied together",
        alerts.get(), log.get()
    )]
    AlertsAhead {
        /// The position of the alerts.
        alerts: LogPosition,
        /// The end of the log.
        log: LogPosition,
    },
    /// The credentials cannot be read.
    #[error(transparent)]
    Credentials(CredentialsError),
    /// The imports cannot be read.
    #[error("cannot read the imports: {0}")]
    Imports(io::Error),
    /// A small file cannot be read.
    #[error("cannot read {name}: {source}")]
    File {
        /// Its name.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    /// The log, with its problems.
    pub log: Verification,
    /// The last position that the snapshots contain.
    pub snapshot: LogPosition,
    /// The other problems.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// Whether a server can start with the backup and loses nothing.
    pub fn is_sound(&self) -> bool {
        self.log.findings.is_empty() && self.problems.is_empty()
    }
}

/// Copies the data directory `from` to `to`, which has to be empty or missing. If that fails, `to` is empty again.
///
/// # Errors
///
/// If `to` has files, if a file cannot be read or written, or if the copy would lose devices.
pub fn create(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Copy {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    };
    // Nothing is made for a data directory that has no log.
    drop(LogReader::open(from)?);
    let copy = DataDir::at(to);
    if !copy.make_empty().map_err(failed)? {
        return Err(BackupError::NotEmpty {
            folder: to.to_owned(),
        });
    }
    let copied = copy_all(&DataDir::at(from), &copy, from, failed);
    if copied.is_err() {
        // The error that counts is the first one.
        copy.clear().ok();
    }
    copied
}

fn copy_all(
    data: &DataDir,
    copy: &DataDir,
    from: &Path,
    failed: impl Fn(io::Error) -> BackupError,
) -> Result<(), BackupError> {
    import::copy(data, copy).map_err(&failed)?;
    for name in POSITIONS {
        data.copy_file(name, copy).map_err(&failed)?;
    }
    let log = copy_until_consistent(data, copy, from, &failed)?;
    let unfinished = copy.new_file(data_dir::UNFINISHED_LOG).map_err(&failed)?;
    log.copy_to(&unfinished)?;
    for name in data_dir::SMALL_FILES {
        if !POSITIONS.contains(&name) {
            data.copy_file(name, copy).map_err(&failed)?;
        }
    }
    copy.finish(data_dir::UNFINISHED_LOG, data_dir::LOG)
        .map_err(failed)
}

/// Copies snapshots and alerts until they match the log. Returns a reader of the log at that moment.
fn copy_until_consistent(
    data: &DataDir,
    copy: &DataDir,
    from: &Path,
    failed: impl Fn(io::Error) -> BackupError,
) -> Result<LogReader, BackupError> {
    let mut tries = 0;
    loop {
        snapshot::copy(data, copy).map_err(&failed)?;
        copy_alerts(data, copy, &failed)?;
        let log = LogReader::open(from)?;
        let deleted_to = log.deleted_to()?;
        let snapshot = position_of_snapshots(copy, &log, &failed)?;
        if deleted_to <= snapshot {
            return Ok(log);
        }
        tries += 1;
        if tries == TRIES {
            return Err(BackupError::Lost {
                deleted_to,
                snapshot,
            });
        }
    }
}

fn copy_alerts(
    data: &DataDir,
    copy: &DataDir,
    failed: impl Fn(io::Error) -> BackupError,
) -> Result<(), BackupError> {
    let source = data.path_of(data_dir::ALERTS);
    if !source.try_exists().map_err(&failed)? {
        return Ok(());
    }
    let target = copy.new_file(data_dir::ALERTS).map_err(failed)?;
    Ok(alerts::copy_file(&source, &target)?)
}

fn position_of_snapshots(
    data: &DataDir,
    log: &LogReader,
    failed: impl Fn(io::Error) -> BackupError,
) -> Result<LogPosition, BackupError> {
    match log.server_uuid()? {
        Some(server) => snapshot::newest(data, server, log.end()?).map_err(failed),
        None => Ok(LogPosition::START),
    }
}

/// Reads a backup as a start would, and changes nothing.
///
/// # Errors
///
/// If there is no log that can be opened.
pub fn check(folder: &Path) -> Result<Checked, BackupError> {
    let data = DataDir::at(folder);
    let log = LogReader::open(folder)?;
    let verification = log.verify()?;
    let (end, deleted_to) = (log.end()?, log.deleted_to()?);
    let mut problems = Vec::new();
    let snapshot = match log.server_uuid()? {
        Some(server) => snapshot::newest(&data, server, end),
        None => Ok(LogPosition::START),
    };
    let snapshot = snapshot.unwrap_or_else(|error| {
        problems.push(Problem::Snapshots(error));
        LogPosition::START
    });
    if snapshot < deleted_to {
        problems.push(Problem::Lost {
            deleted_to,
            snapshot,
        });
    }
    let alerts = data.path_of(data_dir::ALERTS);
    if alerts.exists() {
        match alerts::check_file(&alerts) {
            Ok(alerts) if end < alerts => problems.push(Problem::AlertsAhead { alerts, log: end }),
            Ok(_) => {}
            Err(error) => problems.push(Problem::Alerts(error)),
        }
    }
    problems.extend(Credentials::open(folder).err().map(Problem::Credentials));
    problems.extend(import::check_copy(&data).err().map(Problem::Imports));
    for name in data_dir::SMALL_FILES {
        if let Err(source) = read_json(&data.path_of(name)) {
            problems.push(Problem::File { name, source });
        }
    }
    Ok(Checked {
        log: verification,
        snapshot,
        problems,
    })
}

/// Checks that a file is JSON, if it exists.
fn read_json(path: &Path) -> io::Result<()> {
    match fs::read(path) {
        Ok(json) => Ok(serde_json::from_slice::<serde::de::IgnoredAny>(&json).map(drop)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
