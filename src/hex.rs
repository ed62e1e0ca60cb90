//! Hexadecimal text, two digits for each byte.

use std::fmt;

use serde::ser::{Serialize, Serializer};

/// Displays and serialises bytes in lowercase digits.
pub(crate) struct Hex<'b>(pub(crate) &'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Decodes digits of either case. `None` for other characters, or an odd number of digits.
pub(crate) fn bytes<B: FromIterator<u8>>(text: &str) -> Option<B> {
    text.as_bytes().chunks(2).map(byte).collect()
}

/// Decodes exactly two digits. `u8::from_str_radix` would also accept one digit, or a sign.
pub(crate) fn byte(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else {
        return None;
    };
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_whole_bytes_in_hex_is_none() {
        assert_eq!(bytes("00fFA7"), Some(vec![0, 255, 0xa7]));
        assert_eq!(bytes(""), Some(vec![]));
        for text in ["0", "000", "+1", "-1", "0x", "g0", " 1", "é"] {
            assert_eq!(bytes::<Vec<u8>>(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(sent: Vec<u8>) {
            prop_assert_eq!(bytes(&Hex(&sent).to_string()), Some(sent));
        }
    }
}
