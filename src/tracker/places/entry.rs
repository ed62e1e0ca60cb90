//! What the index knows of a device.

use std::ops::Range;

use super::grid::MapPoint;
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Band, Phy};
use crate::tracker::Device;
use crate::tracker::shard::{Column, Slot};

/// Classes of security.
pub(super) const CLASSES: usize = SecurityClass::ALL.len();
/// Bits that a class takes.
const CLASS_BITS: u8 = 5;
/// Bits that a band takes, above the class. 0 means that it is unknown.
const BAND_BITS: u8 = 3;
/// Bits of everything below the code: the radio technology has one bit.
const TRAIT_BITS: u8 = CLASS_BITS + BAND_BITS + 1;
/// Bits that a slot takes. The shard takes the others.
const SLOT_BITS: u8 = 26;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;

/// Where a device is, its radio technology, band and class, and its strongest signal, in nine octets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Code, radio technology, band and class, the lowest octet first. All bits are set without a position.
    word: [u8; 8],
    pub(super) level: Level,
}

/// A signal in an octet, weaker ones first. 0 without a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(u8);

impl Level {
    pub(super) const NONE: Self = Self(0);
    /// 1 more than the weakest signal, as signals are from -150 to 30 dBm.
    const OFFSET_DBM: i16 = 151;

    fn of(dbm: i16) -> Self {
        let level = dbm.saturating_add(Self::OFFSET_DBM).clamp(1, 255);
        Self(u8::try_from(level).unwrap_or(u8::MAX))
    }

    pub(super) fn dbm(self) -> Option<i16> {
        (self != Self::NONE).then(|| i16::from(self.0) - Self::OFFSET_DBM)
    }
}

impl Entry {
    pub(super) const NONE: Self = Self {
        word: [u8::MAX; 8],
        level: Level::NONE,
    };

    pub(super) fn of(device: &Device) -> Self {
        let Some(place) = &device.place else {
            return Self::NONE;
        };
        let code = MapPoint::of(place.mean_degrees()).code();
        let class = device
            .security()
            .map_or(SecurityClass::Unknown, Security::class);
        let class = SecurityClass::ALL.binary_search(&class).unwrap_or_default();
        let band = device.tuning().band().map_or(0, number_of_band);
        let phy = number_of_phy(device.id.phy);
        let traits = (phy << BAND_BITS | band) << CLASS_BITS | class;
        let word = code << TRAIT_BITS | u64::try_from(traits).unwrap_or_default();
        let strongest = device.signal.map(|signal| signal.max.get());
        Self {
            word: word.to_le_bytes(),
            level: strongest.map_or(Level::NONE, Level::of),
        }
    }

    pub(super) fn code(self) -> Option<u64> {
        let word = u64::from_le_bytes(self.word);
        (word != u64::MAX).then_some(word >> TRAIT_BITS)
    }

    pub(super) fn is_in(self, codes: &Range<u64>) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    /// Index in [`SecurityClass::ALL`].
    pub(super) fn class(self) -> usize {
        let [lowest, ..] = self.word;
        usize::from(lowest & ((1 << CLASS_BITS) - 1))
    }

    /// 0 if it is unknown.
    fn band(self) -> u8 {
        let [lowest, ..] = self.word;
        lowest >> CLASS_BITS
    }

    fn phy(self) -> u8 {
        let [_, second, ..] = self.word;
        second & 1
    }
}

fn number_of_band(band: Band) -> usize {
    let at = Band::ALL.binary_search(&band);
    at.map_or(0, |at| at + 1)
}

fn number_of_phy(phy: Phy) -> usize {
    match phy {
        Phy::Wifi => 0,
        Phy::Bluetooth => 1,
    }
}

/// A choice of devices by what the index knows of them besides their places. Each number has a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraitSet {
    classes: u32,
    bands: u8,
    phys: u8,
}

impl TraitSet {
    /// All devices.
    pub const ALL: Self = Self {
        classes: u32::MAX,
        bands: u8::MAX,
        phys: u8::MAX,
    };

    /// Those of these classes. A device without a class counts as unknown.
    #[must_use]
    pub fn of_classes(self, classes: &[SecurityClass]) -> Self {
        let numbers = classes.iter();
        let numbers = numbers.filter_map(|class| SecurityClass::ALL.binary_search(class).ok());
        Self {
            classes: numbers.fold(0, |set, number| set | 1 << number),
            ..self
        }
    }

    /// Those whose band is known, and is one of these.
    #[must_use]
    pub fn of_bands(self, bands: &[Band]) -> Self {
        let numbers = bands.iter().map(|band| number_of_band(*band));
        Self {
            bands: numbers.fold(0, |set, number| set | 1 << number),
            ..self
        }
    }

    /// Those of these radio technologies.
    #[must_use]
    pub fn of_phys(self, phys: &[Phy]) -> Self {
        let numbers = phys.iter().map(|phy| number_of_phy(*phy));
        Self {
            phys: numbers.fold(0, |set, number| set | 1 << number),
            ..self
        }
    }

    pub(super) fn has(self, entry: Entry) -> bool {
        self.has_class(entry.class())
            && self.bands >> entry.band() & 1 != 0
            && self.phys >> entry.phy() & 1 != 0
    }

    /// By its index in [`SecurityClass::ALL`].
    pub(super) fn has_class(self, class: usize) -> bool {
        self.classes >> class & 1 != 0
    }

    /// Whether the class decides alone.
    pub(super) fn is_by_class(self) -> bool {
        let Self { bands, phys, .. } = Self::ALL;
        (self.bands, self.phys) == (bands, phys)
    }
}

/// A device by its shard and slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member(u32);

impl Member {
    pub(super) const LEAST: Self = Self(0);

    /// `None` past 67 million slots of a shard, which fit no machine.
    pub(super) fn new(shard: usize, slot: Slot) -> Option<Self> {
        let shard = u32::try_from(shard).ok()?;
        (slot <= SLOT_MASK).then_some(Self(shard << SLOT_BITS | slot))
    }

    /// The same with the index of a slot.
    pub(super) fn at(shard: usize, slot: usize) -> Option<Self> {
        Self::new(shard, Slot::try_from(slot).ok()?)
    }

    pub(super) fn shard(self) -> usize {
        usize::try_from(self.0 >> SLOT_BITS).unwrap_or_default()
    }

    pub(super) fn slot(self) -> usize {
        usize::try_from(self.0 & SLOT_MASK).unwrap_or_default()
    }
}

/// The entries of all slots of all shards.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<Column<Entry>>);

impl Entries {
    pub(super) fn get(&self, member: Member) -> Entry {
        let column = self.0.get(member.shard());
        let entry = column.and_then(|column| column.get(member.slot()));
        entry.copied().unwrap_or(Entry::NONE)
    }

    /// Returns the entry of before.
    pub(super) fn replace(&mut self, member: Member, entry: Entry) -> Entry {
        let (shard, slot) = (member.shard(), member.slot());
        if self.0.len() <= shard {
            self.0.resize_with(shard + 1, Column::default);
        }
        let Some(column) = self.0.get_mut(shard) else {
            return Entry::NONE;
        };
        while column.len() <= slot {
            column.push(Entry::NONE);
        }
        column
            .get_mut(slot)
            .map_or(Entry::NONE, |known| std::mem::replace(known, entry))
    }

    /// Adds the entries of the next shard.
    pub(super) fn push(&mut self, of_shard: Column<Entry>) {
        self.0.push(of_shard);
    }

    /// Slots of each shard.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(Column::len)
    }

    /// Entries of a shard from a slot on: at least one, not all. `None` past the last slot.
    pub(super) fn piece_from(&self, shard: usize, slot: usize) -> Option<&[Entry]> {
        self.0.get(shard)?.piece_from(slot)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Entry").field(&self.code()).finish()
    }
}
