//! Channels.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A channel in the scanner's notation (`6`, `42HT40P`, `1W6e`): 1 to 16 bytes of printable text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel([u8; Self::BYTES_MAX]);

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Box::<str>::deserialize(deserializer)?;
        match Self::from_wire(&name) {
            Ok(Some(channel)) => Ok(channel),
            Ok(None) => Err(de::Error::custom("a channel is empty")),
            Err(wrong) => Err(de::Error::custom(wrong)),
        }
    }
}

/// Why a text is not a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChannel {
    /// The text is longer than any known notation.
    #[error("{0} bytes long, but a channel has at most {max} bytes", max = Channel::BYTES_MAX)]
    TooLong(usize),
    /// The text has control characters.
    #[error("has control characters")]
    Unprintable,
}

impl Channel {
    /// Longest channel in bytes. Texts such as `149VHT80+80` need 11.
    pub const BYTES_MAX: usize = 16;

    /// Kismet's channel of every Bluetooth device, because Bluetooth hops over all channels.
    pub fn fhss() -> Self {
        Self::of_bytes(b"FHSS".iter())
    }

    /// Parses a channel. The empty text and `0` mean none.
    pub fn from_wire(text: &str) -> Result<Option<Self>, BadChannel> {
        let text = text.trim();
        if text.is_empty() || text == "0" {
            return Ok(None);
        }
        if text.chars().any(char::is_control) {
            return Err(BadChannel::Unprintable);
        }
        let mut name = [0; Self::BYTES_MAX];
        name.get_mut(..text.len())
            .ok_or(BadChannel::TooLong(text.len()))?
            .copy_from_slice(text.as_bytes());
        Ok(Some(Self(name)))
    }

    /// Restores a channel from the value of [`Self::to_stored`].
    pub(crate) const fn from_stored(name: [u8; Self::BYTES_MAX]) -> Self {
        Self(name)
    }

    /// The channel, padded with NULs.
    pub(crate) const fn to_stored(self) -> [u8; Self::BYTES_MAX] {
        self.0
    }

    /// The channel as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The channel as UTF-8, without padding.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        let end = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(Self::BYTES_MAX);
        self.0.get(..end).unwrap_or_default()
    }

    /// Formats a number without `fmt`, because every report with only a frequency needs it.
    pub(super) fn numbered(number: u32, suffix: &str) -> Self {
        let mut digits = [0; 10]; // The number of digits of `u32::MAX`.
        let mut rest = number;
        let mut count = 0;
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            if 0 < rest || place == 0 {
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                count = place + 1;
                rest /= 10;
            }
        }
        let digits = digits.iter().skip(10 - count);
        Self::of_bytes(digits.chain(suffix.as_bytes()))
    }

    /// The caller makes sure that the name fits: longer ones are truncated.
    fn of_bytes<'b>(name: impl Iterator<Item = &'b u8>) -> Self {
        let mut bytes = [0; Self::BYTES_MAX];
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({:?})", self.as_str())
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sixteen_bytes_of_channel_fit_and_one_more_does_not() {
        assert_eq!(
            Channel::from_wire("1234567890123456")
                .unwrap()
                .unwrap()
                .as_str(),
            "1234567890123456"
        );
        assert_eq!(
            Channel::from_wire("12345678901234567"),
            Err(BadChannel::TooLong(17))
        );
        assert_eq!(Channel::from_wire("6\u{7}"), Err(BadChannel::Unprintable));
        assert_eq!(Channel::from_wire("0"), Ok(None));
        assert_eq!(Channel::from_wire(""), Ok(None));
    }

    proptest! {
        #[test]
        fn a_channel_name_round_trips(text in "[0-9A-Za-z+/-]{1,16}") {
            prop_assume!(text != "0");
            let channel = Channel::from_wire(&text).unwrap().unwrap();
            prop_assert_eq!(channel.as_str(), &text);
            prop_assert_eq!(Channel::from_wire(channel.as_str()), Ok(Some(channel)));
        }

        #[test]
        fn no_text_panics_the_channel_parser(text in ".{0,40}") {
            if let Ok(Some(channel)) = Channel::from_wire(&text) {
                prop_assert_eq!(channel.as_str(), text.trim());
            }
        }
    }
}
