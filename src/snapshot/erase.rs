//! Writes snapshots anew without what was erased from the log.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::{LogRange, SnapshotError, Snapshots, UNUSABLE};
use crate::data_dir::{self, DataDir, sync_folder};
use crate::log::{EraseOrder, Log, LogError, LogPosition};
use crate::report::{DeviceId, MacAddr};
use crate::tracker::{Device, SourceNumber, Tracker};

/// Why snapshots could not be written anew.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotEraseError {
    /// The snapshots cannot be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Erases from the snapshots what was erased from the log. `addresses` are those of the devices that had any of it.
///
/// If the log has all reports, the snapshots are deleted: the next start reads the log. Otherwise devices that may have
/// had any of it are made again from the reports that the log has, and everything is written anew. `tracker` has to be
/// empty.
pub(crate) fn erase(
    data: &Path,
    log: &Log,
    tracker: &Tracker,
    (order, addresses): (&EraseOrder, &BTreeSet<MacAddr>),
) -> Result<(), SnapshotEraseError> {
    let range = LogRange {
        deleted_to: log.expired_to()?,
        end: log.last(),
    };
    let folder = DataDir::at(data).path_of(data_dir::SNAPSHOTS);
    let failed = |cause| SnapshotError::Io {
        folder: folder.clone(),
        cause,
    };
    if range.deleted_to == LogPosition::START {
        remove_files(&folder, |_| true).map_err(&failed)?;
        return Ok(());
    }
    let mut snapshots = Snapshots::open(data, log.server_uuid(), range)?;
    let position = snapshots.restore(tracker, || true)?.unwrap_or_default();
    let source = order.source.and_then(|id| tracker.source(id));
    let source = source.map(|source| source.number);
    let erased = tracker.erase_devices(|device| {
        addresses.contains(&device.id.addr) || may_have(device, order, source)
    });
    if let Some(address) = order.address {
        tracker.erase_gone(|id| id.addr == address);
    }
    if order.is_of_source()
        && let Some(id) = order.source
    {
        tracker.erase_source(id);
    }
    tracker.erase_source_names(|name| order.is_named_in(name));
    merge_again(log, tracker, position, &erased.into_iter().collect())?;
    // Two, so that both generations are new.
    for _ in 0..super::GENERATIONS {
        snapshots.take(tracker, true, |_| true)?;
    }
    let is_unusable = |path: &Path| path.extension().is_some_and(|suffix| suffix == UNUSABLE);
    remove_files(&folder, is_unusable).map_err(&failed)?;
    Ok(())
}

/// Merges the reports again that the log still has of some devices, up to a position.
fn merge_again(
    log: &Log,
    tracker: &Tracker,
    to: LogPosition,
    devices: &HashSet<DeviceId>,
) -> Result<(), LogError> {
    if devices.is_empty() {
        return Ok(());
    }
    log.replay(LogPosition::START, |entry| {
        if to < entry.position {
            return ControlFlow::Break(());
        }
        if let Some(batch) = entry.record.batch() {
            let mut batch = batch.clone();
            batch
                .reports
                .retain(|report| devices.contains(&report.device()));
            if !batch.reports.is_empty() {
                tracker.merge_again(&batch);
            }
        }
        ControlFlow::Continue(())
    })
}

/// Whether a device may have had what is erased, as far as it shows.
fn may_have(device: &Device, order: &EraseOrder, source: Option<SourceNumber>) -> bool {
    let seen_by = |number| device.seen_by.iter().any(|seen| seen.source == number);
    let is_seen_by = order.source.is_none() || source.is_some_and(seen_by);
    let is_near = order.area.is_none_or(|area| {
        device.place.as_deref().is_some_and(|place| {
            // The nearest point of the rectangle around all places.
            let lat = area.lat_e7.clamp(place.lat_min_e7, place.lat_max_e7);
            let lon = area.lon_e7.clamp(place.lon_min_e7, place.lon_max_e7);
            area.contains(lat, lon)
        })
    });
    order
        .address
        .is_none_or(|address| address == device.id.addr)
        && is_seen_by
        && order.since.is_none_or(|since| since <= device.last_time)
        && order.until.is_none_or(|until| device.first_time <= until)
        && is_near
}

fn remove_files(folder: &Path, is_removed: impl Fn(&Path) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() && is_removed(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    sync_folder(folder)
}
