//! `WiGLE` CSV, as the app of wigle.net writes it and every site for wardriving reads it.

use crate::export::facts::{Kind, write_small};
use crate::export::number::{Degrees, Metres, write_number};
use crate::export::security;
use crate::export::text::{csv_octets, put};
use crate::export::{Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::report::{Accuracy, Dbm, UnixTime};
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
            last_time: None,
        })
    },
};

struct WigleCsv {
    place: PlaceOf,
    is_old: bool,
    /// The time of the last row, and its text: the observations of a scan have the same.
    last_time: Option<(UnixTime, String)>,
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
        write_small(out, row.id().addr);
        out.push(b',');
        csv_octets(out, row.name());
        out.push(b',');
        match kind {
            Kind::Wifi => {
                let stated = security::capabilities(row);
                csv_octets(out, stated.as_bytes());
            }
            Kind::Bluetooth => out.extend_from_slice(b"Misc [BT]"),
            Kind::LowEnergy => out.extend_from_slice(b"Misc [LE]"),
        }
        // Of a device, the time is that of the place.
        let time = place.time.unwrap_or_else(|| row.last_seen());
        out.push(b',');
        self.write_time(out, time);
        out.push(b',');
        if let Some(channel) = row.channel_number() {
            write_number(out, channel.into());
        }
        out.push(b',');
        if !self.is_old {
            if let Some(frequency) = row.frequency().filter(|_| kind == Kind::Wifi) {
                write_number(out, i64::from(frequency.khz() / 1000));
            }
            out.push(b',');
        }
        let signal = place.signal.or_else(|| row.signal_strongest());
        let dbm = signal.map_or(0, Dbm::get);
        write_number(out, dbm.into());
        out.push(b',');
        Degrees(place.lat_e7).write(out);
        out.push(b',');
        Degrees(place.lon_e7).write(out);
        out.push(b',');
        Metres(place.alt_mm.unwrap_or_default()).write(out);
        out.push(b',');
        let accuracy = match row {
            Row::Device(_) => None,
            Row::Observation(observed) => observed.report.accuracy,
        };
        Metres(accuracy.map_or(0, Accuracy::mm).into()).write(out);
        out.push(b',');
        if !self.is_old {
            // Nothing is known of roaming consortiums.
            out.push(b',');
            if let Some(company) = row.company() {
                write_number(out, company.into());
            }
            out.push(b',');
        }
        out.extend_from_slice(kind.wigle().as_bytes());
        out.push(b'\n');
        true
    }
}

impl WigleCsv {
    fn write_time(&mut self, out: &mut Vec<u8>, time: UnixTime) {
        if self
            .last_time
            .as_ref()
            .is_none_or(|(last, _)| *last != time)
        {
            let text = Utc(time).to_string().replace('T', " ");
            self.last_time = Some((time, text.trim_end_matches('Z').to_owned()));
        }
        if let Some((_, text)) = &self.last_time {
            out.extend_from_slice(text.as_bytes());
        }
    }
}
