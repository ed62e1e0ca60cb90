//! Channels.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

use super::channel_text::{ChannelText, MARK_6_GHZ};
use super::{Band, Frequency};

/// A channel in Kismet's notation (`6`, `42HT40P`, `1W6e`): 1 to 16 bytes of printable text.
///
/// What a scanner sends is read by [`Self::from_wire`], which gives all spellings of a channel one text. Logs and
/// snapshots of earlier releases have texts as they were sent: [`Self::canonical`] reads those.
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
        Self::from_stored_text(&name).map_err(de::Error::custom)
    }
}

/// Why a text is not a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChannel {
    /// The text is longer than any known notation.
    #[error("{0} bytes long, a channel has at most {max} bytes", max = Channel::BYTES_MAX)]
    TooLong(usize),
    /// The text has control characters.
    #[error("has characters that cannot be printed")]
    Unprintable,
    /// Not a number with what may stand around it.
    #[error("not a channel, expected a number such as 6, 36 or 5W6e")]
    NotAChannel,
    /// A number that no band has.
    #[error("no band has this channel; a channel of 6 GHz ends in W6e")]
    Impossible,
}

impl Channel {
    /// Longest channel in bytes. Texts such as `149VHT80+80` need 11.
    pub const BYTES_MAX: usize = 16;
    /// How far the centre of a wide channel is from its first 20 MHz, in channel numbers: 70 MHz in one of 160 MHz.
    const CENTRE_MAX: u32 = 14;

    /// Kismet's channel of every Bluetooth device, because Bluetooth hops over all channels.
    pub fn fhss() -> Self {
        Self::of_bytes(b"FHSS".iter())
    }

    /// Reads a channel as scanners and people write it.
    ///
    /// The empty text, 0 and negative numbers are none: programs send them for "unknown".
    pub fn from_wire(text: &str) -> Result<Option<Self>, BadChannel> {
        let text = text.trim();
        // Nearly all are plain numbers.
        if let Some(channel) = Self::plain(text) {
            return Ok(Some(channel));
        }
        // A C string may be sent with its end.
        if let Some((text, _)) = text.split_once('\0') {
            return Self::from_wire(text);
        }
        if text.chars().any(char::is_control) {
            return Err(BadChannel::Unprintable);
        }
        if text.is_empty() || text.parse().is_ok_and(|number: f64| number <= 0.0) {
            return Ok(None);
        }
        if text.eq_ignore_ascii_case("FHSS") {
            return Ok(Some(Self::fhss()));
        }
        ChannelText::read(text)?.channel().map(Some)
    }

    /// A possible channel that is written as a number without leading zeros.
    fn plain(text: &str) -> Option<Self> {
        let is_plain = matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..]
            if rest.len() <= 2 && rest.iter().all(u8::is_ascii_digit));
        if !is_plain {
            return None;
        }
        Numbered::of(text.parse().ok()?)?;
        Some(Self::of_bytes(text.as_bytes().iter()))
    }

    /// Takes a text from a log, as it was sent.
    pub(crate) fn from_stored_text(text: &str) -> Result<Self, BadChannel> {
        if text.is_empty() {
            return Err(BadChannel::NotAChannel);
        }
        if text.chars().any(char::is_control) {
            return Err(BadChannel::Unprintable);
        }
        let mut name = [0; Self::BYTES_MAX];
        name.get_mut(..text.len())
            .ok_or(BadChannel::TooLong(text.len()))?
            .copy_from_slice(text.as_bytes());
        Ok(Self(name))
    }

    /// The one text for all spellings of the channel. `None` if there is no such channel.
    pub fn canonical(self) -> Option<Self> {
        Self::from_wire(self.as_str()).ok().flatten()
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

    /// The band that follows from the channel alone, for scanners that send no frequency. `None` where the number is
    /// one of several bands'.
    ///
    /// Plain 1 to 14 and 149 to 177 also exist in 6 GHz, but a scanner that can receive 6 GHz sends a frequency.
    pub fn band(self) -> Option<Band> {
        let (number, notation) = self.parts()?;
        if notation.starts_with("W6e") {
            return Some(Band::Ghz6);
        }
        if notation == "MHz" {
            return Frequency::from_stored(number.checked_mul(1000)?).band();
        }
        Numbered::of(number)?.band()
    }

    /// The channel in a band that is named beside it. Only 6 GHz has a mark, because its numbers are those of lower
    /// bands. They are odd, but for one that is out of sequence.
    #[must_use]
    pub fn in_band(self, band: Band) -> Self {
        match (band, self.parts()) {
            (Band::Ghz6, Some((number @ 1..=233, "")))
                if number == 2 || !number.is_multiple_of(2) =>
            {
                Self::numbered(number, MARK_6_GHZ)
            }
            _ => self,
        }
    }

    /// Whether both are one channel, by their numbers. Scanners write different things behind the number, and few state
    /// the band, so a move to another band with the same number is not seen. A text that is not a channel is the same
    /// as any channel.
    pub fn is_same_as(self, other: Self) -> bool {
        let number = |channel: Self| channel.parts().map(|(number, _)| number);
        self == other
            || match (self.canonical(), other.canonical()) {
                (Some(one), Some(other)) => one == other || number(one) == number(other),
                _ => true,
            }
    }

    /// Whether the frequency may be that of the channel, by its number.
    pub fn is_on(self, frequency: Frequency) -> bool {
        let (number, _) = frequency.channel_parts();
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit());
        let own = digits.fold(0_u32, |own, digit| {
            own.saturating_mul(10)
                .saturating_add(u32::from(digit - b'0'))
        });
        // Nearly all reports agree, and need no more.
        own == number || self.is_same_as(frequency.channel())
    }

    /// Whether somebody who looks for this channel means `other`, which is in `band`.
    ///
    /// A number finds the channel in every band and width. With `W6e` it finds that of 6 GHz, and with a width only
    /// that width.
    pub fn finds(self, other: Self, band: Option<Band>) -> bool {
        let (Some((number, notation)), Some((other_number, _))) = (self.parts(), other.parts())
        else {
            return self == other;
        };
        number == other_number
            && match notation {
                "" => true,
                "W6e" => band == Some(Band::Ghz6),
                _ => self == other,
            }
    }

    /// Whether a radio on this channel can have been received on `frequency`.
    pub fn may_be_at(self, frequency: Frequency) -> bool {
        let carrier = frequency.channel().canonical();
        let carrier = carrier.as_ref().and_then(Self::parts);
        let carrier = carrier.filter(|(_, notation)| *notation != "MHz");
        let (Some((number, notation)), Some((carrier, _))) = (self.parts(), carrier) else {
            // Bluetooth hops, and some scanners send the foot of the band.
            return self
                .band()
                .is_none_or(|band| frequency.band() == Some(band));
        };
        let is_wide = notation.contains("HT") || notation.contains("HE");
        number == carrier
            || is_wide
                && number.abs_diff(carrier) <= Self::CENTRE_MAX
                && self.band() == frequency.band()
    }

    /// The number, and what Kismet's notation has behind it.
    fn parts(&self) -> Option<(u32, &str)> {
        let text = self.as_str();
        let end = text.find(|digit: char| !digit.is_ascii_digit());
        let (digits, notation) = text.split_at(end.unwrap_or(text.len()));
        Some((digits.parse().ok()?, notation))
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

/// A channel number as IEEE 802.11-2020, annex E, has it: of one band, or of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered(Option<Band>);

impl Numbered {
    /// `None` for a number that no band has. 15 to 31 count as such: some of them exist in 6 GHz, but scanners that send no
    /// frequency do not receive it, so such a number is a mistake.
    pub(super) const fn of(number: u32) -> Option<Self> {
        let band = match number {
            1..=14 => Some(Band::Ghz2),
            // Even numbers, and those from 149 on, are of 5 GHz: first 20 MHz and centres of wide channels. Other odd
            // numbers only 6 GHz has.
            32..=148 | 178..=196 if number.is_multiple_of(2) => Some(Band::Ghz5),
            149..=177 => Some(Band::Ghz5),
            // Of 6 GHz, of Japan's 4.9 GHz and of vehicles.
            179..=191 => None,
            33..=147 | 193..=233 if !number.is_multiple_of(2) => Some(Band::Ghz6),
            _ => return None,
        };
        Some(Self(band))
    }

    pub(super) const fn band(self) -> Option<Band> {
        self.0
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

    fn read(text: &str) -> Option<Channel> {
        Channel::from_wire(text).unwrap_or_default()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let channel = read(text);
        let shown = channel.as_ref().map_or("", Channel::as_str);
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn a_channel_has_one_text_however_it_is_written() {
        for six in [
            "6",
            "06",
            "006",
            " 6 ",
            "6.0",
            "6.",
            "6 (2.4 GHz)",
            "6 (2.4GHz)",
            "6 (2,4 GHz)",
            "6 (2437 MHz)",
            "6 (2.437 GHz)",
            "6 [2.4 GHz]",
            "channel 6",
            "Channel: 6",
            "CH6",
            "ch. 6",
            "chan=6",
            "2g6/20",
            "6,-1",
            "6,+1",
            "6+",
            "6-",
            "6+10",
            "6 + 10",
            "6/20",
            "6 (20 MHz)",
            "6 (2G)",
            "2437",
            "2437 MHz",
            "2437MHz",
            "2437000",
            "6,20",
            "6\0",
            "6 \0\0garbage",
            "2.437 GHz",
            "2.437 GHz (Channel 6)",
            "2,437 GHz",
            "Frequency:2.437 GHz (Channel 6)",
            "2437/20-Ce/gn",
            "2437/20/gn(17dBm)",
            "2437/n/eC",
            "6 20MHz",
            "6 20 MHz",
        ] {
            check(six, "6");
        }
        for thirty_six in [
            "36",
            "36 (5 GHz)",
            "36 (5GHz, 80MHz)",
            "36 (80 MHz, 5 GHz)",
            "36,80",
            "36,+1",
            "36@80",
            "5g36/80",
            "36 (5180 MHz)",
            "36 (5.18 GHz)",
            "5180",
            "36 (DFS)",
            "5180/20-Ceee/ac",
            "5180/20-Ceee/ac/P(24dBm)",
            "5180/ax/Ceee/I",
            "36+40+44+48",
            "36 + 40 + 44 + 48",
            "36+40+44+48 [5 GHz]",
            "36 80MHz",
            "36 80 MHz (5 GHz)",
            "36 @ 80MHz",
            "36E",
            "36S",
            "36e",
            "5.18 GHz",
        ] {
            check(thirty_six, "36");
        }
        for (text, expected) in [
            ("37 (6 GHz)", "37W6e"),
            ("5 (6 GHz)", "5W6e"),
            ("17 (6GHz, 160MHz)", "17W6e"),
            ("6g37/160", "37W6e"),
            ("1w6e", "1W6e"),
            ("017W6e", "17W6e"),
            ("5955", "1W6e"),
            ("42HT40P", "42HT40P"),
            ("036ht40+", "36HT40+"),
            ("149VHT80+80", "149VHT80+80"),
            ("6HT20", "6HT20"),
            ("6W10", "6W10"),
            ("fhss", "FHSS"),
            ("915MHz", "915MHz"),
            ("14", "14"),
            ("233", "233"),
            ("149E", "149"),
            ("100S", "100"),
            ("44+36+40+48", "44"),
            ("6.135 GHz", "37W6e"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_no_band_has_is_no_channel() {
        for none in ["", " ", "0", "00", "0.0", "-1", "-0", "-1.0", "-36"] {
            assert_eq!(Channel::from_wire(none), Ok(None), "{none:?}");
        }
        for number in (15..=31).chain([198, 200, 234, 255, 999, 1000, 2000, 3000, 65_535, 99_999]) {
            let text = number.to_string();
            assert_eq!(
                Channel::from_wire(&text),
                Err(BadChannel::Impossible),
                "{text}"
            );
        }
        for impossible in [
            "6 (5 GHz)",
            "36 (2.4 GHz)",
            "234W6e",
            "0W6e",
            "2 (60 GHz)",
            "17 (2.4 GHz)",
            "25HT20",
        ] {
            assert_eq!(
                Channel::from_wire(impossible),
                Err(BadChannel::Impossible),
                "{impossible}"
            );
        }
        for text in [
            "auto",
            "unknown",
            "n/a",
            "1,6,11",
            "1-11",
            "6.5",
            "2.4 GHz",
            "5 GHz",
            "5GHz",
            "six",
            "6x",
            "?",
            "nan",
            "inf",
            "99999999999",
            "6 7",
            "(6)",
            "1+6+11",
            "36 80",
            "36 80 GHz",
            "6E",
            "6S",
            "36X",
            "6/20-Ce/gn",
            "2.4 GHz (Channel 6)",
            "6 GHz",
            "60 GHz",
            "2.437 GHz 6",
            "2437/",
        ] {
            assert_eq!(
                Channel::from_wire(text),
                Err(BadChannel::NotAChannel),
                "{text}"
            );
        }
        assert_eq!(Channel::from_wire("6\u{7}"), Err(BadChannel::Unprintable));
        assert_eq!(
            Channel::from_wire("6HT40123456789012"),
            Err(BadChannel::TooLong(17))
        );
    }

    #[test]
    fn the_band_follows_from_a_channel_that_only_one_has() {
        for (text, band) in [
            ("1", Some(Band::Ghz2)),
            ("14", Some(Band::Ghz2)),
            ("32", Some(Band::Ghz5)),
            ("36", Some(Band::Ghz5)),
            ("42HT40P", Some(Band::Ghz5)),
            ("149", Some(Band::Ghz5)),
            ("177", Some(Band::Ghz5)),
            ("196", Some(Band::Ghz5)),
            ("5W6e", Some(Band::Ghz6)),
            ("37", Some(Band::Ghz6)),
            ("233", Some(Band::Ghz6)),
            ("185", None),
            ("FHSS", None),
            ("915MHz", None),
        ] {
            assert_eq!(read(text).unwrap().band(), band, "{text}");
        }
    }

    #[test]
    fn a_band_that_is_named_beside_a_channel_tells_6_ghz() {
        for (text, band, expected) in [
            ("5", Band::Ghz6, "5W6e"),
            ("37", Band::Ghz6, "37W6e"),
            ("2", Band::Ghz6, "2W6e"),
            ("5W6e", Band::Ghz6, "5W6e"),
            ("36", Band::Ghz6, "36"),
            ("36HT40+", Band::Ghz6, "36HT40+"),
            ("FHSS", Band::Ghz6, "FHSS"),
            ("5", Band::Ghz2, "5"),
            ("36", Band::Ghz5, "36"),
        ] {
            assert_eq!(
                read(text).unwrap().in_band(band).as_str(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn two_spellings_are_one_channel_and_two_numbers_are_two() {
        let stored = |text| Channel::from_stored_text(text).unwrap();
        for (one, other) in [
            ("6", "06"),
            ("6", "06HT40"),
            ("36", "36 (5 GHz)"),
            ("42HT40P", "42"),
            ("5W6e", "5"),
            ("6", "-1"),
            ("6", "999"),
        ] {
            assert!(stored(one).is_same_as(stored(other)), "{one} {other}");
        }
        for (one, other) in [("6", "11"), ("36", "40"), ("FHSS", "6")] {
            assert!(!stored(one).is_same_as(stored(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_number_finds_the_channel_and_more_finds_less() {
        let finds = |wanted, other, band| read(wanted).unwrap().finds(read(other).unwrap(), band);
        assert!(finds("36", "36HT40+", Some(Band::Ghz5)));
        assert!(finds("5", "5W6e", Some(Band::Ghz6)));
        assert!(finds("5W6e", "5", Some(Band::Ghz6)));
        assert!(!finds("5W6e", "5", Some(Band::Ghz2)));
        assert!(finds("36HT40+", "36HT40+", None));
        assert!(!finds("36HT40+", "36", None));
        assert!(!finds("3", "36", None));
        assert!(finds("FHSS", "FHSS", None));
        assert!(!finds("6", "FHSS", Some(Band::Ghz2)));
    }

    #[test]
    fn a_channel_goes_with_the_frequencies_of_its_20_mhz_and_of_its_centre() {
        let fits = |text, mhz: u32| {
            read(text)
                .unwrap()
                .may_be_at(Frequency::from_stored(mhz * 1000))
        };
        for (text, mhz) in [
            ("6", 2437),
            ("36", 5180),
            ("42HT40P", 5180),
            ("42HT40P", 5210),
            ("5", 5975),
            ("5W6e", 5975),
            ("6", 2400),
            ("FHSS", 2400),
        ] {
            assert!(fits(text, mhz), "{text} {mhz}");
        }
        for (text, mhz) in [
            ("11", 2437),
            ("36", 5200),
            ("42HT40P", 5500),
            ("6", 5000),
            ("36", 2400),
        ] {
            assert!(!fits(text, mhz), "{text} {mhz}");
        }
    }

    #[test]
    fn a_stored_text_stays_as_it_was_sent() {
        for text in ["36 (5 GHz)", "06", "-1", "1234567890123456"] {
            assert_eq!(Channel::from_stored_text(text).unwrap().as_str(), text);
        }
        for text in ["", "12345678901234567", "6\n"] {
            assert!(Channel::from_stored_text(text).is_err(), "{text:?}");
        }
        let shown = |text| Channel::from_stored_text(text).unwrap().canonical();
        assert_eq!(shown("36 (5 GHz)"), read("36"));
        assert_eq!(shown("-1"), None);
    }

    proptest! {
        #[test]
        fn a_channel_that_was_read_reads_as_itself(text in "[0-9A-Za-z+/.,() -]{0,20}") {
            if let Some(channel) = read(&text) {
                prop_assert_eq!(Channel::from_wire(channel.as_str()), Ok(Some(channel)));
            }
        }

        #[test]
        fn what_a_frequency_gives_is_a_channel_of_its_band(mhz in prop_oneof![2412..=2484_u32, 5160..=5895_u32, 5955..=7115_u32]) {
            let frequency = Frequency::from_stored(mhz * 1000);
            prop_assert!(frequency.channel().may_be_at(frequency));
        }

        #[test]
        fn no_text_panics_the_channel_parser(text in ".{0,40}") {
            if let Some(channel) = read(&text) {
                prop_assert!(!channel.as_str().is_empty());
            }
        }
    }
}
