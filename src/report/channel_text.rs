//! Spellings of channels.
//!
//! Programs write a channel as a number, or as a number among other things: a band (`36 (5 GHz)`), a width (`36,80`,
//! `5g36/80`, `5180/20-Ceee/ac`), neighbours (`36+40+44+48`), a word (`Channel: 6`). Kismet's own notation (`36HT40+`, `5W6e`) says something that
//! its readers use, and stays. Everything else is dropped, but for 6 GHz, which Kismet's notation has a mark for.

use super::channel::{BadChannel, Channel, Numbered};
use super::{Band, Frequency};

/// The mark of 6 GHz in Kismet's notation.
pub(super) const MARK_6_GHZ: &str = "W6e";
/// How far the last 20 MHz of the widest channel, 320 MHz, are from its first, in channel numbers.
const NEIGHBOUR_DISTANCE_MAX: u32 = 60;

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
        let text = without_word(text);
        if let Some(read) = Self::in_ghz(text) {
            return Some(read);
        }
        let (band, text) = leading_band(text);
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

    /// A frequency with its unit, as `iwlist` prints it: `2.437 GHz (Channel 6)`.
    fn in_ghz(text: &str) -> Option<Self> {
        let (number, rest) = split(text, |part| {
            part.is_ascii_digit() || matches!(part, '.' | ',')
        });
        let (unit, detail) = rest.trim_start().split_at_checked("GHz".len())?;
        let is_all = detail.is_empty() || detail.trim_start().starts_with(['(', '[']);
        if !unit.eq_ignore_ascii_case("GHz") || !is_all {
            return None;
        }
        let ghz: f64 = number.replace(',', ".").parse().ok()?;
        let frequency = Frequency::from_wire(ghz * 1e6).ok()??;
        frequency.named_band().is_none().then(|| Self {
            number: frequency.khz() / 1000,
            notation: String::new(),
            band: None,
            is_mhz: true,
        })
    }

    /// What stands directly behind the number.
    fn take_notation<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (notation, rest) = split(text, |part| {
            part.is_ascii_alphanumeric() || matches!(part, '+' | '-')
        });
        if notation.eq_ignore_ascii_case("mhz") {
            self.is_mhz = true;
        } else if let Some(neighbours) = notation.strip_prefix('+') {
            self.has_neighbours(neighbours).then_some(())?;
        } else if is_kismets(notation) {
            self.notation = notation.to_ascii_uppercase().replace("W6E", MARK_6_GHZ);
        } else if !matches!(notation, "" | "-") && !self.has_mark_of_aruba(notation) {
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
        } else if let Some(mode) = before.strip_prefix('/')
            && self.frequency().is_some()
        {
            is_mode_of_routeros(mode).then_some(())?;
        } else if let Some(width) = before.strip_prefix([',', '/', '@']) {
            is_width(width.trim()).then_some(())?;
        } else if let Some(neighbours) = before.strip_prefix('+') {
            self.has_neighbours(neighbours).then_some(())?;
        } else if !before.is_empty() {
            (is_kismets(before) || is_width_with_unit(before)).then_some(())?;
        }
        self.band = self.band.or_else(|| band_in(detail));
        Some(())
    }

    /// Whether the numbers are those of the other 20 MHz of a wide channel. Only the second may be any number, or none.
    fn has_neighbours(&self, neighbours: &str) -> bool {
        let numbers = neighbours.split('+').map(str::trim);
        let numbers = numbers.filter(|number| !number.is_empty());
        let numbers: Result<Vec<u32>, _> = numbers.map(str::parse).collect();
        match numbers.as_deref() {
            Err(_) => false,
            Ok([] | [_]) => true,
            Ok(numbers) => numbers.iter().all(|number| {
                let distance = number.abs_diff(self.number);
                distance.is_multiple_of(4) && distance <= NEIGHBOUR_DISTANCE_MAX
            }),
        }
    }

    /// Aruba marks 80 MHz with `E` and 160 MHz with `S`, which 2.4 GHz does not have.
    fn has_mark_of_aruba(&self, mark: &str) -> bool {
        32 <= self.number
            && ["E", "S"]
                .iter()
                .any(|known| mark.eq_ignore_ascii_case(known))
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

/// Leaves out `channel`, `frequency` or what is short for them.
fn without_word(text: &str) -> &str {
    let (word, rest) = split(text, |letter| letter.is_ascii_alphabetic());
    let is_word = ["channel", "chan", "ch", "frequency", "freq"]
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

/// Whether a text is what `RouterOS` writes behind a frequency: width, place of the other channels, modes, such as
/// `20-Ceee/ac/P`.
fn is_mode_of_routeros(text: &str) -> bool {
    let is_of_mode = |part: char| part.is_ascii_alphanumeric() || part == '-';
    text.split('/')
        .all(|part| !part.is_empty() && part.chars().all(is_of_mode))
}

fn is_width_with_unit(text: &str) -> bool {
    text.to_ascii_lowercase().ends_with("mhz") && is_width(text)
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
