//! The parts on disk: those that are being sent, and the newest of those that a service refused.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::data_dir::{self, DataDir};

/// How many refused parts of a target are kept.
const REFUSED_MAX: usize = 16;
const PART: &str = "part";
const REFUSED: &str = "refused";

/// The folder of the parts, in the data directory. It is made with the first part.
#[derive(Clone, Debug)]
pub(super) struct PartStore {
    data: DataDir,
}

impl PartStore {
    pub(super) fn of(data: &Path) -> Self {
        Self {
            data: DataDir::at(data),
        }
    }

    fn folder(&self) -> DataDir {
        DataDir::at(&self.data.path_of(data_dir::FORWARD_PARTS))
    }

    /// Keeps a part. It is on disk when this returns.
    pub(super) fn keep(&self, target: &str, id: Uuid, body: &[u8]) -> io::Result<()> {
        self.data.make_folder_of(data_dir::FORWARD_PARTS)?;
        let name = file_name(target, id, PART);
        self.folder().replace(&name, body).map(drop)
    }

    /// The bytes of a part. `None` if it is not there, because something was erased.
    pub(super) fn read(&self, target: &str, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        self.folder().read(&file_name(target, id, PART))
    }

    /// Sets a part aside that the service refused, and removes the oldest of them.
    pub(super) fn refuse(&self, target: &str, id: Uuid) -> io::Result<()> {
        let from = self.folder().path_of(&file_name(target, id, PART));
        let to = self.folder().path_of(&file_name(target, id, REFUSED));
        match fs::rename(from, to) {
            // An attempt before has done so already.
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut refused = self.files_of(target, &[REFUSED])?;
        refused.sort_by_key(|path| {
            let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
            modified.ok()
        });
        let surplus = refused.len().saturating_sub(REFUSED_MAX);
        refused.iter().take(surplus).try_for_each(fs::remove_file)
    }

    /// Removes the parts of a target that are not being sent any more.
    pub(super) fn tidy(&self, target: &str, kept: Option<Uuid>) -> io::Result<()> {
        let kept = kept.map(|id| self.folder().path_of(&file_name(target, id, PART)));
        let parts = self.files_of(target, &[PART, "part.new"])?;
        let done = parts.iter().filter(|path| Some(*path) != kept.as_ref());
        done.cloned().try_for_each(fs::remove_file)
    }

    fn files_of(&self, target: &str, ends: &[&str]) -> io::Result<Vec<PathBuf>> {
        // Names of targets have no full stop.
        let begin = format!("{target}.");
        let files = match fs::read_dir(self.data.path_of(data_dir::FORWARD_PARTS)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let paths = files.map(|file| file.map(|file| file.path()));
        let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
        paths.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let rest = name.and_then(|name| name.strip_prefix(&begin));
            let end = rest.and_then(|rest| rest.split_once('.'));
            end.is_some_and(|(_, end)| ends.contains(&end))
        });
        Ok(paths)
    }
}

/// Removes all parts, because they may have what is erased. Targets make them again.
pub(crate) fn erase_parts(data: &DataDir) -> io::Result<()> {
    data.remove_folder(data_dir::FORWARD_PARTS)
}

fn file_name(target: &str, id: Uuid, end: &str) -> String {
    format!("{target}.{}.{end}", id.simple())
}
