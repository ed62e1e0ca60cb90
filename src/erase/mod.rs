//! Erasure: removes what somebody wants forgotten from all files of a data directory.
//!
//! An order is written to a file before anything is erased, and removed from it when everything is done. Each step can be
//! repeated, so after a crash the next start carries the order out from its beginning. The steps:
//!
//! 1. The history's index is deleted, which the server builds again, and what a crash left of an export or an upload.
//! 2. The log: its rows, what people noted, the names that nothing refers to any more, and free space in the file.
//! 3. The alerts.
//! 4. The snapshots. What they have is made again from the log.
//! 5. The accounts of imports, the owners of sources, and the parts that are being forwarded.

mod scrub;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::info;

use crate::alerts::{self, AlertFileError};
use crate::data_dir::{self, DataDir};
use crate::import;
pub use crate::log::{EraseArea, EraseOrder, Erased};
use crate::log::{Log, LogError, LogOptions, LogReader};
use crate::report::MacAddr;
use crate::snapshot::{self, SnapshotEraseError};
use crate::tracker::Tracker;

/// How many orders may wait.
const ORDERS_MAX: usize = 100;

/// Orders that are not carried out to their end.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Waiting {
    orders: Vec<EraseOrder>,
}

/// Why something could not be erased. What is said to be erased then still may be there.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The order names nothing.
    #[error("name what to erase: an address, an area, a source, or a range of times")]
    Nothing,
    /// No device has the address.
    #[error("no device has the address {0}")]
    NoDevice(MacAddr),
    /// The range of times is empty.
    #[error("the range of times ends before it begins")]
    NoTime,
    /// Too many orders wait.
    #[error("{ORDERS_MAX} orders wait already: start the server, which carries them out")]
    TooMany,
    /// Files wait to be imported.
    #[error(
        "files wait to be imported, and they may have what is to be erased: let them be imported first"
    )]
    ImportsWait,
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The alerts cannot be read or written.
    #[error(transparent)]
    Alerts(#[from] AlertFileError),
    /// The snapshots cannot be written anew.
    #[error(transparent)]
    Snapshots(#[from] SnapshotEraseError),
    /// A small file cannot be read or written.
    #[error("cannot read or write {}: {cause}", name)]
    File {
        /// Its name.
        name: &'static str,
        /// The error of the operating system.
        cause: io::Error,
    },
}

impl EraseError {
    fn of(name: &'static str) -> impl Fn(io::Error) -> Self {
        move |cause| Self::File { name, cause }
    }
}

/// Notes orders while a server runs, and makes it start again to carry them out. Cheap to clone.
///
/// It outlives each start of the server. A request may note its order while the server has already ended to carry out
/// another one.
#[derive(Clone, Debug)]
pub(crate) struct Eraser {
    /// `None` for a log in memory.
    data: Option<PathBuf>,
    /// Whether the server has to start again. Held by whoever changes the file of orders.
    wanted: Arc<Mutex<watch::Sender<bool>>>,
    begun: watch::Receiver<bool>,
}

impl Eraser {
    pub(crate) fn new(data: Option<&Path>) -> Self {
        let (wanted, begun) = watch::channel(false);
        Self {
            data: data.map(Path::to_owned),
            wanted: Arc::new(Mutex::new(wanted)),
            begun,
        }
    }

    /// Notes an order, and makes the server start again, which carries it out. Returns how many wait.
    pub(crate) fn note(&self, order: &EraseOrder) -> Result<usize, EraseError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(data) = &self.data else {
            return Ok(0);
        };
        let count = note(data, order)?;
        wanted.send_replace(true);
        Ok(count)
    }

    /// Carries out the orders that wait, if there are any. Before the server opens its files. Orders that come meanwhile
    /// are noted afterwards.
    pub(crate) fn carry_out(&self, new_tracker: impl Fn() -> Tracker) -> Result<(), EraseError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.send_replace(false);
        match &self.data {
            Some(data) => carry_out_waiting(data, new_tracker),
            None => Ok(()),
        }
    }

    /// Whether the server starts again to erase.
    pub(crate) fn is_wanted(&self) -> bool {
        *self.begun.borrow()
    }

    /// How many orders wait.
    pub(crate) fn waiting(&self) -> Result<usize, EraseError> {
        let waiting = self.data.as_ref().map(|data| read(&DataDir::at(data)));
        Ok(waiting
            .transpose()?
            .map_or(0, |waiting| waiting.orders.len()))
    }

    /// How many alerts an order would erase.
    pub(crate) fn count_alerts(&self, order: &EraseOrder) -> Result<u64, EraseError> {
        match &self.data {
            Some(data) => {
                let file = DataDir::at(data).path_of(data_dir::ALERTS);
                Ok(alerts::count_erased(&file, order)?)
            }
            None => Ok(0),
        }
    }

    /// Waits until the server has to start again.
    pub(crate) async fn begun(&self) {
        // The sender is here, so waiting does not fail.
        self.begun.clone().wait_for(|wanted| *wanted).await.ok();
    }
}

/// Counts what an order would erase. A server may use the data directory.
///
/// # Errors
///
/// If the order names nothing, or if a file cannot be read.
pub fn count(data: &Path, order: &EraseOrder) -> Result<Erased, EraseError> {
    check(order)?;
    let log = LogReader::open(data)?.count_erased(order)?;
    let alerts = DataDir::at(data).path_of(data_dir::ALERTS);
    Ok(Erased {
        alerts: alerts::count_erased(&alerts, order)?,
        ..log
    })
}

/// Whether an order names something that can be there.
///
/// # Errors
///
/// If it does not.
pub(crate) fn check(order: &EraseOrder) -> Result<(), EraseError> {
    if order.is_empty() {
        return Err(EraseError::Nothing);
    }
    if let Some(address) = order.address
        && (address == MacAddr::ZERO || address == MacAddr::BROADCAST)
    {
        // Alerts about scans have it, because frames for everybody have it.
        return Err(EraseError::NoDevice(address));
    }
    match (order.since, order.until) {
        (Some(since), Some(until)) if until < since => Err(EraseError::NoTime),
        _ => Ok(()),
    }
}

/// Erases from a data directory that no server uses. `new_tracker` makes an empty one.
///
/// # Errors
///
/// If a server uses the directory, or if a file cannot be read or written. An order that was begun is carried out at the
/// next start of the server, or by the next call.
pub(crate) fn erase(
    data: &Path,
    order: &EraseOrder,
    new_tracker: impl Fn() -> Tracker,
) -> Result<Erased, EraseError> {
    // Opening a log to write would create a missing one.
    drop(LogReader::open(data)?);
    // Nothing is noted in a directory that another program uses.
    let mut log = open(data)?;
    note(data, order)?;
    carry_out(data, &mut log, new_tracker)
}

/// Notes an order, which the next start of the server carries out. Returns how many wait. The caller sees to it that
/// nobody else changes the file.
fn note(data: &Path, order: &EraseOrder) -> Result<usize, EraseError> {
    check(order)?;
    let files = DataDir::at(data);
    if import::has_waiting(&files).map_err(EraseError::of(data_dir::IMPORTS))? {
        return Err(EraseError::ImportsWait);
    }
    let mut waiting = read(&files)?;
    if ORDERS_MAX <= waiting.orders.len() {
        return Err(EraseError::TooMany);
    }
    waiting.orders.push(order.clone());
    write(&files, &waiting)?;
    Ok(waiting.orders.len())
}

fn carry_out_waiting(data: &Path, new_tracker: impl Fn() -> Tracker) -> Result<(), EraseError> {
    if read(&DataDir::at(data))?.orders.is_empty() {
        return Ok(());
    }
    let mut log = open(data)?;
    carry_out(data, &mut log, new_tracker).map(drop)
}

/// Opens the log without the history's index, so that no file of that is in use.
fn open(data: &Path) -> Result<Log, LogError> {
    Log::in_directory_with(data, LogOptions { index_rows: 0 })
}

fn carry_out(
    data: &Path,
    log: &mut Log,
    new_tracker: impl Fn() -> Tracker,
) -> Result<Erased, EraseError> {
    let files = DataDir::at(data);
    let mut waiting = read(&files)?;
    let mut all = Erased::default();
    while let Some(order) = waiting.orders.first() {
        files
            .remove_folder(data_dir::HISTORY)
            .map_err(EraseError::of(data_dir::HISTORY))?;
        files
            .remove_folder(data_dir::EXPORTS)
            .map_err(EraseError::of(data_dir::EXPORTS))?;
        import::clear_lost(&files).map_err(EraseError::of(data_dir::IMPORTS))?;
        let (mut erased, addresses) = log.erase(order)?;
        erased.alerts = alerts::erase(data, order)?;
        snapshot::erase(data, log, &new_tracker(), (order, &addresses))?;
        scrub::small_files(&files, order)?;
        // The last step, so that a crash at any time before repeats all of them.
        waiting.orders.remove(0);
        write(&files, &waiting)?;
        info!(
            erased.observations = erased.observations,
            erased.records = erased.records,
            erased.alerts = erased.alerts,
            "erased what was ordered; backups that were made before still have it"
        );
        all = Erased {
            observations: all.observations + erased.observations,
            records: all.records + erased.records,
            alerts: all.alerts + erased.alerts,
            devices: all.devices + erased.devices,
        };
    }
    Ok(all)
}

fn read(files: &DataDir) -> Result<Waiting, EraseError> {
    let failed = EraseError::of(data_dir::ERASURES);
    let content = files.read(data_dir::ERASURES).map_err(&failed)?;
    let Some(content) = content else {
        return Ok(Waiting::default());
    };
    serde_json::from_slice(&content).map_err(|error| failed(error.into()))
}

/// Without orders, there is no file.
fn write(files: &DataDir, waiting: &Waiting) -> Result<(), EraseError> {
    let failed = EraseError::of(data_dir::ERASURES);
    if waiting.orders.is_empty() {
        return files.remove_file(data_dir::ERASURES).map_err(failed);
    }
    let json = serde_json::to_vec(waiting).map_err(|error| failed(error.into()))?;
    files
        .replace(data_dir::ERASURES, &json)
        .map(drop)
        .map_err(failed)
}
