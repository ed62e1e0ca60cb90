//! GeoJSON (RFC 7946): one collection, with one feature a line.

use crate::export::number::{Degrees, Metres};
use crate::export::security;
use crate::export::text::{put, shown};
use crate::export::{Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::hex::Hex;
use crate::report::Sighting;
use crate::tracker::Radio;
use crate::views::native::DeviceRow;
use crate::views::{GEO_JSON, ObservationRecord};

pub(super) const FORM: Form = Form {
    word: "geojson",
    media_type: GEO_JSON,
    extension: "geojson",
    per: &Per::ALL,
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: true,
    has_minimal: false,
    writer: |choices, _| {
        Box::new(Collection {
            place: choices.place,
            has_features: false,
        })
    },
};

struct Collection {
    place: PlaceOf,
    has_features: bool,
}

impl FormWriter for Collection {
    fn head(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        if std::mem::replace(&mut self.has_features, true) {
            out.push(b',');
        }
        out.push(b'\n');
        feature(out, row, self.place);
        true
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]}\n");
    }
}

/// Appends a feature, without a line end.
pub(super) fn feature(out: &mut Vec<u8>, row: &Row<'_>, place: PlaceOf) {
    out.extend_from_slice(b"{\"type\":\"Feature\",\"id\":\"");
    match row {
        Row::Device(device) => put(out, format_args!("{}", device.id.key())),
        Row::Observation(observed) => {
            let position = observed.entry.position.get();
            put(out, format_args!("{position}-{}", observed.index));
        }
    }
    out.extend_from_slice(b"\",\"geometry\":");
    match place.of(row) {
        None => out.extend_from_slice(b"null"),
        Some(place) => {
            out.extend_from_slice(b"{\"type\":\"Point\",\"coordinates\":[");
            Degrees(place.lon_e7).write(out);
            out.push(b',');
            Degrees(place.lat_e7).write(out);
            if let Some(alt_mm) = place.alt_mm {
                out.push(b',');
                Metres(alt_mm).write(out);
            }
            out.extend_from_slice(b"]}");
        }
    }
    out.extend_from_slice(b",\"properties\":");
    properties(out, row);
    out.push(b'}');
}

/// The columns of the list. Those of the place are the geometry. Each tag and each service of an observation is a property of
/// its own, because GIS programs cannot use what has parts; of a device, such things are left out.
fn properties(out: &mut Vec<u8>, row: &Row<'_>) {
    // Writing to memory does not fail, and rows have texts for keys.
    match row {
        Row::Device(device) => {
            serde_json::to_writer(&mut *out, &DeviceRow::of(device).without_place()).ok();
        }
        Row::Observation(observed) => {
            let record = ObservationRecord::of(observed.entry, observed.batch, observed.report);
            serde_json::to_writer(&mut *out, &record.flat()).ok();
        }
    }
    // More properties follow. Each row has some already.
    out.pop();
    let mut property = |name: &str, text: &str| {
        out.push(b',');
        serde_json::to_writer(&mut *out, name).ok();
        out.push(b':');
        serde_json::to_writer(&mut *out, text).ok();
    };
    if let Row::Observation(observed) = row {
        for tag in &observed.report.tags {
            property(&format!("tag:{}", tag.name), &tag.value);
        }
        if let Sighting::Bluetooth(bluetooth) = &observed.report.sighting {
            for data in &bluetooth.service_data {
                let name = format!("service_data:{}", data.service);
                property(&name, &Hex(&data.bytes).to_string());
            }
        }
    }
    if let Row::Device(device) = row
        && let Radio::Wifi(_) = &device.radio
    {
        let capabilities = security::capabilities(row);
        if !capabilities.is_empty() {
            property("capabilities", &capabilities);
        }
        // A name that a person gave stands in place of the network's.
        if device.given_name.is_some() && !row.name().is_empty() {
            property("ssid", &shown(row.name(), |_| false).text);
        }
    }
    if !shown(row.name(), |_| false).is_exact {
        property("ssid_hex", &Hex(row.name()).to_string());
    }
    out.push(b'}');
}
