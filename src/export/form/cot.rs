//! Cursor on Target: an event for each device, which ATAK and other TAK programs show as a mark.

use crate::export::facts::{Kind, small};
use crate::export::number::Degrees;
use crate::export::security::Generation;
use crate::export::text::{element, is_not_xml, put, shown, xml};
use crate::export::{Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::report::UnixTime;
use crate::tracker::Device;
use crate::views::native::Utc;

use super::gpx::line_about;

/// How long a mark out of a file stays.
pub(super) const STALE_AFTER_S: u32 = 86_400;
/// Stands for an unknown height or error. Heights of scanners are mostly above the sea, and here they count from the
/// ellipsoid, so none is written.
const UNKNOWN: &str = "9999999.0";

pub(super) const FORM: Form = Form {
    word: "cot",
    media_type: "application/xml",
    extension: "cot",
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: false,
    has_minimal: false,
    writer: |choices, _| {
        Box::new(Cot {
            place: choices.place,
        })
    },
};

struct Cot {
    place: PlaceOf,
}

impl FormWriter for Cot {
    fn head(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<events>\n");
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        event(out, row, self.place, STALE_AFTER_S)
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</events>\n");
    }
}

/// The `uid` of a device's event. A newer event with it moves the mark.
pub(super) fn uid(row: &Row<'_>) -> String {
    format!("scanpost-{}", row.id().key())
}

/// The event of a device, as it is sent while the device is there. `None` without a place.
pub(crate) fn live_event(device: &Device, stale_after_s: u32) -> Option<Vec<u8>> {
    let mut event_text = Vec::new();
    let place = PlaceOf::default();
    let is_written = event(&mut event_text, &Row::Device(device), place, stale_after_s);
    is_written.then(|| event_text.trim_ascii_end().to_vec())
}

/// Appends the event of a device. `false` without a place.
pub(super) fn event(out: &mut Vec<u8>, row: &Row<'_>, place: PlaceOf, stale_after_s: u32) -> bool {
    let Row::Device(device) = row else {
        return false;
    };
    let Some(place) = place.of_device(device) else {
        return false;
    };
    let seen = device.last_time;
    let stale = UnixTime::new(seen.seconds().saturating_add(stale_after_s));
    let generation = Generation::of(device.security());
    let colour = colour(row.kind(), generation);
    let (lat, lon) = (Degrees(place.lat_e7), Degrees(place.lon_e7));
    put(
        out,
        format_args!(
            "<event version=\"2.0\" uid=\"{uid}\" type=\"b-m-p-s-m\" how=\"m-g\" time=\"{seen}\" start=\"{seen}\" \
             stale=\"{stale}\"><point lat=\"{lat}\" lon=\"{lon}\" hae=\"{UNKNOWN}\" ce=\"{UNKNOWN}\" le=\"{UNKNOWN}\"/>\
             <detail><contact callsign=\"",
            uid = uid(row),
            seen = millis(seen),
            stale = millis(stale),
        ),
    );
    match row.name() {
        [] => xml(out, &small(device.id.addr)),
        name => xml(out, &shown(name, is_not_xml).text),
    }
    out.extend_from_slice(b"\"/>");
    element(out, "remarks", &line_about(row, generation));
    put(
        out,
        format_args!(
            "<color argb=\"{colour}\"/><usericon iconsetpath=\"COT_MAPPING_SPOTMAP/b-m-p-s-m/{colour}\"/>\
             <precisionlocation geopointsrc=\"GPS\" altsrc=\"GPS\"/></detail></event>\n"
        ),
    );
    true
}

/// Alpha, red, green and blue in a signed number.
const fn colour(kind: Kind, generation: Generation) -> i32 {
    match (kind, generation) {
        (Kind::Bluetooth | Kind::LowEnergy, _) => -16_776_961,
        (Kind::Wifi, Generation::Open) => -16_711_936,
        (Kind::Wifi, Generation::Wep) => -256,
        (Kind::Wifi, Generation::Unknown) => -8_355_712,
        (Kind::Wifi, _) => -65_536,
    }
}

/// A time with milliseconds, as this form has it.
fn millis(time: UnixTime) -> String {
    Utc(time).to_string().replace('Z', ".000Z")
}
