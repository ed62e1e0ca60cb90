//! Recovery: brings the fold to the end of the log at the start, from snapshots and the log.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::WriterError;
use crate::fold::Fold;
use crate::log::{Log, LogPosition};
use crate::report::ReceivedAt;
use crate::snapshot::{LogRange, Snapshots};

/// How often a long replay logs its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

pub(crate) struct Recovered {
    pub(crate) snapshots: Option<Snapshots>,
    /// The position of the snapshot. The log was replayed after it.
    pub(crate) from: LogPosition,
}

/// Restores the newest snapshot, and replays the log after it.
///
/// Fails if devices would be missing whose reports the log has deleted, unless `accepts_loss`.
///
/// `None` if `is_wanted` became false meanwhile. Nothing on disk has changed then, and the next start recovers anew.
pub(crate) fn recover(
    log: &Log,
    (snapshots, accepts_loss): (Option<&Path>, bool),
    fold: &mut Fold,
    now: ReceivedAt,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<Recovered>, WriterError> {
    let (last, deleted_to) = (log.last(), log.deleted_to()?);
    let range = LogRange {
        deleted_to: if accepts_loss {
            LogPosition::START
        } else {
            deleted_to
        },
        end: last,
    };
    let mut snapshots = match snapshots {
        None => None,
        Some(data) => Some(Snapshots::open(data, log.server_uuid(), range)?),
    };
    let from = match &mut snapshots {
        None => LogPosition::START,
        Some(snapshots) => match snapshots.restore(fold.tracker(), &is_wanted)? {
            Some(position) => position,
            None => return Ok(None),
        },
    };
    if from < deleted_to {
        error!(
            snapshot.position = from.get(),
            deleted_to = deleted_to.get(),
            "reports were deleted from the log that no readable snapshot contains: devices seen only in those are missing"
        );
    }
    fold.begin_replay(log, from)?;
    let mut said = Instant::now();
    log.replay(from, |entry| {
        if !is_wanted() {
            return ControlFlow::Break(());
        }
        fold.apply(&entry);
        if PROGRESS_INTERVAL <= said.elapsed() {
            said = Instant::now();
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
    fold.go_live(last, now);
    Ok(Some(Recovered { snapshots, from }))
}
