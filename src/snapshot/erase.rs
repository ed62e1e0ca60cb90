//! Writes snapshots anew without what was erased from the log.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::{LogRange, SnapshotError, Snapshots, UNUSABLE};
use crate::data_dir::{self, DataDir, sync_folder};
use crate::log::{EraseOrder, Log, LogError, LogPosition, What};
use crate::report::{DeviceId, MacAddr};
use crate::tracker::{Device, ErasedDevice, SourceNumber, Tracker};

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
/// had any of it are made again from the reports that the log has, and everything is written anew. Names that people gave
/// stay. `tracker` has to be empty.
pub(crate) fn erase(
    data: &Path,
    log: &Log,
    tracker: &Tracker,
    (order, addresses): (&EraseOrder, &BTreeSet<MacAddr>),
) -> Result<(), SnapshotEraseError> {
    let range = LogRange {
        deleted_to: log.deleted_to()?,
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
    let known = Known {
        wanted: order
            .source
            .and_then(|id| tracker.source(id))
            .map(|source| source.number),
        all: tracker
            .sources()
            .iter()
            .map(|source| source.number)
            .collect(),
    };
    let erased = tracker.erase_devices(|device| {
        addresses.contains(&device.id.addr) || may_have(device, order, &known)
    });
    if !order.is_of_address() {
        tracker.erase_source_places(|source, place| {
            order.source.is_none_or(|wanted| wanted == source)
                && order.has_time(place.time)
                && order.area.is_none_or(|area| area.has(place.value))
        });
    }
    if let Some(address) = order.address {
        tracker.erase_gone(|id| id.addr == address);
    }
    if order.is_of_source()
        && let Some(id) = order.source
    {
        tracker.erase_source(id);
    }
    tracker.erase_source_names(|name| order.is_named_in(name));
    let ids = erased.iter().map(|device| device.id).collect();
    merge_again(log, tracker, position, &ids)?;
    let is_named = |device: &ErasedDevice| {
        let mut name = device.given_name.iter();
        name.any(|name| order.is_named_in(name))
    };
    for device in erased.into_iter().filter(|device| !is_named(device)) {
        tracker.name_again(device);
    }
    // Two, so that both generations are new.
    for _ in 0..super::GENERATIONS {
        snapshots.take(tracker, true, |_| true)?;
    }
    let is_unusable = |path: &Path| path.extension().is_some_and(|suffix| suffix == UNUSABLE);
    remove_files(&folder, is_unusable).map_err(&failed)?;
    Ok(())
}

/// Merges the reports again that the log still has of some devices, with names and tags, up to a position.
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
        if let What::Annotation(annotation) = &entry.record.what
            && devices.contains(&annotation.device)
        {
            tracker.annotate_again(annotation);
        }
        ControlFlow::Continue(())
    })
}

/// The sources that the tracker knows.
struct Known {
    /// The one whose reports are erased.
    wanted: Option<SourceNumber>,
    all: BTreeSet<SourceNumber>,
}

/// Whether a device may have had what is erased, as far as it shows.
fn may_have(device: &Device, order: &EraseOrder, sources: &Known) -> bool {
    let is_seen_by = order.source.is_none() || {
        // Some of its sources may have been forgotten since, or there was no room for all of them.
        let mut seen = device.seen_by.iter();
        let reports: u64 = device.seen_by.iter().map(|seen| seen.reports).sum();
        seen.any(|seen| sources.wanted == Some(seen.source) || !sources.all.contains(&seen.source))
            || reports < device.reports
    };
    let is_near = order.area.is_none_or(|area| {
        device.place.as_deref().is_some_and(|place| {
            area.may_reach(
                place.lat_min_e7..=place.lat_max_e7,
                place.lon_min_e7..=place.lon_max_e7,
            )
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
