//! Which devices are wanted.

mod area;
mod makers;
mod names;
mod reports;
mod values;

use std::ops::RangeInclusive;

use self::area::Bounds;
pub(super) use self::area::Circle;
use self::makers::Makers;
use self::names::Names;
pub(super) use self::reports::ReportFilter;
use self::values::read_each;

use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::query::Query;
use crate::privacy::Sight;
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Band, Channel, Phy, ShownOctets, SourceId, UnixTime};
use crate::tracker::{Device, Radio, SourceNumber, Tracker, TraitSet};

/// All of these have to hold. Of several values of one, any.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    phys: Option<Vec<Phy>>,
    ssid: Option<Vec<u8>>,
    ssid_contains: Option<String>,
    not_named: Option<Names>,
    address_prefix: Option<String>,
    made_by: Option<Makers>,
    sources: Option<Vec<SourceNumber>>,
    securities: Option<Vec<SecurityClass>>,
    channels: Option<Vec<Channel>>,
    bands: Option<Vec<Band>>,
    signal_min_dbm: Option<i16>,
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    within: Option<Bounds>,
    near: Option<Circle>,
    with_position: Option<bool>,
    /// What the client sees at all.
    sight: Sight,
}

impl Filter {
    pub(super) fn take(
        query: &mut Query,
        tracker: &Tracker,
        sight: Sight,
    ) -> Result<Self, BadParameter> {
        Ok(Self {
            phys: query.take_with("phy", |text| read_each(text, phy))?,
            ssid: query.take_octets("ssid")?,
            ssid_contains: query
                .take_octets("ssid_contains")?
                .map(|octets| ShownOctets(&octets).to_string().to_lowercase()),
            not_named: Names::take(query, "name_not")?,
            address_prefix: query.take_with("address_prefix", address_prefix)?,
            made_by: query.take_with("manufacturer", Makers::read)?,
            sources: query.take_with("source", |text| sources(tracker, text))?,
            securities: query.take_with("security", |text| read_each(text, security))?,
            channels: query.take_with("channel", |text| read_each(text, channel))?,
            bands: query.take_with("band", |text| read_each(text, band))?,
            signal_min_dbm: query.take_with("signal_min_dbm", |text| {
                text.parse()
                    .map_err(|_| "expected a number of dBm, such as -70")
            })?,
            since: query.take_time("since")?,
            until: query.take_time("until")?,
            within: query.take_with("bbox", Bounds::read)?,
            near: query.take_with("near", Circle::read)?,
            with_position: query.take_with("with_position", |text| match text {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err("expected true or false"),
            })?,
            sight,
        })
    }

    /// The part that the index by place answers.
    pub(super) fn traits(&self) -> TraitSet {
        let mut traits = TraitSet::ALL;
        if let Some(classes) = &self.securities {
            traits = traits.of_classes(classes);
        }
        if let Some(bands) = &self.bands {
            traits = traits.of_bands(bands);
        }
        if let Some(phys) = &self.phys {
            traits = traits.of_phys(phys);
        }
        traits
    }

    /// When a device has to be seen last, if that matters.
    pub(super) fn seen(&self) -> Option<RangeInclusive<UnixTime>> {
        if self.since.is_none() && self.until.is_none() {
            return None;
        }
        let since = self.since.unwrap_or(UnixTime::new(0));
        Some(since..=self.until.unwrap_or(UnixTime::new(u32::MAX)))
    }

    /// The sources that are wanted, and their names.
    pub(super) fn sources_of(&self, tracker: &Tracker) -> Vec<(SourceId, Box<str>)> {
        let wanted = |number: SourceNumber| {
            let sources = self.sources.as_ref();
            sources.is_none_or(|sources| sources.contains(&number))
        };
        let sources = tracker.sources().into_iter();
        let sources = sources.filter(|source| wanted(source.number));
        sources.map(|source| (source.id, source.name)).collect()
    }

    /// What is more to it than [`Filter::traits`] and [`Filter::seen`]. Filters that print the same want the same.
    pub(super) fn rest(&self) -> Option<Self> {
        let rest = Self {
            phys: None,
            securities: None,
            bands: None,
            since: None,
            until: None,
            // The index has only devices with a position.
            with_position: self.with_position.filter(|is_wanted| !is_wanted),
            ..self.clone()
        };
        (!rest.is_none()).then_some(rest)
    }

    /// Whether every device is wanted.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn wants(&self, device: &Device) -> bool {
        let signal = device.signal.map(|signal| signal.last.value.get());
        let seen_by =
            |number: &SourceNumber| device.seen_by.iter().any(|seen| seen.source == *number);
        has_one(self.phys.as_deref(), || Some(device.id.phy))
            && self.since.is_none_or(|since| since <= device.last_time)
            && self.until.is_none_or(|until| device.last_time <= until)
            && self.is_tuned_to(device)
            && self
                .signal_min_dbm
                .is_none_or(|min| signal.is_some_and(|signal| min <= signal))
            && self
                .sources
                .as_ref()
                .is_none_or(|sources| sources.iter().any(seen_by))
            && self.is_at_place_of(device)
            && has_one(self.securities.as_deref(), || {
                // As counts have it: what nobody said is unknown too.
                Some(device.security().map(Security::class).unwrap_or_default())
            })
            && self
                .address_prefix
                .as_ref()
                .is_none_or(|prefix| device.id.addr.to_string().starts_with(prefix.as_str()))
            && self
                .made_by
                .as_ref()
                .is_none_or(|makers| makers.made(device.id.addr))
            && self.has_ssid(device)
            && self
                .not_named
                .as_ref()
                .is_none_or(|names| !names.has_one_of(device))
            && self.sight.shows(device)
    }

    fn is_tuned_to(&self, device: &Device) -> bool {
        if self.bands.is_none() && self.channels.is_none() {
            return true;
        }
        let tuning = device.tuning();
        let band = tuning.band();
        has_one(self.bands.as_deref(), || band)
            && self.channels.as_ref().is_none_or(|wanted| {
                tuning
                    .channel
                    .is_some_and(|channel| wanted.iter().any(|one| one.finds(channel, band)))
            })
    }

    fn is_at_place_of(&self, device: &Device) -> bool {
        if self
            .with_position
            .is_some_and(|is_wanted| is_wanted != device.place.is_some())
        {
            return false;
        }
        if self.within.is_none() && self.near.is_none() {
            return true;
        }
        let mean = device.place.as_ref().map(|place| place.mean_degrees());
        mean.is_some_and(|mean| {
            self.within.is_none_or(|bounds| bounds.contains(mean))
                && self.near.is_none_or(|circle| circle.contains(mean))
        })
    }

    fn has_ssid(&self, device: &Device) -> bool {
        if self.ssid.is_none() && self.ssid_contains.is_none() {
            return true;
        }
        let Radio::Wifi(wifi) = &device.radio else {
            return false;
        };
        wifi.ssids.iter().any(|record| {
            let is_exact = self
                .ssid
                .as_ref()
                .is_none_or(|ssid| record.ssid.is_named(ssid));
            let contains = self
                .ssid_contains
                .as_ref()
                .is_none_or(|part| record.ssid.to_string().to_lowercase().contains(part));
            is_exact && contains
        })
    }
}

/// Whether the device's value is one of the wanted ones, if any are wanted.
fn has_one<T: PartialEq>(wanted: Option<&[T]>, value: impl FnOnce() -> Option<T>) -> bool {
    wanted.is_none_or(|wanted| value().is_some_and(|value| wanted.contains(&value)))
}

fn phy(text: &str) -> Result<Phy, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "wifi" | "ieee802.11" => Ok(Phy::Wifi),
        "bluetooth" => Ok(Phy::Bluetooth),
        _ => Err("expected wifi or bluetooth"),
    }
}

/// As addresses are shown.
fn address_prefix(text: &str) -> Result<String, &'static str> {
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, ':' | '-' | '.'))
        .collect();
    if 12 < digits.len() || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("expected the first hex digits of an address, such as AA:BB:CC");
    }
    let mut prefix = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && at % 2 == 0 {
            prefix.push(':');
        }
        prefix.push(digit.to_ascii_uppercase());
    }
    Ok(prefix)
}

/// Those with this UUID or name, or else with those in the list. Several sources may have one name.
fn sources(tracker: &Tracker, text: &str) -> Result<Vec<SourceNumber>, String> {
    let sources = tracker.sources();
    let find = |text: &str| {
        let id = text.parse().ok();
        let wanted = sources
            .iter()
            .filter(|source| Some(source.id) == id || &*source.name == text);
        let numbers: Vec<_> = wanted.map(|source| source.number).collect();
        if numbers.is_empty() {
            return Err("no source has this UUID or name");
        }
        Ok(numbers)
    };
    // Names may have commas.
    if let Ok(numbers) = find(text) {
        return Ok(numbers);
    }
    let numbers = read_each(text, find)?;
    Ok(numbers.into_iter().flatten().collect())
}

fn security(text: &str) -> Result<SecurityClass, String> {
    let mut all = SecurityClass::ALL.into_iter();
    all.find(|class| class.as_str() == text).ok_or_else(|| {
        let words = SecurityClass::ALL.map(SecurityClass::as_str);
        format!("expected one of {}", words.join(", "))
    })
}

fn channel(text: &str) -> Result<Channel, String> {
    match Channel::from_wire(text) {
        Ok(Some(channel)) => Ok(channel),
        Ok(None) => Err("expected a channel such as 6, 36 or 5W6e".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn band(text: &str) -> Result<Band, &'static str> {
    let mut all = Band::ALL.into_iter();
    all.find(|band| band.ghz() == text)
        .ok_or("expected 2.4, 5, 6 or 60")
}
