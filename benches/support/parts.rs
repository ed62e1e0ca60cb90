//! The parts of a report's path, without HTTP.

use std::sync::Arc;
use std::time::SystemTime;

use scanpost::alerts::AlertStore;
use scanpost::log::{Entry, Log, Record};
use scanpost::tracker::{Device, Tracker, Walk};
use scanpost::views::kismet::{Context, DeviceRecord, Sources};
use scanpost::views::{Style, to_json};
use uuid::Uuid;

use super::{Result, fill};

const CORPUS: &str = include_str!("../../tests/fixtures/capabilities-corpus.tsv");

/// The capabilities strings of the corpus.
pub(crate) fn capabilities() -> Vec<&'static str> {
    let rows = CORPUS.lines().skip(1);
    rows.filter_map(|row| row.split('\t').nth(1)).collect()
}

/// Request bodies with a hundred reports each.
pub(crate) fn bodies(now: SystemTime, count: u32, devices: u32) -> Result<Vec<String>> {
    (0..count)
        .map(|nth| fill::json_at(now, nth * fill::REPORTS_PER_BATCH, devices))
        .collect()
}

/// Decoded bodies.
pub(crate) fn batches(now: SystemTime, bodies: &[String]) -> Result<Vec<Record>> {
    bodies.iter().map(|body| fill::decode(now, body)).collect()
}

/// Records of the batches.
pub(crate) fn entries(records: Vec<Record>) -> Result<Vec<Entry>> {
    Ok(Log::in_memory(0).append(records)?)
}

/// A device, and the context of its row in a view.
pub(crate) struct Row {
    device: Device,
    sources: Sources,
    context: Context,
}

impl Row {
    /// The row of the first device.
    pub(crate) fn of(tracker: &Tracker) -> Result<Self> {
        let mut devices = tracker
            .next_devices(&mut Walk::over_all(), 1, |_| true)
            .unwrap_or_default();
        let device = devices.pop().ok_or("no device")?;
        let context = Context {
            server: Uuid::nil(),
            now: device.last_time,
        };
        let mut sources = Sources::new(Style::default(), Arc::default(), AlertStore::default());
        sources.add(std::slice::from_ref(&device), tracker, context);
        Ok(Self {
            device,
            sources,
            context,
        })
    }

    /// Serialises the row as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let record = DeviceRecord {
            device: &self.device,
            sources: &self.sources,
            context: self.context,
        };
        to_json(out, &record);
    }
}
