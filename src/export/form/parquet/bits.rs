//! Small numbers in as many bits as they need.

use super::thrift::varint;

/// How many bits the numbers below `count` need.
pub(super) const fn width_of(count: usize) -> u32 {
    match count.saturating_sub(1).checked_ilog2() {
        Some(bits) => bits + 1,
        // Some readers know no numbers without a bit.
        None => 1,
    }
}

/// Appends numbers of so many bits as one run: a repeated one if all of them are the same, else a packed one.
pub(super) fn run(out: &mut Vec<u8>, numbers: &[u32], width: u32) {
    let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    match numbers {
        [first, rest @ ..] if rest.iter().all(|number| number == first) => {
            varint(out, length(numbers.len()) << 1);
            let bytes = first.to_le_bytes();
            let used = bytes.iter().zip(0..width.div_ceil(8));
            out.extend(used.map(|(byte, _)| byte));
        }
        _ => {
            varint(out, length(numbers.len().div_ceil(8)) << 1 | 1);
            pack(out, numbers.iter().copied(), width);
        }
    }
}

/// Appends numbers of so many bits, the lowest bit first, in groups of eight numbers.
pub(super) fn pack(out: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = u32>, width: u32) {
    let padded = numbers.len().next_multiple_of(8);
    let numbers = numbers.chain(std::iter::repeat(0)).take(padded);
    let (mut bits, mut filled) = (0_u64, 0);
    for number in numbers {
        bits |= u64::from(number) << filled;
        filled += width;
        while 8 <= filled {
            let [low, ..] = bits.to_le_bytes();
            out.push(low);
            bits >>= 8;
            filled -= 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[u32], width: u32, expected: &[u8]) {
        let mut out = Vec::new();
        run(&mut out, numbers, width);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_lowest_bits_come_first() {
        // The example of the format's description.
        check(
            &[0, 1, 2, 3, 4, 5, 6, 7],
            3,
            &[3, 0b1000_1000, 0b1100_0110, 0b1111_1010],
        );
        check(&[1, 0, 1], 1, &[3, 0b101]);
        check(&[1, 0, 0, 0, 0, 0, 0, 0, 1], 1, &[5, 1, 1]);
        check(
            &[0x1_FFFF, 0],
            17,
            &[3, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        );
    }

    #[test]
    fn equal_numbers_are_one_run() {
        check(&[1; 100], 1, &[200, 1, 1]);
        check(&[0x1_0002; 3], 17, &[6, 2, 0, 1]);
        check(&[], 1, &[1]);
    }

    #[test]
    fn a_width_holds_the_last_number() {
        for (count, width) in [
            (0, 1),
            (1, 1),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (256, 8),
            (257, 9),
        ] {
            assert_eq!(width_of(count), width, "{count}");
        }
    }
}
