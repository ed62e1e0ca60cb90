//! The way of a report, part by part, without HTTP.

use std::sync::Arc;
use std::time::SystemTime;

use scanpost::alerts::AlertStore;
use scanpost::log::{Entry, Log, Record};
use scanpost::tracker::{Device, Tracker, Walk};
use scanpost::views::kismet::{Context, DeviceRecord, Sources};
use scanpost::views::{Style, to_json};
use uuid::Uuid;

use super::{Result, fill};

/// So many batches of a hundred, of so many devices, as scanners send them.
pub(crate) fn bodies(now: SystemTime, count: u32, devices: u32) -> Result<Vec<String>> {
    (0..count)
        .map(|nth| fill::json_at(now, nth * fill::REPORTS_PER_BATCH, devices))
        .collect()
}

/// What the bodies say.
pub(crate) fn batches(now: SystemTime, bodies: &[String]) -> Result<Vec<Record>> {
    bodies.iter().map(|body| fill::decode(now, body)).collect()
}

/// What a log makes of batches.
pub(crate) fn entries(records: Vec<Record>) -> Result<Vec<Entry>> {
    Ok(Log::in_memory(0).append(records)?)
}

/// Some device, and what its row in a view needs.
pub(crate) struct Row {
    device: Device,
    sources: Sources,
    context: Context,
}

impl Row {
    /// That of the first device.
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

    /// Writes it as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let record = DeviceRecord {
            device: &self.device,
            sources: &self.sources,
            context: self.context,
        };
        to_json(out, &record);
    }
}
