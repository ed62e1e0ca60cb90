//! Counts of devices by what they are.
//!
//! [`Counts`] of all devices are kept current. A merge compares the [`Traits`] of its device before and after, and few
//! reports change them. [`Sums`] count the devices of a walk: they count traits as they are stored, of which there are
//! few different ones, and interpret each of those once.

use std::collections::BTreeMap;
use std::hash::Hash;

use hashbrown::HashMap;

use super::device::{Device, SourceNumber, Tuning};
use super::{Tracker, lock, read};
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{
    Band, Channel, ChannelWidth, Frequency, MacAddr, MacBlock, Manufacturer, SourceId, UnixTime,
};

const MINUTE_S: u32 = 60;
const MINUTES_PER_HOUR: u32 = 60;
const MINUTES_PER_DAY: u32 = 24 * MINUTES_PER_HOUR;

/// Number of devices by value. `None` is the key of devices without one.
pub type Tally<K> = HashMap<Option<K>, u64>;

/// Which times a summary counts new devices by.
#[derive(Clone, Copy, Debug)]
pub struct SummaryTimes {
    /// New devices are counted by hour from this hour on. Earlier ones are counted by day only.
    pub hours_since: UnixTime,
    /// Devices first seen at this time or later are counted. Its seconds are ignored.
    pub new_since: Option<UnixTime>,
}

/// Counts of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All devices.
    pub devices: u64,
    /// Devices with a position.
    pub with_position: u64,
    /// Devices by security class.
    pub security: Tally<SecurityClass>,
    /// Devices by band.
    pub bands: Tally<Band>,
    /// Devices by channel.
    pub channels: Tally<Channel>,
    /// Devices by channel width.
    pub widths: Tally<ChannelWidth>,
    /// Devices by manufacturer.
    pub manufacturers: Tally<Manufacturer>,
    /// New devices by the start of the hour in which they were first seen, from [`SummaryTimes::hours_since`] on.
    pub hours: BTreeMap<UnixTime, u64>,
    /// New devices by the start of the day in which they were first seen.
    pub days: BTreeMap<UnixTime, u64>,
    /// Devices first seen since [`SummaryTimes::new_since`].
    pub new_since: Option<u64>,
    /// Devices by source that saw them, without sources that saw none.
    pub sources: Vec<(SourceId, u64)>,
}

/// What a device's tuning follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct StoredTuning {
    channel: Option<Channel>,
    frequency: Option<Frequency>,
    is_channel_later: bool,
}

/// Everything that a device is counted by, as the device stores it. Cheap to take and to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    tuning: StoredTuning,
    security: Option<Security>,
    width: Option<ChannelWidth>,
    first_time: UnixTime,
    has_position: bool,
}

/// A change of a device's traits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    addr: MacAddr,
    before: Option<Traits>,
    after: Option<Traits>,
}

/// Counts of devices, kept current.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    devices: u64,
    with_position: u64,
    security: Tally<SecurityClass>,
    bands: Tally<Band>,
    channels: Tally<Channel>,
    widths: Tally<ChannelWidth>,
    manufacturers: Tally<Manufacturer>,
    /// New devices by minute since 1970.
    minutes: BTreeMap<u32, u64>,
    /// New devices by day since 1970.
    days: BTreeMap<u32, u64>,
}

/// Counts devices one after another.
#[derive(Debug, Default)]
pub struct Sums {
    devices: u64,
    with_position: u64,
    tunings: HashMap<StoredTuning, u64>,
    security: HashMap<Option<Security>, u64>,
    widths: Tally<ChannelWidth>,
    /// Devices by the first three octets of the address.
    blocks: HashMap<u64, (MacBlock, u64)>,
    /// Devices in blocks with several owners, or with none.
    manufacturers: Tally<Manufacturer>,
    minutes: HashMap<u32, u64>,
    sources: HashMap<SourceNumber, u64>,
}

impl Traits {
    pub(super) fn of(device: &Device) -> Self {
        let (channel, frequency) = (device.channel, device.frequency);
        Self {
            tuning: StoredTuning {
                channel: channel.map(|latest| latest.value),
                frequency: frequency.map(|latest| latest.value),
                is_channel_later: device.is_channel_later(),
            },
            security: device.security(),
            width: device.width(),
            first_time: device.first_time,
            has_position: device.place.is_some(),
        }
    }

    fn class(self) -> Option<SecurityClass> {
        self.security.map(Security::class)
    }

    fn minute(self) -> u32 {
        self.first_time.seconds() / MINUTE_S
    }
}

impl StoredTuning {
    fn read(self) -> Tuning {
        Tuning::of(self.channel, self.frequency, self.is_channel_later)
    }
}

impl Move {
    /// The move of a merge, if it changed anything that is counted. A new device has no `before`.
    pub(super) fn of_merge(before: Option<Traits>, device: &Device) -> Option<Self> {
        let after = Traits::of(device);
        (before != Some(after)).then_some(Self {
            addr: device.id.addr,
            before,
            after: Some(after),
        })
    }

    /// The move of a device that is not tracked any more.
    pub(super) fn of_gone(device: &Device) -> Self {
        Self {
            addr: device.id.addr,
            before: Some(Traits::of(device)),
            after: None,
        }
    }
}

impl Counts {
    /// Applies a change of a device.
    pub(super) fn apply(&mut self, change: Move) {
        let Move {
            addr,
            before,
            after,
        } = change;
        if before.is_none() != after.is_none() {
            let maker = |traits: Option<Traits>| traits.map(|_| Manufacturer::of(addr));
            shift(&mut self.manufacturers, maker(before), maker(after));
            self.devices = self.devices + u64::from(after.is_some()) - u64::from(before.is_some());
        }
        let place = |traits: Option<Traits>| traits.is_some_and(|traits| traits.has_position);
        self.with_position =
            self.with_position + u64::from(place(after)) - u64::from(place(before));
        if before.map(|traits| traits.tuning) != after.map(|traits| traits.tuning) {
            let tuning = |traits: Option<Traits>| traits.map(|traits| traits.tuning.read());
            let (before, after) = (tuning(before), tuning(after));
            let band = |tuning: Option<Tuning>| tuning.map(Tuning::band);
            let channel = |tuning: Option<Tuning>| tuning.map(|tuning| tuning.channel);
            shift(&mut self.bands, band(before), band(after));
            shift(&mut self.channels, channel(before), channel(after));
        }
        let class = |traits: Option<Traits>| traits.map(Traits::class);
        shift(&mut self.security, class(before), class(after));
        let width = |traits: Option<Traits>| traits.map(|traits| traits.width);
        shift(&mut self.widths, width(before), width(after));
        let minute = |traits: Option<Traits>| traits.map(Traits::minute);
        let day = |traits: Option<Traits>| minute(traits).map(|minute| minute / MINUTES_PER_DAY);
        shift_time(&mut self.minutes, minute(before), minute(after));
        shift_time(&mut self.days, day(before), day(after));
    }

    /// The counts for readers, without those by source.
    fn summary(&self, times: SummaryTimes) -> Summary {
        let first = times.hours_since.seconds() / MINUTE_S / MINUTES_PER_HOUR * MINUTES_PER_HOUR;
        let mut hours = BTreeMap::new();
        for (minute, count) in self.minutes.range(first..) {
            let hour = start_of(minute / MINUTES_PER_HOUR, MINUTES_PER_HOUR);
            *hours.entry(hour).or_default() += count;
        }
        let days = self.days.iter();
        Summary {
            devices: self.devices,
            with_position: self.with_position,
            security: self.security.clone(),
            bands: self.bands.clone(),
            channels: self.channels.clone(),
            widths: self.widths.clone(),
            manufacturers: self.manufacturers.clone(),
            hours,
            days: days
                .map(|(day, count)| (start_of(*day, MINUTES_PER_DAY), *count))
                .collect(),
            new_since: times.new_since.map(|since| self.new_since(since)),
            sources: Vec::new(),
        }
    }

    fn new_since(&self, since: UnixTime) -> u64 {
        let minute = since.seconds() / MINUTE_S;
        let next_day = minute / MINUTES_PER_DAY + 1;
        let rest_of_day = self.minutes.range(minute..next_day * MINUTES_PER_DAY);
        let rest_of_day: u64 = rest_of_day.map(|(_, count)| count).sum();
        let days = self.days.range(next_day..).map(|(_, count)| count);
        rest_of_day + days.sum::<u64>()
    }
}

impl Sums {
    /// Counts a device.
    pub fn add(&mut self, device: &Device) {
        let traits = Traits::of(device);
        self.devices += 1;
        self.with_position += u64::from(traits.has_position);
        *self.tunings.entry(traits.tuning).or_default() += 1;
        *self.security.entry(traits.security).or_default() += 1;
        *self.widths.entry(traits.width).or_default() += 1;
        *self.minutes.entry(traits.minute()).or_default() += 1;
        for seen in &device.seen_by {
            *self.sources.entry(seen.source).or_default() += 1;
        }
        self.add_maker(device.id.addr);
    }

    fn add_maker(&mut self, addr: MacAddr) {
        // Random addresses would make an entry each.
        if !Manufacturer::may_own(addr) {
            *self.manufacturers.entry(None).or_default() += 1;
            return;
        }
        let block = addr.to_u64() >> 24;
        let fresh = || (MacBlock::of(addr), 0);
        let (owner, count) = self.blocks.entry(block).or_insert_with(fresh);
        match owner {
            MacBlock::Whole(_) => *count += 1,
            MacBlock::Divided => {
                let maker = Manufacturer::of(addr);
                *self.manufacturers.entry(maker).or_default() += 1;
            }
        }
    }

    /// The counts of all devices so far.
    pub fn summary(self, tracker: &Tracker, times: SummaryTimes) -> Summary {
        let sources = read(&tracker.sources);
        let named = sources.all().filter_map(|source| {
            let count = self.sources.get(&source.number)?;
            Some((source.id, *count))
        });
        let named = named.collect();
        drop(sources);
        Summary {
            sources: named,
            ..self.counts().summary(times)
        }
    }

    pub(super) fn counts(self) -> Counts {
        let mut counts = Counts {
            devices: self.devices,
            with_position: self.with_position,
            widths: self.widths,
            manufacturers: self.manufacturers,
            minutes: self.minutes.into_iter().collect(),
            ..Counts::default()
        };
        for (tuning, count) in self.tunings {
            let tuning = tuning.read();
            *counts.bands.entry(tuning.band()).or_default() += count;
            *counts.channels.entry(tuning.channel).or_default() += count;
        }
        for (security, count) in self.security {
            let class = security.map(Security::class);
            *counts.security.entry(class).or_default() += count;
        }
        for (owner, count) in self.blocks.into_values() {
            if let (MacBlock::Whole(maker), true) = (owner, 0 < count) {
                *counts.manufacturers.entry(maker).or_default() += count;
            }
        }
        for (minute, count) in &counts.minutes {
            *counts.days.entry(minute / MINUTES_PER_DAY).or_default() += count;
        }
        counts
    }
}

impl Tracker {
    /// Counts of all devices. No walk: they are kept current.
    pub fn summary(&self, times: SummaryTimes) -> Summary {
        let sources = read(&self.sources);
        let seeing = sources.all().filter(|source| 0 < source.devices);
        let seeing = seeing.map(|source| (source.id, source.devices)).collect();
        drop(sources);
        Summary {
            sources: seeing,
            ..lock(&self.counts).summary(times)
        }
    }
}

/// The time at which a span of so many minutes began.
fn start_of(number: u32, minutes: u32) -> UnixTime {
    UnixTime::new(number.saturating_mul(minutes).saturating_mul(MINUTE_S))
}

/// Moves a device from one value to another.
fn shift<K: Copy + Eq + Hash>(tally: &mut HashMap<K, u64>, before: Option<K>, after: Option<K>) {
    if before == after {
        return;
    }
    if let Some(after) = after {
        *tally.entry(after).or_default() += 1;
    }
    if let Some(before) = before
        && let Some(count) = tally.get_mut(&before)
    {
        *count = count.saturating_sub(1);
        if *count == 0 {
            tally.remove(&before);
        }
    }
}

/// Moves a device from one time to another.
fn shift_time(counts: &mut BTreeMap<u32, u64>, before: Option<u32>, after: Option<u32>) {
    if before == after {
        return;
    }
    if let Some(after) = after {
        *counts.entry(after).or_default() += 1;
    }
    if let Some(before) = before
        && let Some(count) = counts.get_mut(&before)
    {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&before);
        }
    }
}
