//! What benches begin with.

use std::time::Duration;

use scanpost::config::Config;
use scanpost::ingest::kismet;
use scanpost::tracker::{Bounds, Tracker};
use tempfile::TempDir;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A temporary directory on the disk of the build. The system's temporary directory is often in memory.
pub(crate) fn data_directory() -> Result<TempDir> {
    let parent = env!("CARGO_TARGET_TMPDIR");
    std::fs::create_dir_all(parent)?;
    Ok(tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(parent)?)
}

/// Default limits of the decoder.
pub(crate) fn decode_limits() -> kismet::Limits {
    let Config { limits, ingest, .. } = Config::default();
    kismet::Limits {
        reports_per_batch_max: limits.reports_per_batch_max,
        json_depth_max: limits.json_depth_max,
        ignored_max: 100,
        clock_skew_max: ingest.clock_skew_max,
        source_name_bytes_max: limits.source_name_bytes_max,
        capabilities_bytes_max: limits.capabilities_bytes_max,
        tags_max: limits.tags_per_device_max,
        tag_bytes_max: limits.tag_bytes_max,
        tags_bytes_max: limits.tags_bytes_per_device_max,
        advertising_bytes_max: limits.advertising_bytes_per_device_max,
    }
}

/// A tracker that evicts nothing.
pub(crate) fn tracker() -> Tracker {
    Tracker::new(Bounds {
        devices_max: usize::MAX,
        sources_max: 1000,
        ssids_per_device_max: 32,
        sources_per_device_max: 64,
        frequencies_per_device_max: 64,
        tags_per_device_max: 32,
        tags_bytes_per_device_max: 4096,
        advertising_bytes_per_device_max: 4096,
        memory_bytes_max: 0,
        device_timeout: Duration::ZERO,
    })
}
