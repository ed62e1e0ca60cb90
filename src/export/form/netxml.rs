//! The XML of Kismet before 2018, for readers of that time. They take most elements without asking, so all are written.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::export::number::{Degrees, Metres};
use crate::export::place::Place;
use crate::export::text::{element, put, xml};
use crate::export::{Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::report::capabilities::{Akm, AkmSet, Cipher, Protocol, Security, SecurityClass};
use crate::report::{Manufacturer, Phy, UnixTime};
use crate::tracker::{Device, Radio, SsidRecord};

pub(super) const FORM: Form = Form {
    word: "netxml",
    media_type: "application/xml",
    extension: "netxml",
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: false,
    has_minimal: false,
    writer: |choices, _| {
        Box::new(Netxml {
            place: choices.place,
            shows_area: !choices.hidden.is_some(),
            exported: choices.exported,
            number: 0,
        })
    },
};

struct Netxml {
    place: PlaceOf,
    /// Whether the area of all places is written. Its corners may be in what is left out.
    shows_area: bool,
    exported: UnixTime,
    /// The number of the last network.
    number: u64,
}

impl FormWriter for Netxml {
    /// The form has no Bluetooth devices.
    fn passes(&self) -> &'static [Option<Phy>] {
        &[Some(Phy::Wifi)]
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        let version = env!("CARGO_PKG_VERSION");
        put(
            out,
            format_args!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <!DOCTYPE detection-run SYSTEM \"http://kismetwireless.net/kismet-3.1.0.dtd\">\n\
                 <detection-run kismet-version=\"scanpost-{version}\" start-time=\"{}\">\n",
                ctime(self.exported)
            ),
        );
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        let Row::Device(device) = row else {
            return false;
        };
        let Radio::Wifi(wifi) = &device.radio else {
            return false;
        };
        self.number += 1;
        let kind = if device.is_ad_hoc() {
            "ad-hoc"
        } else {
            "infrastructure"
        };
        put(
            out,
            format_args!(
                "<wireless-network number=\"{}\" type=\"{kind}\" first-time=\"{}\" last-time=\"{}\">\n",
                self.number,
                ctime(device.first_time),
                ctime(device.last_time)
            ),
        );
        for network in &wifi.ssids {
            ssid(out, network);
        }
        element(out, "BSSID", &device.id.addr.to_string());
        let manufacturer = Manufacturer::of(device.id.addr);
        element(
            out,
            "manuf",
            manufacturer.map_or("Unknown", Manufacturer::name),
        );
        // 0 stands for none.
        let channel = row.channel_number().unwrap_or_default();
        let reports = device.reports;
        put(out, format_args!("<channel>{channel}</channel>"));
        if let Some(frequency) = row.frequency() {
            let mhz = frequency.khz() / 1000;
            put(out, format_args!("<freqmhz>{mhz} {reports}</freqmhz>"));
        }
        put(
            out,
            format_args!(
                "<maxseenrate>0</maxseenrate><packets><LLC>{reports}</LLC><data>0</data><crypt>0</crypt>\
                 <total>{reports}</total><fragments>0</fragments><retries>0</retries></packets><datasize>0</datasize>\n"
            ),
        );
        signals(out, device);
        let place = self.place.of_device(device);
        if self.shows_area {
            places(out, device, place);
        } else {
            let place = place.map(|place| (place.lat_e7, place.lon_e7, place.alt_mm));
            put_places(
                out,
                &["min", "max", "peak", "avg"].map(|which| (which, place)),
            );
        }
        out.extend_from_slice(b"</wireless-network>\n");
        true
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</detection-run>\n");
    }
}

fn ssid(out: &mut Vec<u8>, network: &SsidRecord) {
    put(
        out,
        format_args!(
            "<SSID first-time=\"{}\" last-time=\"{}\"><type>Beacon</type><max-rate>0</max-rate><packets>{}</packets>\
             <beaconrate>10</beaconrate>",
            ctime(network.first_time),
            ctime(network.last_time),
            network.reports
        ),
    );
    if let Some(advertised) = network.security {
        encryption(out, advertised.value.security);
    }
    let cloaked = network.ssid.is_hidden();
    put(out, format_args!("<essid cloaked=\"{cloaked}\">"));
    xml(out, &printable(network.ssid.as_bytes()));
    out.extend_from_slice(b"</essid></SSID>\n");
}

/// A word an element. Without an element, the encryption is not known.
fn encryption(out: &mut Vec<u8>, security: Security) {
    match security.class() {
        SecurityClass::Unknown => return,
        SecurityClass::Open | SecurityClass::OpenOweTransition => {
            return element(out, "encryption", "None");
        }
        SecurityClass::Wep => return element(out, "encryption", "WEP"),
        _ => {}
    }
    let (akms, ciphers) = (security.akms(), security.pairwise());
    let words = [
        ("WPA+PSK", akms.intersects(AkmSet::PSK_FAMILY)),
        ("WPA+SAE", akms.intersects(AkmSet::SAE_FAMILY)),
        ("WPA+EAP", akms.intersects(AkmSet::EAP_FAMILY)),
        ("WPA+OWE", akms.contains(Akm::Owe)),
        ("WPA+TKIP", ciphers.contains(Cipher::Tkip)),
        (
            "WPA+AES-CCM",
            ciphers.contains(Cipher::Ccmp) || ciphers.contains(Cipher::Ccmp256),
        ),
        (
            "WPA+GCMP",
            ciphers.contains(Cipher::Gcmp) || ciphers.contains(Cipher::Gcmp256),
        ),
        ("WEP", security.protocols().contains(Protocol::Wep)),
    ];
    for (word, is_offered) in words {
        if is_offered {
            element(out, "encryption", word);
        }
    }
    let protocols = security.protocols();
    let version = match (
        protocols.contains(Protocol::Wpa),
        protocols.contains(Protocol::Rsn),
    ) {
        (true, true) => "WPA+WPA2",
        (true, false) => "WPA",
        (false, true) => "WPA2",
        (false, false) => return,
    };
    element(out, "wpa-version", version);
}

fn signals(out: &mut Vec<u8>, device: &Device) {
    // 0 stands for none.
    let [last, min, max] = device.signal.map_or([0; 3], |signal| {
        [signal.last.value.get(), signal.min.get(), signal.max.get()]
    });
    out.extend_from_slice(b"<snr-info>");
    for (which, dbm) in [("last", last), ("min", min), ("max", max)] {
        put(
            out,
            format_args!(
                "<{which}_signal_dbm>{dbm}</{which}_signal_dbm><{which}_noise_dbm>0</{which}_noise_dbm>\
                 <{which}_signal_rssi>0</{which}_signal_rssi><{which}_noise_rssi>0</{which}_noise_rssi>"
            ),
        );
    }
    out.extend_from_slice(b"</snr-info>\n");
}

fn places(out: &mut Vec<u8>, device: &Device, peak: Option<Place>) {
    let stats = device.place.as_deref();
    let average = PlaceOf::Mean.of_device(device);
    let corner = |lat_e7: i32, lon_e7: i32, alt_mm: Option<i32>| {
        (i64::from(lat_e7), i64::from(lon_e7), alt_mm.map(i64::from))
    };
    let point = |place: Place| (place.lat_e7, place.lon_e7, place.alt_mm);
    let alts = stats.and_then(|stats| stats.alt_range_mm);
    let all = [
        (
            "min",
            stats.map(|stats| {
                let alt = alts.map(|(min, _)| min);
                corner(stats.lat_min_e7, stats.lon_min_e7, alt)
            }),
        ),
        (
            "max",
            stats.map(|stats| {
                let alt = alts.map(|(_, max)| max);
                corner(stats.lat_max_e7, stats.lon_max_e7, alt)
            }),
        ),
        ("peak", peak.map(point)),
        ("avg", average.map(point)),
    ];
    put_places(out, &all);
}

/// Latitude, longitude and altitude.
type Point = (i64, i64, Option<i64>);

fn put_places(out: &mut Vec<u8>, places: &[(&str, Option<Point>); 4]) {
    out.extend_from_slice(b"<gps-info>");
    for &(which, place) in places {
        // 0/0 stands for none.
        let (lat, lon, alt) = place.unwrap_or_default();
        let (lat, lon, alt) = (Degrees(lat), Degrees(lon), Metres(alt.unwrap_or_default()));
        put(
            out,
            format_args!(
                "<{which}-lat>{lat}</{which}-lat><{which}-lon>{lon}</{which}-lon><{which}-alt>{alt}</{which}-alt>\
                 <{which}-spd>0</{which}-spd>"
            ),
        );
    }
    out.extend_from_slice(b"</gps-info>\n");
}

/// Octets outside of printable ASCII as `\ooo`, in octal, as Kismet writes them. A backslash is written so too, so that
/// the octets follow from the text.
fn printable(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        if matches!(octet, b' '..=b'~') && octet != b'\\' {
            text.push(char::from(octet));
        } else {
            // Writing to a string does not fail.
            write!(text, "\\{octet:03o}").ok();
        }
    }
    text
}

/// A time as C writes it, in UTC: `Wed Feb 18 21:51:37 2015`.
fn ctime(time: UnixTime) -> String {
    let time = Timestamp::from_second(time.seconds().into()).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_exact() {
        assert_eq!(printable(b"a\\b \x01\xFF"), "a\\134b \\001\\377");
    }

    #[test]
    fn times_are_those_of_c() {
        assert_eq!(ctime(UnixTime::new(0)), "Thu Jan  1 00:00:00 1970");
    }
}
