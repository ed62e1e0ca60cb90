//! Where the rows of a file come from.

use std::cell::OnceCell;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::{ExportError, Observed, Row};
use crate::log::{Entry, History, LogPosition};
use crate::report::{Batch, DeviceId, Phy, Report};
use crate::tracker::{Device, Tracker, Walk};

/// Devices that are copied out at a time.
const DEVICES_PER_COPY: usize = 64;
/// Copies in one step of the thread that reads.
const COPIES_PER_STEP: usize = 8;
/// Observations that are read at a time. The last record is read whole.
const OBSERVATIONS_PER_STEP: usize = 2048;
/// Steps that may wait until they are written.
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
    wanted: Arc<F>,
    phy: Option<Phy>,
    reader: Option<Reader<Device>>,
}

impl<F: Fn(&Device) -> bool + Send + Sync + 'static> Devices<F> {
    pub(crate) fn new(tracker: Arc<Tracker>, wanted: F) -> Self {
        Self {
            tracker,
            wanted: Arc::new(wanted),
            phy: None,
            reader: None,
        }
    }

    fn read(&self) -> Result<Reader<Device>, ExportError> {
        let (tracker, wanted, phy) = (
            Arc::clone(&self.tracker),
            Arc::clone(&self.wanted),
            self.phy,
        );
        let mut walk = Walk::over_all();
        Reader::start(move || {
            let is_wanted =
                |device: &Device| phy.is_none_or(|phy| phy == device.id.phy) && wanted(device);
            let mut devices = Vec::new();
            for _ in 0..COPIES_PER_STEP {
                match tracker.next_devices(&mut walk, DEVICES_PER_COPY, is_wanted) {
                    Some(copied) => devices.extend(copied),
                    None if devices.is_empty() => return Ok(None),
                    None => break,
                }
            }
            Ok(Some(devices))
        })
    }
}

impl<F: Fn(&Device) -> bool + Send + Sync + 'static> RowSource for Devices<F> {
    fn threads(&self) -> u32 {
        2
    }

    fn begin(&mut self, phy: Option<Phy>) {
        self.phy = phy;
        self.reader = None;
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.read()?,
        };
        let Some(devices) = self.reader.insert(reader).next()? else {
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
    reader: Option<Reader<Entry>>,
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

    fn read(&self) -> Result<Reader<Entry>, ExportError> {
        let (history, end) = (Arc::clone(&self.history), self.end);
        let mut after = LogPosition::START;
        Reader::start(move || {
            let entries = read_step(&history, after, end)?;
            let Some(last) = entries.last() else {
                return Ok(None);
            };
            after = last.position;
            Ok(Some(entries))
        })
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
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.read()?,
        };
        let Some(entries) = self.reader.insert(reader).next()? else {
            return Ok(false);
        };
        give(&entries, self.phy, &self.tracker, &self.wanted, take);
        Ok(true)
    }
}

/// A thread that reads a little ahead, because reading takes as long as writing.
struct Reader<T>(Receiver<Step<T>>);

/// What comes next. Nothing is not the end, but `None` is.
type Step<T> = Result<Option<Vec<T>>, ExportError>;

impl<T: Send + 'static> Reader<T> {
    /// Reads until the end, an error, or nobody takes what was read any more.
    fn start(mut read: impl FnMut() -> Step<T> + Send + 'static) -> Result<Self, ExportError> {
        let (ahead, steps) = sync_channel(STEPS_AHEAD);
        let read_all = move || {
            loop {
                let step = read();
                let is_last = !matches!(step, Ok(Some(_)));
                if ahead.send(step).is_err() || is_last {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("export".to_owned())
            .spawn(read_all)
            .map_err(ExportError::Thread)?;
        Ok(Self(steps))
    }

    fn next(&self) -> Step<T> {
        let stopped = |_| ExportError::Thread(io::Error::other("it stopped"));
        self.0.recv().map_err(stopped)?
    }
}

fn read_step(
    history: &History,
    after: LogPosition,
    end: LogPosition,
) -> Result<Vec<Entry>, ExportError> {
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
