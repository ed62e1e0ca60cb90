//! Numbers in fixed point, written without a detour over binary fractions.

use std::fmt;

/// Degrees, from 10⁻⁷ degrees, with 7 decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Degrees(pub(super) i64);

impl fmt::Display for Degrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNIT: u64 = 10_000_000;
        let (sign, size) = (sign(self.0), self.0.unsigned_abs());
        write!(f, "{sign}{}.{:07}", size / UNIT, size % UNIT)
    }
}

impl Degrees {
    /// Appends the same as `Display`, which is slower.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        write_fixed(out, self.0, 7);
    }
}

/// Metres, from millimetres, with up to 3 decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metres(pub(super) i64);

impl fmt::Display for Metres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNIT: u64 = 1000;
        let (sign, size) = (sign(self.0), self.0.unsigned_abs());
        write!(f, "{sign}{}", size / UNIT)?;
        let decimals = format!("{:03}", size % UNIT);
        match decimals.trim_end_matches('0') {
            "" => Ok(()),
            decimals => write!(f, ".{decimals}"),
        }
    }
}

/// Degrees from 10⁻⁷ degrees. These fit into the 53 bits of a float.
#[expect(clippy::cast_precision_loss, reason = "at most 1.8e9")]
pub(super) fn degrees(e7: i64) -> f64 {
    e7 as f64 / 1e7
}

/// Metres from millimetres, or km/h from m/h.
#[expect(clippy::cast_precision_loss, reason = "at most 2^32")]
pub(super) fn thousandth(number: i64) -> f64 {
    number as f64 / 1e3
}

impl Metres {
    /// Appends the same as `Display`, which is slower.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (mut number, mut decimals) = (self.0, 3);
        while 0 < decimals && number % 10 == 0 {
            number /= 10;
            decimals -= 1;
        }
        write_fixed(out, number, decimals);
    }
}

/// Appends a number in decimal.
pub(super) fn write_number(out: &mut Vec<u8>, number: i64) {
    write_fixed(out, number, 0);
}

/// Appends a number whose last digits are decimals.
fn write_fixed(out: &mut Vec<u8>, number: i64, decimals: usize) {
    /// As many as any number needs, which has at most 20 digits.
    const ZEROS: &[u8] = b"00000000000000000000";
    if number < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number.unsigned_abs()).as_bytes();
    if decimals == 0 {
        out.extend_from_slice(digits);
        return;
    }
    let (whole, rest) = digits.split_at(digits.len().saturating_sub(decimals));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    out.push(b'.');
    let missing = decimals.saturating_sub(rest.len());
    out.extend_from_slice(ZEROS.get(..missing).unwrap_or(ZEROS));
    out.extend_from_slice(rest);
}

const fn sign(number: i64) -> &'static str {
    if number < 0 { "-" } else { "" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn degrees_have_seven_decimals_and_no_negative_zero() {
        for (e7, text) in [
            (0, "0.0000000"),
            (1, "0.0000001"),
            (-1, "-0.0000001"),
            (525_200_066, "52.5200066"),
            (-1_800_000_000, "-180.0000000"),
        ] {
            assert_eq!(Degrees(e7).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn both_ways_write_the_same(number: i64) {
            for number in [number, number / 1_000_000_000_000, number / 100_000_000_000_000 * 1000] {
                let mut out = Vec::new();
                Degrees(number).write(&mut out);
                out.push(b' ');
                Metres(number).write(&mut out);
                out.push(b' ');
                write_number(&mut out, number);
                let expected = format!("{} {} {number}", Degrees(number), Metres(number));
                prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }

    #[test]
    fn metres_have_no_needless_decimals() {
        for (mm, text) in [
            (0, "0"),
            (34_200, "34.2"),
            (-400_000, "-400"),
            (-5, "-0.005"),
            (100, "0.1"),
        ] {
            assert_eq!(Metres(mm).to_string(), text);
        }
    }
}
