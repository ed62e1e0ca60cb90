//! Redacted copies keep what was not asked for, and nothing of what was.

use proptest::prelude::*;

use super::{BadRedaction, Redaction, Redactor};
use crate::ingest::kismet;
use crate::log::{Entry, LogPosition, Record, What};
use crate::privacy::key::PrivacyKey;
use crate::privacy::redact::alias;
use crate::report::sphere::distance_m;
use crate::report::{MacAddr, Phy, ReceivedAt, Sighting, Ssid};
use crate::tracker::{Bounds, Device, Radio, Tracker};

const NOW: ReceivedAt = ReceivedAt::from_micros(1_700_000_000_000_000);
const SOURCE: &str = "44444444-0000-0000-0000-00000000000a";

fn redactor(what: &str) -> Redactor {
    Redactor::new(PrivacyKey::new(&[7; 32]), what.parse().unwrap())
}

/// A record with reports of one device, and the device.
fn entry(phy: Phy, reports: &str) -> (Entry, Device) {
    let json = format!(
        r#"{{"source_uuid": "{SOURCE}", "source_name": "my secret phone", "reports": [{reports}]}}"#
    );
    let batch = kismet::batch(phy, &json, NOW);
    let id = batch.reports.first().unwrap().device();
    let tracker = Tracker::new(Bounds::FOR_TESTS);
    let entry = Entry {
        position: LogPosition::new(1),
        record: Record::new(uuid::Uuid::from_u128(9), NOW, What::Reports(batch)),
    };
    tracker.apply(&entry);
    let mut device = tracker.device(id).unwrap();
    device.given_name = Some("secret note".into());
    (entry, device)
}

fn wifi() -> (Entry, Device) {
    entry(
        Phy::Wifi,
        r#"{"timestamp": 1600000000, "bssid": "00:11:22:33:44:55", "ssid": "secret_nomap", "signal": -60,
            "capabilities": "[WPA2-PSK-CCMP][ESS][secret]", "channel": "6", "lat": 48.2, "lon": 16.4, "alt": 171,
            "speed": 3, "accuracy": 4, "tags": {"owner": "secret"}, "ietags": "secret"}"#,
    )
}

fn bluetooth() -> (Entry, Device) {
    entry(
        Phy::Bluetooth,
        r#"{"timestamp": 1600000000, "btaddr": "00:11:22:33:44:55", "name": "secret", "devicetype": "secret",
            "scan_data": "070973656372657405FF4C000102", "service_data": {"180f": "736563726574"},
            "lat": 48.2, "lon": 16.4}"#,
    )
}

fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

#[test]
fn nothing_of_the_original_is_in_a_copy() {
    let redactor = redactor("all");
    for (entry, device) in [wifi(), bluetooth()] {
        let batch = entry.record.batch().unwrap();
        let report = redactor.report(&batch.reports[0]);
        let copies = [
            shown(&redactor.device(&device)),
            shown(&report),
            shown(&redactor.entry(&entry, batch)),
        ];
        for text in copies {
            // The octets of the address, of the name, of the company, and the place, as `Debug` shows them.
            for original in [
                "secret",
                "0, 17, 34, 51, 68, 85",
                "115, 101, 99, 114, 101, 116",
                "76, 0",
                "482000000",
                "164000000",
                "171000",
                "44444444",
            ] {
                assert!(!text.contains(original), "{original}: {text}");
            }
        }
        assert_eq!(report.device().addr, redactor.device(&device).id.addr);
    }
}

#[test]
fn what_was_not_asked_for_stays() {
    let (entry, device) = wifi();
    let report = &entry.reports()[0];
    let names = redactor("names");
    assert_eq!(names.report(report).position, report.position);
    assert_eq!(names.report(report).device(), report.device());
    assert_eq!(names.device(&device).place, device.place);
    let copy = names.report(report);
    assert_eq!(
        (copy.time, copy.signal, copy.channel, copy.accuracy),
        (report.time, report.signal, report.channel, report.accuracy)
    );
    let addresses = redactor("addresses").report(report);
    let (Sighting::Wifi(copy), Sighting::Wifi(original)) = (&addresses.sighting, &report.sighting)
    else {
        panic!("{addresses:?}");
    };
    assert_eq!(copy.ssid, original.ssid);
    let security = |wifi: &crate::report::WifiSighting| {
        wifi.capabilities
            .as_ref()
            .map(|capabilities| capabilities.security().class())
    };
    assert_eq!(security(copy), security(original));
    let places = redactor("places:1000").report(report);
    assert_eq!(places.device(), report.device());
    assert_ne!(places.position, report.position);
    // Free texts go whatever was asked for.
    assert!(places.tags.is_empty() && redactor("places:1000").device(&device).given_name.is_none());
}

#[test]
fn the_place_of_a_device_is_in_the_middle_of_a_cell() {
    let (_, device) = wifi();
    let copy = redactor("places:250").device(&device);
    let (place, original) = (copy.place.unwrap(), device.place.unwrap());
    let moved = distance_m(place.mean_degrees(), original.mean_degrees());
    assert!(moved < 0.75 * 250.0, "{moved}");
    assert!(!place.is_3d());
    let mean = place.mean_e7();
    let (last, peak) = (place.last.value, copy.peak.unwrap().position);
    for position in [last, peak] {
        assert_eq!(
            (i64::from(position.lat_e7()), i64::from(position.lon_e7())),
            mean
        );
        assert_eq!((position.alt_mm(), position.speed_m_h()), (None, 0));
    }
}

#[test]
fn a_name_keeps_whether_it_is_hidden_and_whether_it_opts_out() {
    let key = PrivacyKey::new(&[7; 32]);
    let alias =
        |name: &str| alias::ssid(&key, &Ssid::try_from(name.as_bytes()).unwrap()).to_string();
    assert_eq!(alias(""), "");
    assert!(alias("home").starts_with("net-") && !alias("home").ends_with("_nomap"));
    assert!(alias("home_nomap").ends_with("_nomap") && alias("a_optout_b").ends_with("_nomap"));
    assert_eq!(alias("home"), alias("home"));
    assert_ne!(alias("home"), alias("home2"));
}

#[test]
fn a_bluetooth_device_keeps_its_kind() {
    for (json, kind) in [
        (r#""devicetype": "ble""#, Some("BLE")),
        (r#""devicetype": "my watch""#, None),
        (r#""scan_data": "0201060303AAFE""#, Some("BTLE")),
        (r#""signal": -60"#, None),
    ] {
        let reports =
            format!(r#"{{"timestamp": 1600000000, "btaddr": "00:11:22:33:44:55", {json}}}"#);
        let (entry, device) = entry(Phy::Bluetooth, &reports);
        let Radio::Bluetooth(copy) = redactor("names").device(&device).radio else {
            panic!("{device:?}");
        };
        assert_eq!(
            copy.device_type.map(|word| word.value).as_deref(),
            kind,
            "{json}"
        );
        let Sighting::Bluetooth(copy) = redactor("names").report(&entry.reports()[0]).sighting
        else {
            panic!("{entry:?}");
        };
        assert_eq!(copy.device_type.as_deref(), kind, "{json}");
    }
}

#[test]
fn a_redaction_is_a_list_with_bounds() {
    let read = |text: &str| text.parse::<Redaction>();
    assert_eq!(read("all"), read("addresses,names,places:250"));
    assert_eq!(read("all,places:1"), read("places:1,all"));
    assert!(read("places:1").is_ok() && read("places:100000").is_ok());
    for text in [
        "",
        "none",
        "places",
        "places:",
        "places:0",
        "places:100001",
        "places:-1",
        "all,",
        "names:1",
    ] {
        assert_eq!(read(text), Err(BadRedaction), "{text}");
    }
}

proptest! {
    #[test]
    fn an_alias_is_the_address_of_a_station_that_no_maker_gave(octets: [u8; 6], key: [u8; 32]) {
        let (key, addr) = (PrivacyKey::new(&key), MacAddr::new(octets));
        let alias = alias::address(&key, addr);
        prop_assert!(alias.is_local() && !alias.is_multicast());
        prop_assert_eq!(alias::address(&key, addr), alias);
    }
}
