//! A start: the tracker is brought to what snapshots and log say.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::WriterError;
use super::window::{Window, WindowBounds};
use crate::alerts::Desk;
use crate::log::{Log, LogPosition};
use crate::report::ReceivedAt;
use crate::snapshot::Snapshots;
use crate::tracker::Tracker;

/// How often a long replay says how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

pub(super) struct Recovered {
    pub(super) snapshots: Option<Snapshots>,
    pub(super) window: Window,
    /// What the snapshots had, and the log did not have to tell.
    pub(super) from: LogPosition,
}

/// Brings the tracker to what snapshots and log say, and learns which batches may come again.
///
/// `None` when it is not wanted any more: nothing on disk has changed then, and the next start begins anew.
pub(super) fn recover(
    log: &Log,
    snapshots: Option<&Path>,
    tracker: &Tracker,
    desk: &mut Desk,
    now: ReceivedAt,
    bounds: WindowBounds,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<Recovered>, WriterError> {
    let last = log.last();
    let mut snapshots = match snapshots {
        None => None,
        Some(data) => Some(Snapshots::open(data, log.server_uuid(), last)?),
    };
    let from = match &mut snapshots {
        None => LogPosition::START,
        Some(snapshots) => match snapshots.restore(tracker, &is_wanted)? {
            Some(position) => position,
            None => return Ok(None),
        },
    };
    let expired_to = log.expired_to()?;
    if from < expired_to {
        error!(
            snapshot.position = from.get(),
            log.expired_to = expired_to.get(),
            "no snapshot has all that is expired from the log: devices that were seen only then are missing"
        );
    }
    desk.recall(log, tracker, from)?;
    let mut told = Instant::now();
    log.replay(from, |entry| {
        if !is_wanted() {
            return ControlFlow::Break(());
        }
        desk.apply(tracker, &entry, |_| {});
        if PROGRESS_INTERVAL <= told.elapsed() {
            told = Instant::now();
            info!(
                replay.position = entry.position.get(),
                replay.last = last.get(),
                "replaying the log"
            );
        }
        ControlFlow::Continue(())
    })?;
    if !is_wanted() {
        return Ok(None);
    }
    desk.recalled(now);
    let mut window = Window::new(bounds);
    for known in log.known(window.since(now), bounds.batches_max)? {
        window.add(known);
    }
    Ok(Some(Recovered {
        snapshots,
        window,
        from,
    }))
}
