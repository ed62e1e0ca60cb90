//! Snapshots: the tracker on disk, so that a start need not replay the whole log.
//!
//! A generation is one file: a whole round with all devices, then one round of changes for each snapshot since. When
//! the changes outweigh the whole round, the next generation begins. The previous one is kept. If the newest is
//! damaged, a start uses the previous one, which also contains everything that has expired from the log.

mod copy;
mod erase;
mod file;
mod records_v1;
mod records_v2;
mod restore;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;
use uuid::Uuid;

pub(crate) use self::copy::{copy, newest};
pub use self::erase::SnapshotEraseError;
pub(crate) use self::erase::erase;
use self::file::{End, Extent, Format, Frame, Unreadable, Writer};
use self::restore::{restore, restore_generation};
use crate::data_dir::{self, DataDir, sync_folder};
use crate::log::LogPosition;
use crate::tracker::Tracker;

/// The file extension of a generation.
const SUFFIX: &str = "snapshot";
/// The file extension of a generation whose first round is not complete.
const UNFINISHED: &str = "unfinished";
/// The file extension of a generation that cannot be used.
const UNUSABLE: &str = "unusable";
/// How many generations are kept.
const GENERATIONS: usize = 2;
/// How many bytes may be appended to a generation, in addition to as many as its first round has.
const APPENDED_BYTES_MIN: u64 = 16 << 20;

#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    server: Uuid,
    log: LogRange,
    /// The newest last.
    generations: Vec<Generation>,
    next_number: u64,
}

#[derive(Clone, Debug)]
struct Generation {
    path: PathBuf,
    extent: Extent,
}

/// The result of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The last position that it contains.
    pub position: LogPosition,
    pub devices: u64,
    /// The new length of the generation, in bytes.
    pub bytes: u64,
    /// Whether it contains all devices.
    pub is_whole: bool,
}

/// The part of the log that still has its reports.
#[derive(Clone, Copy, Debug)]
pub struct LogRange {
    /// The last position whose reports are deleted. Without a snapshot that contains it, a start fails.
    pub deleted_to: LogPosition,
    /// The position of the newest record.
    pub end: LogPosition,
}

impl LogRange {
    /// A log that has all of its reports.
    pub const fn whole(end: LogPosition) -> Self {
        Self {
            deleted_to: LogPosition::START,
            end,
        }
    }
}

/// Why snapshots cannot be used. Earlier ones are unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A snapshot cannot be read or written.
    #[error("cannot read or write snapshots in {}: {cause}", folder.display())]
    Io { folder: PathBuf, cause: io::Error },
    /// Devices whose reports are no longer in the log would be lost.
    #[error(
        "the start would lose devices: the log has no reports up to position {} any more, and the snapshots in {} that this program can read end at position {}; restore the folder from a backup, or use the version of scanpost that wrote it, or start with --accept-loss",
        deleted_to.get(), folder.display(), position.get()
    )]
    Lost {
        folder: PathBuf,
        deleted_to: LogPosition,
        position: LogPosition,
    },
}

impl Snapshots {
    /// Opens the snapshots that belong to the log of a data directory. Files that cannot be used are renamed, with a
    /// warning.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or if no snapshot contains what the log has deleted. Then all snapshots stay as they are.
    pub fn open(data: &Path, server: Uuid, log: LogRange) -> Result<Self, SnapshotError> {
        let data = DataDir::at(data);
        let mut snapshots = Self {
            folder: data.path_of(data_dir::SNAPSHOTS),
            server,
            log,
            generations: Vec::new(),
            next_number: 1,
        };
        let unusable = data.make_snapshots().and_then(|_| snapshots.scan());
        let unusable = unusable.map_err(|cause| snapshots.error(cause))?;
        snapshots.expect_no_loss()?;
        for number in unusable {
            let aside = snapshots.path(number, UNUSABLE);
            let renamed = fs::rename(snapshots.path(number, SUFFIX), aside);
            renamed.map_err(|cause| snapshots.error(cause))?;
        }
        Ok(snapshots)
    }

    /// Refuses if none of the snapshots contains what the log has deleted.
    fn expect_no_loss(&self) -> Result<(), SnapshotError> {
        let newest = self.generations.last();
        let position = newest.map_or(LogPosition::START, |newest| newest.extent.position);
        let deleted_to = self.log.deleted_to;
        if position < deleted_to {
            let folder = self.folder.clone();
            return Err(SnapshotError::Lost {
                folder,
                deleted_to,
                position,
            });
        }
        Ok(())
    }

    /// Finds the usable generations. Returns the numbers of those that cannot be used.
    fn scan(&mut self) -> io::Result<Vec<u64>> {
        let log_end = self.log.end;
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            let is = |suffix| path.extension().is_some_and(|found| found == suffix);
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            // Anything else that somebody put here stays.
            if !entry.file_type()?.is_file() {
                warn!(snapshot.path = %path.display(), "skipping what is not a file, and so not a snapshot");
            } else if is(UNFINISHED) {
                fs::remove_file(&path)?;
            } else if let (true, Some(number)) = (is(SUFFIX) || is(UNUSABLE), number) {
                let Some(next) = u64::checked_add(number, 1) else {
                    warn!(snapshot.path = %path.display(), "skipping this file, the number in its name is too large");
                    continue;
                };
                self.next_number = self.next_number.max(next);
                if is(SUFFIX) {
                    numbers.push(number);
                }
            }
        }
        if log_end == LogPosition::START && !numbers.is_empty() {
            return Err(io::Error::other(
                "the log is empty, but there are snapshots of an earlier one: restore its scanpost.db, or move this folder away to start without data",
            ));
        }
        numbers.sort_unstable();
        let mut unusable = Vec::new();
        for number in numbers {
            let path = self.path(number, SUFFIX);
            match usable(&path, self.server, log_end) {
                Some(extent) => self.generations.push(Generation { path, extent }),
                None => unusable.push(number),
            }
        }
        // If the newest is damaged, its usable part may end before the previous one does.
        self.generations
            .sort_by_key(|generation| generation.extent.position);
        Ok(unusable)
    }

    /// Restores the newest readable snapshot into an empty tracker. Returns the last position that it contains. `None`
    /// if `is_wanted` became false meanwhile: then the tracker is incomplete.
    pub fn restore(
        &mut self,
        tracker: &Tracker,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Option<LogPosition>, SnapshotError> {
        while let Some(newest) = self.generations.pop() {
            match restore_generation(tracker, &newest, self.server, &is_wanted) {
                Ok(is_whole) => {
                    let position = newest.extent.position;
                    self.generations.push(newest);
                    return Ok(is_whole.then_some(position));
                }
                Err(Unreadable::Io(cause)) => return Err(self.error(cause)),
                Err(fault) => {
                    warn!(snapshot.path = %newest.path.display(), %fault, "a snapshot is not used");
                    self.expect_no_loss()?;
                    tracker.clear();
                    let aside = newest.path.with_extension(UNUSABLE);
                    fs::rename(&newest.path, aside).map_err(|cause| self.error(cause))?;
                }
            }
        }
        Ok(Some(LogPosition::START))
    }

    /// The last position that the log may delete: it is in a snapshot that is no longer written to.
    pub fn safe_position(&self) -> LogPosition {
        match self.generations.as_slice() {
            [.., older, _] => older.extent.position,
            _ => LogPosition::START,
        }
    }

    /// The length of a whole snapshot in bytes, judged by the newest one.
    pub fn whole_bytes(&self) -> u64 {
        self.generations
            .last()
            .map_or(0, |newest| newest.extent.whole_bytes)
    }

    /// Writes the changes since the last snapshot, or all devices if that is due or requested.
    ///
    /// `None` if nothing has changed. `may_keep` may block. It returns whether the alerts of all batches up to a
    /// position are stored. They have to be, because a batch in a snapshot is not replayed and raises no alert again.
    pub fn take(
        &mut self,
        tracker: &Tracker,
        of_everything: bool,
        may_keep: impl Fn(LogPosition) -> bool,
    ) -> Result<Option<SnapshotSummary>, SnapshotError> {
        if !of_everything && !tracker.changed_since_image() {
            return Ok(None);
        }
        let is_due = self.generations.last().is_none_or(|newest| {
            let extent = newest.extent;
            let is_outweighed =
                extent.whole_bytes.saturating_mul(2) + APPENDED_BYTES_MIN < extent.bytes;
            // A file has only one format.
            is_outweighed || extent.format != Format::CURRENT
        });
        match self.write(tracker, of_everything || is_due, may_keep) {
            Ok(taken) => Ok(taken),
            Err(cause) => {
                // If the disk is full, others need the space.
                fs::remove_file(self.path(self.next_number, UNFINISHED)).ok();
                Err(self.error(cause))
            }
        }
    }

    fn write(
        &mut self,
        tracker: &Tracker,
        of_everything: bool,
        may_keep: impl Fn(LogPosition) -> bool,
    ) -> io::Result<Option<SnapshotSummary>> {
        let Some(mut image) = tracker.image(of_everything) else {
            return Ok(None);
        };
        let head = image.head();
        let (position, is_whole) = (head.position, head.is_whole);
        if !may_keep(position) {
            return Err(io::Error::other(
                "the alerts that belong to it are not stored yet",
            ));
        }
        let unfinished = self.path(self.next_number, UNFINISHED);
        let mut writer = match self.generations.last() {
            Some(newest) if !is_whole => Writer::append(&newest.path, newest.extent)?,
            _ => Writer::create(&unfinished, self.server)?,
        };
        writer.write(Frame::Head(Box::new(head.clone())))?;
        if !head.paused.is_empty() {
            writer.write(Frame::Paused(head.paused.clone()))?;
        }
        if let Some(gone) = &head.gone_sources {
            writer.write(Frame::GoneSources(gone.clone()))?;
        }
        let given = head.given_names();
        if !given.is_empty() {
            writer.write(Frame::SourceNames(given))?;
        }
        let mut devices = 0;
        while let Some(next) = image.next_devices() {
            devices += u64::try_from(next.len()).unwrap_or_default();
            writer.write(Frame::Devices(next))?;
        }
        writer.write(Frame::End(End {
            position,
            devices,
            is_whole,
        }))?;
        let bytes = writer.finish()?;
        if is_whole {
            self.begin_generation(&unfinished, position, bytes)?;
        } else if let Some(newest) = self.generations.last_mut() {
            (newest.extent.position, newest.extent.bytes) = (position, bytes);
        }
        image.keep();
        Ok(Some(SnapshotSummary {
            position,
            devices,
            bytes,
            is_whole,
        }))
    }

    fn begin_generation(
        &mut self,
        unfinished: &Path,
        position: LogPosition,
        bytes: u64,
    ) -> io::Result<()> {
        let path = self.path(self.next_number, SUFFIX);
        fs::rename(unfinished, &path)?;
        sync_folder(&self.folder)?;
        self.next_number += 1;
        let extent = Extent {
            format: Format::CURRENT,
            position,
            bytes,
            whole_bytes: bytes,
        };
        self.generations.push(Generation { path, extent });
        while GENERATIONS < self.generations.len() {
            let oldest = self.generations.remove(0);
            fs::remove_file(oldest.path)?;
        }
        Ok(())
    }

    fn path(&self, number: u64, suffix: &str) -> PathBuf {
        self.folder.join(format!("{number:08}.{suffix}"))
    }

    fn error(&self, cause: io::Error) -> SnapshotError {
        SnapshotError::Io {
            folder: self.folder.clone(),
            cause,
        }
    }
}

/// The usable part of a file.
fn usable(path: &Path, server: Uuid, log_end: LogPosition) -> Option<Extent> {
    let (extent, fault) = match file::measure(path, server) {
        Ok((extent, fault)) => (extent, fault),
        Err(fault) => (None, Some(fault)),
    };
    let path = path.display();
    match (extent, fault) {
        // The snapshot contains batches that the log has lost. The log will give their positions to other batches.
        (Some(extent), _) if log_end < extent.position => {
            warn!(
                snapshot.path = %path,
                snapshot.position = extent.position.get(),
                log_end = log_end.get(),
                "the log ends before this snapshot: the snapshot is not used"
            );
            None
        }
        (Some(extent), None) => Some(extent),
        (Some(extent), Some(fault)) => {
            warn!(snapshot.path = %path, snapshot.position = extent.position.get(), %fault, "the end of a snapshot is not used");
            Some(extent)
        }
        (None, fault) => {
            let fault = fault.map_or_else(String::new, |fault| fault.to_string());
            warn!(snapshot.path = %path, fault, "a snapshot is not used");
            None
        }
    }
}

/// Restores the payload of one frame of any format. Returns `false` if it is not a frame. Only fuzz targets use this.
pub(crate) fn restore_frame(tracker: &Tracker, payload: &[u8]) -> bool {
    let mut formats = Format::ALL.into_iter();
    let frame = formats.find_map(|format| Frame::read(format, payload, 0).ok());
    frame.is_some_and(|frame| {
        restore(tracker, frame);
        true
    })
}
