//! The watched folder: what is dropped there is imported, and moved to `done` or `failed` in it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use super::job::{Job, Options, State};
use super::{ImportSender, Imports};
use crate::data_dir::FileStamp;
use crate::report::{ReceivedAt, UnixTime};

/// How often to look at the folder. A file that has not changed since the last look is complete.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long to wait for an import before the folder is looked at again.
const WAIT: Duration = Duration::from_secs(1);
const DONE: &str = "done";
const FAILED: &str = "failed";

/// Starts the thread. It ends after [`super::Importing::stop`].
pub(super) fn start(
    imports: Imports,
    folder: &Path,
    skew_max: Duration,
) -> io::Result<JoinHandle<()>> {
    let mut watcher = Watcher {
        imports,
        folder: folder.to_owned(),
        skew_max,
        seen: HashMap::new(),
        stuck: HashMap::new(),
        failure: None,
    };
    thread::Builder::new()
        .name("import-folder".into())
        .spawn(move || watcher.run())
}

struct Watcher {
    imports: Imports,
    folder: PathBuf,
    skew_max: Duration,
    /// The files of the last look.
    seen: HashMap<String, FileStamp>,
    /// Files that were imported and cannot be moved. They are left alone until they change.
    stuck: HashMap<String, FileStamp>,
    /// What went wrong last, so that it is logged once.
    failure: Option<String>,
}

impl Watcher {
    fn run(&mut self) {
        loop {
            match self.look() {
                Ok(()) => self.failure = None,
                Err(error) => {
                    let failure = error.to_string();
                    if self.failure.as_ref() != Some(&failure) {
                        let folder = self.folder.display();
                        warn!(import.folder = %folder, error = failure, "the watched folder cannot be used; trying again");
                    }
                    self.failure = Some(failure);
                }
            }
            if self.imports.0.pause(INTERVAL) {
                return;
            }
        }
    }

    fn look(&mut self) -> io::Result<()> {
        let mut seen = HashMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Links and folders are left alone. So are files that a program is about to rename.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_part = Path::new(&name)
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("part"));
            if !entry.file_type()?.is_file() || name.starts_with('.') || is_part {
                continue;
            }
            seen.insert(name, FileStamp::of(&entry.metadata()?));
        }
        let mut complete: Vec<String> = seen
            .iter()
            .filter(|(name, stamp)| {
                self.seen.get(*name) == Some(stamp) && self.stuck.get(*name) != Some(stamp)
            })
            .map(|(name, _)| name.clone())
            .collect();
        complete.sort_unstable();
        self.seen = seen;
        for name in complete {
            self.import(&name)?;
            if self.imports.0.is_stopping() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn import(&mut self, name: &str) -> io::Result<()> {
        let id = match self.imports.of_watched(name) {
            Some(id) => id,
            None => self.add(name)?,
        };
        loop {
            let job = self.imports.wait(id, WAIT)?;
            match job {
                Some(job) if job.state.is_over() => {
                    let put_away = self.put_away(name, &job);
                    if put_away.is_err()
                        && let Some(stamp) = self.seen.get(name)
                    {
                        self.stuck.insert(name.to_owned(), *stamp);
                    }
                    return put_away;
                }
                // After the next start, the import is found by the name of the file.
                _ if self.imports.0.is_stopping() => return Ok(()),
                Some(_) => {}
                None => return Err(io::Error::other("the import of a file is gone")),
            }
        }
    }

    fn add(&self, name: &str) -> io::Result<u64> {
        let arrival = self.imports.reserve(ImportSender::Operator);
        let arrival = arrival.map_err(io::Error::other)?;
        let id = arrival.id();
        let mut spool = arrival.new_file(0)?;
        let mut file = File::open(self.folder.join(name))?;
        let uploaded_bytes = io::copy(&mut file, &mut spool)?;
        let sha256 = spool.end()?;
        let created = ReceivedAt::from(SystemTime::now()).time().seconds();
        let skew_s = u32::try_from(self.skew_max.as_secs()).unwrap_or(u32::MAX);
        let job = Job {
            id,
            created: created.into(),
            latest: Some(UnixTime::new(created.saturating_add(skew_s))),
            options: Options {
                watched: Some(name.to_owned()),
                ..Options::default()
            },
            uploads: vec![name.to_owned()],
            uploads_sha256: vec![sha256],
            uploaded_bytes,
            ..Job::default()
        };
        arrival.add(job).map_err(io::Error::other)?;
        Ok(id)
    }

    /// Moves a file away, and writes its account beside it.
    fn put_away(&mut self, name: &str, job: &Job) -> io::Result<()> {
        let folder = match job.state {
            State::Done => DONE,
            _ => FAILED,
        };
        let folder = self.folder.join(folder);
        fs::create_dir_all(&folder)?;
        let mut to = name.to_owned();
        // A file of the same name may have come before.
        if folder.join(&to).exists() {
            to = format!("{}-{name}", job.id);
        }
        let account = serde_json::to_vec_pretty(&job.files)?;
        fs::write(folder.join(format!("{to}.account.json")), account)?;
        fs::rename(self.folder.join(name), folder.join(&to))?;
        self.seen.remove(name);
        info!(
            import.id = job.id,
            file = name,
            "a file of the watched folder was imported"
        );
        Ok(())
    }
}
