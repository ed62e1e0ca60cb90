//! GPX 1.1: a waypoint for each device, and a track for each scanner. Strict readers insist on the order of elements.

use std::fmt::Write as _;

use super::tracks::Tracks;
use crate::export::facts::{Kind, small};
use crate::export::number::{Degrees, Metres};
use crate::export::security::{self, Generation};
use crate::export::text::{element, is_not_xml, put, shown};
use crate::export::{ExportError, Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::hex::Hex;
use crate::report::UnixTime;
use crate::views::native::Utc;

pub(super) const FORM: Form = Form {
    word: "gpx",
    media_type: "application/gpx+xml",
    extension: "gpx",
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &["tracks"],
    made: Made::Streamed,
    has_parts: false,
    has_minimal: false,
    writer: |choices, around| {
        let tracks = around
            .tracks
            .take()
            .map(|(history, wanted)| Tracks::new(history, wanted, choices.hidden.clone()));
        Box::new(Gpx {
            place: choices.place,
            exported: choices.exported,
            description: choices.to_string(),
            tracks,
            is_ended: false,
        })
    },
};

struct Gpx {
    place: PlaceOf,
    exported: UnixTime,
    description: String,
    tracks: Option<Tracks>,
    is_ended: bool,
}

impl FormWriter for Gpx {
    fn head(&mut self, out: &mut Vec<u8>) {
        let version = env!("CARGO_PKG_VERSION");
        put(
            out,
            format_args!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gpx version=\"1.1\" creator=\"scanpost {version}\" \
                 xmlns=\"http://www.topografix.com/GPX/1/1\" \
                 xmlns:gpxtpx=\"http://www.garmin.com/xmlschemas/TrackPointExtension/v2\" \
                 xmlns:sp=\"urn:scanpost:gpx:1\">\n<metadata><name>scanpost</name>"
            ),
        );
        element(out, "desc", &self.description);
        element(out, "time", &Utc(self.exported).to_string());
        out.extend_from_slice(b"</metadata>\n");
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        let Row::Device(device) = row else {
            return false;
        };
        let Some(place) = self.place.of_device(device) else {
            return false;
        };
        let (kind, generation) = (row.kind(), Generation::of(device.security()));
        let address = small(device.id.addr);
        let (lat, lon) = (Degrees(place.lat_e7), longitude(place.lon_e7));
        put(out, format_args!("<wpt lat=\"{lat}\" lon=\"{lon}\">"));
        if let Some(alt_mm) = place.alt_mm {
            put(out, format_args!("<ele>{}</ele>", Metres(alt_mm)));
        }
        let time = place.time.unwrap_or(device.last_time);
        put(out, format_args!("<time>{}</time>", Utc(time)));
        let name = shown(row.name(), is_not_xml);
        let shown_name = if name.text.is_empty() {
            address.as_str()
        } else {
            &name.text
        };
        element(out, "name", shown_name);
        element(out, "desc", &line_about(row, generation));
        let symbol = match (kind, generation) {
            (Kind::Wifi, Generation::Open) => "Flag, Green",
            (Kind::Wifi, _) => "Flag, Red",
            (Kind::Bluetooth | Kind::LowEnergy, _) => "Flag, Blue",
        };
        put(
            out,
            format_args!(
                "<sym>{symbol}</sym><type>{}</type><extensions>",
                kind.wigle()
            ),
        );
        element(out, "sp:address", &device.id.addr.to_string());
        if !name.is_exact_in_xml() {
            element(out, "sp:ssid_hex", &Hex(row.name()).to_string());
        }
        let capabilities = security::capabilities(row);
        if !capabilities.is_empty() {
            element(
                out,
                "sp:security",
                &shown(capabilities.as_bytes(), is_not_xml).text,
            );
        }
        if let Some(channel) = row.channel() {
            element(out, "sp:channel", channel.as_str());
        }
        if let Some(signal) = row.signal_strongest() {
            element(out, "sp:signal_dbm", &signal.get().to_string());
        }
        element(out, "sp:first_seen", &Utc(device.first_time).to_string());
        element(out, "sp:last_seen", &Utc(device.last_time).to_string());
        out.extend_from_slice(b"</extensions></wpt>\n");
        true
    }

    /// Tracks stand behind all waypoints.
    fn rest(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        if let Some(tracks) = &mut self.tracks
            && let Some(piece) = tracks.piece()?
        {
            return Ok(Some(piece));
        }
        let is_ended = std::mem::replace(&mut self.is_ended, true);
        Ok((!is_ended).then(|| b"</gpx>\n".to_vec()))
    }
}

/// A longitude, which is less than 180 in this form.
pub(super) fn longitude(lon_e7: i64) -> Degrees {
    const DATE_LINE_E7: i64 = 1_800_000_000;
    Degrees(if lon_e7 == DATE_LINE_E7 {
        -DATE_LINE_E7
    } else {
        lon_e7
    })
}

/// A line for people, without texts of strangers: `aa:bb:cc:dd:ee:ff WPA2 ch 6 -61 dBm`.
pub(super) fn line_about(row: &Row<'_>, generation: Generation) -> String {
    let mut line = small(row.id().addr);
    if row.kind() == Kind::Wifi {
        line.push(' ');
        line.push_str(match generation {
            Generation::Open => "open",
            secured => secured.wigle(),
        });
    }
    if let Some(channel) = row.channel_number() {
        // Writing to a string does not fail.
        write!(line, " ch {channel}").ok();
    }
    if let Some(signal) = row.signal_strongest() {
        write!(line, " {} dBm", signal.get()).ok();
    }
    line
}
