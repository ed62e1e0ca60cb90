//! GeoJSON (RFC 7946): one collection, with one feature a line.

use crate::export::number::{Degrees, Metres};
use crate::export::security::KeptCapabilities;
use crate::export::text::{put, shown};
use crate::export::{Form, FormWriter, Made, Observed, Per, PlaceOf, Row};
use crate::hex::Hex;
use crate::report::Sighting;
use crate::tracker::{Device, Radio};
use crate::views::native::{DeviceRow, json_text};
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
            features: Features::new(choices.place),
            has_features: false,
        })
    },
};

struct Collection {
    features: Features,
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
        self.features.write(out, row);
        true
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]}\n");
    }
}

/// Writes features.
pub(super) struct Features {
    place: PlaceOf,
    capabilities: KeptCapabilities,
}

impl Features {
    pub(super) fn new(place: PlaceOf) -> Self {
        Self {
            place,
            capabilities: KeptCapabilities::default(),
        }
    }

    /// Appends a feature, without a line end.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        out.extend_from_slice(b"{\"type\":\"Feature\",\"id\":\"");
        match row {
            Row::Device(device) => put(out, format_args!("{}", device.id.key())),
            Row::Observation(observed) => {
                let position = observed.entry.position.get();
                put(out, format_args!("{position}-{}", observed.index));
            }
        }
        out.extend_from_slice(b"\",\"geometry\":");
        match self.place.of(row) {
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
        // More properties follow. Each row has some already.
        match row {
            Row::Device(device) => self.properties_of_device(out, row, device),
            Row::Observation(observed) => properties_of_report(out, observed),
        }
        let name = shown(row.name(), |_| false);
        // Readers take a name of blanks for none.
        let looks_hidden = !row.name().is_empty() && name.text.trim().is_empty();
        if !name.is_exact || looks_hidden {
            property(out, "ssid_hex", &Hex(row.name()).to_string());
        }
        out.extend_from_slice(b"}}");
    }

    /// The columns of the list. Those of the place are the geometry. GIS programs cannot use what has parts, so such things
    /// are left out.
    fn properties_of_device(&mut self, out: &mut Vec<u8>, row: &Row<'_>, device: &Device) {
        DeviceRow::of(device).write_without_place(out);
        if !matches!(device.radio, Radio::Wifi(_)) {
            return;
        }
        let capabilities = self.capabilities.of(device);
        if !capabilities.is_empty() {
            property(out, "capabilities", capabilities);
        }
        // A name that a person gave stands in place of the network's.
        if device.given_name.is_some() && !row.name().is_empty() {
            property(out, "ssid", &shown(row.name(), |_| false).text);
        }
    }
}

/// Each tag and each service is a property of its own, because GIS programs cannot use what has parts.
fn properties_of_report(out: &mut Vec<u8>, observed: &Observed<'_>) {
    let record = ObservationRecord::of(observed.entry, observed.batch, observed.report);
    // Writing to memory does not fail, and rows have texts for keys.
    serde_json::to_writer(&mut *out, &record.flat()).ok();
    out.pop();
    for tag in &observed.report.tags {
        property(out, &format!("tag:{}", tag.name), &tag.value);
    }
    if let Sighting::Bluetooth(bluetooth) = &observed.report.sighting {
        for data in &bluetooth.service_data {
            let name = format!("service_data:{}", data.service);
            property(out, &name, &Hex(&data.bytes).to_string());
        }
    }
}

fn property(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b',');
    json_text(out, name);
    out.push(b':');
    json_text(out, text);
}
