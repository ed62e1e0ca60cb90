//! Base maps: archives of map tiles in the data directory, and an outline of the world in the program.
//!
//! Archives come from elsewhere and may be damaged or made to harm, so each size that they state has a limit.
//! Everything here blocks; callers run it on a thread that may.

mod archive;
mod inflate;
mod mbtiles;
mod pmtiles;
pub(crate) mod style;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{info, warn};

pub(crate) use self::archive::{Archive, Facts, MapError, Place, Tile};
use self::inflate::Compression;
use self::mbtiles::MbTiles;
use self::pmtiles::PmTiles;
use crate::data_dir::{DataDir, FileStamp, MAPS};

/// The name of the embedded map.
pub(crate) const OUTLINE: &str = "outline";
/// Most archives that a list has. Each is opened.
const LISTED_MAX: usize = 256;
/// Most entries of the folder that are looked at.
const ENTRIES_MAX: usize = 100_000;
const NAME_BYTES_MAX: usize = 64;
/// How long the reason why an archive cannot be used stands before it is opened again.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Land and borders of Natural Earth at 1:50 million, as gzip of `TopoJSON`. `data/naturalearth` tells where it is from.
static OUTLINE_GZIP: &[u8] = include_bytes!("../../data/naturalearth/countries-50m.json.gz");

/// The embedded map.
pub(crate) fn outline() -> Tile {
    Tile::new(OUTLINE_GZIP.to_vec(), Compression::Gzip)
}

/// Opens an archive wherever it is. `None` if its name does not say which kind it is.
pub(crate) fn open(path: &Path) -> Option<Result<Archive, MapError>> {
    let candidate = Candidate {
        kind: Kind::of(path)?,
        path: path.to_owned(),
    };
    Some(candidate.open())
}

/// The folder of archives. Clones share the files that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct BaseMaps {
    folder: Option<PathBuf>,
    open: Arc<Mutex<HashMap<String, Opened>>>,
}

/// The archives of the folder.
#[derive(Debug)]
pub(crate) struct Listing {
    /// In the order of their names, each with its facts or the reason why it cannot be used.
    pub(crate) maps: Vec<(String, Opening)>,
    /// How many more there are.
    pub(crate) left_out: usize,
}

/// An archive, or why it cannot be used.
pub(crate) type Opening = Result<Arc<Archive>, MapError>;

#[derive(Debug)]
struct Opened {
    stamp: FileStamp,
    archive: Opening,
    at: Instant,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    PmTiles,
    MbTiles,
}

/// A file of the folder.
#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    kind: Kind,
}

impl BaseMaps {
    /// The maps of a data directory.
    pub(crate) fn of(data: Option<&DataDir>) -> Self {
        Self {
            folder: data.map(|data| data.path_of(MAPS)),
            open: Arc::default(),
        }
    }

    /// Logs which maps there are. The start does not wait for it: opening many archives takes long, and their disk may
    /// hang.
    pub(crate) fn log_in_background(&self) {
        if self.folder.is_none() {
            return;
        }
        let maps = self.clone();
        let started = thread::Builder::new()
            .name("base maps".into())
            .spawn(move || maps.log());
        if let Err(error) = started {
            warn!(%error, "cannot start a thread that looks for base maps; they can be used all the same");
        }
    }

    fn log(&self) {
        let Listing { maps, left_out } = self.all();
        for (name, opening) in maps {
            match opening {
                Ok(_) => info!(map.name = name, "base map"),
                Err(error) => warn!(map.name = name, %error, "cannot use a base map"),
            }
        }
        if 0 < left_out {
            warn!(
                left_out,
                "the list of base maps has only the first {LISTED_MAX}; the others can be used by their names"
            );
        }
    }

    /// All archives, up to a limit.
    pub(crate) fn all(&self) -> Listing {
        let mut found = HashSet::new();
        let mut maps = Vec::new();
        let mut files = self.files();
        let left_out = files.len().saturating_sub(LISTED_MAX);
        files.truncate(LISTED_MAX);
        for (path, kind) in files {
            let name = name_of(&path);
            let refused = if !is_name(&name) {
                Some(
                    "its name may have letters, digits, - and _ only, at most 64 of them: rename the file",
                )
            } else if name == OUTLINE {
                Some("the name outline is that of the embedded map: rename the file")
            } else if found.contains(&name) {
                Some("another file has the same name but for the extension: rename one of them")
            } else {
                None
            };
            if let Some(reason) = refused {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                let error = MapError::new(format!("{file}: {reason}"));
                maps.push((name, Err(error)));
                continue;
            }
            let opening = self.open(&name, &Candidate { path, kind });
            found.insert(name.clone());
            maps.push((name, opening));
        }
        // Files that are gone are closed.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if left_out == 0 {
            open.retain(|name, _| found.contains(name));
        }
        Listing { maps, left_out }
    }

    /// The archive with a name. `None` if there is none.
    pub(crate) fn get(&self, name: &str) -> Option<Opening> {
        if !is_name(name) || name == OUTLINE {
            return None;
        }
        let folder = self.folder.as_ref()?;
        let mut kinds = [Kind::MbTiles, Kind::PmTiles].into_iter();
        let candidate = kinds.find_map(|kind| {
            let path = folder.join(format!("{name}.{}", kind.extension()));
            path.symlink_metadata()
                .is_ok()
                .then_some(Candidate { path, kind })
        })?;
        Some(self.open(name, &candidate))
    }

    /// Files with the extension of an archive, in the order of their names.
    fn files(&self) -> Vec<(PathBuf, Kind)> {
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.take(ENTRIES_MAX).map(|entry| entry.path());
        let mut files: Vec<_> = paths
            .filter_map(|path| Some((Kind::of(&path)?, path)))
            .map(|(kind, path)| (path, kind))
            .collect();
        files.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        files
    }

    /// The archive that is open already if its file did not change, else the file as it is now.
    fn open(&self, name: &str, candidate: &Candidate) -> Opening {
        let stamp = candidate.stamp()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = open.get(name).filter(|opened| opened.is_of(stamp)) {
            return opened.archive.clone();
        }
        // Opening may take long, and other maps do not wait for it.
        drop(open);
        let archive = candidate.open().map(Arc::new);
        let opened = Opened {
            stamp,
            archive: archive.clone(),
            at: Instant::now(),
        };
        open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(name.to_owned(), opened);
        archive
    }
}

impl Opened {
    /// Whether it is still what the file is. What was wrong may be over, such as too many open files.
    fn is_of(&self, stamp: FileStamp) -> bool {
        self.stamp == stamp && (self.archive.is_ok() || self.at.elapsed() < RETRY_PAUSE)
    }
}

impl Candidate {
    /// Refuses what is not a file of the folder itself: a link could lead to any file that the server may read.
    fn stamp(&self) -> Result<FileStamp, MapError> {
        let metadata = fs::symlink_metadata(&self.path).map_err(MapError::read)?;
        if !metadata.is_file() {
            return Err(MapError::new(
                "a symbolic link or a folder: put the file itself there",
            ));
        }
        Ok(FileStamp::of(&metadata))
    }

    fn open(&self) -> Result<Archive, MapError> {
        match self.kind {
            Kind::PmTiles => PmTiles::open(&self.path).map(Archive::PmTiles),
            Kind::MbTiles => MbTiles::open(&self.path).map(Archive::MbTiles),
        }
    }
}

impl Kind {
    const fn extension(self) -> &'static str {
        match self {
            Self::PmTiles => "pmtiles",
            Self::MbTiles => "mbtiles",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        let mut kinds = [Self::PmTiles, Self::MbTiles].into_iter();
        kinds.find(|kind| extension == kind.extension())
    }
}

fn name_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Whether a text may name a map. None of them leads out of the folder.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests;
