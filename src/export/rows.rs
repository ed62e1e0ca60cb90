//! Where the rows of a file come from.

use std::cell::OnceCell;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::{ExportError, Observed, Row};
use crate::log::{Entry, History, LogPosition};
use crate::report::{Batch, DeviceId, Phy, Report};
use crate::tracker::{Device, Tracker, Walk};

/// Devices that are copied out at a time.
const DEVICES_PER_STEP: usize = 64;
/// Observations that are read at a time. The last record is read whole.
const OBSERVATIONS_PER_STEP: usize = 2048;
/// How often so many observations may wait for being written.
const STEPS_AHEAD: usize = 1;

/// Gives rows, in the same order in each pass.
pub(crate) trait RowSource: Send {
    /// How many threads the rows need, with the one that takes them.
    fn threads(&self) -> u32 {
        1
    }

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
    tracker: Arc<Tracker>,
    reader: Option<Reader>,
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
            tracker,
            reader: None,
        }
    }
}

impl<F: Fn(&Batch, &Report, Option<&Device>) -> bool + Send> RowSource for Observations<F> {
    fn threads(&self) -> u32 {
        2
    }

    fn begin(&mut self, phy: Option<Phy>) {
        self.phy = phy;
        self.reader = None;
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        let reader = match &self.reader {
            Some(reader) => reader,
            None => self
                .reader
                .insert(Reader::start(Arc::clone(&self.history), self.end)?),
        };
        let Some(entries) = reader.next()? else {
            return Ok(false);
        };
        give(&entries, self.phy, &self.tracker, &self.wanted, take);
        Ok(true)
    }
}

/// A thread that reads records a little ahead, because reading takes as long as writing.
struct Reader(Receiver<Step>);

/// The next records. No records are the end.
type Step = Result<Vec<Entry>, ExportError>;

impl Reader {
    fn start(history: Arc<History>, end: LogPosition) -> Result<Self, ExportError> {
        let (ahead, steps) = sync_channel(STEPS_AHEAD);
        let read = move || read_ahead(&history, end, &ahead);
        thread::Builder::new()
            .name("export".to_owned())
            .spawn(read)
            .map_err(ExportError::Thread)?;
        Ok(Self(steps))
    }

    fn next(&self) -> Result<Option<Vec<Entry>>, ExportError> {
        let stopped = |_| ExportError::Thread(io::Error::other("it stopped"));
        let entries = self.0.recv().map_err(stopped)??;
        Ok((!entries.is_empty()).then_some(entries))
    }
}

/// Reads until the end, an error, or nobody takes the records any more.
fn read_ahead(history: &History, end: LogPosition, ahead: &SyncSender<Step>) {
    let mut after = LogPosition::START;
    loop {
        let step = read_step(history, after, end);
        let last = step.as_ref().ok().and_then(|entries| entries.last());
        let last = last.map(|entry| entry.position);
        if ahead.send(step).is_err() {
            return;
        }
        match last {
            Some(position) => after = position,
            None => return,
        }
    }
}

fn read_step(history: &History, after: LogPosition, end: LogPosition) -> Step {
    let (mut entries, mut read) = (Vec::new(), 0);
    let began = history.records(after, &mut |entry| {
        if end < entry.position {
            return ControlFlow::Break(());
        }
        read += 1 + entry.reports().len();
        entries.push(entry);
        if read < OBSERVATIONS_PER_STEP {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    // The file has a beginning already. A hole in it would look as if nobody had seen anything.
    if LogPosition::START < after && after < began {
        return Err(ExportError::Expired);
    }
    Ok(entries)
}

/// Gives the observations of records that are wanted.
fn give(
    entries: &[Entry],
    phy: Option<Phy>,
    tracker: &Tracker,
    wanted: &impl Fn(&Batch, &Report, Option<&Device>) -> bool,
    take: &mut dyn FnMut(&Row<'_>),
) {
    let batches = entries
        .iter()
        .filter_map(|entry| Some((entry, entry.record.batch()?)));
    let observed = batches.flat_map(|(entry, batch)| {
        let reports = batch.reports.iter().enumerate();
        reports.map(move |(index, report)| (entry, batch, index, report))
    });
    let is_asked = |report: &Report| phy.is_none_or(|phy| phy == report.device().phy);
    let observed: Vec<_> = observed
        .filter(|(_, _, _, report)| is_asked(report))
        .collect();
    let ids: Vec<_> = observed
        .iter()
        .map(|(.., report)| report.device())
        .collect();
    let mut is_wanted = vec![false; ids.len()];
    tracker.look_at_each(&ids, |place, device| {
        if let (Some(is_wanted), Some((_, batch, _, report))) =
            (is_wanted.get_mut(place), observed.get(place))
        {
            *is_wanted = wanted(batch, report, device);
        }
    });
    for ((entry, batch, index, report), _) in observed
        .into_iter()
        .zip(is_wanted)
        .filter(|&(_, is_wanted)| is_wanted)
    {
        take(&Row::Observation(Observed {
            entry,
            batch,
            report,
            index,
            device: &DeviceOf::tracked(tracker, report.device()),
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
