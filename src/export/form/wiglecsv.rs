//! `WiGLE` CSV, as the app of wigle.net writes it and every site for wardriving reads it.

use crate::export::facts::{Kind, small};
use crate::export::number::{Degrees, Metres};
use crate::export::security;
use crate::export::text::{breaks_lines, csv_field, put, shown};
use crate::export::{Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::report::{Accuracy, Dbm};
use crate::views::native::Utc;

/// The versions, and their columns. The older one has no frequency, and nothing of the manufacturer.
const V16: &str = "1.6";
const V14: &str = "1.4";
const COLUMNS_16: &str = "MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,RCOIs,MfgrId,Type";
const COLUMNS_14: &str = "MAC,SSID,AuthMode,FirstSeen,Channel,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type";

pub(super) const FORM: Form = Form {
    word: "wiglecsv",
    media_type: "text/csv; charset=utf-8",
    extension: "csv",
    per: &[Per::Observation, Per::Device],
    versions: &[V16, V14],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: true,
    has_minimal: false,
    writer: |choices, _| {
        Box::new(WigleCsv {
            place: choices.place,
            is_old: choices.version == Some(V14),
        })
    },
};

struct WigleCsv {
    place: PlaceOf,
    is_old: bool,
}

impl FormWriter for WigleCsv {
    fn head(&mut self, out: &mut Vec<u8>) {
        let release = env!("CARGO_PKG_VERSION");
        let (version, columns) = if self.is_old {
            (V14, COLUMNS_14)
        } else {
            (V16, COLUMNS_16)
        };
        put(
            out,
            format_args!(
                "WigleWifi-{version},appRelease=scanpost-{release},model=scanpost,release={release},device=scanpost,\
                 display=scanpost,board=scanpost,brand=scanpost"
            ),
        );
        if !self.is_old {
            out.extend_from_slice(b",star=Sol,body=3,subBody=0");
        }
        put(out, format_args!("\n{columns}\n"));
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        let Some(place) = self.place.of(row) else {
            return false;
        };
        let kind = row.kind();
        put(out, format_args!("{},", small(row.id().addr)));
        csv_field(out, &shown(row.name(), breaks_lines).text);
        out.push(b',');
        match kind {
            Kind::Wifi => {
                let stated = security::capabilities(row);
                csv_field(out, &shown(stated.as_bytes(), breaks_lines).text);
            }
            Kind::Bluetooth => out.extend_from_slice(b"Misc [BT]"),
            Kind::LowEnergy => out.extend_from_slice(b"Misc [LE]"),
        }
        // Of a device, the time is that of the place.
        let time = place.time.unwrap_or_else(|| row.last_seen());
        let time = Utc(time).to_string().replace('T', " ");
        put(out, format_args!(",{},", time.trim_end_matches('Z')));
        if let Some(channel) = row.channel_number() {
            put(out, format_args!("{channel}"));
        }
        out.push(b',');
        if !self.is_old {
            if let Some(frequency) = row.frequency().filter(|_| kind == Kind::Wifi) {
                put(out, format_args!("{}", frequency.khz() / 1000));
            }
            out.push(b',');
        }
        let signal = place.signal.or_else(|| row.signal_strongest());
        let dbm = signal.map_or(0, Dbm::get);
        let (lat, lon) = (Degrees(place.lat_e7), Degrees(place.lon_e7));
        let altitude = Metres(place.alt_mm.unwrap_or_default());
        let accuracy = match row {
            Row::Device(_) => None,
            Row::Observation(observed) => observed.report.accuracy,
        };
        let accuracy = Metres(accuracy.map_or(0, Accuracy::mm).into());
        put(
            out,
            format_args!("{dbm},{lat},{lon},{altitude},{accuracy},"),
        );
        if !self.is_old {
            // Nothing is known of roaming consortiums.
            out.push(b',');
            if let Some(company) = row.company() {
                put(out, format_args!("{company}"));
            }
            out.push(b',');
        }
        put(out, format_args!("{}\n", kind.wigle()));
        true
    }
}
