//! Signal, frequency, band and channel width.

use serde::{Deserialize, Serialize};

use super::Channel;

/// Received signal strength in dBm, within -150..=+30. Never zero, which scanners send for "unknown".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i16", into = "i16")]
pub struct Dbm(i16);

impl TryFrom<i16> for Dbm {
    type Error = &'static str;

    fn try_from(dbm: i16) -> Result<Self, Self::Error> {
        Self::from_wire(dbm.into()).ok_or("a signal is out of range")
    }
}

impl From<Dbm> for i16 {
    fn from(signal: Dbm) -> Self {
        signal.get()
    }
}

impl Dbm {
    /// Converts a strength in dBm, truncated. `None` for 0 and for values outside the range: Bluetooth sends 127 for
    /// "not available" (Core Specification, Vol 4, Part E, 7.5.4).
    pub fn from_wire(dbm: f64) -> Option<Self> {
        let whole = dbm.trunc();
        // The range check also excludes NaN.
        if whole == 0.0 || !(-150.0..=30.0).contains(&whole) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range was checked above"
        )]
        Some(Self(whole as i16))
    }

    /// Restores a strength from the value of [`Self::get`].
    pub(crate) const fn from_stored(dbm: i16) -> Self {
        Self(dbm)
    }

    /// The strength in dBm.
    pub const fn get(self) -> i16 {
        self.0
    }
}

/// Carrier frequency in kHz, within 100 MHz to 100 GHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Frequency(u32);

impl TryFrom<u32> for Frequency {
    type Error = &'static str;

    fn try_from(khz: u32) -> Result<Self, Self::Error> {
        let is_possible = (Self::KHZ_MIN..=Self::KHZ_MAX).contains(&f64::from(khz));
        is_possible
            .then_some(Self(khz))
            .ok_or("a frequency is out of range")
    }
}

impl From<Frequency> for u32 {
    fn from(frequency: Frequency) -> Self {
        frequency.khz()
    }
}

/// The number is not a frequency of these radios, in any unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of range, expected 100000 to 100000000 kHz (channel 6 is 2437000)")]
pub struct BadFrequency;

impl Frequency {
    /// The frequency that Kismet gives every Bluetooth device: the lower edge of the 2.4 GHz band.
    pub const BLUETOOTH: Self = Self(2_400_000);

    const KHZ_MIN: f64 = 100_000.0;
    const KHZ_MAX: f64 = 100_000_000.0;

    /// Converts a frequency in kHz, rounded. 0 means none. A number that is plausible only in MHz, Hz or GHz is in that
    /// unit.
    pub fn from_wire(number: f64) -> Result<Option<Self>, BadFrequency> {
        let is_in = |unit_khz: f64| {
            let mhz = number * unit_khz / 1000.0;
            (2_400.0..=7_125.0).contains(&mhz) || (57_000.0..=71_000.0).contains(&mhz)
        };
        let unit_khz = [1000.0, 0.001, 1e6].into_iter().find(|&unit| is_in(unit));
        let whole = (number * unit_khz.unwrap_or(1.0)).round();
        if whole == 0.0 {
            return Ok(None);
        }
        if !(Self::KHZ_MIN..=Self::KHZ_MAX).contains(&whole) {
            return Err(BadFrequency);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked above"
        )]
        let khz = whole as u32;
        Ok(Some(Self(khz)))
    }

    /// Restores a frequency from the value of [`Self::khz`].
    pub(crate) const fn from_stored(khz: u32) -> Self {
        Self(khz)
    }

    /// The frequency in kHz.
    pub const fn khz(self) -> u32 {
        self.0
    }

    /// The band of the frequency (IEEE 802.11-2020, annex E). 5 935 MHz is channel 2 of 6 GHz, out of sequence.
    pub const fn band(self) -> Option<Band> {
        match self.0 / 1000 {
            2_400..=2_499 => Some(Band::Ghz2),
            4_900..=5_924 => Some(Band::Ghz5),
            5_925..=7_125 => Some(Band::Ghz6),
            57_000..=71_000 => Some(Band::Ghz60),
            _ => None,
        }
    }

    /// The band that is named by this number, as in "2.4 GHz". No channel lies there.
    pub const fn named_band(self) -> Option<Band> {
        match self.0 {
            2_400_000 => Some(Band::Ghz2),
            5_000_000 => Some(Band::Ghz5),
            6_000_000 => Some(Band::Ghz6),
            60_000_000 => Some(Band::Ghz60),
            _ => None,
        }
    }

    /// The channel of the frequency, as Kismet names it (`phy_80211.cc`). Channels of 6 GHz have the suffix `W6e`,
    /// because their numbers repeat those of lower bands.
    pub fn channel(self) -> Channel {
        let (number, suffix) = self.channel_parts();
        Channel::numbered(number, suffix)
    }

    /// The number of the channel, and what Kismet writes behind it.
    pub(super) const fn channel_parts(self) -> (u32, &'static str) {
        let mhz = self.0 / 1000;
        match mhz {
            2484 => (14, ""),
            2412..=2483 => ((mhz - 2407) / 5, ""),
            4910..=4980 => ((mhz - 4000) / 5, ""),
            5935 => (2, ""),
            5000..=5949 => ((mhz - 5000) / 5, ""),
            5950..=45_000 => ((mhz - 5950) / 5, "W6e"),
            58_320..=70_200 => ((mhz - 56_160) / 2160, ""),
            _ => (mhz, "MHz"),
        }
    }
}

/// A frequency band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// 2.4 GHz, which Bluetooth uses too.
    Ghz2,
    /// 5 GHz.
    Ghz5,
    /// 6 GHz.
    Ghz6,
    /// 60 GHz.
    Ghz60,
}

impl Band {
    /// All bands, in ascending order.
    pub const ALL: [Self; 4] = [Self::Ghz2, Self::Ghz5, Self::Ghz6, Self::Ghz60];

    /// Name of the band, in GHz.
    pub const fn ghz(self) -> &'static str {
        match self {
            Self::Ghz2 => "2.4",
            Self::Ghz5 => "5",
            Self::Ghz6 => "6",
            Self::Ghz60 => "60",
        }
    }
}

/// Width of an access point's channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChannelWidth {
    /// 20 MHz.
    Mhz20,
    /// 40 MHz.
    Mhz40,
    /// 80 MHz.
    Mhz80,
    /// 160 MHz, contiguous.
    Mhz160,
    /// Two separate 80 MHz segments.
    Mhz80Plus80,
    /// 320 MHz (IEEE 802.11be).
    Mhz320,
}

impl ChannelWidth {
    /// Parses a width in MHz, as Android and Kismet write it or with the words of other programs around it. `None` for
    /// any other text.
    pub fn from_wire(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::of_mhz(text).or_else(|| Self::among_words(text))
    }

    /// `80 MHz`, `20 MHz (no HT)` of `iw`, or `VHT80`, `HT40+`.
    #[cold]
    fn among_words(text: &str) -> Option<Self> {
        let text = text.split(['\0', '(', '[']).next()?;
        let text = text.to_ascii_lowercase().replace(' ', "");
        let text = text.strip_suffix("mhz").unwrap_or(&text);
        let mut modes = ["ht", "vht", "he", "eht"].iter();
        let text = match modes.find_map(|mode| text.strip_prefix(mode)) {
            // On which side the second 20 MHz are.
            Some(width) => width.trim_end_matches(['+', '-']),
            None => text,
        };
        let text = match text.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
            _ => text,
        };
        Self::of_mhz(if text == "80p80" { "80+80" } else { text })
    }

    fn of_mhz(text: &str) -> Option<Self> {
        match text {
            "20" => Some(Self::Mhz20),
            "40" => Some(Self::Mhz40),
            "80" => Some(Self::Mhz80),
            "160" => Some(Self::Mhz160),
            "80+80" => Some(Self::Mhz80Plus80),
            "320" => Some(Self::Mhz320),
            _ => None,
        }
    }

    /// The width in MHz, in the notation of [`Self::from_wire`].
    pub fn mhz(self) -> &'static str {
        match self {
            Self::Mhz20 => "20",
            Self::Mhz40 => "40",
            Self::Mhz80 => "80",
            Self::Mhz160 => "160",
            Self::Mhz80Plus80 => "80+80",
            Self::Mhz320 => "320",
        }
    }

    /// Kismet's name of the width.
    pub fn ht_mode(self) -> &'static str {
        match self {
            Self::Mhz20 => "HT20",
            Self::Mhz40 => "HT40",
            Self::Mhz80 => "HT80",
            Self::Mhz160 => "HT160",
            Self::Mhz80Plus80 => "HT80+80",
            Self::Mhz320 => "HT320",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn named(mhz: u32, expected: &str) {
        let frequency = Frequency::from_wire(f64::from(mhz) * 1000.0)
            .unwrap()
            .unwrap();
        assert_eq!(frequency.channel().as_str(), expected, "{mhz} MHz");
    }

    #[test]
    fn channels_are_named_by_the_plans_of_all_bands() {
        for (mhz, channel) in [
            (2412, "1"),
            (2437, "6"),
            (2472, "13"),
            (2484, "14"),
            (4920, "184"),
            (5180, "36"),
            (5825, "165"),
            (5935, "2"),
            (5955, "1W6e"),
            (6415, "93W6e"),
            (7115, "233W6e"),
            (58_320, "1"),
            (60_480, "2"),
            (2407, "2407MHz"),
            (915, "915MHz"),
            (50_000, "50000MHz"),
        ] {
            named(mhz, channel);
        }
    }

    #[test]
    fn a_width_is_read_among_the_words_of_programs() {
        for (text, width) in [
            ("20", ChannelWidth::Mhz20),
            ("80 MHz", ChannelWidth::Mhz80),
            ("80MHz", ChannelWidth::Mhz80),
            (" 160 mhz ", ChannelWidth::Mhz160),
            ("80+80 MHz", ChannelWidth::Mhz80Plus80),
            ("80 + 80", ChannelWidth::Mhz80Plus80),
            ("80P80", ChannelWidth::Mhz80Plus80),
            ("20 MHz (no HT)", ChannelWidth::Mhz20),
            ("HT40+", ChannelWidth::Mhz40),
            ("HT20", ChannelWidth::Mhz20),
            ("VHT80", ChannelWidth::Mhz80),
            ("HE160", ChannelWidth::Mhz160),
            ("EHT320", ChannelWidth::Mhz320),
            ("40.0", ChannelWidth::Mhz40),
            ("40\0", ChannelWidth::Mhz40),
        ] {
            assert_eq!(ChannelWidth::from_wire(text), Some(width), "{text}");
        }
        for text in [
            "", "wide", "30", "80 GHz", "80.5", "40+", "HT", "2", "(80)", "MHz",
        ] {
            assert_eq!(ChannelWidth::from_wire(text), None, "{text}");
        }
    }

    #[test]
    fn a_signal_is_cut_and_what_cannot_be_is_none() {
        let read = |dbm| Dbm::from_wire(dbm).map(Dbm::get);
        assert_eq!(read(-61.9), Some(-61));
        assert_eq!(read(-150.0), Some(-150));
        assert_eq!(read(30.0), Some(30));
        for none in [
            0.0,
            -0.4,
            -151.0,
            31.0,
            127.0,
            f64::NAN,
            f64::INFINITY,
            -1e300,
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_frequency_is_in_khz_or_in_the_one_unit_that_makes_sense() {
        let khz = |number| Frequency::from_wire(number).map(|read| read.map(Frequency::khz));
        for (number, expected) in [
            (2_437_000.0, 2_437_000),
            (2437.0, 2_437_000),
            (5955.0, 5_955_000),
            (6415.0, 6_415_000),
            (58_320.0, 58_320_000),
            (2_437_000_000.0, 2_437_000),
            (5_180_000_000.0, 5_180_000),
            (100_000.0, 100_000),
            (100_000_000.0, 100_000_000),
            (2.437, 2_437_000),
            (5.18, 5_180_000),
            (6.135, 6_135_000),
            (58.32, 58_320_000),
            (2.4, 2_400_000),
        ] {
            assert_eq!(khz(number), Ok(Some(expected)), "{number}");
        }
        assert_eq!(khz(0.0), Ok(None));
        for nonsense in [
            -1.0,
            f64::NAN,
            99_999.0,
            100_000_001.0,
            2_399.0,
            7_126.0,
            2.399,
            7.126,
            56.0,
        ] {
            assert_eq!(khz(nonsense), Err(BadFrequency), "{nonsense}");
        }
    }
}
