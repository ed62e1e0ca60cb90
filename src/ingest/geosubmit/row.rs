//! One record: reads its values, and leaves out those that cannot be used.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::wire::{Fields, Item};
use super::{At, Chunk, Reason};
use crate::ingest::format::Context;
use crate::ingest::json::Value;
use crate::ingest::kismet::repaired_bytes;
use crate::ingest::row_reader::{FrequencyUnit, RowReader};
use crate::ingest::ssid_text;
use crate::ingest::time_text::seconds_of;
use crate::ingest::values::{address, degrees, exact, expected, metres, text};
use crate::report::{
    Accuracy, BluetoothAddr, BluetoothSighting, Bssid, Channel, Clock, Frequency, Phy, Position,
    Report, Sighting, Ssid, Tag, UnixTime, WifiSighting,
};

/// The longest Bluetooth name, in bytes (Bluetooth Core Specification, Vol 3, Part C, 3.2.2).
const BLUETOOTH_NAME_BYTES_MAX: usize = 248;

/// Where the observer was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    position: Option<Position>,
    accuracy: Option<Accuracy>,
}

/// Reads the values of one record.
pub(super) struct Row<'d> {
    pub(super) context: &'d Context,
    pub(super) repaired: bool,
    pub(super) index: usize,
    pub(super) chunk: &'d mut Chunk,
}

impl RowReader for Row<'_> {
    fn ignore(&mut self, field: &'static str, why: impl fmt::Display) {
        let named_max = self.context.limits.ignored_max;
        let notes = &mut self.chunk.notes;
        notes.ignore(named_max, Some(self.index), field, why);
    }
}

impl Row<'_> {
    /// The place of an item, which all of its records share.
    pub(super) fn place(&mut self, item: &Item<'_>) -> Place {
        const KM_H_PER_M_S: f64 = 3.6;
        if let Some(kind) = item.wrong_place {
            self.ignore("position", expected("an object", kind));
        }
        let place = &item.place;
        let lat = self.quantity("lat", &place.latitude, |lat, unit| {
            degrees(lat, unit, "n", "s")
        });
        let lon = self.quantity("lon", &place.longitude, |lon, unit| {
            degrees(lon, unit, "e", "w")
        });
        let mut alt = self.number("alt", &place.altitude, metres);
        let mut speed = self.speed("speed", &place.speed, KM_H_PER_M_S);
        let position = loop {
            let wrong = match Position::from_wire(lat, lon, alt, speed) {
                Ok(position) => break position,
                Err(wrong) => wrong,
            };
            self.ignore(wrong.field(), wrong);
            match wrong.field() {
                "alt" => alt = None,
                "speed" => speed = None,
                _ => break None,
            }
        };
        let accuracy = position.and_then(|_| self.accuracy(&place.accuracy));
        Place { position, accuracy }
    }

    /// `at` is where the record stands in the document.
    pub(super) fn report(
        &mut self,
        phy: Phy,
        timestamp: &Value<'_>,
        place: &Place,
        mut fields: Fields<'_>,
        at: &At,
    ) -> Result<Report, Reason> {
        let sighting = match phy {
            Phy::Wifi => Sighting::Wifi(self.wifi(&fields, at)?),
            Phy::Bluetooth => Sighting::Bluetooth(Box::new(self.bluetooth(&mut fields, at)?)),
        };
        let (channel, frequency) = match phy {
            Phy::Wifi => self.tuning(&fields.channel, &fields.frequency, FrequencyUnit::Mhz),
            Phy::Bluetooth => (Some(Channel::fhss()), Some(Frequency::BLUETOOTH)),
        };
        Ok(Report {
            time: self.time(timestamp, &fields.age),
            signal: self.signal(&fields.signal),
            frequency,
            channel,
            accuracy: place.accuracy,
            position: place.position,
            tags: self.tags(&mut fields),
            sighting,
        })
    }

    /// When a record was seen: its age before the timestamp of its item.
    fn time(&mut self, timestamp: &Value<'_>, age: &Value<'_>) -> UnixTime {
        let age_ms = self.age_ms(age);
        let received_at = self.context.received_at;
        let said = match timestamp {
            Value::Absent => None,
            Value::Number(number) => Some(*number),
            Value::Text(text) => seconds_of(text).unwrap_or_else(|wrong| {
                self.ignore("timestamp", wrong);
                None
            }),
            other => {
                self.ignore("timestamp", expected("a number", other.kind()));
                None
            }
        };
        let skew_max = self.context.limits.clock_skew_max;
        let clock = said.map_or(Clock::None, |number| {
            Clock::from_wire((milliseconds(number) - age_ms) / 1e3, received_at, skew_max)
        });
        if let Some(time) = clock.right() {
            return time;
        }
        self.chunk.lacks_time = true;
        if let Clock::Wrong { offset_s } = clock {
            self.chunk.notes.clock_offset_s = Some(offset_s);
            let side = if offset_s < 0 { "behind" } else { "ahead" };
            let off_s = offset_s.unsigned_abs();
            let why = format_args!("the clock is {off_s} s {side}; the time of receipt counts");
            self.ignore("timestamp", why);
            return received_at.time();
        }
        // The age counts from the time of sending then.
        let age = Duration::try_from_secs_f64(age_ms / 1e3).unwrap_or_default();
        received_at.before(age).time()
    }

    fn age_ms(&mut self, value: &Value<'_>) -> f64 {
        /// An hour, as in Ichnaea. Clients send larger ones for scans of unknown age.
        const AGE_MAX_MS: f64 = 3_600_000.0;
        let age = self.number("age", value, |unit| match unit {
            "ms" => Some(1.0),
            "s" => Some(1e3),
            _ => None,
        });
        match age {
            Some(age) if AGE_MAX_MS < age.abs() => {
                let why = "out of range, expected milliseconds of at most an hour";
                self.ignore("age", why);
                0.0
            }
            age => age.unwrap_or_default(),
        }
    }

    fn wifi(&mut self, fields: &Fields<'_>, at: &At) -> Result<WifiSighting, Reason> {
        let bssid = address("bssid", &fields.address).and_then(|address| {
            Bssid::try_from(address).map_err(|wrong| Reason::new("bssid", wrong))
        });
        Ok(WifiSighting {
            bssid: bssid.map_err(|reason| named(&reason, fields, at))?,
            ssid: self.ssid(&fields.name),
            // Geosubmit does not tell it, which is not the same as none.
            capabilities: None,
            width: None,
            center0_mhz: None,
            center1_mhz: None,
            ie_tags: None,
        })
    }

    fn ssid(&mut self, value: &Value<'_>) -> Ssid {
        let octets = match value {
            Value::Absent => return Ssid::hidden(),
            Value::Text(text) if self.repaired => repaired_bytes(text),
            Value::Text(text) => text.as_bytes().to_vec(),
            Value::Number(number) => match exact(*number) {
                Ok(text) => text.into_bytes(),
                Err(wrong) => {
                    self.ignore("ssid", wrong);
                    return Ssid::hidden();
                }
            },
            other => {
                self.ignore("ssid", expected("a string", other.kind()));
                return Ssid::hidden();
            }
        };
        let (ssid, too_long) = ssid_text::ssid(&octets);
        if let Some(too_long) = too_long {
            self.ignore("ssid", too_long);
        }
        ssid
    }

    fn bluetooth(&mut self, fields: &mut Fields<'_>, at: &At) -> Result<BluetoothSighting, Reason> {
        let addr = address("btaddr", &fields.address).and_then(|address| {
            BluetoothAddr::try_from(address).map_err(|wrong| Reason::new("btaddr", wrong))
        });
        let addr = addr.map_err(|reason| named(&reason, fields, at))?;
        let mut name = std::mem::take(&mut fields.name);
        if self.repaired {
            name.show_bytes();
        }
        let name = text(name, BLUETOOTH_NAME_BYTES_MAX).unwrap_or_else(|wrong| {
            self.ignore("name", wrong);
            None
        });
        Ok(BluetoothSighting {
            addr,
            name: name.map(Into::into),
            device_type: None,
            tx_power_dbm: None,
            path_loss_db: None,
            scan_data: Box::default(),
            service_data: Vec::new(),
        })
    }

    /// The ids of a beacon, sorted by name.
    fn tags(&mut self, fields: &mut Fields<'_>) -> Vec<Tag> {
        let limits = &self.context.limits;
        let mut tags = BTreeMap::<_, Box<str>>::new();
        for (name, value) in [
            ("beaconType", &mut fields.beacon_type),
            ("id1", &mut fields.id1),
            ("id2", &mut fields.id2),
            ("id3", &mut fields.id3),
        ] {
            if self.repaired {
                value.show_bytes();
            }
            let read = text(std::mem::take(value), limits.tag_bytes_max);
            let has_room = tags.len() < limits.tags_max && name.len() <= limits.tag_bytes_max;
            if let Some(value) = self.noted("tags", read).filter(|_| has_room) {
                tags.insert(name, value.into());
            }
        }
        let tag = |(name, value): (&str, _)| Tag {
            name: name.into(),
            value,
        };
        tags.into_iter().map(tag).collect()
    }
}

/// A timestamp in milliseconds. Small numbers can only be seconds, and large ones only a finer unit.
fn milliseconds(number: f64) -> f64 {
    /// As seconds the year 5138, and as milliseconds 1973.
    const SECONDS_MAX: f64 = 1e11;
    /// As milliseconds the year 5138, and as microseconds 1973.
    const MILLISECONDS_MAX: f64 = 1e14;
    /// The same for nanoseconds.
    const MICROSECONDS_MAX: f64 = 1e17;
    match number {
        seconds if seconds < SECONDS_MAX => seconds * 1e3,
        milliseconds if milliseconds < MILLISECONDS_MAX => milliseconds,
        microseconds if microseconds < MICROSECONDS_MAX => microseconds / 1e3,
        nanoseconds => nanoseconds / 1e6,
    }
}

/// The reason why an address is refused, with the key where it stands.
fn named(reason: &Reason, fields: &Fields<'_>, at: &At) -> Reason {
    let field = reason.field();
    let why = reason.to_string();
    let why = why
        .strip_prefix(field)
        .and_then(|why| why.strip_prefix(": "))
        .unwrap_or_default();
    match fields.address_key {
        Some(key) => Reason::new(field, format_args!("{why}, in {at}.{key}")),
        None => Reason::new(field, format_args!("{why}, in {at}")),
    }
}
