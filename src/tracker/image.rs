//! Images: the changes since the last image, as of one position of the log.
//!
//! An image is copied while reports keep arriving. Starting one only fixes the position. A change to a device that is
//! not copied yet first sets a copy aside; the other devices are copied a few at a time. So no lock is held for longer
//! than a few hundred devices take, and the image is exact.

use super::device::SourceNumber;
use super::places::PlaceIndex;
use super::shard::{ChangeNumber, Changed, Round, Shard};
use super::sources::{DevicesBySource, GivenName, GoneSources, Source, Sources};
use super::summary::{Counts, Sums};
use super::{Clock, Tracker, lock, read, write};
use crate::log::LogPosition;
use crate::report::{DeviceId, Phy, ReceivedAt, SourceId};

/// Devices copied under one lock: about 100 µs.
const DEVICES_PER_COPY: usize = 256;
/// Most removed devices to list in an image. Past it, the next image is a full one.
const GONE_MAX: usize = 1 << 20;

/// An image without its devices.
#[derive(Clone, Debug)]
pub struct ImageHead {
    /// Position of the last record in the image.
    pub position: LogPosition,
    /// Latest time of receipt up to that position.
    pub now: ReceivedAt,
    /// Whether the image is full and needs no earlier one.
    pub is_whole: bool,
    pub(crate) change: ChangeNumber,
    /// Number of reports ever taken, in the order of [`Phy::ALL`].
    pub(crate) reports: [u64; Phy::ALL.len()],
    pub(crate) sources: Vec<Source>,
    /// All paused sources, also in an image of what changed.
    pub(crate) paused: Vec<SourceId>,
    /// Devices removed since the last image. Some may exist again.
    pub(crate) gone: Vec<DeviceId>,
    /// The sources that were removed, if any ever was.
    pub(crate) gone_sources: Option<GoneSources>,
}

impl ImageHead {
    /// The names that somebody gave its sources.
    pub(crate) fn given_names(&self) -> Vec<GivenName> {
        let given = self
            .sources
            .iter()
            .filter(|source| source.sent_name.is_some());
        given
            .map(|source| (source.id, source.name.clone()))
            .collect()
    }
}

/// What the next image must contain.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// The image being taken.
    pub(super) round: Option<Round>,
    count: u64,
    /// Last change in the last image that was kept.
    kept: Option<ChangeNumber>,
    pub(super) gone: Vec<DeviceId>,
    gone_sources: Vec<SourceNumber>,
    /// Whether too many devices were removed to list them, so that the next image must be a full one.
    is_lost: bool,
}

impl Images {
    pub(super) fn note_gone(&mut self, id: DeviceId) {
        if self.kept.is_some() || self.round.is_some() {
            self.gone.push(id);
            self.bound();
        }
    }

    pub(super) fn note_gone_source(&mut self, number: SourceNumber) {
        if self.kept.is_some() || self.round.is_some() {
            self.gone_sources.push(number);
            self.bound();
        }
    }

    fn bound(&mut self) {
        if GONE_MAX < self.gone.len() || GONE_MAX < self.gone_sources.len() {
            (self.kept, self.is_lost) = (None, true);
            (self.gone, self.gone_sources) = (Vec::new(), Vec::new());
        }
    }
}

/// An image being taken. Dropping it without [`Image::keep`] discards it.
#[derive(Debug)]
pub struct Image<'t> {
    tracker: &'t Tracker,
    round: Round,
    head: ImageHead,
    shard: usize,
    is_kept: bool,
}

impl Tracker {
    /// Starts an image of the changes since the last kept one, or a full one.
    ///
    /// Returns `None` while another is being taken.
    pub fn image(&self, of_everything: bool) -> Option<Image<'_>> {
        let mut clock = lock(&self.clock);
        let clock = &mut *clock;
        let images = &mut clock.images;
        if images.round.is_some() {
            return None;
        }
        let kept = images.kept.filter(|_| !of_everything);
        images.is_lost = false;
        images.count += 1;
        let round = Round {
            number: images.count,
            after: kept.unwrap_or_default(),
        };
        images.round = Some(round);
        let sources = self.sources().into_iter();
        let head = ImageHead {
            position: clock.position,
            now: clock.now,
            is_whole: kept.is_none(),
            change: clock.change,
            reports: Phy::ALL.map(|phy| self.totals(phy).reports),
            sources: sources
                .filter(|source| round.after < source.changed)
                .collect(),
            paused: self.paused().iter().copied().collect(),
            gone: std::mem::take(&mut images.gone),
            gone_sources: read(&self.sources).gone(std::mem::take(&mut images.gone_sources)),
        };
        Some(Image {
            tracker: self,
            round,
            head,
            shard: 0,
            is_kept: false,
        })
    }

    /// Whether anything changed since the last kept image.
    pub fn changed_since_image(&self) -> bool {
        let clock = lock(&self.clock);
        clock.images.kept.unwrap_or_default() < clock.change
    }

    /// Restores an image without its devices, which must follow. Images must come in order.
    pub fn restore_head(&self, head: ImageHead) {
        let mut clock = lock(&self.clock);
        (clock.position, clock.now, clock.change) = (head.position, head.now, head.change);
        clock.images.kept = Some(head.change);
        let mut sources = write(&self.sources);
        head.sources
            .into_iter()
            .for_each(|source| sources.restore(source));
        sources.restore_paused(head.paused);
        if let Some(gone) = &head.gone_sources {
            sources.restore_gone(gone);
        }
        for id in head.gone {
            if let Some(device) = write(self.shard_of(id)).restore_gone(id) {
                device.tags.leave(&self.tag_sets);
                clock.devices_bytes -= self.counted_bytes(&device);
            }
        }
        for (phy, reports) in Phy::ALL.into_iter().zip(head.reports) {
            self.totals_of(phy).set_reports(reports);
        }
    }

    /// Restores which sources were paused. The head of an image that is read from a snapshot does not have them.
    pub fn restore_paused(&self, paused: Vec<SourceId>) {
        write(&self.sources).restore_paused(paused);
    }

    /// Restores the names that sources of the image were given. The head of an image that is read from a snapshot does
    /// not have them.
    pub(crate) fn restore_source_names(&self, names: &[GivenName]) {
        write(&self.sources).restore_names(names);
    }

    /// Restores which sources were removed. The head of an image that is read from a snapshot does not have them.
    pub fn restore_gone_sources(&self, gone: &GoneSources) {
        write(&self.sources).restore_gone(gone);
    }

    /// Restores devices of an image.
    ///
    /// An image may have far more devices than the limits allow, if they are lower than when it was taken. Therefore
    /// devices are evicted already on the way, so that the start does not need the memory of all.
    pub fn restore_devices(&self, devices: Vec<Changed>) {
        let mut clock = lock(&self.clock);
        for (changed, mut device) in devices {
            device.tags.share(&self.tag_sets);
            clock.devices_bytes += self.counted_bytes(&device);
            if let Some(before) = write(self.shard_of(device.id)).restore(changed, device) {
                before.tags.leave(&self.tag_sets);
                clock.devices_bytes -= self.counted_bytes(&before);
            }
        }
        if self.is_far_too_large(&clock) {
            self.recount(&mut clock);
            self.evict(&mut clock, &mut ());
        }
    }

    /// Whether the limits must be lower than when the image was taken. Half restored, an image that keeps to them has at
    /// most the devices of two images.
    fn is_far_too_large(&self, clock: &Clock) -> bool {
        let devices: usize = self.shards.iter().map(|shard| read(shard).len()).sum();
        self.bounds.devices_max.saturating_mul(2) < devices
            || self.memory_bytes_max().saturating_mul(2) < self.held_bytes(clock)
    }

    /// Drops all state, because an image turned out to be unreadable.
    pub fn clear(&self) {
        *lock(&self.clock) = Clock::default();
        *write(&self.sources) = Sources::default();
        self.tag_sets.clear();
        *lock(&self.counts) = Counts::default();
        *write(&self.places) = PlaceIndex::default();
        for shard in &self.shards {
            *write(shard) = Shard::default();
        }
        for phy in Phy::ALL {
            self.totals_of(phy).set_devices(0);
            self.totals_of(phy).set_reports(0);
        }
    }

    /// Finishes the restore after the last image.
    pub fn restored(&self) {
        let mut clock = lock(&self.clock);
        self.recount(&mut clock);
        // The limits may be lower than when the image was taken.
        self.evict(&mut clock, &mut ());
        let Images {
            kept,
            gone,
            is_lost,
            ..
        } = &mut clock.images;
        // Devices that were evicted on the way may have come again with a later image.
        gone.retain(|id| read(self.shard_of(*id)).get(*id).is_none());
        if *is_lost {
            *kept = None;
        }
    }

    /// Counts devices, and orders them by their changes.
    fn recount(&self, clock: &mut Clock) {
        let mut devices = [0; Phy::ALL.len()];
        // The first snapshots did not say how many devices a source has seen.
        let mut sources = write(&self.sources);
        let mut seen_by_source = DevicesBySource::new(&sources);
        let mut sums = Sums::default();
        clock.devices_bytes = 0;
        for shard in &self.shards {
            let mut shard = write(shard);
            shard.restored();
            for device in shard.devices() {
                for (count, phy) in devices.iter_mut().zip(Phy::ALL) {
                    *count += u64::from(device.id.phy == phy);
                }
                for seen in &device.seen_by {
                    seen_by_source.add(seen.source);
                }
                sums.add(device);
                clock.devices_bytes += self.counted_bytes(device);
            }
        }
        *lock(&self.counts) = sums.counts();
        sources.set_devices(&seen_by_source);
        for (phy, count) in Phy::ALL.into_iter().zip(devices) {
            self.totals_of(phy).set_devices(count);
        }
    }
}

impl Image<'_> {
    /// Everything but the devices.
    pub fn head(&self) -> &ImageHead {
        &self.head
    }

    /// The next devices, or `None` at the end.
    pub fn next_devices(&mut self) -> Option<Vec<Changed>> {
        loop {
            let shard = self.tracker.shards.get(self.shard)?;
            let (devices, ended) = write(shard).copy_next(self.round, DEVICES_PER_COPY);
            self.shard += usize::from(ended);
            if !devices.is_empty() {
                return Some(devices);
            }
        }
    }

    /// Marks the image as safely stored: the next one contains only later changes.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let mut clock = lock(&self.tracker.clock);
        let images = &mut clock.images;
        images.round = None;
        if self.is_kept {
            images.kept = Some(self.head.change).filter(|_| !images.is_lost);
        } else {
            images.gone.append(&mut self.head.gone);
            if let Some(gone) = &mut self.head.gone_sources {
                images.gone_sources.append(&mut gone.numbers);
            }
            images.bound();
        }
        for shard in &self.tracker.shards {
            write(shard).join(None);
        }
    }
}
