//! Copies snapshots while a server may write to them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{SUFFIX, usable};
use crate::data_dir::{self, DataDir, private, sync_folder};
use crate::log::LogPosition;

/// How often the copy starts again because the server removed a generation meanwhile. It removes one at most once an
/// interval.
const TRIES: u32 = 10;

/// Replaces the snapshots of `to` by copies of those of `from`.
///
/// A server only appends to a file. A copy may end with a part of a round, which a start ignores.
pub(crate) fn copy(from: &DataDir, to: &DataDir) -> io::Result<()> {
    let folder = to.make_snapshots()?;
    let mut tries = 0;
    loop {
        for path in generations(to)? {
            fs::remove_file(path)?;
        }
        tries += 1;
        match copy_all(&generations(from)?, &folder) {
            Err(error) if error.kind() == ErrorKind::NotFound && tries < TRIES => {}
            copied => return copied.and_then(|()| sync_folder(&folder)),
        }
    }
}

/// The last position that the usable snapshots contain. They have to belong to a log of this server that ends at
/// `log_end`.
pub(crate) fn newest(
    data: &DataDir,
    server: Uuid,
    log_end: LogPosition,
) -> io::Result<LogPosition> {
    let extents = generations(data)?
        .into_iter()
        .filter_map(|path| usable(&path, server, log_end));
    let newest = extents.map(|extent| extent.position).max();
    Ok(newest.unwrap_or(LogPosition::START))
}

fn copy_all(generations: &[PathBuf], folder: &Path) -> io::Result<()> {
    for path in generations {
        let mut content = File::open(path)?;
        let name = path.file_name().unwrap_or_default();
        let mut copy = private().create_new(true).open(folder.join(name))?;
        io::copy(&mut content, &mut copy)?;
        copy.sync_all()?;
    }
    Ok(())
}

fn generations(data: &DataDir) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(data.path_of(data_dir::SNAPSHOTS)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if path.extension() == Some(OsStr::new(SUFFIX)) && entry.file_type()?.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
