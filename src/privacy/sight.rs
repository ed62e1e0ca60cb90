//! What one client sees, where the configuration says that the views keep to the policy.

use std::sync::Arc;

use uuid::Uuid;

use super::policy::{OptedOut, Policy};
use crate::report::{MacAddr, Position, Report};
use crate::tracker::{Device, Tracker};

/// The lengths of an address in a text, by how it is written.
const PAIRS_LENGTH: usize = "00:00:00:00:00:00".len();
const DOTTED_LENGTH: usize = "0000.0000.0000".len();
const DIGITS_LENGTH: usize = "000000000000".len();
/// How much of a UUID stands before its last twelve digits.
const UUID_BEFORE_LENGTH: usize = "00000000-0000-0000-0000-".len();

/// Decides what a client sees: everything, or only what may leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight(Option<Arc<Policy>>);

impl Sight {
    /// Sees everything.
    pub(crate) const EVERYTHING: Self = Self(None);

    /// Sees only what leaves by a policy.
    pub(crate) const fn of(policy: Arc<Policy>) -> Self {
        Self(Some(policy))
    }

    pub(crate) const fn is_of_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a device is shown.
    pub(crate) fn shows(&self, device: &Device) -> bool {
        let policy = self.0.as_ref();
        policy.is_none_or(|policy| policy.lets_out(device, OptedOut::LeftOut))
    }

    /// A device as it is shown, if it is.
    pub(crate) fn shown(&self, mut device: Device) -> Option<Device> {
        if !self.shows(&device) {
            return None;
        }
        self.cover(&mut device);
        Some(device)
    }

    /// Leaves out of a device that is shown what is not shown of it: where there are zones, the area of its places. A
    /// corner of it may be the only place in a zone.
    pub(crate) fn cover(&self, device: &mut Device) {
        let has_zones = self.0.as_ref().is_some_and(|policy| policy.has_zones());
        if let Some(place) = device.place.as_mut().filter(|_| has_zones) {
            **place = place.without_area();
        }
    }

    /// Whether a single report is shown. Whether its device is has to be asked besides.
    pub(crate) fn shows_report(&self, report: &Report) -> bool {
        let policy = self.0.as_ref();
        policy.is_none_or(|policy| policy.lets_out_report_itself(report, OptedOut::LeftOut))
    }

    /// Whether a place is shown.
    pub(crate) fn shows_place(&self, position: Position) -> bool {
        !self.0.as_ref().is_some_and(|policy| policy.hides(position))
    }

    /// Whether what is known of an address is shown. What is known of a device only while it is tracked decides, so
    /// nothing of an address is shown that is not tracked.
    pub(crate) fn shows_address(&self, addr: MacAddr, tracker: &Tracker) -> bool {
        if self.is_of_everything() {
            return true;
        }
        let devices = tracker.devices_by_addr(addr);
        !devices.is_empty() && devices.iter().all(|device| self.shows(device))
    }

    /// Whether an address is that of a device that is not shown. Nothing is known of one that is not tracked.
    pub(crate) fn hides_address(&self, addr: MacAddr, tracker: &Tracker) -> bool {
        let Some(policy) = &self.0 else {
            return false;
        };
        let devices = tracker.devices_by_addr(addr);
        policy.denies(addr) || devices.iter().any(|device| !self.shows(device))
    }

    /// Whether a text is shown: it names no address that is not, and may have no name in it that is on a list or by
    /// which an owner opted out. People write texts too, so this errs on the side of no.
    pub(crate) fn shows_text(&self, text: &str, tracker: &Tracker) -> bool {
        let Some(policy) = &self.0 else {
            return true;
        };
        let shows = |named: Named| match named {
            Named::Plainly(addr) => self.shows_address(addr, tracker),
            Named::InUuid(addr) => !self.hides_address(addr, tracker),
        };
        !policy.denies_text(text) && addresses_in(text).all(shows)
    }
}

/// Two are equal if they show the same for sure.
impl PartialEq for Sight {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// An address in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Plainly(MacAddr),
    /// The end of a UUID may be an address or not. Most are not.
    InUuid(MacAddr),
}

/// The addresses that a text names, with `:`, `-`, dots or nothing between their digits. In a longer row of pairs each
/// six are taken for one.
fn addresses_in(text: &str) -> impl Iterator<Item = Named> {
    (0..text.len()).filter_map(move |at| address_at(text, at))
}

fn address_at(text: &str, at: usize) -> Option<Named> {
    let octets = text.as_bytes();
    let length = match octets.get(at..)? {
        [_, _, b':' | b'-', ..] => PAIRS_LENGTH,
        [_, _, _, _, b'.', ..] => DOTTED_LENGTH,
        _ => DIGITS_LENGTH,
    };
    let end = at + length;
    let addr: MacAddr = text.get(at..end)?.parse().ok()?;
    if length != DIGITS_LENGTH {
        return Some(Named::Plainly(addr));
    }
    // Twelve digits of a longer number are no address.
    let before = at.checked_sub(1).and_then(|before| octets.get(before));
    let around = [before, octets.get(end)];
    if around.into_iter().flatten().any(u8::is_ascii_hexdigit) {
        return None;
    }
    let uuid = at.checked_sub(UUID_BEFORE_LENGTH);
    let uuid = uuid.and_then(|begin| text.get(begin..end));
    let is_of_uuid = uuid.is_some_and(|uuid| uuid.parse::<Uuid>().is_ok());
    Some(if is_of_uuid {
        Named::InUuid(addr)
    } else {
        Named::Plainly(addr)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::kismet;
    use crate::log::{Entry, LogPosition, Record, What};
    use crate::privacy::Rules;
    use crate::privacy::key::PrivacyKey;
    use crate::report::{Phy, ReceivedAt};
    use crate::tracker::Bounds;

    const SHOWN: &str = "02:00:00:00:00:05";

    fn sight(rules: Rules<'_>) -> Sight {
        Sight::of(Arc::new(Policy::new(rules, &PrivacyKey::new(&[7; 32]))))
    }

    /// Knows one access point by the reports of it.
    fn tracker(reports: &[String]) -> Tracker {
        let now = ReceivedAt::from_micros(1_700_000_000_000_000);
        let json = format!(
            r#"{{"source_uuid": "44444444-0000-0000-0000-00000000000a", "reports": [{}]}}"#,
            reports.join(",")
        );
        let batch = kismet::batch(Phy::Wifi, &json, now);
        let tracker = Tracker::new(Bounds::FOR_TESTS);
        tracker.apply(&Entry {
            position: LogPosition::new(1),
            record: Record::new(Uuid::nil(), now, What::Reports(batch)),
        });
        tracker
    }

    fn report(time: u32, rest: &str) -> String {
        format!(
            r#"{{"timestamp": {}, "bssid": "{SHOWN}", "ssid": "public", {rest}}}"#,
            1_600_000_000 + time
        )
    }

    #[test]
    fn the_addresses_of_a_text_are_found() {
        let found = |text: &str| addresses_in(text).collect::<Vec<_>>();
        let address = Named::Plainly("AA:BB:CC:00:11:22".parse().unwrap());
        for text in [
            "AA:BB:CC:00:11:22",
            "Detected new Bluetooth device AA:BB:CC:00:11:22",
            "'AA:BB:CC:00:11:22': seen",
            "(aa:bb:cc:00:11:22)",
            "AA:BB:CC:00:11:22: seen",
            "AA-BB-CC-00-11-22",
            "é aa-bb-cc-00-11-22é",
            "aabb.cc00.1122",
            "AABBCC001122",
            "bssid=aabbcc001122, seen",
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
        assert_eq!(found("AA:BB:CC:00:11:22,AA:BB:CC:00:11:22").len(), 2);
        assert_eq!(found("AA:BB:CC:00:11:22:33").len(), 2);
        assert_eq!(
            found("source 44444444-0000-0000-0000-aabbcc001122"),
            [Named::InUuid("AA:BB:CC:00:11:22".parse().unwrap())]
        );
        for text in [
            "",
            "AA:BB:CC:00:11",
            "AABBCC0011223",
            "AABBCC00112",
            "AABBCC00112G",
            "12:30:00",
            "2026-01-31T12:30:00",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn texts_that_name_what_is_denied_are_not_shown() {
        let names = ["My Home".to_owned()];
        let patterns = ["Lab-*".parse().unwrap(), "*-private".parse().unwrap()];
        let addresses = ["02:00:00:00:00:04".parse().unwrap()];
        let sight = sight(Rules {
            zones: &[],
            ssids: &names,
            ssid_patterns: &patterns,
            addresses: &addresses,
        });
        let tracker = tracker(&[report(1, r#""signal": -50"#)]);
        for text in [
            "the door of 02:00:00:00:00:05",
            "the door of 020000000005 and 02-00-00-00-00-05",
            "source 44444444-0000-0000-0000-000000000001",
            "My home, Labs, Slab-1, lab-1, private",
            "100000 reports",
        ] {
            assert!(sight.shows_text(text, &tracker), "{text}");
        }
        for text in [
            "beside 02:00:00:00:00:04",
            "beside 02-00-00-00-00-04",
            "beside 020000000004",
            "beside 0200.0000.0004",
            "source 44444444-0000-0000-0000-020000000004",
            // Nobody knows it.
            "beside 02:00:00:00:00:06",
            "shows the network 'My Home' without encryption",
            "My Homes",
            "ssid=Lab-12",
            "the network 'Lab-' is back",
            "ours-private, as before",
            "the network 'x_nomap'",
            "x_optout_y",
        ] {
            assert!(!sight.shows_text(text, &tracker), "{text}");
            assert!(Sight::EVERYTHING.shows_text(text, &tracker), "{text}");
        }
    }

    #[test]
    fn where_there_are_zones_a_device_has_no_area() {
        let mut reports = vec![report(
            1,
            r#""signal": -90, "lat": 48.2, "lon": 16.4, "alt": 777"#,
        )];
        reports.extend(
            (2..42).map(|time| report(time, r#""signal": -50, "lat": 48.25, "lon": 16.4"#)),
        );
        let tracker = tracker(&reports);
        let mut devices = tracker.devices_by_addr(SHOWN.parse().unwrap());
        let device = devices.pop().unwrap();
        let of_all = device.place.clone().unwrap();
        let place = |sight: &Sight| sight.shown(device.clone()).unwrap().place.unwrap();
        let zoned = sight(Rules {
            zones: &["48.2 16.4 100".parse().unwrap()],
            ..Rules::default()
        });
        let shown = place(&zoned);
        assert_eq!(shown.mean_e7(), of_all.mean_e7());
        assert_eq!(shown.last, of_all.last);
        let (lat_e7, lon_e7) = of_all.mean_e7();
        for (corner, mean) in [
            (shown.lat_min_e7, lat_e7),
            (shown.lat_max_e7, lat_e7),
            (shown.lon_min_e7, lon_e7),
            (shown.lon_max_e7, lon_e7),
        ] {
            assert_eq!(i64::from(corner), mean);
        }
        // Only one fix had an altitude.
        assert_eq!((shown.alt_range_mm, shown.mean_alt_mm()), (None, None));
        for whole in [Sight::EVERYTHING, sight(Rules::default())] {
            assert_eq!(place(&whole), of_all);
        }
    }
}
