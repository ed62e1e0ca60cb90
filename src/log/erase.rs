//! What is to be erased, and what that concerns.

use serde::{Deserialize, Serialize};

use crate::report::sphere::distance_m;
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
        let has = |form: &String| text.contains(form.as_str());
        let names_address = self.is_of_address()
            && self
                .address
                .is_some_and(|address| forms_of(address).iter().any(has));
        let names_source = self.is_of_source()
            && self
                .source
                .is_some_and(|source| has(&source.to_string().to_ascii_lowercase()));
        names_address || names_source
    }
}

/// The ways in which addresses are written, in small letters.
fn forms_of(address: MacAddr) -> Vec<String> {
    let colons = address.to_string().to_ascii_lowercase();
    let digits: String = colons.chars().filter(char::is_ascii_hexdigit).collect();
    let reversed: String = colons.rsplit(':').collect();
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
    [colons, dashes, dots, digits, reversed]
        .into_iter()
        .chain(keys)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert!(order.is_named_in(text), "{text}");
        }
        for text in ["", "00:1B:22:33:44:56", "55:44:33:22:1B:01"] {
            assert!(!order.is_named_in(text), "{text}");
        }
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
