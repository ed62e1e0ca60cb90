//! Erasure before the server opens its files, and while no server runs.

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tracing::{error, info};

use crate::config::Config;
use crate::erase::{self, EraseError, EraseOrder, Erased, Eraser};
use crate::notify::Notifier;
use crate::tracker::{Bounds, Tracker};

/// Erases from a data directory that no server uses.
///
/// # Errors
///
/// If a server uses the directory, or if a file cannot be read or written. An order that was begun is carried out at the
/// next start of the server, or by the next call.
pub fn erase_from(config: &Config, data: &Path, order: &EraseOrder) -> Result<Erased, EraseError> {
    erase::erase(data, order, || empty_tracker(config))
}

/// Carries out the orders that wait. If that fails, the server starts all the same, because it has to take reports, and
/// the next start tries again.
pub(super) async fn carry_out_waiting(config: &Config, eraser: &Eraser) {
    let carry_out = {
        let (config, eraser) = (config.clone(), eraser.clone());
        move || eraser.carry_out(|| empty_tracker(&config))
    };
    // At the first start, the service manager waits for more than that.
    let alive = || Arc::new(Notifier::of_environment()).keep_alive();
    let _alive = eraser.is_wanted().then(alive);
    match spawn_blocking(carry_out).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => error!(
            error = &failure as &(dyn std::error::Error + 'static),
            "what was ordered to be erased is not erased completely: the next start tries again"
        ),
        Err(failure) => info!(error = %failure, "erasing was cut short: the next start goes on"),
    }
}

/// A tracker with the bounds of the configuration.
pub(super) fn empty_tracker(config: &Config) -> Tracker {
    let limits = &config.limits;
    Tracker::new(Bounds {
        devices_max: limits.devices_max,
        sources_max: limits.sources_max,
        ssids_per_device_max: limits.ssids_per_device_max,
        sources_per_device_max: limits.sources_per_device_max,
        frequencies_per_device_max: limits.frequencies_per_device_max,
        tags_per_device_max: limits.tags_per_device_max,
        tags_bytes_per_device_max: limits.tags_bytes_per_device_max,
        advertising_bytes_per_device_max: limits.advertising_bytes_per_device_max,
        memory_bytes_max: limits.memory_bytes_max,
        device_timeout: config.retention.device_timeout,
    })
}
