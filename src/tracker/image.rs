//! Images: what changed since the last one, as it stood at one position of the log.
//!
//! An image is copied out while reports go on coming in. Beginning one only fixes the moment. From then on a
//! device that belongs to it and is about to change is set aside, as it is, by the one who changes it; the
//! others are copied a few at a time. So no lock is held for longer than a few hundred devices take, and the
//! image is exact all the same.

use super::shard::{ChangeNumber, Changed, Round, Shard};
use super::sources::{Source, Sources};
use super::{Clock, Tracker, lock, write};
use crate::log::LogPosition;
use crate::report::{DeviceId, Phy, ReceivedAt};

/// How many devices are copied under one lock: some 100 µs.
const DEVICES_PER_COPY: usize = 256;
/// How many devices that went are remembered for the next image; past it that one is of everything.
const GONE_MAX: usize = 1 << 20;

/// Everything of an image but the devices.
#[derive(Clone, Debug)]
pub struct ImageHead {
    /// The last batch that the image contains.
    pub position: LogPosition,
    /// When that batch came, or the latest before it.
    pub now: ReceivedAt,
    /// Whether it is of everything, and needs no earlier one.
    pub is_whole: bool,
    pub(crate) change: ChangeNumber,
    /// Reports ever taken, in the order of [`Phy::ALL`].
    pub(crate) reports: [u64; Phy::ALL.len()],
    pub(crate) sources: Vec<Source>,
    /// Devices that went since the last image; some may be back.
    pub(crate) gone: Vec<DeviceId>,
}

/// What the next image has to contain.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// The one that is being taken.
    pub(super) round: Option<Round>,
    count: u64,
    /// Where the last one ended that was kept.
    kept: Option<ChangeNumber>,
    gone: Vec<DeviceId>,
    /// Whether more went than can be remembered, so that only an image of everything is right.
    is_lost: bool,
}

impl Images {
    pub(super) fn note_gone(&mut self, id: DeviceId) {
        if self.kept.is_some() || self.round.is_some() {
            self.gone.push(id);
            self.bound();
        }
    }

    fn bound(&mut self) {
        if GONE_MAX < self.gone.len() {
            (self.kept, self.gone, self.is_lost) = (None, Vec::new(), true);
        }
    }
}

/// An image that is being taken. Dropped before it is kept, it never was.
#[derive(Debug)]
pub struct Image<'t> {
    tracker: &'t Tracker,
    round: Round,
    head: ImageHead,
    shard: usize,
    is_kept: bool,
}

impl Tracker {
    /// Begins an image of what changed since the last one that was kept, or of everything.
    ///
    /// `None` while another is being taken.
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
            gone: std::mem::take(&mut images.gone),
        };
        Some(Image {
            tracker: self,
            round,
            head,
            shard: 0,
            is_kept: false,
        })
    }

    /// Whether anything changed since the last image that was kept.
    pub fn changed_since_image(&self) -> bool {
        let clock = lock(&self.clock);
        clock.images.kept.unwrap_or_default() < clock.change
    }

    /// Puts back what an image says besides its devices, which have to follow. Images have to come in order.
    pub fn restore_head(&self, head: ImageHead) {
        let mut clock = lock(&self.clock);
        (clock.position, clock.now, clock.change) = (head.position, head.now, head.change);
        clock.images.kept = Some(head.change);
        let mut sources = write(&self.sources);
        head.sources
            .into_iter()
            .for_each(|source| sources.restore(source));
        for id in head.gone {
            write(self.shard_of(id)).restore_gone(id);
        }
        for (phy, reports) in Phy::ALL.into_iter().zip(head.reports) {
            self.totals_of(phy).set_reports(reports);
        }
    }

    /// Puts back devices of an image.
    pub fn restore_devices(&self, devices: Vec<Changed>) {
        for (changed, device) in devices {
            write(self.shard_of(device.id)).restore(changed, device);
        }
    }

    /// Forgets everything: what was put back turned out to be unreadable.
    pub fn clear(&self) {
        *lock(&self.clock) = Clock::default();
        *write(&self.sources) = Sources::default();
        for shard in &self.shards {
            *write(shard) = Shard::default();
        }
        for phy in Phy::ALL {
            self.totals_of(phy).set_devices(0);
            self.totals_of(phy).set_reports(0);
        }
    }

    /// Makes the tracker whole after the last image.
    pub fn restored(&self) {
        let mut devices = [0; Phy::ALL.len()];
        // The first snapshots did not say how many devices a source has seen.
        let mut sources = write(&self.sources);
        let mut seen_by_source = vec![0; sources.all().len()];
        for shard in &self.shards {
            let mut shard = write(shard);
            shard.restored();
            for device in shard.devices() {
                for (count, phy) in devices.iter_mut().zip(Phy::ALL) {
                    *count += u64::from(device.id.phy == phy);
                }
                for seen in &device.seen_by {
                    if let Some(count) = seen
                        .source
                        .index()
                        .and_then(|at| seen_by_source.get_mut(at))
                    {
                        *count += 1;
                    }
                }
            }
        }
        sources.set_devices(&seen_by_source);
        drop(sources);
        for (phy, count) in Phy::ALL.into_iter().zip(devices) {
            self.totals_of(phy).set_devices(count);
        }
        // The bound may be a lower one than that under which the image was taken.
        self.evict(&mut lock(&self.clock));
    }
}

impl Image<'_> {
    /// Everything but the devices.
    pub fn head(&self) -> &ImageHead {
        &self.head
    }

    /// The next devices; `None` when there are no more.
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

    /// The image is safe: the next one has to contain only what changed since.
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
            images.bound();
        }
        for shard in &self.tracker.shards {
            write(shard).join(None);
        }
    }
}
