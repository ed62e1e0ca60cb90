//! What is to be erased, and what that concerns.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::report::sphere::{EARTH_RADIUS_M, distance_m};
use crate::report::{DeviceId, MacAddr, Phy, Position, Report, SourceId, UnixTime};

/// Observations to be erased. All of it has to hold; what is absent is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EraseOrder {
    /// Those of a device, of any radio technology.
    pub address: Option<MacAddr>,
    /// Those that scanners made in a circle.
    pub area: Option<EraseArea>,
    /// Those of a scanner.
    pub source: Option<SourceId>,
    /// Those at or after a time.
    pub since: Option<UnixTime>,
    /// Those at or before a time.
    pub until: Option<UnixTime>,
}

/// A circle on the earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseArea {
    /// Latitude of its middle, in 10⁻⁷ degrees.
    pub lat_e7: i32,
    /// Longitude of its middle, in 10⁻⁷ degrees.
    pub lon_e7: i32,
    /// Its radius in metres.
    pub radius_m: u32,
}

impl EraseArea {
    /// The largest radius in metres, about half the way around the earth.
    pub const RADIUS_MAX_M: u32 = 20_000_000;

    /// A circle by degrees and metres, which have to be on the earth.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "degrees in 10⁻⁷ and metres around the earth have 32 bits"
    )]
    pub fn new(lat: f64, lon: f64, radius_m: f64) -> Self {
        let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
        Self {
            lat_e7: e7(lat),
            lon_e7: e7(lon),
            radius_m: radius_m.round() as u32,
        }
    }

    /// Whether a place is in it.
    pub fn contains(self, lat_e7: i32, lon_e7: i32) -> bool {
        let degrees = |lat_e7: i32, lon_e7: i32| (f64::from(lat_e7) / 1e7, f64::from(lon_e7) / 1e7);
        let middle = degrees(self.lat_e7, self.lon_e7);
        distance_m(middle, degrees(lat_e7, lon_e7)) <= f64::from(self.radius_m)
    }

    /// Whether it may have a place of a rectangle, in 10⁻⁷ degrees. It has none if this is `false`.
    pub fn may_reach(self, lat_e7: RangeInclusive<i32>, lon_e7: RangeInclusive<i32>) -> bool {
        // Larger than the errors of rounding.
        const MARGIN: f64 = 1e-6;
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        let (lat, lon) = (degrees(self.lat_e7), degrees(self.lon_e7));
        let angle = f64::from(self.radius_m) / EARTH_RADIUS_M;
        let (south, north) = (
            lat - angle.to_degrees() - MARGIN,
            lat + angle.to_degrees() + MARGIN,
        );
        if degrees(*lat_e7.end()) < south || north < degrees(*lat_e7.start()) {
            return false;
        }
        if south <= -90.0 || 90.0 <= north {
            // Around a pole, it has all longitudes.
            return true;
        }
        let reach = (angle.sin() / lat.to_radians().cos()).min(1.0).asin();
        let reach = reach.to_degrees() + MARGIN;
        // It may cross the date line.
        [-360.0, 0.0, 360.0].into_iter().any(|turn| {
            let lon = lon + turn;
            degrees(*lon_e7.start()) <= lon + reach && lon - reach <= degrees(*lon_e7.end())
        })
    }

    /// Whether a position is in it.
    pub fn has(self, position: Position) -> bool {
        self.contains(position.lat_e7(), position.lon_e7())
    }
}

/// How much an order erases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Observations.
    pub observations: u64,
    /// Other records, such as names and tags that people gave, and watched addresses.
    pub records: u64,
    /// Alerts.
    pub alerts: u64,
    /// Devices that had any of the observations.
    pub devices: u64,
}

impl EraseOrder {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether everything about one address is asked for, and nothing else.
    pub fn is_of_address(&self) -> bool {
        let rest = Self {
            address: None,
            ..self.clone()
        };
        self.address.is_some() && rest.is_empty()
    }

    /// Whether everything of one scanner is asked for, and nothing else.
    pub fn is_of_source(&self) -> bool {
        let rest = Self {
            source: None,
            ..self.clone()
        };
        self.source.is_some() && rest.is_empty()
    }

    /// Whether a time is in the range.
    pub fn has_time(&self, time: UnixTime) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time <= until)
    }

    /// Whether a report of a source is erased.
    pub fn erases(&self, source: SourceId, report: &Report) -> bool {
        let in_area = |area: EraseArea| report.position.is_some_and(|position| area.has(position));
        self.address
            .is_none_or(|address| address == report.device().addr)
            && self.source.is_none_or(|wanted| wanted == source)
            && self.has_time(report.time)
            && self.area.is_none_or(in_area)
    }

    /// Whether a text that somebody wrote names the address or the source. Only orders of everything about one of them
    /// concern such texts.
    pub fn is_named_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let names_address =
            self.is_of_address() && self.address.is_some_and(|address| names(&text, address));
        let has = |source: SourceId| text.contains(&source.to_string().to_ascii_lowercase());
        let names_source = self.is_of_source() && self.source.is_some_and(has);
        names_address || names_source
    }
}

/// Whether a text in small letters has an address, in any way in which addresses are written.
fn names(text: &str, address: MacAddr) -> bool {
    let colons = address.to_string().to_ascii_lowercase();
    let digits: String = colons.chars().filter(char::is_ascii_hexdigit).collect();
    let reversed: String = colons.rsplit(':').collect();
    // Without leading zeros, it may be the end or the beginning of others.
    let octets = colons.split(':');
    let octets = octets.map(|octet| octet.strip_prefix('0').unwrap_or(octet));
    let octets: Vec<&str> = octets.collect();
    let is_digit = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_hexdigit);
    let has_short = |short: String| {
        text.match_indices(&short).any(|(at, found)| {
            let before = at.checked_sub(1);
            let before = before.and_then(|before| text.as_bytes().get(before));
            !is_digit(before) && !is_digit(text.as_bytes().get(at + found.len()))
        })
    };
    let has_digits = |form: &str| {
        let mut found = text.match_indices(form);
        found.any(|(at, _)| !is_end_of_uuid(text, at))
    };
    let mut forms = forms_of(address, &colons, &digits);
    forms.any(|form| text.contains(&form))
        || [digits.as_str(), reversed.as_str()]
            .into_iter()
            .any(has_digits)
        || [":", "-"]
            .into_iter()
            .any(|mark| has_short(octets.join(mark)))
}

/// Whether the last group of a UUID begins there. It has as many digits as an address.
fn is_end_of_uuid(text: &str, at: usize) -> bool {
    const GROUPS: &str = "00000000-0000-0000-0000-";
    let before = at.checked_sub(GROUPS.len());
    let before = before.and_then(|from| text.as_bytes().get(from..at));
    before.is_some_and(|before| {
        let mut pairs = before.iter().zip(GROUPS.bytes());
        pairs.all(|(octet, expected)| match expected {
            b'-' => *octet == b'-',
            _ => octet.is_ascii_hexdigit(),
        })
    })
}

/// The ways in which addresses are written that nothing else looks like.
fn forms_of(address: MacAddr, colons: &str, digits: &str) -> impl Iterator<Item = String> {
    let groups: Vec<&str> = [0..4, 4..8, 8..12]
        .into_iter()
        .filter_map(|range| digits.get(range))
        .collect();
    let keys = Phy::ALL.map(|phy| {
        let id = DeviceId { phy, addr: address };
        id.key().to_string().to_ascii_lowercase()
    });
    let dashes = colons.replace(':', "-");
    let dots = groups.join(".");
    [colons.to_owned(), dashes, dots].into_iter().chain(keys)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;
    use crate::report::sphere::point_at;

    fn order(address: &str) -> EraseOrder {
        EraseOrder {
            address: Some(address.parse().unwrap()),
            ..EraseOrder::default()
        }
    }

    #[test]
    fn an_address_is_found_in_all_its_spellings() {
        let order = order("00:1B:22:33:44:55");
        for text in [
            "seen 00:1b:22:33:44:55 again",
            "00-1B-22-33-44-55",
            "001b.2233.4455",
            "x001B22334455x",
            "4202770D00000000_554433221B00",
            "B603E01100000000_554433221B00",
            "{\"addr\":\"00:1B:22:33:44:55\"}",
            "at 0:1b:22:33:44:55",
            "0-1B-22-33-44-55.",
        ] {
            assert!(order.is_named_in(text), "{text}");
        }
        for text in [
            "",
            "00:1B:22:33:44:56",
            "55:44:33:22:1B:01",
            "10:1b:22:33:44:55",
            "0:1b:22:33:44:551",
            // A scanner, and not the device.
            "5fe308bd-0000-0000-0000-001B22334455",
        ] {
            assert!(!order.is_named_in(text), "{text}");
        }
        assert!(order.is_named_in("x-0000-001B22334455"));
    }

    proptest! {
        #[test]
        fn a_rectangle_is_reached_if_any_of_its_places_is_in_the_circle(
            lat in -900_000_000..=900_000_000i32, lon in -1_800_000_000..=1_800_000_000i32,
            radius_m in 1..20_000_000u32, direction in 0.0..TAU, share in 0.0..1.0f64,
            width in 0..100_000i32
        ) {
            let area = EraseArea { lat_e7: lat, lon_e7: lon, radius_m };
            let middle = (f64::from(lat) / 1e7, f64::from(lon) / 1e7);
            let place = point_at(middle, direction, f64::from(radius_m) * share);
            let place = EraseArea::new(place.0, place.1, 1.0);
            prop_assume!(area.contains(place.lat_e7, place.lon_e7));
            let around = |e7: i32| e7.saturating_sub(width)..=e7.saturating_add(width);
            prop_assert!(area.may_reach(around(place.lat_e7), around(place.lon_e7)));
        }
    }

    #[test]
    fn a_rectangle_far_away_is_not_reached() {
        let area = EraseArea::new(0.0, 180.0, 1000.0);
        let at = |lon: i32| area.may_reach(0..=0, lon..=lon);
        assert!(at(1_799_950_000) && at(-1_799_950_000));
        assert!(!at(1_799_000_000) && !at(-1_799_000_000) && !at(0));
        assert!(!area.may_reach(100_000..=200_000, 1_800_000_000..=1_800_000_000));
    }

    #[test]
    fn texts_are_concerned_only_if_everything_goes() {
        let mut order = order("00:1B:22:33:44:55");
        order.since = Some(UnixTime::new(5));
        assert!(!order.is_named_in("00:1B:22:33:44:55"));
        let source: SourceId = "5fe308bd-0000-0000-0000-00000000000a".parse().unwrap();
        let of_source = EraseOrder {
            source: Some(source),
            ..EraseOrder::default()
        };
        assert!(of_source.is_named_in("\"5FE308BD-0000-0000-0000-00000000000A\""));
        assert!(of_source.is_of_source() && !of_source.is_of_address());
        assert!(EraseOrder::default().is_empty() && !of_source.is_empty());
    }

    #[test]
    fn a_range_of_times_has_its_ends() {
        let order = EraseOrder {
            since: Some(UnixTime::new(5)),
            until: Some(UnixTime::new(7)),
            ..EraseOrder::default()
        };
        let has = |seconds| order.has_time(UnixTime::new(seconds));
        assert!(!has(4) && has(5) && has(7) && !has(8));
    }
}
