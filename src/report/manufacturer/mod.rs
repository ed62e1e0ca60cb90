//! Who made a radio, by the block of addresses that its address is from.
//!
//! The blocks are those that the IEEE Registration Authority lists publicly (MA-L, MA-M, MA-S and the older IAB), as of
//! 2026-10-17, packed by `data/oui/make.py`. They are read where they lie in the program, 1.2 MB of it, without
//! a copy: what is never looked up is never loaded from disk. A look-up takes some 0.2 µs.

use super::MacAddr;

/// In the format that `data/oui/make.py` describes.
static TABLE: &[u8] = include_bytes!("../../../data/oui/ieee.bin");

/// An organisation that has blocks of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Manufacturer {
    /// Where its name begins.
    at: usize,
}

/// The table's parts.
struct Parts {
    small: &'static [u8],
    medium: &'static [u8],
    large: &'static [u8],
    names: &'static [u8],
}

impl Manufacturer {
    /// Who was assigned the smallest block that `addr` lies in. Addresses that are not universal are nobody's.
    pub fn of(addr: MacAddr) -> Option<Self> {
        let parts = Parts::read()?;
        let number = addr.to_u64();
        find::<8>(parts.small, number >> 12)
            .or_else(|| find::<7>(parts.medium, number >> 20))
            .or_else(|| find::<6>(parts.large, number >> 24))
    }

    /// All of them, in the order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        let names = Parts::read().map(|parts| parts.names).unwrap_or_default();
        let mut at = 0;
        std::iter::from_fn(move || {
            let this = Self { at };
            at += 1 + usize::from(*names.get(at)?);
            Some(this)
        })
    }

    /// Its name, as it is registered.
    pub fn name(self) -> &'static str {
        let name = || {
            let (&length, rest) = Parts::read()?.names.get(self.at..)?.split_first()?;
            str::from_utf8(rest.get(..usize::from(length))?).ok()
        };
        name().unwrap_or_default()
    }
}

impl Parts {
    /// The tests read all of the table, so there is always something.
    fn read() -> Option<Self> {
        let (small, rest) = split_blocks(TABLE, 8)?;
        let (medium, rest) = split_blocks(rest, 7)?;
        let (large, names) = split_blocks(rest, 6)?;
        Some(Self {
            small,
            medium,
            large,
            names,
        })
    }
}

/// Blocks of `size` bytes behind their count, and what follows them.
fn split_blocks(bytes: &'static [u8], size: usize) -> Option<(&'static [u8], &'static [u8])> {
    let (&count, rest) = bytes.split_first_chunk()?;
    let count = usize::try_from(u32::from_be_bytes(count)).ok()?;
    rest.split_at_checked(count * size)
}

/// The block with this prefix, among those of `SIZE` bytes each.
fn find<const SIZE: usize>(blocks: &[u8], prefix: u64) -> Option<Manufacturer> {
    let (blocks, _) = blocks.as_chunks::<SIZE>();
    let found = blocks.binary_search_by_key(&prefix, |block| read(block).0);
    let (_, at) = read(blocks.get(found.ok()?)?);
    Some(Manufacturer { at })
}

/// A block's prefix, and where its name begins.
fn read(block: &[u8]) -> (u64, usize) {
    let (prefix, at) = block.split_at(block.len().saturating_sub(3));
    let prefix = prefix
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte));
    let at = at
        .iter()
        .fold(0, |number, &byte| number << 8 | usize::from(byte));
    (prefix, at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn check(addr: &str, expected: Option<&str>) {
        let made_by = Manufacturer::of(addr.parse().unwrap());
        assert_eq!(made_by.map(Manufacturer::name), expected, "{addr}");
    }

    #[test]
    fn the_smallest_block_tells_the_maker() {
        // The first and the last address of the first block, and blocks of each size.
        check("00:00:00:00:00:00", Some("XEROX CORPORATION"));
        check("00:00:00:ff:ff:ff", Some("XEROX CORPORATION"));
        check("b8:27:eb:12:34:56", Some("Raspberry Pi Foundation"));
        check("c8:5c:e2:7f:ff:ff", Some("SYNERGY SYSTEMS AND SOLUTIONS"));
        check("8c:1f:64:af:a0:00", Some("DATA ELECTRONIC DEVICES, INC"));
        check("8c:1f:64:af:af:ff", Some("DATA ELECTRONIC DEVICES, INC"));
        check("40:d8:55:0d:7a:bc", Some("Avant Technologies"));
    }

    #[test]
    fn addresses_that_are_nobodys_have_no_maker() {
        // Between assigned parts of a block that was parted; never assigned; a group; local, though listed of old.
        check("40:d8:55:ff:f0:00", None);
        check("c0:ff:ee:00:00:01", None);
        check("01:00:5e:00:00:01", None);
        check("02:60:8c:00:00:01", None);
    }

    #[test]
    fn the_table_is_whole() {
        let parts = Parts::read().unwrap();
        let starts: BTreeSet<_> = Manufacturer::all().map(|one| one.at).collect();
        let names: Vec<_> = Manufacturer::all().map(Manufacturer::name).collect();
        assert!(30_000 < names.len() && names.is_sorted_by(|one, next| one < next));
        assert!(
            names
                .iter()
                .all(|name| !name.is_empty() && name.trim() == *name)
        );
        for (blocks, size) in [(parts.small, 8), (parts.medium, 7), (parts.large, 6)] {
            let blocks: Vec<_> = blocks.chunks(size).map(read).collect();
            assert!(5000 < blocks.len());
            assert!(blocks.is_sorted_by(|(one, _), (next, _)| one < next));
            assert!(blocks.iter().all(|(_, at)| starts.contains(at)));
        }
    }
}
