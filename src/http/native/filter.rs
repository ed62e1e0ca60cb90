//! Which devices are wanted.

use std::collections::HashSet;

use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::query::Query;
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Band, Channel, Manufacturer, Phy, UnixTime};
use crate::tracker::{Device, Radio, SourceNumber, Tracker};

/// All of these have to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    phy: Option<Phy>,
    ssid: Option<Vec<u8>>,
    ssid_contains: Option<String>,
    address_prefix: Option<String>,
    made_by: Option<HashSet<Manufacturer>>,
    sources: Option<Vec<SourceNumber>>,
    security: Option<SecurityClass>,
    channel: Option<Channel>,
    band: Option<Band>,
    signal_min_dbm: Option<i16>,
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    within: Option<Bounds>,
}

/// A rectangle on the map. It goes over the date line where its west is east of its east.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    lat_min: f64,
    lon_min: f64,
    lat_max: f64,
    lon_max: f64,
}

impl Filter {
    pub(super) fn take(query: &mut Query, tracker: &Tracker) -> Result<Self, BadParameter> {
        Ok(Self {
            phy: query.take_with("phy", phy)?,
            ssid: query.take("ssid")?.map(String::into_bytes),
            ssid_contains: query.take("ssid_contains")?.map(|text| text.to_lowercase()),
            address_prefix: query.take_with("address_prefix", address_prefix)?,
            made_by: query
                .take("manufacturer")?
                .map(|text| makers_like(&text.to_lowercase())),
            sources: query.take_with("source", |text| sources(tracker, text))?,
            security: query.take_with("security", security)?,
            channel: query.take_with("channel", |text| match Channel::from_wire(text) {
                Ok(Some(channel)) => Ok(channel),
                Ok(None) => Err("expected a channel such as 6, 36 or 5W6e".to_owned()),
                Err(error) => Err(error.to_string()),
            })?,
            band: query.take_with("band", band)?,
            signal_min_dbm: query.take_with("signal_min_dbm", |text| {
                text.parse()
                    .map_err(|_| "expected a number of dBm, such as -70")
            })?,
            since: query.take_time("since")?,
            until: query.take_time("until")?,
            within: query.take_with("bbox", bounds)?,
        })
    }

    pub(super) fn wants(&self, device: &Device) -> bool {
        let signal = device.signal.map(|signal| signal.last.value.get());
        let seen_by =
            |number: &SourceNumber| device.seen_by.iter().any(|seen| seen.source == *number);
        self.phy.is_none_or(|phy| device.id.phy == phy)
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
            && self.within.is_none_or(|bounds| bounds.hold(device))
            && self
                .security
                .is_none_or(|class| device.security().map(Security::class) == Some(class))
            && self
                .address_prefix
                .as_ref()
                .is_none_or(|prefix| device.id.addr.to_string().starts_with(prefix.as_str()))
            && self.made_by.as_ref().is_none_or(|wanted| {
                Manufacturer::of(device.id.addr).is_some_and(|maker| wanted.contains(&maker))
            })
            && self.has_ssid(device)
    }

    fn is_tuned_to(&self, device: &Device) -> bool {
        if self.band.is_none() && self.channel.is_none() {
            return true;
        }
        let tuning = device.tuning();
        let band = tuning.band();
        self.band.is_none_or(|wanted| band == Some(wanted))
            && self.channel.is_none_or(|wanted| {
                tuning
                    .channel
                    .is_some_and(|channel| wanted.finds(channel, band))
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
                .is_none_or(|ssid| record.ssid.as_bytes() == ssid);
            let contains = self
                .ssid_contains
                .as_ref()
                .is_none_or(|part| record.ssid.to_string().to_lowercase().contains(part));
            is_exact && contains
        })
    }
}

impl Bounds {
    fn hold(self, device: &Device) -> bool {
        let Some((lat, lon)) = device.place.as_ref().map(|place| place.mean_degrees()) else {
            return false;
        };
        let is_between = if self.lon_min <= self.lon_max {
            self.lon_min <= lon && lon <= self.lon_max
        } else {
            self.lon_min <= lon || lon <= self.lon_max
        };
        self.lat_min <= lat && lat <= self.lat_max && is_between
    }
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

/// Those with `part` in their name, found once instead of at every device.
fn makers_like(part: &str) -> HashSet<Manufacturer> {
    Manufacturer::all()
        .filter(|maker| maker.name().to_lowercase().contains(part))
        .collect()
}

/// By UUID or by name; several sources may have one name.
fn sources(tracker: &Tracker, text: &str) -> Result<Vec<SourceNumber>, &'static str> {
    let sources = tracker.sources();
    let id = text.parse().ok();
    let wanted = sources
        .iter()
        .filter(|source| Some(source.id) == id || &*source.name == text);
    let numbers: Vec<_> = wanted.map(|source| source.number).collect();
    if numbers.is_empty() {
        return Err("no source has this UUID or name");
    }
    Ok(numbers)
}

fn security(text: &str) -> Result<SecurityClass, String> {
    let mut all = SecurityClass::ALL.into_iter();
    all.find(|class| class.as_str() == text).ok_or_else(|| {
        let words = SecurityClass::ALL.map(SecurityClass::as_str);
        format!("expected one of {}", words.join(", "))
    })
}

fn band(text: &str) -> Result<Band, &'static str> {
    let mut all = Band::ALL.into_iter();
    all.find(|band| band.ghz() == text)
        .ok_or("expected 2.4, 5, 6 or 60")
}

fn bounds(text: &str) -> Result<Bounds, &'static str> {
    const EXPECTED: &str = "expected lat_min,lon_min,lat_max,lon_max in degrees";
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let [lat_min, lon_min, lat_max, lon_max] = numbers.map_err(|_| EXPECTED)?[..] else {
        return Err(EXPECTED);
    };
    let is_lat = |lat: f64| (-90.0..=90.0).contains(&lat);
    let is_lon = |lon: f64| (-180.0..=180.0).contains(&lon);
    if !(is_lat(lat_min) && is_lat(lat_max) && is_lon(lon_min) && is_lon(lon_max)) {
        return Err(EXPECTED);
    }
    if lat_max < lat_min {
        return Err("lat_min is greater than lat_max");
    }
    Ok(Bounds {
        lat_min,
        lon_min,
        lat_max,
        lon_max,
    })
}
