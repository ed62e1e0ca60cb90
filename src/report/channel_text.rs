//! Spellings of channels.
//!
//! Programs write a channel as a number, or as a number among other things: a band (`36 (5 GHz)`), a width (`36,80`,
//! `5g36/80`), a neighbour (`6+10`), a word (`Channel: 6`). Kismet's own notation (`36HT40+`, `5W6e`) says something that
//! its readers use, and stays. Everything else is dropped, but for 6 GHz, which Kismet's notation has a mark for.

use super::channel::{BadChannel, Channel, Numbered};
use super::{Band, Frequency};

/// The mark of 6 GHz in Kismet's notation.
const MARK_6_GHZ: &str = "W6e";

/// The parts of a text that say something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChannelText {
    number: u32,
    /// Kismet's notation of width and rate.
    notation: String,
    band: Option<Band>,
    /// The number is a frequency in MHz.
    is_mhz: bool,
}

impl ChannelText {
    /// Reads a text that is not a plain number.
    pub(super) fn read(text: &str) -> Result<Self, BadChannel> {
        Self::parse(text).ok_or(BadChannel::NotAChannel)
    }

    fn parse(text: &str) -> Option<Self> {
        let (band, text) = leading_band(without_word(text));
        let (digits, rest) = split(text, |digit| digit.is_ascii_digit());
        let mut read = Self {
            number: digits.parse().ok()?,
            notation: String::new(),
            band,
            is_mhz: false,
        };
        let rest = match rest.strip_prefix('.') {
            Some(fraction) => fraction.trim_start_matches('0'),
            None => rest,
        };
        let rest = read.take_notation(rest)?;
        read.take_rest(rest.trim())?;
        Some(read)
    }

    /// What stands directly behind the number.
    fn take_notation<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (notation, rest) = split(text, |part| {
            part.is_ascii_alphanumeric() || matches!(part, '+' | '-')
        });
        if notation.eq_ignore_ascii_case("mhz") {
            self.is_mhz = true;
        } else if let Some(neighbour) = notation.strip_prefix('+') {
            is_number_or_nothing(neighbour).then_some(())?;
        } else if is_kismets(notation) {
            self.notation = notation.to_ascii_uppercase().replace("W6E", MARK_6_GHZ);
        } else if !matches!(notation, "" | "-") {
            return None;
        }
        Some(rest)
    }

    /// What stands behind that: widths and a neighbour are dropped, and a band is kept.
    fn take_rest(&mut self, rest: &str) -> Option<()> {
        let (before, detail) = match rest.find(['(', '[']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let before = before.trim();
        if before.eq_ignore_ascii_case("mhz") {
            self.is_mhz = true;
        } else if let Some(width) = before.strip_prefix([',', '/', '@']) {
            is_width(width.trim()).then_some(())?;
        } else if let Some(neighbour) = before.strip_prefix('+') {
            is_number_or_nothing(neighbour.trim()).then_some(())?;
        } else if !before.is_empty() {
            is_kismets(before).then_some(())?;
        }
        self.band = self.band.or_else(|| band_in(detail));
        Some(())
    }

    /// The channel in Kismet's notation.
    pub(super) fn channel(&self) -> Result<Channel, BadChannel> {
        if let Some(frequency) = self.frequency() {
            if frequency.band() == Some(Band::Ghz60) {
                // Its channels have the numbers of 2.4 GHz, and Kismet's notation has no mark for them.
                return Err(BadChannel::Impossible);
            }
            let channel = frequency.channel();
            if channel.as_str().ends_with("MHz") {
                return Ok(channel);
            }
            return channel.canonical().ok_or(BadChannel::Impossible);
        }
        if self.is_mhz {
            return Err(BadChannel::Impossible);
        }
        let is_marked = self.notation.starts_with(MARK_6_GHZ);
        let is_6_ghz = is_marked || self.band == Some(Band::Ghz6);
        let is_possible = if is_6_ghz {
            (1..=233).contains(&self.number)
        } else {
            Numbered::of(self.number).is_some_and(|numbered| {
                let has_band = |band| numbered.band().is_none_or(|of_number| of_number == band);
                self.band.is_none_or(has_band)
            })
        };
        if !is_possible {
            return Err(BadChannel::Impossible);
        }
        let mark = if is_6_ghz && !is_marked {
            MARK_6_GHZ
        } else {
            ""
        };
        let text = format!("{}{mark}{}", self.number, self.notation);
        Channel::from_stored_text(&text)
    }

    /// Some scanners have a frequency where the channel belongs. No channel has so high a number.
    fn frequency(&self) -> Option<Frequency> {
        let khz = if self.is_mhz || (2400..=7125).contains(&self.number) {
            self.number.checked_mul(1000)?
        } else {
            self.number
        };
        let frequency = Frequency::try_from(khz).ok()?;
        let is_plain = self.notation.is_empty();
        (is_plain && (self.is_mhz || frequency.band().is_some())).then_some(frequency)
    }
}

/// Splits behind the characters for which `is_part` holds.
fn split(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|part| !is_part(part)).unwrap_or(text.len());
    text.split_at(end)
}

/// Leaves out `channel`, `chan` or `ch`.
fn without_word(text: &str) -> &str {
    let (word, rest) = split(text, |letter| letter.is_ascii_alphabetic());
    let is_word = ["channel", "chan", "ch"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    if is_word {
        rest.trim_start_matches(['.', ':', '=', '#', ' '])
    } else {
        text
    }
}

/// macOS writes the band first: `5g36/80`.
fn leading_band(text: &str) -> (Option<Band>, &str) {
    let band = match text.as_bytes() {
        [b'2', b'g' | b'G', b'0'..=b'9', ..] => Band::Ghz2,
        [b'5', b'g' | b'G', b'0'..=b'9', ..] => Band::Ghz5,
        [b'6', b'g' | b'G', b'0'..=b'9', ..] => Band::Ghz6,
        _ => return (None, text),
    };
    (Some(band), text.get(2..).unwrap_or_default())
}

/// Whether a text is what Kismet writes behind a number: `HT40+`, `VHT80`, `W6e`, `W10`.
fn is_kismets(notation: &str) -> bool {
    let notation = notation.to_ascii_uppercase();
    let rest = match notation.strip_prefix("W6E") {
        Some("") => return true,
        Some(rest) => rest,
        None => notation.as_str(),
    };
    let is_width = |width: &str| width.starts_with(|digit: char| digit.is_ascii_digit());
    ["EHT", "VHT", "HT", "HE"].iter().any(|mode| {
        rest.strip_prefix(mode)
            .is_some_and(|width| width.is_empty() || is_width(width))
    }) || rest.strip_prefix('W').is_some_and(is_width)
}

fn is_number_or_nothing(text: &str) -> bool {
    text.chars().all(|digit| digit.is_ascii_digit())
}

/// A width in MHz, or on which side the second 20 MHz are.
fn is_width(text: &str) -> bool {
    let text = text.trim_end_matches(['M', 'm', 'H', 'h', 'Z', 'z', ' ']);
    matches!(
        text,
        "1" | "+1" | "-1" | "20" | "40" | "80" | "160" | "320" | "80+80"
    )
}

/// A band that is named as such or by a frequency: `(5 GHz)`, `(5180 MHz)`, `(2.4G, 20 MHz)`.
fn band_in(detail: &str) -> Option<Band> {
    let detail = detail.to_ascii_lowercase();
    let before = |unit: &str, unit_mhz: f64| {
        detail.match_indices(unit).find_map(|(at, _)| {
            let (text, _) = detail.split_at(at);
            let text = text.trim_end();
            let digits = |part: char| part.is_ascii_digit() || matches!(part, '.' | ',');
            let number = text.trim_end_matches(digits);
            let number = text.strip_prefix(number)?.trim_start_matches(',');
            let mhz = number.replace(',', ".").parse::<f64>().ok()? * unit_mhz;
            Frequency::from_wire(mhz * 1000.0).ok()??.band()
        })
    };
    // "2 GHz" is short for 2.4.
    let is_2_ghz = detail.starts_with("(2g") || detail.starts_with("(2 g");
    before("g", 1000.0)
        .or(is_2_ghz.then_some(Band::Ghz2))
        .or_else(|| before("mhz", 1.0))
}
