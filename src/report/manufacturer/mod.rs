//! Manufacturers, by the block of addresses that an address lies in.
//!
//! The blocks are the public listings of the IEEE Registration Authority (MA-L, MA-M, MA-S and the older IAB) of
//! 2026-10-17, packed by `data/oui/make.py`. Look-ups read the 1.2 MB table in the program's image without copying it,
//! so pages that are never used are never loaded. A look-up takes some 0.2 µs.

use super::MacAddr;

/// `data/oui/make.py` describes the format.
static TABLE: &[u8] = include_bytes!("../../../data/oui/ieee.bin");

/// An organisation that has blocks of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Manufacturer {
    /// Offset of the name in the table's names.
    at: usize,
}

/// Who owns the addresses that begin with the same three octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacBlock {
    /// One organisation, or none.
    Whole(Option<Manufacturer>),
    /// Several: [`Manufacturer::of`] knows whose a single address is.
    Divided,
}

impl MacBlock {
    /// The block of an address.
    pub fn of(addr: MacAddr) -> Self {
        let Some(parts) = Parts::read() else {
            return Self::Whole(None);
        };
        let prefix = addr.to_u64() >> 24;
        if has_part::<8>(parts.small, prefix << 12, 12)
            || has_part::<7>(parts.medium, prefix << 4, 4)
        {
            return Self::Divided;
        }
        Self::Whole(find::<6>(parts.large, prefix))
    }
}

/// Whether there is a block whose prefix is `first` but for the last `bits`.
fn has_part<const SIZE: usize>(blocks: &[u8], first: u64, bits: u32) -> bool {
    let (blocks, _) = blocks.as_chunks::<SIZE>();
    let at = blocks.partition_point(|block| read(block).0 < first);
    blocks
        .get(at)
        .is_some_and(|block| read(block).0 >> bits == first >> bits)
}

/// The sections of the table.
struct Parts {
    small: &'static [u8],
    medium: &'static [u8],
    large: &'static [u8],
    names: &'static [u8],
}

impl Manufacturer {
    /// The owner of the smallest block that contains `addr`. `None` for unassigned and locally administered addresses.
    pub fn of(addr: MacAddr) -> Option<Self> {
        let parts = Parts::read()?;
        let number = addr.to_u64();
        find::<8>(parts.small, number >> 12)
            .or_else(|| find::<7>(parts.medium, number >> 20))
            .or_else(|| find::<6>(parts.large, number >> 24))
    }

    /// Whether an address can be a manufacturer's. Group addresses and locally administered ones cannot.
    pub const fn may_own(addr: MacAddr) -> bool {
        !addr.is_local() && !addr.is_multicast()
    }

    /// All manufacturers, sorted by name.
    pub fn all() -> impl Iterator<Item = Self> {
        let names = Parts::read().map(|parts| parts.names).unwrap_or_default();
        let mut at = 0;
        std::iter::from_fn(move || {
            let this = Self { at };
            at += 1 + usize::from(*names.get(at)?);
            Some(this)
        })
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        let name = || {
            let (&length, rest) = Parts::read()?.names.get(self.at..)?.split_first()?;
            str::from_utf8(rest.get(..usize::from(length))?).ok()
        };
        name().unwrap_or_default()
    }
}

impl Parts {
    /// Splits the table. `None` is impossible, because the tests read the whole table.
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

/// Splits off a count and as many blocks of `size` bytes. Returns the blocks and the rest.
fn split_blocks(bytes: &'static [u8], size: usize) -> Option<(&'static [u8], &'static [u8])> {
    let (&count, rest) = bytes.split_first_chunk()?;
    let count = usize::try_from(u32::from_be_bytes(count)).ok()?;
    rest.split_at_checked(count * size)
}

/// Finds the block with this prefix among blocks of `SIZE` bytes.
fn find<const SIZE: usize>(blocks: &[u8], prefix: u64) -> Option<Manufacturer> {
    let (blocks, _) = blocks.as_chunks::<SIZE>();
    let found = blocks.binary_search_by_key(&prefix, |block| read(block).0);
    let (_, at) = read(blocks.get(found.ok()?)?);
    Some(Manufacturer { at })
}

/// A block's prefix, and the offset of its name.
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
        // The first and the last address of the first block, and one block of each size.
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
        // A gap in a divided block, an unassigned block, a group address, a local address that an old listing has.
        check("40:d8:55:ff:f0:00", None);
        check("c0:ff:ee:00:00:01", None);
        check("01:00:5e:00:00:01", None);
        check("02:60:8c:00:00:01", None);
    }

    #[test]
    fn a_block_is_divided_if_parts_of_it_have_owners() {
        let block = |addr: &str| MacBlock::of(addr.parse().unwrap());
        let owner = |addr: &str| Manufacturer::of(addr.parse().unwrap());
        let whole = "b8:27:eb:12:34:56";
        assert_eq!(block(whole), MacBlock::Whole(owner(whole)));
        assert_eq!(block("c0:ff:ee:00:00:01"), MacBlock::Whole(None));
        for divided in [
            "c8:5c:e2:00:00:00",
            "8c:1f:64:ff:ff:ff",
            "40:d8:55:ff:f0:00",
        ] {
            assert_eq!(block(divided), MacBlock::Divided, "{divided}");
        }
    }

    #[test]
    fn no_block_has_addresses_that_cannot_be_a_manufacturers() {
        let parts = Parts::read().unwrap();
        let blocks = [
            (parts.small, 8, 12),
            (parts.medium, 7, 20),
            (parts.large, 6, 24),
        ];
        for (blocks, size, bits) in blocks {
            for block in blocks.chunks(size) {
                let first = MacAddr::from_u64(read(block).0 << bits).unwrap();
                assert!(Manufacturer::may_own(first), "{first}");
            }
        }
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
