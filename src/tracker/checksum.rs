//! The checksum that tells whether the name or the capabilities of a network changed. It is Kismet's, because clients
//! see it; it is made here and kept, because the capabilities' text is not.

/// Kismet's `adler32_checksum` (`util.cc`): two running sums mod 2¹⁶ and 2³², started at 0; less than 4 bytes give 0.
///
/// Not Adler-32 in spite of its name: there is no modulus 65521.
pub fn checksum<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let (mut sum, mut sum_of_sums, mut length) = (0u32, 0u32, 0usize);
    for piece in pieces {
        for &byte in piece {
            sum = sum.wrapping_add(u32::from(byte));
            sum_of_sums = sum_of_sums.wrapping_add(sum);
        }
        length += piece.len();
    }
    if length < 4 {
        0
    } else {
        (sum & 0xffff).wrapping_add(sum_of_sums << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_kismet() {
        assert_eq!(
            checksum([b"AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE".as_slice()]),
            2_779_646_236
        );
        assert_eq!(
            checksum([b"Home".as_slice(), b"[WPA2-PSK-CCMP][ESS]".as_slice()]),
            1_581_582_185
        );
        assert_eq!(checksum([b"abc".as_slice()]), 0);
    }
}
