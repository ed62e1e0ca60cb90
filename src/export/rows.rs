//! Where the rows of a file come from.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use lru::LruCache;

use super::{ExportError, Observed, Row};
use crate::log::{Entry, History, LogPosition};
use crate::report::{DeviceId, Phy};
use crate::tracker::{Device, Tracker, Walk};

/// Devices that are copied out at a time.
const DEVICES_PER_STEP: usize = 64;
/// Observations that are read at a time. The last record is read whole.
const OBSERVATIONS_PER_STEP: usize = 2048;
/// Devices that are kept for the observations of the next records.
const DEVICES_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// Gives rows, in the same order in each pass.
pub(crate) trait RowSource: Send {
    /// Begins a pass over the rows of a radio technology, or of all.
    fn begin(&mut self, phy: Option<Phy>);

    /// Gives the next few rows. `false` is the end; no row is not the end.
    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError>;
}

/// The devices of a tracker that are wanted.
pub(crate) struct Devices<F> {
    tracker: Arc<Tracker>,
    wanted: F,
    phy: Option<Phy>,
    walk: Walk,
}

impl<F: Fn(&Device) -> bool> Devices<F> {
    pub(crate) fn new(tracker: Arc<Tracker>, wanted: F) -> Self {
        Self {
            tracker,
            wanted,
            phy: None,
            walk: Walk::over_all(),
        }
    }
}

impl<F: Fn(&Device) -> bool + Send> RowSource for Devices<F> {
    fn begin(&mut self, phy: Option<Phy>) {
        self.phy = phy;
        self.walk = Walk::over_all();
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        let wanted = |device: &Device| {
            self.phy.is_none_or(|phy| phy == device.id.phy) && (self.wanted)(device)
        };
        let devices = self
            .tracker
            .next_devices(&mut self.walk, DEVICES_PER_STEP, wanted);
        let Some(devices) = devices else {
            return Ok(false);
        };
        for device in &devices {
            take(&Row::Device(device));
        }
        Ok(true)
    }
}

/// The observations of a log that are wanted, up to a position.
pub(crate) struct Observations<F> {
    history: Arc<History>,
    end: LogPosition,
    wanted: F,
    phy: Option<Phy>,
    after: LogPosition,
    devices: KeptDevices,
}

impl<F: Fn(&Observed<'_>) -> bool> Observations<F> {
    pub(crate) fn new(
        history: Arc<History>,
        tracker: Arc<Tracker>,
        end: LogPosition,
        wanted: F,
    ) -> Self {
        Self {
            history,
            end,
            wanted,
            phy: None,
            after: LogPosition::START,
            devices: KeptDevices {
                tracker,
                kept: LruCache::new(DEVICES_KEPT),
            },
        }
    }
}

impl<F: Fn(&Observed<'_>) -> bool + Send> RowSource for Observations<F> {
    fn begin(&mut self, phy: Option<Phy>) {
        self.phy = phy;
        self.after = LogPosition::START;
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        let (mut after, mut read, mut has_more) = (self.after, 0, false);
        self.history.records(self.after, &mut |entry| {
            if self.end < entry.position {
                return ControlFlow::Break(());
            }
            after = entry.position;
            give(&entry, self.phy, &mut self.devices, &self.wanted, take);
            read += 1 + entry.reports().len();
            if read < OBSERVATIONS_PER_STEP {
                return ControlFlow::Continue(());
            }
            has_more = true;
            ControlFlow::Break(())
        })?;
        self.after = after;
        Ok(has_more)
    }
}

/// Gives the observations of a record that are wanted.
fn give(
    entry: &Entry,
    phy: Option<Phy>,
    devices: &mut KeptDevices,
    wanted: &impl Fn(&Observed<'_>) -> bool,
    take: &mut dyn FnMut(&Row<'_>),
) {
    let Some(batch) = entry.record.batch() else {
        return;
    };
    for (index, report) in batch.reports.iter().enumerate() {
        let id = report.device();
        if phy.is_some_and(|phy| phy != id.phy) {
            continue;
        }
        let observed = Observed {
            entry,
            batch,
            report,
            index,
            device: devices.get(id),
        };
        if wanted(&observed) {
            take(&Row::Observation(observed));
        }
    }
}

/// Devices as they were when one of their observations was first read, so that not each observation copies one.
struct KeptDevices {
    tracker: Arc<Tracker>,
    kept: LruCache<DeviceId, Option<Box<Device>>>,
}

impl KeptDevices {
    fn get(&mut self, id: DeviceId) -> Option<&Device> {
        let Self { tracker, kept } = self;
        let device = kept.get_or_insert(id, || tracker.device(id).map(Box::new));
        device.as_deref()
    }
}
