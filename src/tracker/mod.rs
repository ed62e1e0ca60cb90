//! The in-memory state: a pure fold of the log.
//!
//! [`Tracker::apply`] is the only way in. It reads no clock, file or socket, so the same log gives the same devices.
//! Devices are spread over shards with a lock each, so that readers and the writer rarely wait for each other. Readers
//! copy out a bounded number of devices at a time.

mod activity;
mod checksum;
mod contacts;
mod device;
mod erase;
mod follow;
mod image;
mod memory;
mod merge;
mod places;
mod recent;
mod related;
mod shard;
mod sources;
mod summary;
mod tags;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

pub use self::activity::{Activity, Counts};
pub(crate) use self::activity::{Kept as ActivityKept, Sample as ActivitySample};
pub use self::checksum::checksum;
use self::contacts::Contacts;
pub use self::contacts::{Pace, SilenceRule};
pub use self::device::{
    Advertised, AdvertisedName, Bluetooth, ChannelLayout, Device, Latest, Peak, PositionStats,
    Radio, SeenBy, SignalRange, SourceNumber, SsidRecord, Tuning, Wifi,
};
pub use self::erase::ErasedDevice;
pub use self::follow::{Changed, Follow};
use self::image::Images;
pub use self::image::{Image, ImageHead};
pub use self::places::{MapPoint, TileCell, TileContent, TileFilter, TileId, TraitSet, Wanted};
use self::places::{PlaceIndex, Shown};
pub use self::recent::Seen;
use self::recent::spread;
pub use self::shard::ChangeNumber;
use self::shard::{ChangeMark, Shard};
pub(crate) use self::sources::GivenName;
use self::sources::Sources;
pub use self::sources::{GoneSources, Source};
use self::summary::{Counts as DeviceCounts, Move, Traits};
pub use self::summary::{Summary, SummaryTimes, Sums, Tally};
use self::tags::TagSets;
pub use self::tags::Tags;
use crate::log::{Entry, LogPosition, SourceName, SourceState, What};
use crate::report::{
    Annotation, Batch, DeviceId, MacAddr, Phy, ReceivedAt, Report, Sighting, SourceId, Ssid,
    UnixTime,
};

/// More shards than cores, so that a reader rarely waits for the writer. Few enough to compare all when evicting.
const SHARDS: usize = 64;
/// Slots that a reader visits under one lock: about 50 µs.
const SLOTS_PER_LOOK: usize = 1024;

/// Smallest batch for which prefetching pays.
const READ_AHEAD_FROM: usize = 8;

/// A report, and the index of its device's shard.
type ByShard<'b> = (usize, &'b Report);

/// How large the state may grow.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Tracked devices. Past the limit, the least recently changed are evicted.
    pub devices_max: usize,
    /// Known sources. Past the limit, new sources are refused.
    pub sources_max: usize,
    /// Networks per device.
    pub ssids_per_device_max: usize,
    /// Sources per device.
    pub sources_per_device_max: usize,
    /// Frequencies per device, and per device and source.
    pub frequencies_per_device_max: usize,
    /// Tags per device, and Bluetooth services per device.
    pub tags_per_device_max: usize,
    /// Bytes of the names and values of a device's tags.
    pub tags_bytes_per_device_max: usize,
    /// Bytes of a device's advertising data, and of its service data.
    pub advertising_bytes_per_device_max: usize,
    /// Bytes that devices, their tags and the sources may hold, as `memory.rs` counts them. Past the limit, the least
    /// recently changed devices are evicted. Zero disables it.
    pub memory_bytes_max: u64,
    /// Devices not reported for this long are dropped. Measured by times of receipt in the log; zero disables it.
    pub device_timeout: Duration,
}

#[cfg(test)]
impl Bounds {
    /// Limits that tests do not reach by accident.
    pub(crate) const FOR_TESTS: Self = Self {
        devices_max: 1000,
        sources_max: 10,
        ssids_per_device_max: 8,
        sources_per_device_max: 8,
        frequencies_per_device_max: 8,
        tags_per_device_max: 8,
        tags_bytes_per_device_max: 4096,
        advertising_bytes_per_device_max: 4096,
        memory_bytes_max: 0,
        device_timeout: Duration::ZERO,
    };
}

/// What a batch tells of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contact {
    /// The source is there.
    Live,
    /// The batch comes out of a file.
    History,
    /// The source was told of the batch already.
    Again,
}

/// Number of devices that a record added and evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Devices that were not known before.
    pub created: u64,
    /// Devices that were evicted because of [`Bounds::devices_max`] or [`Bounds::memory_bytes_max`].
    pub evicted: u64,
}

/// Something that a record changed in the tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'b> {
    /// A source that was unknown before.
    NewSource(SourceId),
    /// A device that was not tracked before.
    NewDevice(DeviceId),
    /// A new network of a device. Not emitted if it replaced another network.
    NewSsid(DeviceId, &'b Ssid),
    /// A source was forgotten.
    SourceForgotten {
        /// Which source.
        id: SourceId,
        /// What it called itself.
        name: Box<str>,
    },
    /// Somebody gave a source a name, or removed the one that it was given.
    SourceRenamed {
        /// Which source.
        id: SourceId,
        /// Its name before.
        before: Box<str>,
        /// Its name now.
        name: Box<str>,
        /// Whether somebody gave it this name. Otherwise it is the one that it sends.
        is_given: bool,
    },
    /// A source was paused, or resumed.
    SourcePaused {
        /// Which source.
        id: SourceId,
        /// What it calls itself.
        name: Box<str>,
        /// Whether it is paused now.
        is_paused: bool,
    },
}

/// Watches the tracker while it applies a record. The device's shard is locked meanwhile, so each call must be quick.
pub trait Observer<'b> {
    /// A report is about to be merged. `before` is its device, if the device is known. Reports come grouped by shard,
    /// and not in the order sent.
    fn look(&mut self, _before: Option<&Device>, _report: &'b Report) {}

    /// The record changed something.
    fn changed(&mut self, _change: Change<'b>) {}

    /// The device is not tracked any more: it was evicted, or nobody reported it for [`Bounds::device_timeout`].
    fn gone(&mut self, _device: &Device) {}
}

/// Nobody watches.
impl Observer<'_> for () {}

/// Counts for one radio technology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhyTotals {
    /// Devices tracked now.
    pub devices: u64,
    /// Reports ever taken.
    pub reports: u64,
}

/// All tracked state.
#[derive(Debug)]
pub struct Tracker {
    bounds: Bounds,
    shards: [RwLock<Shard>; SHARDS],
    sources: RwLock<Sources>,
    contacts: Contacts,
    tag_sets: TagSets,
    /// Taken before the lock of a shard, and never by the thread that merges.
    places: RwLock<PlaceIndex>,
    shown: Shown,
    clock: Mutex<Clock>,
    wifi: Totals,
    bluetooth: Totals,
    counts: Mutex<DeviceCounts>,
    evicted: AtomicU64,
}

/// Orders changes: the number of changes so far, and the latest time of receipt in the log.
#[derive(Debug, Default)]
struct Clock {
    change: ChangeNumber,
    now: ReceivedAt,
    position: LogPosition,
    images: Images,
    /// Memory that the devices hold without their sets of tags, if it is counted.
    devices_bytes: u64,
}

#[derive(Debug, Default)]
struct Totals {
    devices: AtomicU64,
    reports: AtomicU64,
}

impl Totals {
    fn set_devices(&self, count: u64) {
        self.devices.store(count, Ordering::Relaxed);
    }

    fn set_reports(&self, count: u64) {
        self.reports.store(count, Ordering::Relaxed);
    }
}

/// Progress of a walk over devices.
#[derive(Clone, Debug)]
pub struct Walk {
    shard: usize,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    Slots {
        next: usize,
    },
    Changes {
        since: UnixTime,
        mark: Option<ChangeMark>,
    },
}

impl Walk {
    /// Visits all devices.
    pub fn over_all() -> Self {
        Self {
            shard: 0,
            step: Step::Slots { next: 0 },
        }
    }

    /// Visits the devices that changed at or after `since`, by time of receipt. Its cost grows with the changes only.
    pub fn over_changed(since: UnixTime) -> Self {
        Self {
            shard: 0,
            step: Step::Changes { since, mark: None },
        }
    }
}

impl Tracker {
    /// An empty tracker.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            shards: std::array::from_fn(|_| RwLock::default()),
            sources: RwLock::default(),
            contacts: Contacts::default(),
            tag_sets: TagSets::default(),
            places: RwLock::default(),
            shown: Shown::default(),
            clock: Mutex::default(),
            wifi: Totals::default(),
            bluetooth: Totals::default(),
            counts: Mutex::default(),
            evicted: AtomicU64::new(0),
        }
    }

    /// The same, with a choice of the devices that tiles of the map show. The choice has to be the same all the time.
    #[must_use]
    pub fn showing_on_map(
        self,
        is_shown: impl Fn(&Device) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            shown: Shown::only(is_shown),
            ..self
        }
    }

    /// How large the state may grow.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Applies a record. Records must come in the order of the log.
    pub fn apply(&self, entry: &Entry) -> Applied {
        self.apply_observed(entry, &mut ())
    }

    /// Applies a record, and calls observers.
    pub fn apply_observed<'b>(
        &self,
        entry: &'b Entry,
        observer: &mut impl Observer<'b>,
    ) -> Applied {
        let record = &entry.record;
        let mut clock = lock(&self.clock);
        let clock = &mut *clock;
        let before = clock.now;
        clock.now = before.max(record.at);
        clock.position = entry.position;
        clock.change.0 += 1;
        let mut applied = Applied::default();
        match &record.what {
            What::Reports(batch) => {
                self.contacts.add(batch.source, record.at);
                applied = self.merge(clock, batch, observer, Contact::Live);
            }
            What::ImportedReports(imported) => {
                applied = self.merge(clock, &imported.batch, observer, Contact::History);
            }
            What::Annotation(annotation) => self.annotate(clock, annotation),
            What::SourcePause(pause) => {
                let is_paused = pause.state == SourceState::Paused;
                if let Some(source) = write(&self.sources).pause(pause.source, is_paused) {
                    observer.changed(Change::SourcePaused {
                        id: source.id,
                        name: source.name.clone(),
                        is_paused,
                    });
                }
            }
            What::SourceForget(order) => self.forget(clock, order.source, observer),
            What::SourceName(order) => self.rename(clock, order, observer),
            // These do not change the tracker.
            What::AlertOrder(_)
            | What::Import(_)
            | What::Settings(_)
            | What::Tick
            | What::Erasure(_) => {}
        }
        if before.time() < clock.now.time() {
            self.age(clock, observer);
        }
        if 0 < applied.created || self.bounds.counts_memory() {
            applied.evicted = self.evict(clock, observer);
        }
        applied
    }

    fn forget<'b>(&self, clock: &mut Clock, id: SourceId, observer: &mut impl Observer<'b>) {
        self.contacts.forget(id);
        if let Some(source) = write(&self.sources).forget(id) {
            clock.images.note_gone_source(source.number);
            let name = source.name;
            observer.changed(Change::SourceForgotten { id, name });
        }
    }

    fn rename<'b>(&self, clock: &Clock, order: &SourceName, observer: &mut impl Observer<'b>) {
        let mut sources = write(&self.sources);
        if let Some((before, source)) = sources.give_name(order.source, &order.name, clock.change) {
            observer.changed(Change::SourceRenamed {
                id: source.id,
                before,
                name: source.name.clone(),
                is_given: source.sent_name.is_some(),
            });
        }
    }

    fn annotate(&self, clock: &mut Clock, annotation: &Annotation) {
        let mut shard = write(self.shard_of(annotation.device));
        shard.join(clock.images.round);
        if let Some(device) = shard.retouch(annotation.device, clock.change) {
            let before = self.counted_bytes(device);
            let shared = (&self.bounds, &self.tag_sets);
            device.annotate(&annotation.remark, clock.now, shared);
            clock.devices_bytes = clock.devices_bytes - before + self.counted_bytes(device);
        }
    }

    fn merge<'b>(
        &self,
        clock: &mut Clock,
        batch: &'b Batch,
        observer: &mut impl Observer<'b>,
        contact: Contact,
    ) -> Applied {
        let mut sources = write(&self.sources);
        let known_sources = sources.len();
        let known = sources.get(batch.source).map(|source| source.number);
        let source = known
            .filter(|_| contact == Contact::Again)
            .unwrap_or_else(|| {
                let is_live = contact == Contact::Live;
                sources.contact(batch, clock.now, clock.change, is_live)
            });
        if known_sources < sources.len() {
            observer.changed(Change::NewSource(batch.source));
        }
        drop(sources);
        let (mut newly_seen, mut unseen) = (0, Vec::new());
        let mut moves = Vec::new();
        let mut applied = Applied::default();
        self.for_each_shard(&batch.reports, |shard, report| {
            clock.change.0 += 1;
            let id = report.device();
            shard.join(clock.images.round);
            let merge = |device: &mut Device, is_new: bool| {
                observer.look((!is_new).then_some(&*device), report);
                // A new device already has its first network.
                let known_ssids = if is_new { 0 } else { device.ssid_count() };
                let before = if is_new {
                    0
                } else {
                    self.counted_bytes(device)
                };
                let traits = (!is_new).then(|| Traits::of(device));
                let shared = (&self.bounds, &self.tag_sets);
                let seers = device.merge(report, source, clock.now, shared);
                moves.extend(Move::of_merge(traits, device));
                newly_seen += i64::from(seers.is_new);
                unseen.extend(seers.gone);
                clock.devices_bytes = clock.devices_bytes - before + self.counted_bytes(device);
                if is_new {
                    observer.changed(Change::NewDevice(id));
                }
                if let Sighting::Wifi(sighting) = &report.sighting
                    && known_ssids < device.ssid_count()
                {
                    observer.changed(Change::NewSsid(id, &sighting.ssid));
                }
                let totals = self.totals_of(id.phy);
                totals.reports.fetch_add(1, Ordering::Relaxed);
                if is_new {
                    totals.devices.fetch_add(1, Ordering::Relaxed);
                    applied.created += 1;
                }
            };
            shard.change(id, clock.change, || Device::new(id, report), merge);
        });
        if !moves.is_empty() {
            let mut counts = lock(&self.counts);
            for change in moves {
                counts.apply(change);
            }
        }
        if newly_seen != 0 || !unseen.is_empty() {
            let mut sources = write(&self.sources);
            sources.count(source, newly_seen, clock.change);
            for gone in unseen {
                sources.count(gone, -1, clock.change);
            }
        }
        applied
    }

    /// Latest time of receipt in the log.
    pub fn now(&self) -> ReceivedAt {
        lock(&self.clock).now
    }

    /// A copy of the device.
    pub fn device(&self, id: DeviceId) -> Option<Device> {
        read(self.shard_of(id)).get(id).cloned()
    }

    /// Asks something about a device as it is, or about none. The answer has to be quick, because the device cannot change
    /// meanwhile.
    pub(crate) fn look<T>(&self, id: DeviceId, ask: impl FnOnce(Option<&Device>) -> T) -> T {
        let shard = read(self.shard_of(id));
        ask(shard.get(id))
    }

    /// Asks something about many devices, each by its place in the list. As [`look`](Self::look), but those of a shard are
    /// asked for together: then the processor waits for the memory of several of them at once.
    pub(crate) fn look_at_each(
        &self,
        ids: &[DeviceId],
        mut ask: impl FnMut(usize, Option<&Device>),
    ) {
        let by_shard = ids.iter().enumerate();
        let by_shard = by_shard.map(|(place, &id)| (shard_index(id), place, id));
        let mut by_shard: Vec<_> = by_shard.collect();
        by_shard.sort_unstable_by_key(|&(shard, place, _)| (shard, place));
        for run in by_shard.chunk_by(|(one, ..), (other, ..)| one == other) {
            let Some(&(_, _, first)) = run.first() else {
                continue;
            };
            let shard = read(self.shard_of(first));
            let devices = shard.get_each(run.iter().map(|&(.., id)| id));
            for (&(_, place, _), device) in run.iter().zip(devices) {
                ask(place, device);
            }
        }
    }

    /// Devices with this address, of any radio technology.
    pub fn devices_by_addr(&self, addr: MacAddr) -> Vec<Device> {
        Phy::ALL
            .into_iter()
            .filter_map(|phy| self.device(DeviceId { phy, addr }))
            .collect()
    }

    /// Continues a walk: copies out the next devices that `wanted` accepts, at most `count`.
    ///
    /// `None` means the end. An empty list does not: no visited device was wanted this time.
    pub fn next_devices(
        &self,
        walk: &mut Walk,
        count: usize,
        wanted: impl Fn(&Device) -> bool,
    ) -> Option<Vec<Device>> {
        let mut devices = Vec::new();
        self.step(walk, count, |device, _| {
            let is_wanted = wanted(device);
            devices.extend(is_wanted.then(|| device.clone()));
            is_wanted
        })?;
        Some(devices)
    }

    /// Continues a walk: calls `take` for the next devices, each with its latest change, until it has taken `count`.
    /// `None` means the end.
    fn step(
        &self,
        walk: &mut Walk,
        count: usize,
        mut take: impl FnMut(&Device, ChangeNumber) -> bool,
    ) -> Option<()> {
        let shard = read(self.shards.get(walk.shard)?);
        let mut taken = 0;
        let ended = match &mut walk.step {
            Step::Slots { next } => match shard.slots_from(*next) {
                None => true,
                Some(slots) => {
                    for (device, changed) in slots.take(SLOTS_PER_LOOK) {
                        *next += 1;
                        taken += usize::from(device.is_some_and(|device| take(device, changed)));
                        if count <= taken {
                            break;
                        }
                    }
                    false
                }
            },
            Step::Changes { since, mark } => {
                let mut looks = 0;
                loop {
                    if count <= taken || SLOTS_PER_LOOK <= looks {
                        break false;
                    }
                    let Some((device, at)) = shard.changed_before(*mark, *since) else {
                        break true;
                    };
                    looks += 1;
                    *mark = Some(at);
                    taken += usize::from(take(device, at.changed));
                }
            }
        };
        drop(shard);
        if ended {
            walk.next_shard();
        }
        Some(())
    }

    /// Continues a walk without copying: calls `look` for some devices. `false` means the end.
    pub fn look_at_next(&self, walk: &mut Walk, look: &mut impl FnMut(&Device)) -> bool {
        self.look_at_next_changes(walk, &mut |device, _| look(device))
    }

    /// The same with the latest change of each device.
    pub fn look_at_next_changes(
        &self,
        walk: &mut Walk,
        look: &mut impl FnMut(&Device, ChangeNumber),
    ) -> bool {
        let step = self.step(walk, 1, |device, changed| {
            look(device, changed);
            false
        });
        step.is_some()
    }

    /// The latest change. All changes up to it are visible.
    pub fn latest_change(&self) -> ChangeNumber {
        lock(&self.clock).change
    }

    /// All sources in the order of their numbers.
    pub fn sources(&self) -> Vec<Source> {
        read(&self.sources).all().cloned().collect()
    }

    /// How many sources are known.
    pub fn source_count(&self) -> usize {
        read(&self.sources).all().count()
    }

    /// Whether a source is known.
    pub fn has_source(&self, id: SourceId) -> bool {
        read(&self.sources).contains(id)
    }

    /// At most `count` sources without devices that `may_go` accepts, the one that is silent longest first. It is told
    /// the position of the log up to which they are known to have none.
    pub fn unused_sources(
        &self,
        count: usize,
        may_go: impl Fn(SourceId, LogPosition) -> bool,
    ) -> Vec<SourceId> {
        let position = lock(&self.clock).position;
        let sources = read(&self.sources);
        let going = sources.unused().filter(|source| may_go(*source, position));
        going.take(count).collect()
    }

    /// The paused sources.
    pub fn paused(&self) -> Arc<HashSet<SourceId>> {
        Arc::clone(read(&self.sources).paused())
    }

    /// A copy of the source.
    pub fn source(&self, id: SourceId) -> Option<Source> {
        read(&self.sources).get(id).cloned()
    }

    /// How regularly a source reports. `None` while that is not known.
    pub fn pace(&self, id: SourceId) -> Option<Pace> {
        self.contacts.pace(id)
    }

    /// Restores the pace of the sources from their contacts before a replay, in the order of the log. What a source
    /// reported before it was forgotten does not count.
    pub fn recall_contacts(&self, contacts: &[(SourceId, ReceivedAt)]) {
        let sources = read(&self.sources);
        for &(id, at) in contacts {
            let source = sources.get(id);
            if source.is_some_and(|source| source.first_contact <= at) {
                self.contacts.add(id, at);
            }
        }
    }

    /// The sources that are silent at `now`, and how many are not. Time before `started_at` does not count: the server
    /// did not hear them.
    pub fn silent_sources(
        &self,
        rule: SilenceRule,
        started_at: ReceivedAt,
        now: ReceivedAt,
    ) -> (Vec<SourceId>, usize) {
        let sources = read(&self.sources);
        let silent = sources.all().filter(|source| {
            let counts_from = source.last_contact.max(started_at);
            let pace = self.contacts.pace(source.id);
            pace.is_some_and(|pace| pace.is_silent(rule, counts_from, now))
        });
        let silent: Vec<_> = silent.map(|source| source.id).collect();
        let up = sources.len() - silent.len();
        (silent, up)
    }

    /// The source with a number.
    pub fn source_by_number(&self, number: SourceNumber) -> Option<Source> {
        read(&self.sources).by_number(number).cloned()
    }

    /// Counts for one radio technology.
    pub fn totals(&self, phy: Phy) -> PhyTotals {
        let totals = self.totals_of(phy);
        PhyTotals {
            devices: totals.devices.load(Ordering::Relaxed),
            reports: totals.reports.load(Ordering::Relaxed),
        }
    }

    /// Number of tracked devices.
    pub fn device_count(&self) -> usize {
        let devices = Phy::ALL
            .into_iter()
            .map(|phy| self.totals(phy).devices)
            .sum::<u64>();
        usize::try_from(devices).unwrap_or(usize::MAX)
    }

    /// Whether the sources alone hold as much memory as [`Bounds::memory_bytes_max`] allows, so that no device has room.
    pub fn is_full(&self) -> bool {
        let max = self.bounds.memory_bytes_max;
        self.bounds.counts_memory() && max <= read(&self.sources).held_bytes()
    }

    /// Number of devices evicted since the start because of [`Bounds::devices_max`] or [`Bounds::memory_bytes_max`].
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Visits reports grouped by shard, locking each shard once. Reports of one device stay in order.
    fn for_each_shard<'b>(
        &self,
        reports: &'b [Report],
        mut visit: impl FnMut(&mut Shard, &'b Report),
    ) {
        let mut by_shard: Vec<ByShard<'b>> = reports
            .iter()
            .map(|report| (shard_index(report.device()), report))
            .collect();
        by_shard.sort_by_key(|&(shard, _)| shard);
        if READ_AHEAD_FROM <= by_shard.len() {
            self.read_ahead(&by_shard);
        }
        for (shard, run) in self.runs(&by_shard) {
            let mut shard = write(shard);
            for (_, report) in run {
                visit(&mut shard, report);
            }
        }
    }

    /// Groups reports that are sorted by shard.
    fn runs<'s, 'b>(
        &self,
        by_shard: &'s [ByShard<'b>],
    ) -> impl Iterator<Item = (&RwLock<Shard>, &'s [ByShard<'b>])> {
        let runs = by_shard.chunk_by(|(one, _), (other, _)| one == other);
        runs.filter_map(|run| Some((self.shards.get(run.first()?.0)?, run)))
    }

    /// Prefetches the devices of a batch. Merged one by one, each stalls on a cache miss; independent reads overlap.
    fn read_ahead(&self, by_shard: &[ByShard<'_>]) {
        let mut read_so_far = 0;
        for (shard, run) in self.runs(by_shard) {
            let shard = read(shard);
            for (_, report) in run {
                let known = shard.get(report.device());
                read_so_far ^= known.map_or(0, Device::read_ahead);
            }
        }
        std::hint::black_box(read_so_far);
    }

    /// Evicts the least recently changed devices until the limits hold.
    fn evict<'b>(&self, clock: &mut Clock, observer: &mut impl Observer<'b>) -> u64 {
        let mut evicted = 0;
        while self.bounds.devices_max < self.device_count()
            || self.memory_bytes_max() < self.held_bytes(clock)
        {
            let oldest = self
                .shards
                .iter()
                .filter_map(|shard| Some((read(shard).oldest_change()?, shard)));
            let Some((_, shard)) = oldest.min_by_key(|&(change, _)| change) else {
                break;
            };
            if !self.let_oldest_go(&mut write(shard), clock, observer) {
                break;
            }
            evicted += 1;
        }
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        evicted
    }

    /// The limit of memory, or no limit.
    fn memory_bytes_max(&self) -> u64 {
        match self.bounds.memory_bytes_max {
            0 => u64::MAX,
            max => max,
        }
    }

    /// Memory of devices, tags and sources, if it is counted.
    fn held_bytes(&self, clock: &Clock) -> u64 {
        if !self.bounds.counts_memory() {
            return 0;
        }
        let sources_bytes = read(&self.sources).held_bytes();
        clock.devices_bytes + self.tag_sets.held_bytes() + sources_bytes
    }

    /// Memory of a device, if it is counted.
    fn counted_bytes(&self, device: &Device) -> u64 {
        if self.bounds.counts_memory() {
            device.held_bytes()
        } else {
            0
        }
    }

    /// Drops devices that nobody has reported for [`Bounds::device_timeout`].
    fn age<'b>(&self, clock: &mut Clock, observer: &mut impl Observer<'b>) {
        let timeout = self.bounds.device_timeout;
        if timeout.is_zero() {
            return;
        }
        let since = clock.now.before(timeout);
        for shard in &self.shards {
            let is_due = |shard: &Shard| shard.oldest_modified_at().is_some_and(|at| at < since);
            if !is_due(&read(shard)) {
                continue;
            }
            let mut shard = write(shard);
            while is_due(&shard) && self.let_oldest_go(&mut shard, clock, observer) {}
        }
    }

    fn let_oldest_go<'b>(
        &self,
        shard: &mut Shard,
        clock: &mut Clock,
        observer: &mut impl Observer<'b>,
    ) -> bool {
        shard.join(clock.images.round);
        let Some(device) = shard.evict_oldest() else {
            return false;
        };
        clock.change.0 += 1;
        clock.images.note_gone(device.id);
        observer.gone(&device);
        device.tags.leave(&self.tag_sets);
        lock(&self.counts).apply(Move::of_gone(&device));
        clock.devices_bytes -= self.counted_bytes(&device);
        let devices = &self.totals_of(device.id.phy).devices;
        devices.fetch_sub(1, Ordering::Relaxed);
        let mut sources = write(&self.sources);
        for seen in &device.seen_by {
            sources.count(seen.source, -1, clock.change);
        }
        true
    }

    fn totals_of(&self, phy: Phy) -> &Totals {
        match phy {
            Phy::Wifi => &self.wifi,
            Phy::Bluetooth => &self.bluetooth,
        }
    }

    fn shard_of(&self, id: DeviceId) -> &RwLock<Shard> {
        let [first, ..] = &self.shards;
        self.shards.get(shard_index(id)).unwrap_or(first)
    }
}

impl Walk {
    fn next_shard(&mut self) {
        self.shard += 1;
        match &mut self.step {
            Step::Slots { next } => *next = 0,
            Step::Changes { mark, .. } => *mark = None,
        }
    }
}

/// Index of a device's shard. The same on every machine, so that views list devices in the same order.
fn shard_index(id: DeviceId) -> usize {
    let mixed = spread(id) >> 58;
    usize::try_from(mixed).unwrap_or_default() % SHARDS
}

// A panic under a lock leaves at worst one device half merged. Refusing all later reads would be worse.

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
