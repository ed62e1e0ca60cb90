//! Where the rows of a file come from.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{ExportError, Observed, Row};
use crate::log::{Entry, History, LogPosition};
use crate::report::{Batch, DeviceId, Phy, Report};
use crate::tracker::{Device, Tracker, Walk};

/// Devices that are copied out at a time.
const DEVICES_PER_STEP: usize = 64;
/// Observations that are read at a time. The last record is read whole.
const OBSERVATIONS_PER_STEP: usize = 2048;

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
    tracker: Arc<Tracker>,
}

impl<F: Fn(&Batch, &Report, Option<&Device>) -> bool> Observations<F> {
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
            tracker,
        }
    }
}

impl<F: Fn(&Batch, &Report, Option<&Device>) -> bool + Send> RowSource for Observations<F> {
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
            give(&entry, self.phy, &self.tracker, &self.wanted, take);
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
    tracker: &Tracker,
    wanted: &impl Fn(&Batch, &Report, Option<&Device>) -> bool,
    take: &mut dyn FnMut(&Row<'_>),
) {
    let Some(batch) = entry.record.batch() else {
        return;
    };
    for (index, report) in batch.reports.iter().enumerate() {
        let id = report.device();
        if phy.is_some_and(|phy| phy != id.phy)
            || !tracker.look(id, |device| wanted(batch, report, device))
        {
            continue;
        }
        take(&Row::Observation(Observed {
            entry,
            batch,
            report,
            index,
            device: &DeviceOf::tracked(tracker, id),
        }));
    }
}

/// The device of an observation. It is copied when somebody asks for it: most forms need it for few observations.
#[derive(Debug)]
pub(crate) struct DeviceOf<'t> {
    tracked: Option<(&'t Tracker, DeviceId)>,
    copied: OnceCell<Option<Box<Device>>>,
}

impl<'t> DeviceOf<'t> {
    /// A device of a tracker.
    pub(crate) const fn tracked(tracker: &'t Tracker, id: DeviceId) -> Self {
        Self {
            tracked: Some((tracker, id)),
            copied: OnceCell::new(),
        }
    }

    /// This device, or none.
    pub(super) fn known(device: Option<Device>) -> Self {
        Self {
            tracked: None,
            copied: OnceCell::from(device.map(Box::new)),
        }
    }

    pub(super) fn get(&self) -> Option<&Device> {
        let copy = || {
            let (tracker, id) = self.tracked?;
            tracker.device(id).map(Box::new)
        };
        self.copied.get_or_init(copy).as_deref()
    }
}
