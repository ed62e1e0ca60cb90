//! `[import]`: files that people have already.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DAY, HOUR, count, time};
use crate::setting_text::duration_text;

/// `[import]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Import {
    /// Folder whose files are imported. Each is then moved to `done` or `failed` in it, with its account beside it. Default
    /// empty: no folder is watched.
    pub folder: PathBuf,
    /// Largest upload in bytes. Default 256 MiB.
    pub body_bytes_max: usize,
    /// What all archives of one upload together may unpack to, in bytes, with its texts that are converted. Default 2 GiB.
    pub unpacked_bytes_max: usize,
    /// Unpacked bytes for each packed byte, past the first MiB. Default 200.
    pub unpacked_ratio_max: usize,
    /// Files of one upload. Each file in an archive counts. Default 1 000.
    pub files_max: usize,
    /// Fields of the form of an upload, besides its files. Default 64.
    pub fields_max: usize,
    /// Imports that wait, run or arrive. Past it, 503, and past a quarter of it for one sender, 429. Default 64.
    pub jobs_max: usize,
    /// Imports that are over, whose accounts are kept. Past it, the oldest account is removed. What the files had stays
    /// known. Default 1 000.
    pub jobs_kept_max: usize,
    /// How long such an account is kept. 0 means for ever. Default 90 days.
    #[serde(with = "duration_text")]
    pub jobs_kept_for: Duration,
    /// Pause before an import is tried again that could not be carried out, such as on a full disk. It doubles with each
    /// further try, up to 64 times of it. Default 5 seconds.
    #[serde(with = "duration_text")]
    pub retry_delay: Duration,
    /// Memory of the process that reads a database from a stranger, in bytes. Default 256 MiB.
    pub database_memory_bytes_max: usize,
    /// Processor time of that process. Default 10 minutes.
    #[serde(with = "duration_text")]
    pub database_time_max: Duration,
    /// How long an upload waits for its account. Past it, the answer is 202, and the client asks again. Default 10
    /// seconds.
    #[serde(with = "duration_text")]
    pub answer_within: Duration,
}

impl Default for Import {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            body_bytes_max: 256 << 20,
            unpacked_bytes_max: 2 << 30,
            unpacked_ratio_max: 200,
            files_max: 1000,
            fields_max: 64,
            jobs_max: 64,
            jobs_kept_max: 1000,
            jobs_kept_for: 90 * DAY,
            retry_delay: Duration::from_secs(5),
            database_memory_bytes_max: 256 << 20,
            database_time_max: Duration::from_secs(600),
            answer_within: Duration::from_secs(10),
        }
    }
}

impl Import {
    /// Checks each key alone. The error holds only the reason: the caller knows the key.
    pub(super) fn check_each(&self) -> Result<(), String> {
        count(self.body_bytes_max, 1024..=1 << 36)?;
        count(self.unpacked_bytes_max, 1024..=1 << 40)?;
        count(self.unpacked_ratio_max, 1..=100_000)?;
        count(self.files_max, 1..=65_534)?;
        count(self.fields_max, 0..=10_000)?;
        count(self.jobs_max, 1..=10_000)?;
        count(self.jobs_kept_max, 1..=1_000_000)?;
        time(self.jobs_kept_for, Duration::ZERO..=DAY * 36_500)?;
        time(self.retry_delay, Duration::from_millis(1)..=HOUR)?;
        count(self.database_memory_bytes_max, 64 << 20..=1 << 36)?;
        time(self.database_time_max, Duration::from_secs(1)..=DAY)?;
        time(self.answer_within, Duration::ZERO..=HOUR)
    }
}
