//! The registry of sources: virtual datasources, created by their first report.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::activity::Activity;
use super::device::{Latest, SourceNumber};
use super::memory;
use super::shard::ChangeNumber;
use crate::report::{Batch, Phy, Position, ReceivedAt, SourceId};

/// A scanner that has reported.
#[derive(Clone, Debug)]
pub struct Source {
    /// Counted from 1 in order of first contact.
    pub number: SourceNumber,
    /// Its UUID.
    pub id: SourceId,
    /// The name that it sent last, or its UUID before that.
    pub name: Box<str>,
    /// Radio technology of its first request.
    pub phy: Phy,
    /// Number of accepted reports.
    pub reports: u64,
    /// Time of receipt of its first request.
    pub first_contact: ReceivedAt,
    /// Time of receipt of its latest request.
    pub last_contact: ReceivedAt,
    /// Reports by second, minute and hour, by their own time.
    pub activity: Activity,
    /// Number of tracked devices that it has seen.
    pub devices: u64,
    /// Latest position, by the time of its report.
    pub place: Option<Latest<Position>>,
    /// Its latest change, in the sequence of all changes.
    pub(crate) changed: ChangeNumber,
}

#[derive(Debug, Default)]
pub(super) struct Sources {
    by_id: HashMap<SourceId, usize>,
    list: Vec<Source>,
    /// Length of all names.
    name_bytes: usize,
    /// Which of them somebody paused. Their reports are taken all the same.
    paused: Arc<HashSet<SourceId>>,
}

impl Sources {
    /// Registers a batch, creates its source if it is new, and returns the source's number.
    pub(super) fn contact(
        &mut self,
        batch: &Batch,
        received_at: ReceivedAt,
        changed: ChangeNumber,
    ) -> SourceNumber {
        let place = *self.by_id.entry(batch.source).or_insert(self.list.len());
        if place == self.list.len() {
            let name: Box<str> = batch.source.to_string().into();
            self.name_bytes += name.len();
            self.list.push(Source {
                number: SourceNumber(u32::try_from(place + 1).unwrap_or(u32::MAX)),
                id: batch.source,
                name,
                // A source whose format says nothing reports Wi-Fi, as most do.
                phy: batch.phy().unwrap_or(Phy::Wifi),
                reports: 0,
                first_contact: received_at,
                last_contact: received_at,
                activity: Activity::default(),
                devices: 0,
                place: None,
                changed,
            });
        }
        let Some(source) = self.list.get_mut(place) else {
            return SourceNumber(u32::MAX);
        };
        if let Some(name) = &batch.source_name
            && *name != source.name
        {
            self.name_bytes = self.name_bytes - source.name.len() + name.len();
            source.name.clone_from(name);
        }
        source.reports += u64::try_from(batch.reports.len()).unwrap_or_default();
        source.last_contact = received_at;
        source.changed = changed;
        for together in batch.reports.chunk_by(|one, other| one.time == other.time) {
            if let Some(report) = together.first() {
                let count = u32::try_from(together.len()).unwrap_or(u32::MAX);
                source.activity.add_many(report.time, None, count);
            }
        }
        for report in &batch.reports {
            if let Some(position) = report.position {
                Latest::offer(&mut source.place, report.time, position);
            }
        }
        source.number
    }

    /// Adds to the number of tracked devices that the source has seen.
    pub(super) fn count(&mut self, number: SourceNumber, devices: i64, changed: ChangeNumber) {
        if let Some(source) = number.index().and_then(|at| self.list.get_mut(at)) {
            source.devices = source.devices.saturating_add_signed(devices);
            source.changed = changed;
        }
    }

    pub(super) fn get(&self, id: SourceId) -> Option<&Source> {
        self.list.get(*self.by_id.get(&id)?)
    }

    /// Restores a source from an image. New ones must come in the order of their numbers.
    pub(super) fn restore(&mut self, source: Source) {
        let place = *self.by_id.entry(source.id).or_insert(self.list.len());
        self.name_bytes += source.name.len();
        match self.list.get_mut(place) {
            Some(known) => {
                self.name_bytes -= known.name.len();
                *known = source;
            }
            None => self.list.push(source),
        }
    }

    /// Memory that the sources hold.
    pub(super) fn held_bytes(&self) -> u64 {
        let bytes = self.list.len() * memory::of_source() + self.name_bytes;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Sets how many of the tracked devices each source has seen, by number, from that of the first source on.
    pub(super) fn set_devices(&mut self, devices: &[u64]) {
        let counts = devices.iter().copied().chain(std::iter::repeat(0));
        for (source, count) in self.list.iter_mut().zip(counts) {
            source.devices = count;
        }
    }

    /// Pauses a source or opens it again; gives it if this changed anything.
    pub(super) fn pause(&mut self, id: SourceId, is_paused: bool) -> Option<&Source> {
        let source = self.list.get(*self.by_id.get(&id)?)?;
        let paused = Arc::make_mut(&mut self.paused);
        let is_changed = if is_paused {
            paused.insert(id)
        } else {
            paused.remove(&id)
        };
        is_changed.then_some(source)
    }

    pub(super) fn paused(&self) -> &Arc<HashSet<SourceId>> {
        &self.paused
    }

    /// Puts back which sources were paused.
    pub(super) fn restore_paused(&mut self, paused: impl IntoIterator<Item = SourceId>) {
        self.paused = Arc::new(paused.into_iter().collect());
    }

    pub(super) fn all(&self) -> &[Source] {
        &self.list
    }
}
