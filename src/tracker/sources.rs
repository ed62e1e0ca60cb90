//! The registry of sources: virtual datasources, created by their first report.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
    /// The name that somebody gave it, or else the one that it sent last, or else its UUID.
    pub name: Box<str>,
    /// The name that counts again when the given one is removed. `None` if nobody gave it a name.
    pub sent_name: Option<Box<str>>,
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

/// A source, and the name that somebody gave it.
pub(crate) type GivenName = (SourceId, Box<str>);

/// Numbers that no source has any more. They are not given out again, because devices may still name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoneSources {
    /// The greatest number that was ever given out.
    pub(crate) last: u32,
    /// Those that went since the last image.
    pub(crate) numbers: Vec<SourceNumber>,
}

#[derive(Debug, Default)]
pub(super) struct Sources {
    by_id: HashMap<SourceId, SourceNumber>,
    by_number: BTreeMap<SourceNumber, Source>,
    /// The greatest number that was given out.
    last: u32,
    /// Those without devices, the one that is silent longest first.
    unused: BTreeSet<(ReceivedAt, SourceNumber)>,
    /// Length of all names.
    name_bytes: usize,
    /// Which of them somebody paused. Their reports are taken all the same.
    paused: Arc<HashSet<SourceId>>,
}

impl Source {
    fn name_bytes(&self) -> usize {
        self.name.len() + self.sent_name.as_ref().map_or(0, |name| name.len())
    }

    /// Gives it a name. With the empty one, the name that it sends counts again.
    fn give_name(&mut self, name: &str) {
        if name.is_empty() {
            if let Some(sent) = self.sent_name.take() {
                self.name = sent;
            }
        } else {
            let before = std::mem::replace(&mut self.name, name.into());
            self.sent_name.get_or_insert(before);
        }
    }
}

impl Sources {
    /// Registers a batch, creates its source if it is new, and returns the source's number. A batch out of a file is no
    /// contact of a source that is known.
    pub(super) fn contact(
        &mut self,
        batch: &Batch,
        received_at: ReceivedAt,
        changed: ChangeNumber,
        is_contact: bool,
    ) -> SourceNumber {
        let number = match self.by_id.get(&batch.source) {
            Some(number) => *number,
            None => self.add(batch, received_at, changed),
        };
        let Some(source) = self.by_number.get_mut(&number) else {
            return number;
        };
        if let Some(name) = &batch.source_name {
            let sent = source.sent_name.as_mut().unwrap_or(&mut source.name);
            if name != sent {
                self.name_bytes = self.name_bytes - sent.len() + name.len();
                sent.clone_from(name);
            }
        }
        source.reports += u64::try_from(batch.reports.len()).unwrap_or_default();
        if is_contact {
            if source.devices == 0 && source.last_contact != received_at {
                self.unused.remove(&(source.last_contact, number));
                self.unused.insert((received_at, number));
            }
            source.last_contact = received_at;
        }
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
        number
    }

    fn add(
        &mut self,
        batch: &Batch,
        received_at: ReceivedAt,
        changed: ChangeNumber,
    ) -> SourceNumber {
        self.last = self.last.saturating_add(1);
        let number = SourceNumber(self.last);
        self.restore(Source {
            number,
            id: batch.source,
            name: batch.source.to_string().into(),
            sent_name: None,
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
        number
    }

    /// Adds to the number of tracked devices that the source has seen.
    pub(super) fn count(&mut self, number: SourceNumber, devices: i64, changed: ChangeNumber) {
        if let Some(source) = self.by_number.get_mut(&number) {
            let was_unused = source.devices == 0;
            source.devices = source.devices.saturating_add_signed(devices);
            source.changed = changed;
            if was_unused != (source.devices == 0) {
                note_use(&mut self.unused, source);
            }
        }
    }

    pub(super) fn get(&self, id: SourceId) -> Option<&Source> {
        self.by_number.get(self.by_id.get(&id)?)
    }

    pub(super) fn contains(&self, id: SourceId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn by_number(&self, number: SourceNumber) -> Option<&Source> {
        self.by_number.get(&number)
    }

    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// All sources in the order of their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = &Source> {
        self.by_number.values()
    }

    /// Memory that the sources hold.
    pub(super) fn held_bytes(&self) -> u64 {
        let bytes = self.len() * memory::of_source() + self.name_bytes;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Forgets a source, and returns what was known of it.
    pub(super) fn forget(&mut self, id: SourceId) -> Option<Source> {
        let number = self.by_id.remove(&id)?;
        let source = self.by_number.remove(&number)?;
        self.unused.remove(&(source.last_contact, number));
        self.name_bytes -= source.name_bytes();
        if self.paused.contains(&id) {
            Arc::make_mut(&mut self.paused).remove(&id);
        }
        Some(source)
    }

    /// Forgets the latest positions that are named.
    pub(super) fn forget_places(&mut self, is_named: impl Fn(SourceId, &Latest<Position>) -> bool) {
        for source in self.by_number.values_mut() {
            source.place = source
                .place
                .take()
                .filter(|place| !is_named(source.id, place));
        }
    }

    /// The sources without devices, the one that is silent longest first.
    pub(super) fn unused(&self) -> impl Iterator<Item = SourceId> {
        let numbers = self.unused.iter();
        numbers.filter_map(|(_, number)| Some(self.by_number.get(number)?.id))
    }

    /// Restores a source from an image.
    pub(super) fn restore(&mut self, source: Source) {
        self.last = self.last.max(source.number.0);
        self.name_bytes += source.name_bytes();
        self.by_id.insert(source.id, source.number);
        if let Some(before) = self.by_number.get(&source.number) {
            self.name_bytes -= before.name_bytes();
            self.unused.remove(&(before.last_contact, before.number));
        }
        note_use(&mut self.unused, &source);
        self.by_number.insert(source.number, source);
    }

    /// Removes the sources that an image lists as gone.
    pub(super) fn restore_gone(&mut self, gone: &GoneSources) {
        self.last = self.last.max(gone.last);
        for number in &gone.numbers {
            let Some(source) = self.by_number.remove(number) else {
                continue;
            };
            self.unused.remove(&(source.last_contact, source.number));
            self.name_bytes -= source.name_bytes();
            // The same scanner may have come again, under another number.
            if self.by_id.get(&source.id) == Some(number) {
                self.by_id.remove(&source.id);
            }
        }
    }

    /// What an image has to say of the numbers that are not used any more, if there are any.
    pub(super) fn gone(&self, since_last_image: Vec<SourceNumber>) -> Option<GoneSources> {
        let has_gaps = u32::try_from(self.len()) != Ok(self.last);
        has_gaps.then_some(GoneSources {
            last: self.last,
            numbers: since_last_image,
        })
    }

    /// Sets how many of the tracked devices each source has seen.
    pub(super) fn set_devices(&mut self, devices: &DevicesBySource) {
        let counts = devices.counts.iter().copied();
        for (source, count) in self.by_number.values_mut().zip(counts) {
            source.devices = count;
            note_use(&mut self.unused, source);
        }
    }

    /// Pauses a source or opens it again; gives it if this changed anything.
    pub(super) fn pause(&mut self, id: SourceId, is_paused: bool) -> Option<&Source> {
        let source = self.by_number.get(self.by_id.get(&id)?)?;
        let paused = Arc::make_mut(&mut self.paused);
        let is_changed = if is_paused {
            paused.insert(id)
        } else {
            paused.remove(&id)
        };
        is_changed.then_some(source)
    }

    /// Gives a source a name. Returns its name before, and the source as it is then.
    pub(super) fn give_name(
        &mut self,
        id: SourceId,
        name: &str,
        changed: ChangeNumber,
    ) -> Option<(Box<str>, &Source)> {
        let source = self.by_number.get_mut(self.by_id.get(&id)?)?;
        self.name_bytes -= source.name_bytes();
        let before = source.name.clone();
        source.give_name(name);
        source.changed = changed;
        self.name_bytes += source.name_bytes();
        Some((before, source))
    }

    /// Restores the names that sources were given. The sources of the image that has them must be restored already.
    pub(super) fn restore_names(&mut self, names: &[GivenName]) {
        for (id, name) in names {
            let number = self.by_id.get(id);
            if let Some(source) = number.and_then(|number| self.by_number.get_mut(number)) {
                self.name_bytes -= source.name_bytes();
                source.give_name(name);
                self.name_bytes += source.name_bytes();
            }
        }
    }

    /// Removes the names that a condition holds for.
    pub(super) fn erase_names(&mut self, is_erased: impl Fn(&str) -> bool) {
        for source in self.by_number.values_mut() {
            self.name_bytes -= source.name_bytes();
            if source.sent_name.is_some() && is_erased(&source.name) {
                source.give_name("");
            }
            let sent = source.sent_name.as_mut().unwrap_or(&mut source.name);
            if is_erased(sent) {
                *sent = source.id.to_string().into();
            }
            self.name_bytes += source.name_bytes();
        }
    }

    pub(super) fn paused(&self) -> &Arc<HashSet<SourceId>> {
        &self.paused
    }

    /// Puts back which sources were paused.
    pub(super) fn restore_paused(&mut self, paused: impl IntoIterator<Item = SourceId>) {
        self.paused = Arc::new(paused.into_iter().collect());
    }
}

/// Notes whether a source has devices.
fn note_use(unused: &mut BTreeSet<(ReceivedAt, SourceNumber)>, source: &Source) {
    let entry = (source.last_contact, source.number);
    if source.devices == 0 {
        unused.insert(entry);
    } else {
        unused.remove(&entry);
    }
}

/// Counts devices by source.
pub(super) struct DevicesBySource {
    /// In order.
    numbers: Vec<SourceNumber>,
    counts: Vec<u64>,
}

impl DevicesBySource {
    pub(super) fn new(sources: &Sources) -> Self {
        let numbers: Vec<_> = sources.by_number.keys().copied().collect();
        Self {
            counts: vec![0; numbers.len()],
            numbers,
        }
    }

    pub(super) fn add(&mut self, number: SourceNumber) {
        // As long as no source has gone, a number says where it stands.
        let likely = number
            .index()
            .filter(|&at| self.numbers.get(at) == Some(&number));
        let place = likely.or_else(|| self.numbers.binary_search(&number).ok());
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count += 1;
        }
    }
}
