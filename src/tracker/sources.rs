//! The registry of scanners: virtual datasources, made by their first report.

use std::collections::HashMap;

use super::activity::Activity;
use super::device::{Latest, SourceNumber};
use super::shard::ChangeNumber;
use crate::report::{Batch, Phy, Position, ReceivedAt, SourceId};

/// A scanner that has reported.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its number, from 1 in order of first contact.
    pub number: SourceNumber,
    /// Its identity.
    pub id: SourceId,
    /// What it called itself last; its UUID until it says a name.
    pub name: Box<str>,
    /// The radio of its first request.
    pub phy: Phy,
    /// How many reports were taken from it.
    pub reports: u64,
    /// When it first reported, by our clock.
    pub first_contact: ReceivedAt,
    /// When it last reported, by our clock.
    pub last_contact: ReceivedAt,
    /// When its reports were made.
    pub activity: Activity,
    /// How many of the tracked devices it has seen.
    pub devices: u64,
    /// Where it was last, by the times of its reports.
    pub place: Option<Latest<Position>>,
    /// Its last batch, in the order of all changes.
    pub(crate) changed: ChangeNumber,
}

#[derive(Debug, Default)]
pub(super) struct Sources {
    by_id: HashMap<SourceId, usize>,
    list: Vec<Source>,
}

impl Sources {
    /// Takes note of a batch; gives the number of its source, made if it is new.
    pub(super) fn contact(
        &mut self,
        batch: &Batch,
        received_at: ReceivedAt,
        changed: ChangeNumber,
    ) -> SourceNumber {
        let place = *self.by_id.entry(batch.source).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push(Source {
                number: SourceNumber(u32::try_from(place + 1).unwrap_or(u32::MAX)),
                id: batch.source,
                name: batch.source.to_string().into(),
                phy: batch.phy,
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
        if let Some(name) = &batch.source_name {
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

    /// Counts devices that a source has seen now, or that are gone.
    pub(super) fn count(&mut self, number: SourceNumber, devices: i64, changed: ChangeNumber) {
        if let Some(source) = number.index().and_then(|at| self.list.get_mut(at)) {
            source.devices = source.devices.saturating_add_signed(devices);
            source.changed = changed;
        }
    }

    pub(super) fn get(&self, id: SourceId) -> Option<&Source> {
        self.list.get(*self.by_id.get(&id)?)
    }

    /// Puts back a source of an image. They have to come in the order of their numbers, each at most once more.
    pub(super) fn restore(&mut self, source: Source) {
        let place = *self.by_id.entry(source.id).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some(known) => *known = source,
            None => self.list.push(source),
        }
    }

    /// Sets how many of the tracked devices each source has seen, by number, from that of the first source on.
    pub(super) fn set_devices(&mut self, devices: &[u64]) {
        let counts = devices.iter().copied().chain(std::iter::repeat(0));
        for (source, count) in self.list.iter_mut().zip(counts) {
            source.devices = count;
        }
    }

    pub(super) fn all(&self) -> &[Source] {
        &self.list
    }
}
