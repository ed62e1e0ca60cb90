//! One report: reads its values, and leaves out those that cannot be used.
//!
//! Only the address of what was seen is needed. Every other value refines the report, so a wrong one costs itself and
//! is named in the answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::repair;
use super::wire::{Entries, Fields};
use super::{Decoder, Reason};
use crate::ingest::decode::Notes;
use crate::ingest::json::Value;
use crate::ingest::quantity;
use crate::ingest::row_reader::{FrequencyUnit, RowReader};
use crate::ingest::ssid_text;
use crate::ingest::time_text::clock;
use crate::ingest::values::{
    address, degrees, exact, expected, hex_bytes, metres, text, too_long, without_end,
};
use crate::report::{
    BluetoothAddr, BluetoothSighting, Bssid, Capabilities, Channel, ChannelWidth, Clock, Frequency,
    Phy, Position, Report, ServiceData, Sighting, Ssid, Tag, UnixTime, WifiSighting,
};

/// The longest Bluetooth name, in bytes (Bluetooth Core Specification, Vol 3, Part C, 3.2.2).
const BLUETOOTH_NAME_BYTES_MAX: usize = 248;
/// The longest device type text, in bytes.
const DEVICE_TYPE_BYTES_MAX: usize = 64;
/// The longest name of a service, in bytes: every way to write a UUID has room in it.
const SERVICE_BYTES_MAX: usize = 64;
/// The longest `ietags`, in bytes: a beacon body of 2304 octets in hex.
const IE_TAGS_BYTES_MAX: usize = 4608;

/// Reads the values of one report.
pub(super) struct Row<'d, 'l> {
    pub(super) decoder: &'d Decoder<'l>,
    pub(super) index: usize,
    pub(super) notes: &'d mut Notes,
}

impl RowReader for Row<'_, '_> {
    fn ignore(&mut self, field: &'static str, why: impl fmt::Display) {
        let named_max = self.decoder.limits.ignored_max;
        self.notes.ignore(named_max, Some(self.index), field, why);
    }
}

impl Row<'_, '_> {
    pub(super) fn report(&mut self, mut fields: Box<Fields<'_>>) -> Result<Report, Reason> {
        let phy = self.decoder.phy;
        let sighting = match phy {
            Phy::Wifi => Sighting::Wifi(self.wifi(&mut fields)?),
            Phy::Bluetooth => Sighting::Bluetooth(Box::new(self.bluetooth(&mut fields)?)),
        };
        let (channel, frequency) = match phy {
            Phy::Wifi => self.tuning(&fields.channel, &fields.freqkhz, FrequencyUnit::Khz),
            // Bluetooth hops: Kismet's constant stands for all of its channels.
            Phy::Bluetooth => (Some(Channel::fhss()), Some(Frequency::BLUETOOTH)),
        };
        let position = self.position(&fields);
        let accuracy = position.and_then(|_| self.accuracy(&fields.accuracy));
        Ok(Report {
            time: self.time(&fields.timestamp),
            signal: self.signal(&fields.signal),
            frequency,
            channel,
            accuracy,
            position,
            tags: self.tags(std::mem::take(&mut fields.tags)),
            sighting,
        })
    }

    fn time(&mut self, value: &Value<'_>) -> UnixTime {
        let (received_at, skew_max) =
            (self.decoder.received_at, self.decoder.limits.clock_skew_max);
        let said = match clock(value, received_at, skew_max) {
            Ok(said) => said,
            Err(wrong) => {
                self.ignore("timestamp", wrong);
                Clock::None
            }
        };
        if let Clock::Wrong { offset_s } = said {
            self.notes.clock_offset_s = Some(offset_s);
            let side = if offset_s < 0 { "behind" } else { "ahead" };
            let off_s = offset_s.unsigned_abs();
            self.ignore(
                "timestamp",
                format_args!(
                    "the scanner's clock is {off_s} s {side}; set it; until then the time of receipt counts"
                ),
            );
        }
        said.right().unwrap_or_else(|| received_at.time())
    }

    fn position(&mut self, fields: &Fields<'_>) -> Option<Position> {
        let speed = match self.speed("speed", &fields.speed, 1.0) {
            None => self.speed("spd", &fields.spd, 1.0),
            speed => speed,
        };
        let lat = self.quantity("lat", &fields.lat, |lat, unit| degrees(lat, unit, "n", "s"));
        let lon = self.quantity("lon", &fields.lon, |lon, unit| degrees(lon, unit, "e", "w"));
        // Some receivers count the longitude eastwards all around.
        let lon = lon.map(|lon| {
            if 180.0 < lon && lon <= 360.0 {
                lon - 360.0
            } else {
                lon
            }
        });
        let (mut alt, mut speed) = (self.number("alt", &fields.alt, metres), speed);
        loop {
            let wrong = match Position::from_wire(lat, lon, alt, speed) {
                Ok(position) => return position,
                Err(wrong) => wrong,
            };
            self.ignore(wrong.field(), wrong);
            match wrong.field() {
                "alt" => alt = None,
                "speed" => speed = None,
                _ => return None,
            }
        }
    }

    fn wifi(&mut self, fields: &mut Fields<'_>) -> Result<WifiSighting, Reason> {
        let bssid = Bssid::try_from(address("bssid", &fields.bssid)?)
            .map_err(|wrong| Reason::new("bssid", wrong))?;
        let bytes_max = self.decoder.limits.capabilities_bytes_max;
        let said = std::mem::take(&mut fields.capabilities);
        let capabilities = self
            .text("capabilities", said, bytes_max)
            .filter(|raw| !raw.chars().all(char::is_whitespace))
            .map(|raw| Capabilities::from(&*raw));
        let ie_tags = std::mem::take(&mut fields.ietags);
        Ok(WifiSighting {
            bssid,
            ssid: self.ssid(&fields.ssid),
            capabilities,
            width: self.width(&fields.chanwidth),
            center0_mhz: self.center_mhz("centerfreq0", &fields.centerfreq0),
            center1_mhz: self.center_mhz("centerfreq1", &fields.centerfreq1),
            ie_tags: self
                .text("ietags", ie_tags, IE_TAGS_BYTES_MAX)
                .map(Into::into),
        })
    }

    fn ssid(&mut self, value: &Value<'_>) -> Ssid {
        let octets = match value {
            Value::Absent => return Ssid::hidden(),
            Value::Text(text) => match ssid_text::unescaped(text) {
                Cow::Borrowed(_) if self.decoder.repaired => Cow::Owned(repair::bytes(text)),
                octets => octets,
            },
            Value::Number(number) => match exact(*number) {
                Ok(text) => Cow::Owned(text.into_bytes()),
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

    fn width(&mut self, value: &Value<'_>) -> Option<ChannelWidth> {
        let text = match value {
            Value::Absent => return None,
            Value::Text(text) if text.trim().is_empty() => return None,
            Value::Text(text) => Cow::Borrowed(text.as_ref()),
            Value::Number(mhz) => Cow::Owned(mhz.to_string()),
            other => {
                self.ignore("chanwidth", expected("a width in MHz", other.kind()));
                return None;
            }
        };
        let width = ChannelWidth::from_wire(&text);
        let is_known = || match quantity::quantity(&text) {
            Ok(read) => read.is_some_and(|read| 0.0 < read.value),
            Err(_) => true,
        };
        if width.is_none() && is_known() {
            self.ignore("chanwidth", "expected 20, 40, 80, 160, 80+80 or 320");
        }
        width
    }

    fn center_mhz(&mut self, field: &'static str, value: &Value<'_>) -> Option<u32> {
        let mhz = self.number(field, value, |unit| (unit == "mhz").then_some(1.0))?;
        // Android has 0 for a channel of 20 MHz.
        if mhz == 0.0 {
            return None;
        }
        let mhz = mhz.round();
        if !(100.0..=100_000.0).contains(&mhz) {
            self.ignore(field, "out of range, expected MHz");
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked above"
        )]
        Some(mhz as u32)
    }

    fn bluetooth(&mut self, fields: &mut Fields<'_>) -> Result<BluetoothSighting, Reason> {
        let addr = BluetoothAddr::try_from(address("btaddr", &fields.btaddr)?)
            .map_err(|wrong| Reason::new("btaddr", wrong))?;
        let name = std::mem::take(&mut fields.name);
        let device_type = std::mem::take(&mut fields.devicetype);
        let service_data = std::mem::take(&mut fields.service_data);
        Ok(BluetoothSighting {
            addr,
            name: self
                .text("name", name, BLUETOOTH_NAME_BYTES_MAX)
                .map(Into::into),
            device_type: self
                .text("devicetype", device_type, DEVICE_TYPE_BYTES_MAX)
                .map(Into::into),
            tx_power_dbm: self.tx_power_dbm(&fields.txpowerlevel),
            path_loss_db: self.path_loss_db(&fields.pathloss),
            scan_data: self.scan_data(&fields.scan_data),
            service_data: self.service_data(service_data),
        })
    }

    /// 127 is "not present" for Android (`ScanResult.TX_POWER_NOT_PRESENT`) and for controllers (Bluetooth Core
    /// Specification, Vol 4, Part E, 7.7.65.13).
    fn tx_power_dbm(&mut self, value: &Value<'_>) -> Option<i16> {
        const NOT_PRESENT: f64 = 127.0;
        let dbm = self.set_number("txpowerlevel", value)?;
        if dbm == NOT_PRESENT {
            return None;
        }
        self.whole_i16("txpowerlevel", dbm)
    }

    fn path_loss_db(&mut self, value: &Value<'_>) -> Option<i16> {
        let db = self.set_number("pathloss", value)?;
        self.whole_i16("pathloss", db)
    }

    /// Android has the ends of its integers for what is not set (`ScanRecord.getTxPowerLevel`, `CellInfo.UNAVAILABLE`).
    fn set_number(&mut self, field: &'static str, value: &Value<'_>) -> Option<f64> {
        let is_set = |number: &f64| {
            ![i32::MIN, i32::MAX]
                .iter()
                .any(|&end| (*number - f64::from(end)).abs() < 0.5)
        };
        self.number(field, value, |unit| {
            matches!(unit, "dbm" | "db").then_some(1.0)
        })
        .filter(is_set)
    }

    fn whole_i16(&mut self, field: &'static str, number: f64) -> Option<i16> {
        let whole = number.trunc();
        if !(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&whole) {
            self.ignore(field, "out of range, expected a 16-bit number");
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range was checked above"
        )]
        Some(whole as i16)
    }

    /// Octets in hex, with or without blanks, colons and `0x` between them.
    fn bytes(&mut self, field: &'static str, value: &Value<'_>) -> Box<[u8]> {
        let read = match value {
            Value::Absent => return Box::default(),
            Value::Text(text) => hex_bytes(text),
            other => Err(expected("a hex string", other.kind())),
        };
        self.noted(field, read.map(Some)).unwrap_or_default()
    }

    fn scan_data(&mut self, value: &Value<'_>) -> Box<[u8]> {
        const FIELD: &str = "scan_data";
        let bytes_max = self.decoder.limits.advertising_bytes_max;
        let data = self.bytes(FIELD, value);
        if bytes_max < data.len() {
            self.ignore(FIELD, too_long(data.len(), bytes_max));
            return Box::default();
        }
        data
    }

    fn service_data(&mut self, entries: Entries<'_>) -> Vec<ServiceData> {
        const FIELD: &str = "service_data";
        let bytes_max = self.decoder.limits.advertising_bytes_max;
        let (mut read, mut held) = (Vec::new(), 0);
        for (service, value) in self.entries(FIELD, entries) {
            let service = without_end(service);
            if SERVICE_BYTES_MAX < service.len() {
                self.ignore(FIELD, too_long(service.len(), SERVICE_BYTES_MAX));
                continue;
            }
            let bytes = self.bytes(FIELD, &value);
            let held_with_it = held + service.len() + bytes.len();
            if bytes_max < held_with_it {
                self.ignore(FIELD, too_long(held_with_it, bytes_max));
                continue;
            }
            held = held_with_it;
            let service = service.into();
            read.push(ServiceData { service, bytes });
        }
        read
    }

    /// The entries for which there is room.
    fn entries<'a>(
        &mut self,
        field: &'static str,
        entries: Entries<'a>,
    ) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let max = self.decoder.limits.tags_max;
        match entries {
            Entries::Of(mut entries) => {
                if max < entries.len() {
                    self.ignore(
                        field,
                        format_args!("more than {max} entries: the first {max} are kept"),
                    );
                    entries.truncate(max);
                }
                entries
            }
            Entries::NotAnObject(kind) => {
                self.ignore(field, expected("an object", kind));
                Vec::new()
            }
        }
    }

    fn tags(&mut self, entries: Entries<'_>) -> Vec<Tag> {
        let limits = self.decoder.limits;
        let (bytes_max, all_bytes_max) = (limits.tag_bytes_max, limits.tags_bytes_max);
        let mut held = 0;
        // By name and each once, the last of a name: equal tags are then equal however they were written.
        let mut tags = BTreeMap::new();
        for (name, value) in self.entries("tags", entries) {
            let name = without_end(name);
            let value = match value {
                Value::Text(text) => without_end(text),
                Value::Number(number) => match exact(number) {
                    Ok(text) => Cow::Owned(text),
                    Err(wrong) => {
                        self.ignore("tags", wrong);
                        continue;
                    }
                },
                Value::Absent => continue,
                other => {
                    self.ignore("tags", expected("a string", other.kind()));
                    continue;
                }
            };
            let longest = name.len().max(value.len());
            if bytes_max < longest {
                self.ignore("tags", too_long(longest, bytes_max));
                continue;
            }
            let replaced = tags.get(&name).map(|known: &Cow<'_, str>| known.len());
            let replaced = replaced.map_or(0, |bytes| name.len() + bytes);
            let held_with_it = held - replaced + name.len() + value.len();
            if all_bytes_max < held_with_it {
                self.ignore(
                    "tags",
                    format_args!("more than {all_bytes_max} bytes in all: this tag is left out"),
                );
                continue;
            }
            held = held_with_it;
            tags.insert(name, value);
        }
        let tag = |(name, value): (Cow<'_, str>, Cow<'_, str>)| Tag {
            name: name.into(),
            value: value.into(),
        };
        tags.into_iter().map(tag).collect()
    }

    /// A text; null and empty are none. Encoders that guess types make numbers of names that look like one.
    fn text<'a>(
        &mut self,
        field: &'static str,
        value: Value<'a>,
        bytes_max: usize,
    ) -> Option<Cow<'a, str>> {
        let read = text(value, bytes_max);
        self.noted(field, read)
    }
}
