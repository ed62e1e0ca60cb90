//! The encoding of postings: variable-length numbers (LEB128), as differences to the number before.

use crate::log::ObservationKey;
use crate::report::UnixTime;

/// An address as a number of 48 bits, which is the key of the index.
pub(super) type Address = u64;

/// The values from which the differences of an entry begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// A row number that is not greater than that of any posting.
    pub(super) row: i64,
    /// A time near those of the postings.
    pub(super) time: u32,
}

/// Appends an entry: some postings of one address. `before` is the address of the entry before it in its block.
pub(super) fn put_entry(
    block: &mut Vec<u8>,
    base: Base,
    before: Address,
    (address, postings): (Address, &[ObservationKey]),
    scratch: &mut Vec<u8>,
) {
    scratch.clear();
    let mut last = base;
    for posting in postings {
        let time = posting.time.seconds();
        put(scratch, posting.id.abs_diff(last.row));
        put(
            scratch,
            zigzag(i64::from(time).wrapping_sub(i64::from(last.time))),
        );
        last = Base {
            row: posting.id,
            time,
        };
    }
    put(block, address.abs_diff(before));
    put(block, u64::try_from(scratch.len()).unwrap_or_default());
    block.extend_from_slice(scratch);
}

/// The entries of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'b> {
    rest: &'b [u8],
    before: Address,
}

impl<'b> Entries<'b> {
    /// Reads a block whose first address is `first`.
    pub(super) fn new(block: &'b [u8], first: Address) -> Self {
        Self {
            rest: block,
            before: first,
        }
    }

    /// The next entry. `None` if the block is damaged.
    pub(super) fn next_entry(&mut self) -> Option<Entry<'b>> {
        self.before = self.before.checked_add(take(&mut self.rest)?)?;
        let length = usize::try_from(take(&mut self.rest)?).ok()?;
        let (postings, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Entry {
            address: self.before,
            postings,
        })
    }

    /// How many bytes are left.
    pub(super) fn bytes_left(&self) -> usize {
        self.rest.len()
    }
}

/// Some postings of one address, encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'b> {
    pub(super) address: Address,
    postings: &'b [u8],
}

impl Entry<'_> {
    /// Calls `visit` with each posting, in the order of the rows. `None` if the entry is damaged.
    pub(super) fn each(self, base: Base, mut visit: impl FnMut(ObservationKey)) -> Option<()> {
        let (mut rest, mut last) = (self.postings, base);
        while !rest.is_empty() {
            let row = last.row.checked_add_unsigned(take(&mut rest)?)?;
            let time = i64::from(last.time).checked_add(unzigzag(take(&mut rest)?))?;
            last = Base {
                row,
                time: u32::try_from(time).ok()?,
            };
            visit(ObservationKey {
                time: UnixTime::new(last.time),
                id: row,
            });
        }
        Some(())
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Small numbers of either sign as small numbers without one.
fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_end_in_a_number_or_overrun_their_length_are_damage() {
        for damaged in [&[][..], &[0x80], &[0xff; 11], &[0, 5, 1, 2]] {
            let entry = Entries::new(damaged, 0).next_entry();
            assert!(entry.is_none(), "{damaged:?}");
        }
        let half = Entry {
            address: 0,
            postings: &[1, 0x80],
        };
        assert_eq!(half.each(Base { row: 0, time: 0 }, |_| {}), None);
    }

    proptest! {
        #[test]
        fn entries_are_read_as_they_were_written(
            rows in proptest::collection::vec((1..1_i64 << 40, any::<u32>()), 1..50),
            addresses in proptest::collection::btree_set(0..1_u64 << 48, 1..20),
        ) {
            let base = Base { row: 1, time: 1_700_000_000 };
            let mut rows: Vec<_> = rows
                .into_iter()
                .map(|(id, time)| ObservationKey { time: UnixTime::new(time), id })
                .collect();
            rows.sort_unstable_by_key(|key| key.id);
            let (mut block, mut scratch) = (Vec::new(), Vec::new());
            let first = *addresses.first().unwrap();
            let mut before = first;
            for &address in &addresses {
                put_entry(&mut block, base, before, (address, &rows), &mut scratch);
                before = address;
            }
            let mut entries = Entries::new(&block, first);
            for address in addresses {
                let entry = entries.next_entry().unwrap();
                prop_assert_eq!(entry.address, address);
                let mut read = Vec::new();
                entry.each(base, |key| read.push(key)).unwrap();
                prop_assert_eq!(&read, &rows);
            }
            prop_assert_eq!(entries.bytes_left(), 0);
        }
    }
}
